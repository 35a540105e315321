"""``Content-Digest`` (RFC 9530): hashes of a body that stand in its head, so that a signature of the head covers both.

Rules of this file: every digest of a known algorithm must match, so that none is there for show; unknown algorithms
are passed over as the RFC asks (section 2), but one known must be among them. SHA-256 and SHA-512 are known, the
deprecated ones (section 5) are not. The old ``Digest`` field is another thing and not looked at.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from mattegate.signing.message import VERIFIED, Message, Stated, Verdict
from mattegate.signing.refused import Refused, malformed
from mattegate.signing.structured_fields import Item, Member, parse_dictionary

FIELD: Final = "Content-Digest"
_NAME: Final = b"content-digest"
_HASHES: Final = MappingProxyType({"sha-256": "sha256", "sha-512": "sha512"})
"""Registered names (IANA "Hash Algorithms for HTTP Digest Fields", status Active) and what hashlib calls them."""


@dataclass(frozen=True, slots=True)
class Digests:
    """What a head says of its body: lower-case hex by registered algorithm, at least one."""

    by_algorithm: Mapping[str, str]

    @property
    def sha256(self) -> str:
        """Empty where there is none."""
        return self.by_algorithm.get("sha-256", "")


def read(message: Message) -> Digests | Verdict | None:
    """The digests that ``message`` states; ``None`` where it has no such field."""
    try:
        return digests_of(message) if message.values(_NAME) else None
    except Refused as refused:
        return refused.verdict


def digests_of(message: Message) -> Digests:
    """The same where the field must be there; raises :class:`~mattegate.signing.refused.Refused`."""
    members = parse_dictionary(message.values(_NAME), FIELD)
    known = {name: _hex(name, member) for name, member in members.items() if name in _HASHES}
    if not known:
        found = ", ".join(members)[:64] or "nothing"
        raise Refused("signature.digest_algorithm", found=found, accepted=", ".join(_HASHES))
    return Digests(known)


def field(body: bytes, algorithms: Sequence[str] = ("sha-256",)) -> tuple[bytes, bytes]:
    """The header for ``body``. Raises ``KeyError`` for an algorithm that is not known."""
    digests = (f"{name}=:{b64encode(hashlib.new(_HASHES[name], body).digest()).decode()}:" for name in algorithms)
    return _NAME, ", ".join(digests).encode()


class BodyDigester:
    """Hashes a body as it streams, and compares it with every digest that a signature bound."""

    __slots__ = ("_hashes", "_stated")

    def __init__(self, stated: Stated | Digests) -> None:
        self._stated = stated.by_algorithm if isinstance(stated, Digests) else bound_digests(stated)
        self._hashes = {name: hashlib.new(_HASHES[name]) for name in self._stated}

    def update(self, chunk: bytes) -> None:
        """The next bytes of the body."""
        for running in self._hashes.values():
            running.update(chunk)

    def verdict(self) -> Verdict:
        """After the last byte: whether it is the body that was signed."""
        for name, running in self._hashes.items():
            stated, computed = self._stated[name], running.hexdigest()
            if not hmac.compare_digest(computed.encode(), stated.encode()):
                return Verdict("signature.digest", {"stated": stated, "computed": computed})
        return VERIFIED


def bound_digests(stated: Stated) -> dict[str, str]:
    """The digests that the head of a signed request bound: its SHA-256 and, from this field, perhaps its SHA-512."""
    bound = {"sha-256": stated.digest, "sha-512": stated.particulars.get("sha-512", "")}
    return {name: digest for name, digest in bound.items() if digest}


def _hex(name: str, member: Member) -> str:
    value = member.value if isinstance(member, Item) else None
    size = hashlib.new(_HASHES[name]).digest_size
    if not isinstance(value, bytes) or len(value) != size:
        raise malformed(FIELD, f"has no {name} of {size} bytes between colons")
    return value.hex()
