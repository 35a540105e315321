"""One request on its way through nginx: what the phases read and change."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mattegate.doctor.nginx.files import Files, NoFiles
from mattegate.doctor.nginx.listening import Server
from mattegate.doctor.nginx.request import Headers, Hidden, Request, Step
from mattegate.doctor.nginx.scope import Scope

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.modsecurity.engine import Engines
    from mattegate.doctor.nginx.modsecurity.transaction import Transaction
    from mattegate.doctor.nginx.word import Word


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a walk takes for granted, because no configuration says it."""

    files: Files = field(default_factory=NoFiles)
    now: float = field(default_factory=time.time)
    auth_status: int = 200
    """What a service behind ``auth_request`` answers."""
    started_in: str = ""
    """The folder that nginx was started with, where relative paths begin; empty where nobody knows it."""


@dataclass(slots=True)
class State:
    """Mutable on purpose: it is the ``ngx_http_request_t`` of the model."""

    request: Request
    http: Scope
    server: Server
    scope: Scope
    """The block whose configuration applies now."""
    around: Surroundings
    engines: Engines
    uri: str
    args: str
    raw: str
    """``$request_uri``."""
    host: str
    port: int
    tls: bool
    client: str
    method: str
    shown_method: str
    """``$request_method``: of a subrequest it is the caller's."""
    headers: Headers
    """Those that nginx kept."""
    quoted: bool = False
    internal: bool = False
    untouched: bool = True
    """Whether the URI is still the one that was sent (``valid_unparsed_uri``)."""
    located: bool = True
    """Whether the location's name still begins the URI (``valid_location``)."""
    alias_takes_uri: bool = False
    """Whether ``try_files`` found its file below an ``alias`` of a regular expression (``add_uri_to_alias``)."""
    realip_done: bool = False
    captures: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    """Set by ``set``, ``auth_request_set`` and named groups."""
    cache: dict[str, str] = field(default_factory=dict)
    """Of maps and geos, which are asked once a request."""
    looking_up: set[str] = field(default_factory=set)
    changes: int = 11
    """How often the URI may still change."""
    final_status: int | None = None
    """What ``error_page`` keeps as the status of the answer."""
    in_error_page: bool = False
    refused: Word | None = None
    """What a module of the access phase refused, where another's answer ended that phase (``access_code``)."""
    location_left: str | None = None
    """The ``Location`` of a redirect that an ``error_page`` took the place of: the header stays."""
    hidden: Hidden | None = None
    passed_over: Directive | None = None
    moved: Directive | None = None
    taken: Directive | None = None
    """The handler of an ``if`` that held, which stays even where a later ``if`` has none of its own."""
    main: bool = True
    """Whether it is no subrequest."""
    head_read: bool = True
    """Whether the headers were read before the request was refused."""
    proxied: str = ""
    """The host and port that the request is handed to, once it is."""
    discarded: bool = False
    """Whether the body was thrown away, so that its size matters no more."""
    transaction: Transaction | None = None
    """What ModSecurity knows of the request, from the first location where it is on."""
    challenges: list[str] = field(default_factory=list)
    """The values of ``WWW-Authenticate``."""
    steps: list[Step] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def step(self, phase: str, says: str, directive: Directive | None = None) -> None:
        """Remember what happened."""
        self.steps.append(Step(phase, says, directive))

    def header(self, name: str) -> str | None:
        """The first header of a name in small letters."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    def header_list(self, name: str) -> list[str]:
        """All headers of a name in small letters."""
        return [value for key, value in self.headers if key.lower() == name]
