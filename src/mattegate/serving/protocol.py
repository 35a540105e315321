"""The HTTP/1.1 connection with the limits that uvicorn's lacks: the head's size, time and Host, and unread answers.

What is refused here never reaches ASGI, so this file renders and logs its own refusals.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mattegate.serving.access import write_line
from mattegate.serving.problem import Problem, encode_json
from mattegate.serving.request_id import new_request_id
from mattegate.serving.routes import REASONS_PATH
from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from uvicorn._types import ASGI3Application

    from mattegate.config.settings import ServerSettings
    from mattegate.serving.problem import RawHeaders

HEAD_BYTES: Final = 32 * 1024


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's httptools connection with limits: ``settings`` hold the times, ``room`` is for how many connections."""

    def __init__(self, *args: Any, settings: ServerSettings, room: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._settings = settings
        self._room = room
        self._send_timer: asyncio.TimerHandle | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._in_head = True
        self._begun = False
        self._running: RequestResponseCycle | None = None
        self._why = Refusal("request.http", problem="it breaks the grammar of a request")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A caller connected; its first head is awaited from now on."""
        super().connection_made(transport)
        if len(self.connections) > self._room:
            self._refuse(Refusal("capacity.connections", limit=self._room))
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller left: tell the request in hand, which uvicorn forgets once another one has come in behind it."""
        self._stop_timer()
        self.resume_writing()
        super().connection_lost(exc)
        if self._running is not None:
            self._running.disconnected = True
            self._running.message_event.set()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, unless a head, a chunk's extensions or the trailer fields have grown too long."""
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
            self._refuse(Refusal("request.head_too_large", limit_kib=HEAD_BYTES // 1024))

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._begun = True
        if self._head_timer is None:
            self._await_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head; trailer fields are dropped, never merged with it (RFC 9110, section 6.5.1)."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there: judge it. An exception makes the parser report it as bad HTTP."""
        self._in_head, self._head_bytes = False, 0
        self._stop_timer()
        if sum(len(name) + len(value) + 4 for name, value in self.headers) + len(self.url) > HEAD_BYTES:
            self._object(Refusal("request.head_too_large", limit_kib=HEAD_BYTES // 1024))
        if flaw := next(self._flaws(), None):
            self._object(Refusal("request.http", problem=flaw))
        super().on_headers_complete()
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

    def pause_writing(self) -> None:
        """The caller reads too slowly; closing would wait for the unread bytes, so a stall is ended by a reset."""
        super().pause_writing()
        self._send_timer = self.loop.call_later(self._settings.send_stall_s, self.transport.abort)

    def resume_writing(self) -> None:
        """The caller has read."""
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls when the parser gave up."""
        self._refuse(self._why)

    def _flaws(self) -> Iterator[str]:
        """What is wrong with a head that the parser lets through."""
        version = self.parser.get_http_version()
        hosts = sum(name == b"host" for name, _ in self.headers)
        codings = [value.lower() for name, value in self.headers if name == b"transfer-encoding"]
        if version not in {"1.0", "1.1"}:
            yield f"it is in version {version}"
        if hosts != 1 and (hosts or version == "1.1"):
            yield f"it has {hosts} Host headers (RFC 9112, section 3.2)"
        if codings and (version == "1.0" or codings != [b"chunked"]):
            yield "its Transfer-Encoding is not the chunked of HTTP/1.1 (RFC 9112, section 6.1)"
        if self.parser.should_upgrade() and (codings or any(name == b"content-length" for name, _ in self.headers)):
            yield "it has a body and asks for another protocol at once (Upgrade); only HTTP/1.1 is spoken"

    def _object(self, refusal: Refusal) -> None:
        self._why = refusal
        raise refusal

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self._settings.head_s, self._head_is_late)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._begun:
            self._refuse(Refusal("request.head_timeout", seconds=self._settings.head_s))
        else:
            self.transport.close()  # a connection that never asked anything gets no answer

    def _refuse(self, refusal: Refusal) -> None:
        self._stop_timer()
        request_id = new_request_id()
        self._log(refusal, request_id)
        if self._answerable:  # else these bytes would land inside another answer, or in its place
            self.transport.write(_response(refusal, request_id, self._settings.prefix + REASONS_PATH))
        self.transport.close()

    @property
    def _answerable(self) -> bool:
        """Whether no answer is due before this one: none at all, or that to the very request which turned out bad."""
        cycle: Any = self.cycle  # None before the first request, whatever uvicorn's annotation says
        if cycle is None or cycle.response_complete:
            return True
        return not (self._in_head or self.pipeline or cycle.response_started)

    def _unsupported_upgrade_warning(self) -> None:
        """Going on in HTTP/1.1 is a good answer to Upgrade (RFC 9110, section 7.8) and nothing to warn of."""

    def _log(self, refusal: Refusal, request_id: str) -> None:
        write_line(
            {
                "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "address": self.client[0] if self.client else "",
                "status": refusal.reason.status,
                "reason": refusal.reason.code,
                "bytes_in": self._head_bytes,
                "request_id": request_id,
                "problem": refusal.operator_detail,
            }
        )


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
