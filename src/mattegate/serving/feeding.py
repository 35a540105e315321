"""From exchanges to whoever is interested in them once they are answered."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from mattegate.serving.metrics import Plane
from mattegate.vocabulary.attempt import Channel

if TYPE_CHECKING:
    from mattegate.serving.exchange import Exchange
    from mattegate.serving.metrics import Metrics


Observe = Callable[["Exchange"], None]
"""What an :class:`~mattegate.serving.envelope.Envelope` tells its exchanges."""


class NoteLeak(Protocol):
    """Who is told of keys in addresses."""

    def __call__(self, key_id: str, *, at: float, request_id: str, address: str) -> None:
        """Must neither wait nor raise."""


def each(*observers: Observe) -> Observe:
    """All of them, one after the other."""

    def observe(exchange: Exchange) -> None:
        for one in observers:
            one(exchange)

    return observe


def telling_leaks(note: NoteLeak) -> Observe:
    """Tell of every whole key that stood in the query string, whatever became of the request."""

    def observe(exchange: Exchange) -> None:
        if exchange.walk is None:
            return
        for one in exchange.walk.attempt.credentials:
            if one.channel is Channel.QUERY and one.key_id:
                note(one.key_id, at=exchange.at, request_id=exchange.request_id, address=exchange.address)

    return observe


def feeding(metrics: Metrics) -> Callable[[Exchange], None]:
    """What an :class:`~mattegate.serving.envelope.Envelope` tells its exchanges, so that they are counted."""

    def observe(exchange: Exchange) -> None:
        walk = exchange.walk
        metrics.observe(
            route=walk.attempt.route.name if walk else "",
            status=exchange.status,
            seconds=perf_counter() - exchange.started,
            findings=walk.findings if walk and walk.decision else None,
            plane=Plane.ADMIN if walk and walk.attempt.administrative else Plane.DATA,
        )

    return observe
