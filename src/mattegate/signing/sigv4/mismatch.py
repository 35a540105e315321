"""Why a signature does not match: our canonical text, and the usual mistake that the signature fits, if it fits one.

A signature that is right for a request written down a little differently was made with the right secret, so its owner
may be told what differs. It stays refused: a form that is not the canonical one leaves open what was meant.

The text shows of headers and parameters only ``host``, ``date``, ``content-type``, digests and ``x-amz-*``; of others,
and of the session token, that they are there and how long. The expected signature is never part of it.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, NamedTuple
from urllib.parse import quote_from_bytes

from mattegate.signing.message import Message, Stated, Verdict, one_time
from mattegate.signing.sigv4.canonical import SIGNATURE, Canonical, canonical_query, resolved
from mattegate.signing.sigv4.mac import Scope, signature, string_to_sign
from mattegate.signing.sigv4.rules import EMPTY_SHA256, QUERY_FORM, TOKEN, UNSIGNED_PAYLOAD

NO_MATCH: Final = Verdict(
    "signature.mismatch",
    {
        "differs": "",
        "hint": "",
        "aws": "The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method.",
    },
)
"""The verdict without the search for why."""
_SHOWN: Final = frozenset({"host", "date", "content-type", "digest", "content-digest", "repr-digest"})
_MOST: Final = 8192
"""The most characters of our text."""


def mismatch(
    message: Message, stated: Stated, form: Canonical, text: str, secret: bytes, scope: Scope, *, known: bool
) -> Verdict:
    """The verdict over a signature that does not match ``form`` and its string to sign ``text``.

    ``known`` is whether the secret is that of a key. For one that stands in, the same work is done and nothing found:
    whoever guesses what stands in could otherwise tell from a hint that there is no such key.
    """
    differs, hint = "", ""
    for mistake in _MISTAKES:
        forms = mistake.forms(message, form, stated.scheme == QUERY_FORM)
        if any(_fits(other, stated, secret, scope) and known for other in forms if other != form):
            differs, hint = mistake.name, mistake.hint
            break
    return replace(NO_MATCH, facts={**NO_MATCH.facts, "differs": differs, "hint": hint}, told=told(form, text))


def told(form: Canonical, text: str) -> str:
    """Canonical request and string to sign, as far as whoever sent the request may see them."""
    headers = tuple((name, _value(name, value)) for name, value in form.headers)
    query = "&".join(_parameter(part) for part in form.query.split("&")) if form.query else ""
    request = form._replace(headers=headers, query=query).text().decode("latin-1")
    return f"The canonical request is\n{request}\n\nThe string to sign is\n{text}"[:_MOST]


def _value(name: str, value: bytes) -> bytes:
    return value if _may_show(name) else b"<present, %d bytes>" % len(value)


def _parameter(part: str) -> str:
    name, _, value = part.partition("=")
    return part if name.startswith("X-Amz-") and name.lower() != TOKEN else f"{name}=<present, {len(value)} bytes>"


def _may_show(name: str) -> bool:
    return name in _SHOWN or (name.startswith("x-amz-") and name != TOKEN)


def _fits(form: Canonical, stated: Stated, secret: bytes, scope: Scope) -> bool:
    text = string_to_sign(form.text(), stated.particulars["date"], scope)
    return hmac.compare_digest(one_time(signature(text, secret, scope)), stated.nonce)


class _Mistake(NamedTuple):
    name: str
    hint: str
    forms: Callable[[Message, Canonical, bool], Iterator[Canonical]]
    """What a signer that makes it would write down; the flag: of a presigned address."""


def _empty_body(_message: Message, form: Canonical, _presigned: bool) -> Iterator[Canonical]:
    yield form._replace(payload=EMPTY_SHA256)


def _unsigned_body(_message: Message, form: Canonical, _presigned: bool) -> Iterator[Canonical]:
    yield form._replace(payload=UNSIGNED_PAYLOAD)


def _path(message: Message, form: Canonical, _presigned: bool) -> Iterator[Canonical]:
    sent = message.path or b"/"
    for path in (sent, resolved(sent)):
        yield form._replace(path=path.decode("latin-1"))
        yield form._replace(path=quote_from_bytes(path, safe="/"))


def _query_as_sent(message: Message, form: Canonical, _presigned: bool) -> Iterator[Canonical]:
    sent = message.query.decode("latin-1").split("&")
    parts = [part for part in sent if not part.startswith(f"{SIGNATURE.decode()}=")]
    for ordered in (parts, sorted(parts), sorted(part if "=" in part else f"{part}=" for part in parts)):
        yield form._replace(query="&".join(ordered))


def _plus_as_space(message: Message, form: Canonical, presigned: bool) -> Iterator[Canonical]:
    yield form._replace(query=canonical_query(message.query.replace(b"+", b"%20"), presigned=presigned))


def _no_query(_message: Message, form: Canonical, presigned: bool) -> Iterator[Canonical]:
    if not presigned:
        yield form._replace(query="")


def _other_host(message: Message, form: Canonical, _presigned: bool) -> Iterator[Canonical]:
    default = {"http": b":80", "https": b":443"}.get(message.scheme, b"")
    host = dict(form.headers).get("host", b"")
    bare = host.rpartition(b":")[0] if not host.endswith(b"]") and b":" in host else host
    for other in (bare, bare + default, host.lower()):
        yield form._replace(headers=tuple((name, other if name == "host" else value) for name, value in form.headers))


def _capital_method(_message: Message, form: Canonical, _presigned: bool) -> Iterator[Canonical]:
    yield form._replace(method=form.method.upper())


_MISTAKES: Final = (
    _Mistake(
        "body_as_empty",
        "It fits an empty body: your client signed without looking at the body, as curl does for -F and -T. Sign the "
        "body's SHA-256, or state it in x-amz-content-sha256.",
        _empty_body,
    ),
    _Mistake(
        "body_unsigned",
        "It fits UNSIGNED-PAYLOAD, which leaves the body open to change. Sign the body's SHA-256.",
        _unsigned_body,
    ),
    _Mistake(
        "path",
        "It fits another spelling of the path: resolve dots and doubled slashes and encode the path once more, or send "
        "one that needs neither.",
        _path,
    ),
    _Mistake(
        "query_as_sent",
        "It fits the query as you sent it: encode names and values (RFC 3986) and sort them before you sign.",
        _query_as_sent,
    ),
    _Mistake(
        "plus_as_space",
        "It fits a query whose plus signs are spaces: send a space as %20.",
        _plus_as_space,
    ),
    _Mistake("no_query", "It fits a request without a query: the query is part of what is signed.", _no_query),
    _Mistake(
        "host",
        "It fits another spelling of the host: sign the Host header as it arrives here, port and all, or let the proxy "
        "in between pass it on unchanged.",
        _other_host,
    ),
    _Mistake("method", "It fits the method in capital letters: send it as you signed it.", _capital_method),
)
"""The usual ones, most usual first; each costs one MAC for every form."""
