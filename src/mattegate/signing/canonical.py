"""How parts of a head are spelled before they are signed, and how much of that spelling may be told.

Both sides of every scheme use these functions, so that they cannot disagree. What is told of a mismatch is the caller's
own request as it arrived here, but header values only of a short list, and no values of a query: behind a proxy a
header may hold what its sender never saw, and an address may hold a key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from mattegate.signing.message import Message
from mattegate.signing.refused import ambiguous, incomplete

_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}
_TOLD: Final = frozenset({"host", "date", "content-type", "content-digest", "digest", "x-content-sha256"})
_TOLD_PREFIX: Final = "x-amz-"
_NEVER: Final = "x-amz-security-token"
_MOST_TOLD: Final = 1024
"""Characters of one value; longer ones are told by their length."""


def authority(message: Message) -> str:
    """``Host`` in small letters and without the scheme's own port (RFC 9421, section 2.2.3)."""
    return message.authority.strip(" \t").lower().removesuffix(_DEFAULT_PORTS.get(message.scheme.lower(), ""))


def field_value(lines: Iterable[bytes]) -> bytes:
    """The lines of one field as one: trimmed, folds made a space, joined by comma and space (RFC 9421, section 2.1)."""
    return b", ".join((_unfolded(line) if b"\n" in line else line).strip(b" \t") for line in lines)


def _unfolded(line: bytes) -> bytes:
    """Without obsolete line folding (RFC 9112, section 5.2); other line breaks stay, to be refused."""
    first, *more = line.split(b"\r\n")
    if not all(part.startswith((b" ", b"\t")) for part in more):
        return line
    return b" ".join(part.strip(b" \t") for part in (first, *more))


def only_value(message: Message, name: bytes, part: str) -> bytes:
    """The value of a header that must be there once; raises :class:`~mattegate.signing.refused.Refused` otherwise."""
    lines = message.values(name)
    if not lines:
        raise incomplete(part)
    return sole(lines, part)


def sole(lines: Sequence[bytes], part: str) -> bytes:
    """The one line there is, trimmed; raises :class:`~mattegate.signing.refused.Refused` for more."""
    if len(lines) > 1:
        raise ambiguous(f"{part} header")
    return lines[0].strip(b" \t")


def declares_body(message: Message) -> bool:
    """Whether the head announces a body (RFC 9112, section 6.3): without either header a request has none."""
    if message.values(b"transfer-encoding"):
        return True
    return any(value.strip(b" \t0") for value in message.values(b"content-length"))


def told_value(name: str, value: str) -> str:
    """What may be told of the value of the header ``name`` (lower case): all of it, or that it is there."""
    listed = name in _TOLD or (name.startswith(_TOLD_PREFIX) and name != _NEVER)
    return value if listed and len(value) <= _MOST_TOLD else _present(value)


def told_query(query: str) -> str:
    """The parameters by their names: a value may be a key that was put into the address."""
    return "&".join(_told_parameter(part) for part in query.split("&"))


def _told_parameter(part: str) -> str:
    name, equals, value = part.partition("=")
    return f"{name}={_present(value)}" if equals else _present(part) if part else ""


def _present(value: str) -> str:
    return f"<present, {len(value)} bytes>"
