"""Reads what docker says of containers: ``docker inspect``, ``docker ps`` and ``docker compose ps``, tables and JSON.

One ``setting`` for each container, with the fields of :mod:`mattegate.doctor.readers.compose` and ``state``,
``health``, ``health_output``, ``container_address``; ``kind`` is ``container``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.readers.documents import MEBIBYTE, at, list_at, read_text, text_at
from mattegate.doctor.readers.protocol import Unreadable
from mattegate.doctor.readers.published import Port, port_fields, shown_ports
from mattegate.doctor.redact import clean, safe

_MOST: Final = 16 * MEBIBYTE
_MOST_CHARS: Final = 2_000
_TABLE: Final = re.compile(r"^(?:CONTAINER ID|NAME) {2,}.*(?:\bPORTS\b|\bSTATUS\b).*$", re.MULTILINE)
_COLUMN: Final = re.compile(r"[A-Z]+(?: [A-Z]+)*")


class InspectReader:
    """What docker prints of containers."""

    name = "inspect"
    _INSPECTED: Final = re.compile(r"\[?\s*+\{\s*+\"Id\"\s*+:\s*+\"[0-9a-f]{64}\"")
    _LISTED: Final = re.compile(
        r"\[?\s*+\{\"(?:Command|CreatedAt|Name|ID|Health)\":.{0,4000}\"(?:Ports|Publishers)\":", re.DOTALL
    )

    def recognises(self, head: str, name: str) -> bool:
        """By the header of the table, or by docker's own members."""
        del name
        table = _TABLE.search(head[:4_096]) is not None
        text = head.lstrip()
        return table or self._INSPECTED.match(text) is not None or self._LISTED.match(text) is not None

    def read(self, stream: BinaryIO, source: str) -> Iterator[Observation]:
        """Each container. Raises :class:`Unreadable`."""
        text = clean(read_text(stream, most=_MOST))
        table = _TABLE.search(text)
        if table is not None and not text.lstrip().startswith(("{", "[")):
            yield from _rows(text, table, source)
            return
        for container in _documents(text):
            fields = _inspected(container) if at(container, "HostConfig") is not None else _listed(container)
            yield Observation(format="setting", place=Place(source), fields=_safe(fields))


def _documents(text: str) -> Iterator[dict[str, Any]]:
    """One JSON document, or one a line, as ``--format json`` prints them."""
    try:
        whole = json.loads(text)
    except RecursionError:
        raise Unreadable("the JSON is nested too deeply to be docker's") from None
    except ValueError:
        whole = [_line(line, number) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    for one in whole if isinstance(whole, list) else [whole]:
        if isinstance(one, dict):
            yield one


def _line(line: str, number: int) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise Unreadable(f"line {number} is neither JSON nor a row of docker's table") from None


def _inspected(container: dict[str, Any]) -> dict[str, str]:
    config = at(container, "Config")
    health = list_at(container, "State", "Health", "Log")
    networks = at(container, "NetworkSettings", "Networks")
    addresses = [text_at(one, "IPAddress") for one in networks.values()] if isinstance(networks, dict) else []
    variables = (str(one).partition("=")[0] for one in list_at(config, "Env"))
    return {
        "service": text_at(config, "Labels", "com.docker.compose.service") or text_at(container, "Name").lstrip("/"),
        "container_name": text_at(container, "Name").lstrip("/"),
        "image": text_at(config, "Image"),
        "network_mode": text_at(container, "HostConfig", "NetworkMode"),
        "networks": " ".join(networks) if isinstance(networks, dict) else "",
        "container_address": " ".join(address for address in addresses if address),
        "command": " ".join(str(word) for word in list_at(config, "Cmd")),
        "entrypoint": " ".join(str(word) for word in list_at(config, "Entrypoint")),
        "environment": " ".join(variables),
        "healthcheck": " ".join(str(word) for word in list_at(config, "Healthcheck", "Test")),
        "state": text_at(container, "State", "Status"),
        "exit_code": text_at(container, "State", "ExitCode"),
        "health": text_at(container, "State", "Health", "Status"),
        "health_output": text_at(health[-1], "Output") if health else "",
        **port_fields(_bound(at(container, "NetworkSettings", "Ports") or at(container, "HostConfig", "PortBindings"))),
    }


def _bound(ports: Any) -> list[Port]:
    """``{"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8000"}], "9000/tcp": null}``."""
    found: list[Port] = []
    for name, bindings in ports.items() if isinstance(ports, dict) else ():
        target, _, protocol = safe(str(name)).partition("/")
        listed = bindings if isinstance(bindings, list) else []
        bound = [Port(target, text_at(one, "HostPort"), _address(text_at(one, "HostIp")), protocol) for one in listed]
        found += bound or [Port(target, protocol=protocol)]
    return found


def _address(text: str) -> str:
    return "" if text in ("0.0.0.0", "::") else text  # noqa: S104 - compared, and nothing is bound


def _listed(container: Mapping[str, Any]) -> dict[str, str]:
    publishers = list_at(container, "Publishers")
    ports = [_publisher(one) for one in publishers] if publishers else list(shown_ports(text_at(container, "Ports")))
    return {
        "service": text_at(container, "Service") or text_at(container, "Names") or text_at(container, "Name"),
        "image": text_at(container, "Image"),
        "state": text_at(container, "State") or text_at(container, "Status"),
        "health": text_at(container, "Health") or _health(text_at(container, "Status")),
        "command": text_at(container, "Command").strip('"'),
        **port_fields(ports),
    }


def _publisher(one: Any) -> Port:
    published = text_at(one, "PublishedPort")
    outside = "" if published == "0" else published
    return Port(text_at(one, "TargetPort"), outside, _address(text_at(one, "URL")), text_at(one, "Protocol") or "tcp")


def _rows(text: str, table: re.Match[str], source: str) -> Iterator[Observation]:
    """A column begins where its heading does."""
    columns = [(column[0], column.start()) for column in _COLUMN.finditer(table[0])]
    ends = [start for _, start in columns[1:]] + [None]
    first = text.count("\n", 0, table.start()) + 1
    for number, row in enumerate(text[table.end() :].split("\n")[1:], start=first + 1):
        if not row.strip() or row.startswith("$"):
            break
        cells = {name: row[start:end].strip() for (name, start), end in zip(columns, ends, strict=True)}
        yield Observation(format="setting", place=Place(source, number), fields=_safe(_row(cells)))


def _row(cells: Mapping[str, str]) -> dict[str, str]:
    status = cells.get("STATUS", "")
    return {
        "service": cells.get("SERVICE") or cells.get("NAMES") or cells.get("NAME", ""),
        "image": cells.get("IMAGE", ""),
        "state": status,
        "health": _health(status),
        "command": cells.get("COMMAND", "").strip('"'),
        **port_fields(list(shown_ports(cells.get("PORTS", "")))),
    }


def _health(status: str) -> str:
    found = re.search(r"\((healthy|unhealthy|health: starting)\)", status)
    return found[1].removeprefix("health: ") if found else ""


def _safe(fields: Mapping[str, str]) -> dict[str, str]:
    return {"kind": "container", **{name: safe(value)[:_MOST_CHARS] for name, value in fields.items() if value}}
