"""Requests that come back to where they were: a redirect to its own address, and a server that passes on to itself.

Rules of this file:

1. A redirect is followed only as far as servers of this configuration have its host and port, and only where nothing
   decides but the address: whoever redirects by a cookie or a header lets the second request pass.
2. A proxy in front may have ended TLS, so what it would say of that is said as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.nginx.request import Outcome, Request
from mattegate.doctor.nginx.review.words import ORIGIN, asked, culprit, facts_of, place
from mattegate.doctor.nginx.values import UNKNOWN, variables_in

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.listening import Server
    from mattegate.doctor.nginx.model import Model
    from mattegate.doctor.nginx.request import Headers, Prediction
    from mattegate.doctor.nginx.state import Surroundings

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_HOPS: Final = 6
_BY_ADDRESS: Final = frozenset({"host", "http_host", "scheme", "https", "server_port", "server_name", "request_method"})
"""Variables that are the same again when the same address is called again."""
_ENDED_TLS: Final = (("X-Forwarded-Proto", "https"), ("X-Forwarded-Ssl", "on"), ("X-Forwarded-Port", "443"))
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_REACHED: Final = frozenset({"*", "[::]", "127.0.0.1", "localhost", "[::1]"})
"""Addresses of ``listen`` at which whoever calls the machine by such a name may arrive."""
_PORTS: Final = {"http": 80, "https": 443}


def doors(server: Server, host: str) -> Iterator[Request]:
    """One request to each port of a server that may redirect all that arrives there."""
    if not server.scope.own("return", "rewrite", "if"):
        return
    for port, tls in dict.fromkeys((listen.port, listen.tls) for listen in server.listens):
        yield Request("GET", "/health", host, _ENDED_TLS if tls else (), port=port, label=f"port {port}")


def circle(model: Model, prediction: Prediction, around: Surroundings) -> Clue | None:
    """The redirect that leads back to the address it was called at, or the upstream that is this very place."""
    if prediction.outcome is Outcome.FORWARDS:
        return _to_itself(model, prediction, around)
    return _redirected(model, prediction, around)


# --- redirects ---------------------------------------------------------------------------------------------------


def _redirected(model: Model, first: Prediction, around: Surroundings) -> Clue | None:
    seen: list[tuple[object, ...]] = []
    lines: list[Directive] = []
    prediction = first
    for _ in range(_MOST_HOPS):
        line = prediction.decided_by
        if prediction.status not in _REDIRECTS or line is None or not _by_address(prediction, line):
            return None
        seen.append(_address(prediction.request))
        lines.append(line)
        following = _following(model, prediction)
        if following is None:
            return None
        if _address(following) in seen:
            return _circling(first, following, lines)
        prediction = model.predict(following, around)
        if not prediction.named:
            return None
    return None


def _by_address(prediction: Prediction, line: Directive) -> bool:
    """Whether the same call is redirected again: conditions that held look at nothing but its address."""
    held = (step.directive for step in prediction.steps if step.directive is not None and step.directive.name == "if")
    conditions = [block for block in held if any(inside is line for inside in block.walk())]
    return all(_BY_ADDRESS.issuperset(variables_in(arg)) for block in conditions for arg in block.args)


def _address(request: Request) -> tuple[object, ...]:
    return request.host, request.port, request.target


def _following(model: Model, prediction: Prediction) -> Request | None:
    """What a client sends next; ``None`` where it goes to somewhere else."""
    target = next((value for name, value in prediction.headers if name == "Location"), "")
    if UNKNOWN in target:
        return None
    parts = urlsplit(target)
    try:
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    tls = parts.scheme == "https"
    if port is None or parts.hostname is None or (port, tls) not in _ports(model):
        return None
    query = f"?{parts.query}" if parts.query else ""
    asking = prediction.request
    return replace(asking, host=parts.netloc.rpartition("@")[2], target=(parts.path or "/") + query, port=port, tls=tls)


def _ports(model: Model) -> set[tuple[int, bool]]:
    return {(listen.port, listen.tls) for server in model.servers for listen in server.listens}


def _circling(first: Prediction, following: Request, lines: list[Directive]) -> Clue:
    url = f"{'https' if following.tls else 'http'}://{following.host}{following.target}"
    back = lines[-1]
    evidence = (*(f"{line.text} ({place(line)})" for line in lines), f"and that is {url} again")
    facts = facts_of(back, first.request, url=url, status=first.status or "")
    shown = culprit(*dict.fromkeys(lines))
    return Clue(
        "redirect.to_itself", Certainty.PROVEN, ORIGIN, evidence, facts, asked(first.request), first.status, shown
    )


# --- upstreams ---------------------------------------------------------------------------------------------------


def _to_itself(model: Model, prediction: Prediction, around: Surroundings) -> Clue | None:
    """A ``proxy_pass`` to a port of this nginx, where the same line takes the same request again."""
    upstream = prediction.upstream
    if upstream is None or upstream.uri is None or upstream.directive.name != "proxy_pass":
        return None
    port = _own_port(upstream.address, model)
    if port is None:
        return None
    host = next((value for name, value in upstream.headers if name.lower() == "host"), None)
    if host is None or UNKNOWN in host:
        return None
    again = model.predict(_as_arriving(upstream.uri, host, port, upstream.headers, prediction.request), around)
    same = again.upstream is not None and again.upstream.directive is upstream.directive
    if not same or again.upstream is None or again.upstream.uri != upstream.uri:
        return None
    line = upstream.directive
    evidence = (f"{line.text} ({place(line)})", f"{host} at port {port} comes to the same line again")
    facts = facts_of(line, prediction.request, upstream=upstream.address, port=port)
    return Clue(
        "upstream.itself", Certainty.LIKELY, ORIGIN, evidence, facts, asked(prediction.request), 502, culprit(line)
    )


def _own_port(address: str, model: Model) -> int | None:
    """The port of this nginx that an address on the machine itself leads to."""
    scheme, _, authority = address.partition("://")
    ports = {_port_here(server, _PORTS.get(scheme)) for server in _behind(authority.partition("/")[0], model)}
    port = ports.pop() if len(ports) == 1 else None
    listens = (listen for server in model.servers for listen in server.listens if listen.port == port)
    reached = any(listen.socket[0] in _REACHED and listen.tls == (scheme == "https") for listen in listens)
    return port if reached else None


def _behind(authority: str, model: Model) -> list[str]:
    """The addresses of the ``upstream`` block of that name, or else the name itself."""
    blocks = [block for block in model.http.own("upstream") if block.args == (authority,)] if model.http else []
    lines = [line for block in blocks for line in block.named("server") if line.args]
    return [line.args[0] for line in lines if not {"down", "backup"}.intersection(line.args)] if blocks else [authority]


def _port_here(authority: str, usual: int | None) -> int | None:
    """The port of an address on this machine; ``None`` of any other."""
    host, colon, port = authority.rpartition(":") if not authority.endswith("]") else (authority, "", "")
    if not colon:
        return usual if authority in _LOOPBACK else None
    return int(port) if host in _LOOPBACK and port.isdecimal() else None


def _as_arriving(uri: str, host: str, port: int, headers: Headers, request: Request) -> Request:
    kept = tuple((name, value) for name, value in headers if name.lower() not in {"host", "content-length"})
    kept = tuple((name, value) for name, value in kept if UNKNOWN not in value)
    return replace(request, target=uri, host=host, port=port, tls=None, headers=kept, client="127.0.0.1")
