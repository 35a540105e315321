"""The doctor as a program of its own: ``python -m mattegate.doctor``, ``mattegate-doctor``, the one-file build."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from io import BytesIO, TextIOWrapper
from typing import BinaryIO, Final

from mattegate.doctor.command.run import main as run

_INTERRUPTED: Final = 130
_NOBODY_READS: Final = 141


def main(argv: Sequence[str] | None = None, *, prog: str = "mattegate-doctor") -> int:
    """Run one command line (that of this process by default) over the standard streams; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a name that is no UTF-8 must not end the report
            stream.reconfigure(errors="backslashreplace")
    try:
        words = sys.argv[1:] if argv is None else argv
        code = run(words, _standard_input(), sys.stdout, sys.stderr, prog=prog)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        _let_go_of_stdout()
        return _NOBODY_READS
    return code


def _standard_input() -> BinaryIO:
    """Standard input as bytes; nothing where it is closed."""
    return sys.stdin.buffer if sys.stdin is not None else BytesIO()


def _let_go_of_stdout() -> None:
    """Python flushes once more when it ends, and must not fail again (``mattegate-doctor … | head``)."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
