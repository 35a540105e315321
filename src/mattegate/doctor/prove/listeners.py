"""Where an experiment listens in the place of what ``listen`` says, and which of these a request is meant for.

Rules of this file: pure. Each address and port that is written gets a port of loopback for itself, so that what nginx
would keep apart stays apart, and what it would take together stays together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from mattegate.doctor.nginx.directive import Directive
from mattegate.doctor.nginx.regex import Untranslated, search
from mattegate.doctor.nginx.request import Request
from mattegate.doctor.prove.allowed import LISTEN_OPTIONS

_WRITTEN: Final = re.compile(
    r"(?:(?P<host>\[[0-9A-Fa-f:.]+\]|[\w.*-]+):)?(?P<port>\d{1,5})|(?P<alone>\[[^\]]+\]|[\w.*-]+)"
)
_WILDCARDS: Final = frozenset({"*", "0.0.0.0", "[::]"})  # noqa: S104 - what a configuration may say


@dataclass(frozen=True, slots=True)
class Listener:
    """One place that the experiment's nginx listens at."""

    written: str
    """``*:80``, ``[::]:443``, ``unix:/run/x.sock``."""
    connect: str
    """The loopback address, or the path of a socket."""
    port: int
    """0 for a Unix socket."""
    original_port: int
    tls: bool
    names: tuple[str, ...] = ()
    """The names of the servers that listen here."""

    @property
    def wildcard(self) -> bool:
        """Whether it stands for every address of the machine."""
        return self.written.rpartition(":")[0] in _WILDCARDS

    @property
    def family(self) -> str:
        """``unix``, ``6`` or ``4``."""
        return "unix" if not self.port else "6" if ":" in self.connect else "4"


class Listeners:
    """All places, as they are found."""

    def __init__(self, folder: str, port_for: Callable[[int], int], *, ipv6: bool) -> None:
        self._folder, self._port_for, self._ipv6 = folder, port_for, ipv6
        self._by_written: dict[str, Listener] = {}
        self._used: set[int] = set()
        self._with: set[int] = set()
        self._nowhere = 0

    @property
    def all(self) -> tuple[Listener, ...]:
        """Every place."""
        return tuple(self._by_written.values())

    @property
    def moved(self) -> bool:
        """Whether any port is another than the one that is written."""
        return any(each.port != each.original_port for each in self.all if each.port)

    def has(self, server: Directive) -> bool:
        """Whether a server listens anywhere."""
        return id(server) in self._with

    def otherwise(self, server: Directive) -> Iterator[str]:
        """The lines for a server of which no ``listen`` was written."""
        if any(True for _ in server.named("listen")):
            self._nowhere += 1
            yield f'listen "unix:{self._folder}/nowhere{self._nowhere}.sock";'
            return
        listener = self._at("*", 80, tls=_has_ssl_on(server), server=server)
        yield f"listen {listener.connect}:{listener.port};"

    def add(self, directive: Directive, server: Directive) -> tuple[list[str], list[str]]:
        """The lines for one ``listen``, and what cannot be shown."""
        written, options = (directive.args[0], directive.args[1:]) if directive.args else ("", ())
        kept = " ".join(option for option in options if option in LISTEN_OPTIONS)
        unchecked = ["listen … proxy_protocol is left out"] if "proxy_protocol" in options else []
        if "quic" in options:
            return [], ["HTTP/3 is left out"]
        tls = "ssl" in options or _has_ssl_on(server)
        if written.startswith("unix:"):
            return [f'listen "unix:{self._unix(written, tls=tls, server=server).connect}" {kept};'], unchecked
        found = _WRITTEN.fullmatch(written)
        if found is None:
            return [], [f"listen {written[:80]} is left out"]
        host, port = found["host"] or found["alone"] or "*", int(found["port"] or 80)
        hosts = [host, "*"] if host == "[::]" and "ipv6only=off" in options else [host]
        lines = []
        for each in hosts:
            if each.startswith("[") and not self._ipv6:
                unchecked.append(f"listen {written} is left out, for want of IPv6")
                continue
            listener = self._at(each, port, tls=tls, server=server)
            address = f"[{listener.connect}]" if listener.family == "6" else listener.connect
            lines.append(f"listen {address}:{listener.port} {kept};")
        return lines, unchecked

    def sentences(self) -> Iterator[str]:
        """What was put in the place of what."""
        for each in self.all:
            if each.port and (not each.wildcard or each.port != each.original_port):
                yield f"listen {each.written}: a port of loopback"
            elif not each.port:
                yield f"listen {each.written}: a private socket"

    def names(self) -> Iterator[tuple[str, str]]:
        """Ports as they show in an answer, and what they stand for."""
        for each in self.all:
            if each.port and each.port != each.original_port:
                if each.original_port == (443 if each.tls else 80):
                    yield f":{each.port}/", "/"
                yield str(each.port), str(each.original_port)

    def _at(self, host: str, port: int, *, tls: bool, server: Directive) -> Listener:
        host = "*" if host == "0.0.0.0" else host  # noqa: S104 - what a configuration may say
        written = f"{host}:{port}"
        known = self._by_written.get(written)
        if known is None:
            chosen = self._port_for(port)
            while chosen in self._used:
                chosen = self._port_for(0)
            self._used.add(chosen)
            known = Listener(written, "::1" if host.startswith("[") else "127.0.0.1", chosen, port, tls)
        return self._keep(known, tls=tls, server=server)

    def _unix(self, written: str, *, tls: bool, server: Directive) -> Listener:
        path = f"{self._folder}/l{len(self._by_written)}.sock"
        known = self._by_written.get(written) or Listener(written, path, 0, 0, tls)
        return self._keep(known, tls=tls, server=server)

    def _keep(self, listener: Listener, *, tls: bool, server: Directive) -> Listener:
        names = [name for directive in server.named("server_name") for name in directive.args]
        listener = replace(listener, tls=listener.tls or tls, names=(*listener.names, *names))
        self._by_written[listener.written] = listener
        self._with.add(id(server))
        return listener


def _has_ssl_on(server: Directive) -> bool:
    return any(each.args == ("on",) for each in server.named("ssl"))


def meant_for(listeners: tuple[Listener, ...], request: Request, family: str) -> Listener | None:
    """The place that a request is sent to; ``None`` where nothing listens for it.

    Where the request names no port: a server of its name before others, TLS before plain (a plain port next to it
    mostly only redirects), and else the first; as the model has it.
    """
    fitting = [
        each
        for each in listeners
        if each.family == family and (family == "unix" or request.port in {None, each.original_port})
    ]
    if request.tls is not None:
        fitting = [each for each in fitting if each.tls is request.tls] or fitting
    host = re.sub(r":\d+$", "", request.host or "").lower().rstrip(".")
    return min(fitting, key=lambda each: (not _named(each, host), not each.tls), default=None)


def _named(listener: Listener, host: str) -> bool:
    return not host or any(_matches(name, host) for name in listener.names)


def _matches(name: str, host: str) -> bool:
    if name.startswith("~"):
        try:
            return search(name[1:], host) is not None
        except Untranslated:
            return True  # nobody can tell, and it may well be meant
    name = name.lower()
    if name.startswith("*."):
        return host.endswith(name[1:])
    if name.startswith("."):
        return host == name[1:] or host.endswith(name)
    return host.startswith(name[:-1]) if name.endswith(".*") else host == name
