"""The audit chain shows whatever was done to it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.ledger.audit import NO_HASH, Head, canonical, chained, first_break
from mattegate.ledger.protocols import AuditEntry
from mattegate.vocabulary.facts import Plain


def chain(count: int, *, tier: str = "free") -> list[AuditEntry]:
    """That many entries, one after the other."""
    entries: list[AuditEntry] = []
    head = Head()
    for number in range(count):
        details: Mapping[str, Plain] = {"tier": tier, "n": number, "until": 1.5, "on": True, "none": None}
        entry = chained(head, at=100.0 + number, actor="cli:eve", act="key.create", subject="k", details=details)
        entries.append(entry)
        head = Head(entry.seq, entry.hash)
    return entries


def head_of(entries: list[AuditEntry]) -> Head:
    """The newest of these."""
    return Head(entries[-1].seq, entries[-1].hash)


def test_a_sound_chain_has_no_break() -> None:
    """From nothing to many entries, with the store's head and with one written down on the way."""
    entries = chain(9)
    assert first_break([], last=Head()) is None
    assert first_break(entries, last=head_of(entries), known=Head(4, entries[3].hash)) is None
    assert first_break(iter(entries)) is None


def test_the_hash_is_what_the_contract_says() -> None:
    """Anybody can compute it: SHA-256 over the previous hash and the canonical JSON of the rest."""
    (entry,) = chain(1)
    rest = (
        '{"act":"key.create","actor":"cli:eve","at":100.0,"details":{"n":0,"none":null,"on":true,"tier":"free",'
        '"until":1.5},"seq":1,"subject":"k"}'
    )
    assert entry.previous == NO_HASH
    assert entry.hash == hashlib.sha256((NO_HASH + rest).encode()).hexdigest()


@pytest.mark.parametrize("number", [1, 4, 9])
@pytest.mark.parametrize(
    "change",
    [{"at": 1.0}, {"actor": "cli:bob"}, {"act": "x"}, {"subject": "x"}, {"details": {}}, {"previous": "f" * 64},
     {"hash": "f" * 64}, {"seq": 77}],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_a_changed_entry_breaks_the_chain_there(number: int, change: dict[str, object]) -> None:
    """Whichever field it is, the number of the entry is told."""
    entries = chain(9)
    entries[number - 1] = replace(entries[number - 1], **change)  # type: ignore[arg-type]
    assert first_break(entries, last=head_of(chain(9))) == number


def test_a_changed_entry_with_its_hash_made_new_breaks_the_next() -> None:
    """Who recomputes one hash would have to recompute all that follow."""
    entries = chain(5)
    old = entries[2]
    entries[2] = chained(
        Head(2, old.previous), at=old.at, actor=old.actor, act=old.act, subject="other", details=old.details
    )  # fmt: skip
    assert first_break(entries, last=head_of(entries)) == 4


def test_a_chain_forged_whole_is_found_by_a_head_kept_elsewhere() -> None:
    """The store's own head is forged with it; the operator's note is not."""
    forged, note = chain(9, tier="vip"), head_of(chain(5))
    assert first_break(forged, last=head_of(forged)) is None
    assert first_break(forged, last=head_of(forged), known=note) == 5


def test_a_removed_entry_is_told() -> None:
    """In the middle by the chain, at the end by the head."""
    entries = chain(9)
    head = head_of(entries)
    assert first_break(entries[1:], last=head) == 1
    assert first_break(entries[:3] + entries[4:], last=head) == 4
    assert first_break(entries[:6], last=head) == 7
    assert first_break([], last=head) == 1
    assert first_break(entries[:6], known=head) == 7


def test_an_inserted_or_doubled_or_moved_entry_is_told() -> None:
    """Also one put behind the head."""
    entries = chain(9)
    head = head_of(entries)
    assert first_break([*entries[:4], entries[3], *entries[4:]], last=head) == 5
    assert first_break([*entries[:4], entries[5], entries[4], *entries[6:]], last=head) == 5
    assert first_break(entries, last=Head(8, entries[7].hash)) == 9
    assert first_break(entries, last=Head(9, "f" * 64)) == 9
    assert first_break([], last=Head(0, "f" * 64)) == 1


@given(st.data())
def test_no_subset_or_order_but_the_whole_is_sound(data: st.DataObject) -> None:
    """Whatever entries are taken in whatever order, only the whole chain passes."""
    entries = chain(6)
    taken = data.draw(st.lists(st.sampled_from(range(6)), max_size=8))
    found = first_break([entries[index] for index in taken], last=head_of(entries))
    assert (found is None) == (taken == list(range(6)))
    sound = len(
        list(islice((1 for index, number in enumerate(taken) if taken[: index + 1] == list(range(number + 1))), 9))
    )
    assert found is None or found == sound + 1


def test_canonical_json_has_one_text_for_one_value() -> None:
    """The order of names does not count, and what JSON lacks is refused."""
    assert canonical({"b": 1, "a": "ü\ud800"}) == '{"a":"\\u00fc\\ud800","b":1}'
    with pytest.raises(ValueError, match="JSON"):
        canonical({"a": float("nan")})
