"""The spool's lines and parts, and what is done to them."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.ledger.spool import Line, SpoolWriter, claim_closed, frame, lines, parts, read_some, unframe

_PAYLOADS = st.binary(min_size=1, max_size=60).map(lambda data: data.replace(b"\n", b" "))


def contents(folder: Path) -> list[Line]:
    """Every line of every part, as an importer would see them once all writers are gone."""
    return [line for part in parts(folder) for line in lines(part.read_bytes(), closed=True)]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(_PAYLOADS, st.booleans()), max_size=5))
def test_lines_come_back(written: list[tuple[bytes, bool]]) -> None:
    """What was framed is read back, line by line, with its flag and where it stands."""
    data = b"".join(frame(payload, proven=proven) for payload, proven in written)
    read = list(lines(data, 7, closed=False))
    assert [(line.payload, line.proven) for line in read] == written
    assert [line.offset for line in read] == [7 + sum(len(one.raw) for one in read[:at]) for at in range(len(read))]


@settings(max_examples=300, deadline=None)
@given(_PAYLOADS, st.booleans(), st.data())
def test_any_changed_byte_is_noticed(payload: bytes, proven: bool, data: st.DataObject) -> None:
    """A line with one byte changed, wherever it is, is never taken for a good one, unless it reads the same."""
    line = frame(payload, proven=proven)
    at = data.draw(st.integers(0, len(line) - 1))
    changed = bytes([line[at] ^ data.draw(st.integers(1, 255))])
    broken = line[:at] + changed + line[at + 1 :]
    assert all(one.payload is None for one in lines(broken, closed=True))


@settings(max_examples=100, deadline=None)
@given(_PAYLOADS, st.data())
def test_a_torn_line_is_told_from_a_damaged_one(payload: bytes, data: st.DataObject) -> None:
    """A beginning of a line is torn; it is not told at all while its writer may still be writing it."""
    line = frame(payload, proven=True)
    beginning = line[: data.draw(st.integers(1, len(line) - 2))]
    (torn,) = lines(beginning, closed=True)
    assert torn.torn
    assert list(lines(beginning, closed=False)) == []


def test_a_line_that_lacks_only_its_break_is_good() -> None:
    """The last byte of a part may be gone; everything that matters is there."""
    assert unframe(frame(b"{}", proven=True)[:-1]).payload == b"{}"


def test_parts_turn_over_by_size(tmp_path: Path) -> None:
    """Each part ends soon after its size is reached, and in order of their names they hold everything in order."""
    writer = SpoolWriter(tmp_path, part_bytes=100)
    for number in range(20):
        writer.append(frame(b"%030d" % number, proven=True))
    writer.close()
    assert len(parts(tmp_path)) == 7
    assert [line.payload for line in contents(tmp_path)] == [b"%030d" % number for number in range(20)]


def test_threads_never_mix_their_lines(tmp_path: Path) -> None:
    """Eight threads append at once, over many parts, and every line is whole and there once."""
    writer = SpoolWriter(tmp_path, part_bytes=5_000)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: writer.append(frame(b"%d" % number * 9, proven=True)), range(800)))
    writer.close()
    assert sorted(line.payload or b"" for line in contents(tmp_path)) == sorted(b"%d" % n * 9 for n in range(800))


def test_a_part_in_use_is_not_claimed(tmp_path: Path) -> None:
    """While a writer has a part nobody can take hold of it; afterwards one can, and a second cannot."""
    writer = SpoolWriter(tmp_path)
    writer.append(frame(b"{}", proven=True))
    (part,) = parts(tmp_path)
    assert claim_closed(part) is None
    writer.close()
    first = claim_closed(part)
    assert first is not None
    assert claim_closed(part) is None
    first.remove()
    first.let_go()
    assert parts(tmp_path) == []
    assert claim_closed(part) is None


def test_a_part_of_a_dead_writer_is_closed(tmp_path: Path) -> None:
    """The lock dies with its holder, also when it is killed."""
    ready, told = os.pipe()
    if (child := os.fork()) == 0:
        SpoolWriter(tmp_path).append(frame(b"{}", proven=True))
        os.write(told, b"x")
        signal.pause()
    os.read(ready, 1)
    (part,) = parts(tmp_path)
    assert claim_closed(part) is None
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    claimed = claim_closed(part)
    assert claimed is not None
    claimed.let_go()
    os.close(ready)
    os.close(told)


@contextmanager
def little_room() -> Iterator[None]:
    """Files of this process may not grow beyond 1000 bytes, as on a full disk.

    Within a test only, never around it: the limit holds for the file that pytest reports into, too.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_line_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    """Where the file takes only a part of a line, the caller is told, and what was acknowledged stays whole."""
    writer = SpoolWriter(tmp_path)
    for _ in range(4):
        writer.append(frame(b"x" * 190, proven=True))
    with little_room(), pytest.raises(OSError, match="bytes were taken"):
        writer.append(frame(b"x" * 190, proven=True))
    writer.close()
    assert [line.payload for line in contents(tmp_path)] == [b"x" * 190] * 4


def test_a_writer_goes_on_after_a_failure(tmp_path: Path) -> None:
    """After a write that was refused altogether, the next line goes to a fresh part."""
    writer = SpoolWriter(tmp_path)
    writer.append(frame(b"y" * (1_000 - 12), proven=True))
    with little_room(), pytest.raises(OSError, match="large"):
        writer.append(frame(b"z", proven=True))
    writer.append(frame(b"z", proven=True))
    writer.close()
    assert [line.payload for line in contents(tmp_path)] == [b"y" * 988, b"z"]


def test_steps_end_with_a_line(tmp_path: Path) -> None:
    """A part is read in steps that never cut a line, however long."""
    part = tmp_path / "0.spool"
    line = frame(b"w" * 180_000, proven=True)
    part.write_bytes(line * 3)
    assert len(read_some(part, 0)) == 2 * len(line)
    assert len(read_some(part, 2 * len(line))) == len(line)
    assert read_some(tmp_path / "gone.spool", 0) == b""
