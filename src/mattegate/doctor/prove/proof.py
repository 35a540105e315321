"""The experiment: the same request to the configuration as it is, and as it would be.

Rules of this file: both halves are rendered, run and read in the same way, so that whatever the stand-ins change they
change in both; a status is what a real nginx sent, or there is no proof.
"""

from __future__ import annotations

import ipaddress
import re
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import count
from typing import Any, Final

from mattegate.doctor.nginx import edits as changes
from mattegate.doctor.nginx.directive import Directive
from mattegate.doctor.nginx.edits import BadEdit, Edit
from mattegate.doctor.nginx.request import Request
from mattegate.doctor.observation import Headers
from mattegate.doctor.prove import sandbox
from mattegate.doctor.prove.ground import Ground, Rendered, Unrenderable
from mattegate.doctor.prove.listeners import Listener, meant_for
from mattegate.doctor.prove.networks import Double, address_of
from mattegate.doctor.prove.page import place
from mattegate.doctor.prove.replay import Wire
from mattegate.doctor.prove.rerender import render
from mattegate.doctor.prove.sandbox import CannotProve, Limits, Permitted
from mattegate.doctor.prove.standins import NoCertificates, Placeholder, certificates, shown_certificate
from mattegate.doctor.prove.upstreams import Answer, Arrived, last_to_upstream
from mattegate.doctor.redact import safe, safe_headers

__all__ = ["Answer", "CannotProve", "Limits", "Proof", "Shown", "View", "prove"]

EMPTY_REPLY: Final = "empty reply"
_UNDERSTUDY: Final = "127.77.77.77"
_FIRST_PORT: Final = 20_000
_MOST_LINES: Final = 50
_MOST_TIMES: Final = 1_000
_STAMP: Final = re.compile(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d (\[\w+\]) \d+#\d+: (?:\*\d+ )?")
_NOISE: Final = re.compile(
    r"^\[(?:notice|debug)\]|client [\d.:a-f]+ closed keepalive|while waiting for request|epoll_wait\(\) failed \(4:"
)


@dataclass(frozen=True, slots=True)
class View:
    """A request as the upstream saw it."""

    method: str
    uri: str
    headers: Headers
    """Names as nginx spelled them; secrets are hidden."""

    def header(self, name: str) -> str | None:
        """The first value of a header; ``None`` where it did not arrive."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class Shown:
    """What one half of the experiment showed."""

    status: int | None
    """``None``: the connection was closed without an answer."""
    upstream: View | None
    """What was handed on; ``None`` where nothing was."""
    headers: Headers
    """Of the answer; names in lower case."""
    log: tuple[str, ...]
    """The lines of the error log, from level info."""

    @property
    def outcome(self) -> str:
        """The status, or that there was none."""
        return EMPTY_REPLY if self.status is None else str(self.status)

    def header(self, name: str) -> str | None:
        """The values of a header of the answer, joined; ``None`` where it is absent."""
        values = [value for key, value in self.headers if key == name.lower()]
        return ", ".join(values) if values else None


@dataclass(frozen=True, slots=True)
class Proof:
    """What changes with the edits, on a real nginx."""

    before: Shown
    after: Shown
    substitutions: tuple[str, ...]
    """What was put in the place of something real."""
    not_checked: tuple[str, ...]
    """What of the configuration was left out, and could matter."""

    @property
    def changes(self) -> bool:
        """Whether the edits make any difference that shows."""
        return _seen(self.before) != _seen(self.after)

    @property
    def sentence(self) -> str:
        """``real nginx: 403 → 200``; where the status stays, the first other thing that changes."""
        before, after = self.before, self.after
        if before.status != after.status:
            return f"real nginx: {before.outcome} → {after.outcome}"
        told = _upstream_difference(before.upstream, after.upstream) or _header_difference(
            "the answer's", before.headers, after.headers
        )
        return f"real nginx: {before.outcome} both times, {told or 'and nothing else changes'}"


def prove(
    directives: tuple[Directive, ...],
    request: Request,
    edits: Sequence[Edit],
    *,
    limits: Limits | None = None,
    times: int = 1,
    files_here: bool = False,
    password_files: Collection[str] = (),
    upstream: Answer | None = None,
    auth: Answer | None = None,
    permitted: Permitted | None = None,
) -> Proof:
    """Shows what the request gets before and after the edits. Raises :class:`CannotProve`.

    ``times``: how often it is sent; the last answer counts. ``files_here``: whether the paths in the configuration are
    this machine's, so that it may be looked whether they are there and readable. ``password_files``: files of
    ``auth_basic_user_file`` whose content may be used. ``upstream``, ``auth``: what the stand-ins answer.
    ``permitted``: do without what this system would permit.
    """
    limits = limits or Limits()
    deadline = time.monotonic() + limits.seconds
    half = partial(
        _half,
        request=request,
        limits=limits,
        deadline=deadline,
        permitted=permitted or sandbox.permitted(),
        times=max(1, min(times, _MOST_TIMES)),
        settings={
            "files_here": files_here,
            "password_files": frozenset(password_files),
            "upstream": upstream or Answer(),
            "auth": auth or Answer(),
        },
    )
    try:
        edited = changes.apply(directives, edits)
    except BadEdit as error:
        raise CannotProve(f"the change cannot be made: {error}") from error
    before, rendered = half(directives)
    after, again = half(edited)
    return Proof(
        before,
        after,
        tuple(dict.fromkeys((*rendered.substitutions, *again.substitutions))),
        tuple(dict.fromkeys((*_about_request(request), *rendered.not_checked, *again.not_checked))),
    )


def _about_request(request: Request) -> list[str]:
    if request.http_version in {"1.0", "1.1"}:
        return []
    return [f"the request is sent by HTTP/1.1, not by HTTP/{request.http_version}"]


def _half(
    directives: tuple[Directive, ...],
    *,
    request: Request,
    limits: Limits,
    deadline: float,
    permitted: Permitted,
    times: int,
    settings: Mapping[str, Any],
) -> tuple[Shown, Rendered]:
    program = sandbox.nginx_program()
    with sandbox.folder() as folder:
        ground = Ground(
            folder=folder,
            port_for=_own_ports() if permitted.network else lambda _: sandbox.free_port(),
            own_network=permitted.network,
            confined=permitted.confined,
            ipv6=permitted.ipv6,
            double=_double(request, permitted),
            without=program.without,
            most_directives=limits.directives,
            most_bytes=limits.config_bytes,
            **settings,
        )
        try:
            rendered = render(directives, request, ground)
            wire = _wire(rendered, request, ground)
            files = (*rendered.placeholders, *_tls_files(rendered, wire))
        except (Unrenderable, NoCertificates) as error:
            raise CannotProve(str(error)) from error
        sandbox.fill(folder, rendered.text.encode("utf-8", "surrogateescape"), files)
        job = _job(rendered, wire, ground, limits, left=deadline - time.monotonic())
        told = sandbox.run({**job, "times": times}, folder, deadline=deadline)
        return _shown(told, rendered, folder), rendered


def _own_ports() -> Any:
    """Ports of a network of our own: the written one where no rights are needed for it."""
    numbers = count(_FIRST_PORT)
    return lambda port: port if port > 1_024 else next(numbers)


def _double(request: Request, permitted: Permitted) -> Double | None:
    """Who plays the client, where its address cannot be had."""
    real = address_of(request.client)
    if permitted.network or real is None or real.is_loopback:
        return None
    usual = _UNDERSTUDY if sys.platform == "linux" else "127.0.0.1"  # elsewhere only this one is there unasked
    return Double(real, ipaddress.ip_address("::1" if real.version == 6 else usual))


def _wire(rendered: Rendered, request: Request, ground: Ground) -> Wire:
    client = address_of(request.client)
    if client is None and request.client != "unix:":
        raise Unrenderable(f"the client's address {request.client[:80]!r} is none")
    listener = meant_for(rendered.listeners, request, "unix" if client is None else str(client.version))
    if listener is None:
        port = f" on port {request.port}" if request.port else ""
        raise Unrenderable(f"nothing listens{port} for the client {request.client}")
    if request.tls and not listener.tls:
        raise Unrenderable(f"the request comes by TLS, and {listener.written} takes none")
    shown = shown_certificate(request)
    return Wire(
        connect=listener.connect,
        port=listener.port,
        source=_source(request, ground, listener),
        tls=listener.tls if request.tls is None else request.tls,
        method=request.method,
        target=request.target,
        host=request.host,
        headers=request.headers,
        body_bytes=request.body_bytes,
        chunked=request.chunked,
        http_version=request.http_version if request.http_version in {"1.0", "1.1"} else "1.1",
        certificate=(f"{ground.folder}/{shown[0]}", f"{ground.folder}/{shown[1]}") if shown else None,
    )


def _source(request: Request, ground: Ground, listener: Listener) -> str:
    if not listener.port:
        return ""
    return request.client if ground.double is None else str(ground.double.played_by)


def _tls_files(rendered: Rendered, wire: Wire) -> list[Placeholder]:
    if not (rendered.certificates or wire.certificate):
        return []
    return [Placeholder(f"tls/{name}", content) for name, content in certificates().items()]


def _job(rendered: Rendered, wire: Wire, ground: Ground, limits: Limits, *, left: float) -> dict[str, Any]:
    program = sandbox.nginx_program()
    uid, gid = sandbox.worker()
    tls = f"{ground.folder}/tls/server"
    return {
        "folder": ground.folder,
        "program": program.path,
        "names_error_log": program.names_error_log,
        "uid": uid,
        "gid": gid,
        "own_network": ground.own_network,
        "confined": ground.confined,
        "source": wire.source,
        "ports": [listener.port for listener in rendered.listeners if listener.port],
        "limits": {**asdict(limits), "seconds": max(0.0, left)},
        "stubs": [asdict(stub) for stub in rendered.stubs],
        "stub_certificate": [f"{tls}.pem", f"{tls}.key"] if any(stub.tls for stub in rendered.stubs) else None,
        "wire": asdict(wire),
    }


def _shown(told: Mapping[str, Any], rendered: Rendered, folder: str) -> Shown:
    if "refused" in told:
        raise CannotProve(_complaint(str(told["refused"]), rendered, folder))
    back = partial(_put_back, names=rendered.names, folder=folder)
    arrived = [Arrived(**{**each, "headers": tuple(map(tuple, each["headers"]))}) for each in told["arrived"]]
    last = last_to_upstream(arrived)
    headers = [(name, back(value)) for name, value in told["headers"]]
    return Shown(told["status"], _view(last, back), safe_headers(headers), _log(str(told["log"]), back))


def _view(arrived: Arrived | None, back: Any) -> View | None:
    if arrived is None:
        return None
    spelled = [name for name, _ in arrived.headers]
    values = safe_headers((name, back(value)) for name, value in arrived.headers)
    headers = tuple((safe(name), value) for name, (_, value) in zip(spelled, values, strict=True))
    return View(safe(arrived.method), safe(back(arrived.target)), headers)


def _log(text: str, back: Any) -> tuple[str, ...]:
    lines = (back(_STAMP.sub(r"\1 ", line)) for line in text.splitlines())
    return tuple(safe(line) for line in lines if line and not _NOISE.search(line))[:_MOST_LINES]


def _put_back(text: str, *, names: Sequence[tuple[str, str]], folder: str) -> str:
    """The words of the configuration in the place of those of the experiment."""
    for ours, original in sorted(names, key=lambda pair: -len(pair[0])):
        if ours.isdecimal() or address_of(ours):
            before = "" if ours.isdecimal() else ":"  # a port stands behind a colon, an address never does
            text = re.sub(rf"(?<![\w.{before}]){re.escape(ours)}(?![\w.])", original, text)
        else:
            text = text.replace(ours, original)
    return text.replace(folder + "/", "")


def _complaint(said: str, rendered: Rendered, folder: str) -> str:
    """What nginx said when it did not start, with the place that it speaks of in the given configuration."""
    lines = [line for line in said.splitlines() if "[emerg]" in line] or said.splitlines() or ["it says nothing"]
    text = re.sub(r"^(?:nginx: |\d{4}/\S+ \S+ )", "", lines[0])
    text = re.sub(r"^(\[\w+\]) \d+#\d+: ", r"\1 ", text)
    found = re.search(r" in \S*/nginx\.conf:(\d+)$", text)
    if found:
        origin = rendered.places[int(found[1]) - 1] if int(found[1]) <= len(rendered.places) else None
        text = text[: found.start()] + (f" in {place(origin)}" if origin else "")
    return safe(f"nginx refuses the configuration: {_put_back(text, names=rendered.names, folder=folder)}")[:500]


def _seen(shown: Shown) -> tuple[object, ...]:
    seen = shown.upstream
    arrived = (seen.method, seen.uri, sorted(seen.headers)) if seen else None
    return shown.status, arrived, sorted((name, value) for name, value in shown.headers if name != "date")


def _upstream_difference(before: View | None, after: View | None) -> str:
    if before is None or after is None:
        return "" if before is after else f"the upstream {'now gets' if after else 'no longer gets'} the request"
    if before.method != after.method:
        return f"the upstream sees {before.method} → {after.method}"
    if before.uri != after.uri:
        return f"the upstream sees {before.uri} → {after.uri}"
    return _header_difference("the upstream's", before.headers, after.headers)


def _header_difference(whose: str, before: Headers, after: Headers) -> str:
    first, second = _by_name(before), _by_name(after)
    for name in dict.fromkeys([*first, *second]):
        if name != "date" and first.get(name) != second.get(name):
            was, now = (", ".join(values) if values else "absent" for values in (first.get(name), second.get(name)))
            return f"{whose} {name}: {was} → {now}"
    return ""


def _by_name(headers: Headers) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name.lower(), []).append(value)
    return found
