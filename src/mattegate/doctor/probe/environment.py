"""The client's own proxy: what HTTP_PROXY, HTTPS_PROXY and NO_PROXY make of one address, and that clients disagree.

curl (lib/url.c, lib/noproxy.c): ``http_proxy`` in lower case only; both cases of the others; names in NO_PROXY match
as suffixes at a dot; CIDR networks since 7.86. urllib and requests: any case, the lower one wins; requests knows CIDR
for IPv4 addresses, urllib does not; both also compare ``host:port``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.observation import Observation
from mattegate.doctor.probe.target import Scope, Target, is_literal, is_public_name, scope_of


@dataclass(frozen=True, slots=True)
class ProxyUse:
    """Which proxy two kinds of client take for an address; empty: none."""

    curl: str = ""
    requests: str = ""
    urllib: str = ""

    @property
    def differ(self) -> bool:
        """Whether it depends on the client."""
        return len({self.curl, self.requests, self.urllib}) > 1

    @property
    def any(self) -> str:
        """A proxy that one of them takes."""
        return self.curl or self.requests or self.urllib


def proxy_use(target: Target, environ: Mapping[str, str]) -> ProxyUse:
    """What the environment makes of an address."""
    return ProxyUse(_curl(target, environ), _python(target, environ, cidr=True), _python(target, environ, cidr=False))


def _curl(target: Target, environ: Mapping[str, str]) -> str:
    names = ["http_proxy"] if target.scheme == "http" else ["https_proxy", "HTTPS_PROXY"]
    proxy = next((environ[name] for name in [*names, "all_proxy", "ALL_PROXY"] if environ.get(name)), "")
    excepted = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    return "" if proxy and _curl_excepts(target.host, excepted) else proxy


def _curl_excepts(host: str, excepted: str) -> bool:
    if excepted == "*":
        return True
    entries = excepted.replace(",", " ").split()
    if is_literal(host):
        return any(_network_holds(host, entry) for entry in entries)
    names = (entry.strip(".").lower() for entry in entries)
    return any(name and (host == name or host.endswith(f".{name}")) for name in names)


def _network_holds(host: str, entry: str) -> bool:
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:
        return False


def _python(target: Target, environ: Mapping[str, str], *, cidr: bool) -> str:
    variables = {name.lower(): value for name, value in environ.items()}
    variables |= {name: value for name, value in environ.items() if name == name.lower()}
    fallback = variables.get("all_proxy", "") if cidr else ""  # urllib itself has no use for all_proxy
    proxy = variables.get(f"{target.scheme}_proxy") or fallback
    excepted = variables.get("no_proxy", "")
    return "" if proxy and _python_excepts(target, excepted, cidr=cidr) else proxy


def _python_excepts(target: Target, excepted: str, *, cidr: bool) -> bool:
    if excepted.strip() == "*":
        return True
    host, with_port = target.host, f"{target.host}:{target.port}"
    for entry in (entry.strip().lstrip(".").lower() for entry in excepted.split(",")):
        if not entry:
            continue
        if cidr and "/" in entry and "." in host and is_literal(host) and _network_holds(host, entry):
            return True
        if entry in (host, with_port) or host.endswith(f".{entry}") or with_port.endswith(f".{entry}"):
            return True
    return False


def environment_clues(target: Target, use: ProxyUse) -> Iterator[Clue]:
    """What the environment alone lets suspect."""
    if not use.any:
        return
    facts = {"host": target.host, "proxy": shown(use.any)}
    ways = ", ".join(f"{name} {_way(proxy)}" for name, proxy in _named(use))
    if use.differ:
        text = f"with the proxy variables of this environment: {ways}"
        yield Clue("proxy_env.clients_differ", Certainty.POSSIBLE, "probe environment", (text,), facts)
    if _local(target.host):
        text = f"{target.host} is an address of this machine or its network, and {ways}"
        yield Clue("proxy_env.local_name_proxied", Certainty.POSSIBLE, "probe environment", (text,), facts)


def _named(use: ProxyUse) -> tuple[tuple[str, str], ...]:
    return ("curl", use.curl), ("requests", use.requests), ("urllib", use.urllib)


def _way(proxy: str) -> str:
    return f"goes through {shown(proxy)}" if proxy else "goes straight there"


def _local(host: str) -> bool:
    if is_literal(host):
        return scope_of(host) in (Scope.LOOPBACK, Scope.PRIVATE)
    return host == "localhost" or not is_public_name(host)


def shown(proxy: str) -> str:
    """A proxy's address without its password."""
    parts = urlsplit(proxy if "//" in proxy else f"http://{proxy}")
    return parts.netloc.rpartition("@")[2] or "a proxy"


def proxy_clues(target: Target, proxy: str, through: Observation, straight: Observation | None) -> Iterator[Clue]:
    """What one request through the client's own proxy tells, beside the same one past it."""
    facts = {"host": target.host, "proxy": shown(proxy), "status": str(through.status)}
    past = straight.status if straight else None
    if through.status is None:
        cause, certainty = "proxy_env.proxy_unreachable", Certainty.PROVEN
        text = f"through the proxy {shown(proxy)}: {through.message}"
    elif through.status == 407:
        cause, certainty = "transport.proxy_auth", Certainty.PROVEN
        text = f"the proxy {shown(proxy)} answered 407 and wants credentials of its own"
    elif "connect_refused" in through.fields:
        cause, certainty = "transport.proxy_denies", Certainty.PROVEN
        text = f"the proxy {shown(proxy)} answered {through.status} to CONNECT, before the server was reached"
    elif through.status >= 400 and past is not None and past < 400:
        cause, certainty = "transport.proxy_denies", Certainty.LIKELY
        text = f"through the proxy {shown(proxy)}: {through.status}; straight to the server: {past}"
    else:
        return
    yield Clue(cause, certainty, "probe environment", (text,), facts, through.request, through.status)
