"""Keys that do not travel: made, sealed, rotated, narrowed and taken back like any other key."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from mattegate.ledger.control_memory import MemoryControl
from mattegate.ledger.control_sqlite import SqliteControl
from mattegate.ledger.desk import Desk
from mattegate.ledger.desk_keys import Terms
from mattegate.signing.envelope import unseal
from mattegate.vocabulary.facts import KeyKind, KeyState
from mattegate.vocabulary.refusal import Refusal
from mattegate.vocabulary.rulebook import CredentialRules
from mattegate.vocabulary.secrets import KeyEncryptionKey, KeyEncryptionKeys
from tests.ledger.control_support import PEPPER, TIERS, Clock, Office, bytes_on_disk

KEKS = KeyEncryptionKeys((KeyEncryptionKey(1, b"a" * 32), KeyEncryptionKey(2, b"b" * 32)))
WHO = "cli:test"


@pytest.fixture
def desk() -> Desk:
    """A desk that can seal secrets, with one identity."""
    office = Office(MemoryControl())
    desk = Desk(
        office.control, peppers=office.peppers, keks=KEKS, rules=CredentialRules(), tiers=TIERS, clock=Clock()
    )  # fmt: skip
    desk.create_identity("ann", tier="free", actor=WHO)
    return desk


def public_pem(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    """The public half, in PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def test_a_signing_secret_is_shown_once_and_kept_sealed(desk: Desk) -> None:
    """What is stored opens only with the newest key-encryption key, and only for this id."""
    made = desk.create_signing_key("ann", actor=WHO, terms=Terms(name="ci"))
    row = desk._control.key(made.id)
    assert row is not None
    stored = row.stored
    assert (stored.view.kind, stored.view.algorithm, stored.kek_version) == (KeyKind.SIGNING, "hmac-sha256", 2)
    assert made.text.encode() not in stored.material
    assert unseal(stored.material, key_id=made.id, kek=KEKS.of(2)) == made.text.encode()
    assert made.text not in repr(made)
    assert made.text not in repr(stored)


def test_nothing_of_a_signing_secret_reaches_the_disk(tmp_path: Path) -> None:
    """Neither the database nor its log holds the secret, in any encoding that a search would find."""
    control = SqliteControl(tmp_path)
    desk = Desk(control, peppers=Office(control).peppers, keks=KEKS, rules=CredentialRules(), tiers=TIERS)
    desk.create_identity("ann", tier="free", actor=WHO)
    made = desk.create_signing_key("ann", actor=WHO, terms=Terms())
    again = control.key(made.id)
    assert again is not None
    assert unseal(again.stored.material, key_id=made.id, kek=KEKS.of(2)) == made.text.encode()
    control.close()
    kept = bytes_on_disk(tmp_path)
    assert made.id.encode() in kept
    assert made.text[7:].encode() not in kept
    assert PEPPER.secret not in kept


def test_one_public_key_is_one_key(desk: Desk) -> None:
    """Naming it a second time is refused with the id that it has, so that what it signs is one account's."""
    pem = public_pem(ed25519.Ed25519PrivateKey.generate())
    made = desk.create_signing_key("ann", actor=WHO, terms=Terms(), public_key=pem)
    with pytest.raises(Refusal, match=made.id) as refused:
        desk.create_signing_key("ann", actor=WHO, terms=Terms(name="again"), public_key=pem)
    assert refused.value.reason.code == "account.exists"


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ed25519.Ed25519PrivateKey.generate(), "ed25519"),
        (ec.generate_private_key(ec.SECP256R1()), "ecdsa-p256-sha256"),
        (rsa.generate_private_key(65537, 2048), "rsa-pss-sha512"),
    ],
    ids=["ed25519", "p256", "rsa"],
)
def test_a_public_key_names_its_own_algorithm(
    desk: Desk, key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, algorithm: str
) -> None:
    """There is no secret to show, and nothing to seal."""
    made = desk.create_signing_key("ann", actor=WHO, terms=Terms(), public_key=public_pem(key))
    row = desk._control.key(made.id)
    assert row is not None
    assert (made.text, row.stored.view.algorithm, row.stored.kek_version) == ("", algorithm, 0)


def test_a_private_key_is_not_taken(desk: Desk) -> None:
    """It must not leave its owner; the refusal does not repeat it."""
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(Refusal) as refused:
        desk.create_signing_key("ann", actor=WHO, terms=Terms(), public_key=pem)
    assert "private key" in str(refused.value.facts["problem"])
    assert pem.decode().splitlines()[1] not in str(refused.value.facts)


@pytest.mark.parametrize(
    ("schemes", "problem"),
    [
        (["hmac", "compat-hmac"], "a secret of its own"),
        (["hmac-md5"], "known schemes are"),
    ],
)
def test_schemes_are_checked(desk: Desk, schemes: list[str], problem: str) -> None:
    """The weak scheme never shares a secret with a sound one."""
    with pytest.raises(Refusal) as refused:
        desk.create_signing_key("ann", actor=WHO, terms=Terms(), schemes=schemes)
    assert problem in str(refused.value.facts["problem"])


def test_a_shared_secret_scheme_needs_a_shared_secret(desk: Desk) -> None:
    """SigV4 cannot be verified with a public key."""
    pem = public_pem(ed25519.Ed25519PrivateKey.generate())
    with pytest.raises(Refusal, match="made with a shared secret, and ed25519 has none"):
        desk.create_signing_key("ann", actor=WHO, terms=Terms(), public_key=pem, schemes=["sigv4"])


def test_a_signing_key_rotates_into_a_signing_key(desk: Desk) -> None:
    """The successor has a new secret, the same schemes and rights, and its own seal."""
    old = desk.create_signing_key("ann", actor=WHO, terms=Terms(scopes=["cutout"]), schemes=["sigv4"])
    new = desk.rotate_key(old.id, overlap_s=60, actor=WHO)
    row = desk._control.key(new.id)
    assert row is not None
    view = row.stored.view
    assert (view.kind, view.schemes, view.scopes) == (KeyKind.SIGNING, ("sigv4",), ("cutout",))
    assert unseal(row.stored.material, key_id=new.id, kek=KEKS.of(2)) == new.text.encode()
    assert new.text != old.text


def test_a_public_key_is_not_rotated_here(desk: Desk) -> None:
    """Its owner has the other half; the refusal says what to do, and nothing has changed."""
    made = desk.create_signing_key(
        "ann", actor=WHO, terms=Terms(), public_key=public_pem(ed25519.Ed25519PrivateKey.generate())
    )  # fmt: skip
    with pytest.raises(Refusal) as refused:
        desk.rotate_key(made.id, overlap_s=60, actor=WHO)
    assert "make a new one beside it" in str(refused.value.facts["problem"])
    row = desk._control.key(made.id)
    assert row is not None
    assert row.stored.view.state is KeyState.ACTIVE
    assert not row.stored.view.replaced_by


def test_a_certificate_stands_for_an_identity(desk: Desk) -> None:
    """The snapshot finds it by what a certificate must match, spelled in one way."""
    key_id = desk.create_certificate_key("ann", actor=WHO, terms=Terms(), match="san:dns:GPU-1.example.com")
    found = desk._control.snapshot().certificates[b"san:dns:gpu-1.example.com"]
    assert (found.view.id, found.view.kind) == (key_id, KeyKind.CERTIFICATE)
    desk.revoke_key(key_id, actor=WHO)
    assert desk._control.snapshot().certificates[b"san:dns:gpu-1.example.com"].view.state is KeyState.REVOKED


@pytest.mark.parametrize("match", ["", "sha256:abc", "dns:x", "san:ip:10.0.0.1", "subject:no equals sign", "san:dns:"])
def test_a_match_that_fits_nothing_is_refused(desk: Desk, match: str) -> None:
    """With words on how to write one."""
    with pytest.raises(Refusal, match="certificate cannot be"):
        desk.create_certificate_key("ann", actor=WHO, terms=Terms(), match=match)


def test_what_must_be_shown_at_once_cannot_be_narrowed_away_by_its_owner(desk: Desk) -> None:
    """A key that needs a signature beside it makes no key that does not."""
    made = desk.create_key("ann", actor=WHO, require=["signature", "key"])
    row = desk._control.key(made.id)
    assert row is not None
    assert row.stored.view.require == ("key", "signature")
    with pytest.raises(Refusal, match="the freedom from"):
        desk.create_key("ann", actor=f"key:{made.id}")
    assert desk.create_key("ann", actor=f"key:{made.id}", require=["key", "signature"]).id


def test_a_desk_without_a_key_encryption_key_makes_no_secret() -> None:
    """Rather than keeping it in the clear."""
    office = Office(MemoryControl())
    office.desk.create_identity("ann", tier="free", actor=WHO)
    with pytest.raises(Refusal, match="no key-encryption key"):
        office.desk.create_signing_key("ann", actor=WHO, terms=Terms())
