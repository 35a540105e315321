"""The order of the layers, read aloud. A layer is one file in :mod:`mattegate.gate.layers` and one line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from mattegate.gate.case import Case
from mattegate.gate.layers import (
    admin,
    authorizer,
    capacity,
    credential,
    engine,
    flood,
    host,
    network,
    options,
    origin,
    policy,
    quota,
    rate,
    replay,
    request,
    route,
    signature,
    token,
    transport,
    upload,
)
from mattegate.vocabulary.attempt import Attempt
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import FactName


class Layer(NamedTuple):
    """One ordered check: it finds something, or names the fact it lacks."""

    name: str
    judge: Callable[[Case], Finding | FactName]


ORDER: Final = (
    Layer("request", request.judge),
    Layer("transport", transport.judge),
    Layer("host", host.judge),
    Layer("network", network.judge),
    Layer("flood", flood.judge),
    Layer("origin", origin.judge),
    Layer("credential", credential.judge),
    Layer("token", token.judge),
    Layer("signature", signature.judge),
    Layer("route", route.judge),
    Layer("policy", policy.judge),
    Layer("options", options.judge),
    Layer("authorizer", authorizer.judge),
    Layer("replay", replay.judge),
    Layer("rate", rate.judge),
    Layer("quota", quota.judge),
    Layer("upload", upload.judge),
    Layer("capacity", capacity.judge),
    Layer("engine", engine.judge),
)

NAMES: Final = tuple(layer.name for layer in ORDER)
"""The layers' names in their order."""

_PREFLIGHT: Final = ORDER[: NAMES.index("origin") + 1]
_ADMIN: Final = (Layer("admin", admin.judge),)


def layers_of(attempt: Attempt) -> tuple[Layer, ...]:
    """What judges an attempt.

    A preflight is judged no further than its origin: it bears no credential and asks for no path in particular. The
    admin plane has an order of its own.
    """
    if attempt.administrative:
        return _ADMIN
    return ORDER if attempt.preflight is None else _PREFLIGHT


def tail_of(layers: tuple[Layer, ...], asked: int) -> tuple[Finding, ...]:
    """What stands for the layers behind those that were asked."""
    return () if layers is _ADMIN else TAILS[asked]


_SKIPPED: Final = tuple(Finding(name, Effect.SKIPPED) for name in NAMES)

TAILS: Final = tuple(_SKIPPED[index:] for index in range(len(ORDER) + 1))
"""What stands for the layers from each position on when they are not asked."""
