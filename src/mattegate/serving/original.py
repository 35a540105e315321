"""The request that a proxy asks about, put together from what each proxy says of it.

Rules of this file: only what the proxy itself writes on every question is believed. A field that one proxy writes would
come from the client through another, so each way of asking has fields of its own and reads no others; a field that
stands there twice, or not at all, is a problem and never a guess. Who is believed is decided before this file is asked.

nginx's fields are those that ``mattegate config render nginx`` writes; Caddy's and Traefik's are their own
(``forward_auth``, ``forwardAuth``). Envoy's ``ext_authz`` sends the method and the path as they are, the path behind
its ``path_prefix``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from mattegate.vocabulary.admission import Proxy

if TYPE_CHECKING:
    from starlette.types import Scope


@dataclass(frozen=True, slots=True)
class Asking:
    """How one kind of proxy asks: the fields with the original method, target and host."""

    method: bytes = b""
    """Empty: the method of the question."""
    target: bytes = b""
    """Empty: the path behind ``/authz``."""
    host: bytes = b"host"
    narrow: bool = False
    """Whether only 401 and 403 get through to its client."""


ASKING: Final[Mapping[Proxy, Asking]] = MappingProxyType(
    {
        Proxy.NGINX: Asking(b"x-original-method", b"x-original-uri", narrow=True),
        Proxy.CADDY: Asking(b"x-forwarded-method", b"x-forwarded-uri"),
        Proxy.TRAEFIK: Asking(b"x-forwarded-method", b"x-forwarded-uri", b"x-forwarded-host"),
        Proxy.ENVOY: Asking(),
    }
)

_METHOD: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")
_TARGET: Final = re.compile(rb"(/[!$-\x3e@-~]*)(?:\?([!$-~]*))?")
"""In origin form (RFC 9112, section 3.2.1): no fragment, nothing that does not print."""


def original(scope: Scope, asking: Asking, below: str) -> dict[str, Any]:
    """What of ``scope`` is another in the request that is asked about; ``below`` is the path of the question.

    Raises ``ValueError`` with what is not said, or not in a way that can be read.
    """
    method = _one(scope, asking.method) if asking.method else scope["method"].encode()
    target = _one(scope, asking.target) if asking.target else _behind(scope, below)
    host = _one(scope, asking.host)
    if not _METHOD.fullmatch(method):
        raise ValueError("the method is none")
    found = _TARGET.fullmatch(target)
    if found is None:
        raise ValueError("the target does not begin with a path, or has characters that belong encoded")
    headers = [pair for pair in scope["headers"] if pair[0] != b"host"]
    return {
        "method": method.decode(),
        "raw_path": found[1],
        "path": unquote(found[1].decode()),
        "query_string": found[2] or b"",
        "headers": [*headers, (b"host", host)],
    }


def _one(scope: Scope, name: bytes) -> bytes:
    values: list[bytes] = [value for field, value in scope["headers"] if field == name]
    if len(values) > 1:
        raise ValueError(f"{name.decode()} stands there {len(values)} times")
    if not values or not values[0]:
        raise ValueError(f"{name.decode()} is missing")
    return values[0]


def _behind(scope: Scope, below: str) -> bytes:
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    rest = path.removeprefix(below.encode()) or b"/"
    return rest + b"?" + query if query else rest
