"""The one composition root: settings in, working parts out. Nothing is decided here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mattegate.config.settings import Settings
from mattegate.cutout.engine.pool import WorkerPool
from mattegate.cutout.engine.protocol import Engine
from mattegate.cutout.models.library import ModelLibrary

_GLANCE_S = 0.05


def build_engine(settings: Settings) -> Engine:
    """The engine of worker processes; started by its user."""
    return WorkerPool(settings)


def serve(settings: Settings, *, on_ready: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGTERM or SIGINT, then drain; blocks. ``on_ready`` is called once, when ``/ready`` answers 200.

    Raises :class:`~mattegate.config.load.ConfigurationError` for an address that must not or cannot be listened on.
    """
    from mattegate.serving import app, server  # noqa: PLC0415 - the web framework is not needed for local cut-outs

    engine = _Announced(build_engine(settings), on_ready)
    server.serve(app.create_app(settings, engine, models=ModelLibrary(settings).offered), settings.server)
