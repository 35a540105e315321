"""Sealing the secrets that signatures are checked with: a verifier needs them back, so they cannot be kept as digests.

AES-256-GCM (NIST SP 800-38D) under a key-encryption key that lies outside the database; the id of the signing key is
authenticated with it, so that a sealed secret cannot be moved to another key. A sealed secret reads: one byte of
format, 12 bytes of nonce, the ciphertext with its tag.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mattegate.vocabulary.secrets import KeyEncryptionKey

NONCE_BYTES: Final = 12
_FORMAT: Final = b"\x01"


class UnsealError(ValueError):
    """A sealed secret is damaged, belongs to another key, or was sealed with another key-encryption key."""


def seal(secret: bytes, *, key_id: str, kek: KeyEncryptionKey, nonce: bytes) -> bytes:
    """``secret`` sealed for the signing key ``key_id``; ``nonce`` is 12 random bytes, never used twice.

    Raises ``ValueError`` for a nonce of another length.
    """
    if len(nonce) != NONCE_BYTES:
        raise ValueError(f"the nonce has {len(nonce)} bytes instead of {NONCE_BYTES}")
    return _FORMAT + nonce + _cipher(kek.secret).encrypt(nonce, secret, key_id.encode())


def unseal(sealed: bytes, *, key_id: str, kek: KeyEncryptionKey) -> bytes:
    """The secret of ``key_id`` back. Raises :class:`UnsealError`, which shows nothing of it."""
    nonce, ciphertext = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    if sealed[:1] != _FORMAT or len(nonce) < NONCE_BYTES:
        raise UnsealError("it is no sealed secret of this version")
    try:
        return _cipher(kek.secret).decrypt(nonce, ciphertext, key_id.encode())
    except InvalidTag:
        raise UnsealError(f"the secret of {key_id} does not open with key-encryption key {kek.version}") from None


@lru_cache(maxsize=8)
def _cipher(secret: bytes) -> AESGCM:
    """The cipher with its key schedule, which takes longer than sealing does."""
    return AESGCM(secret)
