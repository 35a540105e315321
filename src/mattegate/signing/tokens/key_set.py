"""An issuer's published keys (RFC 7517, section 5): which may verify, which one a token means, when to ask anew.

A key that cannot be used is left out with a note for the operator; it never spoils the others. A token that could mean
two keys means none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mattegate.signing.tokens.causes import Cause, Refused, shown
from mattegate.signing.tokens.json_object import read_object
from mattegate.signing.tokens.jwk import JsonWebKey, Unusable, read_key
from mattegate.signing.tokens.stated import StatedToken

MOST_BYTES: Final = 256 * 1024
MOST_KEYS: Final = 100


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of one issuer that signatures can be verified with."""

    keys: tuple[JsonWebKey, ...] = ()
    notes: tuple[str, ...] = ()
    """What was left out, for the operator."""

    def pick(self, algorithm: str, key_id: str) -> JsonWebKey:
        """The one key that a token with this ``alg`` and ``kid`` means; raises ``Refused``."""
        named = [key for key in self.keys if not key_id or key.kid == key_id]
        fitting = [key for key in named if key.fits(algorithm)]
        if len(fitting) == 1:
            return fitting[0]
        if key_id and named and not fitting:
            raise Refused(Cause.ALGORITHM, algorithm=shown(algorithm), allowed="what its key is published for")
        problem = f"{len(fitting)} keys fit" if fitting else "no such key"
        raise Refused(Cause.UNKNOWN_KEY, key_id=shown(key_id), problem=problem)


class KeySetError(ValueError):
    """A document is no key set."""


def read_key_set(document: bytes) -> KeySet:
    """Read a JWK set; raises :class:`KeySetError` where the document as a whole is none."""
    if len(document) > MOST_BYTES:
        raise KeySetError(f"it is longer than {MOST_BYTES} bytes")
    try:
        entries = read_object(document, "key set").get("keys")
    except Refused as refused:
        raise KeySetError(str(refused.verdict.facts["problem"])) from None
    if not isinstance(entries, list) or len(entries) > MOST_KEYS:
        raise KeySetError(f"it has no list of at most {MOST_KEYS} keys")
    found = tuple(_read(entries))
    keys = {key.thumbprint + key.kid: key for key in found if isinstance(key, JsonWebKey)}
    return KeySet(tuple(keys.values()), tuple(note for note in found if isinstance(note, str)))


def _read(entries: list[object]) -> Iterator[JsonWebKey | str]:
    for number, entry in enumerate(entries, 1):
        try:
            yield read_key(entry)
        except Unusable as unusable:
            name = shown(entry.get("kid")) if isinstance(entry, dict) else ""
            yield f"key {number} {name!r} is left out: {unusable}"


def needs_refresh(keys: KeySet, stated: StatedToken) -> bool:
    """Whether newer keys of the issuer may turn a refusal: none of ``keys`` can be the one that the token means.

    How often an issuer is asked is for whoever asks: anybody can invent key ids.
    """
    if stated.key_id:
        return all(shown(key.kid) != stated.key_id for key in keys.keys)
    return not any(key.fits(stated.algorithm) for key in keys.keys)
