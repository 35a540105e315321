"""Figures for Prometheus: what was decided, how long it took, and how the parts stand.

Rules of this file: labels take their values from what this product defines (reasons of the catalogue, layers, routes,
effects, planes), never from what a caller sends, so that nobody can make the number of series grow; nothing in a
request's way costs more than a few microseconds; a part that cannot say how it stands is shown as down, and the rest is
still shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from mattegate.cutout.engine.protocol import EngineStatus
from mattegate.ledger.protocols import Unavailable
from mattegate.ledger.records import RecordStatus
from mattegate.vocabulary.attempt import ADMIN_ROUTE
from mattegate.vocabulary.decision import REFUSING, Effect, Finding
from mattegate.vocabulary.reasons import REASONS

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_STATUSES: Final = frozenset(int(status) for status in HTTPStatus) | {499}
_OTHER: Final = "other"
_S = TypeVar("_S")


class Plane(StrEnum):
    """On which plane a decision was made."""

    DATA = "data"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class LimitsStatus:
    """How the store of limits stands."""

    store: str
    """``memory``, ``sqlite`` or ``redis``."""
    up: bool
    local: bool = False
    """Whether rates are counted in this process alone, because the shared store does not answer."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Who is asked how things stand, each time the figures are read; ``None``: there is no such part.

    A source may raise :class:`Unavailable`.
    """

    engine: Callable[[], EngineStatus] | None = None
    records: Callable[[], RecordStatus] | None = None
    limits: Callable[[], LimitsStatus] | None = None
    early: Callable[[], Mapping[str, int]] | None = None
    """Refusals before a request reached the application, by reason, since the start."""


class Metrics:
    """The figures of one process. ``routes`` are the names that may stand in the label ``route``, beside ``admin``."""

    def __init__(self, *, version: str, routes: Iterable[str], sources: Sources = Sources()) -> None:
        self._routes = frozenset(routes) | {ADMIN_ROUTE.name}
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Standing(version, sources))
        self._decisions = Counter(
            "mattegate_decisions", "Decisions, by the layer that made them.", ("layer", "reason", "effect", "plane"),
            registry=self._registry,
        )  # fmt: skip
        self._shadows = Counter(
            "mattegate_shadow_refusals", "What rules on trial would have refused.", ("layer", "reason"),
            registry=self._registry,
        )  # fmt: skip
        self._requests = Counter(
            "mattegate_requests", "Answers, by route and status.", ("route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "mattegate_request_seconds", "From the first byte of a request's head to the last of its answer.",
            ("route", "outcome"), buckets=_BUCKETS, registry=self._registry,
        )  # fmt: skip
        self._children: dict[tuple[str, ...], Counter] = {}
        self._timers: dict[tuple[str, bool], Histogram] = {}

    def observe(
        self,
        *,
        route: str,
        status: int,
        seconds: float,
        findings: Sequence[Finding] | None = None,
        plane: Plane = Plane.DATA,
    ) -> None:
        """Count one answer; ``findings`` are those of its decision, ``None`` where none was made."""
        route = route if route in self._routes else _OTHER
        self._count(self._requests, route, str(status) if status in _STATUSES else _OTHER)
        self._timer(route, allowed=status < 400).observe(seconds)
        if findings is not None:
            self._decided(findings, plane)

    def render(self) -> bytes:
        """Everything in Prometheus' text format, :data:`CONTENT_TYPE`."""
        return generate_latest(self._registry)

    def _decided(self, findings: Sequence[Finding], plane: Plane) -> None:
        for finding in findings:
            if finding.shadow:
                self._count(self._shadows, finding.layer, _known(finding.reason))
            elif finding.effect in REFUSING:
                self._count(self._decisions, finding.layer, _known(finding.reason), finding.effect.value, plane)
                return
        self._count(self._decisions, "", "", Effect.ALLOW.value, plane)

    def _count(self, counter: Counter, *labels: str) -> None:
        """Counters are made once for each set of labels: ``labels()`` is the dear part of ``prometheus_client``."""
        key = (counter._name, *labels)  # noqa: SLF001 - there is no public name
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = counter.labels(*labels)
        child.inc()

    def _timer(self, route: str, *, allowed: bool) -> Histogram:
        timer = self._timers.get((route, allowed))
        if timer is None:
            timer = self._timers[route, allowed] = self._seconds.labels(route, "delivered" if allowed else "refused")
        return timer


class _Standing(Collector):
    """How the parts stand, asked anew whenever the figures are read."""

    def __init__(self, version: str, sources: Sources) -> None:
        self._version = version
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """Every figure that is not counted as requests go by."""
        build = GaugeMetricFamily("mattegate_build_info", "The version that runs.", labels=["version"])
        build.add_metric([self._version], 1)
        yield build
        up = GaugeMetricFamily("mattegate_part_up", "Whether a part can say how it stands, and works.", labels=["part"])
        sources = self._sources
        yield from _asked("engine", sources.engine, _engine, up)
        yield from _asked("records", sources.records, _records, up)
        yield from _asked("limits", sources.limits, _limits, up)
        yield up
        if sources.early is not None:
            yield _early(sources.early())


def _asked(
    part: str, source: Callable[[], _S] | None, told: Callable[[_S], tuple[bool, list[Metric]]], up: GaugeMetricFamily
) -> list[Metric]:
    if source is None:
        return []
    try:
        status = source()
    except Unavailable:
        up.add_metric([part], 0)  # which is how it is told
        return []
    works, metrics = told(status)
    up.add_metric([part], works)
    return metrics


def _engine(status: EngineStatus) -> tuple[bool, list[Metric]]:
    return status.ready, [
        GaugeMetricFamily("mattegate_engine_workers", "Worker processes.", value=status.workers),
        GaugeMetricFamily("mattegate_engine_busy", "Workers at work.", value=status.busy),
        GaugeMetricFamily("mattegate_engine_waiting", "Requests that wait for a worker.", value=status.waiting),
        CounterMetricFamily("mattegate_engine_restarts", "Workers that had to be replaced.", value=status.restarts),
    ]


def _records(status: RecordStatus) -> tuple[bool, list[Metric]]:
    return not status.problem, [
        GaugeMetricFamily(
            "mattegate_records_behind_bytes", "Spooled, not yet in the store.", value=status.behind_bytes
        ),
        GaugeMetricFamily("mattegate_records_unproven_bytes", "Of unproven callers.", value=status.unproven_bytes),
        GaugeMetricFamily("mattegate_records_unproven_limit_bytes", "Their cap.", value=status.unproven_limit),
        CounterMetricFamily("mattegate_records_dropped", "Dropped for want of room.", value=status.dropped),
        GaugeMetricFamily("mattegate_records_damaged", "Lines of the spool that were damaged.", value=status.damaged),
        GaugeMetricFamily("mattegate_records_torn", "Lines that were never acknowledged.", value=status.torn),
    ]


def _limits(status: LimitsStatus) -> tuple[bool, list[Metric]]:
    local = GaugeMetricFamily("mattegate_limits_local", "Whether rates are counted here alone.", labels=["store"])
    local.add_metric([status.store], status.local)
    return status.up, [local]


def _early(counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily("mattegate_early_refusals", "Refused before the application.", labels=["reason"])
    known: dict[str, int] = {}
    for reason, count in counts.items():
        known[_known(reason)] = known.get(_known(reason), 0) + count
    for reason, count in sorted(known.items()):
        family.add_metric([reason], count)
    return family


def _known(reason: str) -> str:
    return reason if reason in REASONS else _OTHER
