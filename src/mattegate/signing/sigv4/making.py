"""Signs requests, for the client: as headers, or as a presigned address. The canonical form is the verifier's own.

Every header of the request is covered, except those that connections, proxies and tracing set or change on the way
(RFC 9110, section 7.6.1): a signature over them would break without anybody's ill will.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import quote

from mattegate.signing.message import Message
from mattegate.signing.sigv4.canonical import canonical
from mattegate.signing.sigv4.mac import Scope, signature, string_to_sign
from mattegate.signing.sigv4.payload import CONTENT_SHA256
from mattegate.signing.sigv4.rules import ALGORITHM, EMPTY_SHA256, HEADER_FORM, QUERY_FORM, UNSIGNED_PAYLOAD, SigV4Rules
from mattegate.signing.sigv4.stamps import stamp

_UNSTABLE: Final = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer"),
        *("transfer-encoding", "upgrade", "expect", "user-agent", "accept-encoding", "content-length"),
        *("authorization", "traceparent", "tracestate", "baggage", "x-amzn-trace-id", "forwarded"),
    }
)
_FORWARDED: Final = "x-forwarded-"


def sign(
    message: Message,
    *,
    key_id: str,
    secret: bytes,
    at: float,
    rules: SigV4Rules,
    payload: str = EMPTY_SHA256,
    state_payload: bool = True,
) -> tuple[tuple[bytes, bytes], ...]:
    """The headers to add to ``message``: ``x-amz-date``, ``authorization``, and the body's hash if it is to be stated.

    ``payload`` is the SHA-256 of the body in lower-case hex, or ``UNSIGNED-PAYLOAD``, which has to be stated. Raises
    ``ValueError`` where it is not, and where one of these headers is there already.
    """
    _payload_stated(payload, state_payload)
    date = stamp(at)
    added = {b"x-amz-date": date.encode(), **({CONTENT_SHA256.encode(): payload.encode()} if state_payload else {})}
    if present := {name for name, _ in message.headers} & {*added, b"authorization"}:
        raise ValueError(f"the request has these headers already: {b', '.join(sorted(present)).decode()}")
    whole = replace(message, headers=(*message.headers, *added.items()))
    covered, scope = _covered(whole), Scope(date[:8], rules.region, rules.service)
    text = string_to_sign(canonical(whole, covered, HEADER_FORM, payload, rules).text(), date, scope)
    authorization = (
        f"{ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={';'.join(covered)}, "
        f"Signature={signature(text, secret, scope)}"
    )
    return (*added.items(), (b"authorization", authorization.encode()))


def presign(
    message: Message,
    *,
    key_id: str,
    secret: bytes,
    at: float,
    expires_s: int,
    rules: SigV4Rules,
    payload: str = EMPTY_SHA256,
    state_payload: bool = False,
) -> bytes:
    """The query that ``message`` is to be sent with, its own parameters first; good for ``expires_s`` seconds.

    ``payload`` as in :func:`sign`: a presigned POST covers the body that it was made for. The hash is stated as the
    parameter ``X-Amz-Content-Sha256``. Raises ``ValueError`` for a life beyond ``rules`` and as :func:`sign`.
    """
    _payload_stated(payload, state_payload)
    if not 0 < expires_s <= rules.max_expires_s:
        raise ValueError(f"a presigned address lives between 1 and {rules.max_expires_s} seconds, not {expires_s}")
    date = stamp(at)
    covered, scope = _covered(message), Scope(date[:8], rules.region, rules.service)
    added = {
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{key_id}/{scope}",
        "X-Amz-Date": date,
        "X-Amz-Expires": str(expires_s),
        "X-Amz-SignedHeaders": ";".join(covered),
        **({"X-Amz-Content-Sha256": payload} if state_payload else {}),
    }
    parts = [message.query] if message.query else []
    parts.extend(f"{name}={quote(value, safe='')}".encode() for name, value in added.items())
    query = b"&".join(parts)
    form = canonical(replace(message, query=query), covered, QUERY_FORM, payload, rules)
    signed = signature(string_to_sign(form.text(), date, scope), secret, scope)
    return query + b"&X-Amz-Signature=" + signed.encode()


def _covered(message: Message) -> tuple[str, ...]:
    names = {name.decode("latin-1") for name, _ in message.headers} | {"host"}
    return tuple(sorted(name for name in names - _UNSTABLE if not name.startswith(_FORWARDED)))


def _payload_stated(payload: str, state_payload: bool) -> None:
    if payload == UNSIGNED_PAYLOAD and not state_payload:
        raise ValueError("that the body is unsigned has to be stated")
