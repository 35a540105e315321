"""Stories of requests that two servers could read differently, and of callers who leave, or only seem to."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.serving.bare import MIRROR, BareServer, bare_server, until
from tests.serving.served import problem_in, read_all

START = b"POST /mirror HTTP/1.1\r\nHost: x\r\n"
SLOW = b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na"
CHUNKED = START + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BareServer]:
    """One server for all stories that leave it as it was."""
    with bare_server(tmp_path_factory.mktemp("bare"), pause_s=1.0) as running:
        yield running


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(START + b"X: a\r\n b\r\n\r\n", id="a header folded with a space"),
        pytest.param(START + b"X: a\r\n\tb\r\n\r\n", id="a header folded with a tab"),
        pytest.param(b"GET / HTTP/1.1\r\n Host: x\r\n\r\n", id="a first header behind a space"),
        pytest.param(START + b"X: a\rb\r\n\r\n", id="a bare CR in a value"),
        pytest.param(START + b"X: a\nY: b\r\n\r\n", id="a bare LF between headers"),
        pytest.param(START + b"\n", id="a bare LF at the end of the head"),
        pytest.param(b"GET / HTTP/1.1\nHost: x\n\n", id="bare LFs throughout"),
        pytest.param(START + b"X: a\0b\r\n\r\n", id="a NUL in a value"),
        pytest.param(START + b"X: a\x01b\r\n\r\n", id="a control character in a value"),
        pytest.param(START + b"X: a\x7fb\r\n\r\n", id="a DEL in a value"),
        pytest.param(START + b"X\0: a\r\n\r\n", id="a NUL in a name"),
        pytest.param(START + b"X : a\r\n\r\n", id="a space before the colon"),
        pytest.param(START + b"X\t: a\r\n\r\n", id="a tab before the colon"),
        pytest.param(START + b": a\r\n\r\n", id="a header without a name"),
        pytest.param(START + b"nothing\r\n\r\n", id="a header without a colon"),
        pytest.param(START + b"X(: a\r\n\r\n", id="a delimiter in a name"),
        pytest.param(START + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na", id="the same length twice"),
        pytest.param(START + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", id="two lengths"),
        pytest.param(START + b"Content-Length: 1, 1\r\n\r\na", id="a list of lengths"),
        pytest.param(START + b"Content-Length: +1\r\n\r\na", id="a length with a sign"),
        pytest.param(START + b"Content-Length: -1\r\n\r\na", id="a negative length"),
        pytest.param(START + b"Content-Length: 0x1\r\n\r\na", id="a length in base 16"),
        pytest.param(START + b"Content-Length: 1 1\r\n\r\na", id="a length with a space"),
        pytest.param(START + b"Content-Length:\r\n\r\na", id="no length"),
        pytest.param(START + b"Content-Length: " + b"9" * 30 + b"\r\n\r\na", id="a length beyond 64 bits"),
        pytest.param(CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"), id="coding and length"),
        pytest.param(START + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="length, coding"),
        pytest.param(START + 2 * b"Transfer-Encoding: chunked\r\n" + b"\r\n0\r\n\r\n", id="the coding twice"),
        pytest.param(START + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", id="a coding behind a VT"),
        pytest.param(START + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n", id="an old coding"),
        pytest.param(CHUNKED + b"1\na\r\n0\r\n\r\n", id="a bare LF behind a chunk's size"),
        pytest.param(CHUNKED + b"1\r\na\n0\r\n\r\n", id="a bare LF behind a chunk"),
        pytest.param(CHUNKED + b"1 \r\na\r\n0\r\n\r\n", id="a space behind a chunk's size"),
        pytest.param(CHUNKED + b"0x1\r\na\r\n0\r\n\r\n", id="a chunk's size with 0x"),
        pytest.param(CHUNKED + b"1;a\nb\r\na\r\n0\r\n\r\n", id="a bare LF in a chunk's extension"),
        pytest.param(CHUNKED + b"1;a\rb\r\na\r\n0\r\n\r\n", id="a bare CR in a chunk's extension"),
        pytest.param(CHUNKED + b"0\r\nX: y\r\n z\r\n\r\n", id="a folded trailer"),
        pytest.param(b"GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n", id="a tab in the request line"),
        pytest.param(b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n", id="a space behind the version"),
        pytest.param(b"get / HTTP/1.1\r\nHost: x\r\n\r\n", id="a method in lower case"),
        pytest.param(b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n", id="a NUL in the target"),
        pytest.param(b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", id="a raw byte in the target"),
        pytest.param(b"GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", id="a fragment"),
        pytest.param(b"GET a HTTP/1.1\r\nHost: x\r\n\r\n", id="a target without a slash"),
        pytest.param(b"GET * HTTP/1.1\r\nHost: x\r\n\r\n", id="a star for GET"),
        pytest.param(b"GET http://evil/mirror HTTP/1.1\r\nHost: x\r\n\r\n", id="an address of another host"),
        pytest.param(b"GET http://u@x/mirror HTTP/1.1\r\nHost: x\r\n\r\n", id="an address with a user"),
        pytest.param(b"GET ftp://x/mirror HTTP/1.1\r\nHost: x\r\n\r\n", id="an address of another scheme"),
        pytest.param(b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", id="CONNECT"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2"),
        pytest.param(b"GET / HTTP/1.1\r\nHost:\r\n\r\n", id="an empty Host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", id="two names in one Host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", id="a user in Host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", id="a path in Host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", id="a port that is no number"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", id="the same Host twice"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="no Host"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01", id="TLS on a plain port"),
    ],
)  # fmt: skip
def test_what_can_be_read_in_two_ways_is_refused(server: BareServer, sent: bytes) -> None:
    """It gets 400 and the reason request.http, nothing of it reaches the application, and the connection ends."""
    before = len(server.refusals())
    answer = server.talk(sent)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert len(re.findall(rb"HTTP/1\.1 \d{3} ", answer)) == 1
    assert problem_in(answer)["reason"] == "request.http"
    assert server.refusals()[before:] == ["request.http"]


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        (b"GET http://x/mirror HTTP/1.1\r\nHost: x\r\n\r\n", "/mirror"),
        (b"GET HTTP://X:80/mirror?a HTTP/1.1\r\nHost: x:80\r\n\r\n", "/mirror"),
        (b"GET /mirror HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n", "/mirror"),
        (b"GET /mirror HTTP/1.1\r\nHost: a_b.example.com.\r\n\r\n", "/mirror"),
        (b"GET /mirror HTTP/1.0\r\n\r\n", "/mirror"),
        (b"\r\nGET /mirror HTTP/1.1\r\nHost: x\r\n\r\n", "/mirror"),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "*"),
        (b"GET //evil/mirror HTTP/1.1\r\nHost: x\r\n\r\n", "//evil/mirror"),
    ],
)
def test_what_is_only_unusual_is_served(server: BareServer, sent: bytes, path: str) -> None:
    """Every form of a target that RFC 9112 asks servers to take, old clients, and an empty line in front."""
    with closing(server.connect()) as peer:
        peer.sendall(sent)
        peer.shutdown(socket.SHUT_WR)
        answer = read_all(peer)
    answer = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    if not answer and b"HTTP/1.0" in sent:
        answer = server.talk(sent)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert problem_in(answer)["path"] == path


def test_spaces_behind_a_value_are_no_part_of_it(server: BareServer) -> None:
    """A key with a space behind it is that key (RFC 9112, section 5.1)."""
    answer = server.talk(MIRROR.replace(b"\r\n\r\n", b"\r\nX-API-Key:  abc \t \r\nConnection: close\r\n\r\n"))
    assert ["x-api-key", "abc"] in problem_in(answer)["headers"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    base=st.sampled_from([MIRROR, CHUNKED + b"1\r\na\r\n0\r\n\r\n", START + b"Content-Length: 1\r\n\r\na"]),
    at=st.integers(0, 200),
    noise=st.binary(min_size=1, max_size=3),
)
def test_no_byte_put_anywhere_breaks_the_connection_or_the_count_of_answers(
    server: BareServer, base: bytes, at: int, noise: bytes
) -> None:
    """Whatever is put into a request: answers of 200 or 4xx, one for each request at most, and never a 5xx."""
    close = b"GET /mirror HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with closing(server.connect()) as peer:
        peer.sendall(base[:at] + noise + base[at:] + close)
        peer.shutdown(socket.SHUT_WR)
        answer = read_all(peer)
    statuses = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]
    final = [status for status in statuses if status != 100]
    assert all(status in {200, 400, 408, 431} for status in final), answer
    assert len(final) <= 3


# --- refusals that arrive -----------------------------------------------------------------------------------


def test_the_explanation_arrives_although_the_caller_goes_on_sending(server: BareServer) -> None:
    """Bytes that nobody reads would reset the connection and take the answer with them."""
    with closing(server.connect()) as peer:
        peer.sendall(b"POST / HTTP/1.1\r\nContent-Length: 900000\r\n\r\n" + bytes(450_000))
        peer.sendall(bytes(450_000))
        assert problem_in(read_all(peer))["reason"] == "request.http"


def test_a_refused_caller_who_never_stops_is_cut(server: BareServer) -> None:
    """Past a megabyte the connection is closed."""
    with closing(server.connect()) as peer:
        peer.sendall(b"POST / HTTP/1.1\r\nContent-Length: 900000000\r\n\r\n")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            peer.sendall(bytes(100_000_000))


def test_a_flaw_behind_a_request_in_hand_waits_for_its_answer(server: BareServer) -> None:
    """The first request is answered as if it were alone; the second one's flaw is logged, and that is the end."""
    before = len(server.refusals())
    answer = server.talk(SLOW + b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + MIRROR)
    assert len(re.findall(rb"HTTP/1\.1 \d{3} ", answer)) == 1
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert problem_in(answer)["path"] == "/slow"
    assert server.refusals()[before:] == ["request.http"]


def test_pipelined_requests_are_answered_in_order_up_to_the_flawed_one(server: BareServer) -> None:
    """Three good ones, then rubbish: three answers."""
    answer = server.talk(SLOW + MIRROR + MIRROR + b"rubbish\r\n\r\n")
    assert re.findall(rb'"path": "(/\w+)"', answer) == [b"/slow", b"/mirror", b"/mirror"]


def test_a_bad_chunk_behind_a_request_in_hand_is_not_answered_in_its_place(server: BareServer) -> None:
    """The body of the second request turns out bad while the first is being worked on."""
    answer = server.talk(SLOW + CHUNKED + b"zz\r\n")
    assert len(re.findall(rb"HTTP/1\.1 \d{3} ", answer)) == 1
    assert problem_in(answer)["path"] == "/slow"


# --- callers who leave, or only seem to ---------------------------------------------------------------------


def test_a_caller_who_shut_the_sending_side_still_gets_the_answer(server: BareServer) -> None:
    """As `nc -N` does it, with an invitation in front that every client skips."""
    with closing(server.connect()) as peer:
        peer.sendall(SLOW)
        peer.shutdown(socket.SHUT_WR)
        answer = read_all(peer)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")
    assert problem_in(answer.partition(b"\r\n\r\n")[2])["path"] == "/slow"


def test_an_answer_under_way_is_finished_for_a_caller_who_shut_the_sending_side(server: BareServer) -> None:
    """A megabyte that is read slowly arrives whole."""
    with closing(server.connect()) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        peer.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        begun = peer.recv(10)
        peer.shutdown(socket.SHUT_WR)
        assert len((begun + read_all(peer)).partition(b"\r\n\r\n")[2].removeprefix(b"HTTP")) >= 1_000_000


@pytest.mark.parametrize(
    "behind",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(MIRROR, id="a small request"),
        pytest.param(START + b"Content-Length: 9000000\r\n\r\n" + bytes(3_000_000), id="a large body"),
        pytest.param(MIRROR * 20_000, id="thousands of requests"),
        pytest.param(b"rubbish\r\n\r\n", id="rubbish"),
    ],
)
def test_a_caller_who_goes_away_is_noticed_whatever_came_behind(tmp_path: Path, behind: bytes) -> None:
    """The request in hand is called off long before it would have ended."""
    with bare_server(tmp_path, pause_s=60) as server:
        with closing(server.connect()) as peer:
            peer.sendall(SLOW)
            until(lambda: server.says("begun"))
            peer.sendall(behind)
        until(lambda: server.says("refused request.client_gone"))


def test_a_large_body_behind_a_request_ends_the_connection_with_its_answer(server: BareServer) -> None:
    """It is not kept; its sender sends it again on another connection (RFC 9112, section 9.3.2)."""
    with closing(server.connect()) as peer:
        peer.sendall(SLOW + MIRROR + START + b"Content-Length: 200000\r\n\r\n" + bytes(200_000))
        answer = read_all(peer)
    assert re.findall(rb'"path": "(/\w+)"', answer) == [b"/slow", b"/mirror"]
    assert len(re.findall(rb"HTTP/1\.1 \d{3} ", answer)) == 2
