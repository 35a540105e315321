"""The standing check as a command: real files, real pipes, real processes."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mattegate.doctor.command.run import main
from tests.doctor.watch.history import HOUR, burst, log_of, quiet, refused, spelled

LINE = [sys.executable, "-m", "mattegate.doctor", "watch"]
NOW = time.time()
AGO = NOW - 28 * HOUR


def _run(*words: str | Path, stdin: bytes = b"") -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = main(["watch", *map(str, words)], io.BytesIO(stdin), out, err)
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def risen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day of quiet, and a key hammered an hour ago."""
    path = tmp_path_factory.mktemp("logs") / "access.jsonl"
    path.write_bytes(log_of(quiet(28, begin=AGO), burst(NOW - HOUR, 120, key="C1oNWm8t3TpF")))
    return path


def test_exit_codes_are_asked_for(risen: Path, tmp_path: Path) -> None:
    """0 where it could be done; with --exit-code 3, 4 or 0 by what was found."""
    short = tmp_path / "short.jsonl"
    short.write_bytes(spelled(refused(NOW, "host.unknown")))
    assert _run(risen)[0] == 0
    assert _run(risen, "--exit-code")[0] == 3
    assert _run(risen, "--exit-code", "--since", "10m")[0] == 0
    assert _run(short, "--exit-code")[0] == 4


def test_quiet_prints_nothing_where_nothing_rose(risen: Path) -> None:
    """As a job of cron wants it."""
    assert _run(risen, "--quiet", "--since", "10m")[1] == ""
    assert "C1oNWm8t3TpF" in _run(risen, "--quiet")[1]


def test_the_answer_has_the_one_schema(risen: Path) -> None:
    """A finding with its cause, evidence with places, and the command that shows an example whole."""
    answer = json.loads(_run(risen, "--json")[1])
    (finding,) = answer["findings"]
    assert (finding["cause"], finding["layer"], finding["certainty"]) == ("watch.key_refused", "api-key", "proven")
    assert finding["next"].startswith("mattegate why req_")
    assert any(f"{risen}:" in line for line in finding["evidence"])
    assert any("of the newest 24:" in line and "address 198.51.100.7 (24)" in line for line in finding["evidence"])


def test_logs_are_joined_by_time_packed_or_not(risen: Path, tmp_path: Path) -> None:
    """Yesterday's rotated away and packed, today's as it is, in any order."""
    lines = risen.read_bytes().splitlines(keepends=True)
    old, new = tmp_path / "access.jsonl.1.gz", tmp_path / "access.jsonl"
    old.write_bytes(gzip.compress(b"".join(lines[:2_000])))
    new.write_bytes(b"".join(lines[2_000:]))
    both = json.loads(_run(new, old, "--json")[1])
    whole = json.loads(_run(risen, "--json")[1])
    assert [f["title"] for f in both["findings"]] == [f["title"] for f in whole["findings"]]


def test_what_a_log_says_reaches_no_terminal_as_it_is() -> None:
    """Escape sequences in an address and secrets in a sentence."""
    line = spelled(refused(NOW - 60, "host.unknown", address="x\\u001b[31m"))
    line = line.replace(b"why it was refused", b"Authorization: Bearer sk_live_4eC39HqLyjWDarjtT1zdp7dc")
    said = _run("-", stdin=log_of(quiet(28, begin=AGO)) + line * 40)[1]
    assert "gate.host" in said
    assert "\x1b" not in said
    assert "4eC39HqLyjWDarjtT1zdp7dc" not in said


@pytest.mark.parametrize(("words", "says"), [
    ((), "nothing to watch"),
    (("a", "a"), "each log can be given once"),
    (("a", "--window", "5 parsecs"), "no span of time"),
    (("a", "--window", "1d"), "holds 1 windows"),
    (("a", "--since", "yesterday"), "write a span such as 10m"),
    (("a", "--least", "0"), "1 or more"),
    (("a", "--follow", "--html", "x"), "--follow"),
])  # fmt: skip
def test_what_cannot_be_meant_is_usage(words: tuple[str, ...], says: str) -> None:
    """Exit code 2, and a sentence that says how."""
    code, _, error = _run(*words)
    assert code == 2
    assert says in error


def test_a_log_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Exit code 1: not there, a folder, a gzip that is damaged."""
    damaged = tmp_path / "a.gz"
    damaged.write_bytes(gzip.compress(os.urandom(4_000))[:40] + b"\xff" * 4_000)
    for path in (tmp_path / "none", tmp_path, damaged):
        code, _, error = _run(path)
        assert (code, str(path) in error) == (1, True), path


@pytest.fixture
def following(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """The command over a growing log, with windows of two seconds."""
    path = tmp_path / "access.jsonl"
    path.write_bytes(log_of(quiet(0.1, begin=time.time() - 360, every=1)))
    line = [*LINE, "--follow", "--json", "--window", "2s", "--baseline", "5m", "--exit-code", str(path)]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr as says:
        assert "watching; 360 requests read" in says.readline()
        yield process, path
        process.kill()
        process.wait()


def test_follow_tells_a_rise_through_a_rotation_until_it_is_interrupted(
    following: tuple[subprocess.Popen[str], Path],
) -> None:
    """One line when it begins, one when it is over; an interrupt is the usual end."""
    process, path = following
    assert process.stdout is not None
    with path.open("ab") as log:
        log.write(log_of(burst(time.time() - 0.5, 60, every=0.001, address="198.51.100.*")))
    began = json.loads(process.stdout.readline())
    path.rename(path.with_suffix(".1"))
    path.write_bytes(log_of(burst(time.time(), 5, every=0.001, address="198.51.100.*")))
    over = json.loads(process.stdout.readline())
    assert [line["event"] for line in (began, over)] == ["began", "over"]
    assert began["finding"]["cause"] == over["finding"]["cause"] == "gate.credential"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 3


def _peak_kib(lines: int, path: Path) -> int:
    """The most memory that the command held, over that many lines from standard input."""
    with path.open("wb") as file:
        block = [
            spelled(refused(AGO + n, "flood.address", address=f"192.0.2.{n % 250}", key=f"K{n % 97}"))
            for n in range(200)
        ]
        for number in range(lines // 1_000):
            at = AGO + number * 90_000 / (lines // 1_000)
            passing = spelled(refused(at, "")).replace(b'"status":401', b'"status":200')
            time_of = passing[9:38]
            file.write(passing * 800 + b"".join(b'{"time":"' + time_of + line[38:] for line in block))
    with path.open("rb") as file:
        process = subprocess.Popen([*LINE, "-", "--json"], stdin=file, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_maxrss


def test_a_million_lines_take_no_more_memory_than_a_hundred_thousand(tmp_path: Path) -> None:
    """The tables are full after the first; what comes then is only counted."""
    few, many = (_peak_kib(lines, tmp_path / "log") for lines in (100_000, 1_000_000))
    assert many - few < 8 * 1_024
