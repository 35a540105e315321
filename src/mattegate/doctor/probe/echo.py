"""What arrived behind each hop, by the gate's own echo (``mattegate echo``): the headers, the address, the encryption.

The echo tells the values of an allow-list and of all others length and MAC; its key is the ticket, which is known
here, so that what was sent can be compared without being repeated.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.probe.exchange import Ask
from mattegate.doctor.probe.target import Target

ECHO_PATH: Final = "/v1/echo/"
_MAC_DIGITS: Final = 12
_PER_HOP: Final = frozenset(
    ("connection", "keep-alive", "te", "trailer", "expect", "upgrade", "content-length", "transfer-encoding",
     "accept-encoding", "host", "proxy-connection", "proxy-authorization", "user-agent")
)  # fmt: skip
"""What a proxy may rightly change or keep to itself (RFC 9110 §7.6.1), or what is judged apart."""
_CLIENT: Final = ("x-forwarded-for", "x-real-ip", "forwarded")


@dataclass(frozen=True, slots=True)
class Told:
    """One header as the echo tells it."""

    name: str
    value: str | None
    """``None`` where only length and MAC are told."""
    mac: str = ""

    def holds(self, sent: str, ticket: str) -> bool:
        """Whether it is what was sent."""
        return sent == self.value if self.value is not None else mac_of(ticket, sent) == self.mac


@dataclass(frozen=True, slots=True)
class Arrived:
    """One request as the gate saw it."""

    headers: tuple[Told, ...]
    peer: str
    scheme: str

    def named(self, name: str) -> tuple[Told, ...]:
        """The headers of that name."""
        return tuple(header for header in self.headers if header.name == name.lower())


def mac_of(ticket: str, value: str) -> str:
    """What the echo tells of a value that it does not show."""
    key = hashlib.sha256(b"mattegate echo mac\0" + ticket.encode()).digest()
    return hmac.new(key, value.encode("latin-1"), hashlib.sha256).hexdigest()[:_MAC_DIGITS]


def parse_echo(body: bytes) -> Arrived | None:
    """An echo's answer; ``None`` for anything else."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or told.get("echo") != 1 or not isinstance(told.get("headers"), list):
        return None
    connection = told.get("connection")
    connection = connection if isinstance(connection, dict) else {}
    headers = tuple(_told(one) for one in told["headers"] if isinstance(one, dict))
    return Arrived(headers, str(connection.get("peer") or ""), str(connection.get("scheme") or ""))


def _told(header: Mapping[str, Any]) -> Told:
    value = header.get("value")
    shown = value if isinstance(value, str) else None
    return Told(str(header.get("name", "")).lower(), shown, str(header.get("mac", "")))


def hop_clues(target: Target, sent: Ask, ticket: str, arrived: Arrived, *, hop: str) -> Iterator[Clue]:
    """What the way to the gate does to a request."""
    for name, value in sent.headers:
        if name.lower() not in _PER_HOP:
            yield from _header(name, value, ticket, arrived, hop)
    yield from _host(sent, arrived, hop)
    yield from _scheme(target, arrived, hop)


def _header(name: str, value: str, ticket: str, arrived: Arrived, hop: str) -> Iterator[Clue]:
    found = arrived.named(name)
    said = f"{name} was sent, {hop} it arrived as"
    topic = "authorization" if name.lower() == "authorization" else "header"
    if not found:
        yield _clue(f"hop.{topic}_dropped", Certainty.PROVEN, f"{said} nothing: the echo does not list it", name, hop)
    elif not any(one.holds(value, ticket) for one in found) and (topic == "authorization" or len(value) < 1_024):
        text = f"{said} another value: {len(value)} characters were sent, and the MACs differ"
        certainty = Certainty.PROVEN if topic == "authorization" else Certainty.POSSIBLE
        if name.lower() not in ("content-type", "accept", "x-forwarded-for"):
            yield _clue(f"hop.{topic}_changed", certainty, text, name, hop)


def _host(sent: Ask, arrived: Arrived, hop: str) -> Iterator[Clue]:
    host, found = sent.header("host") or "", arrived.named("host")
    forwarded = [one.value for one in arrived.named("x-forwarded-host")]
    if host and found and host not in [one.value for one in found] and host not in forwarded:
        text = f"Host: {host} was sent, {hop} it arrived as {found[0].value}, and no X-Forwarded-Host tells the first"
        yield _clue("hop.host_changed", Certainty.POSSIBLE, text, "Host", hop)


def _scheme(target: Target, arrived: Arrived, hop: str) -> Iterator[Clue]:
    protocols = [one.value for one in arrived.named("x-forwarded-proto")]
    if target.tls and arrived.scheme == "http" and "https" not in protocols and not arrived.named("forwarded"):
        text = f"the request was sent over https, {hop} it arrived over http without X-Forwarded-Proto: https"
        yield _clue("hop.scheme_lost", Certainty.POSSIBLE, text, "X-Forwarded-Proto", hop)


def passed_clues(through: Arrived, direct: Arrived | None) -> Iterator[Clue]:
    """What shows only beside the direct way: another peer stands in for the client, and does not say for whom."""
    if direct is None or through.peer == direct.peer or any(through.named(name) for name in _CLIENT):
        return
    text = f"through the proxy the gate sees {through.peer}, and no header tells whom it stands for"
    yield _clue("hop.client_address_lost", Certainty.POSSIBLE, text, "X-Forwarded-For", "through the proxy")


def _clue(cause: str, certainty: Certainty, text: str, name: str, hop: str) -> Clue:
    return Clue(cause, certainty, "probe echo", (text,), {"header": name, "hop": hop})
