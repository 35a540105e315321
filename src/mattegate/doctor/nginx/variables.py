"""The values of nginx's variables for one request; what depends on anything but the request is undecided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx import mapping
from mattegate.doctor.nginx.credentials import basic
from mattegate.doctor.nginx.locating import pattern_of
from mattegate.doctor.nginx.request import Certificate
from mattegate.doctor.nginx.uri import argument, as_bytes_text
from mattegate.doctor.nginx.values import Undecided, expand

if TYPE_CHECKING:
    from mattegate.doctor.nginx.locating import Pattern
    from mattegate.doctor.nginx.state import State

_NOT_MODELLED: Final = "$%s is not known here"


class Variables:
    """Looks variables up for one request."""

    def __init__(self, state: State) -> None:
        self._state = state

    def __call__(self, name: str) -> str:
        """The value of ``$name``; empty where nginx finds none. Raises :class:`Undecided`."""
        state = self._state
        if name.isdecimal():
            index = int(name)
            return state.captures[index] if index < len(state.captures) else ""
        if name in state.variables:
            return state.variables[name]
        if not state.head_read and (name in _OF_THE_HEAD or name.startswith(tuple(_PREFIXED))):
            raise Undecided("how much nginx knows of a request whose head it could not read")
        if name in _SIMPLE:
            return _SIMPLE[name](state)
        return self._defined(name)

    def expand(self, template: str) -> str:
        """A text with its variables. Raises :class:`Undecided`."""
        return expand(template, self)

    def _defined(self, name: str) -> str:
        state = self._state
        if name in state.cache:
            return state.cache[name]
        if name in state.looking_up:
            raise Undecided(f"${name} is defined by itself")
        state.looking_up.add(name)
        try:
            value = mapping.evaluate(name, state, self.expand)
        finally:
            state.looking_up.discard(name)
        if value is not None:
            state.cache[name] = value
            return value
        return _by_prefix(name, state)


def _by_prefix(name: str, state: State) -> str:
    for prefix, ask in _PREFIXED.items():
        if name.startswith(prefix):
            return ask(state, name.removeprefix(prefix))
    if name in _EMPTY:
        return ""
    raise Undecided(_NOT_MODELLED % name)


def _header(state: State, name: str) -> str:
    wanted = name.replace("_", "-")
    values = [value for key, value in state.headers if key.lower().replace("_", "-") == wanted]
    if wanted == "host":
        return as_bytes_text(state.request.host or "")
    if wanted == "content-length":
        return _content_length(state)
    joined = ", " if wanted in {"x-forwarded-for", "cookie"} else ""
    if joined:
        return ("; " if wanted == "cookie" else joined).join(values)
    if len(set(values)) > 1:
        raise Undecided(f"which of several {name} headers counts depends on the version")
    return values[0] if values else ""


def _cookie(state: State, name: str) -> str:
    for line in state.header_list("cookie"):
        for pair in line.split(";"):
            key, sign, value = pair.strip().partition("=")
            if sign and key.lower() == name.lower():
                return value
    return ""


def _content_length(state: State) -> str:
    if state.request.chunked:
        raise Undecided("the length of a chunked body")
    if not state.request.body_bytes and state.request.header("content-length") is None:
        return ""
    if state.request.header("content-length") is not None:
        return state.header("content-length") or ""
    return str(state.request.body_bytes)


def _peer(state: State) -> str:
    return state.request.client


def _verify(state: State) -> str:
    if not state.tls or state.server.scope.value("ssl_verify_client", "off") == "off":
        return "NONE" if state.tls else ""
    return {
        Certificate.NONE: "NONE",
        Certificate.VALID: "SUCCESS",
    }.get(state.request.certificate) or _undecided("the reason in $ssl_client_verify")


def _undecided(what: str) -> str:
    raise Undecided(what)


def server_name(state: State) -> str:
    """``$server_name``: the first name of the server, without the dot that stands for all below it."""
    return as_bytes_text(state.server.names[0].removeprefix("."))


def _document_root(state: State) -> str:
    lines = state.scope.inherited("alias", "root")
    if not lines:
        raise Undecided("the folder that nginx was built to serve")
    folder = lines[-1].args[0]
    return Variables(state).expand(folder.removesuffix("/") if lines[-1].name == "root" else folder)


class NoPath(Undecided):
    """An ``alias`` cannot stand for a URI that ``rewrite … break`` took out of its location; nginx answers 500."""


def aliased(state: State) -> tuple[str, Pattern | None]:
    """The folder or file that ``root`` or ``alias`` names here, and the location of an ``alias``.

    Raises :class:`Undecided`. One slash at the end of ``root`` as it is written does not count.
    """
    holder = next((level for level in state.scope.upwards() if level.own("root", "alias")), None)
    started = state.around.started_in
    if holder is None and started:
        return f"{started}/html", None
    if holder is None:
        raise Undecided("the folder that nginx was built to serve")
    line = holder.own("root", "alias")[-1]
    is_root = line.name == "root"
    base = Variables(state).expand(line.args[0].removesuffix("/") if is_root else line.args[0])
    if base and not base.startswith("/"):
        base = f"{started}/{base}" if started else base
    if base and not base.startswith("/"):
        raise Undecided(f"the folder that nginx was started with, below which {line.text} lies")
    if not is_root and not state.located:
        raise NoPath(f"what {line.text} stands for, where the URI was rewritten")
    return base, None if is_root else pattern_of(holder)


def path_of(state: State, uri: str) -> str:
    """The file that a URI stands for (``ngx_http_map_uri_to_path``). Raises :class:`Undecided`."""
    base, alias = aliased(state)
    if alias is None:
        return base + uri
    if alias.regex:
        return base + uri if state.alias_takes_uri else base
    return base + uri[len(alias.name) :]


def _request_filename(state: State) -> str:
    return path_of(state, state.uri)


def _forwarded_for(state: State) -> str:
    return ", ".join([*state.header_list("x-forwarded-for"), state.client])


def _proxy_host(state: State) -> str:
    return "localhost" if state.proxied.startswith("unix:") else state.proxied


def _proxy_port(state: State) -> str:
    port = state.proxied.rpartition(":")[2]
    return port if port.isdecimal() or not state.proxied else "80"


def _once(name: str, ask: Callable[[State], str]) -> Callable[[State], str]:
    """Asked once a request, by the rules of the block that asks first."""

    def asked(state: State) -> str:
        if name not in state.cache:
            state.cache[name] = ask(state)
        return state.cache[name]

    return asked


def _user(state: State) -> str:
    credentials = basic(state.header("authorization"))
    return credentials[0] if credentials is not None else ""


_SIMPLE: Final[Mapping[str, Callable[[State], str]]] = MappingProxyType(
    {
        "uri": lambda state: state.uri,
        "document_uri": lambda state: state.uri,
        "request_uri": lambda state: state.raw,
        "args": lambda state: state.args,
        "query_string": lambda state: state.args,
        "is_args": lambda state: "?" if state.args else "",
        "host": lambda state: state.host or server_name(state),
        "request_method": lambda state: state.shown_method,
        "scheme": lambda state: "https" if state.tls else "http",
        "https": lambda state: "on" if state.tls else "",
        "server_name": server_name,
        "server_port": lambda state: str(state.port or ""),
        "server_protocol": lambda state: f"HTTP/{state.request.http_version}",
        "request": lambda state: f"{state.request.method} {state.request.target} HTTP/{state.request.http_version}",
        "remote_addr": lambda state: state.client,
        "realip_remote_addr": _peer,
        "proxy_add_x_forwarded_for": _forwarded_for,
        "proxy_host": _proxy_host,
        "proxy_port": _proxy_port,
        "content_type": lambda state: state.header("content-type") or "",
        "content_length": _content_length,
        "remote_user": _user,
        "document_root": _document_root,
        "request_filename": _request_filename,
        "ssl_client_verify": _verify,
        "invalid_referer": _once("invalid_referer", mapping.invalid_referer),
        "secure_link": _once("secure_link", lambda state: mapping.secure_link(state, Variables(state).expand)),
        "secure_link_expires": _once(
            "secure_link_expires", lambda state: mapping.secure_link_expires(state, Variables(state).expand)
        ),
        "nginx_version": lambda _: _undecided("the version of nginx"),
        "empty": lambda _: "",
    }
)

_PREFIXED: Final[Mapping[str, Callable[[State, str], str]]] = MappingProxyType(
    {
        "http_": _header,
        "arg_": lambda state, name: argument(state.args, name),
        "cookie_": _cookie,
    }
)

_OF_THE_HEAD: Final = frozenset(
    {"uri", "document_uri", "request_uri", "args", "query_string", "is_args", "host", "request_method", "request",
     "server_protocol", "proxy_add_x_forwarded_for", "content_type", "content_length", "remote_user",
     "request_filename"}
)  # fmt: skip
"""What comes from the request line and the headers."""
_EMPTY: Final = frozenset({"limit_rate"})
