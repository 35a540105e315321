"""``python -m bench [--json] [--quick] [--only NAME …] [--home HOME] [--out FILE]``.

Figures go to standard output, progress to standard error. Exit status: 0 all that was taken reaches what is promised,
1 a figure misses it or could not be taken, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from rich.console import Console

from bench import machine, report
from bench.context import CACHE, FULL, QUICK, Bench, Measurement, Observer
from bench.plan import MEASUREMENTS
from bench.problems import Unmeasurable
from bench.report import Findings
from mattegate.vocabulary.refusal import Refusal


@dataclass(slots=True)
class Ticker:
    """Tells progress on a stream: in place on a terminal, a line per measurement elsewhere."""

    stream: TextIO = field(default_factory=lambda: sys.stderr)

    def step(self, measurement: str, done: int, of: int) -> None:
        """See :class:`bench.context.Observer`."""
        in_place = self.stream.isatty()
        if in_place or done == of:
            ending = "\n" if done == of else "\r"
            self.stream.write(f"{measurement}: {done}/{of}{ending}")
            self.stream.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, answer the exit status."""
    asked = _parser().parse_args(arguments)
    chosen = [each for each in MEASUREMENTS if not asked.only or each.name in asked.only]
    found_on = machine.describe()
    findings = measure(chosen, home=asked.home, quick=asked.quick, observer=Ticker())
    as_json = report.as_json(findings, found_on)
    if asked.out:
        asked.out.write_text(as_json + "\n", encoding="utf-8")
    if asked.json:
        print(as_json)
    else:
        report.show(findings, found_on, Console(width=120 if not sys.stdout.isatty() else None))
    not_taken = [figure for each in chosen for figure in each.figures if figure not in findings.figures]
    return 1 if findings.missed or (not_taken and not asked.quick) else 0


def measure(chosen: Sequence[Measurement], *, home: Path, quick: bool, observer: Observer) -> Findings:
    """Take the measurements one after another; one that fails leaves its reason and does not stop the others."""
    findings = Findings()
    with Bench(home, QUICK if quick else FULL, observer) as bench:
        for each in chosen:
            try:
                findings.add(each.name, each.take(bench))
            except (Unmeasurable, Refusal, OSError, subprocess.SubprocessError) as why:
                findings.miss(each.figures, f"{why}" or type(why).__name__)
    return findings


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description="Every promised ratio, measured side by side.")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--quick", action="store_true", help="a smoke run of about a minute; its figures prove nothing")
    parser.add_argument("--only", nargs="+", choices=[each.name for each in MEASUREMENTS], help="measure only these")
    parser.add_argument("--home", type=Path, default=CACHE / "home", help="where the weights lie or are fetched to")
    parser.add_argument("--out", type=Path, help="also write the JSON to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
