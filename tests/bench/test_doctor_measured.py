"""The logs and the configuration that the doctor is measured with are what they say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench import doctor_log_driver, doctor_nginx
from bench.context import QUICK, Bench
from bench.log_made_up import LOGS, MadeUp
from mattegate.doctor.nginx.tree import read_file
from mattegate.doctor.readers import HEAD_BYTES, head_text, recognise
from tests.doctor.readers.logs.reading import counted, read


class Silent:
    """An observer that does not look."""

    def step(self, measurement: str, done: int, of: int) -> None:
        """See :class:`bench.context.Observer`."""


@pytest.mark.parametrize(
    ("name", "least"), [("access", 100), ("nginx error", 2_000), ("scan", 4_097), ("caddy", 2_000), ("journal", 2_000)]
)
def test_each_log_has_the_kinds_it_is_made_of(name: str, least: int) -> None:
    """A log that the reader took for something else would be read in no time."""
    found = doctor_log_driver.read(name, 2_000_000)
    assert found["kinds"] >= least
    assert found["mb_per_s"] > 0


@pytest.mark.parametrize("name", LOGS)
def test_each_log_is_recognised_as_what_it_is_measured_as(name: str) -> None:
    """The reader that is timed is the one that a person's file would be given to."""
    reader, make = LOGS[name]
    head = head_text(MadeUp(make, 2_000_000).read(HEAD_BYTES))
    found = recognise(head, "some.log")
    assert found is not None
    assert found.name == reader


@pytest.mark.parametrize("name", LOGS)
def test_each_log_is_counted_as_its_pieces_are(name: str) -> None:
    """What makes the reader fast changes nothing: a few lines at a time, of which none is known, give the same."""
    reader, make = LOGS[name]
    lines = MadeUp(make, 300_000).read().splitlines(keepends=True)
    pieces = (b"".join(lines[at : at + 60]) for at in range(0, len(lines), 60))
    by_line = counted(seen for piece in pieces for seen in read(piece, reader))
    assert counted(read(b"".join(lines), reader)) == by_line
    assert by_line.total() > 10


def test_every_piece_of_a_scan_asks_for_other_paths() -> None:
    """The log never says the same line twice, and has the length that was asked for."""
    log = MadeUp(LOGS["scan"][1], 3_000_000)
    pieces = list(iter(lambda: log.read(65_536), b""))
    lines = b"".join(pieces).splitlines()
    assert len(set(lines)) == len(lines) > 20_000
    assert sum(map(len, pieces)) == 3_000_000


def test_logs_are_told_one_after_another() -> None:
    """A line of JSON for each, with its memory and the part of the speed of splitting lines."""
    told = [json.loads(line) for line in doctor_log_driver.told(1, ["access", "uvicorn"])]
    assert [name for log in told for name in log] == ["access", "uvicorn"]
    assert all(0 <= log["of_line_by_line"] < 1 for each in told for log in each.values())
    assert all(0 < log["peak_of_first_half_mb"] <= log["peak_mb"] for each in told for log in each.values())


def test_a_driver_does_not_tell_the_memory_of_who_started_it() -> None:
    """What runs before the logs are read may have been as large as it likes."""
    large = bytearray(400_000_000)
    large[::4_096] = b"x" * len(large[::4_096])
    command = [sys.executable, "-m", doctor_log_driver.__name__, "1", "access"]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert told["access"]["peak_mb"] < 100 < len(large) / 1e6


def test_the_configuration_has_as_many_lines_as_it_says(tmp_path: Path) -> None:
    """Counted over all files; nginx would start with it, and every include is found."""
    first = doctor_nginx.write(tmp_path)
    assert sum(file.read_text("utf-8").count("\n") for file in tmp_path.rglob("*.conf")) == doctor_nginx.LINES
    tree = read_file(first)
    assert tree.problems == ()
    assert len(tree.files) > 40


def test_the_doctor_answers_about_the_configuration(tmp_path: Path) -> None:
    """The whole command is timed, and gives an answer."""
    with Bench(tmp_path, QUICK, Silent()) as bench:
        found = doctor_nginx.measure(bench)
    assert found.figures["doctor_nginx_5000_s"] > 0
