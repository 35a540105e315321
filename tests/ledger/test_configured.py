"""Keys listed in the configuration work beside the stored ones, and never against them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mattegate.ledger.configured import with_configured
from mattegate.ledger.control_memory import MemoryControl
from mattegate.ledger.control_sqlite import SqliteControl
from mattegate.ledger.protocols import Keyring
from mattegate.signing.keys import digest_key, matches, mint
from mattegate.vocabulary.facts import KeyState
from mattegate.vocabulary.refusal import Refusal
from mattegate.vocabulary.rulebook import CredentialRules
from mattegate.vocabulary.secrets import Pepper, Peppers
from tests.ledger.control_support import PEPPER, Office, bytes_on_disk

CLI = "cli:ann"
LISTED = "RMBG-PROD-abc123XYZ"


@pytest.fixture
def office() -> Office:
    """A desk with one identity."""
    office = Office(MemoryControl())
    office.desk.create_identity("acme", tier="free", actor=CLI)
    return office


def join(office: Office, *texts: str) -> Keyring:
    """The office's keys and these."""
    return with_configured(office.control, texts, tier="enterprise", peppers=office.peppers, rules=CredentialRules())


def test_a_key_of_the_published_guide_works_unmodified(office: Office) -> None:
    """``api_keys: - "RMBG-PROD-abc123XYZ"`` is a foreign key of the identity ``config``, found by its digest."""
    snapshot = join(office, LISTED).snapshot()
    digest = digest_key(LISTED, PEPPER)
    view = snapshot.foreign[digest].view
    assert view.id == f"cfg_{digest.hex()[:12]}"
    assert snapshot.keys[view.id] is snapshot.foreign[digest]
    assert (view.identity.id, view.identity.name, view.identity.tier) == ("config", "config", "enterprise")
    assert (view.allows_scope("cutout"), view.allows_scope("keys")) == (True, False)
    assert snapshot.epoch == office.control.snapshot().epoch


def test_stored_keys_stay_and_change_beside_listed_ones(office: Office) -> None:
    """A change is in the next snapshot; without one it is the same object."""
    keyring = join(office, LISTED, "sk_live_0123456789")
    minted = office.desk.create_key("acme", actor=CLI)
    first = keyring.snapshot()
    assert keyring.snapshot() is first
    assert (len(first.keys), len(first.foreign)) == (3, 2)
    office.desk.revoke_key(minted.id, actor=CLI)
    assert keyring.snapshot().keys[minted.id].view.state is KeyState.REVOKED


@pytest.mark.parametrize("new_pepper", [False, True])
def test_what_was_imported_and_revoked_stays_revoked_although_it_is_listed(office: Office, new_pepper: bool) -> None:
    """Also when it was imported under an older pepper, and when it is a key of our own making."""
    brought = office.desk.import_key(LISTED, name="old", identity="acme", actor=CLI)
    minted = office.desk.create_key("acme", actor=CLI)
    for key_id in (brought.id, minted.id):
        office.desk.revoke_key(key_id, actor=CLI)
    if new_pepper:
        office.peppers = Peppers((PEPPER, Pepper(2, b"q" * 32)))
    snapshot = join(office, LISTED, minted.text).snapshot()
    assert {key.view.state for key in snapshot.keys.values()} == {KeyState.REVOKED}
    assert list(snapshot.foreign) == [brought.stored.digest]


def test_a_listed_key_of_our_own_making_is_found_by_its_id(office: Office) -> None:
    """Such a credential is never looked for by its digest."""
    minted = mint("sk_test_")
    snapshot = join(office, minted.text).snapshot()
    assert dict(snapshot.foreign) == {}
    assert matches(minted.text, snapshot.keys[minted.id].digest, PEPPER)
    assert snapshot.keys[minted.id].view.environment == "test"


def test_listed_keys_are_not_administered(office: Office) -> None:
    """They are in the file, so the desk does not know them and they cannot act."""
    view = next(iter(join(office, LISTED).snapshot().keys.values())).view
    for actor in (CLI, f"key:{view.id}"):
        with pytest.raises(Refusal) as refused:
            office.desk.revoke_key(view.id, actor=actor)
        assert refused.value.reason.code == "account.not_found"


def test_nothing_listed_is_the_store_itself_and_a_bad_text_is_refused(office: Office) -> None:
    """The refusal does not show the text."""
    assert join(office).snapshot() is office.control.snapshot()
    with pytest.raises(Refusal) as refused:
        join(office, "with space")
    assert "with space" not in str(refused.value.facts)


def test_listed_keys_are_never_written(tmp_path: Path) -> None:
    """Neither as text nor as digest."""
    control = SqliteControl(tmp_path)
    office = Office(control)
    join(office, LISTED).snapshot()
    office.desk.create_identity("acme", tier="free", actor=CLI)
    control.close()
    kept = bytes_on_disk(tmp_path)
    assert LISTED.encode() not in kept
    assert digest_key(LISTED, PEPPER) not in kept
