"""The requests that are tried where nobody named one: what a client of a background-removal API sends.

A configuration that serves something else is asked for what it proxies: the paths of its own locations.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.listening import first_name
from mattegate.doctor.nginx.locating import pattern_of
from mattegate.doctor.nginx.request import Outcome, Request

if TYPE_CHECKING:
    from mattegate.doctor.nginx.listening import Server
    from mattegate.doctor.nginx.model import Model
    from mattegate.doctor.nginx.scope import Scope
    from mattegate.doctor.nginx.state import Surroundings

_KEY: Final = ("Authorization", "Bearer sk_prod_example")
_ORIGIN: Final = ("Origin", "https://app.example")
_ROUTE: Final = "/v1/remove-bg"
_UPLOAD: Final = 9_000_000


def usual_requests(model: Model, around: Surroundings) -> Iterator[Request]:
    """For each server that passes requests on: the key, the page, the big upload, by IPv4."""
    for server in model.servers:
        host = first_name([server])
        path = _path(model, server, host, around)
        if path is not None:
            yield from _set(path, host)


def _path(model: Model, server: Server, host: str, around: Surroundings) -> str | None:
    """The product's own route where it is passed on; else one below the first location that passes anything on."""
    for path in (_ROUTE, *_below(server.scope)):
        prediction = model.predict(Request("POST", path, host, (_KEY,)), around)
        ours = prediction.server is server.scope.directive
        if ours and (
            prediction.outcome is Outcome.FORWARDS or (prediction.scope is not None and _passes(prediction.scope))
        ):
            return path
    return None


def _passes(scope: Scope) -> bool:
    location = scope.location
    return location is not None and bool(location.own("proxy_pass"))


def _below(scope: Scope) -> Iterator[str]:
    for location in scope.locations:
        pattern = pattern_of(location)
        if not pattern.regex and pattern.modifier != "@" and location.own("proxy_pass"):
            yield pattern.name if pattern.modifier == "=" else pattern.name.rstrip("/") + "/remove-bg"
        yield from _below(location)


def _set(path: str, host: str) -> Iterator[Request]:
    yield Request("POST", path, host, (_KEY, ("Content-Type", "image/png")), body_bytes=60_000)
    yield Request("POST", path, host, (_KEY, _ORIGIN, ("Content-Type", "multipart/form-data; boundary=b")))
    yield Request("POST", path, host, (_KEY, ("Content-Type", "image/png")), body_bytes=_UPLOAD, label="9 MB upload")
