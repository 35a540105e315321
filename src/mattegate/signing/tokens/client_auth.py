"""How a client presents itself at the token endpoint (RFC 6749, section 2.3): one way, and not two at once.

Read here without any secret of ours; whoever knows the clients compares.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote_to_bytes

from mattegate.signing.tokens.assertion import ASSERTION_TYPE
from mattegate.signing.tokens.causes import SHOWN, Cause, Refused, answering, shown
from mattegate.signing.tokens.stated import StatedToken, read

MOST_OF_BODY: Final = 64 * 1024
_ENCODED: Final = re.compile(r"(?:[!-$&-*,-~]|%[0-9A-Fa-f]{2}|\+)*")


@dataclass(frozen=True, slots=True)
class SecretClient:
    """A client with a shared secret."""

    client_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AssertingClient:
    """A client with a signed assertion, not verified yet."""

    client_id: str
    """As the assertion states it."""
    assertion: str = field(repr=False)


@answering
def read_form(body: bytes) -> dict[str, str]:
    """The parameters of a form; each may stand there once, and empty ones count as missing (RFC 6749, section 3.2)."""
    if len(body) > MOST_OF_BODY:
        raise Refused(Cause.CLIENT, problem=f"the form is longer than {MOST_OF_BODY} bytes")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=bool(body), errors="strict")
    except ValueError:  # also UnicodeError
        raise Refused(Cause.CLIENT, problem="the body is no form in UTF-8") from None
    form = dict(pairs)
    if len(form) < len(pairs):
        raise Refused(Cause.CLIENT, problem="a parameter stands twice")
    return {name: value for name, value in form.items() if value}


@answering
def presented_client(authorization: Sequence[str], form: Mapping[str, str]) -> SecretClient | AssertingClient:
    """The client that ``authorization`` (every such header) or ``form`` presents; never raises."""
    asserted = "client_assertion" in form or "client_assertion_type" in form
    ways = len(authorization) + asserted + ("client_secret" in form)
    if ways != 1:
        raise Refused(Cause.CLIENT, problem="no client presents itself" if not ways else "a client does so twice")
    if asserted:
        return _asserting(form)
    client = _basic(authorization[0]) if authorization else _in_form(form)
    if form.get("client_id", client.client_id) != client.client_id:
        raise Refused(Cause.CLIENT, problem="client_id names another client than Authorization")
    return client


def _in_form(form: Mapping[str, str]) -> SecretClient:
    return SecretClient(_client_id(form.get("client_id", "")), form["client_secret"])


def _basic(value: str) -> SecretClient:
    """HTTP Basic; id and secret are form-encoded before the base64 (RFC 6749, section 2.3.1)."""
    scheme, _, encoded = value.partition(" ")
    if scheme.lower() != "basic":
        raise Refused(Cause.CLIENT, problem="the scheme of Authorization is not Basic")
    try:
        client_id, colon, secret = b64decode(encoded, validate=True).decode("ascii").partition(":")
    except ValueError:  # also binascii.Error and UnicodeError
        colon = ""
    if not colon:
        raise Refused(Cause.CLIENT, problem="Authorization is not base64 of id:secret, each form-encoded")
    return SecretClient(_client_id(_form_decoded(client_id)), _form_decoded(secret))


def _form_decoded(text: str) -> str:
    try:
        if _ENCODED.fullmatch(text):
            return unquote_to_bytes(text.replace("+", " ")).decode()
    except UnicodeDecodeError:
        pass
    raise Refused(Cause.CLIENT, problem="id or secret in Authorization is not form-encoded UTF-8")


def _asserting(form: Mapping[str, str]) -> AssertingClient:
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise Refused(Cause.CLIENT, problem=f"client_assertion_type is not {ASSERTION_TYPE}")
    assertion = form.get("client_assertion", "")
    stated = read(assertion)
    if not isinstance(stated, StatedToken):
        raise Refused(Cause(stated.code), **stated.facts)
    if form.get("client_id", stated.issuer) != stated.issuer:
        raise Refused(Cause.CLIENT, problem="client_id names another client than the assertion")
    return AssertingClient(_client_id(stated.issuer), assertion)


def _client_id(text: str) -> str:
    if not text or shown(text) != text:
        raise Refused(Cause.CLIENT, problem=f"the client's id is missing, longer than {SHOWN}, or does not print")
    return text
