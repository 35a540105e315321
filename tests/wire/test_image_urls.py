"""Images from addresses that callers name, over the wire: what is fetched, and everything that is not.

A listener on inner addresses counts who comes: nobody may, whatever is written, wherever it redirects and whatever a
name server says.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from mattegate.config.settings import Settings, UploadSettings
from mattegate.outbound.blocked import Cause
from mattegate.serving.openapi import build_openapi
from tests.outbound.test_ssrf_spellings import SPELLINGS
from tests.outbound.upstreams import OUTSIDE, Inside, Upstream, inside, redirect, reply, routes, says, upstream
from tests.serving.served import Served
from tests.wire.wired import CALM, Answered, Wire, bearer, wired

INNER = "127.0.0.1"
NAMES: dict[str, list[list[str]]] = {
    "images.example": [[OUTSIDE]],
    "inner.example": [[INNER]],
    "mixed.example": [[OUTSIDE, INNER]],
    "mapped.example": [["::ffff:127.0.0.1"]],
    "metadata.google.internal": [["169.254.169.254"]],
    "rebind.example": [[OUTSIDE], [INNER]],
    "turns.example": [[OUTSIDE], [INNER]],
}


async def _silent(_server: Upstream, _request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nContent-Type: image/png\r\n\r\n\x89PNG")
    await writer.drain()
    connection = writer.get_extra_info("socket")
    while connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == b"\x01":  # established, on both sides
        await asyncio.sleep(0.02)


@pytest.fixture(autouse=True)
async def many_threads() -> AsyncIterator[None]:
    """Room for every request that is open at once."""
    with ThreadPoolExecutor(12) as threads:
        asyncio.get_running_loop().set_default_executor(threads)
        yield


@pytest.fixture(scope="module")
def fetching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """A server that fetches images from anywhere outside, of at most 100 kB and within three seconds."""
    given = {
        "flood": CALM,
        "upload": {"urls": True, "max_bytes": 100_000, "stall_s": 1.0, "total_s": 3.0},
        "tiers": {"narrow": [{"name": "minute", "kind": "quota", "amount": 1, "window_s": 86_400}]},
    }
    folder = tmp_path_factory.mktemp("fetching")
    with wired(folder, given, NAMES, program="tests.wire.run_fetching") as running:
        yield running


@pytest.fixture(scope="module")
def key(fetching: Wire) -> str:
    """A key that may do everything."""
    return fetching.key("fetcher")


@pytest.fixture
def inner() -> Iterator[Inside]:
    """Listeners that nobody may reach."""
    with inside() as listeners:
        yield listeners


async def asked(wire: Wire, key: str, url: object, headers: dict[str, str] | None = None, **more: object) -> Answered:
    """One request for a cut-out of what lies at ``url``, while this loop plays the outside."""
    body = json.dumps({"image_url": url} | more).encode()
    sent = bearer(key) | {"Content-Type": "application/json"} | (headers or {})
    return await asyncio.to_thread(partial(wire.ask, "POST", "/v1/remove-bg", sent, body))


def image(png: bytes, kind: str = "image/png") -> bytes:
    """A good answer."""
    return reply(png, headers=[f"Content-Type: {kind}"])


# --- what is fetched ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", [OUTSIDE, "images.example", "a.outside.example"])
async def test_an_image_is_fetched_and_cut_out(fetching: Wire, key: str, png: bytes, host: str) -> None:
    """By number and by name; the other side learns nothing of the caller."""
    async with upstream(says(image(png))) as server:
        answer = await asked(fetching, key, server.url("/cat.png?sig=1", host=host))
    assert (answer.status, answer.body) == (200, png)
    (request,) = server.requests
    assert request.startswith(b"GET /cat.png?sig=1 HTTP/1.1\r\n")
    for secret in (b"authorization", key.encode(), b"cookie", b"x-forwarded"):
        assert secret not in request.lower()


async def test_a_form_may_hold_the_address_too(fetching: Wire, key: str, png: bytes) -> None:
    """Beside its options; in the query it is refused, where it would end in logs."""
    async with upstream(says(image(png))) as server:
        url = server.url()
        part = "--b\r\nContent-Disposition: form-data; name="
        body = f'{part}"format"\r\n\r\npng\r\n{part}"image_url"\r\n\r\n{url}\r\n--b--\r\n'.encode()
        sent = bearer(key) | {"Content-Type": "multipart/form-data; boundary=b"}
        answer = await asyncio.to_thread(partial(fetching.ask, "POST", "/v1/remove-bg", sent, body))
        assert (answer.status, answer.body) == (200, png)
        query = f"/v1/remove-bg?image_url={url}"
        answer = await asyncio.to_thread(partial(fetching.ask, "POST", query, bearer(key) | {"Content-Length": "0"}))
        assert (answer.status, answer.reason) == (422, "upload.url_disabled")
        assert len(server.requests) == 1


async def test_a_redirect_outside_is_followed(fetching: Wire, key: str, png: bytes) -> None:
    """A few times, as for everything that goes out."""
    table: dict[str, bytes] = {"/there": image(png)}
    async with upstream(routes(table)) as server:
        table["/"] = redirect(server.url("/there", host="b.outside.example"))
        assert (await asked(fetching, key, server.url())).body == png
        table["/round"] = redirect("/round")
        answer = await asked(fetching, key, server.url("/round"))
        assert (answer.status, answer.reason) == (422, "upload.url_redirect")


async def test_fetched_bytes_count(fetching: Wire, png: bytes) -> None:
    """In the account's usage, as bytes that were sent would."""
    key = fetching.key("counted")
    large = png + bytes(50_000)
    async with upstream(says(image(large))) as server:
        assert (await asked(fetching, key, server.url())).status == 200
    totals = fetching.ask("GET", "/v1/usage", bearer(key)).problem["totals"]
    assert 50_000 < totals["bytes_in"] < 51_000


# --- what the bytes turn out to be ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        (image(b"MZ" + bytes(99), "image/png"), 415, "upload.type"),
        (image(b""), 422, "upload.empty"),
        (image(b"\x89PNG\r\n\x1a\n" + bytes(20)), 422, "upload.corrupt"),
        (image(bytes(100_001)), 413, "upload.too_large"),
        (image(b"<html>", "text/html; charset=utf-8"), 415, "upload.url_type"),
        (reply(b"\x1f\x8b", headers=["Content-Encoding: gzip", "Content-Type: image/png"]), 415, "upload.url_type"),
        (reply(b"", status="404 Not Found"), 422, "upload.url_status"),
        (reply(b"", status="500 Oops"), 422, "upload.url_status"),
        (b"SSH-2.0-x\r\n", 422, "upload.url_refused"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", 422, "upload.url_refused"),
        (redirect("ftp://images.example/"), 422, "upload.url_redirect"),
    ],
)
async def test_fetched_bytes_are_checked_as_uploads_are(
    fetching: Wire, key: str, answer: bytes, status: int, reason: str
) -> None:
    """What the other side calls it is not believed, and a page in place of a picture is told as such."""
    async with upstream(says(answer)) as server:
        refused = await asked(fetching, key, server.url())
    assert (refused.status, refused.reason) == (status, reason)
    record = fetching.explained(refused)
    assert fetching.replayed(record) == "same"


async def test_a_server_that_falls_silent_is_left(fetching: Wire, key: str) -> None:
    """After the silence that an upload may have."""
    async with upstream(_silent) as server:
        refused = await asked(fetching, key, server.url())
    assert (refused.status, refused.reason) == (422, "upload.url_timeout")


async def test_the_same_bytes_are_the_same_request(fetching: Wire, png: bytes) -> None:
    """An idempotency key stands for the image, not for its address: other bytes there are another request."""
    key, headers = fetching.key("idempotent"), {"Idempotency-Key": "one"}
    other = png + b"\0"
    async with upstream(says(image(png), image(png), image(other))) as server:
        assert (await asked(fetching, key, server.url("/a"), headers)).status == 200
        again = await asked(fetching, key, server.url("/b"), headers)
        assert (again.status, again.body) == (200, png)
        refused = await asked(fetching, key, server.url("/a"), headers)
        assert (refused.status, refused.reason) == (422, "idempotency.mismatch")


# --- nobody gets inside ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("cause", SPELLINGS, ids=str)
async def test_no_spelling_leads_inside(fetching: Wire, key: str, inner: Inside, cause: Cause) -> None:
    """Hundreds of ways to write an inner address: each is a typed refusal of the caller's fault, and no connection."""
    for spelling in SPELLINGS[cause]:
        refused = await asked(fetching, key, spelling.replace("{p}", str(inner.port)))
        assert 400 <= refused.status < 500, (spelling, refused)
        known = ("upload.url_", "request.option", "request.no_image")
        assert refused.reason.startswith(known), (spelling, refused.reason)
    assert inner.hits() == 0


@pytest.mark.parametrize("host", ["inner.example", "mixed.example", "mapped.example", "metadata.google.internal"])
async def test_no_name_leads_inside_and_none_is_told(fetching: Wire, key: str, inner: Inside, host: str) -> None:
    """What leads inside is answered exactly as what does not exist, port open or not; the operator reads which."""
    nowhere = await asked(fetching, key, f"http://nowhere.example:{inner.port}/")
    closed = await asked(fetching, key, f"http://{host}:1/")
    refused = await asked(fetching, key, f"http://{host}:{inner.port}/")
    assert refused.without_ids() == nowhere.without_ids() == closed.without_ids()
    assert refused.reason == "upload.url_refused"
    assert inner.hits() == 0
    record = fetching.explained(refused)
    assert record.facts.outcome is not None
    assert record.facts.outcome.facts["cause"] == "address"
    assert host in str(record.facts.outcome.facts["problem"])
    assert fetching.replayed(record) == "same"
    told = await asyncio.to_thread(partial(fetching.ask, "GET", f"/v1/decisions/{refused.request_id}", bearer(key)))
    assert told.status == 200
    for secret in (INNER, "169.254", host, "loopback", "metadata"):
        assert secret not in told.body.decode()


@pytest.mark.parametrize(
    "leads",
    ["http://127.0.0.1:{p}/", "http://[::1]:{p}/", "//127.0.0.1:{p}/", "http://inner.example:{p}/",
     "http://2130706433:{p}/", "http://localhost:{p}/", "http://169.254.169.254/latest/meta-data/"],
)  # fmt: skip
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_no_redirect_leads_inside(fetching: Wire, key: str, inner: Inside, leads: str, status: str) -> None:
    """A good address that sends us on to a bad one gains nothing."""
    async with upstream(says(redirect(leads.replace("{p}", str(inner.port)), status))) as server:
        refused = await asked(fetching, key, server.url())
    assert refused.status in {403, 422}
    assert refused.reason in {"upload.url_refused", "upload.url_not_allowed"}
    assert len(server.requests) == 1
    assert inner.hits() == 0


async def test_a_name_that_changes_leads_nowhere_new(fetching: Wire, key: str, png: bytes, inner: Inside) -> None:
    """Outside at the check is where the connection goes; inside at the next look-up is refused."""
    async with upstream(says(image(png))) as server:
        url = server.url(host="rebind.example")
        assert (await asked(fetching, key, url)).status == 200
        refused = await asked(fetching, key, url)
        assert (refused.status, refused.reason) == (422, "upload.url_refused")
        assert len(server.requests) == 1
    async with upstream(says(redirect(f"http://turns.example:{inner.port}/"))) as server:
        refused = await asked(fetching, key, server.url(host="turns.example"))
        assert (refused.reason, len(server.requests)) == ("upload.url_refused", 1)
    assert inner.hits() == 0


@pytest.mark.parametrize("scheme", ["file:///etc/passwd", "ftp://x/", "gopher://x/", "data:image/png;base64,AAAA", "x"])
async def test_only_the_web_is_asked(fetching: Wire, key: str, scheme: str) -> None:
    """Other schemes are told as what they are: no address of an image."""
    refused = await asked(fetching, key, scheme)
    assert (refused.status, refused.reason) == (422, "upload.url_malformed")


# --- whom it is for -------------------------------------------------------------------------------------------


async def test_a_key_may_be_bound_to_hosts(fetching: Wire, png: bytes) -> None:
    """Others are refused before they are looked up, on every hop."""
    bound = fetching.key("bound", url_hosts=["*.outside.example"])
    table = {"/": image(png)}
    async with upstream(routes(table)) as server:
        assert (await asked(fetching, bound, server.url(host="a.outside.example"))).status == 200
        refused = await asked(fetching, bound, server.url(host="images.example"))
        assert (refused.status, refused.reason) == (403, "upload.url_not_allowed")
        table["/on"] = redirect(server.url(host="images.example"))
        refused = await asked(fetching, bound, server.url("/on", host="a.outside.example"))
        assert (refused.status, refused.reason) == (403, "upload.url_not_allowed")
        assert len(server.requests) == 2


async def test_nothing_is_fetched_for_whom_the_gate_refuses(fetching: Wire, png: bytes) -> None:
    """Without a key, with a wrong option, beyond the quota: the other side hears nothing."""
    narrow = fetching.key("narrow", tier="narrow")
    async with upstream(says(image(png))) as server:
        assert (await asked(fetching, "sk_prod_x", server.url())).status == 401
        assert (await asked(fetching, narrow, server.url(), format="gif")).status == 400
        assert (await asked(fetching, narrow, server.url(), image_base64="AAAA")).reason == "request.option"
        assert (await asked(fetching, narrow, ["x"])).reason == "request.option"
        assert (await asked(fetching, narrow, "http://x/" + "a" * 5_000)).reason == "request.option"
        assert server.requests == []
        assert (await asked(fetching, narrow, server.url())).status == 200
        assert (await asked(fetching, narrow, server.url())).status == 429
        assert len(server.requests) == 1


async def test_a_failed_fetch_is_not_charged(fetching: Wire, png: bytes) -> None:
    """The one image of a quota of one is still there after it."""
    narrow = fetching.key("unpaid", tier="narrow")
    assert (await asked(fetching, narrow, "http://nowhere.example/")).status == 422
    async with upstream(says(image(png))) as server:
        assert (await asked(fetching, narrow, server.url())).status == 200


async def test_slow_servers_of_one_account_keep_nobody_else_waiting(fetching: Wire, key: str, png: bytes) -> None:
    """It has a few fetches at a time; the next is refused, and another account's is served."""
    greedy = fetching.key("greedy")
    async with upstream(_silent) as slow, upstream(says(image(png))) as server:
        held = [asyncio.create_task(asked(fetching, greedy, slow.url())) for _ in range(8)]
        async with asyncio.timeout(10):
            while len(slow.requests) < 8:
                await asyncio.sleep(0.02)
        refused = await asked(fetching, greedy, server.url())
        assert (refused.status, refused.reason) == (503, "capacity.fetches")
        assert refused.header("retry-after") == "5"
        assert (await asked(fetching, key, server.url())).status == 200
        assert {answer.reason for answer in await asyncio.gather(*held)} == {"upload.url_timeout"}


async def test_who_leaves_takes_the_fetch_along(fetching: Wire, key: str) -> None:
    """The connection to the other side is closed at once."""
    async with upstream(_silent) as server:
        body = json.dumps({"image_url": server.url()}).encode()
        head = f"POST /v1/remove-bg HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        served: Served = fetching.served
        peer = await asyncio.to_thread(served.connect)
        peer.sendall(head.encode() + body)
        async with asyncio.timeout(5):
            while not server.requests:
                await asyncio.sleep(0.01)
        peer.close()
        assert server.open == 1
        async with asyncio.timeout(0.9):  # before the silence would end it
            while server.open:
                await asyncio.sleep(0.01)


def test_addresses_are_refused_unless_they_are_wanted(wire: Wire) -> None:
    """By default no server fetches anything."""
    sent: dict[str, Any] = bearer(wire.key("hopeful")) | {"Content-Type": "application/json"}
    answer = wire.ask("POST", "/v1/remove-bg", sent, json.dumps({"image_url": "http://images.example/"}).encode())
    assert (answer.status, answer.reason) == (422, "upload.url_disabled")


@pytest.mark.parametrize("urls", [True, False])
def test_the_api_s_document_names_the_address_where_it_is_taken(*, urls: bool) -> None:
    """In both kinds of body that may hold one: the image, or its address, and not both."""
    paths = build_openapi(Settings(upload=UploadSettings(urls=urls)), ())["paths"]
    bodies = paths["/v1/remove-bg"]["post"]["requestBody"]["content"]
    for kind, name in (("multipart/form-data", "image"), ("application/json", "image_base64")):
        schema = bodies[kind]["schema"]
        assert ("image_url" in schema["properties"]) is urls
        ways = [way["required"] for way in schema.get("oneOf", [schema])]
        assert ways == ([[name], ["image_url"]] if urls else [[name]])
