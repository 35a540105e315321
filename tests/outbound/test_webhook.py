"""Webhooks as a receiver meets them: signatures, retries, and what a hostile receiver can do."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import socket
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.outbound.channel import Delivered, Gone, Outcome, TryAgain
from mattegate.outbound.posting import MAX_ANSWER, HttpPost, Posted, Unreachable, checked_url, place
from mattegate.outbound.webhook import Webhook, WebhookSecret, load_secrets, outcome, signatures, wait_asked
from tests.outbound.receivers import NOON, Receiver, a_notice, receiver, status

SECRET = WebhookSecret(bytes(range(32)))
OLDER = WebhookSecret(b"o" * 24)


async def deliver(url: str, *, deadline_s: float = 5.0, secrets: tuple[WebhookSecret, ...] = (SECRET,)) -> Outcome:
    """Send one notice by the real parts."""
    hook = Webhook(url, secrets, HttpPost(deadline_s=deadline_s))
    return await hook.send(a_notice(), hook.targets(a_notice())[0], NOON)


async def test_a_receiver_can_verify_what_it_is_sent() -> None:
    """Each secret of a rotation signs id, timestamp and the very bytes of the body; openly recomputed here."""
    with receiver() as server:
        assert await deliver(server.url, secrets=(SECRET, OLDER)) == Delivered()
    [request] = server.received
    assert request.path == "/hooks/very-secret-path"
    assert (request.headers["webhook-id"], request.headers["webhook-timestamp"]) == (a_notice().id, "1780000000")
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body)["type"] == "mattegate.key.reminder"
    offered = request.headers["webhook-signature"].split(" ")
    assert offered == [verifiable(bytes(range(32)), request.body), verifiable(b"o" * 24, request.body)]


def verifiable(key: bytes, body: bytes) -> str:
    """The signature by the words of the specification, without the product's code."""
    signed = b".".join([a_notice().id.encode(), b"1780000000", body])
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def test_the_signature_of_the_published_example_comes_out() -> None:
    """The test vector that the authors of Standard Webhooks ship with their libraries."""
    secret = WebhookSecret.parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signatures([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(code: int) -> None:
    """A receiver cannot send the signed notice, or us, anywhere else."""
    with receiver() as elsewhere, receiver(status(code, Location=elsewhere.url)) as server:
        ended = await deliver(server.url)
    assert isinstance(ended, TryAgain)
    assert "redirects are not followed" in ended.problem
    assert elsewhere.received == []


async def test_410_says_never_again() -> None:
    """Gone is the one answer that closes a webhook."""
    with receiver(status(410)) as server:
        assert isinstance(await deliver(server.url), Gone)


@pytest.mark.parametrize("code", [400, 401, 404, 408, 429, 500, 503])
async def test_any_other_answer_is_tried_again(code: int) -> None:
    """A receiver that is being deployed may say anything for a while."""
    with receiver(status(code, Retry_After="77")) as server:
        ended = await deliver(server.url)
    assert ended == TryAgain(f"{place(server.url)} answered {code}", after_s=77.0)


async def test_a_huge_answer_is_cut() -> None:
    """What a receiver says beyond 64 KiB is not read; its status still counts."""
    with receiver(endless) as server:
        assert await deliver(server.url) == Delivered()
        server.over.set()
    assert server.received


def endless(handler: BaseHTTPRequestHandler, _number: int) -> None:
    """Answers 200 and writes until the connection breaks; a reader of everything would never come back."""
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"x" * MAX_ANSWER)


async def test_a_compressed_bomb_is_not_unpacked() -> None:
    """A content coding changes nothing: raw bytes are counted and thrown away."""

    def bomb(handler: BaseHTTPRequestHandler, _number: int) -> None:
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.end_headers()
        handler.wfile.write(b"this is no gzip at all")

    with receiver(bomb) as server:
        assert await deliver(server.url) == Delivered()


async def test_a_head_that_never_comes_ends_at_the_deadline() -> None:
    """One byte at a time resets no clock of ours."""
    holder: list[Receiver] = []

    def drip(handler: BaseHTTPRequestHandler, _number: int) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not holder[0].over.wait(0.02):
            handler.wfile.write(b"x")

    with receiver(drip) as server:
        holder.append(server)
        ended = await deliver(server.url, deadline_s=0.3)
    assert ended == TryAgain(f"{place(server.url)}: no answer within 0.3 s", unreachable=True)


async def test_a_body_that_never_ends_spoils_no_success() -> None:
    """The receiver said 200, so it has the notice, however late it said so; sending it again would only repeat it."""
    holder: list[Receiver] = []

    def drip(handler: BaseHTTPRequestHandler, _number: int) -> None:
        holder[0].over.wait(0.3)
        handler.send_response(200)
        handler.end_headers()
        while not holder[0].over.wait(0.02):
            handler.wfile.write(b"x")

    with receiver(drip) as server:
        holder.append(server)
        assert await deliver(server.url, deadline_s=1.5) == Delivered()


async def test_a_body_that_breaks_off_spoils_no_success() -> None:
    """Fewer bytes than promised are no reason to send again."""

    def short(handler: BaseHTTPRequestHandler, _number: int) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"x")

    with receiver(short) as server:
        assert await deliver(server.url) == Delivered()


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 999999 no\r\n\r\n", b"\x00" * 200_000])
async def test_what_is_no_http_is_no_answer(answer: bytes) -> None:
    """Any bytes at all come to a typed end."""

    def raw(handler: BaseHTTPRequestHandler, _number: int) -> None:
        handler.wfile.write(answer)

    with receiver(raw) as server:
        ended = await deliver(server.url)
    assert isinstance(ended, TryAgain)
    assert ended.unreachable


async def test_nobody_there_is_no_answer() -> None:
    """A port without a listener, and a name that no DNS will ever know."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        ended = await deliver(f"http://127.0.0.1:{taken.getsockname()[1]}/")
    assert isinstance(ended, TryAgain)
    assert ended.unreachable
    with pytest.raises(Unreachable):
        await HttpPost()("http://nobody.invalid/", headers={}, body=b"")


async def test_https_is_not_talked_to_a_plain_server() -> None:
    """There is no falling back from TLS."""
    with receiver() as server:
        ended = await deliver(server.url.replace("http:", "https:"))
    assert isinstance(ended, TryAgain)
    assert server.received == []


async def test_a_netrc_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The credentials of whoever runs the server are nobody's business."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login root password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with receiver() as server:
        await deliver(server.url)
    assert "authorization" not in server.received[0].headers


async def test_neither_secret_nor_path_reaches_a_log_or_a_repr(caplog: pytest.LogCaptureFixture) -> None:
    """Addresses of webhooks often are secrets themselves, and libraries like to write them down."""
    caplog.set_level(logging.DEBUG)
    with receiver(status(500)) as server:
        ended = await deliver(server.url)
    seen = caplog.text + repr(ended) + repr(SECRET) + repr(Webhook(server.url, [SECRET], HttpPost()))
    assert "very-secret-path" not in seen
    assert SECRET.text not in seen
    assert repr(SECRET.raw) not in seen


@pytest.mark.parametrize(
    "url",
    ["", "ftp://example.com/", "file:///etc/passwd", "example.com/hook", "http://", "https://user:pw@example.com/",
     "http://example.com:port/", "http://exa mple.com/", "http://example.com/\r\nX: y", "javascript:alert(1)",
     "http://[::1/", "http://example.com:99999/"],
)  # fmt: skip
def test_only_plain_web_addresses_are_posted_to(url: str) -> None:
    """Anything else is refused when it is set, not when it is first needed, and is not quoted."""
    with pytest.raises(ValueError, match=r".") as refused:
        Webhook(url, [SECRET], HttpPost())
    assert "pw" not in str(refused.value)


def test_an_unsigned_webhook_cannot_be_had() -> None:
    """Without a secret anybody could send our notices."""
    with pytest.raises(ValueError, match="needs a secret"):
        Webhook("https://example.com/", [], HttpPost())


def test_what_is_told_of_an_address() -> None:
    """Scheme, host and port, and brackets where they belong."""
    assert place("https://Hooks.example.com/services/T0/B0/secret?token=1") == "https://hooks.example.com"
    assert place(checked_url("http://[::1]:81/x")) == "http://[::1]:81"


@pytest.mark.parametrize(
    "text",
    ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_short", "whsec_" + base64.b64encode(bytes(23)).decode(),
     "whsec_" + base64.b64encode(bytes(65)).decode(), "whsec_not*base64*at*all*not*base64*at*all", "whsec_é"],
)  # fmt: skip
def test_a_weak_secret_is_none(text: str) -> None:
    """24 to 64 bytes, as the specification says; the refusal does not quote it."""
    with pytest.raises(ValueError, match="a webhook secret is whsec_") as refused:
        WebhookSecret.parse(text)
    assert "MfKQ9r8" not in str(refused.value)


def test_a_new_secret_reads_back() -> None:
    """Its text is what both sides keep."""
    secret = WebhookSecret.new()
    assert WebhookSecret.parse(secret.text) == secret
    assert secret != WebhookSecret.new()


def test_secrets_are_read_from_a_file_of_ones_own(tmp_path: Path) -> None:
    """Newest first, comments and blank lines left out."""
    file = tmp_path / "webhook"
    file.write_text(f"# since May\n{SECRET.text}\n\n {OLDER.text} \n")
    file.chmod(0o600)
    assert load_secrets(file) == (SECRET, OLDER)


@pytest.mark.parametrize(
    ("text", "mode", "problem"),
    [("", 0o600, "no secret in it"), ("# nothing\n", 0o600, "no secret in it"), ("\nwhsec_x\n", 0o600, ":2: "),
     (SECRET.text, 0o644, "others may read it"), ("\x00\xff", 0o600, ":1: ")],
)  # fmt: skip
def test_a_file_that_will_not_do_is_named(tmp_path: Path, text: str, mode: int, problem: str) -> None:
    """The start stops with a clear word rather than without signatures."""
    file = tmp_path / "webhook"
    file.write_text(text, "latin-1")
    file.chmod(mode)
    with pytest.raises(ValueError, match=problem) as refused:
        load_secrets(file)
    assert "whsec_x" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120", 120.0), ("0", 0.0), ("999999999999999999", 36_000.0), ("-5", 0.0), ("1.5", 0.0), ("soon", 0.0), ("", 0.0),
     ("Thu, 28 May 2026 20:27:40 GMT", 60.0), ("Thu, 28 May 2020 20:27:40 GMT", 0.0), ("٣", 0.0)],
)  # fmt: skip
def test_a_receiver_may_ask_for_patience(text: str, seconds: float) -> None:
    """Seconds or a date, capped, and nothing else."""
    assert wait_asked(text, NOON) == seconds


@given(st.text(max_size=60))
def test_no_header_breaks_the_wait(text: str) -> None:
    """Whatever stands in Retry-After, the wait is a sane number."""
    assert 0 <= wait_asked(text, NOON) <= 36_000


@given(st.integers(100, 999))
def test_every_status_has_an_outcome(code: int) -> None:
    """No status is forgotten: taken, gone, or later."""
    expected = Delivered if 200 <= code < 300 else Gone if code == 410 else TryAgain
    assert isinstance(outcome(Posted(code), "http://x", NOON), expected)
