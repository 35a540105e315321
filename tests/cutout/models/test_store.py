"""Weights are checked when they come and when they go out, and nothing switches that off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mattegate.cutout.models.spec import Pin
from mattegate.cutout.models.store import ModelStore, Record
from mattegate.vocabulary.refusal import Refusal
from tests.cutout.models.specs import spec_for

_WEIGHTS = b"\x08\x09" + bytes(5000)


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """An empty models folder."""
    return ModelStore(tmp_path)


def test_missing_weights_are_named_with_their_path(store: ModelStore) -> None:
    """A model that is not installed is refused with the command that installs it."""
    with pytest.raises(Refusal) as caught:
        store.locate(spec_for(_WEIGHTS))
    assert caught.value.reason.code == "model.missing"
    assert "mattegate models pull tiny" in caught.value.remedy


def test_weights_that_fit_their_pin_are_verified(store: ModelStore) -> None:
    """The answer says by which hash the file was found right."""
    spec = spec_for(_WEIGHTS)
    store.path(spec).write_bytes(_WEIGHTS)
    assert store.verify(spec).pinned_by == "catalogue"


def test_one_flipped_bit_is_noticed_at_load(store: ModelStore) -> None:
    """A file that changed on the disk is refused with both hashes, even after it was verified before."""
    spec = spec_for(_WEIGHTS)
    store.path(spec).write_bytes(_WEIGHTS)
    store.verify(spec)
    store.path(spec).write_bytes(_WEIGHTS[:-1] + b"\x01")
    with pytest.raises(Refusal) as caught:
        store.verify(spec)
    assert caught.value.reason.code == "model.hash_mismatch"
    assert caught.value.facts["expected"] == spec.pin.sha256


def test_an_unchanged_file_is_hashed_once(store: ModelStore) -> None:
    """The second verification returns the very same value, without reading the file again."""
    spec = spec_for(_WEIGHTS)
    store.path(spec).write_bytes(_WEIGHTS)
    assert store.verify(spec) is store.verify(spec)


def test_another_pin_is_not_answered_from_memory(store: ModelStore) -> None:
    """What is remembered holds for the pin it was checked against only."""
    spec = spec_for(_WEIGHTS)
    store.path(spec).write_bytes(_WEIGHTS)
    store.verify(spec)
    with pytest.raises(Refusal, match="not the file that was pinned"):
        store.verify(replace(spec, pin=Pin(sha256="0" * 64)))


def test_an_md5_pin_becomes_a_recorded_sha256(store: ModelStore) -> None:
    """Where only MD5 is known, the first matching file's SHA-256 is recorded and holds from then on."""
    spec = spec_for(_WEIGHTS, md5_only=True)
    part = store.folder / "part"
    part.write_bytes(_WEIGHTS)
    assert store.admit(part, spec, source="test", at="2026-01-01").pinned_by == "catalogue (MD5)"
    assert store.verify(spec).pinned_by == "manifest"
    store.path(spec).write_bytes(b"something else")
    with pytest.raises(Refusal, match="not the file that was pinned"):
        store.verify(spec)


def test_a_wrong_md5_is_refused(store: ModelStore) -> None:
    """A first file that does not match its MD5 is not recorded."""
    spec = spec_for(_WEIGHTS, md5_only=True)
    store.path(spec).write_bytes(b"something else")
    with pytest.raises(Refusal) as caught:
        store.verify(spec)
    assert caught.value.reason.code == "model.hash_mismatch"
    assert store.records() == {}


def test_weights_that_nothing_vouches_for_are_refused(store: ModelStore) -> None:
    """Without any pin a file is not loaded; the operator is told how to state one."""
    spec = replace(spec_for(_WEIGHTS), pin=Pin())
    store.path(spec).write_bytes(_WEIGHTS)
    with pytest.raises(Refusal) as caught:
        store.verify(spec)
    assert caught.value.reason.code == "model.unpinned"


def test_the_manifest_keeps_what_others_recorded(store: ModelStore) -> None:
    """Recording one file leaves the others' records alone, and forgetting one too."""
    one, two = Record("a", "0", 1, "s", "t"), Record("b", "1", 2, "s", "t")
    store.record("a.onnx", one)
    store.record("b.onnx", two)
    store.record("a.onnx", None)
    assert store.records() == {"b.onnx": two}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"files": {"a": {"x": 1}}}', '{"files": []}'])
def test_a_damaged_manifest_is_said_so(store: ModelStore, text: str) -> None:
    """A manifest that cannot be read does not pass for an empty one: that would drop its pins."""
    (store.folder / "manifest.json").write_text(text)
    with pytest.raises(Refusal) as caught:
        store.records()
    assert caught.value.reason.code == "model.storage"
