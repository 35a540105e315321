"""Stories of one exchange with real servers: whatever they do is told, and nothing raises."""

from __future__ import annotations

import gzip
import socket
import time
from pathlib import Path

import pytest

from mattegate.doctor.observation import Observation
from mattegate.doctor.probe.exchange import Ask, Limits, exchange
from mattegate.doctor.probe.target import BadTarget
from tests.doctor.probe.houses import KEY, QUICK, app, blackhole, door, free_port, get, nginx, speaking, veil


def asked(port: int, ask: Ask | None = None, limits: Limits = QUICK) -> Observation:
    """Ask a port on loopback."""
    return exchange(door(port), ask or get(), veil=veil(KEY), limits=limits, via="test")


def test_a_request_goes_out_exactly_as_spelled() -> None:
    """No header is added, respelled or reordered; the answer is told."""
    heard: list[bytes] = []

    def answer(sock: socket.socket) -> None:
        heard.append(sock.recv(65_536))
        sock.sendall(b"HTTP/1.1 204 Fine\r\nServer: x\r\n\r\n")

    with speaking(answer) as port:
        seen = asked(port, get("/a//b?c=%2F", ("X_Odd", "1"), ("x-b", ""), ("X-B", "2")))
    assert heard == [
        b"GET /a//b?c=%2F HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\nX_Odd: 1\r\nx-b:\r\nX-B: 2\r\n\r\n"
    ]
    assert (seen.format, seen.status, seen.reason_phrase, seen.via) == ("exchange", 204, "Fine", "test")
    assert seen.path == "/a//b?c=…"


def test_a_server_that_repeats_the_key_does_not_make_it_known() -> None:
    """Neither headers nor body of the observation hold the secret, in whatever form it comes back."""
    with app() as running:
        key = ("Authorization", f"Bearer {KEY}")
        seen = asked(running.port, get(f"/?k={KEY}", key, ("X-Custom", KEY)))
    assert seen.status == 200
    assert KEY not in repr(seen)
    assert "app.test" in seen.body


def test_an_early_refusal_is_heard_while_sending(tmp_path: Path) -> None:
    """nginx answers 413 before the body is there; the rest is not pressed upon it."""
    port = free_port()
    with nginx(
        tmp_path, f"server {{ listen 127.0.0.1:{port}; client_max_body_size 1m; location / {{ return 200; }} }}"
    ):
        seen = asked(port, get(method="POST", padding=9_000_000))
    assert seen.status == 413
    assert "nginx" in seen.body


def test_a_client_that_asks_first_sends_no_body_in_vain(tmp_path: Path) -> None:
    """With Expect: 100-continue the refusal comes before the first byte."""
    port = free_port()
    with nginx(
        tmp_path, f"server {{ listen 127.0.0.1:{port}; client_max_body_size 1m; location / {{ return 200; }} }}"
    ):
        seen = asked(port, get("/", ("Expect", "100-continue"), method="POST", padding=2_000_000))
    assert (seen.status, seen.fields["sent_bytes"]) == (413, "0")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b"", "empty"),
        (b"HTTP/1.1 200 OK\r\nA:", "cut"),
        (b"220 mail.example ESMTP\r\n", "not_http"),
    ],
)
def test_a_port_that_does_not_answer_http_is_told(said: bytes, kind: str) -> None:
    """Each in a word and a sentence."""

    def answer(sock: socket.socket) -> None:
        sock.recv(65_536)
        sock.sendall(said)

    with speaking(answer) as port:
        seen = asked(port)
    assert (seen.format, seen.status, seen.fields["kind"]) == ("client-error", None, kind)
    assert seen.message


def test_a_server_that_keeps_silent_is_not_waited_for_long() -> None:
    """The time limit is ours, and the word is another one than for a port that drops packets."""
    with speaking(lambda _: time.sleep(1.5)) as port:
        seen = asked(port, limits=Limits(answer_s=0.4))
    assert seen.fields["kind"] == "no_answer"
    with blackhole() as dark:
        assert asked(dark, limits=Limits(connect_s=0.3)).fields["kind"] == "timed_out"
    refused = asked(free_port())
    assert (refused.fields["kind"], refused.message) == ("refused", "Connection refused")


def test_a_huge_compressed_answer_stays_small() -> None:
    """At most 64 KiB are read and 16 KiB of text kept."""
    body = gzip.compress(b"ABC " * 1_000_000)

    def answer(sock: socket.socket) -> None:
        sock.recv(65_536)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + body)

    with speaking(answer) as port:
        seen = asked(port)
    assert len(seen.body) == 16_384


@pytest.mark.parametrize(
    "ask",
    [
        Ask(headers=(("X-A", "1\r\nX-Evil: 2"),)), Ask(headers=(("X A", "1"),)), Ask(target="/a b"),
        Ask(method="GET /"),
        Ask(headers=(("X-A", "€"),)),
    ],
)  # fmt: skip
def test_what_would_be_two_requests_is_refused(ask: Ask) -> None:
    """A header of the person's own cannot smuggle another line."""
    with pytest.raises(BadTarget):
        ask.checked()
