"""Setting a configuration written for somebody's production up on loopback, line for line.

Here belongs what must be exchanged so that real nginx can run a file of the corpus in the rig's folder: ports, paths,
upstreams, certificates, and addresses of clients, which become loopback addresses that lie in the same networks. What
decides about a request stays as it is.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from mattegate.doctor.nginx.request import Request
from tests.doctor.nginx.rig import Rig

_DUMP: Final = re.compile(r"^# configuration file (\S+):$", re.MULTILINE)
_V4: Final = re.compile(r"(?<![\w.:/-])(\d{1,3}(?:\.\d{1,3}){3})(/\d{1,2})?(?![\w.])")
_START: Final = r"(?P<before>(?:^|[;{}])[ \t]*)"
_UNMAPPED: Final = re.compile(r"(?:^|[;{}])\s*(?:listen|proxy_pass|server|resolver|server_name|set|default)\s")
_DROPPED: Final = (
    "user pid error_log load_module worker_processes daemon resolver ssl_dhparam worker_rlimit_nofile pcre_jit"
)
_FILES: Final = {
    "ssl_certificate": "{certs}/server.pem",
    "ssl_certificate_key": "{certs}/server.key",
    "ssl_client_certificate": "{certs}/ca.pem",
    "ssl_trusted_certificate": "{certs}/ca.pem",
    "auth_basic_user_file": "{folder}/htpasswd",
    "access_log": "off",
}
_LINE_HEAD: Final = "access_log off; "


@dataclass(frozen=True, slots=True)
class Staged:
    """A configuration that runs here; ``others`` are the files it includes, by their path beside it."""

    text: str
    others: Mapping[str, str]


def sections(text: str) -> dict[str, str]:
    """The files of an ``nginx -T`` dump by their path, each with its own line numbers; none for any other text."""
    parts = _DUMP.split(text)
    return {name: body.removeprefix("\n") for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def staged(rig: Rig, text: str, others: Mapping[str, str]) -> Staged:
    """The configuration as this rig can run it."""
    dumped = sections(text)
    if dumped:
        main, *rest = dumped
        others = {"dumped" + name: dumped[name] for name in rest}
        text = dumped[main]
    exchange = _Exchange(rig, frozenset(re.findall(r"\bupstream\s+(\S+)\s*{", "\n".join([text, *others.values()]))))
    return Staged(_wrapped(rig, exchange(text), text), {name: exchange(other) for name, other in others.items()})


def _wrapped(rig: Rig, text: str, original: str) -> str:
    """A bare ``server`` or ``location`` gets what stands around it, on the first line."""
    head, inside = rig.head, rig.http_head.removeprefix(_LINE_HEAD)
    if re.search(r"^\s*http\s*{", original, re.MULTILINE):
        own_events = "events" if re.search(r"^\s*events\s*{", original, re.MULTILINE) else ""
        head = head.replace("events { }", "") if own_events else head
        return f"{head} " + re.sub(r"(?m)^(\s*http\s*{)", lambda found: f"{found[1]} {inside}", text, count=1)
    if re.search(r"^\s*server\s*{", original, re.MULTILINE):
        return f"{head} http {{ {inside} {_LINE_HEAD}{text}\n}}\n"
    return f"{head} http {{ {inside} {_LINE_HEAD} server {{ listen 127.0.0.1:{rig.ports[0]}; {text}\n}} }}\n"


class _Exchange:
    """The exchanges, one kind of directive after the other; lines stay lines."""

    def __init__(self, rig: Rig, upstreams: frozenset[str]) -> None:
        self._rig, self._upstreams = rig, upstreams
        self._backend = f"127.0.0.1:{rig.upstream.port}"
        self._auth = f"127.0.0.1:{rig.auth.port}"

    def __call__(self, text: str) -> str:
        rules: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
            (rf"(?:{'|'.join(_DROPPED.split())})\s[^;{{}}]*;", lambda _: ""),
            (r"include\s+(?P<path>[^;]+);", self._include),
            (r"listen\s+(?P<where>[^\s;]+)(?P<rest>[^;]*);", self._listen),
            (rf"(?P<name>{'|'.join(_FILES)})\s+[^;]+;", self._file),
            (
                r"(?P<name>root|alias)\s+(?P<path>/[^;]*);",
                lambda found: f"{found['name']} {self._path(found['path'])};",
            ),
            (r"server\s+(?P<where>[^\s;{]+)(?P<rest>[^;{]*);", self._server),
            (r"(?P<name>proxy_pass|set\s+\$\w*(?:backend|upstream|target)\w*)\s+(?P<url>[^;]+);", self._pass),
        )
        for pattern, said in rules:
            text = _replaced(text, pattern, said)
        return "\n".join(_mapped_line(line) for line in text.split("\n"))

    def _include(self, found: re.Match[str]) -> str:
        path = found["path"].strip()
        if path.startswith("/"):
            return f"include dumped{path};" if "*" in path else ""
        return "" if path in {"mime.types", "fastcgi_params", "proxy_params"} else f"include {path};"

    def _listen(self, found: re.Match[str]) -> str:
        address, _, port = found["where"].rpartition(":")
        if not port.isdigit():
            address, port = found["where"], "80"
        address = "127.0.0.1" if re.fullmatch(r"[\d.]+", address) and address != "0.0.0.0" else address
        real = str(self.port(int(port)))
        return f"listen {address + ':' if address else ''}{real}{found['rest']};"

    def port(self, port: int) -> int:
        """The port here that stands for one of production."""
        rig = self._rig
        return {80: rig.ports[0], 443: rig.tls_port, 8080: rig.ports[1]}.get(port, rig.ports[2])

    def _file(self, found: re.Match[str]) -> str:
        value = _FILES[found["name"]]
        if "{certs}" in value:
            value = value.format(certs=self._rig.site.certificates)
        return f"{found['name']} {value.format(folder=self._rig.site.folder)};"

    def _path(self, path: str) -> str:
        return f"{self._rig.site.folder}/fs{path}"

    def _server(self, found: re.Match[str]) -> str:
        where = f"unix:{self._rig.site.folder}/missing.sock" if found["where"].startswith("unix:") else self._backend
        return f"server {where}{found['rest']};"

    def _pass(self, found: re.Match[str]) -> str:
        url = found["url"]
        if "unix:" in url:
            return f"{found['name']} " + re.sub(r"unix:[^:]+", f"unix:{self._rig.site.folder}/missing.sock", url) + ";"
        parts = re.fullmatch(r"(?:(?P<scheme>https?://)|(?!https?:))(?P<host>[^/$\s]+)(?P<rest>.*)", url, re.DOTALL)
        if parts is None or parts["host"].partition(":")[0] in self._upstreams:
            return f"{found['name']} {url};"
        backend = self._auth if parts["host"].startswith(("auth", "oauth2", "127.0.0.1:9")) else self._backend
        scheme = "http://" if parts["scheme"] else ""
        return f"{found['name']} {scheme}{backend}{parts['rest']};"


def _replaced(text: str, pattern: str, said: Callable[[re.Match[str]], str]) -> str:
    return re.sub(_START + pattern, lambda found: found["before"] + said(found), text, flags=re.MULTILINE)


def _mapped_line(line: str) -> str:
    if _UNMAPPED.search(line):
        return line
    return _V4.sub(lambda found: mapped_network(found[0]), line)


def mapped_network(text: str) -> str:
    """A network as it is called on loopback: ``a.b.c.d`` is ``127.a.b.d``, and IPv6 stays (a client can be ``::1``)."""
    network = ipaddress.ip_network(text, strict=False)
    if network.version == 6 or network.prefixlen == 0:
        return text
    a, b, _, d = text.partition("/")[0].split(".")
    length = min(network.prefixlen + 8, 24) if network.prefixlen <= 24 else network.prefixlen
    return f"127.{a}.{b}.{d}" + (f"/{length}" if "/" in text else "")


def staged_request(rig: Rig, request: Request, production_port: int) -> Request:
    """The request as it must be sent here to mean the same."""
    exchange = _Exchange(rig, frozenset())
    client = request.client if ":" in request.client else mapped_network(request.client)
    headers = tuple(
        (name, _V4.sub(lambda found: mapped_network(found[0]), value) if name.lower() in _ADDRESSES else value)
        for name, value in request.headers
    )
    return replace(
        request, client=client, headers=headers, port=exchange.port(production_port), tls=production_port == 443
    )


_ADDRESSES: Final = frozenset({"x-forwarded-for", "x-real-ip", "cf-connecting-ip", "true-client-ip"})
