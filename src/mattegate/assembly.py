"""The one composition root: settings in, working parts out. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Callable

from mattegate.config.settings import Settings
from mattegate.cutout.engine.pool import WorkerPool
from mattegate.cutout.engine.protocol import Engine
from mattegate.cutout.models.library import ModelLibrary


def build_engine(settings: Settings) -> Engine:
    """The engine of worker processes; started by its user."""
    return WorkerPool(settings)


def serve(settings: Settings, *, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT, then drain; blocks.

    ``on_ready`` is told the API's base URL once, when ``/ready`` answers 200.

    Raises :class:`~mattegate.config.load.ConfigurationError` for an address that must not or cannot be listened on.
    """
    from mattegate.serving import app, server  # noqa: PLC0415 - local cut-outs need no web framework

    api = app.create_app(settings, build_engine(settings), models=ModelLibrary(settings).offered)
    server.serve(api, settings.server, on_ready=on_ready)
