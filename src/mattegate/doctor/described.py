"""Holds what was asked against what is described: the routes of an API description, the published ports of containers.

Nothing is said of a request that succeeded, and nothing of a description alone: a port on the loopback address is right
behind a proxy. A description may be older than what runs, so that nothing here is ever proven.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from types import MappingProxyType
from typing import Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.observation import Observation
from mattegate.doctor.readers.openapi import Hit, Route, openapi_answer, routes_of

_MISSED: Final = frozenset({403, 404, 405})
"""What a gateway answers where it finds no route; some say 403."""
_DOWN: Final = frozenset({502, 503, 504})
_REFUSED: Final = re.compile(
    r"connection refused|couldn't connect to server|failed to connect|ERR_CONNECTION_REFUSED", re.IGNORECASE
)
_CAUSES: Final[Mapping[Hit, tuple[str, Certainty]]] = MappingProxyType(
    {
        Hit.METHOD_MISSING: ("route.method_missing", Certainty.LIKELY),
        Hit.PREFIX_MISSING: ("route.prefix_missing", Certainty.LIKELY),
        Hit.PREFIX_DOUBLED: ("route.prefix_doubled", Certainty.LIKELY),
        Hit.PREFIX_UNKNOWN: ("route.prefix_unknown", Certainty.POSSIBLE),
        Hit.SLASH: ("route.path_spelling", Certainty.LIKELY),
        Hit.CASE: ("route.path_spelling", Certainty.LIKELY),
        Hit.UNKNOWN: ("route.not_described", Certainty.POSSIBLE),
    }
)


def described(observations: Iterable[Observation]) -> Iterator[Clue]:
    """What descriptions say of the requests that failed; nothing where no description was given."""
    seen = tuple(observations)
    routes = routes_of(seen)
    services = [one for one in seen if one.format == "setting" and one.fields.get("kind") in ("service", "container")]
    asked: set[tuple[str, str, int | None]] = set()
    for one in seen:
        key = (one.method, one.host + one.path, one.status)
        if one.format == "setting" or key in asked:
            continue
        asked.add(key)
        yield from _route_clue(one, routes)
        yield from _container_clues(one, services)


# --- routes ------------------------------------------------------------------------------------------------------


def _route_clue(seen: Observation, routes: tuple[Route, ...]) -> Iterator[Clue]:
    preflight = seen.method == "OPTIONS"
    if not routes or seen.status not in _MISSED or not seen.method or not seen.path or preflight:
        return
    answer = openapi_answer(routes, seen.method, seen.path)
    if answer.hit not in _CAUSES:
        return
    cause, certainty = _CAUSES[answer.hit]
    called = seen.path.partition("?")[0]
    near = (
        f"the description has {' '.join(answer.methods)} {answer.path}"
        if answer.path
        else "the description has no such path"
    )
    yield Clue(
        cause=cause,
        certainty=certainty,
        origin="API description",
        evidence=(f"{seen.place}: {seen.request} was answered {seen.status}; {near}",),
        facts={
            "called": called,
            "wanted": answer.called or answer.path,
            "method": seen.method,
            "methods": ", ".join(answer.methods),
        },
        request=seen.request,
        status=seen.status,
    )


# --- containers --------------------------------------------------------------------------------------------------


def _container_clues(seen: Observation, services: list[Observation]) -> Iterator[Clue]:
    if services and _refused(seen):
        yield from _refused_clues(seen, services, _port(seen))
    if seen.status in _DOWN:
        yield from (_unhealthy(seen, service) for service in services if service.fields.get("health") == "unhealthy")


def _refused(seen: Observation) -> bool:
    said = f"{seen.message}\n{seen.fields.get('notes', '')}\n{seen.fields.get('error', '')}"
    return seen.status is None and _REFUSED.search(said) is not None and "timed out" not in said


def _port(seen: Observation) -> str:
    """The port of the address that was asked for, or what its scheme means."""
    found = re.search(r":(\d{1,5})\Z", seen.host)
    if found is not None:
        return found[1]
    return seen.fields.get("port") or {"http": "80", "https": "443"}.get(seen.scheme, "")


def _refused_clues(seen: Observation, services: list[Observation], port: str) -> Iterator[Clue]:
    """Why nothing listens there, as far as the descriptions tell; silence where a service does publish the port."""
    if not port:
        return
    publishing = [service for service in services if port in service.fields.get("published", "").split()]
    on_host = [service for service in services if service.fields.get("network_mode") == "host"]
    ignored = [service for service in publishing if service in on_host and not _listens(service, port)]
    if ignored:
        yield _clue("container.host_network_ports", Certainty.LIKELY, seen, ignored[0], port)
    elif publishing and all(_on_loopback_only(service) for service in publishing) and _from_elsewhere(seen):
        yield _clue("container.loopback_only", Certainty.LIKELY, seen, publishing[0], port)
    elif not publishing and not on_host and not any(_unclear(service) for service in services):
        inside = [service for service in services if _listens(service, port)]
        certainty = Certainty.LIKELY if inside else Certainty.POSSIBLE
        yield _clue("container.port_not_published", certainty, seen, (inside or services)[0], port)


def _listens(service: Observation, port: str) -> bool:
    """Whether the program inside is said to use ``port``."""
    return port in (*service.fields.get("targets", "").split(), *re.findall(r"\d+", service.fields.get("expose", "")))


def _unclear(service: Observation) -> bool:
    """A range, a variable, a port that docker chooses: which ports these are is not known here."""
    told = f"{service.fields.get('published', '')} {service.fields.get('unread_ports', '')}"
    return re.search(r"[-$a-z]", told) is not None


def _on_loopback_only(service: Observation) -> bool:
    addresses = service.fields.get("addresses", "").split()
    return bool(addresses) and all(_is_loopback(address) for address in addresses)


def _from_elsewhere(seen: Observation) -> bool:
    """Whether the address that was tried is known, and is not this host's own loopback."""
    address = seen.fields.get("address") or seen.host.rpartition(":")[0] or seen.host
    try:
        return not ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _clue(cause: str, certainty: Certainty, seen: Observation, service: Observation, port: str) -> Clue:
    fields = service.fields
    said = fields.get("ports") or "no ports"
    return Clue(
        cause=cause,
        certainty=certainty,
        origin="containers",
        evidence=(
            f"{seen.place}: {seen.message or 'the connection was refused'}",
            f"{service.place}: {fields['service']} has {said}" + _network(fields),
        ),
        facts={
            "port": port,
            "service": fields["service"],
            "target": fields.get("targets", port).split()[0],
            "published": fields.get("published", "none"),
            "address": seen.fields.get("address") or seen.host,
        },
        request=seen.request,
        status=seen.status,
    )


def _network(fields: Mapping[str, str]) -> str:
    return f" and network_mode {fields['network_mode']}" if "network_mode" in fields else ""


def _unhealthy(seen: Observation, service: Observation) -> Clue:
    said = service.fields.get("health_output", "").strip()
    return Clue(
        cause="container.unhealthy",
        certainty=Certainty.POSSIBLE,
        origin="containers",
        evidence=(
            f"{seen.place}: {seen.request} was answered {seen.status}",
            f"{service.place}: {service.fields['service']} is unhealthy{f': {said[:300]}' if said else ''}",
        ),
        facts={"service": service.fields["service"]},
        request=seen.request,
        status=seen.status,
    )
