"""What ``mattegate why`` says of one decision: gathered once, then told as JSON or in words.

What is recorded may be what a caller chose, so every word of it goes through :func:`~mattegate.cli.rendering.shown`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.text import Text

from mattegate import __version__
from mattegate.cli.rendering import shown
from mattegate.cli.why_missing import without_record
from mattegate.gate.case import proven_keys
from mattegate.gate.explain import SHADOW_MARK, Line, checks, lines
from mattegate.gate.replay import replay
from mattegate.gate.rules import Rules
from mattegate.gate.wording import moment_text, untellable
from mattegate.ledger.protocols import Record, Sealed
from mattegate.ledger.records_reading import RecordReader
from mattegate.vocabulary.decision import Finding
from mattegate.vocabulary.facts import KeyView, Plain
from mattegate.vocabulary.reasons import REASONS
from mattegate.vocabulary.rulebook import Rulebook

_STYLES: Final = {"+": "green", "·": "dim", "x": "bold red", "!": "bold red", "-": "dim", SHADOW_MARK: "yellow"}


@dataclass(frozen=True, slots=True)
class Replayed:
    """A decision made again under one rulebook."""

    revision: str
    differences: tuple[str, ...] = ()
    problem: str = ""
    """Why it could not be made again."""

    @property
    def told(self) -> str | list[str] | None:
        """``"same"``, or the differences; ``None`` where it could not be made."""
        if self.problem:
            return None
        return list(self.differences) or "same"


@dataclass(frozen=True, slots=True)
class Told:
    """The sentences of a refusal; those that cannot be said are empty."""

    title: str = ""
    sentence: str = ""
    remedy: str = ""
    operator: str = ""


@dataclass(frozen=True, slots=True)
class Explained:
    """One decision with everything there is to say of it."""

    found: Record | Sealed
    told: Told
    replayed: Replayed | None = None
    """Under its own rulebook, by the program that runs now."""
    now: Replayed | None = None
    """Under the newest rulebook, where that is another one."""

    @property
    def status(self) -> int | None:
        """What was answered; for a sealed id what the catalogue has for its reason."""
        if isinstance(self.found, Record):
            return self.found.status
        return REASONS[self.found.reason].status if self.found.reason in REASONS else None


def explain(found: Record | Sealed, reader: RecordReader) -> Explained:
    """Gather it. Raises :class:`~mattegate.ledger.protocols.Unavailable`."""
    if isinstance(found, Sealed):
        return Explained(found, _told(found.reason, {}))
    refusing = next((one for one in found.findings if one.refuses and one.reason == found.reason), None)
    own, newest = reader.rulebook(found.revision), reader.newest_rulebook()
    now = None
    if newest is not None and newest != own:
        now = _again(found, newest, newest.revision())
    return Explained(
        found, _told(found.reason, refusing.facts if refusing else {}), _again(found, own, found.revision), now
    )


def as_json(explained: Explained) -> dict[str, Any]:
    """One object; a sealed id has no checks."""
    found = explained.found
    reason = REASONS.get(found.reason)
    document = {
        "request_id": found.request_id,
        "at": moment_text(found.at),
        "decision": "deny" if found.reason else "allow",
        "status": explained.status,
        "reason": found.reason,
        "public_code": reason.public if reason else found.reason,
        "layer": found.reason.partition(".")[0],
        "title": explained.told.title,
        "sentence": explained.told.sentence,
        "remedy": explained.told.remedy,
        "operator": explained.told.operator,
        "checks": [],
        "replayed": explained.replayed.told if explained.replayed else None,
        "sealed": isinstance(found, Sealed),
    }
    return document | (_record_json(found, explained) if isinstance(found, Record) else {})


def in_words(explained: Explained) -> Iterator[Text]:
    """Lines for a terminal; plain where there is none."""
    yield _headline(explained)
    found = explained.found
    if isinstance(found, Record):
        yield from (Text(shown(line), "dim") for line in _circumstances(found))
        yield Text()
        yield from _trace(found.findings)
    else:
        yield Text(without_record(found.reason))
    yield from _sentences(explained)
    for replayed in (explained.replayed, explained.now):
        if replayed is not None and isinstance(found, Record):
            yield from _replay_lines(replayed, found)
    yield Text()


def _again(record: Record, rulebook: Rulebook | None, revision: str) -> Replayed:
    if rulebook is None:
        return Replayed(revision, problem="the rulebook is not kept any more")
    try:
        told = replay(record.attempt, record.facts, record.findings, Rules.of(rulebook))
    except ValueError as error:
        return Replayed(revision, problem=str(error))
    return Replayed(revision, () if told == "same" else tuple(told))


def _told(code: str, facts: dict[str, Plain]) -> Told:
    reason = REASONS.get(code)
    if reason is None:
        return Told()
    shown_reason = REASONS.get(reason.public, reason)
    if untellable(code, facts):  # of a sealed id nothing is known but the reason
        return Told(shown_reason.title, remedy="" if "{" in shown_reason.remedy else shown_reason.remedy)
    return Told(
        shown_reason.title,
        shown_reason.sentence.format(**facts),
        shown_reason.remedy.format(**facts),
        reason.operator.format(**facts),
    )


def _record_json(record: Record, explained: Explained) -> dict[str, Any]:
    key, proven = _shown_key(record)
    return {
        "method": record.attempt.method,
        "path": record.attempt.path,
        "original_uri": record.attempt.original_uri,
        "address": record.address,
        "key": key.id if key else "",
        "identity": key.identity.name if key else "",
        "proven": proven,
        "client_request_id": record.attempt.client_request_id,
        "ms": record.ms,
        "checks": [
            check | {"rule": finding.rule, "shadow": finding.shadow}
            for check, finding in zip(checks(record.findings), record.findings, strict=True)
        ],
        "revision": record.revision,
        "version": record.version,
        "replay_problem": explained.replayed.problem if explained.replayed else "",
        "now": {"revision": explained.now.revision, "replayed": explained.now.told} if explained.now else None,
    }


def _headline(explained: Explained) -> Text:
    found = explained.found
    outcome = ("refused", "bold red") if found.reason else ("allowed", "bold green")
    status = "" if explained.status is None else f" {explained.status}"
    line = Text.assemble((shown(found.request_id), "bold"), "  ", outcome, status)
    if found.reason:
        line.append(f"  {shown(found.reason)}", "bold")
        public = REASONS[found.reason].public if found.reason in REASONS else found.reason
        if public != found.reason:
            line.append(f"  (the caller sees {public})", "dim")
    if isinstance(found, Sealed):
        line.append(f"  {moment_text(found.at)}", "dim")
    return line


def _circumstances(record: Record) -> Iterator[str]:
    attempt = record.attempt
    host = f" at {attempt.host}" if attempt.host else ""
    yield f"{attempt.method} {attempt.path}{host} from {record.address or 'nowhere'}"
    if attempt.original_uri and attempt.original_uri.partition("?")[0] != attempt.path:
        yield f"a proxy received it as {attempt.original_uri} (X-Original-URI)"
    yield f"{moment_text(record.at)} · {record.ms:g} ms · {_caller(record)}"
    if attempt.client_request_id:
        yield f"the caller's own id: {attempt.client_request_id}"


def _caller(record: Record) -> str:
    facts = record.facts
    if all(fact is None for fact in (facts.credential, facts.signature, facts.token, facts.certificate)):
        return "no credential was looked up"
    key, proven = _shown_key(record)
    if key is None:
        return "no key of that id is known"
    told = "" if proven else " (possession not proven)"
    if record.attempt.administrative:
        return f"admin {key.id}"
    tier = f", tier {key.identity.tier}" if key.identity.tier else ""
    return f"key {key.id} of {key.identity.name}{tier}{told}"


def _shown_key(record: Record) -> tuple[KeyView | None, bool]:
    """The key that was proven, or else the one that was only named."""
    facts = record.facts
    if keys := proven_keys(facts):
        return keys[0], True
    named = (fact.key for fact in (facts.credential, facts.token, facts.signature) if fact is not None)
    return next((key for key in named if key is not None), None), False


def _trace(findings: Sequence[Finding]) -> Iterator[Text]:
    told = lines(findings)
    widths = [max((len(text) for text in column), default=0) for column in zip(*map(_columns, told), strict=True)]
    for line in told:
        style = _STYLES.get(line.mark, "")
        cells = [f"{text:<{width}}" for text, width in zip(_columns(line), widths, strict=True)]
        yield Text(f"  {line.mark} {'  '.join(cells)}  {shown(line.text)}".rstrip(), style)


def _columns(line: Line) -> tuple[str, str, str]:
    return shown(line.layer), shown(line.effect), shown(line.reason)


def _sentences(explained: Explained) -> Iterator[Text]:
    told = explained.told
    yield Text()
    for label, sentence in (
        ("reason", told.title),
        ("told", told.sentence),
        ("remedy", told.remedy),
        ("operator", told.operator),
    ):
        if sentence:
            yield Text.assemble((f"{label:<9} ", "cyan"), shown(sentence))


def _replay_lines(replayed: Replayed, record: Record) -> Iterator[Text]:
    since = f"rulebook {shown(replayed.revision)}"
    if replayed.revision == record.revision:
        versions = record.version if record.version == __version__ else f"{record.version}, now {__version__}"
        label, since = "replayed", f"{since}, version {shown(versions)}"
    else:
        label = "now"
    if replayed.problem:
        yield Text.assemble(
            (f"{label}: ", "cyan"), ("not possible: ", "yellow"), shown(replayed.problem), f" ({since})"
        )
    elif not replayed.differences:
        yield Text.assemble((f"{label}: ", "cyan"), ("same", "green"), f" ({since})")
    else:
        yield Text.assemble((f"{label}: ", "cyan"), ("different", "yellow"), f" ({since})")
        yield from (Text(f"  {shown(difference)}", "yellow") for difference in replayed.differences)
