"""credential: who is asking, by a key whose secret was shown.

Until the secret is shown, the answer tells only what the presented text itself tells. Afterwards it is precise.
"""

from __future__ import annotations

from typing import Final

from mattegate.gate.case import Case
from mattegate.gate.wording import moment_text
from mattegate.vocabulary.attempt import Channel, Flaw, Presented
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import CredentialFact, FactName, KeyState, KeyView, Plain

_PUBLIC: Final = Finding("credential", Effect.NO_IMPACT)
_WHERE: Final = {
    Channel.BEARER: "'Authorization: Bearer'",
    Channel.API_KEY: "'X-API-Key:'",
    Channel.BASIC: "'Authorization: Basic'",
    Channel.QUERY: "the parameter in the address",
    Channel.AUTHORIZATION: "'Authorization:'",
}


def judge(case: Case) -> Finding | FactName:
    """Refuse who shows nothing, something unreadable, something unknown, or a key that is not valid (any more)."""
    attempt = case.attempt
    if attempt.route.public:
        return _PUBLIC
    if not attempt.credentials:
        return _without(case)
    presented = attempt.credentials[0]
    if presented.flaw is not Flaw.NONE:
        return _deny(f"credential.{presented.flaw}", _looks(case, presented), detail=_nowhere(case))
    fact = case.facts.credential
    if fact is None:
        return FactName.CREDENTIAL
    if not fact.proven or fact.key is None:
        return _deny("credential.unknown", {"key_id": presented.key_id}, detail=_why_unproven(case, fact))
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
    }


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
    at = case.attempt.at
    if key.state is not KeyState.ACTIVE:
        return _ended(key, "revoked" if key.state is KeyState.REVOKED else "disabled")
    if key.expires_at is not None and at >= key.expires_at:
        return _ended(key, "expired", expired_at=moment_text(key.expires_at))
    if key.identity.state is not KeyState.ACTIVE:
        facts: dict[str, Plain] = {"key_id": key.id, "identity": key.identity.id}
        return _deny("credential.identity_disabled", facts, Effect.EXPLICIT_DENY)
    if key.environment not in case.rules.environments:
        presented = Presented(case.attempt.credentials[0].channel, environment=key.environment)
        return _deny("credential.environment", _looks(case, presented), Effect.EXPLICIT_DENY)
    return Finding("credential", Effect.ALLOW, detail=_who(key))


def _ended(key: KeyView, how: str, **facts: Plain) -> Finding:
    detail = f"replaced by {key.replaced_by}" if key.replaced_by else ""
    return _deny(f"credential.{how}", {"key_id": key.id, **facts}, Effect.EXPLICIT_DENY, detail=detail)


def _who(key: KeyView) -> str:
    told = f"key {key.id} of {key.identity.id}, tier {key.identity.tier}"
    if key.replaced_by and key.expires_at is not None:
        told += f"; replaced by {key.replaced_by}, in its overlap until {moment_text(key.expires_at)}"
    return told


def _deny(reason: str, facts: dict[str, Plain], effect: Effect = Effect.IMPLICIT_DENY, *, detail: str = "") -> Finding:
    return Finding("credential", effect, reason, facts, "", detail)
