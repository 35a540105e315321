"""A question to an authorizer by HTTP: JSON goes out, a small JSON object comes back, and soon.

What cannot be had is a typed failure and never an answer: whoever asks refuses then (`dependency.*`), because an
authorizer that is down has allowed nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from mattegate.outbound.blocked import Blocked, Cause
from mattegate.outbound.exchange import Headers
from mattegate.outbound.fetch import GuardedHttp, Posted
from mattegate.outbound.guard_rules import OutboundRules

TIMEOUT_S: Final = 2.0
MAX_ANSWER: Final = 64 * 1024
"""Bytes of an answer."""
_SPOKEN: Final = frozenset({200, 401, 403})
"""Statuses by which authorizers speak; any other is a fault of theirs."""
_JSON: Final = (("content-type", "application/json"), ("accept", "application/json"))


@dataclass(frozen=True, slots=True)
class AuthorizerAnswer:
    """What an authorizer said."""

    status: int
    """200, 401 or 403."""
    fields: Mapping[str, object]
    """The object it answered; empty where it answered no body."""


class Authorizer:
    """One authorizer at an address that the operator set. Raises :class:`~mattegate.outbound.blocked.Blocked` for one
    that cannot be read.

    An inner address that stands there as a number, or as ``localhost``, is asked; a name that leads to one only where
    ``rules`` allow it.
    """

    def __init__(self, http: GuardedHttp, url: str, rules: OutboundRules, *, timeout_s: float = TIMEOUT_S) -> None:
        self._http, self._url = http, url
        self._rules = replace(
            rules.trusting(url), max_bytes=MAX_ANSWER, connect_s=timeout_s, stall_s=timeout_s, total_s=timeout_s
        )

    async def ask(self, question: Mapping[str, object], *, headers: Headers = ()) -> AuthorizerAnswer:
        """What it says to ``question``, plain JSON values.

        Raises :class:`~mattegate.outbound.blocked.Blocked`: ``status`` for a status it does not speak by, ``redirect``
        for a redirect, ``type`` for an answer that is no JSON object, and what sending raises.
        """
        body = msgspec.json.encode(question)
        answer = await self._http.post(self._url, self._rules, body=body, headers=(*_JSON, *headers))
        if 300 <= answer.status < 400:
            raise Blocked(Cause.REDIRECT, "the authorizer redirects; set its final address", status=answer.status)
        if answer.status not in _SPOKEN:
            raise Blocked(Cause.STATUS, f"the authorizer answers {answer.status}", status=answer.status)
        return AuthorizerAnswer(answer.status, _fields(answer))


def _fields(answer: Posted) -> dict[str, object]:
    if not answer.body and answer.status != 200:
        return {}
    try:
        fields = json.loads(answer.body, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Blocked(Cause.TYPE, "the authorizer answers with what is no JSON object") from error
    if not isinstance(fields, dict):
        raise Blocked(Cause.TYPE, "the authorizer answers with JSON that is no object")
    return fields


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An answer that says a thing twice says two things: whoever builds it from texts may be led to."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a member stands twice")
    return fields
