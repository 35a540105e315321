"""Files that grow under a real file system: rotated, emptied, late, torn."""

from __future__ import annotations

import os
from pathlib import Path

from mattegate.doctor.readers.logs.blocks import LONGEST
from mattegate.doctor.watch.following import Change, Joined, Pipe, Tail, Telling, look
from mattegate.doctor.watch.reading import Lines
from mattegate.doctor.watch.rising import Kind, Rule, Watch
from tests.doctor.watch.history import HOUR, START, burst, log_of, quiet, refused, spelled, watched


def _fresh(tail: Tail) -> bytes:
    return b"".join(tail.fresh())


def test_a_file_is_read_as_it_grows_and_a_torn_line_waits_for_its_end(tmp_path: Path) -> None:
    """Also one that is not there at first."""
    path = tmp_path / "access.jsonl"
    tail = Tail(path)
    assert _fresh(tail) == b""
    path.write_bytes(b"one\ntw")
    assert _fresh(tail) == b"one\n"
    with path.open("ab") as file:
        file.write(b"o\nthree\n")
    assert _fresh(tail) == b"two\nthree\n"
    tail.close()


def test_a_rotated_file_is_read_to_its_end_beside_its_successor(tmp_path: Path) -> None:
    """A server writes to the old one until it is told to open the new one."""
    path = tmp_path / "access.jsonl"
    path.write_bytes(b"1\n")
    tail = Tail(path)
    assert _fresh(tail) == b"1\n"
    with path.open("ab") as writer:
        writer.write(b"2\n")
        writer.flush()
        path.rename(tmp_path / "access.jsonl.1")
        assert _fresh(tail) == b"2\n"  # there is no new file yet
        path.write_bytes(b"4\n")
        writer.write(b"3\n")
        writer.flush()
        assert _fresh(tail) == b"3\n4\n"
        writer.write(b"last, without its end")
    assert [_fresh(tail) for _ in range(70)].count(b"last, without its end\n") == 1
    assert len(tail._opened) == 1  # the old one was let go
    tail.close()


def test_an_emptied_file_is_read_from_its_beginning(tmp_path: Path) -> None:
    """logrotate's copytruncate."""
    path = tmp_path / "access.jsonl"
    path.write_bytes(b"a long first line\nand a torn one")
    tail = Tail(path)
    assert _fresh(tail) == b"a long first line\n"
    os.truncate(path, 0)
    with path.open("ab") as file:
        file.write(b"new\n")
    assert _fresh(tail) == b"new\n"
    tail.close()


def test_a_line_without_end_does_not_grow_in_memory() -> None:
    """Its beginning is a line, and the rest is passed over up to its end."""
    joined = Joined()
    pieces = [joined.lines(b"x" * LONGEST) for _ in range(8)] + [joined.lines(b"yy\nnext\n")]
    assert b"".join(pieces) == b"x" * LONGEST + b"\n" + b"next\n"


def test_a_pipe_ends_with_its_writer() -> None:
    """What has no line end by then is a line all the same."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream:
        pipe = Pipe(stream)
        assert list(pipe.fresh()) == []
        os.write(writing, b"one\ntwo")
        assert list(pipe.fresh()) == [b"one\n"]
        os.close(writing)
        assert list(pipe.fresh()) == [b"two\n"]
        assert pipe.ended


def test_a_rise_through_a_rotation_is_counted_whole(tmp_path: Path) -> None:
    """Half of it stands in the old file, half in the new one."""
    path, begin = tmp_path / "access.jsonl", START + 3 * HOUR
    path.write_bytes(log_of(quiet(3)))
    tail, lines, watch = Tail(path), Lines("access.jsonl", START * 2), Watch(Rule())
    look(watch, [(tail, lines)])
    parts = [log_of(burst(begin + 30 * half, 30, address="198.51.100.*")) for half in (0, 1)]
    with path.open("ab") as file:
        file.write(parts[0])
    path.rename(tmp_path / "access.jsonl.1")
    path.write_bytes(parts[1])
    look(watch, [(tail, lines)])
    (rise,) = watch.rises(begin + 60)
    assert (rise.kind, rise.name, rise.total) == (Kind.REASON, "credential.revoked", 60)
    tail.close()


def test_an_incident_is_told_once_when_it_begins_and_once_when_it_is_over() -> None:
    """Also where its reason rises first and the key that makes it up is known later."""
    watch, telling = watched(quiet(26)), Telling()
    told: list[Change] = []
    begin = START + 26 * HOUR
    for number in range(1_200):
        at = begin + number
        if number < 100:
            watch.see(refused(at, "credential.revoked", key="" if number < 30 else "K1"))
        told += telling.changes(watch.rises(at))
    assert [change.began for change in told] == [True, False]


def test_what_was_over_before_anybody_watched_is_no_news() -> None:
    """What still goes on is."""
    watch = watched(quiet(30), burst(START + 26 * HOUR, 50), burst(START + 29 * HOUR, 50, reason="host.unknown"))
    telling = Telling()
    telling.begin(watch.rises(START + 29 * HOUR + 60))
    (change,) = telling.changes(watch.rises(START + 29 * HOUR + 60))
    assert (change.began, change.incident.lead.name) == (True, "host.unknown")


def test_a_line_spelled_here_is_the_gates_own() -> None:
    """What these stories are made of is what the reader takes the short way through."""
    (seen,) = Lines("x", START * 2).block(spelled(refused(START, "host.unknown")))
    assert (seen.at, seen.reason) == (START, "host.unknown")
