"""Reads a docker compose file: one ``setting`` for each service.

Fields: ``kind`` (``service``), ``service``, ``ports`` (``ADDRESS:HOST->CONTAINER/PROTOCOL``, ``*`` for all addresses),
``published``, ``targets``, ``addresses``, ``expose``, ``network_mode``, ``networks``, ``command``, ``entrypoint``,
``healthcheck``, ``image``, ``depends_on``, ``restart`` and ``environment``: names alone, no values. Ports that could
not be read stand in ``unread_ports``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.readers.documents import MEBIBYTE, read_text
from mattegate.doctor.readers.protocol import Unreadable
from mattegate.doctor.readers.published import Port, port_fields, short_port
from mattegate.doctor.readers.yaml_subset import Node, read_yaml
from mattegate.doctor.redact import clean, safe

_MOST: Final = 2 * MEBIBYTE
_MOST_CHARS: Final = 2_000
_PLAIN: Final = ("image", "network_mode", "restart", "container_name", "user")
_WORDS: Final = ("expose", "networks", "depends_on", "command", "entrypoint")


class ComposeReader:
    """``compose.yaml``."""

    name = "compose"
    _SERVICES: Final = re.compile(r"^services:\s*(?:#.*)?$", re.MULTILINE)
    _MEMBER: Final = re.compile(
        r"^ +(?:image|build|ports|network_mode|environment|command|extends|container_name):", re.MULTILINE
    )
    _NAMED: Final = re.compile(r"(?:docker-)?compose[\w.-]*\.ya?ml", re.IGNORECASE)

    def recognises(self, head: str, name: str) -> bool:
        """``services:`` at the left edge and something that only a service has below it."""
        named = self._NAMED.fullmatch(name.rpartition("/")[2]) is not None
        return self._SERVICES.search(head) is not None and (named or self._MEMBER.search(head) is not None)

    def read(self, stream: BinaryIO, source: str) -> Iterator[Observation]:
        """Each service. Raises :class:`Unreadable`."""
        services = read_yaml(clean(read_text(stream, most=_MOST))).get("services")
        if services is None or not services.members:
            raise Unreadable("it has no services")
        for name, service in services.members.items():
            place = Place(source, service.line)
            yield Observation(format="setting", place=place, fields=_fields(safe(name), service))


def _fields(name: str, service: Node) -> dict[str, str]:
    plain = {key: node.text for key in _PLAIN if (node := service.get(key)) is not None}
    words = {key: _words(node) for key in _WORDS if (node := service.get(key)) is not None}
    more = {"environment": _names(service.get("environment")), "healthcheck": _health(service.get("healthcheck"))}
    found = {**plain, **words, **more}
    cut = {key: safe(value)[:_MOST_CHARS] for key, value in found.items() if value}
    return {"kind": "service", "service": name, **cut, **_ports(service.get("ports"))}


def _words(node: Node) -> str:
    """A list, the keys of a map, or a text: as words."""
    return " ".join(node.members) or " ".join(item.text for item in node.items)


def _names(node: Node | None) -> str:
    """The names of variables, whose values are nobody's business."""
    if node is None:
        return ""
    return " ".join(node.members) or " ".join(item.text.partition("=")[0] for item in node.items)


def _health(node: Node | None) -> str:
    if node is None:
        return ""
    test = node.get("test")
    return "disabled" if (disabled := node.get("disable")) and disabled.text == "true" else _words(test) if test else ""


def _ports(node: Node | None) -> dict[str, str]:
    items = node.items if node is not None else []
    read = [(item, _long(item) if item.members else short_port(item.text)) for item in items]
    unread = " ".join(safe(item.text)[:100] or "?" for item, port in read if port is None)
    return {
        **port_fields([port for _, port in read if port is not None]),
        **({"unread_ports": unread} if unread else {}),
    }


def _long(item: Node) -> Port | None:
    texts = {name: safe(node.text) for name, node in item.members.items()}
    if not texts.get("target"):
        return None
    address = texts.get("host_ip", "")
    everywhere = address in ("0.0.0.0", "::")  # noqa: S104 - compared, and nothing is bound
    published = texts.get("published") or "any"
    return Port(texts["target"], published, "" if everywhere else address, texts.get("protocol") or "tcp")
