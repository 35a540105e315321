"""Every administrative act: what it does, what it refuses, and that the next snapshot shows it."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.ledger.account_values import origin_of
from mattegate.ledger.audit import first_break
from mattegate.ledger.control import Control
from mattegate.ledger.control_memory import MemoryControl
from mattegate.ledger.control_sqlite import FILE, SqliteControl
from mattegate.ledger.narrowing import require_within
from mattegate.ledger.protocols import Snapshot, StoredKey
from mattegate.signing.keys import digest_key, id_of, matches, mint
from mattegate.vocabulary.facts import IdentityView, KeyState, KeyView
from mattegate.vocabulary.refusal import Refusal
from mattegate.vocabulary.rulebook import CredentialRules, Limit
from mattegate.vocabulary.secrets import Pepper, Peppers
from tests.ledger.control_support import NOW, PEPPER, Office, bytes_on_disk

CLI = "cli:ann"
BOTH = Peppers((PEPPER, Pepper(2, b"q" * 32)))
FOREIGN = "RMBG-PROD-abc123XYZ"


@pytest.fixture
def office() -> Office:
    """A desk over memory with the identity ``acme``."""
    office = Office(MemoryControl())
    office.desk.create_identity("acme", tier="free", actor=CLI)
    return office


@pytest.fixture(params=["memory", "sqlite"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    """The same over each store."""
    control: Control = MemoryControl() if request.param == "memory" else SqliteControl(tmp_path / "ledger")
    office = Office(control)
    office.desk.create_identity("acme", tier="free", actor=CLI)
    yield office
    control.close()


def refused(act: Callable[..., object], *given: object, **named: object) -> Refusal:
    """The refusal of an act, whose sentences can all be filled."""
    with pytest.raises(Refusal) as caught:
        act(*given, **named)
    assert caught.value.detail
    assert caught.value.remedy
    assert caught.value.operator_detail
    return caught.value


def key(office: Office, key_id: str) -> StoredKey:
    """A key as the next snapshot has it."""
    return office.control.snapshot().keys[key_id]


# --- revocation and every other change reach the next snapshot ----------------------------------------------

Act = Callable[[Office, str], object]
ACTS: dict[str, Act] = {
    "revoke": lambda office, key_id: office.desk.revoke_key(key_id, actor=CLI),
    "disable": lambda office, key_id: office.desk.disable_key(key_id, actor=CLI),
    "update name": lambda office, key_id: office.desk.update_key(key_id, name="new", actor=CLI),
    "update expiry": lambda office, key_id: office.desk.update_key(key_id, expires_at=NOW + 5, actor=CLI),
    "update scopes": lambda office, key_id: office.desk.update_key(key_id, scopes=["self"], actor=CLI),
    "update addresses": lambda office, key_id: office.desk.update_key(key_id, addresses=["::1"], actor=CLI),
    "update origins": lambda office, key_id: office.desk.update_key(key_id, origins=["https://a.b"], actor=CLI),
    "update models": lambda office, key_id: office.desk.update_key(key_id, models=["u2netp"], actor=CLI),
    "rotate": lambda office, key_id: office.desk.rotate_key(key_id, overlap_s=9, actor=CLI),
    "identity disabled": lambda office, _: office.desk.update_identity("acme", state=KeyState.DISABLED, actor=CLI),
    "identity tier": lambda office, _: office.desk.update_identity("acme", tier="vip", actor=CLI),
    "identity scopes": lambda office, _: office.desk.update_identity("acme", scopes=["self"], actor=CLI),
    "identity limits": lambda office, _: office.desk.update_identity(
        "acme", limits=[Limit("mine", "rate", 1, 60)], actor=CLI
    ),
    "by owner": lambda office, key_id: office.desk.revoke_key(key_id, actor=f"key:{key_id}"),
    "by task": lambda office, key_id: office.desk.disable_key(key_id, actor="task:unused", why="unused"),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_every_act_is_in_the_next_snapshot_with_a_new_epoch_and_one_audit_entry(either: Office, act: Act) -> None:
    """Also in that of another connection, which has looked before."""
    minted = either.desk.create_key("acme", actor=CLI)
    before, entries = either.control.snapshot(), either.control.head().seq
    act(either, minted.id)
    after = either.control.snapshot()
    assert after.epoch == before.epoch + 1
    assert either.control.head().seq == entries + 1
    assert after.keys[minted.id] != before.keys[minted.id]
    assert first_break(either.control.audit(), last=either.control.head()) is None


def test_a_leaked_key_is_revoked_by_its_text_alone(either: Office) -> None:
    """As it was pasted, with spaces or quotes; its own, an imported one, and one under an older pepper."""
    minted = either.desk.create_key("acme", actor=CLI)
    brought = either.desk.import_key(FOREIGN, name="brought", identity="acme", actor=CLI)
    either.peppers = BOTH
    for text, key_id in ((f' "{minted.text}"\n', minted.id), (FOREIGN, brought.id)):
        row = either.desk.revoke_leaked(text, actor="task:leaks")
        assert (row.id, row.stored.view.state) == (key_id, KeyState.REVOKED)
        assert key(either, key_id).view.state is KeyState.REVOKED
    assert either.control.snapshot().foreign[brought.stored.digest].view.state is KeyState.REVOKED
    *_, last = either.control.audit()
    assert (last.act, last.details["why"]) == ("key.revoke", "leaked")


def test_a_text_with_only_the_id_of_a_key_revokes_nothing(office: Office) -> None:
    """Else anybody who saw an id in a log could take the key away; and the refusal does not repeat the text."""
    minted = office.desk.create_key("acme", actor=CLI)
    other = mint("sk_prod_")
    forged = minted.text[: len("sk_prod_") + 13] + other.text[len("sk_prod_") + 13 :]
    for text in (forged, minted.id, "", minted.text[:-1], "\ud800"):
        refusal = refused(office.desk.revoke_leaked, text, actor=CLI)
        assert refusal.reason.code == "account.not_found"
        assert not text or text not in str(refusal.facts)
    assert key(office, minted.id).view.state is KeyState.ACTIVE


# --- identities ---------------------------------------------------------------------------------------------


def test_an_identity_has_one_name_and_a_tier_that_exists(office: Office) -> None:
    """Names are taken once; a reserved or id-like name is refused, because it could be mistaken."""
    assert refused(lambda: office.desk.create_identity("acme", tier="vip", actor=CLI)).facts == {
        "what": "identity", "name": "acme",
    }  # fmt: skip
    assert refused(lambda: office.desk.create_identity("b", tier="gold", actor=CLI)).facts == {
        "what": "tier", "value": "gold", "problem": "there is no such tier; there are enterprise, free, vip",
    }  # fmt: skip
    for name in ("", " a", "a ", "a\nb", "a\x00", "x" * 101, "config", "anonymous", "id_1", "\u202eevil", "a\ud800"):
        refusal = refused(office.desk.create_identity, name, tier="free", actor=CLI)
        assert (refusal.reason.code, refusal.facts["what"]) == ("account.invalid", "name")
        str(refusal).encode()
    assert len(office.control.identities()) == 1


def test_scopes_are_known_ones(office: Office) -> None:
    """A mistyped scope would grant nothing and be noticed late."""
    for scopes in (["cutouts"], [], "cutout", ["*", "all"]):
        refusal = refused(office.desk.create_identity, "b", tier="free", scopes=scopes, actor=CLI)
        assert (refusal.reason.code, refusal.facts["what"]) == ("account.invalid", "scopes")
    row = office.desk.create_identity("b", tier="free", scopes=["*", "self", "*"], actor=CLI)
    assert row.view.scopes == ("*", "self")


def test_an_identity_is_disabled_and_never_deleted(office: Office) -> None:
    """Its keys stay known, so that the refusal can say why."""
    minted = office.desk.create_key("acme", actor=CLI)
    assert (
        refused(lambda: office.desk.update_identity("acme", state=KeyState.REVOKED, actor=CLI)).facts["what"] == "state"
    )
    office.desk.update_identity("acme", state=KeyState.DISABLED, contact="ops@acme.example", actor=CLI)
    assert key(office, minted.id).view.identity.state is KeyState.DISABLED
    row = office.control.identity("acme")
    assert row is not None
    assert row.contact == "ops@acme.example"
    assert (
        refused(lambda: office.desk.update_identity("nobody", tier="vip", actor=CLI)).reason.code == "account.not_found"
    )


@pytest.mark.parametrize(
    "limits",
    [
        [Limit("a", "rate", 1, 60), Limit("a", "quota", 1, 60)],
        [Limit("a", "speed", 1, 60)],
        [Limit("a b", "rate", 1, 60)],
        [Limit("a", "rate", 0, 60)],
        [Limit("a", "rate", 1, 0)],
        [Limit("a", "rate", 1, 60, burst=-1)],
        [Limit("a", "rate", 1, 60, unit="furlongs")],
        [Limit("a", "credits", -1, 0)],
    ],
)
def test_limits_that_make_no_sense_are_refused(office: Office, limits: list[Limit]) -> None:
    """Each names the limit and what is wrong with it."""
    refusal = refused(lambda: office.desk.update_identity("acme", limits=limits, actor=CLI))
    assert (refusal.reason.code, refusal.facts["what"]) == ("account.invalid", "limits")


def test_a_change_to_what_is_so_already_writes_nothing(office: Office) -> None:
    """The audit log has acts, not wishes."""
    minted = office.desk.create_key("acme", name="a", actor=CLI)
    office.desk.revoke_key(minted.id, actor=CLI)
    office.desk.create_admin("root", actor=CLI)
    office.desk.revoke_admin("root", actor=CLI)
    head = office.control.head()
    office.desk.update_identity("acme", tier="free", actor=CLI)
    office.desk.revoke_key(minted.id, actor=CLI)
    office.desk.update_key(minted.id, name="a", actor=CLI)
    office.desk.revoke_admin("root", actor=CLI)
    assert office.control.head() == head


# --- keys ---------------------------------------------------------------------------------------------------


def test_a_new_key_is_shown_once_and_kept_as_a_digest(office: Office) -> None:
    """What is stored proves the text under the pepper, and the text is of the environment asked for."""
    minted = office.desk.create_key(
        "acme",
        name="web",
        environment="test",
        expires_at=NOW + 60,
        scopes=["cutout"],
        addresses=["203.0.113.7", "2001:DB8::/32"],
        origins=["https://*.acme.example", "http://localhost:*"],
        models=["u2netp"],
        actor=CLI,
    )
    stored = key(office, minted.id)
    assert minted.text.startswith("sk_test_")
    assert id_of(minted.text) == minted.id
    assert matches(minted.text, stored.digest, PEPPER)
    assert minted.text not in repr((minted, stored, list(office.control.audit())))
    identity = office.control.identity("acme")
    assert identity is not None
    assert stored.view == KeyView(
        minted.id, identity.view, "web", "test", KeyState.ACTIVE, NOW, NOW + 60, "", ("cutout",),
        ("203.0.113.7/32", "2001:db8::/32"), ("https://*.acme.example", "http://localhost:*"), ("u2netp",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("what", "given"),
    [
        ("expiry", {"expires_at": NOW}),
        ("expiry", {"expires_at": NOW - 1}),
        ("expiry", {"expires_at": math.nan}),
        ("expiry", {"expires_at": math.inf}),
        ("expiry", {"expires_at": 1e12}),
        ("name", {"name": "a\tb"}),
        ("environment", {"environment": "stage"}),
        ("scopes", {"scopes": ["root"]}),
        ("scopes", {"scopes": []}),
        ("addresses", {"addresses": ["10.0.0.1/8"]}),
        ("addresses", {"addresses": ["10.0.0"]}),
        ("addresses", {"addresses": ["fe80::1%eth0"]}),
        ("addresses", {"addresses": ["::ffff:10.0.0.0/104"]}),
        ("addresses", {"addresses": "10.0.0.1"}),
        ("origins", {"origins": ["*"]}),
        ("origins", {"origins": ["null"]}),
        ("origins", {"origins": ["https://a.example/"]}),
        ("origins", {"origins": ["https://A.example"]}),
        ("origins", {"origins": ["https://a.example:443"]}),
        ("origins", {"origins": ["https://a.example:70000"]}),
        ("origins", {"origins": ["https://a.*.example"]}),
        ("origins", {"origins": ["a.example"]}),
        ("models", {"models": ["../u2net"]}),
    ],
)
def test_impossible_values_are_refused_with_their_fault(office: Office, what: str, given: dict[str, Any]) -> None:
    """Nothing is written, and creating and updating refuse alike."""
    refusal = refused(lambda: office.desk.create_key("acme", actor=CLI, **given))
    assert (refusal.reason.code, refusal.facts["what"]) == ("account.invalid", what)
    assert office.control.keys() == ()
    if what != "environment":
        minted = office.desk.create_key("acme", actor=CLI)
        refusal = refused(lambda: office.desk.update_key(minted.id, actor=CLI, **given))
        assert refusal.facts["what"] == what


def test_a_network_with_host_bits_is_told_the_right_spelling(office: Office) -> None:
    """The hint is the network that was probably meant."""
    refusal = refused(lambda: office.desk.create_key("acme", addresses=["203.0.113.9/24"], actor=CLI))
    assert "203.0.113.0/24 is the network" in refusal.detail


def test_an_operator_keeps_within_the_identity(office: Office) -> None:
    """A key never has a scope that its identity lacks; narrowing and widening within it are both fine."""
    refusal = refused(lambda: office.desk.create_key("acme", scopes=["keys"], actor=CLI))
    assert refusal.facts == {"what": "the scope", "value": "keys", "owner": "the identity acme"}
    minted = office.desk.create_key("acme", scopes=["self"], addresses=["::1"], expires_at=NOW + 5, actor=CLI)
    assert refused(lambda: office.desk.update_key(minted.id, scopes=["*"], actor=CLI)).reason.code == "account.wider"
    row = office.desk.update_key(minted.id, scopes=None, addresses=[], expires_at=None, actor=CLI)
    view = row.stored.view
    assert (view.scopes, view.addresses, view.expires_at) == (None, (), None)


def test_unknown_keys_and_identities_are_named(office: Office) -> None:
    """Each act says what it did not find."""
    desk = office.desk
    acts: list[Callable[[], object]] = [
        lambda: desk.revoke_key("nokey", actor=CLI),
        lambda: desk.disable_key("nokey", actor=CLI),
        lambda: desk.enable_key("nokey", actor=CLI),
        lambda: desk.update_key("nokey", name="x", actor=CLI),
        lambda: desk.rotate_key("nokey", overlap_s=1, actor=CLI),
    ]
    for act in acts:
        refusal = refused(act)
        assert (refusal.reason.code, refusal.facts) == ("account.not_found", {"what": "key", "name": "nokey"})
    assert refused(lambda: desk.create_key("nobody", actor=CLI)).facts == {"what": "identity", "name": "nobody"}


def test_rotation_gives_the_same_rights_and_lets_the_old_key_go_on_for_a_while(office: Office) -> None:
    """Quota stays, because the identity is the same; both ids are in the log."""
    old = office.desk.create_key("acme", name="web", environment="test", scopes=["self"], models=["u2netp"], actor=CLI)
    new = office.desk.rotate_key(old.id, overlap_s=3600, actor=CLI)
    before, after = key(office, old.id).view, key(office, new.id).view
    assert new.text.startswith("sk_test_")
    assert (before.replaced_by, before.expires_at, before.state) == (new.id, NOW + 3600, KeyState.ACTIVE)
    assert after == replace(before, id=new.id, replaced_by="", expires_at=None, created_at=NOW)
    assert matches(new.text, key(office, new.id).digest, PEPPER)
    assert matches(old.text, key(office, old.id).digest, PEPPER)


def test_rotation_never_lengthens_a_life(office: Office) -> None:
    """Neither that of the old key nor, beyond it, that of the new one."""
    old = office.desk.create_key("acme", expires_at=NOW + 100, actor=CLI)
    new = office.desk.rotate_key(old.id, overlap_s=3600, actor=CLI)
    assert key(office, old.id).view.expires_at == key(office, new.id).view.expires_at == NOW + 100
    for overlap in (-1.0, math.nan, math.inf):
        refusal = refused(office.desk.rotate_key, new.id, overlap_s=overlap, actor=CLI)
        assert refusal.facts["what"] == "overlap"


def test_only_a_live_key_that_was_not_rotated_is_rotated(office: Office) -> None:
    """A second successor would be a key that nobody knows of."""
    first = office.desk.create_key("acme", actor=CLI)
    successor = office.desk.rotate_key(first.id, overlap_s=0, actor=CLI)
    assert successor.id in refused(lambda: office.desk.rotate_key(first.id, overlap_s=0, actor=CLI)).detail
    for end in (office.desk.revoke_key, office.desk.disable_key):
        ended = office.desk.create_key("acme", actor=CLI)
        end(ended.id, actor=CLI)
        assert refused(office.desk.rotate_key, ended.id, overlap_s=0, actor=CLI).reason.code == "account.invalid"
    brief = office.desk.create_key("acme", expires_at=NOW + 1, actor=CLI)
    office.clock.now += 1
    assert "expired" in refused(lambda: office.desk.rotate_key(brief.id, overlap_s=0, actor=CLI)).detail


def test_revoked_is_for_good(office: Office) -> None:
    """A revoked key cannot be enabled, disabled, changed or rotated into life."""
    minted = office.desk.create_key("acme", actor=CLI)
    office.desk.revoke_key(minted.id, why="lost", actor=CLI)
    acts: list[Callable[[], object]] = [
        lambda: office.desk.enable_key(minted.id, actor=CLI),
        lambda: office.desk.disable_key(minted.id, actor=CLI),
        lambda: office.desk.update_key(minted.id, expires_at=NOW + 9, actor=CLI),
    ]
    for act in acts:
        assert refused(act).reason.code == "account.invalid"
    assert key(office, minted.id).view.state is KeyState.REVOKED


def test_a_disabled_key_rests_until_it_is_enabled(office: Office) -> None:
    """From then on it counts as unused anew, so that the next sweep does not disable it at once."""
    minted = office.desk.create_key("acme", actor=CLI)
    office.clock.now = NOW + 1000
    office.desk.disable_key(minted.id, actor="task:unused", why="unused")
    row = office.desk.enable_key(minted.id, actor=CLI)
    assert (row.stored.view.state, row.enabled_at) == (KeyState.ACTIVE, NOW + 1000)


# --- owners -------------------------------------------------------------------------------------------------


@pytest.fixture
def owned(office: Office) -> tuple[Office, str]:
    """A key that is bound in every way, and may make keys."""
    office.desk.update_identity("acme", scopes=["cutout", "self", "keys"], actor=CLI)
    minted = office.desk.create_key(
        "acme",
        scopes=["cutout", "keys"],
        addresses=["203.0.113.0/24", "2001:db8::/32"],
        origins=["https://*.acme.example", "http://localhost:*"],
        models=["u2netp", "isnet"],
        expires_at=NOW + 1000,
        actor=CLI,
    )
    return office, minted.id


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"scopes": None}, "the scope"),
        ({"scopes": ["self"]}, "the scope"),
        ({"scopes": ["*"]}, "the scope"),
        ({"addresses": []}, "the addresses"),
        ({"addresses": ["203.0.113.0/24", "198.51.100.1"]}, "the address"),
        ({"addresses": ["203.0.112.0/23"]}, "the address"),
        ({"addresses": ["0.0.0.0/0"]}, "the address"),
        ({"addresses": ["::/0"]}, "the address"),
        ({"origins": []}, "the origins"),
        ({"origins": ["https://acme.example"]}, "the origin"),
        ({"origins": ["https://evilacme.example"]}, "the origin"),
        ({"origins": ["http://a.acme.example"]}, "the origin"),
        ({"origins": ["https://a.acme.example:*"]}, "the origin"),
        ({"origins": ["https://*.example"]}, "the origin"),
        ({"origins": ["https://localhost:3000"]}, "the origin"),
        ({"models": []}, "the models"),
        ({"models": ["u2net"]}, "the model"),
        ({"expires_at": None}, "the expiry"),
        ({"expires_at": NOW + 1001}, "the expiry"),
    ],
)
def test_an_owner_only_narrows(owned: tuple[Office, str], given: dict[str, Any], what: str) -> None:
    """Neither the own key nor one made through it gets more than the own key has."""
    office, key_id = owned
    before = office.control.snapshot()
    refusal = refused(lambda: office.desk.update_key(key_id, actor=f"key:{key_id}", **given))
    assert (refusal.reason.code, refusal.facts["what"]) == ("account.wider", what)
    own: dict[str, Any] = {
        "scopes": ["cutout"], "addresses": ["203.0.113.0/24"], "origins": ["https://*.acme.example"],
        "models": ["isnet"], "expires_at": NOW + 5,
    }  # fmt: skip
    refusal = refused(lambda: office.desk.create_key("acme", actor=f"key:{key_id}", **(own | given)))
    assert (refusal.reason.code, refusal.facts["what"]) == ("account.wider", what)
    assert office.control.snapshot() is before


def test_an_owner_may_narrow_in_every_way(owned: tuple[Office, str]) -> None:
    """And make keys that are narrower."""
    office, key_id = owned
    narrow: dict[str, Any] = {
        "name": "narrow", "scopes": ["cutout", "keys"], "addresses": ["203.0.113.128/25", "2001:db8:1::1"],
        "origins": ["https://a.b.acme.example", "http://localhost:3000", "http://localhost"],
        "models": ["isnet"], "expires_at": NOW + 999,
    }  # fmt: skip
    row = office.desk.update_key(key_id, actor=f"key:{key_id}", **narrow)
    assert row.stored.view.addresses == ("203.0.113.128/25", "2001:db8:1::1/128")
    made = office.desk.create_key("acme", actor=f"key:{key_id}", **narrow)
    assert key(office, made.id).view.expires_at == NOW + 999
    assert refused(
        lambda: office.desk.create_key("acme", environment="test", actor=f"key:{key_id}", **narrow)
    ).facts["what"] == "the environment"  # fmt: skip


def test_an_owner_cannot_rotate_a_wider_key_into_its_hands(owned: tuple[Office, str]) -> None:
    """The successor's text would carry the wider rights; taking the wider key back is allowed."""
    office, key_id = owned
    wide = office.desk.create_key("acme", actor=CLI)
    refusal = refused(lambda: office.desk.rotate_key(wide.id, overlap_s=9, actor=f"key:{key_id}"))
    assert refusal.reason.code == "account.wider"
    assert office.desk.rotate_key(key_id, overlap_s=9, actor=f"key:{key_id}").id
    assert office.desk.revoke_key(wide.id, actor=f"key:{key_id}").stored.view.state is KeyState.REVOKED


def test_an_owner_cannot_enable_what_an_operator_disabled(owned: tuple[Office, str]) -> None:
    """Not even a sibling of the own key."""
    office, key_id = owned
    sibling = office.desk.create_key("acme", actor=CLI)
    office.desk.disable_key(sibling.id, actor=CLI)
    assert refused(lambda: office.desk.enable_key(sibling.id, actor=f"key:{key_id}")).reason.code == "account.wider"


def test_to_an_owner_the_keys_of_others_do_not_exist(owned: tuple[Office, str]) -> None:
    """The refusal is the one for an unknown key, word for word."""
    office, key_id = owned
    office.desk.create_identity("other", tier="vip", actor=CLI)
    theirs = office.desk.create_key("other", actor=CLI)
    actor = f"key:{key_id}"
    acts: list[Callable[[str], object]] = [
        lambda other: office.desk.revoke_key(other, actor=actor),
        lambda other: office.desk.disable_key(other, actor=actor),
        lambda other: office.desk.enable_key(other, actor=actor),
        lambda other: office.desk.rotate_key(other, overlap_s=1, actor=actor),
        lambda other: office.desk.update_key(other, name="mine", actor=actor),
    ]
    for act in acts:
        real, unknown = refused(act, theirs.id), refused(act, "x" * 12)
        assert real.detail == unknown.detail.replace("x" * 12, theirs.id)
    assert refused(lambda: office.desk.create_key("other", actor=actor)).reason.code == "account.not_found"


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (lambda office, key_id: office.desk.revoke_key(key_id, actor=CLI), "credential.revoked"),
        (lambda office, key_id: office.desk.disable_key(key_id, actor=CLI), "credential.disabled"),
        (lambda office, _: setattr(office.clock, "now", NOW + 1000), "credential.expired"),
        (
            lambda office, _: office.desk.update_identity("acme", state=KeyState.DISABLED, actor=CLI),
            "credential.identity_disabled",
        ),
    ],
)
def test_a_key_that_was_taken_back_meanwhile_acts_no_more(owned: tuple[Office, str], end: Act, code: str) -> None:
    """The gate let it in a moment ago; the act looks again inside its own transaction."""
    office, key_id = owned
    sibling = office.desk.create_key("acme", actor=CLI)
    end(office, key_id)
    refusal = refused(lambda: office.desk.revoke_key(sibling.id, actor=f"key:{key_id}"))
    assert refusal.reason.code == code
    assert key(office, sibling.id).view.state is KeyState.ACTIVE


def test_an_owner_does_nothing_that_only_operators_do(owned: tuple[Office, str]) -> None:
    """Even if some caller of the desk forgot to ask."""
    office, key_id = owned
    actor, before = f"key:{key_id}", office.control.head()
    acts: list[Callable[[], object]] = [
        lambda: office.desk.create_identity("b", tier="vip", actor=actor),
        lambda: office.desk.update_identity("acme", tier="vip", actor=actor),
        lambda: office.desk.import_key(FOREIGN, name="x", identity="acme", actor=actor),
        lambda: office.desk.create_admin("root", actor=actor),
        lambda: office.desk.revoke_admin("root", actor=actor),
    ]
    for act in acts:
        assert refused(act).reason.code == "account.wider"
    assert office.control.head() == before


@pytest.mark.parametrize("actor", ["", "ann", "cli:", "cli:a b", "root:x", "cli:a\n", "task:\x00", "cli:" + "x" * 101])
def test_an_actor_that_is_none_is_a_bug(office: Office, actor: str) -> None:
    """Nothing is written in the name of nobody."""
    before = office.control.head()
    with pytest.raises(ValueError, match="actor"):
        office.desk.create_identity("b", tier="free", actor=actor)
    assert office.control.head() == before


_HOSTS = st.sampled_from(["a.example", "b.a.example", "c.b.a.example", "xa.example", "example"])
_PATTERNS = st.builds(
    lambda scheme, below, host, port: f"{scheme}://{'*.' if below else ''}{host}{port}",
    st.sampled_from(["http", "https"]), st.booleans(), _HOSTS, st.sampled_from(["", ":*", ":3000"]),
)  # fmt: skip


@given(_PATTERNS, _PATTERNS, _HOSTS, st.sampled_from(["http", "https"]), st.sampled_from(["", ":3000", ":4000"]))
def test_what_a_narrower_origin_pattern_matches_the_wider_one_matches(
    wide: str, narrow: str, host: str, scheme: str, port: str
) -> None:
    """No origin gets through the narrower pattern that the wider one would have kept out."""
    page = origin_of(f"{scheme}://{host}{port}")
    if origin_of(wide).covers(origin_of(narrow)) and origin_of(narrow).covers(page):
        assert origin_of(wide).covers(page)


_NETWORKS = st.lists(
    st.sampled_from(["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "192.0.2.0/24", "::/0", "2001:db8::/32"]), max_size=3
)
_SCOPES = st.none() | st.lists(st.sampled_from(["cutout", "self", "keys", "*"]), min_size=1, max_size=3)


@given(_NETWORKS, _NETWORKS, _SCOPES, _SCOPES, st.sampled_from([("cutout", "self"), ("*",), ("cutout", "keys")]))
def test_within_means_that_nothing_is_allowed_that_was_not(
    has: list[str], may: list[str], scopes: list[str] | None, bound: list[str] | None, own: tuple[str, ...]
) -> None:
    """For every scope and address: what the narrower key may, the bound may."""
    identity = IdentityView("id_1", "acme", "free", own)
    key_ = KeyView("k", identity, scopes=None if scopes is None else tuple(scopes), addresses=tuple(has))
    limit = KeyView("m", identity, scopes=None if bound is None else tuple(bound), addresses=tuple(may))
    try:
        require_within(key_, limit)
    except Refusal:
        return
    for scope in ("cutout", "self", "keys", "usage", "*"):
        assert limit.allows_scope(scope) or not key_.allows_scope(scope)
    for address in map(
        ip_address, ("10.1.2.3", "10.1.9.9", "10.9.9.9", "192.0.2.1", "203.0.113.1", "2001:db8::1", "::1")
    ):
        used, allowed = (
            not networks or any(address in ip_network(network) for network in networks) for networks in (has, may)
        )
        assert allowed or not used


# --- imports and peppers ------------------------------------------------------------------------------------


def test_an_imported_key_is_found_by_its_digest(either: Office) -> None:
    """For an identity that is there, or for a new one of a tier."""
    one = either.desk.import_key(FOREIGN, name="old", identity="acme", actor=CLI)
    two = either.desk.import_key("sk_live_0123456789", name="shop", tier="enterprise", actor=CLI)
    snapshot: Snapshot = either.control.snapshot()
    assert snapshot.foreign[digest_key(FOREIGN, PEPPER)].view == one.stored.view
    assert one.stored.view.identity.name == "acme"
    assert (two.stored.view.identity.name, two.stored.view.identity.tier) == ("shop", "enterprise")
    assert either.control.identity("shop") is not None


def test_an_import_is_refused_where_it_makes_no_sense(office: Office) -> None:
    """Twice, for nobody, for two owners, too short, not fit for a header; never with the text in the refusal."""
    office.desk.import_key(FOREIGN, name="old", identity="acme", actor=CLI)
    cases: list[tuple[str, dict[str, Any], str]] = [
        (FOREIGN, {"name": "again", "identity": "acme"}, "account.exists"),
        ("RMBG-PROD-another1", {"name": "acme", "tier": "free"}, "account.exists"),
        ("RMBG-PROD-another1", {"name": "x"}, "account.invalid"),
        ("RMBG-PROD-another1", {"name": "x", "tier": "free", "identity": "acme"}, "account.invalid"),
        ("RMBG-PROD-another1", {"name": "x", "tier": "gold"}, "account.invalid"),
        ("RMBG-PROD-another1", {"name": "x", "identity": "nobody"}, "account.not_found"),
        ("RMBG-PROD-another1", {"name": "x", "identity": "acme", "environment": "moon"}, "account.invalid"),
        ("seven77", {"name": "x", "identity": "acme"}, "account.invalid"),
        ("x" * 513, {"name": "x", "identity": "acme"}, "account.invalid"),
        ("RMBG PROD another", {"name": "x", "identity": "acme"}, "account.invalid"),
        ("RMBG-PRÖD-another", {"name": "x", "identity": "acme"}, "account.invalid"),
    ]
    for text, terms, code in cases:
        refusal = refused(office.desk.import_key, text, actor=CLI, **terms)
        assert refusal.reason.code == code
        assert text not in str(refusal.facts)
    assert len(office.control.keys()) == 1
    assert len(office.control.identities()) == 1


def test_an_import_under_another_pepper_is_still_the_same_key(office: Office) -> None:
    """After a change of pepper the digest differs; the key does not."""
    office.desk.import_key(FOREIGN, name="old", identity="acme", actor=CLI)
    office.peppers = BOTH
    assert refused(
        lambda: office.desk.import_key(FOREIGN, name="again", identity="acme", actor=CLI)
    ).reason.code == "account.exists"  # fmt: skip


def test_a_key_of_another_home_keeps_its_id(office: Office) -> None:
    """It is found by it, like every key of our own making; a text of that shape with an id in use is refused."""
    minted = mint("sk_test_")
    row = office.desk.import_key(minted.text, name="moved", identity="acme", actor=CLI)
    assert (row.id, row.stored.foreign, row.stored.view.environment) == (minted.id, False, "test")
    mine = office.desk.create_key("acme", actor=CLI)
    office.desk.revoke_key(mine.id, actor=CLI)
    assert refused(
        lambda: office.desk.import_key(mine.text, name="back", identity="acme", actor=CLI)
    ).reason.code == "account.exists"  # fmt: skip


def test_repeating_randomness_never_overwrites_a_key(office: Office) -> None:
    """A cloned machine that draws the same id twice is refused instead of handing one key's rights to another."""
    office.entropy = bytes  # as many zeros as are asked for
    first = office.desk.create_key("acme", actor=CLI)
    refusal = refused(lambda: office.desk.create_key("acme", actor=CLI))
    assert (refusal.reason.code, refusal.facts["name"]) == ("account.exists", first.id)
    refused(lambda: office.desk.rotate_key(first.id, overlap_s=1, actor=CLI))
    assert key(office, first.id).view.replaced_by == ""


# --- admins -------------------------------------------------------------------------------------------------


def test_an_admin_is_known_by_the_token_that_was_shown_once(either: Office) -> None:
    """Nothing else is: not a part of it, not another's, not a revoked one."""
    desk = either.desk
    assert not desk.has_admin()
    assert desk.check_admin("mgadm_") is None
    root, ops = desk.create_admin("root", actor=CLI), desk.create_admin("ops", actor=CLI)
    assert root.text.startswith("mgadm_")
    assert (desk.check_admin(root.text), desk.check_admin(ops.text)) == (root.id, ops.id)
    for wrong in ("", root.text[:-1], root.text + "0", root.text.lower(), root.id, "\ud800"):
        assert desk.check_admin(wrong) is None
    desk.revoke_admin("root", actor=f"admin:{ops.id}")
    assert (desk.check_admin(root.text), desk.check_admin(ops.text)) == (None, ops.id)
    assert desk.has_admin()
    desk.revoke_admin(ops.id, actor=CLI)
    assert not desk.has_admin()
    assert refused(lambda: desk.revoke_admin("nobody", actor=CLI)).facts == {"what": "admin", "name": "nobody"}
    assert refused(lambda: desk.create_admin("root", actor=CLI)).reason.code == "account.exists"


def test_an_admin_stays_known_through_a_new_pepper_and_not_without_its_own(office: Office) -> None:
    """A token whose pepper is gone proves nothing."""
    token = office.desk.create_admin("root", actor=CLI).text
    office.peppers = BOTH
    assert office.desk.check_admin(token)
    office.peppers = Peppers((BOTH.current,))
    assert office.desk.check_admin(token) is None


# --- no secret is kept --------------------------------------------------------------------------------------


def test_no_key_and_no_token_is_in_any_file(tmp_path: Path) -> None:
    """Whatever was done with them: the bytes of every file are searched, whole texts and secrets alone."""
    control = SqliteControl(tmp_path / "ledger")
    office = Office(control, rules=CredentialRules(prefixes=(("RMBG-PROD-", "prod"), ("sk_test_", "test"))))
    desk = office.desk
    desk.create_identity("acme", tier="free", actor=CLI)
    made = desk.create_key("acme", actor=CLI)
    rotated = desk.rotate_key(made.id, overlap_s=1, actor=CLI)
    leaked = desk.create_key("acme", actor=CLI)
    desk.revoke_leaked(leaked.text, actor=CLI)
    desk.import_key("sk_live_0123456789abcdef", name="old", identity="acme", actor=CLI)
    office.peppers = BOTH
    admin = desk.create_admin("root", actor=CLI)
    desk.check_admin(admin.text)
    control.snapshot()
    texts = [made.text, rotated.text, leaked.text, "sk_live_0123456789abcdef", admin.text]
    duplicate = tmp_path / "copy"
    copy = "import shutil, sys; shutil.copytree(sys.argv[1], sys.argv[2])"  # elsewhere: it must not drop our locks
    subprocess.run([sys.executable, "-c", copy, tmp_path / "ledger", duplicate], check=True)
    control.close()
    live, closed = bytes_on_disk(duplicate), bytes_on_disk(tmp_path / "ledger")
    assert (duplicate / f"{FILE}-wal").stat().st_size > 0
    for kept in (live, closed):
        assert made.id.encode() in kept
        for text in texts:
            assert text.encode() not in kept
            assert text[-38:].encode() not in kept
