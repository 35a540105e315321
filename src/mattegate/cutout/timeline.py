"""Measures the stages of one cut-out, in the order they end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from mattegate.vocabulary.report import Stage


class Timeline:
    """Collects :class:`Stage` values; one per cut-out."""

    def __init__(self) -> None:
        self._stages: list[Stage] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens inside; a stage that fails is not recorded."""
        start = time.perf_counter()
        yield
        self._stages.append(Stage(name, (time.perf_counter() - start) * 1e3))

    @property
    def stages(self) -> tuple[Stage, ...]:
        """What was measured so far."""
        return tuple(self._stages)
