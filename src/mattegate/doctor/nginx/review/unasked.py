"""Which refusals are a fault where nobody named a request.

Rules of this file:

1. What a usual request runs into is no fault in itself: whoever keeps strangers out, or big bodies, may want just that.
2. Told is what nobody ever means: redirects in circles, a check that nobody answers, an upstream without a server.
3. Told is, besides, what a line refuses that the configuration itself says is to arrive: an upload where uploads are
   taken, everybody where requests are passed on, programs at a server named after an API.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.nginx.mapping import definition_in
from mattegate.doctor.nginx.review.meant import (
    AGENTS,
    ROUTE,
    for_callers,
    for_programs,
    for_uploads,
    passes_on,
    place_of,
    takes_pictures,
)
from mattegate.doctor.nginx.review.refusals.returned import conditions
from mattegate.doctor.nginx.review.unreadable import unread
from mattegate.doctor.nginx.sizes import size
from mattegate.doctor.nginx.values import variables_in

if TYPE_CHECKING:
    from mattegate.doctor.clue import Clue
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.model import Model
    from mattegate.doctor.nginx.request import Prediction
    from mattegate.doctor.nginx.state import Surroundings
    from mattegate.doctor.nginx.tree import Tree

_NEVER_MEANT: Final = frozenset(
    {"redirect.cycle", "alias.rewritten", "if.handler_lost", "location.name_missing", "upstream.refused",
     "upstream.no_address", "upstream.no_resolver", "redirect.to_itself", "upstream.itself", "proxy_pass.not_reached"}
)  # fmt: skip
"""Answers that are a fault whoever asks."""
_SETTLED_AROUND: Final = frozenset({"upstream.no_resolver"})
"""What a line of the ``http`` block may settle, where only a piece was given."""
_SETTLED_ELSEWHERE: Final = _SETTLED_AROUND | {
    "location.name_missing", "access.rule_denies", "auth_request.denies", "client_cert.required", "location.redirects",
    "location.not_proxied", "location.missing", "body.too_large",
}  # fmt: skip
"""What a file that is included and was not read may settle: by an ``allow``, a location, a size."""
_MULTIPART: Final = ("Content-Type", "multipart/form-data; boundary=b")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A usual request, what became of it, and what it was asked of."""

    prediction: Prediction
    model: Model
    tree: Tree
    around: Surroundings

    @property
    def place(self) -> Directive | None:
        """The location that refuses."""
        hidden = self.prediction.hidden
        scope = hidden.scope.location if hidden is not None and hidden.scope is not None else None
        return scope.directive if scope is not None else place_of(self.prediction)


def unasked(clue: Clue, prediction: Prediction, model: Model, tree: Tree, around: Surroundings) -> Clue | None:
    """The clue, where a request that nobody asked about shows a fault by being refused so."""
    if (unread(tree) and clue.cause in _SETTLED_ELSEWHERE) or (not tree.whole and clue.cause in _SETTLED_AROUND):
        return None
    check = _CHECKS.get(clue.cause)
    told = clue.cause in _NEVER_MEANT or (check is not None and check(_Asked(prediction, model, tree, around)))
    return replace(clue, certainty=Certainty.LIKELY) if told else None


# --- uploads -----------------------------------------------------------------------------------------------------


def _refuses_uploads(asked: _Asked) -> bool:
    """Whether uploads are refused where the names, or other lines, say that they are to arrive."""
    unknown = asked.prediction.decided_by is None and not asked.tree.whole
    return (for_uploads(asked.place) and not unknown) or _checked_for_less(asked) or _sized_elsewhere(asked)


def _checked_for_less(asked: _Asked) -> bool:
    """Whether the location lets the body in, and the location that ``auth_request`` asks does not."""
    scope = asked.prediction.scope
    lines = scope.inherited("client_max_body_size") if scope is not None else []
    return asked.prediction.mechanism == "auth_request_body" and bool(lines)


def _sized_elsewhere(asked: _Asked) -> bool:
    """Whether a server of the same name that passes nothing on has the size that is missing here."""
    server = asked.prediction.server
    if server is None or asked.prediction.decided_by is not None:
        return False
    names = _names(server)
    others = (block for block in _servers(asked.model) if block is not server and names & _names(block))
    return any(
        _admits(block, asked.prediction.request.body_bytes) for block in others if not _passes_anything_on(block)
    )


def _servers(model: Model) -> list[Directive]:
    return [server.scope.directive for server in model.servers]


def _names(server: Directive) -> set[str]:
    return {name for line in server.named("server_name") for name in line.args} - {"", "_"}


def _passes_anything_on(server: Directive) -> bool:
    return any(line.name.endswith("_pass") for line in server.walk())


def _admits(server: Directive, body: int) -> bool:
    return any(line.args and not 0 < size(line.args[0]) < body for line in server.named("client_max_body_size"))


def _refuses_pictures(asked: _Asked) -> bool:
    """Whether a route for pictures takes neither a form with one nor one as it is."""
    request = asked.prediction.request
    others = tuple(pair for pair in request.headers if pair[0].lower() != "content-type")
    form = asked.model.predict(replace(request, headers=(*others, _MULTIPART)), asked.around)
    return takes_pictures(asked.place) and form.decided_by is asked.prediction.decided_by


# --- conditions --------------------------------------------------------------------------------------------------


def _closed(asked: _Asked) -> bool:
    """Whether a ``return`` refuses everybody, or those that the place is plainly meant for."""
    line, http = asked.prediction.decided_by, asked.model.http
    if line is None or http is None or (asked.prediction.status or 0) < 400:
        return False
    names: set[str] = set()
    for block in conditions(asked.prediction, line):
        names |= _looked_at(block, asked)
    if not names and _takes_the_route(asked):
        return True
    if not names:
        return passes_on(asked.place) and asked.place is not None and line in asked.place.children
    return any(names <= variables and holds(asked) for variables, holds in _ALWAYS)


def _looked_at(block: Directive, asked: _Asked) -> set[str]:
    """The variables that a condition turns on, behind a ``map`` those that it looks at."""
    found: set[str] = set()
    for name in variables_in(block.args[0] if block.args else ""):
        source = definition_in(asked.model.http, name) if asked.model.http is not None else None
        found |= set(variables_in(source.args[0])) if source is not None and source.name == "map" else {name}
    return found


def _all_alike(asked: _Asked) -> bool:
    """Whether every port of the server is encrypted, or none: then its scheme is the same for everybody."""
    server = next(s for s in asked.model.servers if s.scope.directive is asked.prediction.server)
    return len({listen.tls for listen in server.listens}) == 1


def _asks_no_certificate(asked: _Asked) -> bool:
    scope = asked.prediction.scope
    return scope is not None and scope.value("ssl_verify_client", "off") == "off"


def _wants_no_uploads(asked: _Asked) -> bool:
    return for_uploads(asked.place) and asked.prediction.request.method == "POST"


def _refuses_programs(asked: _Asked) -> bool:
    """Whether an API takes every program that calls it for a robot; one of them alone may be meant."""
    request, line = asked.prediction.request, asked.prediction.decided_by
    others = tuple(pair for pair in request.headers if pair[0] != "User-Agent")
    tried = [replace(request, headers=(*others, ("User-Agent", agent))) for agent in AGENTS]
    refused = all(asked.model.predict(one, asked.around).decided_by is line for one in tried)
    return refused and for_programs(asked.prediction)


_ALWAYS: Final[tuple[tuple[frozenset[str], Callable[[_Asked], bool]], ...]] = (
    (frozenset({"scheme", "https"}), _all_alike),
    (frozenset({"ssl_client_verify"}), _asks_no_certificate),
    (frozenset({"request_method"}), _wants_no_uploads),
    (frozenset({"content_type", "http_content_type"}), _refuses_pictures),
    (frozenset({"http_user_agent"}), _refuses_programs),
    (frozenset({"invalid_referer"}), lambda asked: for_programs(asked.prediction)),
)
"""What a condition turns on, and when that refuses whom the place is meant for."""


# --- addresses, checks and locations -----------------------------------------------------------------------------


def _nobody_gets_in(asked: _Asked) -> bool:
    """Whether every address is refused by the rules of an API's location, or by those around all that is passed on."""
    scope = asked.prediction.scope
    if scope is None or scope.kind == "limit_except" or scope.value("satisfy", "all") == "any":
        return False
    rules = scope.inherited("allow", "deny")
    nobody = all(rule.name == "deny" for rule in rules) and passes_on(asked.place)
    meant = for_callers(asked.place) or not scope.own("allow", "deny")
    return (nobody and meant) or _takes_the_route(asked)


def _answered_here(asked: _Asked) -> bool:
    """Whether nginx itself answers what ``auth_request`` asks, and not with a word on permission."""
    asks = any(step.says.startswith("auth_request asks") for step in asked.prediction.steps)
    return asked.prediction.status == 500 and not asks


def _takes_the_route(asked: _Asked) -> bool:
    """Whether a pattern takes a call of an API from the location that would have passed it on."""
    over = asked.prediction.passed_over
    return (
        passes_on(over)
        and not passes_on(asked.place)
        and over is not None
        and over.args[-1] != "/"
        and for_callers(over)
    )


def _looks_for_a_file(asked: _Asked) -> bool:
    """Whether a ``try_files`` stands in the way of the ``proxy_pass`` beside it, where no files are meant to be."""
    line, place = asked.prediction.decided_by, asked.place
    if line is None or line.name != "try_files" or not passes_on(place) or place is None:
        return False
    return "$uri/" in line.args or for_callers(place)


def _is_the_route(asked: _Asked) -> bool:
    return asked.prediction.request.path == ROUTE and asked.prediction.mechanism == "slash_redirect"


_CHECKS: Final[Mapping[str, Callable[[_Asked], bool]]] = MappingProxyType(
    {
        "body.too_large": _refuses_uploads,
        "waf.modsecurity_body_limit": _refuses_uploads,
        "waf.modsecurity_boundary": _refuses_uploads,
        "waf.crs_content_type": _refuses_uploads,
        "method.not_allowed": _wants_no_uploads,
        "return.forbids": _closed,
        "map.forbids": _closed,
        "referer.forbids": _closed,
        "client_cert.required": _closed,
        "access.rule_denies": _nobody_gets_in,
        "auth_request.denies": _answered_here,
        "location.shadowed": _takes_the_route,
        "location.not_proxied": _looks_for_a_file,
        "location.missing": _looks_for_a_file,
        "location.redirects": _is_the_route,
    }
)
"""Answers that are a fault where they contradict what the configuration means."""
