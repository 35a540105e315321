"""Decisions: the whole record of one, whether it would be made again, and the newest ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice, takewhile
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import Field

from mattegate.gate.explain import checks
from mattegate.gate.replay import replay
from mattegate.gate.rules import Rules
from mattegate.gate.wording import untellable
from mattegate.ledger.protocols import Record, Sealed
from mattegate.serving.account import timestamp
from mattegate.serving.admin.identities import id_of
from mattegate.serving.admin.parts import AdminParts, Parts
from mattegate.serving.admin.shown import Shown
from mattegate.serving.moments import moment
from mattegate.vocabulary.reasons import REASONS
from mattegate.vocabulary.refusal import Refusal

router = APIRouter(prefix="/decisions", tags=["decisions"])

MOST_SCANNED: Final = 20_000
"""Records that one search looks at."""


class DecisionShown(Shown):
    """One decision in a line."""

    request_id: str
    at: str | None
    decision: str
    status: int | None
    reason: str
    public_code: str
    layer: str
    method: str = ""
    path: str = ""
    address: str = ""
    key: str = ""
    identity: str = ""
    proven: bool = False
    ms: float | None = None


class DecisionExplained(DecisionShown):
    """One decision with everything that is known of it."""

    title: str
    sentence: str
    remedy: str
    operator: str
    sealed: bool = Field(description="No record was kept; the id itself tells time and reason.")
    checks: list[dict[str, Any]]
    replayed: str | list[str] | None = Field(description="'same', or what differs under its own rulebook.")
    now: str | list[str] | None = Field(description="The same under the rulebook in force.")
    revision: str
    version: str
    attempt: dict[str, Any] | None
    facts: dict[str, Any] | None


class DecisionList(Shown):
    """The newest decisions first."""

    decisions: list[DecisionShown]
    scanned: int = Field(description="How many records were looked at.")


@dataclass(frozen=True, slots=True)
class Sought:
    """What a search is for; empty: anything."""

    reason: str
    layer: str
    identity: str
    key: str
    address: str
    status: int | None
    until: float | None

    def holds(self, record: Record) -> bool:
        """Whether a record is what is sought."""
        line = _line(record)
        wanted = (
            (self.layer, line.layer),
            (self.identity, line.identity),
            (self.key, line.key),
            (self.address, line.address),
        )
        return (
            all(not value or value == has for value, has in wanted)
            and (not self.reason or line.reason == self.reason or line.reason.startswith(self.reason + "."))
            and self.status in (None, record.status)
            and (self.until is None or record.at < self.until)
        )


@router.get("")
async def list_decisions(
    parts: Parts,
    refused: bool = False,
    reason: str = "",
    layer: str = "",
    identity: str = "",
    key: str = "",
    address: str = "",
    status: int | None = None,
    since: str | None = None,
    until: str | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> DecisionList:
    """The newest decisions, of those that the filters let through."""
    who = await parts.act(id_of, parts, identity) if identity else ""
    end = moment("until", until) if until is not None else None
    sought = Sought(reason, layer, who, key, address, status, end)
    begin = moment("since", since) if since is not None else 0.0
    return await parts.read(_search, parts, sought, begin, refused=refused, limit=limit)


@router.get("/{request_id}")
async def see_decision(parts: Parts, request_id: str) -> DecisionExplained:
    """The whole record of one decision, and whether it would be made again."""
    return await parts.read(_explained, parts, request_id)


def found(parts: AdminParts, request_id: str) -> Record | Sealed:
    """The record of an id. Raises ``record.not_found``."""
    record = parts.records.find(request_id)
    if record is None:
        raise Refusal("record.not_found", request_id=request_id[:64])
    return record


def _search(parts: AdminParts, sought: Sought, since: float, *, refused: bool, limit: int) -> DecisionList:
    scanned = 0

    def counted(records: Iterator[Record]) -> Iterator[Record]:
        nonlocal scanned
        for scanned, record in enumerate(records, start=1):  # noqa: B007 - told at the end
            yield record

    newest = counted(parts.records.recent(MOST_SCANNED, refused=refused))
    recent = takewhile(lambda record: record.at >= since, newest)
    lines = [_line(record) for record in islice(filter(sought.holds, recent), limit)]
    return DecisionList(decisions=lines, scanned=scanned)


def _line(found_record: Record | Sealed) -> DecisionShown:
    return DecisionShown(**_told(found_record))


def _told(found_record: Record | Sealed) -> dict[str, Any]:
    reason = REASONS.get(found_record.reason)
    told: dict[str, Any] = {
        "request_id": found_record.request_id,
        "at": timestamp(found_record.at),
        "decision": "deny" if found_record.reason else "allow",
        "status": reason.status if reason else None,
        "reason": found_record.reason,
        "public_code": reason.public if reason else found_record.reason,
        "layer": found_record.reason.partition(".")[0],
    }
    return told | (_particulars(found_record) if isinstance(found_record, Record) else {})


def _particulars(record: Record) -> dict[str, Any]:
    fact = record.facts.credential
    key = fact.key if fact else None
    return {
        "status": record.status,
        "method": record.attempt.method,
        "path": record.attempt.path,
        "address": record.address,
        "key": key.id if key else "",
        "identity": key.identity.id if key else "",
        "proven": fact is not None and fact.proven,
        "ms": record.ms,
    }


def _explained(parts: AdminParts, request_id: str) -> DecisionExplained:
    record = found(parts, request_id)
    told = _told(record) | _sentences(record)
    if isinstance(record, Sealed):
        return DecisionExplained(
            **told, sealed=True, checks=[], replayed=None, now=None, revision="", version="", attempt=None, facts=None
        )
    return DecisionExplained(
        **told,
        sealed=False,
        checks=[
            check | {"rule": finding.rule, "shadow": finding.shadow}
            for check, finding in zip(checks(record.findings), record.findings, strict=True)
        ],
        replayed=_again(record, lambda: recorded_rules(parts, record)),
        now=_again(record, parts.gatehouse.rules),
        revision=record.revision,
        version=record.version,
        attempt=asdict(record.attempt),
        facts=asdict(record.facts),
    )


def _sentences(record: Record | Sealed) -> dict[str, str]:
    reason = REASONS.get(record.reason)
    findings = record.findings if isinstance(record, Record) else ()
    facts = next((one.facts for one in findings if one.refuses and one.reason == record.reason), {})
    if reason is None or untellable(record.reason, facts):
        return {"title": reason.title if reason else "", "sentence": "", "remedy": "", "operator": ""}
    public = REASONS[reason.public]
    return {
        "title": public.title,
        "sentence": public.sentence.format(**facts),
        "remedy": public.remedy.format(**facts),
        "operator": reason.operator.format(**facts),
    }


def recorded_rules(parts: AdminParts, record: Record) -> Rules | None:
    """The rules that a record was made under; ``None`` where they are not kept any more."""
    rulebook = parts.records.rulebook(record.revision)
    return Rules.of(rulebook) if rulebook is not None else None


def _again(record: Record, rules_of: Callable[[], Rules | None]) -> str | list[str] | None:
    rules = rules_of()
    return replay(record.attempt, record.facts, record.findings, rules) if rules is not None else None
