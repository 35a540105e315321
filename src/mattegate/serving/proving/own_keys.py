"""The keys that our own tokens are signed and verified with, made from the installation's token seeds.

The newest seed signs. Those before it verify for as long after the start as a token can live that was signed before it,
so that a seed which was rotated out is worth nothing soon afterwards; and whoever takes its file away ends it at once.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

from mattegate.signing.tokens.dpop import proof_nonces
from mattegate.signing.tokens.mint import LONGEST_ACCESS_S
from mattegate.signing.tokens.signing_keys import Retired, SigningKey, SigningKeySet

if TYPE_CHECKING:
    from mattegate.signing.tokens.key_set import KeySet
    from mattegate.vocabulary.secrets import TokenSeeds

OVERLAP_S: Final = LONGEST_ACCESS_S + 60.0
_NONCES: Final = b"mattegate nonces of proofs 1\0"


class OwnKeys:
    """All our keys; ``started_at`` is when this process took the newest seed into use, in Unix seconds."""

    def __init__(self, seeds: TokenSeeds, *, started_at: float) -> None:
        newest = seeds.current
        older = (SigningKey.from_seed(seed.secret) for seed in seeds.all if seed.version != newest.version)
        retired = tuple(Retired(key.public, started_at + OVERLAP_S) for key in older)
        self._set = SigningKeySet(SigningKey.from_seed(newest.secret), retired)
        self._nonces = hmac.digest(newest.secret, _NONCES, "sha256")

    @property
    def signing(self) -> SigningKey:
        """The one that signs."""
        return self._set.current

    def verifying(self, at: float) -> KeySet:
        """Those that tokens may be signed with."""
        return self._set.verifying(at)

    def document(self, at: float) -> dict[str, list[dict[str, str]]]:
        """What is published (RFC 7517, section 5)."""
        return self._set.public_jwks(at)

    def nonces(self, at: float) -> tuple[str, str]:
        """The nonce for proofs of possession to give out, and the one before it, which still counts."""
        return proof_nonces(self._nonces, at)
