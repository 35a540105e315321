"""The first step: from a name to addresses, and what an odd answer means."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.probe.target import Scope, Target, is_literal, is_public_name, scope_of

HOSTS_FILE: Final = Path("/etc/hosts")
_HOSTS_BYTES: Final = 262_144
_ENDPOINT: Final = re.compile(r"\.execute-api\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$")
_NOT_EVERYWHERE: Final = (Scope.PRIVATE, Scope.CGNAT)


@dataclass(frozen=True, slots=True)
class Address:
    """One address of a name."""

    text: str
    family: int

    @property
    def scope(self) -> Scope:
        """From where it can be reached."""
        return scope_of(self.text)

    @property
    def kind(self) -> str:
        """``IPv4`` or ``IPv6``."""
        return "IPv6" if self.family == socket.AF_INET6 else "IPv4"


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a name resolves to on this machine."""

    host: str
    addresses: tuple[Address, ...] = ()
    failure: str = ""
    """``name`` (no such name), ``address`` (a name without any), ``server`` (no answer); empty where all is well."""
    message: str = ""
    """What the resolver said."""
    from_hosts: tuple[str, ...] = ()
    """Addresses that the hosts file gives the name."""

    @property
    def literal(self) -> bool:
        """Whether there was nothing to resolve."""
        return is_literal(self.host)


def look_up(host: str, port: int, *, timeout: float = 5.0, hosts_file: Path = HOSTS_FILE) -> Resolution:
    """Ask this machine's resolver, as every client here does."""
    found: list[Resolution] = []
    asking = threading.Thread(target=lambda: found.append(_asked(host, port)), daemon=True)
    asking.start()
    asking.join(timeout)  # getaddrinfo knows no time limit
    if not found:
        return Resolution(host, failure="server", message=f"no answer from the resolver within {timeout:g} s")
    answer = found[0]
    given = () if answer.literal else tuple(hosts_entries(host, hosts_file))
    return Resolution(host, answer.addresses, answer.failure, answer.message, given)


def _asked(host: str, port: int) -> Resolution:
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return Resolution(host, failure=_failure(error.errno), message=str(error.strerror or error))
    except (OSError, UnicodeError) as error:
        return Resolution(host, failure="server", message=str(error))
    unique = dict.fromkeys((str(sockaddr[0]), int(family)) for family, _, _, _, sockaddr in answers)
    return Resolution(host, tuple(Address(text, family) for text, family in unique))


def _failure(number: int | None) -> str:
    no_data = getattr(socket, "EAI_NODATA", None)  # not everywhere
    if number is not None and number in (no_data, getattr(socket, "EAI_ADDRFAMILY", None)):
        return "address"
    return "name" if number == socket.EAI_NONAME else "server"


def hosts_entries(host: str, file: Path = HOSTS_FILE) -> Iterator[str]:
    """The addresses that a hosts file gives a name; none where there is no such file."""
    try:
        with file.open("rb") as stream:
            text = stream.read(_HOSTS_BYTES).decode("utf-8", "replace")
    except OSError:
        return
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if host.lower() in (name.lower() for name in names) and is_literal(address):
            yield str(ip_address(address))


def dns_clues(target: Target, resolution: Resolution) -> Iterator[Clue]:
    """What a resolution tells: a failure is proven, an odd answer a hint."""
    facts = {"host": target.host, "addresses": ", ".join(address.text for address in resolution.addresses)}
    if resolution.failure:
        yield _failed(target, resolution, facts)
        return
    if resolution.literal or not is_public_name(target.host):
        return
    if resolution.from_hosts:
        text = f"the hosts file gives {target.host} the address {', '.join(resolution.from_hosts)}"
        yield _clue("dns.hosts_override", Certainty.POSSIBLE, text, facts)
    scopes = {address.scope for address in resolution.addresses}
    answer = f"{target.host} resolves to {facts['addresses']} here"
    if scopes & {Scope.LOOPBACK, Scope.UNSPECIFIED}:
        yield _clue("dns.loopback_answer", Certainty.POSSIBLE, answer, facts)
    elif scopes & set(_NOT_EVERYWHERE):
        yield _private(target, answer, facts)


def _private(target: Target, answer: str, facts: dict[str, str]) -> Clue:
    if _ENDPOINT.search(target.host):
        return _clue("dns.private_endpoint", Certainty.LIKELY, f"{answer}: an interface endpoint answers", facts)
    return _clue("dns.private_answer", Certainty.POSSIBLE, answer, facts)


def _failed(target: Target, resolution: Resolution, facts: dict[str, str]) -> Clue:
    cause = {"name": "dns.no_such_name", "address": "dns.no_address"}.get(resolution.failure, "dns.no_answer")
    text = f"the resolver of this machine says about {target.host}: {resolution.message}"
    return _clue(cause, Certainty.PROVEN, text, facts)


def _clue(cause: str, certainty: Certainty, text: str, facts: dict[str, str]) -> Clue:
    return Clue(cause, certainty, "probe dns", (text,), facts)
