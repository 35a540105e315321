"""``mattegate doctor config``: our own settings as the doctor tells of anybody's.

Everything that ``config check`` calls a fault, and what is allowed and yet unwise, each as a finding. The doctor itself
knows no settings; what they mean comes from :mod:`mattegate.config`, and only the words are the doctor's. A value that
could be a secret is never told.
"""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TextIO

from mattegate.config.load import Examined, Fault, examine
from mattegate.config.masking import masked
from mattegate.config.notable import Note, notable
from mattegate.config.schema import SETTINGS, TABLES, value_of
from mattegate.config.settings import Settings
from mattegate.doctor.answer import Answer, Certainty, Culprit, Finding, Verdict
from mattegate.doctor.causes import causes
from mattegate.doctor.command.arguments import answer_options
from mattegate.doctor.command.run import deliver
from mattegate.gate.policies.loading import with_policies

_PLACE: Final = re.compile(r"(.+):(\d+)")
_EXAMPLES: Final = """\
examples:
  mattegate doctor config --config /etc/mattegate.toml
  mattegate doctor config --json

exit codes: 0 sound, 2 wrong usage, 3 something is wrong or unwise
"""


def main(words: Sequence[str], stdout: TextIO, *, config: Path | None = None, home: Path | None = None) -> int:
    """Run ``mattegate doctor config WORDS``; returns the exit code."""
    try:
        options = _parser().parse_args(words)
    except SystemExit as ended:  # --help, or a line that cannot be used, which argparse has told
        return int(ended.code or 0)
    file = options.config or config
    return deliver(answer(file, os.environ, home=home), options, stdout)


def answer(file: Path | None, environ: Mapping[str, str], *, home: Path | None = None) -> Answer:
    """What is wrong with the settings as they hold here, and what is unwise."""
    examined = with_policies(examine(file=file, environ=environ, flags={"home": home}))
    notes = notable(examined.settings, given=examined.origins, file=file)
    findings = [*(_fault(fault, file) for fault in examined.faults), *_unwise(notes, examined, file)]
    return Answer(
        verdict=Verdict.FAULT if findings else Verdict.CLEAN,
        findings=tuple(findings),
        checked=(_checked(examined, file), *(f"{note.setting}: {note.what}" for note in notes if not note.remedy)),
        clean_word="clean.settings",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mattegate doctor config",
        description="What is wrong with the settings of mattegate itself, and what is allowed and unwise.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--config", metavar="FILE", type=Path, help="the settings; default: environment and defaults")
    answer_options(parser)
    return parser


def _checked(examined: Examined, file: Path | None) -> str:
    given, what = len(examined.origins), file or "defaults and environment"
    return f"{what}: {len(SETTINGS)} settings, {given} of them given"


def _fault(fault: Fault, file: Path | None) -> Finding:
    fix = fault.fix or "Correct it where it was given; docs/reference/settings.md has every setting"
    facts = {"setting": fault.setting, "problem": fault.problem, "fix": fix, "file": str(file or "")}
    return _finding(
        "config.fault",
        facts,
        culprit=Culprit(fault.origin, fault.line or 0, fault.setting),
        evidence=f"{fault.place}: {fault.setting}: {fault.problem}",
    )


def _unwise(notes: Sequence[Note], examined: Examined, file: Path | None) -> Iterator[Finding]:
    """What there is something to do about; the rest is only worth knowing."""
    for note in notes:
        if not note.remedy:
            continue
        facts = {"setting": note.setting, "what": note.what, "fix": note.remedy, "file": str(file or "")}
        yield _finding(f"config.{note.code}", facts, culprit=_given(note, examined, file),
                       evidence=f"{note.setting}: {note.what}")  # fmt: skip


def _given(note: Note, examined: Examined, file: Path | None) -> Culprit:
    """Where it was set, with what it amounts to."""
    origin = examined.origins.get(note.setting)
    if note.setting not in SETTINGS or note.setting in TABLES:
        value = note.what
    else:
        value = f"{note.setting} = {_masked(note.setting, examined.settings)}"
    place = _PLACE.fullmatch(origin or "")
    if place is not None:
        return Culprit(place[1], int(place[2]), value)
    return Culprit(origin or (str(file) if file and note.setting not in SETTINGS else "defaults"), 0, value)


def _masked(setting: str, settings: Settings) -> str:
    return json.dumps(masked(setting, value_of(settings, setting)), default=str, ensure_ascii=False)


def _finding(code: str, facts: Mapping[str, str], *, culprit: Culprit, evidence: str) -> Finding:
    cause = causes()[code]
    return Finding(
        layer=cause.layer,
        cause=code,
        certainty=Certainty.PROVEN,
        title=cause.said("title", facts),
        culprit=(culprit,),
        evidence=(evidence,),
        remedy=_sentence(cause.said("remedy", facts)),
        next=cause.said("check", facts).strip(),
        facts=facts,
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
