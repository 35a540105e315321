"""Stories of bodies that are too large, too slow or too many; told over raw sockets where a client would not."""

from __future__ import annotations

import time
from base64 import b64encode
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.serving.served import problem_in, read_all

if TYPE_CHECKING:
    from tests.serving.served import Serve, Served

HEAD = b"POST /remove HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
SMALL = {"upload": {"max_bytes": 100_000}}
HASTY = {"upload": {"stall_s": 0.5, "total_s": 1.5, "min_bytes_per_s": 10_000}}


def test_a_declared_size_over_the_limit_is_refused_before_a_byte_is_read(plain: Served) -> None:
    """The answer comes although no body was sent at all, and the connection ends."""
    answer = plain.talk(HEAD + b"Content-Length: 10000001\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer
    assert problem_in(answer)["reason"] == "upload.too_large"


def test_a_client_that_awaits_100_continue_never_sends_a_refused_body(plain: Served) -> None:
    """Expect: 100-continue is answered with the refusal, not with an invitation."""
    answer = plain.talk(HEAD + b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_an_undeclared_body_is_read_no_further_than_the_limit(serve: Serve) -> None:
    """A chunked body is cut at the limit; the caller who is still sending gets to read why."""
    server = serve(SMALL)
    with closing(server.connect()) as peer:
        peer.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            peer.sendall(b"4000\r\n" + bytes(0x4000) + b"\r\n")
        answer = read_all(peer)
    assert problem_in(answer)["reason"] == "upload.too_large"
    assert server.access_lines()[-1]["bytes_in"] < 100_000 + (1 << 20) + (1 << 18)


def test_a_caller_that_never_stops_sending_still_gets_the_explanation(serve: Serve) -> None:
    """Past the drained megabyte the connection is closed, and the answer was there before."""
    server = serve(SMALL)
    with closing(server.connect()) as peer:
        peer.sendall(HEAD + b"Content-Length: 50000000\r\n\r\n")
        try:
            for _ in range(400):
                peer.sendall(bytes(65_536))
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = read_all(peer)
    assert problem_in(answer)["reason"] == "upload.too_large"
    assert server.access_lines()[-1]["bytes_in"] < 2 << 20


def test_base64_may_be_a_third_larger_on_the_wire_but_not_decoded(serve: Serve, png: bytes) -> None:
    """JSON whose wire size passes the limit is read when the image itself does not, and refused when it does."""
    server = serve(SMALL)
    fits, over = png + bytes(100_000 - len(png)), png + bytes(100_001 - len(png))
    assert server.post("/remove", json={"image_base64": b64encode(fits).decode()}).status_code == 200
    assert (
        server.post("/remove", json={"image_base64": b64encode(over).decode()}).json()["reason"] == "upload.too_large"
    )
    assert server.post("/remove", files={"image": fits}).status_code == 200
    assert server.post("/remove", files={"image": over}).json()["reason"] == "upload.too_large"


def test_all_images_of_one_request_share_the_limit(serve: Serve, png: bytes) -> None:
    """Two images that each fit are refused when they do not fit together."""
    half = png + bytes(60_000)
    answer = serve(SMALL).post("/remove?background=image", files={"image": half, "background_image": half})
    assert answer.json()["reason"] == "upload.too_large"


def test_a_stalled_body_is_cut(serve: Serve) -> None:
    """A caller that falls silent in the middle of the body gets 408 and the connection back."""
    answer = serve(HASTY).talk(HEAD + b"Content-Length: 1000\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert problem_in(answer)["reason"] == "request.stalled"


def _trickle(server: Served, *, chunk: int, pause_s: float) -> bytes:
    with closing(server.connect()) as peer:
        peer.sendall(HEAD + b"Content-Length: 1000000\r\n\r\n")
        peer.settimeout(pause_s)
        for _ in range(200):
            try:
                peer.sendall(bytes(chunk))
                if answer := peer.recv(1):
                    peer.settimeout(10)
                    return answer + read_all(peer)
            except TimeoutError:
                continue
    raise AssertionError("the trickle was never cut")


def test_a_trickle_is_cut(serve: Serve) -> None:
    """A byte now and then keeps no connection: the rate is measured, not only the silence."""
    assert problem_in(_trickle(serve(HASTY), chunk=10, pause_s=0.05))["reason"] == "request.too_slow"


def test_a_body_that_is_fast_enough_but_endless_is_cut(serve: Serve) -> None:
    """The whole body has a time limit too."""
    assert problem_in(_trickle(serve(HASTY), chunk=2_000, pause_s=0.05))["reason"] == "request.body_timeout"


def test_a_pause_shorter_than_the_stall_limit_is_forgiven(serve: Serve, png: bytes) -> None:
    """A body that comes in two pieces with a short pause between is served."""
    with closing(serve(HASTY).connect()) as peer:
        peer.sendall(HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(png) + png[:20])
        time.sleep(0.2)
        peer.sendall(png[20:])
        assert read_all(peer).startswith(b"HTTP/1.1 200 ")


def test_a_head_that_never_ends_is_cut(serve: Serve) -> None:
    """A slow head is explained after its time; a connection that says nothing at all is just closed."""
    server = serve({"server": {"head_s": 0.4}})
    assert problem_in(server.talk(b"GET / HTTP/1.1\r\nHost: x\r\n"))["reason"] == "request.head_timeout"
    assert server.talk(b"") == b""


def test_a_second_head_on_one_connection_has_the_same_time(serve: Serve) -> None:
    """Keep-alive is no way round the limit."""
    answer = serve({"server": {"head_s": 0.4}}).talk(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"request.head_timeout" in answer


def test_an_unread_answer_does_not_hold_its_memory_for_ever(serve: Serve, png: bytes) -> None:
    """A caller that stops reading is cut off, so the answer's memory comes back."""
    server = serve({"server": {"send_stall_s": 0.4}})
    image = png + bytes(9_900_000)
    with closing(server.connect()) as peer:
        peer.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(image) + image)
        time.sleep(1.5)
        assert len(read_all(peer)) < len(image)


def test_unfinished_bodies_share_a_memory_budget(serve: Serve, png: bytes) -> None:
    """When uploads in hand take the whole budget the next one is told to come again, and served once they are gone."""
    server = serve({"upload": {"budget_bytes": 50_000}})
    with closing(server.connect()) as peer:
        peer.sendall(HEAD + b"Content-Length: 90000\r\n\r\n" + bytes(50_000))
        time.sleep(0.3)
        answer = server.post("/remove", files={"image": png})
        assert (answer.status_code, answer.json()["reason"]) == (503, "capacity.body_budget")
        assert answer.headers["retry-after"] == "3"
    time.sleep(0.2)
    assert server.post("/remove", files={"image": png}).status_code == 200


def test_a_full_queue_is_told_before_the_body_is_read(serve: Serve) -> None:
    """With no place in the queue the head alone is refused."""
    server = serve({"engine": {"queue": 0}})
    answer = server.talk(HEAD + b"Content-Length: 5000\r\n\r\n")
    assert problem_in(answer)["reason"] == "capacity.queue_full"
    assert b"retry-after: 5" in answer


@pytest.mark.parametrize(
    ("sent", "reason", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", "request.head_too_large", b"431"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 400_000, "request.head_too_large", b"431"),
        (b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", "request.head_too_large", b"431"),
        (b"GET / HTTP/1.1\r\n\r\n", "request.http", b"400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "request.http", b"400"),
        (b"nonsense\r\n\r\n", "request.http", b"400"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", "request.http", b"400"),
    ],
)  # fmt: skip
def test_what_is_no_proper_head_is_refused_and_logged(plain: Served, sent: bytes, reason: str, status: bytes) -> None:
    """What never reaches the application is explained by the connection itself, with an id that the log knows."""
    answer = plain.talk(sent)
    assert answer.startswith(b"HTTP/1.1 " + status)
    problem = problem_in(answer)
    assert problem["reason"] == reason
    assert any(line["request_id"] == problem["request_id"] for line in plain.access_lines())
