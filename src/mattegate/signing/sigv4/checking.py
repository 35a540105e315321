"""Everything about a signature that needs no secret: whether it is timely, meant for us, and covers what it must.

All of it comes before the body is read and before any MAC is computed; the order is AWS's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mattegate.signing.message import VERIFIED, Message, Stated, Verdict
from mattegate.signing.sigv4.faults import shown
from mattegate.signing.sigv4.rules import QUERY_FORM, TERMINATOR, SigV4Rules
from mattegate.signing.sigv4.stamps import stamp
from mattegate.vocabulary.facts import Plain


def check(message: Message, stated: Stated, *, at: float, rules: SigV4Rules) -> Verdict:
    """The first thing wrong with what ``read`` gave, at ``at`` Unix seconds; good where only the proof is left."""
    for look in _CHECKS:
        if (verdict := look(message, stated, at, rules)) is not VERIFIED:
            return verdict
    return VERIFIED


def _late(_message: Message, stated: Stated, at: float, rules: SigV4Rules) -> Verdict:
    if stated.scheme == QUERY_FORM or _created(stated) >= at - rules.skew_s:
        return VERIFIED
    told = _told(stated, at, at - rules.skew_s, rules)
    aws = f"Signature expired: {told['date']} is now earlier than {told['limit']} ({told['now']} - {told['window']})"
    return Verdict("signature.expired", {**told, "aws": aws})


def _early(_message: Message, stated: Stated, at: float, rules: SigV4Rules) -> Verdict:
    if _created(stated) <= at + rules.skew_s:
        return VERIFIED
    told = _told(stated, at, at + rules.skew_s, rules)
    bound = f"{told['limit']} ({told['now']} + {told['window']})"
    aws = f"Signature not yet current: {told['date']} is still later than {bound}"
    return Verdict("signature.not_yet_current", {**told, "aws": aws})


def _over(_message: Message, stated: Stated, at: float, rules: SigV4Rules) -> Verdict:
    """A presigned address says itself how long it lives."""
    if stated.expires is None or at <= stated.expires:
        return VERIFIED
    told = _told(stated, at, stated.expires, rules)
    facts = {**told, "over_s": round(at - stated.expires, 3), "aws": "Request has expired"}
    return Verdict("signature.url_expired", facts)


def _told(stated: Stated, at: float, limit: float, rules: SigV4Rules) -> dict[str, Plain]:
    minutes = f"{rules.skew_s // 60} min." if rules.skew_s % 60 == 0 else f"{rules.skew_s} s."
    skew = round(_created(stated) - at, 3)
    date = stated.particulars["date"]
    return {"date": date, "limit": stamp(limit), "now": stamp(at), "window": minutes, "skew_s": skew}


def _created(stated: Stated) -> float:
    return stated.created or 0.0


def _host(_message: Message, stated: Stated, _at: float, _rules: SigV4Rules) -> Verdict:
    if "host" in stated.covered:
        return VERIFIED
    aws = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
    return Verdict("signature.header_unsigned", {"headers": "host", "aws": aws})


def _region(_message: Message, stated: Stated, _at: float, rules: SigV4Rules) -> Verdict:
    given = stated.particulars["region"]
    aws = f"Credential should be scoped to a valid region, not '{given}'."
    return _scope("signature.scope_region", given, rules.region, aws)


def _service(_message: Message, stated: Stated, _at: float, rules: SigV4Rules) -> Verdict:
    aws = f"Credential should be scoped to correct service: '{rules.service}'."
    return _scope("signature.scope_service", stated.particulars["service"], rules.service, aws)


def _terminator(_message: Message, stated: Stated, _at: float, _rules: SigV4Rules) -> Verdict:
    given = stated.particulars["terminator"]
    aws = f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{given}'."
    return _scope("signature.scope_terminator", given, TERMINATOR, aws)


def _day(_message: Message, stated: Stated, _at: float, _rules: SigV4Rules) -> Verdict:
    date, given = stated.particulars["date"], stated.particulars["day"]
    aws = (
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        f"'{given}' != '{date[:8]}', from '{date}'."
    )
    return _scope("signature.scope_date", given, date[:8], aws)


def _scope(code: str, given: str, expected: str, aws: str) -> Verdict:
    if given == expected:
        return VERIFIED
    return Verdict(code, {"stated": given, "expected": expected, "aws": aws})


def _uncovered(message: Message, stated: Stated, _at: float, rules: SigV4Rules) -> Verdict:
    """Who is in between could set what is not covered, and an ``x-amz-*`` header is an instruction."""
    names = (name.decode("latin-1") for name, _ in message.headers)
    left = sorted({name for name in names if _must_be_covered(name, rules)}.difference(stated.covered))
    if not left:
        return VERIFIED
    aws = " ".join(f"'{name}' must be a 'SignedHeader' in the AWS Authorization." for name in left)
    return Verdict("signature.header_unsigned", {"headers": shown(", ".join(left)), "aws": shown(aws)})


def _must_be_covered(name: str, rules: SigV4Rules) -> bool:
    return (name.startswith("x-amz-") and name not in rules.may_be_unsigned) or name in rules.required_headers


def _absent(message: Message, stated: Stated, _at: float, _rules: SigV4Rules) -> Verdict:
    present = {name for name, _ in message.headers} | ({b"host"} if message.authority else set())
    gone = [name for name in stated.covered if name.encode() not in present]
    if not gone:
        return VERIFIED
    aws = " ".join(f"Authorization header requires existence of '{name}' header." for name in gone)
    return Verdict("signature.header_absent", {"headers": shown(", ".join(gone)), "aws": shown(aws)})


_CHECKS: Final[tuple[Callable[[Message, Stated, float, SigV4Rules], Verdict], ...]] = (
    _late,
    _early,
    _over,
    _host,
    _region,
    _service,
    _terminator,
    _day,
    _uncovered,
    _absent,
)
