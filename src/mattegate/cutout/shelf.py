"""The models that one worker holds in memory: loaded once when first asked for, dropped least recently used first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mattegate.cutout.backends.session import Session
from mattegate.cutout.models.spec import ModelSpec


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to run; ``megabytes`` is what it is reckoned to take in memory."""

    spec: ModelSpec
    session: Session
    megabytes: float


class ModelShelf:
    """Keeps loaded models within a memory budget.

    ``open_model`` resolves a name to its description and verified file, ``load`` makes a session of them. The model in
    use is never dropped, even where it alone is over the budget. One thread uses a shelf at a time.
    """

    def __init__(
        self,
        open_model: Callable[[str], tuple[ModelSpec, Path]],
        load: Callable[[ModelSpec, Path], Session],
        *,
        budget_mb: float,
    ) -> None:
        self._open_model = open_model
        self._load = load
        self._budget_mb = budget_mb
        self._loaded: OrderedDict[str, LoadedModel] = OrderedDict()

    @property
    def names(self) -> tuple[str, ...]:
        """The loaded models, least recently used first."""
        return tuple(self._loaded)

    def take(self, name: str) -> LoadedModel:
        """The model of that name or alias, loaded where it was not.

        Raises :class:`~mattegate.vocabulary.refusal.Refusal` of the ``model`` layer.
        """
        if name not in self._loaded:
            spec, path = self._open_model(name)
            name = spec.name
            if name not in self._loaded:
                megabytes = path.stat().st_size / 1e6 + _working_megabytes(spec)
                self._make_room(megabytes)
                self._loaded[name] = LoadedModel(spec, self._load(spec, path), megabytes)
        self._loaded.move_to_end(name)
        return self._loaded[name]

    def _make_room(self, megabytes: float) -> None:
        while self._loaded and sum(model.megabytes for model in self._loaded.values()) + megabytes > self._budget_mb:
            self._loaded.popitem(last=False)


def _working_megabytes(spec: ModelSpec) -> float:
    """What the graph's intermediate tensors take: measured 280 MB for U²-Net at 320 × 320, and proportional to pixels.

    They are freed after each run, so they count once per model only as headroom.
    """
    width, height = spec.size
    return 0.25 * 280 * (width * height) / (320 * 320)
