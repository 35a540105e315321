"""The page that problems point to, on this port too: whoever reads a refusal here may not reach the other plane.

It is open to whom that of the data plane is, to everybody, because a browser that follows a link sends no token, and
because the first refusals of this plane are for want of one. Where the data plane has no such page, nor has this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mattegate.serving import routes
from mattegate.serving.site import ASSETS, Site

if TYPE_CHECKING:
    from fastapi import FastAPI

    from mattegate.config.settings import ServerSettings, Settings


def page_paths(server: ServerSettings) -> frozenset[str]:
    """What is answered without a token: the page of reasons, and what it looks like."""
    if not server.docs:
        return frozenset()
    return frozenset(server.prefix + path for path in (routes.REASONS_PATH, *(f"/assets/{name}" for name in ASSETS)))


def add_pages(app: FastAPI, settings: Settings) -> None:
    """Answer :func:`page_paths`, under the same paths as on the data plane."""
    if settings.server.docs:
        site, prefix = Site(settings, tuple, {routes.REASONS.name}), settings.server.prefix
        app.add_route(prefix + routes.REASONS_PATH, site.reasons, include_in_schema=False)
        app.add_route(prefix + "/assets/{name}", site.asset, include_in_schema=False)
