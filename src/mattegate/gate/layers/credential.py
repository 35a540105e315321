"""credential: who is asking, by a key whose secret was shown.

Until the secret is shown, the answer tells only what the presented text itself tells. Afterwards it is precise.
"""

from __future__ import annotations

from typing import Final

from mattegate.gate.case import Case
from mattegate.gate.standing import ended_finding, who
from mattegate.vocabulary.attempt import SIGNED, TOKENS, Channel, Flaw, Presented
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import CredentialFact, FactName, KeyView, Plain
from mattegate.vocabulary.rulebook import CredentialRules

_PUBLIC: Final = Finding("credential", Effect.NO_IMPACT)
_ELSEWHERE: Final = Finding("credential", Effect.NO_IMPACT, detail="no API key, but another proof")
_WHERE: Final = {
    Channel.BEARER: "'Authorization: Bearer'",
    Channel.API_KEY: "'X-API-Key:'",
    Channel.BASIC: "'Authorization: Basic'",
    Channel.QUERY: "the parameter in the address",
    Channel.AUTHORIZATION: "'Authorization:'",
}
_MOST_BRANDS: Final = 4
"""How many beginnings of keys from elsewhere are named."""
_OTHERS: Final = SIGNED | TOKENS


def judge(case: Case) -> Finding | FactName:
    """Refuse who shows nothing, something unreadable, something unknown, or a key that is not valid (any more)."""
    attempt = case.attempt
    if attempt.route.public:
        return _PUBLIC
    if not attempt.credentials:
        return _without(case) if attempt.certificate is None else _by_certificate(case)
    presented = next((one for one in attempt.credentials if one.channel not in _OTHERS), None)
    return _ELSEWHERE if presented is None else _by_key(case, presented)


def _by_key(case: Case, presented: Presented) -> Finding | FactName:
    if presented.flaw is not Flaw.NONE:
        return _deny(f"credential.{presented.flaw}", _looks(case, presented), detail=_nowhere(case))
    fact = case.facts.credential
    if fact is None:
        return FactName.CREDENTIAL
    if not fact.proven or fact.key is None:
        return _deny("credential.unknown", {"key_id": presented.key_id}, detail=_why_unproven(case, fact))
    return _proven(case, fact.key)


def _by_certificate(case: Case) -> Finding | FactName:
    """The certificate of the handshake stands for an identity, where one is bound to it."""
    fact = case.facts.certificate
    if fact is None:
        return FactName.CERTIFICATE
    if fact.key is None:
        return _deny("credential.certificate_unknown", fact.facts, detail=_nowhere(case))
    return _proven(case, fact.key)


def _without(case: Case) -> Finding:
    anonymous = case.rules.anonymous
    if anonymous is None:
        return _deny("credential.missing", {}, detail=_nowhere(case))
    detail = f"no credential: served as {anonymous.id} of the tier {anonymous.identity.tier}"
    return Finding("credential", Effect.ALLOW, rule="keys.unsafe_anonymous", detail=detail)


def _looks(case: Case, presented: Presented) -> dict[str, Plain]:
    """What the presented text itself tells, for the hint of every flaw."""
    rules = case.rules.rulebook.credential
    expected = presented.prefix or (rules.prefixes[0][0] if rules.prefixes else "")
    return {
        "where": _WHERE[presented.channel],
        "scheme": presented.scheme,
        "prefix": expected,
        "environment": presented.environment,
        "served": ", ".join(rules.environments),
        "length": presented.length,
        "key_id": presented.key_id,
        **_instead(presented, expected, rules),
    }


def _instead(presented: Presented, expected: str, rules: CredentialRules) -> dict[str, Plain]:
    """What stood at the beginning, or should have stood there."""
    if presented.flaw is Flaw.SCHEME:
        return {"begins": repr(presented.scheme) if presented.scheme else "the key, without a scheme"}
    if presented.flaw is Flaw.PREFIX:
        brands = rules.foreign_prefixes if expected in rules.foreign_prefixes else (expected,)
        return {"prefixes": " or ".join(map(repr, brands[:_MOST_BRANDS]))}
    return {}


def _nowhere(case: Case) -> str:
    """For the record alone: the caller learns nothing about paths before proving anything."""
    attempt = case.attempt
    return "" if attempt.route.name else f"route.unknown: there is nothing at {attempt.path}"


def _why_unproven(case: Case, fact: CredentialFact) -> str:
    key = fact.key
    told = f"key {key.id} of {key.identity.id} exists, its secret was not shown" if key else "there is no such key"
    nowhere = _nowhere(case)
    return f"{told}; {nowhere}" if nowhere else told


def _proven(case: Case, key: KeyView) -> Finding:
    return ended_finding("credential", case, key) or Finding("credential", Effect.ALLOW, detail=who(key))


def _deny(reason: str, facts: dict[str, Plain], *, detail: str = "") -> Finding:
    return Finding("credential", Effect.IMPLICIT_DENY, reason, facts, "", detail)
