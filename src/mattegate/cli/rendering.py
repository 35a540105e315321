"""How outcomes, refusals and summaries look: for people on stderr, for programs as JSON lines on stdout.

Standard output carries only what was asked for (an image, JSON, a report), so that it can be piped on. Every name
that comes from a disk goes through :func:`shown`, because a file name can hold a terminal's control codes.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from mattegate.config.load import Fault
from mattegate.cutout.files.manifest import Line
from mattegate.cutout.files.tally import KEPT, Tally
from mattegate.cutout.files.tasks import Done, Failed, Outcome, Skipped, Why
from mattegate.vocabulary.refusal import Refusal

USAGE_CODES = frozenset({"request.option", "file.same_target", "file.nothing_found", "file.not_found", "file.terminal"})

_WHY = {
    Why.EXISTS: "its cut-out is there already",
    Why.DONE: "done by an earlier run",
    Why.FAILED: "failed in an earlier run",
}


def epilog(examples: Iterable[str]) -> str:
    """Examples as they stand below a command's help, one a line, ready to be copied."""
    return "\n".join(["Examples:", *(f"  {example}" for example in examples)])


def flowing(docstring: str | None) -> str:
    """A docstring whose paragraphs may be broken anew at any width."""
    paragraphs = inspect.cleandoc(docstring or "").split("\n\n")
    return "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs)


def shown(text: str) -> str:
    """``text`` without anything a terminal would obey or could not show."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def exit_code_of(refusal: Refusal) -> int:
    """2 where the line itself is at fault, 1 where something broke, 3 where the answer is no."""
    if refusal.reason.code in USAGE_CODES:
        return 2
    return 1 if refusal.reason.status >= 500 or refusal.reason.layer == "file" else 3


def exit_code_after(tally: Tally) -> int:
    """0 when nothing failed, 1 when something broke, 3 when pictures were refused and nothing broke."""
    if not tally.failed:
        return 0
    return 1 if tally.broken else 3


def tell_refusal(refusal: Refusal, *, as_json: bool = False) -> None:
    """Explain to whoever called, who is the operator here; with ``as_json`` to their program as well."""
    if as_json:
        explanation = dict(zip(("detail", "operator", "remedy"), _explained(refusal), strict=True))
        write_json({"error": refusal_record(refusal) | explanation})
    write_error(f"mattegate: {refusal.reason.title} ({refusal.reason.code})")
    for line in _explanation(refusal):
        write_error(f"  {line}")


def tell_faults(faults: Sequence[Fault], *, as_json: bool = False) -> None:
    """Everything that is wrong with the configuration; with ``as_json`` for a program as well."""
    if as_json:
        title = "Faults in the configuration"
        write_json({"error": {"reason": "configuration", "title": title, "faults": [asdict(one) for one in faults]}})
    write_error(f"mattegate: the configuration has {len(faults)} fault{'s' * (len(faults) != 1)}")
    for fault in faults:
        write_error(f"  {fault.told}")


def write_error(line: str) -> None:
    """One line for people."""
    sys.stderr.write(shown(line) + "\n")


def write_json(record: object) -> None:
    """One JSON object on one line of standard output, at once, so that a reader can follow."""
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def _explanation(refusal: Refusal) -> list[str]:
    return list(dict.fromkeys(_explained(refusal)))


def _explained(refusal: Refusal) -> tuple[str, str, str]:
    """What is told to everybody, what to the operator alone, and what to do, in the words of a command line."""
    remedy = refusal.remedy.removeprefix("The operator runs: ")
    if refusal.reason.code == "internal.error":
        remedy = "Please report this, with what --traceback before the command shows."
    elif refusal.reason.layer == "dependency":
        remedy = "Mend that, and run the same line again."
    return refusal.detail, refusal.operator_detail, remedy


class Reporter(Protocol):
    """Whoever shows how a run goes; a context manager around the run."""

    def __enter__(self) -> Reporter: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def tell(self, outcome: Outcome) -> None:
        """One file is settled."""

    def notice(self, text: str) -> None:
        """Something people should know while it runs."""

    def sum_up(self, tally: Tally, seconds: float) -> None:
        """The run is over."""


class Words:
    """For people: a bar on a terminal, a line a file where ``each`` asks for it, a summary, the failures explained."""

    def __init__(self, *, total: int | None, each: bool, summary: bool = True) -> None:
        """``total`` is ``None`` for a stream whose end nobody knows."""
        console = Console(stderr=True, soft_wrap=True, highlight=False)
        columns = [
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        ]
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._console = console
        self._bar = self._progress.add_task("cut-outs", total=total)
        self._each = each
        self._summary = summary

    def __enter__(self) -> Words:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def tell(self, outcome: Outcome) -> None:
        """Advance the bar, and tell each file where that is wanted."""
        self._progress.advance(self._bar)
        if self._each:
            self._write(_sentence(outcome))

    def notice(self, text: str) -> None:
        """Above the bar."""
        for line in text.splitlines():
            self._write(line)

    def sum_up(self, tally: Tally, seconds: float) -> None:
        """Counts and speed, then the failures with their remedies."""
        self._progress.stop()
        if self._summary:
            self._write(f"{counts(tally)} in {seconds:.1f} s{_speed(tally, seconds)}")
        for line in failure_lines(tally):
            self._write(line)

    def _write(self, line: str) -> None:
        self._console.print(shown(line), markup=False)


class JsonLines:
    """For programs: one object per file and one for the whole, on standard output."""

    def __enter__(self) -> JsonLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def tell(self, outcome: Outcome) -> None:
        """The object of one file."""
        write_json(outcome_record(outcome))

    def notice(self, text: str) -> None:
        """People's words stay off standard output."""
        for line in text.splitlines():
            write_error(line)

    def sum_up(self, tally: Tally, seconds: float) -> None:
        """The last object."""
        write_json(
            {
                "summary": tally_record(tally)
                | {"seconds": round(seconds, 3), "images_per_minute": _rate(tally, seconds)}
            }
        )


def counts(tally: Tally) -> str:
    """``3 done · 1 skipped · 0 failed``."""
    return f"{tally.done} done · {tally.skipped} skipped · {tally.failed} failed"


def failure_lines(tally: Tally) -> list[str]:
    """Each kept failure: the file and its reason code, the sentence, the remedy; then how many more there were."""
    lines = []
    for failure in tally.failures:
        lines += ["", f"{failure.name}: {failure.refusal.reason.title} ({failure.refusal.reason.code})"]
        lines += [f"  {line}" for line in _explanation(failure.refusal)]
    if tally.failed > len(tally.failures):
        reasons = ", ".join(f"{code} {count}" for code, count in tally.reasons.most_common())
        lines += ["", f"… {tally.failed - len(tally.failures)} more; in all: {reasons}"]
    return lines


def tally_record(tally: Tally) -> dict[str, object]:
    """The counts as plain values."""
    return {"done": tally.done, "skipped": tally.skipped, "failed": tally.failed, "reasons": dict(tally.reasons)}


def outcome_record(outcome: Outcome) -> dict[str, object]:
    """One outcome as plain values."""
    target = str(outcome.task.target) if outcome.task else None
    record: dict[str, object] = {"source": outcome.name, "target": target}
    match outcome:
        case Done():
            told = {"bytes": outcome.size, "milliseconds": outcome.milliseconds, "report": asdict(outcome.report)}
            return record | {"status": "done"} | told
        case Skipped():
            return record | {"status": "skipped", "why": str(outcome.why)}
        case Failed():
            return record | {"status": "failed"} | refusal_record(outcome.refusal)


def tell_report(lines: Sequence[Line], *, as_json: bool) -> None:
    """What a batch's manifest says, on standard output."""
    failed = [line for line in lines if line.status == "failed"]
    reasons = dict(Counter(str(line.reason) for line in failed).most_common())
    done = len(lines) - len(failed)
    if as_json:
        write_json({"summary": {"done": done, "failed": len(failed), "reasons": reasons}})
        return
    sys.stdout.write(f"{done} done · {len(failed)} failed\n")
    for reason, count in reasons.items():
        sys.stdout.write(f"  {reason} {count}\n")
    for line in failed[:KEPT]:
        sys.stdout.write(shown(f"{line.source}: {line.detail} ({line.reason})") + "\n")


def refusal_record(refusal: Refusal) -> dict[str, object]:
    """A refusal as plain values."""
    return {
        "reason": refusal.reason.code,
        "title": refusal.reason.title,
        "detail": refusal.detail,
        "remedy": refusal.remedy,
    }


def _sentence(outcome: Outcome) -> str:
    match outcome:
        case Done():
            report = outcome.report
            notes = [f"{report.width} × {report.height}", report.model, f"{outcome.milliseconds / 1000:.2f} s"]
            return f"{outcome.name} → {outcome.task.target} ({'; '.join([', '.join(notes), *report.notes])})"
        case Skipped():
            return f"{outcome.name}: skipped, {_WHY[outcome.why]}"
        case Failed():
            return f"{outcome.name}: {outcome.refusal.reason.title} ({outcome.refusal.reason.code})"


def _rate(tally: Tally, seconds: float) -> float:
    return round(60 * tally.done / seconds, 1) if seconds else 0.0


def _speed(tally: Tally, seconds: float) -> str:
    return f" ({_rate(tally, seconds):g} images per minute)" if tally.done else ""
