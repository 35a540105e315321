"""What a worker prints reaches the log as a few harmless lines."""

from __future__ import annotations

import os
from contextlib import closing

from mattegate.cutout.engine.chatter import LONGEST_LINE, MOST_LINES, Chatter


def _after(printed: bytes) -> list[str]:
    with closing(Chatter()) as chatter:
        with chatter.lent() as end:
            os.write(end, printed)
        return chatter.lines()


def test_few_lines_are_told_as_they_are() -> None:
    """Empty lines are left out."""
    assert _after("libpng warning: iCCP: né\n\nnext\n".encode()) == ["libpng warning: iCCP: né", "next"]


def test_a_flood_is_cut_in_the_middle() -> None:
    """The first lines tell how it began, the last ones how it ended."""
    lines = _after(b"".join(b"line %d\n" % number for number in range(1000)))
    assert len(lines) == MOST_LINES + 1
    assert (lines[0], lines[MOST_LINES // 2], lines[-1]) == ("line 0", "… 980 more lines …", "line 999")


def test_nothing_that_is_printed_speaks_to_a_terminal_or_runs_on_for_ever() -> None:
    """Escape sequences and bytes that are not UTF-8 become visible; a line has an end."""
    assert _after(b"\x1b]0;owned\x07 \xff") == ["\\x1b]0;owned\\x07 \\xff"]
    assert len(_after(b"a" * 5000)[0]) == LONGEST_LINE


def test_a_worker_that_prints_without_end_is_never_made_to_wait() -> None:
    """What does not fit into the pipe is lost; a reader who never comes blocks nobody."""
    with closing(Chatter()) as chatter, chatter.lent() as end:
        assert os.write(end, bytes(1 << 20)) < 1 << 20


def test_a_closed_end_tells_nothing() -> None:
    """A worker is buried once, but may be asked for twice."""
    chatter = Chatter()
    with chatter.lent():
        chatter.close()
    chatter.close()
    assert chatter.lines() == []
