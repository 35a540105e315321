"""Connections that failed, held against the published ports of containers, each port by itself.

A port on the loopback address is right behind a proxy: without a connection that failed there, nothing is said of it.
What listens inside a container is known only where its command says so; a program that is just not running is refused
as well, and stands in no description.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.observation import Observation
from mattegate.doctor.readers.published import Port, shown_ports

_DOWN: Final = frozenset({502, 503, 504})
_REFUSED: Final = re.compile(
    r"connection refused|couldn't connect to server|failed to connect|ERR_CONNECTION_REFUSED", re.IGNORECASE
)
_CLOSED: Final = re.compile(
    r"empty reply from server|connection (?:was )?(?:reset|aborted|closed)|ERR_(?:EMPTY_RESPONSE|CONNECTION_RESET"
    r"|CONNECTION_CLOSED)|unexpected EOF|RemoteDisconnected|socket hang up",
    re.IGNORECASE,
)
"""What becomes of a connection that docker took for a port on which nothing listens inside."""


def container_clues(seen: Observation, services: Sequence[Observation]) -> Iterator[Clue]:
    """What the services or containers explain of one thing that was seen."""
    port = _port(seen)
    if services and port and _failed(seen, _REFUSED):
        yield from _refused_clues(seen, services, port)
    if port and (_failed(seen, _REFUSED) or _failed(seen, _CLOSED)):
        yield from _inside_clues(seen, services, port)
    if seen.status in _DOWN:
        yield from (_unhealthy(seen, service) for service in services if service.fields.get("health") == "unhealthy")


def _failed(seen: Observation, how: re.Pattern[str]) -> bool:
    said = f"{seen.message}\n{seen.fields.get('notes', '')}\n{seen.fields.get('error', '')}"
    return seen.status is None and how.search(said) is not None and "timed out" not in said


def _port(seen: Observation) -> str:
    """The port of the address that was asked for, or what its scheme means."""
    found = re.search(r":(\d{1,5})\Z", seen.host)
    if found is not None:
        return found[1]
    return seen.fields.get("port") or {"http": "80", "https": "443"}.get(seen.scheme, "")


# --- what is published -------------------------------------------------------------------------------------------


def _refused_clues(seen: Observation, services: Sequence[Observation], port: str) -> Iterator[Clue]:
    """Why nothing listens there, as far as the descriptions tell; silence where a service does publish the port."""
    bound = [(service, one) for service in services for one in _ports(service) if one.covers(port)]
    on_host = [service for service in services if service.fields.get("network_mode") == "host"]
    ignored = [service for service, _ in bound if service in on_host and not _listens(service, port)]
    if ignored:
        yield _clue("container.host_network_ports", Certainty.LIKELY, seen, ignored[0], port)
    elif bound and all(_is_loopback(one.address) for _, one in bound) and _from_elsewhere(seen):
        yield _clue("container.loopback_only", Certainty.LIKELY, seen, bound[0][0], port)
    elif not bound and not on_host and not any(_unclear(service) for service in services):
        inside = [service for service in services if _listens(service, port)]
        certainty = Certainty.LIKELY if inside else Certainty.POSSIBLE
        yield _clue("container.port_not_published", certainty, seen, (inside or services)[0], port)


def _ports(service: Observation) -> tuple[Port, ...]:
    return tuple(port for port in shown_ports(service.fields.get("ports", "")) if port.protocol == "tcp")


def _listens(service: Observation, port: str) -> bool:
    """Whether the program inside is said to use ``port``."""
    return port in (*service.fields.get("targets", "").split(), *re.findall(r"\d+", service.fields.get("expose", "")))


def _unclear(service: Observation) -> bool:
    """A variable, or a port that docker chooses: which ports these are is not known here."""
    told = f"{service.fields.get('published', '')} {service.fields.get('unread_ports', '')}"
    return re.search(r"[$a-z]", told) is not None or "unread_ports" in service.fields


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


# --- what listens inside -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Listening:
    """Where a program's command line lets it listen; empty what it does not tell."""

    address: str = ""
    port: str = ""


_DEFAULTS: Final = (
    (re.compile(r"\buvicorn\b"), _Listening("127.0.0.1", "8000")),
    (re.compile(r"\bgunicorn\b"), _Listening("127.0.0.1", "8000")),
    (re.compile(r"\bflask\b.* run\b"), _Listening("127.0.0.1", "5000")),
    (re.compile(r"\bmanage\.py runserver\b"), _Listening("127.0.0.1", "8000")),
    (re.compile(r"\bfastapi dev\b"), _Listening("127.0.0.1", "8000")),
)
"""Programs that listen on loopback where nothing is said. Documented by: Uvicorn, settings; Gunicorn, settings, bind;
Flask, command line; Django, django-admin runserver; FastAPI CLI."""
_ADDRESS: Final = re.compile(
    r"(?:(?:--host|--bind|--address|--listen|--ip|-b|-h|-H)[= ]|runserver )"
    r"(?P<address>\[[0-9A-Fa-f:]+\]|\d{1,3}(?:\.\d{1,3}){3}|localhost)(?::(?P<port>\d{1,5}))?(?=\s|$)"
)
_NUMBER: Final = re.compile(r"(?:(?:--port|-p)[= ]|runserver )(\d{1,5})(?=\s|$)")
_SETS: Final = re.compile(r"(?:HOST|BIND|PORT|ADDRESS|LISTEN|CMD_ARGS)\w*(?:\s|$)")
"""Variables that may say otherwise."""


def _inside_clues(seen: Observation, services: Sequence[Observation], port: str) -> Iterator[Clue]:
    """The published port leads to one inside on which the command lets nothing listen."""
    for service in services:
        listening = _listening(service)
        for one in (found for found in _ports(service) if found.covers(port)):
            if _is_loopback(listening.address.strip("[]")):
                yield _clue("container.program_on_loopback", Certainty.LIKELY, seen, service, port)
            elif listening.port and "-" not in one.target and one.target != listening.port:
                told = {"target": one.target, "listens": listening.port}
                yield _clue("container.target_port_wrong", Certainty.LIKELY, seen, service, port, **told)


def _listening(service: Observation) -> _Listening:
    fields = service.fields
    command = f"{fields.get('entrypoint', '')} {fields.get('command', '')}".replace('"', " ")
    address, number = _ADDRESS.search(command), _NUMBER.search(command)
    if address is None and _SETS.search(fields.get("environment", "")):
        return _Listening()
    default = next((known for program, known in _DEFAULTS if program.search(command)), _Listening())
    told = number[1] if number else (address["port"] or "") if address else ""
    return _Listening(address["address"] if address else default.address, told or default.port)


# --- telling -----------------------------------------------------------------------------------------------------


def _clue(cause: str, certainty: Certainty, seen: Observation, service: Observation, port: str, **facts: str) -> Clue:
    fields = service.fields
    said = fields.get("ports") or "no ports"
    return Clue(
        cause=cause,
        certainty=certainty,
        origin="containers",
        evidence=(
            f"{seen.place}: {seen.message or 'the connection was refused'}",
            f"{service.place}: {fields['service']} has {said}" + _more(fields),
        ),
        facts={
            "port": port,
            "service": fields["service"],
            "target": fields.get("targets", port).split()[0],
            "published": fields.get("published", "none"),
            "address": seen.fields.get("address") or seen.host,
            **facts,
        },
        request=seen.request,
        status=seen.status,
    )


def _more(fields: Mapping[str, str]) -> str:
    network = f" and network_mode {fields['network_mode']}" if "network_mode" in fields else ""
    return f"{network}, and runs {fields['command'][:200]}" if fields.get("command") else network


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
