"""What a worker and the libraries inside it print, kept to a few lines, so that no image can flood the log.

The worker writes into a pipe that never makes it wait: what does not fit is lost, and nothing is read until the engine
has something to read it for. So a hostile image costs the engine one read of one pipe's worth of text.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

MOST_LINES: Final = 20
LONGEST_LINE: Final = 300
_PIPE_BYTES: Final = 65_536


class Chatter:
    """Our end of the pipe; the worker gets the other one from :meth:`lent`."""

    def __init__(self) -> None:
        self._ours, self._theirs = os.pipe()
        os.set_blocking(self._ours, False)
        os.set_blocking(self._theirs, False)

    @contextmanager
    def lent(self) -> Iterator[int]:
        """The worker's end, which is closed here with the block; used once."""
        try:
            yield self._theirs
        finally:
            os.close(self._theirs)

    def lines(self) -> list[str]:
        """What was printed since the last call: printable, at most :data:`MOST_LINES`, the middle left out."""
        if self._ours < 0:
            return []
        try:
            text = os.read(self._ours, _PIPE_BYTES).decode("utf-8", "backslashreplace")
        except BlockingIOError:
            return []
        lines = [_printable(line[:LONGEST_LINE]) for line in text.splitlines() if line.strip()]
        half, more = MOST_LINES // 2, len(lines) - MOST_LINES
        return [*lines[:half], f"… {more} more lines …", *lines[-half:]] if more > 0 else lines

    def close(self) -> None:
        """Close the end that is ours; harmless when repeated."""
        if self._ours >= 0:
            os.close(self._ours)
            self._ours = -1


def _printable(line: str) -> str:
    """Without what would speak to a terminal."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in line)
