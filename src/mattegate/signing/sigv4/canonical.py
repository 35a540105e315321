"""The canonical request: what client and server each write down of one request, and must write alike.

Rules, as AWS documents and its published signing cases show them:

1. The path: resolved (``.``, ``..``, doubled slashes), then every byte but ``A-Z a-z 0-9 - . _ ~ /`` encoded. It came
   encoded once already, so ``%20`` becomes ``%2520``; S3 does neither.
2. The query: every name and value decoded, encoded anew with capital hex digits, sorted by encoded name and then value.
   ``+`` is a plus sign, not a space. A name without ``=`` has an empty value; empty parts are none.
3. The headers: in the order of their names; values without spaces at their ends, runs of white space one space (within
   quotes too), values of one name joined by commas in the order in which they came.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

from mattegate.signing.message import Message
from mattegate.signing.sigv4.rules import QUERY_FORM, SigV4Rules

SIGNATURE: Final = b"X-Amz-Signature"
"""The one parameter that cannot be covered."""


class Canonical(NamedTuple):
    """The parts of a canonical request."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, bytes], ...]
    """Names in order, with their canonical values."""
    payload: str
    """The hash of the body, or the word that stands for it."""

    def text(self) -> bytes:
        """The whole, as it is hashed."""
        lines = [
            self.method.encode("utf-8", "surrogatepass"),
            self.path.encode("latin-1"),
            self.query.encode("latin-1"),
        ]
        lines.extend(name.encode() + b":" + value for name, value in self.headers)
        names = ";".join(name for name, _ in self.headers)
        return b"\n".join((*lines, b"", names.encode(), self.payload.encode()))


def canonical(message: Message, covered: Iterable[str], scheme: str, payload: str, rules: SigV4Rules) -> Canonical:
    """The canonical form of ``message``; ``covered`` are names in lower case, in order, each of them there."""
    query = canonical_query(message.query, presigned=scheme == QUERY_FORM)
    return Canonical(message.method, canonical_path(message.path, rules), query, values(message, covered), payload)


def canonical_path(path: bytes, rules: SigV4Rules) -> str:
    """The path, resolved and encoded as ``rules`` say."""
    whole = resolved(path) if rules.normalize_path else path
    return quote_from_bytes(whole or b"/", safe="/" if rules.encode_path_twice else "/%")


def resolved(path: bytes) -> bytes:
    """``path`` without ``.``, ``..`` and empty segments; a slash at its end stays (RFC 3986, section 5.2.4).

    What does not begin with a slash is no path and stays as it is.
    """
    if not path.startswith(b"/"):
        return path
    kept: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            del kept[-1:]
        elif segment not in {b"", b"."}:
            kept.append(segment)
    return b"/" + b"/".join(kept) + (b"/" if kept and path.endswith(b"/") else b"")


def canonical_query(query: bytes, *, presigned: bool) -> str:
    """The query, encoded anew and sorted; of a presigned one without its signature."""
    if not query:
        return ""
    encoded = sorted(
        (quote_from_bytes(name, safe=""), quote_from_bytes(value, safe=""))
        for name, value in parameters(query)
        if not (presigned and name == SIGNATURE)
    )
    return "&".join(f"{name}={value}" for name, value in encoded)


def parameters(query: bytes) -> list[tuple[bytes, bytes]]:
    """Names and values of the query, decoded, in their order."""
    parts = (part.partition(b"=") for part in query.split(b"&") if part)
    return [(_decoded(name), _decoded(value)) for name, _, value in parts]


def _decoded(text: bytes) -> bytes:
    return unquote_to_bytes(text) if b"%" in text else text


def values(message: Message, names: Iterable[str]) -> tuple[tuple[str, bytes], ...]:
    """The canonical value of each header of ``names``; ``host`` is the authority where no header says it (HTTP/2)."""
    found: dict[bytes, list[bytes]] = {name.encode("latin-1"): [] for name in names}
    for name, value in message.headers:
        if name in found:
            found[name].append(b" ".join(value.split()))
    if found.get(b"host") == []:
        found[b"host"].append(message.authority.encode("latin-1", "replace"))
    return tuple((name.decode("latin-1"), b",".join(given)) for name, given in found.items())
