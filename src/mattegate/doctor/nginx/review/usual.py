"""The requests that are tried where nobody named one: what a client of a background-removal API sends.

Rules of this file:

1. A configuration that serves something else is asked for what it proxies: the paths of its own locations.
2. The page that calls is one that the configuration means to admit, with the key that it lists; where it does not say
   which, no page is made up.
3. What is called is no file: where the files are not known, none has the name of a call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.listening import first_name
from mattegate.doctor.nginx.locating import Pattern, pattern_of
from mattegate.doctor.nginx.regex import Untranslated, search
from mattegate.doctor.nginx.request import Headers, Outcome, Request
from mattegate.doctor.nginx.review.circling import doors
from mattegate.doctor.nginx.review.either import ANYWHERE, NoCallIsAFile
from mattegate.doctor.nginx.review.meant import AGENTS, ROUTE, UPLOAD_ROUTES, for_callers, passes_on, place_of

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.listening import Server
    from mattegate.doctor.nginx.model import Model
    from mattegate.doctor.nginx.request import Prediction
    from mattegate.doctor.nginx.scope import Scope
    from mattegate.doctor.nginx.state import Surroundings

_ALLOW_ORIGIN: Final = "access-control-allow-origin"
_KEY: Final = ("Authorization", "Bearer sk_prod_example")
_API_KEY: Final = ("X-API-Key", "sk_prod_example")
_ORIGIN: Final = "https://app.example"
_UPLOAD: Final = 9_000_000
MOST_SERVERS: Final = 24
_MOST_PATHS: Final = 64
_MOST_BESIDE: Final = 8
_LITERAL_START: Final = re.compile(r"\^(/[\w/-]*/|/)")
_LITERAL_ORIGIN: Final = re.compile(r"https?://[\w.-]+(?::\d{1,5})?")
_MISWRITTEN_ORIGIN: Final = re.compile(r"(https?://)?(\*\.)?([\w-]+(?:\.[\w-]+)+)(:\d{1,5})?/?")
"""An origin without its scheme, with a slash behind it, or with a star in it."""


def usual_requests(model: Model, around: Surroundings) -> Iterator[Request]:
    """For each server that passes requests on: the key, the page, the big upload, by IPv4."""
    for server in model.servers[:MOST_SERVERS]:
        host = first_name([server])
        path = _path(model, server, host, around)
        if path is not None:
            asked = model.predict(Request("POST", path, host), around).scope
            yield from _set(path, host, _page(model, server.scope, asked))
            yield from _by_programs(model, server, path, host)
            yield from _from_elsewhere(server, path, host)
            yield from _beside(model, server, path, around)
        yield from doors(server, host)


def without_calls(model: Model, around: Surroundings) -> Surroundings:
    """The surroundings in which the usual requests are tried."""
    lines = (line for server in model.servers for line in server.scope.directive.walk())
    checks = {line.args[0].partition("?")[0] for line in lines if line.name == "auth_request" and line.args}
    calls = ("/remove-bg", *UPLOAD_ROUTES, *(uri for uri in checks if len(uri) > 1 and "." not in uri))
    return replace(around, files=NoCallIsAFile(around.files, calls), started_in=around.started_in or ANYWHERE)


def _path(model: Model, server: Server, host: str, around: Surroundings) -> str | None:
    """The product's own route where it is passed on; else one below the first location that passes anything on."""
    for path in (ROUTE, *islice(_below(server.scope), _MOST_PATHS)):
        prediction = model.predict(Request("POST", path, host, (_KEY,)), around)
        if prediction.server is server.scope.directive and _meant_to_be_passed_on(prediction):
            return path
    return None


def _meant_to_be_passed_on(prediction: Prediction) -> bool:
    """Whether a request is passed on, or ends where others are, or was on its way there."""
    entered = (step.directive for step in prediction.steps if step.phase == "location")
    places = (*entered, place_of(prediction), prediction.passed_over)
    return prediction.outcome is Outcome.FORWARDS or any(map(passes_on, places))


def _beside(model: Model, server: Server, chosen: str, around: Surroundings) -> Iterator[Request]:
    """Once for each other location that passes requests on: what is lost on the way turns on the location."""
    host = first_name([server])
    asked = model.predict(Request("POST", chosen, host), around).location
    for path in islice(dict.fromkeys(_below(server.scope)), _MOST_BESIDE):
        request = Request("GET", path, host, label="another location")
        prediction = model.predict(request, around)
        if for_callers(prediction.location):
            request = replace(request, headers=(_KEY,))
        ours = prediction.server is server.scope.directive and prediction.location is not asked
        if ours and (prediction.outcome is Outcome.FORWARDS or passes_on(prediction.passed_over)):
            yield request


def _below(scope: Scope) -> Iterator[str]:
    """A path in each location that passes requests on; of a pattern, the routes that it fits."""
    for location in scope.locations:
        pattern = pattern_of(location)
        if pattern.modifier != "@" and location.own("proxy_pass"):
            yield from _paths_of(pattern)
        yield from _below(location)


def _paths_of(pattern: Pattern) -> Iterator[str]:
    if not pattern.regex:
        yield pattern.name if pattern.modifier == "=" else pattern.name.rstrip("/") + "/remove-bg"
        return
    start = _LITERAL_START.match(pattern.name)
    beneath = (start[1].rstrip("/") + "/remove-bg",) if start is not None and start[1] != "/" else ()
    yield from (path for path in (*UPLOAD_ROUTES, *beneath) if _fits(pattern, path))


def _fits(pattern: Pattern, path: str) -> bool:
    try:
        return search(pattern.name, path, ignore_case=pattern.modifier == "~*") is not None
    except Untranslated:
        return False


def _set(path: str, host: str, page: Headers | None) -> Iterator[Request]:
    yield Request("POST", path, host, (_KEY, ("Content-Type", "image/png")), body_bytes=60_000)
    if page is not None:
        yield Request("POST", path, host, (*page, ("Content-Type", "multipart/form-data; boundary=b")))
    yield Request("POST", path, host, (_KEY, ("Content-Type", "image/png")), body_bytes=_UPLOAD, label="9 MB upload")


def _by_programs(model: Model, server: Server, path: str, host: str) -> Iterator[Request]:
    """The programs that call an API most, where something turns on the name of the program."""
    tables = model.http.own("map") if model.http is not None else []
    lines = (*server.scope.directive.walk(), *tables)
    turns = any("$http_user_agent" in arg for line in lines if line.name in {"if", "map"} for arg in line.args)
    for agent in AGENTS if turns else ():
        yield Request("POST", path, host, (_KEY, ("User-Agent", agent)), label=agent.partition("/")[0])


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


def _page(model: Model, server: Scope, asked: Scope | None) -> Headers | None:
    """The headers of a page's request; ``None`` where some origins are admitted and none is written out."""
    origin = _origin(model, server, asked)
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


def _origin(model: Model, server: Scope, asked: Scope | None) -> str | None:
    near = _added_around(asked) if asked is not None else []
    values = near or _added(server, _ALLOW_ORIGIN)
    choosing = [*_lines_about_origin(model, server)]
    words = [*values, *(word for line in choosing for word in (line.name, *line.args))]
    written = next((word for word in words if _LITERAL_ORIGIN.fullmatch(word)), None)
    written = written or next((found for value in words if (found := _meant_by(value)) is not None), None)
    everybody = not choosing and {"*", "$http_origin"}.issuperset(values)
    return written or (_ORIGIN if everybody else None)


def _meant_by(value: str) -> str | None:
    """The origin of a page that somebody meant to admit with a value that admits none."""
    first, *_ = value.replace(",", " ").split() or [""]
    named = _MISWRITTEN_ORIGIN.fullmatch(first)
    if named is None:
        return None
    return (named[1] or "https://") + ("any." if named[2] else "") + named[3] + (named[4] or "")


def _added_around(scope: Scope) -> list[str]:
    """The values of Access-Control-Allow-Origin that the block of a request, or an ``if`` in it, may add."""
    levels = (level.directive for level in scope.upwards() if level.kind not in {"server", "http"})
    lines = (line for block in levels for line in (*block.children, *_in_conditions(block)))
    return [line.args[1] for line in lines if _adds(line, _ALLOW_ORIGIN)]


def _in_conditions(block: Directive) -> Iterator[Directive]:
    return (line for condition in block.named("if") for line in condition.children)


def _adds(line: Directive, name: str) -> bool:
    return line.name == "add_header" and len(line.args) > 1 and line.args[0].lower() == name


def _added(server: Scope, name: str) -> list[str]:
    """The values of a header that this server adds to answers anywhere."""
    lines = (line for line in server.directive.walk() if line.name == "add_header")
    around = server.parent.own("add_header") if server.parent is not None else []
    return [line.args[1] for line in (*lines, *around) if _adds(line, name)]


def _lines_about_origin(model: Model, server: Scope) -> Iterator[Directive]:
    """The lines of the maps and conditions that look at the page's origin."""
    for line in server.directive.walk():
        if line.name == "if" and any("$http_origin" in arg for arg in line.args):
            yield line
    for made in model.http.own("map") if model.http is not None else ():
        if made.args and "$http_origin" in made.args[0]:
            yield from made.children
