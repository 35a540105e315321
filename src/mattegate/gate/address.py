"""Who is asking, and whether over HTTPS: headers of proxies, believed only as far as they were declared.

Rules of this file: a header counts only when the connection comes from a declared proxy. The chain is walked from the
right, because each proxy appends the address it saw; the first address that is not a declared proxy is the client.
What cannot be read within that walk is a problem, never a guess. Forwarded is RFC 7239, section 4 and 6;
X-Forwarded-For has no standard and is read as a list of addresses, with brackets and ports where they stand.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from mattegate.gate.networks import Address, is_local, parse_address
from mattegate.gate.rules import Rules
from mattegate.vocabulary.attempt import Attempt

_PORT: Final = re.compile(r":(?:[0-9]{1,5}|_[0-9A-Za-z._-]+)", re.ASCII)
_PAIR: Final = re.compile(
    r"[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:\"((?:[^\"\\]|\\.)*)\"|([^\s\",;\\]+))[ \t]*", re.ASCII
)
_SHOWN: Final = 120
"""Characters of an unreadable value that a finding keeps."""


Proto = Literal["https", "http"]


@dataclass(frozen=True, slots=True)
class Client:
    """The client of one attempt, as far as it can be known."""

    address: str
    """Canonical; empty where it cannot be known or the caller came over a Unix socket."""
    trusted_hops: tuple[str, ...] = ()
    """Declared proxies on the way, nearest first."""
    header: str = ""
    """The header that named the client; empty where the connection itself did."""
    problem: str = ""
    """What in that header cannot be read."""
    undeclared: str = ""
    """A header that an undeclared proxy in front of this server seems to have added."""
    depth: int = 0
    """How many elements from the right the client stands in the header; 0 without one."""
    trusted: bool = False
    """Whether the connection comes from a declared proxy."""


def client_of(attempt: Attempt, rules: Rules) -> Client:
    """Find the client: the peer itself, or what declared proxies say."""
    peer = parse_address(attempt.peer)
    known = peer.text if peer else ""
    if not is_declared(attempt.peer, rules):
        return _by_connection(known, _forwarding_header(attempt) if is_local(attempt.peer) else "")
    listed = _listed(attempt, rules, peer)
    standard = _standard(attempt, rules, peer)
    if listed is None or standard is None:
        return listed or standard or Client(known, trusted=True)
    return _agreed(listed, standard)


def is_declared(peer: str, rules: Rules) -> bool:
    """Whether whoever connected from ``peer`` is a declared proxy; empty for a Unix socket."""
    return bool(rules.trusted.find(parse_address(peer))) if peer else rules.trusts_socket


@lru_cache(maxsize=1024)
def _by_connection(address: str, undeclared: str) -> Client:
    return Client(address, undeclared=undeclared)


def forwards(attempt: Attempt) -> bool:
    """Whether the head looks as if a proxy had passed it on."""
    return bool(_forwarding_header(attempt) or attempt.forwarded_proto or attempt.forwarded_host)


def proto_of(attempt: Attempt, rules: Rules) -> Proto:
    """How the client speaks: what the declared proxy says, otherwise how this connection is made.

    Proxies that contradict each other count as ``http``.
    """
    return proto_by(attempt, client_of(attempt, rules))


def proto_by(attempt: Attempt, client: Client) -> Proto:
    """The same, where the client is known already."""
    if client.trusted and (said := _protos(attempt, client)):
        return "https" if said == {"https"} else "http"
    return "https" if attempt.tls else "http"


def host_of(attempt: Attempt, rules: Rules) -> str:
    """The host that the client asked for: what the declared proxy says, otherwise ``Host``.

    Empty where proxies contradict each other.
    """
    client = client_of(attempt, rules)
    hosts = _hosts(attempt, client) if client.trusted else set()
    if not hosts:
        return attempt.host
    return hosts.pop() if len(hosts) == 1 else ""


def _forwarding_header(attempt: Attempt) -> str:
    if attempt.forwarded_for:
        return "X-Forwarded-For"
    if attempt.forwarded:
        return "Forwarded"
    return "X-Real-IP" if attempt.real_ip else ""


def _listed(attempt: Attempt, rules: Rules, peer: Address | None) -> Client | None:
    if not attempt.forwarded_for:
        return None
    return _walked("X-Forwarded-For", attempt.forwarded_for, rules, peer)


def _standard(attempt: Attempt, rules: Rules, peer: Address | None) -> Client | None:
    if not attempt.forwarded:
        return None
    nodes: list[str | None] = []
    for element in attempt.forwarded:
        pairs = parse_element(element)
        nodes.append(None if pairs is None else pairs.get("for", ""))
    if not any(node is None or node for node in nodes):
        return None  # it speaks of other things, such as proto, and of no address
    texts = [element if node is None else node for element, node in zip(attempt.forwarded, nodes, strict=True)]
    readable = [node is not None for node in nodes]
    return _walked("Forwarded", texts, rules, peer, readable)


def _walked(
    header: str, texts: Sequence[str], rules: Rules, peer: Address | None, readable: Sequence[bool] = ()
) -> Client:
    hops = [peer.text if peer else "unix"]
    address = peer
    for depth, text in enumerate(reversed(texts), 1):
        address = parse_node(text) if not readable or readable[-depth] else None
        if address is None:
            return Client("", tuple(hops), header, text[:_SHOWN] or "(empty)", "", depth, True)
        if not rules.trusted.find(address):
            return Client(address.text, tuple(hops), header, "", "", depth, True)
        hops.append(address.text)
    # Every element is a declared proxy: the farthest of them is who asked.
    return Client(hops[-1], tuple(hops[:-1]), header, "", "", len(texts), True)


def _agreed(listed: Client, standard: Client) -> Client:
    """One client from both headers; where they differ, one of them was not made by the proxy."""
    if listed.problem or standard.problem:
        return listed if listed.problem else standard
    if listed.address != standard.address:
        problem = f"X-Forwarded-For says {listed.address}, Forwarded says {standard.address}"
        return Client("", listed.trusted_hops, "X-Forwarded-For and Forwarded", problem, "", listed.depth, True)
    return listed


def parse_node(text: str) -> Address | None:
    """The address of one element: bare, with a port, or IPv6 in brackets; ``None`` for ``unknown`` and ``_hidden``."""
    text = text.strip(" \t")
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        if not closed or ":" not in host or (rest and not _PORT.fullmatch(rest)):
            return None
        return parse_address(host)
    if text.count(":") == 1:
        host, _, port = text.partition(":")
        return parse_address(host) if _PORT.fullmatch(f":{port}") else None
    return parse_address(text)


def parse_element(element: str) -> dict[str, str] | None:
    """The parameters of one element of Forwarded, names in small letters; ``None`` where it is not well-formed."""
    pairs: dict[str, str] = {}
    position = 0
    while position < len(element):
        match = _PAIR.match(element, position)
        if match is None:
            if element[position] not in "; \t":
                return None
            position += 1
            continue
        name = match[1].lower()
        position = match.end()
        if name in pairs or (position < len(element) and element[position] != ";"):
            return None
        pairs[name] = re.sub(r"\\(.)", r"\1", match[2]) if match[2] is not None else match[3]
    return pairs


def _hosts(attempt: Attempt, client: Client) -> set[str]:
    depth = max(client.depth, 1)
    said = [text.strip() for text in attempt.forwarded_host.split(",")] if attempt.forwarded_host else []
    hosts = {said[-min(depth, len(said))]} if said else set()
    if attempt.forwarded:
        pairs = parse_element(attempt.forwarded[-min(depth, len(attempt.forwarded))])
        hosts |= {""} if pairs is None else {pairs["host"]} if "host" in pairs else set()
    return hosts


def _protos(attempt: Attempt, client: Client) -> set[str]:
    depth = max(client.depth, 1)
    said = [text.strip().lower() for text in attempt.forwarded_proto.split(",")] if attempt.forwarded_proto else []
    protos = {said[-min(depth, len(said))]} if said else set()
    if attempt.forwarded:
        pairs = parse_element(attempt.forwarded[-min(depth, len(attempt.forwarded))])
        if pairs is None:
            return {"unreadable"}
        if "proto" in pairs:
            protos.add(pairs["proto"].lower())
    return protos
