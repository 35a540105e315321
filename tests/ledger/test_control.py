"""What every control store keeps to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mattegate.ledger.audit import Head, first_break
from mattegate.ledger.control import AdminRow, Change, Control, KeyRow, Rows
from mattegate.ledger.control_memory import MemoryControl
from mattegate.ledger.control_sqlite import SqliteControl
from mattegate.ledger.last_used import LastUsed
from mattegate.ledger.protocols import IdentityRow, StoredKey, Unavailable
from mattegate.vocabulary.facts import IdentityView, KeyState, KeyView
from mattegate.vocabulary.rulebook import Limit

ACME = IdentityRow(
    IdentityView("id_1", "acme", "free", ("cutout", "*"), limits=(Limit("own", "rate", 5, 60, burst=2, shadow=True),)),
    created_at=1.5,
    contact="ops@acme.example",
    notes={"plan": "trial", "seats": 3, "vat": None},
)
OTHER = IdentityRow(IdentityView("id_2", "other", "vip"), 2.0)
FULL = KeyRow(
    StoredKey(
        KeyView(
            "k1", ACME.view, "web", "test", KeyState.DISABLED, 3.25, 9.75, "k2", ("cutout",), ("203.0.113.0/24",),
            ("https://a.example",), ("u2netp",),
        ),
        b"d" * 32, 7,
    ),
    enabled_at=3.25,
)  # fmt: skip
PLAIN = KeyRow(StoredKey(KeyView("k2", ACME.view, created_at=4.0), b"e" * 32, 7, foreign=True), 4.0)
ROOT = AdminRow("a1", "root", b"t" * 32, 7, 5.0)


@pytest.fixture(params=["memory", "sqlite"])
def control(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Control]:
    """Each store in turn."""
    store: Control = MemoryControl() if request.param == "memory" else SqliteControl(tmp_path)
    yield store
    store.close()


def put(control: Control, change: Change, at: float = 10.0) -> None:
    """Write a change as it is."""
    control.change(lambda _: (None, change), actor="cli:ann", at=at)


@pytest.fixture
def filled(control: Control) -> Control:
    """Two identities, two keys, an admin."""
    put(control, Change("identity.create", "id_1", {"name": "acme"}, identities=(ACME, OTHER)))
    put(control, Change("key.create", "k1", keys=(FULL, PLAIN)), 11.0)
    put(control, Change("admin.create", "a1", admins=(ROOT,)), 12.0)
    return control


def test_a_new_store_is_empty_and_already_has_an_epoch(control: Control) -> None:
    """Epoch 0 would mean "not checked" in a claim, so counting begins at 1."""
    snapshot = control.snapshot()
    assert (snapshot.epoch, dict(snapshot.keys), dict(snapshot.foreign)) == (1, {}, {})
    assert (control.identities(), control.keys(), control.admins(), list(control.audit())) == ((), (), (), [])
    assert control.head() == Head()


def test_rows_come_back_as_they_were_put(filled: Control) -> None:
    """Every field, by id, by name, by digest and in lists."""
    assert filled.identities() == (ACME, OTHER)
    assert filled.identity("acme") == filled.identity("id_1") == ACME
    assert filled.keys() == (FULL, PLAIN)
    assert filled.keys("id_1") == (FULL, PLAIN)
    assert filled.keys("id_2") == ()
    assert (filled.key("k1"), filled.key_by_digest(b"e" * 32)) == (FULL, PLAIN)
    assert filled.admins() == (ROOT,)
    assert filled.admin("root") == filled.admin("a1") == ROOT
    assert [filled.identity("none"), filled.key("none"), filled.key_by_digest(b""), filled.admin("none")] == [None] * 4


def test_the_snapshot_has_every_key_and_the_foreign_ones_by_digest(filled: Control) -> None:
    """Its epoch counts the changes; what does not change it leaves the very same object."""
    snapshot = filled.snapshot()
    assert snapshot.epoch == 4
    assert dict(snapshot.keys) == {"k1": FULL.stored, "k2": PLAIN.stored}
    assert dict(snapshot.foreign) == {b"e" * 32: PLAIN.stored}
    assert filled.snapshot() is snapshot


def test_an_identity_changes_in_all_of_its_keys(filled: Control) -> None:
    """Disabling it must reach keys that were not touched themselves."""
    disabled = replace(ACME, view=replace(ACME.view, state=KeyState.DISABLED))
    put(filled, Change("identity.update", "id_1", identities=(disabled,)))
    snapshot = filled.snapshot()
    assert {key.view.identity.state for key in snapshot.keys.values()} == {KeyState.DISABLED}
    assert snapshot.foreign[b"e" * 32].view.identity.state is KeyState.DISABLED
    key = filled.key("k2")
    assert key is not None
    assert key.stored.view.identity == disabled.view


def test_a_new_digest_takes_the_place_of_the_old_one(filled: Control) -> None:
    """After a change of pepper, the foreign key is no longer found by what it was."""
    put(filled, Change("key.repepper", "k2", keys=(replace(PLAIN, stored=replace(PLAIN.stored, digest=b"n" * 32)),)))
    assert list(filled.snapshot().foreign) == [b"n" * 32]


def test_a_refusal_in_the_middle_leaves_everything_as_it_was(filled: Control) -> None:
    """Neither rows nor audit nor epoch."""
    before = (filled.snapshot(), filled.head(), filled.keys())

    def decide(rows: Rows) -> tuple[None, Change]:
        assert rows.key("k1") == FULL
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        filled.change(decide, actor="cli:ann", at=1.0)
    assert (filled.snapshot(), filled.head(), filled.keys()) == before


def test_a_change_that_cannot_be_written_is_undone_whole(filled: Control) -> None:
    """A detail that JSON lacks fails after the rows were made ready."""
    before = (filled.snapshot(), filled.head(), filled.keys())
    bad = Change("key.update", "k1", {"x": float("inf")}, keys=(replace(FULL, enabled_at=99.0),))
    with pytest.raises(ValueError, match="JSON"):
        put(filled, bad)
    assert (filled.snapshot(), filled.head(), filled.keys()) == before


def test_nothing_to_do_writes_nothing(filled: Control) -> None:
    """The result still reaches the caller."""
    before = (filled.snapshot(), filled.head())
    assert filled.change(lambda rows: (rows.admin("root"), None), actor="cli:ann", at=1.0) == ROOT
    assert (filled.snapshot(), filled.head()) == before


def test_every_change_is_in_the_chain(filled: Control) -> None:
    """Who, when, what; sound from end to end, and readable from any point on."""
    entries = list(filled.audit())
    assert [(entry.seq, entry.at, entry.actor, entry.act, entry.subject) for entry in entries] == [
        (1, 10.0, "cli:ann", "identity.create", "id_1"),
        (2, 11.0, "cli:ann", "key.create", "k1"),
        (3, 12.0, "cli:ann", "admin.create", "a1"),
    ]
    assert entries[0].details == {"name": "acme"}
    assert first_break(entries, last=filled.head()) is None
    assert list(filled.audit(after=2)) == entries[2:]


def test_use_is_noted_to_the_newest_minute_without_a_new_epoch(filled: Control) -> None:
    """A clock turned back, an unknown key and a listed one change nothing; a later change keeps what was noted."""
    before = (filled.snapshot(), filled.head())
    filled.touch({"k1": 120.0, "cfg_0123456789ab": 120.0})
    filled.touch({"k1": 60.0, "k2": 180.0})
    filled.remind(["k1", "nobody"], 77.0)
    assert (filled.snapshot(), filled.head()) == before
    assert filled.snapshot() is before[0]
    put(filled, Change("key.update", "k1", keys=(FULL,)))
    rows = filled.keys()
    assert [(row.used_at, row.reminded_at) for row in rows] == [(120.0, 77.0), (180.0, None)]


def test_the_collector_writes_once_what_was_noted_often(filled: Control) -> None:
    """A thousand uses of one key are one row, at minute precision."""
    used = LastUsed(filled)
    for second in range(1000):
        used.note("k1", 6000.0 + second)
    used.note("k1", 5.0)
    assert used.flush() == 1
    assert used.flush() == 0
    row = filled.key("k1")
    assert row is not None
    assert row.used_at == 6960.0


class _Broken(MemoryControl):
    broken = True

    def touch(self, used: object) -> None:
        if self.broken:
            raise Unavailable("control", "disk full")
        super().touch(used)  # type: ignore[arg-type]


def test_the_collector_keeps_what_could_not_be_written() -> None:
    """And a newer use that came meanwhile wins."""
    control = _Broken()
    put(control, Change("x", "x", identities=(ACME,), keys=(FULL,)))
    used = LastUsed(control)
    used.note("k1", 600.0)
    with pytest.raises(Unavailable):
        used.flush()
    used.note("k1", 660.0)
    control.broken = False
    assert used.flush() == 1
    row = control.key("k1")
    assert row is not None
    assert row.used_at == 660.0


def test_a_snapshot_knows_identities_without_keys_by_id_and_name(filled: Control) -> None:
    """Whoever is known by another proof than a key is found, under a new name from the change on."""
    assert filled.snapshot().identity("id_2") == OTHER.view
    assert filled.snapshot().identity("other") == OTHER.view
    renamed = replace(OTHER, view=replace(OTHER.view, name="another", state=KeyState.DISABLED))
    put(filled, Change("identity.update", "id_2", identities=(renamed,)))
    assert filled.snapshot().identity("other") is None
    assert filled.snapshot().identity("another") == renamed.view
    assert filled.snapshot().identity("acme") == ACME.view
