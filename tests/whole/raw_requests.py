"""Signed requests byte by byte: framed as no client library would let a test frame them."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from contextlib import closing
from typing import Final
from urllib.parse import urlsplit

from tests.serving.served import read_all
from tests.whole.signed_clients import Sent

CHUNKED: Final = "Transfer-Encoding: chunked"
_ANSWER: Final = re.compile(rb"HTTP/1\.[01] ([2-5][0-9]{2}) ")
_REASON: Final = re.compile(rb'"reason": ?"([a-z_.]+)"')


def connected(sent: Sent) -> socket.socket:
    """A connection to where it goes."""
    address = urlsplit(sent.url)
    return socket.create_connection((address.hostname or "", address.port or 0), timeout=30)


def head(
    sent: Sent, *extra: str, version: str = "HTTP/1.1", target: str = "", framed: bool = True, last: bool = True
) -> bytes:
    """Its head with further lines; ``last``: the connection ends with the answer; ``framed``: with its length."""
    parts = urlsplit(sent.url)
    asked = target or parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"{sent.method} {asked} {version}", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in sent.headers if name.lower() not in {"content-length", "host"}]
    lines += [*extra, *(["Connection: close"] if last else [])]
    lines += [f"Content-Length: {len(sent.body)}"] if framed else []
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunked(body: bytes, *trailers: str, size: int = 100) -> bytes:
    """A body in chunks of that size (RFC 9112, section 7.1)."""
    pieces = (body[start : start + size] for start in range(0, len(body), size))
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return chunks + b"0\r\n" + "".join(f"{line}\r\n" for line in trailers).encode() + b"\r\n"


def answers(sent: Sent, *pieces: bytes, cut: bool = False) -> list[tuple[int, str]]:
    """Statuses and reasons of whatever comes back; ``cut``: nothing more is sent, and the server sees it."""
    with closing(connected(sent)) as peer:
        for piece in pieces:
            peer.sendall(piece)
        if cut:
            peer.shutdown(socket.SHUT_WR)
        return told_in(read_all(peer))


def told_in(received: bytes) -> list[tuple[int, str]]:
    """Statuses and reasons, in their order."""
    statuses = [int(status) for status in _ANSWER.findall(received)]
    reasons = [reason.decode() for reason in _REASON.findall(received)]
    return list(zip(statuses, _spread(statuses, reasons), strict=True))


def _spread(statuses: Sequence[int], reasons: list[str]) -> list[str]:
    """A reason for each refusal, and none for an answer that is none."""
    left = iter(reasons)
    return [next(left) if status >= 400 else "" for status in statuses]
