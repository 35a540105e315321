"""WebSockets at the gate: the opening handshake is a GET request (RFC 6455, section 4.1), and is decided on as one.

What passes the handshake is not looked at again: a connection that is open stays open, whatever becomes of its key.
A refusal goes out as the HTTP answer to the handshake where the server can send one (the ASGI extension
``websocket.http.response``), and as a bare 403 where it cannot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.types import Message, Scope, Send

SWITCHED: Final = 101
"""The status of a handshake that the application accepted."""

_EXTENSION: Final = "websocket.http.response"
_SCHEMES: Final = {"ws": "http", "wss": "https"}
_FORBIDDEN: Final = 403
"""What a server answers to a handshake that is closed instead of accepted (ASGI, "Close")."""


def as_request(scope: Scope) -> Scope:
    """The HTTP request that ``scope`` is, or that its handshake was."""
    if scope["type"] == "http":
        return scope
    return {**scope, "type": "http", "method": "GET", "scheme": _SCHEMES.get(scope["scheme"], scope["scheme"])}


def opening_status(message: Message) -> int | None:
    """The status that an answer begins with; ``None`` for messages that begin none."""
    match message["type"]:
        case "http.response.start" | "websocket.http.response.start":
            return int(message["status"])
        case "websocket.accept":
            return SWITCHED
        case "websocket.close":
            return _FORBIDDEN
    return None


def denying(send: Send, scope: Scope) -> Send:
    """``send`` for a WebSocket to which an answer over HTTP can be given all the same."""
    answerable = _EXTENSION in (scope.get("extensions") or {})

    async def denied(message: Message) -> None:
        if not message["type"].startswith("http.response."):
            await send(message)
        elif answerable:
            await send({**message, "type": f"websocket.{message['type']}"})
        elif message["type"] == "http.response.start":
            await send({"type": "websocket.close", "code": 1008, "reason": ""})

    return denied
