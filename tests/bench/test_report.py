"""How a run is told: as JSON and as a table; and how a run goes on when one measurement fails."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from bench import __main__ as bench_main
from bench import machine, report
from bench.context import Bench, Measurement, Outcome
from bench.problems import Unmeasurable
from bench.report import Findings
from bench.targets import TARGETS
from mattegate.vocabulary.refusal import Refusal


class Notes:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int, int]] = []

    def step(self, measurement: str, done: int, of: int) -> None:
        """See :class:`bench.context.Observer`."""
        self.steps.append((measurement, done, of))


def works(bench: Bench) -> Outcome:
    """A measurement that finds something."""
    bench.steps("works", 2)(1)
    return Outcome({"png_bytes_vs_pillow": 1.2}, "by\n  weighing", {"pictures": 3}, {"png_speed_vs_pillow": "no clock"})


def fails(_: Bench) -> Outcome:
    """A measurement that cannot be taken."""
    raise Unmeasurable("the peer has moved away")


def refuses(_: Bench) -> Outcome:
    """A measurement that the product refuses."""
    raise Refusal("capacity.draining")


@pytest.fixture
def findings(tmp_path: Path) -> Findings:
    """Of one measurement that works and two that do not."""
    chosen = [
        Measurement("fails", ("vip_over_idle",), fails),
        Measurement("refuses", ("memory_growth",), refuses),
        Measurement("works", ("png_bytes_vs_pillow", "png_speed_vs_pillow"), works),
    ]
    return bench_main.measure(chosen, home=tmp_path, quick=True, observer=Notes())


def test_one_failure_does_not_stop_the_others(findings: Findings) -> None:
    """Each figure that was not taken has its reason."""
    assert findings.figures == {"png_bytes_vs_pillow": 1.2}
    assert findings.not_taken["vip_over_idle"] == "the peer has moved away"
    assert "shutting down" in findings.not_taken["memory_growth"]
    assert findings.not_taken["png_speed_vs_pillow"] == "no clock"


def test_json_names_every_promised_figure(findings: Findings) -> None:
    """``null`` with a reason where it was not taken, and the method beside the ratios."""
    told = json.loads(report.as_json(findings, machine.describe()))
    assert set(told["ratios"]) == {target.key for target in TARGETS}
    assert told["ratios"]["png_bytes_vs_pillow"] == 1.2
    assert told["ratios"]["vip_over_idle"] is None
    assert told["method"] == {"works": "by weighing"}
    assert told["verdicts"]["png_bytes_vs_pillow"] == "goal"
    assert told["machine"]["cores"] >= 1
    assert told["details"]["works"] == {"pictures": 3}


def test_table_shows_bounds_and_verdicts(findings: Findings) -> None:
    """A person reads what was measured, what it must be, and why something is missing."""
    shown = io.StringIO()
    report.show(findings, machine.describe(), Console(file=shown, width=160))
    text = shown.getvalue()
    row = next(line for line in text.splitlines() if "bytes / Pillow" in line)
    assert row.split()[-4:] == ["1.2", "≤", "1.25", "goal"]
    assert "not taken: the peer has moved away" in text
    assert "by weighing" in text


def test_missed_figures_are_named() -> None:
    """Only figures that were taken and fall short."""
    findings = Findings()
    findings.add("m", Outcome({"memory_growth": 1.3, "png_bytes_vs_pillow": 1.0}, "", {}))
    assert findings.missed == ("memory_growth",)


def test_progress_is_told_to_the_observer(tmp_path: Path) -> None:
    """A measurement says how far it is under its own name."""
    notes = Notes()
    bench_main.measure([Measurement("works", (), works)], home=tmp_path, quick=True, observer=notes)
    assert notes.steps == [("works", 1, 2)]


def test_ticker_writes_a_line_when_done() -> None:
    """Where the stream is no terminal, one line per finished measurement."""
    stream = io.StringIO()
    ticker = bench_main.Ticker(stream)
    for done in (1, 2, 3):
        ticker.step("memory", done, 3)
    assert stream.getvalue() == "memory: 3/3\n"


def test_unknown_measurement_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2, with the known names."""
    with pytest.raises(SystemExit) as left:
        bench_main.main(["--only", "luck"])
    assert left.value.code == 2
    assert "http_request" in capsys.readouterr().err
