"""The seam between a worker and whatever turns one encoded image into one encoded cut-out.

The engine knows nothing of pictures; a maker knows nothing of processes. What belongs here: the Protocol both
sides speak, what the failures of a maker mean, and how its factory is found by its name.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol, cast

from mattegate.config.settings import Settings
from mattegate.cutout.engine.memory import is_out_of_memory
from mattegate.cutout.engine.protocol import Job
from mattegate.vocabulary.refusal import Refusal
from mattegate.vocabulary.report import Report

log = logging.getLogger("mattegate.engine")

DEFAULT_FACTORY: Final = "mattegate.cutout.pipeline:build_maker"
"""Where the product's own maker is built."""


class Cancelled(Exception):  # noqa: N818 - an outcome, like asyncio.CancelledError
    """A maker stopped because it was asked to; anything that it raises after :meth:`Maker.cancel` counts as this."""


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """An encoded cut-out in pieces, in order, so that an encoder's bands are never joined into one more copy."""

    segments: Sequence[bytes | memoryview]
    report: Report


class Maker(Protocol):
    """Whatever makes cut-outs in this process, one at a time."""

    def warm(self, model: str | None) -> None:
        """Load ``model`` (``None``: the default one) and run it once; returns at once when it is loaded already.

        Raises :class:`Refusal` with a ``model`` reason. The time and memory of loading are not charged to an image.
        """

    def loaded(self) -> Sequence[str]:
        """The names of the models that are in memory, in any order."""

    def make(self, job: Job, *, cancelled: Callable[[], bool]) -> Made:
        """Make one cut-out; ask ``cancelled`` between the stages and raise :class:`Cancelled` when it says so.

        Raises :class:`Refusal` with an ``upload``, ``model``, ``engine`` or ``option`` reason, and ``MemoryError``
        where the memory of one image is used up.
        """

    def cancel(self) -> None:
        """Make a running :meth:`make` stop soon. Called from another thread; must return at once.

        It comes after ``cancelled`` has become true, and may come just before :meth:`make` begins.
        """


class MakerFactory(Protocol):
    """Builds a maker; heavy imports belong inside it, models are loaded by :meth:`Maker.warm`."""

    def __call__(self, settings: Settings, *, threads: int) -> Maker:
        """Build the maker of one worker, which may keep ``threads`` threads busy."""


def check(cancelled: Callable[[], bool]) -> None:
    """Raise :class:`Cancelled` if nobody waits any more."""
    if cancelled():
        raise Cancelled


@contextmanager
def told(cancelled: Callable[[], bool], memory_limit_mb: float) -> Iterator[None]:
    """Turn whatever a maker raises inside the block into a :class:`Refusal` or :class:`Cancelled`."""
    try:
        yield
    except (Refusal, Cancelled):
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise Refusal("engine.memory_limit", pid=os.getpid(), limit_mb=memory_limit_mb) from None
        if cancelled():  # a network that is stopped in mid-run ends with its runtime's general error
            raise Cancelled from error
        log.exception("the maker failed on an image")
        raise Refusal("internal.error", problem=f"{type(error).__name__}: {error}") from error


def load_factory(name: str) -> MakerFactory:
    """Find the factory called ``module:callable``.

    Raises ``ImportError`` or ``AttributeError`` where there is no such thing.
    """
    module, _, attribute = name.partition(":")
    return cast("MakerFactory", getattr(importlib.import_module(module), attribute))
