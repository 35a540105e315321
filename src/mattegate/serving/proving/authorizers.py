"""The operator's own authorizer: asked last, remembered for a while, and never taken to have allowed what it did not.

1. The question: what is known of the request, without any secret.
2. Whether the answer is known: by the route and the values of the declared sources, and by nothing else. What an
   authorizer goes by beside these it must not have remembered (``ttl`` 0).
3. The answer, if it is one; anything else is :class:`Unavailable` ``authorizer``.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from mattegate.config.rulebook import authorizer_name
from mattegate.gate.case import caller_of
from mattegate.ledger.protocols import Unavailable
from mattegate.outbound.configured import rules_of
from mattegate.outbound.fetch import GuardedHttp
from mattegate.serving.proving.authorizer_answers import Answers
from mattegate.serving.proving.authorizer_targets import Target, open_target
from mattegate.signing.leaks import hide_keys
from mattegate.vocabulary.attempt import CUT
from mattegate.vocabulary.authorizing import Answer, AuthorizerRequest, NoAnswerError, read_answer
from mattegate.vocabulary.facts import AuthorizerFact

if TYPE_CHECKING:
    from mattegate.config.settings import Settings
    from mattegate.ledger.protocols import Snapshot
    from mattegate.serving.evidence import Evidence
    from mattegate.serving.walk import Walk
    from mattegate.vocabulary.facts import KeyView
    from mattegate.vocabulary.rulebook import AuthorizerRules

_HEADER: Final = "header:"
_ANY_PATH: Final = frozenset({"app", "authz"})
"""Routes that stand for paths of other applications."""


class AuthorizerProver:
    """Asks whomever the rulebook names."""

    def __init__(self, http: GuardedHttp | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._http = http or GuardedHttp()
        self._targets: dict[str, Target] = {}
        self._answers = Answers(clock)

    def take(self, settings: Settings) -> None:
        """Ask whom these settings name, beside those that requests on their way may still name.

        Raises :class:`~mattegate.config.faults.ConfigurationError`.
        """
        target = open_target(settings.authorizer, self._http, rules_of(settings.outbound))
        if target is not None:
            self._targets[authorizer_name(settings.authorizer)] = target
        self._answers.forget()

    async def prove(self, walk: Walk, evidence: Evidence, keys: Snapshot) -> AuthorizerFact:
        """What it says of a request that everything else lets pass. Raises :class:`Unavailable` ``authorizer``."""
        rules = walk.rules.rulebook.authorizer
        target = self._targets.get(rules.name)
        if target is None:
            raise Unavailable("authorizer", f"{rules.name} is not the one that this server has loaded")
        caller = caller_of(walk.attempt, walk.facts, walk.rules)
        assert caller is not None
        values = _source_values(rules, walk, caller, evidence)

        async def ask() -> Answer:
            return _read(await target.ask(_question(walk, caller, values)), rules)

        key = _key(rules, walk, values)
        answer, cached = await self._answers.get(key, ask) if key else (await ask(), False)
        return AuthorizerFact(rules.name, answer.allow, answer.why, dict(answer.context), cached)


def _read(said: object, rules: AuthorizerRules) -> Answer:
    """The answer, with the time that it holds for."""
    try:
        answer = read_answer(said)
    except NoAnswerError as error:
        raise Unavailable("authorizer", str(error)) from None
    ttl = rules.most_ttl_s if answer.ttl is None else min(answer.ttl, rules.most_ttl_s)
    return Answer(answer.allow, answer.why, answer.context, ttl)


def _question(walk: Walk, caller: KeyView, values: dict[str, str | None]) -> AuthorizerRequest:
    attempt, identity = walk.attempt, caller.identity
    prefixes = tuple(prefix for prefix, _ in walk.rules.rulebook.credential.prefixes)
    headers = {
        name.removeprefix(_HEADER): hide_keys(value, prefixes)
        for name, value in values.items()
        if name.startswith(_HEADER) and value is not None
    }
    return AuthorizerRequest(
        request_id=attempt.request_id,
        at=attempt.at,
        method=attempt.method,
        path=attempt.path,
        route=attempt.route.name,
        host=attempt.host,
        address=walk.address,
        origin=attempt.origin,
        identity=identity.id,
        identity_name=identity.name,
        tier=identity.tier,
        key_id=caller.id,
        scopes=identity.scopes if caller.scopes is None else tuple(filter(caller.allows_scope, caller.scopes)),
        headers=headers,
        model=attempt.model,
        declared_bytes=attempt.declared_bytes,
    )


def _source_values(
    rules: AuthorizerRules, walk: Walk, caller: KeyView, evidence: Evidence
) -> dict[str, str | None]:  # fmt: skip
    """The value of every declared source; ``None`` for one that the request has not."""
    known: dict[str, str | None] = {
        "identity": caller.identity.id,
        "key": caller.id,
        "address": walk.address,
        "origin": walk.attempt.origin,
    }
    return {
        source: _header(source.removeprefix(_HEADER), evidence) if source.startswith(_HEADER) else known[source]
        for source in rules.sources
    }


def _header(name: str, evidence: Evidence) -> str | None:
    wanted = name.encode()
    found = [value.decode("latin-1") for given, value in evidence.headers if given == wanted]
    return ", ".join(found) if found else None


def _key(rules: AuthorizerRules, walk: Walk, values: dict[str, str | None]) -> bytes | None:
    """By what an answer is remembered: a hash, because headers may be secrets; ``None``: it is not remembered.

    Applications that the gate only lets through to have one route for all their paths, so there host and path count
    too. A text that was cut may stand for several, so nothing is remembered by one.
    """
    attempt = walk.attempt
    where = (attempt.host, attempt.path) if attempt.route.name in _ANY_PATH else ()
    texts = (rules.name, attempt.route.name, attempt.method, *where, *values.values())
    if not rules.most_ttl_s or any(text.endswith(CUT) for text in (*where, attempt.origin or "")):
        return None
    return hashlib.sha256(repr(texts).encode()).digest()
