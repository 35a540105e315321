"""The access log: one JSON line for each request on the logger ``mattegate.access``, unforgeable by its contents."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.types import Scope

    from mattegate.serving.exchange import Exchange

_LOG: Final = logging.getLogger("mattegate.access")
_LONGEST: Final = 256
"""Characters kept of anything that the caller chose."""


def log_access(scope: Scope, exchange: Exchange, *, now: float) -> None:
    """Write the line of one finished exchange; ``now`` by ``time.perf_counter``."""
    line: dict[str, object] = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "address": client_address(scope),
        "method": scope["method"],
        "path": scope["path"][:_LONGEST],
        "status": exchange.status,
        "reason": exchange.reason,
        "bytes_in": exchange.bytes_in,
        "bytes_out": exchange.bytes_out,
        "ms": round((now - exchange.started) * 1000, 1),
        "request_id": exchange.request_id,
        "client_request_id": _client_request_id(scope),
    }
    if exchange.problem:
        line["problem"] = exchange.problem
    write_line(line)


def write_line(line: dict[str, object]) -> None:
    """Log one line as pure ASCII JSON, so that no control character reaches a terminal or starts a second line."""
    _LOG.info("%s", json.dumps(line).replace("\x7f", "\\u007f"))


def client_address(scope: Scope) -> str:
    """The address of the peer as the server saw it; empty where there is none."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def _client_request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return str(value[:_LONGEST].decode("latin-1"))
    return ""
