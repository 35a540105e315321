"""Answers of one piece leave in one write."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from tests.serving.served import read_all

if TYPE_CHECKING:
    from tests.serving.served import Served

GET = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


def test_a_refusal_is_whole_at_the_first_look(plain: Served) -> None:
    """Who reads once has head and explanation, again and again on one connection."""
    with closing(plain.connect()) as peer:
        for _ in range(20):
            peer.sendall(b"GET /v1/whoami HTTP/1.1\r\nHost: x\r\nX-API-Key: no key\r\n\r\n")
            answer = peer.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 401 ")
            assert answer.endswith(b"}\n")


def test_an_answer_without_a_body_waits_for_none(plain: Served) -> None:
    """HEAD is answered at once, also where other requests are waiting behind it on the same connection."""
    head = GET.replace(b"GET", b"HEAD", 1)
    answers = plain.talk(head + GET + head + GET.replace(b"Host: x", b"Host: x\r\nConnection: close"))
    assert answers.count(b"HTTP/1.1 200 ") == 4
    assert answers.endswith(b"}\n")
    with closing(plain.connect()) as peer:
        peer.sendall(head)
        assert peer.recv(65_536).endswith(b"\r\n\r\n")


def test_a_client_that_waits_to_be_asked_is_asked_first(plain: Served, png: bytes) -> None:
    """100 (Continue) does not wait for the answer that it is needed for (RFC 9110, section 10.1.1)."""
    with closing(plain.connect()) as peer:
        peer.sendall(
            b"POST /remove HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nExpect: 100-continue\r\n"
            b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(png)
        )
        assert peer.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.sendall(png)
        assert read_all(peer).startswith(b"HTTP/1.1 200 ")
