"""Rises as findings of the one answer: what rose, from what to what, by whom, since when, and where it stands.

Rules of this file:

1. Rises of the same lines are one finding. One belongs to another if without the other's lines it would not have risen.
   A reason that lies with the caller is told as the caller's; one that lies with this side absorbs its callers.
2. Every number is a count. Whatever a log says is made safe before it is told.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mattegate.doctor.answer import Answer, Certainty, Finding, Layer, Verdict
from mattegate.doctor.causes import Cause, causes
from mattegate.doctor.gate_layers import gate_layer
from mattegate.doctor.readers.logs.moments import utc_text
from mattegate.doctor.redact import safe
from mattegate.doctor.watch.reading import Lines
from mattegate.doctor.watch.rising import LEAST_HISTORY, Kind, Rise, Rule, Seen, Watch

_ON_THIS_SIDE: Final = frozenset(
    {"origin", "host", "transport", "capacity", "engine", "model", "dependency", "internal", "record", "home", "file"}
)
"""Layers of the gate whose refusals, where they rise, lie rather with the server than with a caller."""
_OTHER_CAUSES: Final = {"origin.header_not_allowed": "gate.origin_header"}
_OF_KINDS: Final = {
    Kind.KEY: "watch.key_refused",
    Kind.ADDRESS: "watch.address_refused",
    Kind.STATUS: "watch.status_rises",
    Kind.REQUEST: "watch.status_rises",
}
_RANKS: Final = {Kind.KEY: 1, Kind.ADDRESS: 2, Kind.REASON: 3, Kind.STATUS: 4, Kind.REQUEST: 5}
_ID: Final = re.compile(r"[A-Za-z0-9_-]{4,64}")
_EXAMPLES: Final = 3
_SHOWN: Final = 3
_LONGEST: Final = 160
_SHARED: Final = (
    "an address that many share (an office, a mobile carrier, a proxy of your own) looks the same: see whether other "
    "requests from it pass"
)


@dataclass(frozen=True, slots=True)
class Incident:
    """Rises of the same lines, with the one that they are told by."""

    lead: Rise
    also: tuple[Rise, ...] = ()


def incidents(rises: Iterable[Rise]) -> tuple[Incident, ...]:
    """Every rise in one incident; those that go on before those that are over."""
    found: list[tuple[Rise, list[Rise]]] = []
    for rise in sorted(rises, key=_rank):
        home = next((also for lead, also in found if _made_by(rise, lead)), None)
        if home is None:
            found.append((rise, []))
        else:
            home.append(rise)
    found.sort(key=lambda pair: (pair[0].over_at is not None, -pair[0].began_at))
    return tuple(Incident(lead, tuple(also)) for lead, also in found)


def answer(watch: Watch, logs: Sequence[Lines], *, now: float, since: float | None = None) -> Answer:
    """What was found in ``logs``; with ``since``, only what went on then or later."""
    rises = [rise for rise in watch.rises(now) if since is None or rise.over_at is None or rise.over_at >= since]
    findings = tuple(finding(incident, watch.rule) for incident in incidents(rises))
    return Answer(
        verdict=_verdict(findings, watch),
        findings=findings,
        checked=tuple(_checked(watch, logs)),
        not_checked=tuple(_not_checked(watch, logs)),
        clean_word="clean.rises",
    )


def finding(incident: Incident, rule: Rule) -> Finding:
    """One incident as a finding."""
    lead = incident.lead
    cause = causes()[cause_of(lead)]
    facts = _facts(lead, rule)
    return Finding(
        layer=_layer(lead, cause),
        cause=cause.code,
        certainty=Certainty.PROVEN,
        title=f"{cause.said('title', facts)}: {facts['count']} in {facts['window']}, {_usually(lead)}",
        request=_only(lead.newest, lambda seen: seen.request),
        status=int(_only(lead.newest, lambda seen: str(seen.status)) or 0) or None,
        evidence=tuple(_evidence(incident, rule)),
        remedy=cause.said("remedy", facts),
        next=_next(lead, cause, facts),
        tell_apart=_SHARED if lead.kind is Kind.ADDRESS else "",
        facts=facts,
    )


def cause_of(rise: Rise) -> str:
    """The cause that a rise is told by."""
    if rise.kind is not Kind.REASON:
        return _OF_KINDS[rise.kind]
    code = _OTHER_CAUSES.get(rise.name) or f"gate.{rise.name.partition('.')[0]}"
    return code if code in causes() else "watch.reason_rises"


def line_of(incident: Incident, rule: Rule, *, began: bool) -> str:
    """Its beginning or its end as one line."""
    found, lead = finding(incident, rule), incident.lead
    if began:
        return f"{utc_text(lead.began_at)} began {found.cause}: {found.title}" + (
            found.next and f"; next: {found.next}"
        )
    return f"{utc_text(lead.over_at or lead.count_until)} over {found.cause}: {found.title}; {lead.total} in all"


# --- what belongs together ----------------------------------------------------------------------------------------


def _rank(rise: Rise) -> tuple[int, float]:
    """What a group is told by comes first."""
    this_side = (rise.kind is Kind.REASON and rise.name.partition(".")[0] in _ON_THIS_SIDE) or (
        rise.kind is Kind.STATUS and rise.name.startswith("5")
    )
    return 0 if this_side else _RANKS[rise.kind], rise.began_at


def _made_by(rise: Rise, other: Rise) -> bool:
    """Whether ``rise`` would not have reached its limit without the lines of ``other``, by the newest of them."""
    if rise.kind is other.kind or not _together(rise, other) or not rise.newest:
        return False
    others = sum(_named(seen, other.kind) != other.name for seen in rise.newest)
    return rise.count * others < rise.limit * len(rise.newest)


def _together(one: Rise, other: Rise) -> bool:
    begins, ends = max(one.began_at, other.began_at), (one.over_at, other.over_at)
    return all(end is None or begins <= end for end in ends)


def _named(seen: Seen, kind: Kind) -> str:
    match kind:
        case Kind.KEY:
            return seen.key
        case Kind.ADDRESS:
            return seen.address
        case Kind.REASON:
            return seen.reason
        case Kind.STATUS:
            return str(seen.status)
        case Kind.REQUEST:
            return f"{seen.status} {seen.request}"


# --- sentences ----------------------------------------------------------------------------------------------------


def _evidence(incident: Incident, rule: Rule) -> Iterator[str]:
    lead = incident.lead
    window = f"the {span_text(rule.window)} up to {utc_text(lead.count_until)}"
    yield f"{lead.count} in {window}; {_usual_in_full(lead, rule)}"
    yield _when(lead)
    yield from _who(lead)
    yield f"requests of any kind in that window: {lead.requests}; usually at most {lead.requests_usual}"
    yield from (f"with it rose {_said(rise)}: {rise.count} in {span_text(rule.window)}, {_usually(rise)}"
                for rise in incident.also)  # fmt: skip
    yield from _examples(lead.newest)


def _usually(rise: Rise) -> str:
    if rise.new:
        return "none before"
    most = max(rise.usual.most, rise.usual.same_time)
    return f"usually {f'at most {most}' if most else 'none'}"


def _usual_in_full(rise: Rise, rule: Rule) -> str:
    usual = rise.usual
    before = f"the {usual.windows} windows before ({span_text(usual.windows * rule.window)})"
    if rise.new:
        return f"none in {before}, nor ever before in what was read; told from {rise.limit} on"
    days = f", and at this time on the days before at most {usual.same_time}" if usual.same_time else ""
    return f"19 of 20 of {before} held at most {usual.most}{days}; told from {rise.limit} on"


def _when(rise: Rise) -> str:
    newest = max(rise.newest, key=lambda seen: seen.at)
    ends = ", and it goes on"
    if rise.over_at is not None:
        ends = ", and has become usual" if rise.settled else f", over at {utc_text(rise.over_at)}"
    places = f" ({_short(newest.place)})" if newest.source else ""
    return f"first seen {utc_text(rise.began_at)}, newest {utc_text(newest.at)}{places}; {rise.total} in all{ends}"


def _who(rise: Rise) -> Iterator[str]:
    """Which reasons, keys, addresses and requests the newest have, where it is not what they are told by."""
    told = []
    for name, get in _FACES.items():
        counted = Counter(value for seen in rise.newest if (value := get(seen)))
        if not counted or rise.name in counted:
            continue
        shown = ", ".join(f"{_short(value)} ({count})" for value, count in counted.most_common(_SHOWN))
        told.append(f"{name} {shown}" + (f" and {len(counted) - _SHOWN} more" if len(counted) > _SHOWN else ""))
    if told:
        yield f"of the newest {len(rise.newest)}: {'; '.join(told)}"


_FACES: Final[dict[str, Callable[[Seen], str]]] = {
    "reason": lambda seen: seen.reason,
    "key id": lambda seen: seen.key,
    "address": lambda seen: seen.address,
    "request": lambda seen: f"{seen.request} → {seen.status}" if seen.request else "",
}


def _examples(newest: Sequence[Seen]) -> Iterator[str]:
    for seen in list(reversed(newest))[:_EXAMPLES]:
        says = f": {_short(seen.problem)}" if seen.problem else ""
        of = f"{seen.request_id} " if _ID.fullmatch(seen.request_id) else ""
        by = f" from {_short(seen.address)}" if seen.address else ""
        yield f"for example {of}{_short(seen.request)}{by} at {_short(seen.place)}{says}"


def _said(rise: Rise) -> str:
    name = {Kind.KEY: "key id", Kind.REQUEST: "answers"}.get(rise.kind, str(rise.kind))
    return f"{name} {_short(rise.name)}"


def _short(text: str) -> str:
    shown = safe(text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"


def span_text(seconds: float) -> str:
    """``45 s``, ``5 min``, ``24 h``, ``7 days``: the largest unit that leaves no rest."""
    for size, word in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0 and (size < 86_400 or seconds > size):
            return f"{seconds / size:g} {word}"
    return f"{seconds:g} s"


# --- the rest of a finding ----------------------------------------------------------------------------------------


def _facts(rise: Rise, rule: Rule) -> dict[str, str]:
    newest = rise.newest[-1]
    values = {
        "reason": newest.reason,
        "key": newest.key,
        "address": newest.address,
        "status": str(newest.status),
        "request": newest.request,
        "request_id": newest.request_id,
        "log": newest.source,
        "count": str(rise.count),
        "window": span_text(rule.window),
        "usual": str(max(rise.usual.most, rise.usual.same_time)),
    }
    if rise.kind is Kind.REQUEST:
        values["status"] = rise.name
    return {name: _short(value) for name, value in values.items() if value}


def _layer(rise: Rise, cause: Cause) -> Layer:
    reason = rise.name if rise.kind is Kind.REASON else _only(rise.newest, lambda seen: seen.reason)
    return gate_layer(reason) if reason else cause.layer


def _only(newest: Sequence[Seen], get: Callable[[Seen], str]) -> str:
    """What all of them have; empty where they differ."""
    values = {get(seen) for seen in newest}
    return _short(values.pop()) if len(values) == 1 else ""


def _next(rise: Rise, cause: Cause, facts: dict[str, str]) -> str:
    """The record of an example, where it is a request of our own; else the cause's own command."""
    ours = [seen.request_id for seen in rise.newest if seen.reason and _ID.fullmatch(seen.request_id)]
    if ours:
        return f"mattegate why {ours[-1]}"
    said = cause.said("check", facts)
    return "" if "<" in said or facts.get("log", "").startswith("standard") else said


# --- the answer ---------------------------------------------------------------------------------------------------


def _verdict(findings: Sequence[Finding], watch: Watch) -> Verdict:
    if findings:
        return Verdict.FAULT
    judged = watch.lines and watch.history(watch.last_at) >= LEAST_HISTORY
    return Verdict.CLEAN if judged else Verdict.UNDECIDED


def _checked(watch: Watch, logs: Sequence[Lines]) -> Iterator[str]:
    for log in logs:
        yield f"{_short(log.source)}: {log.number} lines"
    if not watch.lines:
        return
    rule = watch.rule
    first, last = utc_text(watch.first_at), utc_text(watch.last_at)
    yield f"{watch.lines} requests from {first} to {last}, {watch.refused} of them refused"
    yield (
        f"a rise is {rule.least} or more in {span_text(rule.window)} and more than {rule.times} times the usual of the "
        f"{span_text(rule.baseline)} before"
    )


def _not_checked(watch: Watch, logs: Sequence[Lines]) -> Iterator[str]:
    for log in logs:
        if log.unread:
            yield f"{_short(log.source)}: {log.unread} lines say no status, or no time with its zone"
        if log.future:
            yield f"{_short(log.source)}: {log.future} lines are of a time to come"
    rule, history = watch.rule, watch.history(watch.last_at) if watch.lines else 0
    if watch.lines and history < LEAST_HISTORY:
        there, need = span_text(history * rule.window), span_text(LEAST_HISTORY * rule.window)
        yield f"what is usual: the log reaches back {there} before its last window, and {need} are needed"
    elif watch.lines and history < rule.windows:
        there, need = span_text(history * rule.window), span_text(rule.baseline)
        yield f"the whole baseline: the log reaches back {there} of {need}"
    if watch.only_caller:
        yield (
            f"addresses: every request comes from {_short(watch.only_caller)}; if that is a proxy, declare it "
            "(network.trusted_proxies), and have other servers log the address it forwards"
        )
    for kind, count in watch.let_go.items():
        yield f"{kind}: {count} were let go to make room for others, those that were seen longest ago"
    if watch.untold:
        yield f"{watch.untold} more refusals were above their limit while too many rises went on to follow each"
