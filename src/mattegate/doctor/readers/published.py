"""Published ports of containers, in one spelling for compose files, ``docker inspect`` and ``docker ps``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_SHORT: Final = re.compile(
    r"(?:(?:(?P<address>\[[0-9A-Fa-f:.]{2,45}\]|\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f:]{0,39}:[0-9A-Fa-f:]{1,39}(?=:)|localhost):)?"
    r"(?P<published>(?:\d{1,5}(?:-\d{1,5})?|\$\{[^}]{1,100}\}|\$\w{1,60}))?:)?"
    r"(?P<target>\d{1,5}(?:-\d{1,5})?|\$\{[^}]{1,100}\}|\$\w{1,60})(?:/(?P<protocol>tcp|udp|sctp))?"
)
_PS: Final = re.compile(
    r"(?:(?P<address>\*|\[[0-9A-Fa-f:]{2,45}\]|[0-9A-Fa-f:.]{2,45}|localhost|):"
    r"(?P<published>\d{1,5}(?:-\d{1,5})?|any|\$[^,]{1,100}?)->)?"
    r"(?P<target>\d{1,5}(?:-\d{1,5})?|\$[^,]{1,100}?)/(?P<protocol>tcp|udp|sctp)"
)


@dataclass(frozen=True, slots=True)
class Port:
    """One port of a container. ``published`` is empty where nothing outside reaches it by a port of the host."""

    target: str
    published: str = ""
    address: str = ""
    """The host's address it is bound to; empty for all of them."""
    protocol: str = "tcp"

    def covers(self, port: str) -> bool:
        """Whether this is, or has among its range, the host's ``port``."""
        first, _, last = self.published.partition("-")
        if not (port.isdecimal() and first.isdecimal() and (last or first).isdecimal()):
            return False
        return int(first) <= int(port) <= int(last or first)

    def __str__(self) -> str:
        outside = f"{self.address or '*'}:{self.published}->" if self.published else ""
        return f"{outside}{self.target}/{self.protocol}"


def short_port(text: str) -> Port | None:
    """``8000:80``, ``127.0.0.1:8000:80/tcp``, ``80``: as a compose file or ``-p`` has it; a host port may be left to
    docker, which is told as ``any``.
    """
    return _port(_SHORT.fullmatch(text.strip()), left="any")


def shown_ports(text: str) -> tuple[Port, ...]:
    """``0.0.0.0:8000->80/tcp, [::]:8000->80/tcp, 9000/tcp``: as ``docker ps`` and :class:`Port` tell them."""
    found = (_port(_PS.fullmatch(part.strip())) for part in text.split(","))
    return tuple(port for port in found if port is not None)


def _port(found: re.Match[str] | None, *, left: str = "") -> Port | None:
    if found is None:
        return None
    address = (found["address"] or "").strip("[]")
    everywhere = address in ("0.0.0.0", "::", "*")  # noqa: S104 - compared, and nothing is bound
    return Port(found["target"], found["published"] or left, "" if everywhere else address, found["protocol"] or "tcp")


def port_fields(ports: list[Port]) -> dict[str, str]:
    """What a ``setting`` says of ports: all of them, and apart from each other where those that are reached listen."""
    reached = [port for port in ports if port.published]
    fields = {
        "ports": ", ".join(map(str, ports)),
        "published": " ".join(dict.fromkeys(port.published for port in reached)),
        "targets": " ".join(dict.fromkeys(port.target for port in ports)),
        "addresses": " ".join(dict.fromkeys(port.address or "*" for port in reached)),
    }
    return {name: value for name, value in fields.items() if value}
