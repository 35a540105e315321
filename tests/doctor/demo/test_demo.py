"""The demo as somebody runs it: real programs, a real ending, and nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from mattegate.cli.demo import EXAMPLES
from mattegate.cli.later import Later
from mattegate.doctor.demo.scenarios import SCENARIOS
from mattegate.doctor.demo.scenery import NoScenery, scenery
from mattegate.doctor.prove import sandbox

STEPS: Final = ["symptom", "direct", "logs", "client", "doctor", "change", "outcome"]
_PATIENCE_S: Final = 60.0


def _demo(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "mattegate", "demo", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture
def _nginx() -> None:
    if shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") is None:
        pytest.skip("nginx is not installed")


@pytest.mark.usefixtures("_nginx")
def test_two_stories_end_well_and_leave_nothing() -> None:
    """A refusal that nginx makes, and one that nginx makes the application make."""
    with _demo("--scenario", "deny", "--scenario", "authorization", "--json") as process:
        out, err = process.communicate(timeout=_PATIENCE_S)
    assert process.returncode == 0, err
    document = json.loads(out)
    assert document["ended_well"]
    stories = {story["scenario"]: _by_step(story) for story in document["stories"]}
    assert list(stories) == ["deny", "authorization"]

    deny = stories["deny"]
    assert (deny["symptom"]["result"]["status"], deny["symptom"]["result"]["made_by"][:6]) == (403, "nginx/")
    assert (deny["direct"]["result"]["status"], deny["direct"]["result"]["made_by"]) == (200, "mattegate")
    assert "access forbidden by rule" in deny["logs"]["result"]["error_log"][0]
    assert deny["logs"]["result"]["gate"] == []
    assert _best(deny) == "access.rule_denies"
    assert "        allow 127.0.0.1;\n        deny all;\n" in deny["change"]["result"]["site"]

    cleared = stories["authorization"]
    assert cleared["symptom"]["result"]["reason"] == "credential.missing"
    assert cleared["logs"]["result"]["gate"][0]["reason"] == "credential.missing"
    assert _best(cleared) == "authorization.cleared"
    assert "Authorization" not in cleared["change"]["result"]["site"]

    for story in stories.values():
        assert list(story) == STEPS
        assert (story["outcome"]["result"]["status"], story["outcome"]["result"]["well"]) == (200, True)
    assert "sk_prod_" not in out + err
    assert _left(_folder(err)) == []


@pytest.mark.usefixtures("_nginx")
def test_it_reads_well_on_a_terminal() -> None:
    """The three steps, the doctor's answer, its change, and how it ended, in this order and in plain text."""
    with _demo("--scenario", "password") as process:
        out, err = process.communicate(timeout=_PATIENCE_S)
    assert (process.returncode, err) == (0, "")
    marks = ["401 although", "Step 1:", "HTTP 200", "Step 2:", "gate/access.jsonl", "nothing", "Step 3:"]
    marks += ["Ask the doctor", "auth_basic", "+auth_basic off;", "test is successful"]
    marks += ["The same request again", "HTTP 200", "ended well"]
    at = 0
    for mark in marks:
        assert mark in out[at:], mark
        at = out.index(mark, at) + len(mark)
    assert "\x1b" not in out
    assert _left(_folder(out)) == []


@pytest.mark.usefixtures("_nginx")
@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("begun", ["gate", "deny/nginx.pid"])
def test_whoever_interrupts_it_finds_nothing_left(ended_by: signal.Signals, begun: str) -> None:
    """Ctrl-C while the gate is being started, and while nginx runs: both are stopped, and their folder is gone."""
    with _demo("--json") as process:
        assert process.stderr is not None
        folder = _folder(process.stderr.readline())
        _await((folder / begun).exists)
        process.send_signal(ended_by)
        out, _ = process.communicate(timeout=_PATIENCE_S)
    assert process.returncode == 128 + ended_by
    assert out == ""
    assert _left(folder) == []


def test_without_nginx_it_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is started, and nothing is written."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(sandbox, "_SBIN", str(tmp_path))
    sandbox.nginx_program.cache_clear()
    try:
        with pytest.raises(NoScenery, match="apt install nginx"), scenery(pytest.fail):
            pytest.fail("there is no nginx")
    finally:
        sandbox.nginx_program.cache_clear()
    assert list(tmp_path.iterdir()) == []


def test_the_stories_are_listed_and_an_unknown_one_is_named() -> None:
    """Nobody has to read the source for a name."""
    with _demo("--list") as process:
        out, _ = process.communicate(timeout=_PATIENCE_S)
    assert [line.split()[0] for line in out.splitlines()] == [scenario.name for scenario in SCENARIOS]
    with _demo("--scenario", "teapot") as process:
        _, err = process.communicate(timeout=_PATIENCE_S)
    assert process.returncode == 2
    assert "teapot" in err


def test_every_example_of_its_help_parses() -> None:
    """Nobody pastes a line that answers with a usage error."""
    for example in EXAMPLES:
        Later("demo", "").make_context("demo", example.split()[2:])


def _by_step(story: dict[str, Any]) -> dict[str, Any]:
    assert story["ended_well"], story["says"]
    return {step["step"]: step for step in story["steps"]}


def _best(story: dict[str, Any]) -> str:
    return str(story["doctor"]["result"]["findings"][0]["cause"])


def _folder(text: str) -> Path:
    (line,) = (line for line in text.splitlines() if line.startswith("starting "))
    return Path(line.rpartition(", in ")[2])


def _left(folder: Path) -> list[str]:
    """What is still there: the folder, and processes that were started with it or stand in it."""
    found = [f"{folder} exists"] if folder.exists() else []
    return found + [line for line in _processes() if str(folder) in line]


def _processes() -> Iterator[str]:
    """Command line and working folder of every process (Linux)."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            yield f"{process.name} {(process / 'cmdline').read_bytes()!r} {(process / 'cwd').readlink()}"
        except OSError:
            continue  # it ended meanwhile, or is another user's


def _await(done: Callable[[], bool]) -> None:
    ends = time.monotonic() + _PATIENCE_S
    while not done():
        assert time.monotonic() < ends
        time.sleep(0.02)
