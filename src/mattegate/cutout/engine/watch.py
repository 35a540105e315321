"""When has a job gone too far? Pure: time and memory come in as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mattegate.config.settings import MB, EngineSettings
from mattegate.vocabulary.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the engine waits for its own workers, in seconds; the limits of an image are settings."""

    tick_s: float = 0.1
    """How often a busy worker is looked at."""
    load_s: float = 120.0
    """For a worker to start, or to load one more model."""
    cancel_s: float = 2.0
    """For a worker to give up an order that nobody waits for."""
    first_pause_s: float = 0.2
    longest_pause_s: float = 15.0
    """Between attempts to start a worker that does not come up; doubled each time."""

    def pause_s(self, failures: int) -> float:
        """The pause after so many failures in a row; none before the first."""
        doubled: float = self.first_pause_s * 2.0 ** min(failures - 1, 30)
        return min(self.longest_pause_s, doubled) if failures else 0.0


DEFAULT_PATIENCE: Final = Patience()


class Watch:
    """Watches one order from its dispatch: first the loading of its model, then, from :meth:`begin` on, its limits."""

    def __init__(self, pid: int, settings: EngineSettings, patience: Patience, now: float) -> None:
        self._pid = pid
        self._settings = settings
        self._patience = patience
        self._since = now
        self._ceiling: int | None = None
        self.begun = False

    def begin(self, now: float, resident: int) -> None:
        """The model is loaded and the worker holds ``resident`` bytes: from here on the image is to blame."""
        self.begun = True
        self._since = now
        self._ceiling = resident + self._settings.memory_limit_mb * MB

    def overrun(self, now: float, resident: int | None) -> Refusal | None:
        """The refusal that ends this order now, if it has gone too far."""
        if not self.begun:
            limit = self._patience.load_s
            late = Refusal("engine.unavailable", problem=f"loading a model took more than {limit:g} s")
            return late if now - self._since > limit else None
        if now - self._since > self._settings.time_limit_s:
            return Refusal("engine.time_limit", pid=self._pid, seconds=self._settings.time_limit_s)
        if self._ceiling is not None and resident is not None and resident > self._ceiling:
            return Refusal("engine.memory_limit", pid=self._pid, limit_mb=self._settings.memory_limit_mb)
        return None
