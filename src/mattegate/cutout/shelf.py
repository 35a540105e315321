"""The models that one worker holds in memory: loaded once when first asked for, dropped least recently used first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mattegate.cutout.backends.session import Session
from mattegate.cutout.models.library import OpenedModel
from mattegate.cutout.models.spec import ModelSpec


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to run; ``megabytes`` is the size of its weights, which is what it keeps in memory between runs."""

    spec: ModelSpec
    session: Session
    megabytes: float


class Models(Protocol):
    """Where models come from: resolves a name, or ``""`` for the default, to a description and a verified file."""

    def open(self, name: str = "") -> OpenedModel:
        """Raises :class:`~mattegate.vocabulary.refusal.Refusal` of the ``model`` layer."""


class ModelShelf:
    """Keeps loaded models within a memory budget.

    The model in use is never dropped, even where it alone is over the budget. One thread uses a shelf at a time.
    """

    def __init__(self, models: Models, load: Callable[[OpenedModel], Session], *, budget_mb: float) -> None:
        self._models = models
        self._load = load
        self._budget_mb = budget_mb
        self._loaded: OrderedDict[str, LoadedModel] = OrderedDict()
        self._names: dict[str, str] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The loaded models, least recently used first."""
        return tuple(self._loaded)

    def holds(self, name: str | None) -> bool:
        """Whether taking that model would load nothing."""
        return self._names.get(name or "", "") in self._loaded

    def take(self, name: str | None) -> LoadedModel:
        """The model of that name or alias (``None``: the default), loaded where it was not.

        Raises :class:`~mattegate.vocabulary.refusal.Refusal` of the ``model`` layer.
        """
        if not self.holds(name):
            opened = self._models.open(name or "")
            self._names[name or ""] = opened.spec.name
            if opened.spec.name not in self._loaded:
                self._shelve(opened)
        canonical = self._names[name or ""]
        self._loaded.move_to_end(canonical)
        return self._loaded[canonical]

    def _shelve(self, opened: OpenedModel) -> None:
        megabytes = opened.path.stat().st_size / 1e6
        while self._loaded and sum(model.megabytes for model in self._loaded.values()) + megabytes > self._budget_mb:
            self._loaded.popitem(last=False)
        self._loaded[opened.spec.name] = LoadedModel(opened.spec, self._load(opened), megabytes)
