"""Stories of answers as bytes: strict, bounded, whatever a server sends."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.doctor.probe.message import AnswerReader, Cut, NotHttp, Received, decoded


def read(data: bytes, *, method: str = "GET", most: int = 1_000, step: int = 7) -> Received:
    """Read an answer that comes in small pieces."""
    pieces = [data[at : at + step] for at in range(0, len(data), step)]
    return AnswerReader(lambda: pieces.pop(0) if pieces else b"").final(method, most)


def test_a_plain_answer() -> None:
    """Status, phrase, headers in small letters, doubled ones twice."""
    received = read(b"HTTP/1.1 403 Not for you\r\nX-A: 1\r\nx-a:2\r\nContent-Length: 3\r\n\r\nabcdef")
    assert (received.head.status, received.head.phrase, received.head.version) == (403, "Not for you", "1.1")
    assert received.head.headers[:2] == (("x-a", "1"), ("x-a", "2"))
    assert received.body == b"abc"


def test_interim_answers_are_passed_over() -> None:
    """100 Continue and early hints come before the one that counts."""
    assert (
        read(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nL: x\r\n\r\nHTTP/1.1 413 X\r\n\r\n").head.status
        == 413
    )


def test_chunks_are_joined_and_bounded() -> None:
    """Sizes in any case, extensions ignored, no more than asked for."""
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"
    assert read(data).body == b"abc0123456789"
    short = read(data, most=5)
    assert (short.body, short.complete) == (b"abc01", False)


def test_an_answer_without_length_lasts_until_the_end() -> None:
    """HTTP/1.0 as some still speak it, with bare line feeds."""
    assert read(b"HTTP/1.0 200\nA: b\n\nall of it").body == b"all of it"


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_answers_without_a_body_are_not_waited_for(method: str) -> None:
    """HEAD has none whatever its length says, neither has 204."""
    status = b"204 No Content" if method == "GET" else b"200 OK"
    assert read(b"HTTP/1.1 " + status + b"\r\nContent-Length: 9\r\n\r\n", method=method).body == b""


@pytest.mark.parametrize(
    "data", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\x15\x03\x01\x00\x02", b"<html>", b"HTTP/1.1 abc\r\n\r\n"]
)
def test_what_is_not_http_is_told_by_its_first_bytes(data: bytes) -> None:
    """They mostly name the service."""
    with pytest.raises(NotHttp):
        read(data)


def test_a_closed_connection_is_told_apart_from_nonsense() -> None:
    """With what came before."""
    with pytest.raises(Cut) as caught:
        read(b"HTTP/1.1 200 OK\r\nA: ")
    assert caught.value.partial


def test_an_endless_head_ends() -> None:
    """64 KiB are enough for anybody."""
    with pytest.raises(NotHttp, match="64 KiB"):
        read(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000, step=9_000)


def test_compressed_bodies_are_opened_within_bounds() -> None:
    """A bomb gives no more than was asked for; an unknown coding nothing."""
    assert decoded(gzip.compress(b"a" * 10_000_000), "gzip", 100) == b"a" * 100
    assert decoded(b"xyz", "br", 100) == b""
    assert decoded(b"not gzip", "gzip", 100) == b""


@settings(max_examples=400, deadline=None)
@given(
    st.binary(max_size=300),
    st.integers(1, 60),
    st.sampled_from([b"", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]),
)
def test_no_bytes_break_it(data: bytes, step: int, before: bytes) -> None:
    """Every input is an answer, nonsense or a cut."""
    try:
        received = read(before + data, step=step, most=64)
    except (NotHttp, Cut):
        return
    assert len(received.body) <= 64
