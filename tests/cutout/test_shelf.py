"""A worker's shelf of loaded models: lazily filled, bounded, least recently used first out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mattegate.cutout.backends.session import Tensor
from mattegate.cutout.models.catalogue import built_in
from mattegate.cutout.models.library import OpenedModel
from mattegate.cutout.shelf import ModelShelf
from mattegate.vocabulary.refusal import Refusal

_SPEC = built_in()[0]


class _Folder:
    """Models in a folder, one file of one megabyte each; ``small`` is an alias of ``a``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.opened: list[str] = []

    def open(self, name: str = "") -> OpenedModel:
        name = {"": "a", "small": "a"}.get(name, name)
        if name not in {"a", "b", "c"}:
            raise Refusal("model.unknown", model=name, known="a, b, c")
        self.opened.append(name)
        path = self._folder / name
        path.write_bytes(bytes(1_000_000))
        return OpenedModel(replace(_SPEC, name=name), path, "")


class _Session:
    """A session that is never run."""

    def run(self, tensor: Tensor) -> Tensor:
        raise AssertionError(tensor)

    def interrupt(self) -> None:
        raise AssertionError


def _shelf(folder: _Folder, *, budget_mb: float) -> ModelShelf:
    return ModelShelf(folder, lambda opened: _Session(), budget_mb=budget_mb)


def test_a_model_is_loaded_once_under_all_its_names(tmp_path: Path) -> None:
    """The default, the name and the alias are one model in memory."""
    folder = _Folder(tmp_path)
    shelf = _shelf(folder, budget_mb=10)
    sessions = {id(shelf.take(name).session) for name in (None, "a", "small", None, "small")}
    assert (len(sessions), shelf.names) == (1, ("a",))
    assert shelf.holds("small")
    assert not shelf.holds("b")


def test_the_least_recently_used_model_makes_room(tmp_path: Path) -> None:
    """With room for two models the third takes the place of the one that was not used for longest."""
    shelf = _shelf(_Folder(tmp_path), budget_mb=2)
    for name in ("a", "b", "a", "c"):
        shelf.take(name)
    assert shelf.names == ("a", "c")


def test_one_model_is_kept_even_where_it_is_over_the_budget(tmp_path: Path) -> None:
    """A budget that is too small slows the service down, it does not stop it."""
    shelf = _shelf(_Folder(tmp_path), budget_mb=0.5)
    shelf.take("a")
    assert shelf.take("b").spec.name == "b"
    assert shelf.names == ("b",)


def test_a_model_that_cannot_be_opened_leaves_the_shelf_as_it_was(tmp_path: Path) -> None:
    """The refusal passes through, and what was loaded stays."""
    shelf = _shelf(_Folder(tmp_path), budget_mb=2)
    shelf.take("a")
    with pytest.raises(Refusal, match="no model named"):
        shelf.take("z")
    assert shelf.names == ("a",)
