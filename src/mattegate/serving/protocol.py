"""The HTTP/1.1 connection with the limits that uvicorn's lacks: the head's size, time and Host, and unread answers.

What is refused here never reaches ASGI, so this file renders and logs its own refusals.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mattegate.serving.access import write_line
from mattegate.serving.problem import Problem, encode_json
from mattegate.serving.request_id import new_request_id
from mattegate.serving.routes import REASONS_PATH
from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from mattegate.config.settings import ServerSettings
    from mattegate.serving.problem import RawHeaders

HEAD_BYTES: Final = 32 * 1024


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's httptools connection with limits; ``settings`` hold the times."""

    def __init__(self, *args: Any, settings: ServerSettings, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._settings = settings
        self._send_timer: asyncio.TimerHandle | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._in_head = True
        self._begun = False
        self._why = Refusal("request.http", problem="it breaks the grammar of a request")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A caller connected; its first head is awaited from now on."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller left."""
        self._stop_timer()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, unless the head has grown too long."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
            self._refuse(Refusal("request.head_too_large", limit_kib=HEAD_BYTES // 1024))

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._begun = True
        if self._head_timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """The head is there: judge it. An exception makes the parser report it as bad HTTP."""
        self._in_head = False
        self._stop_timer()
        if sum(len(name) + len(value) + 4 for name, value in self.headers) + len(self.url) > HEAD_BYTES:
            self._object(Refusal("request.head_too_large", limit_kib=HEAD_BYTES // 1024))
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts != 1 and (hosts or self.parser.get_http_version() == "1.1"):
            self._object(Refusal("request.http", problem=f"it has {hosts} Host headers (RFC 9112, section 3.2)"))
        super().on_headers_complete()

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
        if not self._answering:  # else these bytes would land inside another answer
            self.transport.write(_response(refusal, request_id, self._settings.prefix + REASONS_PATH))
        self.transport.close()

    @property
    def _answering(self) -> bool:
        cycle: Any = self.cycle  # None before the first request, whatever uvicorn's annotation says
        return cycle is not None and not cycle.response_complete

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
