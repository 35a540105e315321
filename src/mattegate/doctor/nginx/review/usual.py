"""The requests that are tried where nobody named one: what a client of a background-removal API sends.

Rules of this file:

1. A configuration that serves something else is asked for what it proxies: the paths of its own locations.
2. The page that calls is one that the configuration means to admit, with the key that it lists; where it does not say
   which, no page is made up.
3. What such a request runs into is no fault in itself: whoever keeps strangers out, or big bodies, may want just that.
   Told is only what nobody ever means, as a redirect in circles, and an upload that is refused where uploads are meant
   to arrive.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.nginx.listening import first_name
from mattegate.doctor.nginx.locating import pattern_of
from mattegate.doctor.nginx.request import Headers, Outcome, Request

if TYPE_CHECKING:
    from mattegate.doctor.clue import Clue
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.listening import Server
    from mattegate.doctor.nginx.model import Model
    from mattegate.doctor.nginx.request import Prediction
    from mattegate.doctor.nginx.scope import Scope
    from mattegate.doctor.nginx.state import Surroundings
    from mattegate.doctor.nginx.tree import Tree

_KEY: Final = ("Authorization", "Bearer sk_prod_example")
_API_KEY: Final = ("X-API-Key", "sk_prod_example")
_ORIGIN: Final = "https://app.example"
_ROUTE: Final = "/v1/remove-bg"
_UPLOAD: Final = 9_000_000
MOST_SERVERS: Final = 24
_MOST_PATHS: Final = 64
_MOST_BESIDE: Final = 8
_LITERAL_ORIGIN: Final = re.compile(r"https?://[\w.-]+(?::\d{1,5})?")
_AGAINST_UPLOADS: Final = frozenset(
    {"body.too_large", "waf.modsecurity_body_limit", "waf.modsecurity_boundary", "waf.crs_content_type"}
)
_NEVER_MEANT: Final = frozenset({"redirect.cycle", "alias.rewritten", "if.handler_lost", "location.name_missing"})
"""Answers that are a fault whoever asks."""
_FOR_UPLOADS: Final = re.compile(r"upload|remove-?bg|rembg|rmbg|matting|image|photo|picture", re.IGNORECASE)


def usual_requests(model: Model, around: Surroundings) -> Iterator[Request]:
    """For each server that passes requests on: the key, the page, the big upload, by IPv4."""
    for server in model.servers[:MOST_SERVERS]:
        host = first_name([server])
        path = _path(model, server, host, around)
        if path is not None:
            yield from _set(path, host, _page(model, server.scope))
            yield from _from_elsewhere(server, path, host)
            yield from _beside(model, server, path, around)


def _path(model: Model, server: Server, host: str, around: Surroundings) -> str | None:
    """The product's own route where it is passed on; else one below the first location that passes anything on."""
    for path in (_ROUTE, *islice(_below(server.scope), _MOST_PATHS)):
        prediction = model.predict(Request("POST", path, host, (_KEY,)), around)
        ours = prediction.server is server.scope.directive
        if ours and (
            prediction.outcome is Outcome.FORWARDS or (prediction.scope is not None and _passes(prediction.scope))
        ):
            return path
    return None


def _beside(model: Model, server: Server, chosen: str, around: Surroundings) -> Iterator[Request]:
    """Once for each other location that passes requests on: what is lost on the way turns on the location."""
    host = first_name([server])
    asked = model.predict(Request("POST", chosen, host), around).location
    for path in islice(dict.fromkeys(_below(server.scope)), _MOST_BESIDE):
        request = Request("GET", path, host, (_KEY,), label="another location")
        prediction = model.predict(request, around)
        ours = prediction.server is server.scope.directive and prediction.location is not asked
        if ours and prediction.outcome is Outcome.FORWARDS:
            yield request


def _passes(scope: Scope) -> bool:
    location = scope.location
    return location is not None and bool(location.own("proxy_pass"))


def _below(scope: Scope) -> Iterator[str]:
    for location in scope.locations:
        pattern = pattern_of(location)
        if not pattern.regex and pattern.modifier != "@" and location.own("proxy_pass"):
            yield pattern.name if pattern.modifier == "=" else pattern.name.rstrip("/") + "/remove-bg"
        yield from _below(location)


def _set(path: str, host: str, page: Headers | None) -> Iterator[Request]:
    yield Request("POST", path, host, (_KEY, ("Content-Type", "image/png")), body_bytes=60_000)
    if page is not None:
        yield Request("POST", path, host, (*page, ("Content-Type", "multipart/form-data; boundary=b")))
    yield Request("POST", path, host, (_KEY, ("Content-Type", "image/png")), body_bytes=_UPLOAD, label="9 MB upload")


def _from_elsewhere(server: Server, path: str, host: str) -> Iterator[Request]:
    """The other callers there are, and what monitors and URL jobs ask: for the table of what each request gets."""
    sent = (_KEY, ("Content-Type", "application/json"))
    if any(listen.ipv6 for listen in server.listens):
        yield Request("POST", path, host, sent, client="2001:db8::10", label="over IPv6")
    behind = (*sent, ("X-Forwarded-For", "203.0.113.10"))
    yield Request("POST", path, host, behind, client="10.0.0.10", label="through a load balancer")
    yield Request("POST", path, host, sent, body_bytes=200, label="a job by URL")
    yield Request("GET", "/health", host, label="health")


# --- the page ----------------------------------------------------------------------------------------------------


def _page(model: Model, server: Scope) -> Headers | None:
    """The headers of a page's request; ``None`` where some origins are admitted and none is written out."""
    origin = _origin(model, server)
    if origin is None:
        return None
    listed = ", ".join(_added(server, "access-control-allow-headers")).lower()
    found = [("Origin", origin)]
    if "authorization" in listed or "*" in listed:
        found.append(_KEY)
    elif "x-api-key" in listed:
        found.append(_API_KEY)
    if "true" in _added(server, "access-control-allow-credentials"):
        found.append(("Cookie", "session=1"))
    return tuple(found)


def _origin(model: Model, server: Scope) -> str | None:
    values = _added(server, "access-control-allow-origin")
    choosing = [*_lines_about_origin(model, server)]
    words = [*values, *(word for line in choosing for word in (line.name, *line.args))]
    written = next((word for word in words if _LITERAL_ORIGIN.fullmatch(word)), None)
    everybody = not choosing and {"*", "$http_origin"}.issuperset(values)
    return written or (_ORIGIN if everybody else None)


def _added(server: Scope, name: str) -> list[str]:
    """The values of a header that this server adds to answers anywhere."""
    lines = (line for line in server.directive.walk() if line.name == "add_header")
    around = server.parent.own("add_header") if server.parent is not None else []
    return [line.args[1] for line in (*lines, *around) if len(line.args) > 1 and line.args[0].lower() == name]


def _lines_about_origin(model: Model, server: Scope) -> Iterator[Directive]:
    """The lines of the maps and conditions that look at the page's origin."""
    for line in server.directive.walk():
        if line.name == "if" and any("$http_origin" in arg for arg in line.args):
            yield line
    for made in model.http.own("map") if model.http is not None else ():
        if made.args and "$http_origin" in made.args[0]:
            yield from made.children


# --- what it runs into -------------------------------------------------------------------------------------------


def unasked(clue: Clue, prediction: Prediction, tree: Tree) -> Clue | None:
    """The clue, where a request that nobody asked about shows a fault by being refused so; see rule 3."""
    place = prediction.location
    if clue.cause in _NEVER_MEANT:
        return replace(clue, certainty=Certainty.LIKELY)
    meant = place is not None and any(_FOR_UPLOADS.search(arg) for arg in place.args)
    unknown = prediction.decided_by is None and (tree.unread or not tree.whole)
    if clue.cause not in _AGAINST_UPLOADS or not meant or unknown:
        return None
    return replace(clue, certainty=Certainty.LIKELY)
