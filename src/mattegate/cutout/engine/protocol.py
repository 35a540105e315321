"""The contract between whoever takes requests and whatever makes cut-outs.

Encoded bytes cross this line, never pixels, and every failure is a :class:`~mattegate.vocabulary.refusal.Refusal`
of the ``capacity``, ``engine``, ``model`` or ``upload`` layer. One conformance suite tests every implementation.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from mattegate.vocabulary.options import CutoutOptions
from mattegate.vocabulary.report import Report

Payload = bytes | memoryview
"""Encoded bytes; a memoryview may look into shared memory, which then crosses to the worker without a copy."""


class Priority(IntEnum):
    """Who is served first when there is a queue; lower comes first."""

    VIP = 0
    STANDARD = 1
    BULK = 2


@dataclass(frozen=True, slots=True)
class Job:
    """One image and what to do with it; ``background`` holds the encoded background image when the options name one."""

    image: Payload
    options: CutoutOptions
    background: Payload | None = None


@dataclass(frozen=True, slots=True)
class Cutout:
    """The encoded answer and what there is to tell about it.

    ``data`` is a read-only buffer that may live in shared memory; it is valid as long as it is referenced.
    """

    data: memoryview
    report: Report


class Permit(Protocol):
    """The right to run one job now; used once, as an async context manager that always gives the slot back."""

    async def run(self, job: Job) -> Cutout:
        """Make the cut-out. Cancelling the awaiting task stops the work and frees the worker.

        Raises :class:`Refusal` with an ``upload``, ``model``, ``engine`` or ``option`` reason, or ``internal.error``;
        ``capacity.draining`` where the engine stopped first; and ``RuntimeError`` when the permit was used before.
        """

    async def __aenter__(self) -> Permit: ...

    async def __aexit__(self, *exc_info: object) -> None: ...


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """A glance at the engine for ``/ready`` and metrics."""

    ready: bool
    problem: str
    """Why it is not ready, for the operator; empty when it is."""
    workers: int
    busy: int
    waiting: int
    restarts: int
    starting: bool = False
    """Whether all that it lacks is time: nothing is wrong."""


class Engine(Protocol):
    """Whatever makes cut-outs."""

    async def start(self) -> None:
        """Start the workers and return; :meth:`status` tells when they are warm."""

    async def admit(self, *, priority: Priority, owner: str, deadline_s: float, model: str | None = None) -> Permit:
        """Wait for a free worker, in priority order and fairly between owners of one priority.

        ``owner`` is whoever should not starve others: an identity, or an address where there is none. ``model`` is the
        one that the job will name, so that a worker which has it loaded is preferred; it promises nothing.

        Raises :class:`Refusal` ``capacity.queue_full`` at once or when the place in the line goes to a higher priority,
        ``capacity.deadline`` after ``deadline_s``, ``capacity.draining`` once :meth:`drain` was called, and the
        ``model`` or ``engine`` reason for which no worker starts.
        """

    def status(self) -> EngineStatus:
        """A glance that never waits."""

    async def drain(self) -> None:
        """Take no new work, finish what is running or waiting within the drain time, stop the workers.

        What is left after the drain time is refused with ``capacity.draining``. May be called again, and waits too.
        """
