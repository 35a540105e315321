"""What becomes of one request: nginx's phases, in their order.

1. Head: socket, server, request line, headers, client certificate.
2. Post-read: the client's address behind trusted proxies.
3. Server rewrite; 4. find the location (``internal``, body size, redirect to the slash); 5. location rewrite, and back
   to 4 where it moved the URI; 6. pre-access: limits; 7. access: ``allow``/``deny``, passwords, ``auth_request``;
8. ``try_files``; 9. content. An ``error_page`` or index page begins again at 3, a named location at 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mattegate.doctor.nginx import firewall, foreign
from mattegate.doctor.nginx.answer_headers import added
from mattegate.doctor.nginx.ending import AS_400, End
from mattegate.doctor.nginx.listening import Servers, servers_of
from mattegate.doctor.nginx.modsecurity.engine import Engines
from mattegate.doctor.nginx.phases import walk
from mattegate.doctor.nginx.reading import Opened, open_request, readable_method
from mattegate.doctor.nginx.regex import Untranslated
from mattegate.doctor.nginx.request import Headers, Outcome, Prediction, Request
from mattegate.doctor.nginx.scope import Scope
from mattegate.doctor.nginx.state import State, Surroundings
from mattegate.doctor.nginx.values import UNKNOWN, Undecided
from mattegate.doctor.nginx.variables import server_name

if TYPE_CHECKING:
    from mattegate.doctor.nginx.tree import Tree


class Model:
    """One configuration, asked about any number of requests."""

    def __init__(self, tree: Tree) -> None:
        blocks = [directive for directive in tree.directives if directive.name == "http"]
        merged = blocks[0] if blocks else None
        self.http = Scope(merged, None) if merged is not None else None
        self.servers: Servers = servers_of(self.http) if self.http is not None else ()
        self._engines = Engines(tree.rules, whole=tree.whole)

    def predict(self, request: Request, around: Surroundings | None = None) -> Prediction:
        """What becomes of a request. Never raises: what is not known is an outcome."""
        if self.http is None:
            return Prediction(request, Outcome.UNDECIDED, unknown=("there is no http block",))
        try:
            opened = open_request(self.servers, request)
        except (Undecided, Untranslated) as error:
            return Prediction(request, Outcome.UNDECIDED, unknown=(str(error),))
        return _Walk(self.http, request, opened, around or Surroundings(), self._engines).predict()


def predict(tree: Tree, request: Request, around: Surroundings | None = None) -> Prediction:
    """What becomes of one request."""
    return Model(tree).predict(request, around)


class _Walk:
    def __init__(self, http: Scope, request: Request, opened: Opened, around: Surroundings, engines: Engines) -> None:
        self._request = request
        self._opened = opened
        self._state = State(
            request=request,
            http=http,
            server=opened.server,
            scope=opened.server.scope,
            around=around,
            engines=engines,
            uri=opened.target.path,
            args=opened.target.args,
            raw=opened.target.raw,
            host=opened.host if opened.head_read else "",
            port=opened.port,
            tls=opened.tls,
            client=request.client,
            method=request.method,
            shown_method=readable_method(request),
            headers=opened.headers,
            quoted=opened.target.quoted,
            untouched=not opened.target.empty,
            captures=opened.captures,
            variables=dict(opened.names),
            discarded=not opened.head_read,
            head_read=opened.head_read,
        )

    def predict(self) -> Prediction:
        state = self._state
        try:
            end = walk(state, self._opened.refusal)
        except (Undecided, Untranslated) as error:
            state.unknown.append(str(error))
            end = End(Outcome.UNDECIDED)
        doubts = (*foreign.notes(state.scope), *firewall.doubts(state))
        state.unknown += [says for says, _ in doubts]
        location = state.scope.location
        return Prediction(
            request=self._request,
            outcome=end.outcome,
            status=400 if end.status in AS_400 else end.status,
            mechanism=end.mechanism,
            decided_by=end.directive,
            server=state.server.scope.directive,
            location=location.directive if location is not None else None,
            upstream=end.upstream,
            headers=_headers(end, state),
            unknown=tuple(dict.fromkeys(state.unknown)),
            steps=tuple(state.steps),
            scope=state.scope,
            client=state.client,
            dropped=self._opened.dropped,
            named=self._opened.named,
            hidden=state.hidden,
            passed_over=state.passed_over,
            moved=state.moved,
            doubts=doubts,
        )


def _headers(end: End, state: State) -> Headers:
    """What the answer carries besides the upstream's own headers; a forwarded answer is taken to be a 200."""
    if end.outcome not in {Outcome.ANSWERS, Outcome.FORWARDS}:
        return ()
    status = 400 if end.status in AS_400 else end.status or 200
    found = [*added(state.scope, status, state)]
    location = end.location if end.location is not None else state.location_left
    if location is not None:
        found.append(("Location", _absolute(location, state)))
    found += [("WWW-Authenticate", challenge) for challenge in state.challenges]
    return tuple(found)


def _absolute(location: str, state: State) -> str:
    if not location.startswith("/") or not state.scope.switched_on("absolute_redirect", default=True):
        return location
    host = server_name(state) if state.scope.switched_on("server_name_in_redirect") else state.host
    if not host or not state.head_read:
        return UNKNOWN  # nginx writes the address of its own socket
    usual = 443 if state.tls else 80
    port = (
        f":{state.port}"
        if state.port not in {usual, 0} and state.scope.switched_on("port_in_redirect", default=True)
        else ""
    )
    return f"{'https' if state.tls else 'http'}://{host}{port}{location}"
