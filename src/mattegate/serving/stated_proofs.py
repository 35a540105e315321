"""What the strong credentials of a head say of themselves, put into the attempt before anything is proven."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mattegate.signing.message import Verdict
from mattegate.signing.request_signatures import read_signature
from mattegate.signing.tokens import stated as tokens
from mattegate.vocabulary.attempt import SIGNED, TOKENS, Channel, Flawed, Presented
from mattegate.vocabulary.proofs import StatedToken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mattegate.signing.message import Message
    from mattegate.vocabulary.attempt import Attempt, RouteView
    from mattegate.vocabulary.rulebook import SignatureRules

PROVEN_BY_MESSAGE: Final = SIGNED | TOKENS
"""Channels whose proof is, or may be, over the head itself."""


def with_proofs(attempt: Attempt, message: Message, secrets: Sequence[str], rules: SignatureRules) -> Attempt:
    """``attempt`` with what its signature and its token state, or with what is wrong with them.

    Several signatures, or several tokens, are ambiguous whatever they say; only the first is read then.
    """
    for index, presented in enumerate(attempt.credentials):
        if presented.channel in SIGNED and attempt.signature is None and attempt.unreadable is None:
            attempt = _signed(attempt, index, message, rules)
        elif presented.channel in TOKENS and attempt.token is None and attempt.unreadable is None:
            attempt = _with_token(attempt, presented, secrets[index])
    return attempt


def _signed(attempt: Attempt, index: int, message: Message, rules: SignatureRules) -> Attempt:
    stated = read_signature(message, attempt.credentials[index].scheme, _taken_on(attempt.route, rules))
    if isinstance(stated, Verdict):
        return replace(attempt, unreadable=Flawed(stated.code, stated.facts))
    known = replace(attempt.credentials[index], scheme=stated.scheme, key_id=stated.key_id[:_LONGEST_ID])
    credentials = (*attempt.credentials[:index], known, *attempt.credentials[index + 1 :])
    return replace(attempt, signature=stated, credentials=credentials)


_LONGEST_ID: Final = 128


def _taken_on(route: RouteView, rules: SignatureRules) -> SignatureRules:
    """``rules`` with the compatibility form only where work is asked for.

    It covers no path, and what was signed for a cut-out shall not make or revoke keys.
    """
    if route.metered or not rules.unsafe_body_timestamp_hmac:
        return rules
    return replace(rules, unsafe_body_timestamp_hmac=False)


def _with_token(attempt: Attempt, presented: Presented, text: str) -> Attempt:
    stated = tokens.read(text)
    if isinstance(stated, Verdict):
        return replace(attempt, unreadable=Flawed(stated.code, stated.facts))
    bound = "dpop" if presented.channel is Channel.DPOP else ""
    token = StatedToken(stated.issuer, stated.key_id, stated.algorithm, stated.typ, stated.expires, bound)
    return replace(attempt, token=token)
