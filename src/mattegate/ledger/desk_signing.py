"""Acts on keys that do not travel: signing keys, whose secret is kept sealed, and certificates, which are only named.

They are keys like any other, so that everything that narrows, ends, rotates or audits a key does so for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mattegate.ledger.account_values import checked_schemes, invalid
from mattegate.ledger.desk_base import Owner
from mattegate.ledger.desk_keys import KeyDesk, Terms
from mattegate.ledger.protocols import StoredKey
from mattegate.signing.certificates import read_match
from mattegate.signing.envelope import NONCE_BYTES, seal
from mattegate.signing.key_material import Algorithm, KeyMaterialError, PublicKey, load_public_key
from mattegate.signing.keys import Minted, digest_key, mint_signing
from mattegate.vocabulary.facts import IdentityView, KeyKind, KeyView

_NOBODY: Final = IdentityView("", "", "")


class SigningDesk(KeyDesk):
    """Making signing keys and naming certificates."""

    def create_signing_key(
        self, identity: Owner, *, actor: str, terms: Terms, public_key: bytes = b"", schemes: Iterable[str] = ()
    ) -> Minted:
        """A new signing key of an identity.

        Its HMAC secret is in the result and nowhere else. With a ``public_key`` (PEM) there is no secret here at all,
        and the text of the result is empty. Raises ``account.invalid``, as the other acts do.
        """
        at = self._clock()
        minted = mint_signing(self._entropy)
        public = _loaded(public_key) if public_key else None
        algorithm = public.algorithm if public else Algorithm.HMAC_SHA256
        view = replace(
            terms.view(minted.id, at),
            kind=KeyKind.SIGNING,
            algorithm=algorithm.value,
            schemes=checked_schemes(schemes, algorithm),
        )
        stored = _public(view, public) if public else self._sealed(view, minted.text)
        self._create(stored, identity, actor, at)
        return Minted(minted.id, "") if public else minted

    def create_certificate_key(self, identity: Owner, *, actor: str, terms: Terms, match: str) -> str:
        """Let client certificates that match stand for an identity; returns the id of this key.

        ``match``: see :func:`~mattegate.signing.certificates.read_match`. Raises ``account.invalid``.
        """
        at = self._clock()
        try:
            material = read_match(match).encode()
        except ValueError as error:
            raise invalid("certificate", match[:100], str(error)) from None
        key_id = mint_signing(self._entropy).id
        view = replace(terms.view(key_id, at), kind=KeyKind.CERTIFICATE)
        stored = StoredKey(view, sha256(material).digest(), 0, material=material)
        self._create(stored, identity, actor, at)
        return key_id

    def _successor(self, old: KeyView | None) -> tuple[Minted, StoredKey]:
        if old is None or old.kind is not KeyKind.SIGNING or old.algorithm != Algorithm.HMAC_SHA256:
            return super()._successor(old)
        minted = mint_signing(self._entropy)
        fresh = KeyView(minted.id, _NOBODY, environment=old.environment, kind=KeyKind.SIGNING, algorithm=old.algorithm)
        return minted, self._sealed(fresh, minted.text)

    def _sealed(self, view: KeyView, secret: str) -> StoredKey:
        """The secret under the key-encryption key; its digest only keeps two keys from having the same one."""
        if self._keks is None:
            raise invalid("algorithm", view.algorithm, "this place has no key-encryption key to seal a secret with")
        kek, pepper = self._keks.current, self._peppers.current
        material = seal(secret.encode(), key_id=view.id, kek=kek, nonce=self._entropy(NONCE_BYTES)[:NONCE_BYTES])
        return StoredKey(
            view, digest_key(secret, pepper), pepper.version, material=material, kek_version=kek.version
        )  # fmt: skip


def _loaded(public_key: bytes) -> PublicKey:
    try:
        return load_public_key(public_key)
    except KeyMaterialError as error:
        raise invalid("public_key", f"({len(public_key)} bytes)", str(error)) from None


def _public(view: KeyView, public: PublicKey) -> StoredKey:
    material = public.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return StoredKey(view, sha256(material).digest(), 0, material=material)
