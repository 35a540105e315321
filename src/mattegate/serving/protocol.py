"""The HTTP/1.1 connection with what uvicorn's lacks: limits for the head, one reading of every request, patience.

1. What is refused here never reaches ASGI, so this file renders its own refusals, and counts and logs them.
2. A request that two servers would read differently is refused (RFC 9112, section 11): the parser refuses folded
   headers, bare CR or LF, control characters, spaces before a colon, two lengths, a length beside a coding; what it
   lets through is in :meth:`GuardedProtocol._flaws`.
3. Reading goes on while a request is in hand, because only reading tells that its caller left. So what comes behind it
   is kept up to ``BEHIND_BYTES``; more than that, and the connection ends with the answers that are due.
4. A caller who shuts the sending side only (``nc -N``) gets the answer, and one who has gone is found out.
"""

from __future__ import annotations

import asyncio
import re
import select
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mattegate.serving.connections import Connections, unmapped
from mattegate.serving.precedent import AT_ONCE, MEMORY
from mattegate.serving.problem import Problem, encode_json
from mattegate.serving.routes import REASONS_PATH
from mattegate.serving.tls import CHAIN_KEY, TLS_KEY, shown_chain, tls_view
from mattegate.serving.whole_answer import WholeAnswer
from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from uvicorn._types import ASGI3Application

    from mattegate.config.settings import ServerSettings
    from mattegate.serving.problem import RawHeaders

HEAD_BYTES: Final = 32 * 1024
BEHIND_BYTES: Final = 64 * 1024
"""What may come behind a request in hand."""
LINGER_S: Final = 2.0
LINGER_BYTES: Final = 1 << 20
"""How long, and how much, a refused caller may go on sending, so that the explanation is not lost to a reset."""
FIRST_LOOK_S: Final = 0.05
LONGEST_LOOK_S: Final = 1.0
"""How often it is looked whether a caller who shut the sending side is still there."""

_HOST: Final = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~-]+)(?::[0-9]{0,5})?")
"""A host with an optional port (RFC 9110, section 7.2), without the spellings of RFC 3986 that no name has."""


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's httptools connection with limits.

    ``settings`` hold the times. ``connections`` is the crowd it belongs to; ``seated`` says that it was counted there
    already. ``misplaced`` says that it is plain HTTP on a port for TLS, where nothing is answered but that.
    """

    def __init__(
        self,
        *args: Any,
        settings: ServerSettings,
        connections: Connections,
        seated: bool = False,
        misplaced: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._settings = settings
        self._crowd = connections
        self._seated = seated
        self._misplaced = misplaced
        self._address = ""
        self._tls: dict[str, str] | None = None
        self._certificates: tuple[bytes, ...] = ()
        self._memory: dict[object, object] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._head_bytes = 0
        self._behind_bytes = 0
        self._deaf_bytes = 0
        self._in_head = True
        self._begun = False
        self._deaf = False
        self._lingering = False
        self._running: RequestResponseCycle | None = None
        self._why = Refusal("request.http", problem="it breaks the grammar of a request")

    # --- the connection -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A caller connected; its first head is awaited from now on."""
        super().connection_made(transport)
        if self.client:
            self._address = unmapped(self.client[0])
            self.client = (self._address, self.client[1])
        self._tls, self._certificates = tls_view(transport), shown_chain(transport)
        full = None if self._seated else self._crowd.enter(self._address)
        self._seated = True
        if full:
            self._refuse(full)
            transport.close()  # no lingering: it would take the room that is wanting
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller left: tell the request in hand, which uvicorn forgets once another one has come in behind it."""
        for name in list(self._timers):
            self._stop(name)
        self._crowd.leave(self._address)
        self.resume_writing()
        super().connection_lost(exc)
        self._call_off()

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, unless a head, a chunk's extensions or the trailer fields have grown too long."""
        if self._deaf:
            return self._pass_over(data)
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > HEAD_BYTES and not self._deaf:
            self._refuse(Refusal("request.head_too_large", limit_kib=HEAD_BYTES // 1024))
        if self.pipeline and not self._deaf:
            self._read_on_behind(len(data))
        return None

    def eof_received(self) -> bool:  # type: ignore[override]
        """The caller sends no more. Whether the connection stays open for what is due; TLS knows no such half."""
        if self._tls or self._lingering or not self._due or (self._begun and not self._deaf):
            return False
        assert self._running is not None
        if self._running.scope["http_version"] != "1.1":
            return False  # it could not be asked whether it is still there
        self._newest.keep_alive = False
        if not self._running.response_started:
            # Any client skips this (RFC 9110, section 15.2), and the machine of one that is gone answers with a reset.
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._look_again(FIRST_LOOK_S)
        return True

    def pause_writing(self) -> None:
        """The caller reads too slowly; closing would wait for the unread bytes, so a stall is ended by a reset."""
        super().pause_writing()
        self._start("send", self._settings.send_stall_s, self.transport.abort)

    def resume_writing(self) -> None:
        """The caller has read."""
        self._stop("send")
        super().resume_writing()

    # --- the parser's callbacks -----------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._begun = True
        scope: Any = self.scope
        scope[MEMORY] = self._memory
        if self._tls:
            scope[TLS_KEY] = self._tls
        if self._certificates:
            scope[CHAIN_KEY] = self._certificates
        if "head" not in self._timers:
            self._await_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head; trailer fields are dropped, never merged with it (RFC 9110, section 6.5.1)."""
        if self._in_head:
            super().on_header(name, value.rstrip(b" \t"))  # which is no part of it (RFC 9112, section 5.1)

    def on_headers_complete(self) -> None:
        """The head is there: judge it. An exception makes the parser report it as bad HTTP."""
        self._stop("head")
        if self._misplaced:
            self._object(Refusal("transport.plain_http"))
        if sum(len(name) + len(value) + 4 for name, value in self.headers) + len(self.url) > HEAD_BYTES:
            self._object(Refusal("request.head_too_large", limit_kib=HEAD_BYTES // 1024))
        if flaw := next(self._flaws(), None):
            self._object(Refusal("request.http", problem=flaw))
        super().on_headers_complete()
        self._in_head, self._head_bytes = False, 0
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False  # the parser takes whatever follows for another protocol

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is complete; whatever follows is the next head."""
        super().on_message_complete()
        self._in_head, self._begun, self._head_bytes = True, False, 0

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls when the parser gave up."""
        self._refuse(Refusal("transport.plain_http") if self._misplaced else self._why)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        if cycle.scope["method"] != "HEAD":
            scope: Any = cycle.scope
            cycle.transport = whole = WholeAnswer(cycle)  # type: ignore[assignment]
            scope[AT_ONCE] = whole.at_once
        if not self.pipeline:
            self._behind_bytes = 0
        super()._start_asgi_task(cycle, app)

    def _unsupported_upgrade_warning(self) -> None:
        """Going on in HTTP/1.1 is a good answer to Upgrade (RFC 9110, section 7.8) and nothing to warn of."""

    # --- judging a head -------------------------------------------------------------------------------------

    def _flaws(self) -> Iterator[str]:
        """What is wrong with a head that the parser lets through."""
        version = self.parser.get_http_version()
        hosts = [value for name, value in self.headers if name == b"host"]
        codings = [value.lower() for name, value in self.headers if name == b"transfer-encoding"]
        if version not in {"1.0", "1.1"}:
            yield f"it is in version {version}"
        if len(hosts) != 1 and (hosts or version == "1.1"):
            yield f"it has {len(hosts)} Host headers (RFC 9112, section 3.2)"
        if hosts and not _HOST.fullmatch(hosts[0]):
            yield "its Host header is no host (RFC 9112, section 3.2)"
        if flaw := _target_flaw(self.url, self.parser.get_method(), hosts):
            yield flaw
        if codings and (version == "1.0" or codings != [b"chunked"]):
            yield "its Transfer-Encoding is not the chunked of HTTP/1.1 (RFC 9112, section 6.1)"
        if self.parser.should_upgrade() and (codings or any(name == b"content-length" for name, _ in self.headers)):
            yield "it has a body and asks for another protocol at once (Upgrade); only HTTP/1.1 is spoken"

    def _object(self, refusal: Refusal) -> None:
        self._why = refusal
        raise refusal

    def _await_head(self) -> None:
        self._start("head", self._settings.head_s, self._head_is_late)

    def _head_is_late(self) -> None:
        self._stop("head")
        if self._begun:
            self._refuse(Refusal("request.head_timeout", seconds=self._settings.head_s))
        else:
            self.transport.close()  # a connection that never asked anything gets no answer

    # --- what comes behind a request in hand ----------------------------------------------------------------

    @property
    def _due(self) -> bool:
        """Whether a request is in hand whose answer is not complete."""
        return self._running is not None and not self._running.response_complete

    @property
    def _newest(self) -> RequestResponseCycle:
        """The last request that will be answered."""
        assert self._running is not None
        return self.pipeline[0][0] if self.pipeline else self._running

    def _read_on_behind(self, arrived: int) -> None:
        """uvicorn stops reading behind a request in hand; then nobody would see that the caller left."""
        self._behind_bytes += arrived
        if self._behind_bytes > BEHIND_BYTES:
            self._answer_no_more()
        else:
            self.flow.resume_reading()

    def _answer_no_more(self) -> None:
        """End with the last complete request; a client sends the others again (RFC 9112, section 9.3.2)."""
        if self.pipeline and not self._in_head:
            self.pipeline.popleft()  # the newest, whose body is not complete
        self.cycle = self._newest
        self.cycle.keep_alive = False
        self._go_deaf()

    def _go_deaf(self) -> None:
        self._deaf = True
        self._stop("head")
        self.flow.resume_reading()

    def _pass_over(self, data: bytes) -> None:
        self._deaf_bytes += len(data)
        if self._lingering and self._deaf_bytes > LINGER_BYTES:
            self.transport.close()

    def _look_again(self, wait_s: float) -> None:
        self._start("look", wait_s, partial(self._look, wait_s))

    def _look(self, wait_s: float) -> None:
        if self.transport.is_closing():
            return
        if _hung_up(self.transport):
            self.transport.abort()
        else:
            self._look_again(min(2 * wait_s, LONGEST_LOOK_S))

    # --- refusing -------------------------------------------------------------------------------------------

    def _refuse(self, refusal: Refusal) -> None:
        """Say no to what is being read. Answers that are due to requests before it come first, and then the end."""
        self._stop("head")
        request_id = self._crowd.note(refusal, self._address, bytes_in=self._head_bytes)
        if self._due and (self._in_head or self.pipeline):
            self._answer_no_more()
        elif self._answerable:
            self.transport.write(_response(refusal, request_id, self._settings.prefix + REASONS_PATH))
            self._linger()
        else:
            self.transport.close()  # these bytes would land inside an answer, or behind the only one that is due

    @property
    def _answerable(self) -> bool:
        """Whether this is the next answer: that to a head without a request yet, or to the request in hand."""
        return self._in_head or not (self.cycle.response_started or self.cycle.response_complete)

    def _linger(self) -> None:
        """Let the caller finish sending; closing upon unread bytes would reset the connection and lose the answer."""
        self._lingering = True
        self._call_off()
        self._go_deaf()
        if self.transport.is_closing():
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._start("linger", LINGER_S, self.transport.close)

    def _call_off(self) -> None:
        """Tell the request in hand that nobody waits for it, so that it writes nothing more."""
        cycle: Any = self.cycle  # None before the first request, whatever uvicorn's annotation says
        for each in (self._running, cycle):
            if each is not None and not each.response_complete:
                each.disconnected = True
                each.message_event.set()

    # --- timers ---------------------------------------------------------------------------------------------

    def _start(self, name: str, after_s: float, act: Any) -> None:
        self._stop(name)
        self._timers[name] = self.loop.call_later(after_s, act)

    def _stop(self, name: str) -> None:
        if timer := self._timers.pop(name, None):
            timer.cancel()


def _target_flaw(target: bytes, method: bytes, hosts: list[bytes]) -> str:
    """What is wrong with a request's target (RFC 9112, section 3.2); empty where nothing is."""
    if b"#" in target:
        return "its target has a fragment (RFC 9112, section 3.2)"
    if target == b"*":
        return "" if method == b"OPTIONS" else "its target * goes with OPTIONS only (RFC 9112, section 3.2.4)"
    if target.startswith(b"/"):
        return ""
    authority = target.partition(b"://")[2].partition(b"/")[0].partition(b"?")[0]
    if not target.lower().startswith((b"http://", b"https://")) or not hosts or authority.lower() != hosts[0].lower():
        return "its target is neither a path nor an address of the host in its Host header (RFC 9112, section 3.2)"
    return ""


def _hung_up(transport: asyncio.Transport) -> bool:
    """Whether the other machine reset the connection, which nobody hears of who does not read."""
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), 0)
    return any(events & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, events in poll.poll(0))


def _response(refusal: Refusal, request_id: str, docs: str) -> bytes:
    """A whole HTTP/1.1 response that ends the connection."""
    problem = Problem.of(refusal)
    body = encode_json(problem.document(request_id=request_id, instance="", docs=docs))
    headers: RawHeaders = [
        *problem.headers(body),
        (b"x-request-id", request_id.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"connection", b"close"),
    ]
    status = HTTPStatus(problem.shown.status)
    lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode(), *(name + b": " + value for name, value in headers)]
    return b"\r\n".join([*lines, b"", body])
