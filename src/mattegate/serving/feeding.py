"""From exchanges to figures."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mattegate.serving.exchange import Exchange
    from mattegate.serving.metrics import Metrics


def feeding(metrics: Metrics) -> Callable[[Exchange], None]:
    """What an :class:`~mattegate.serving.envelope.Envelope` tells its exchanges, so that they are counted."""

    def observe(exchange: Exchange) -> None:
        walk = exchange.walk
        metrics.observe(
            route=walk.attempt.route.name if walk else "",
            status=exchange.status,
            seconds=perf_counter() - exchange.started,
            findings=walk.findings if walk and walk.decision else None,
        )

    return observe
