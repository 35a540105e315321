"""Sealed signing secrets: what opens them, what does not, and that nothing of them shows."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.signing.envelope import NONCE_BYTES, UnsealError, seal, unseal
from mattegate.vocabulary.secrets import KeyEncryptionKey

KEK = KeyEncryptionKey(1, b"k" * 32)
NONCE = bytes(range(NONCE_BYTES))


@given(st.binary(max_size=300), st.text(max_size=20))
def test_what_was_sealed_opens_again(secret: bytes, key_id: str) -> None:
    """Any secret, for any id."""
    sealed = seal(secret, key_id=key_id, kek=KEK, nonce=os.urandom(NONCE_BYTES))
    assert unseal(sealed, key_id=key_id, kek=KEK) == secret


@given(st.data())
def test_every_change_of_a_sealed_secret_is_noticed(data: st.DataObject) -> None:
    """One bit is enough, wherever it is; so is a missing end."""
    sealed = bytearray(seal(b"a secret of some length", key_id="one", kek=KEK, nonce=NONCE))
    place = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[place // 8] ^= 1 << place % 8
    with pytest.raises(UnsealError):
        unseal(bytes(sealed), key_id="one", kek=KEK)
    with pytest.raises(UnsealError):
        unseal(bytes(sealed[: place // 8]), key_id="one", kek=KEK)


def test_a_sealed_secret_cannot_be_given_to_another_key() -> None:
    """Whoever can write the database but has no key-encryption key moves rows in vain."""
    sealed = seal(b"secret", key_id="one", kek=KEK, nonce=NONCE)
    with pytest.raises(UnsealError, match="two does not open with key-encryption key 1"):
        unseal(sealed, key_id="two", kek=KEK)
    with pytest.raises(UnsealError):
        unseal(sealed, key_id="one", kek=KeyEncryptionKey(2, b"x" * 32))


def test_sealing_hides_the_secret() -> None:
    """Neither the secret nor its plain bytes stand in what is kept; a nonce of another length is a bug."""
    assert b"secret" not in seal(b"secret" * 5, key_id="one", kek=KEK, nonce=NONCE)
    with pytest.raises(ValueError, match="11 bytes instead of 12"):
        seal(b"secret", key_id="one", kek=KEK, nonce=NONCE[1:])
