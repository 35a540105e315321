"""The contract between the pipeline and whatever runs a graph."""

from __future__ import annotations

from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Tensor: TypeAlias = NDArray[np.float32]
"""A float32 tensor in NCHW order."""


class Interrupted(Exception):  # noqa: N818 - an outcome that was asked for, not an error
    """The run was stopped by :meth:`Session.interrupt`."""


class Session(Protocol):
    """One loaded graph. Runs one image at a time; :meth:`interrupt` may be called from another thread."""

    def run(self, tensor: Tensor) -> Tensor:
        """Run the graph on ``(1, 3, height, width)`` and return its matte output as float32 ``(height, width)``.

        Raises :class:`Interrupted`, ``MemoryError``, or :class:`~mattegate.vocabulary.refusal.Refusal` ``model.graph``.
        """

    def interrupt(self) -> None:
        """Stop the run in hand at the next node of the graph; without one, do nothing."""
