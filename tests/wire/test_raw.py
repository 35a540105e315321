"""Bytes that are hardly HTTP: no spelling lets anybody in, and every one of them gets an answer that says why."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.wire.wired import ALLOWED, Answered, Wire, any_answer, unknown_key

if TYPE_CHECKING:
    from collections.abc import Sequence

_FINAL: Final = re.compile(rb"HTTP/1\.1 ([2-5]\d\d) ")


@pytest.fixture(scope="module")
def key(wire: Wire) -> str:
    """A key that would open everything, had it stood in the right place."""
    return wire.key("raw")


def refused(wire: Wire, request: bytes, method: str = "GET") -> Answered:
    """The answer, which is a refusal with an id and a reason."""
    answer = any_answer(wire, request, method)
    assert answer is not None, request
    assert 400 <= answer.status < 500, (request, answer)
    assert answer.request_id, answer
    assert answer.reason, answer
    if not answer.reason.startswith("request.h"):
        wire.explained(answer)
    return answer


def head(target: str | bytes, *lines: str | bytes, method: str = "GET", version: str = "1.1") -> bytes:
    """A head with ``Host`` in the first place."""
    spelled = [line if isinstance(line, bytes) else line.encode("latin-1") for line in lines]
    path = target if isinstance(target, bytes) else target.encode("latin-1")
    first = method.encode() + b" " + path + f" HTTP/{version}".encode()
    return b"\r\n".join([first, b"Host: gate", *spelled, b"Connection: close", b"", b""])


@pytest.mark.parametrize(
    "path",
    [
        *("//v1/whoami", "/v1//whoami", "/v1/./whoami", "/v1/../v1/whoami", "/health/../v1/whoami"),
        *("/docs/..%2fv1/whoami",),
        *("/v1%2fwhoami", "/v1/whoami%00", "/v1/whoami;x=1", "/v1/whoami/", "/v1/whoami.", "/v1/whoami.."),
        *("/V1/WHOAMI", "/v1/whoami?", "\\v1\\whoami"),
        *("/v1/%77hoami", "/%76%31/whoami", "/v1/whoami%20", "/v1/whoami%0d%0ax", "/v1/whoami\\"),
        *("http://gate/v1/whoami", "HTTP://GATE/v1/whoami", "http://gate//v1/whoami"),
        *("http://evil/v1/whoami", "http://gate"),
        *("http://user@gate/v1/whoami", "https://gate:443/v1/whoami", "*", "gate:443", "v1/whoami", "?", "", "/v1#x"),
        *("/assets/../v1/whoami", "/assets/%2e%2e%2fv1%2fwhoami", "/health%00", "/health/", "/Health", "/ready;"),
        *("/v1/whoami\xff", "/\xc3\xa9", "/" + "a" * 30_000, "/" + "%41" * 9_000, "/" + "../" * 1_000 + "v1/whoami"),
    ],
)  # fmt: skip
def test_no_spelling_of_a_path_opens_it(wire: Wire, path: str) -> None:
    """Without a key, every odd spelling of a path that needs one is refused and explained."""
    for method in ("GET", "HEAD", "POST"):
        if method == "GET" or path not in {"", "?"}:
            refused(wire, head(path, method=method), method)


@pytest.mark.parametrize(
    "method", ["CONNECT", "TRACE", "get", "GET\t", "PRI", "M-SEARCH", "BREW", "G" * 5_000, "\x00", "OPTIONS"]
)
def test_no_method_opens_a_path(wire: Wire, method: str) -> None:
    """Known, unknown and impossible methods are all refused."""
    refused(wire, head("gate:443" if method == "CONNECT" else "/v1/whoami", method=method), "GET")


def test_asterisk_options_is_refused_like_any_path(wire: Wire) -> None:
    """``OPTIONS *`` is a request like every other: it needs a key."""
    assert refused(wire, head("*", method="OPTIONS"), "OPTIONS").reason == "credential.missing"


def near_misses(key: str) -> Sequence[tuple[str, list[bytes]]]:
    """Places where a good key is no credential, by what is wrong with them."""
    good = key.encode()
    return [
        ("two alike", [b"Authorization: Bearer " + good] * 2),
        ("one good, one bad", [b"Authorization: Bearer " + good, b"Authorization: Bearer x"]),
        ("one bad, one good", [b"X-API-Key: x", b"Authorization: Bearer " + good]),
        ("both carriers", [b"X-API-Key: " + good, b"Authorization: Bearer " + good]),
        ("a list", [b"Authorization: Bearer " + good + b", Bearer " + good]),
        ("a list of keys", [b"X-API-Key: " + good + b"," + good]),
        ("underscores", [b"X_API_Key: " + good]),
        ("a proxy's", [b"Proxy-Authorization: Bearer " + good]),
        ("a cookie", [b"Cookie: Authorization=Bearer " + good]),
        ("no-break space", [b"Authorization: Bearer\xc2\xa0" + good]),
        ("tab", [b"Authorization: Bearer\t" + good]),
        ("NUL", [b"Authorization: Bearer " + good + b"\x00"]),
        ("bare CR", [b"X: y\rAuthorization: Bearer " + good]),
        ("bare LF", [b"X: y\nAuthorization: Bearer " + good + b"\x01"]),
        ("space before colon", [b"Authorization : Bearer " + good]),
        ("folded", [b"Authorization: Bearer", b" " + good]),
        ("folded into another", [b"X: y", b" Authorization: Bearer " + good]),
        ("no colon", [b"Authorization Bearer " + good]),
        ("wide letters", [b"Authorization: Bearer " + good.replace(b"s", b"\xef\xbd\x93")]),
        ("long s", [b"Authorization: Bearer " + good.replace(b"s", b"\xc5\xbf")]),
        ("too long", [b"Authorization: Bearer " + good + b"x" * 20_000]),
        ("beyond the limit", [b"X: " + b"x" * 33_000, b"Authorization: Bearer " + good]),
        ("in the request id", [b"X-Request-Id: " + good]),
    ]  # fmt: skip


@pytest.mark.parametrize("index", range(23), ids=[name for name, _ in near_misses("")])
def test_a_good_key_in_the_wrong_place_opens_nothing(wire: Wire, key: str, index: int) -> None:
    """What is ambiguous or misspelled is refused, though the key in it is good."""
    refused(wire, head("/v1/whoami", *near_misses(key)[index][1]))


def test_a_trailer_brings_no_key(wire: Wire, key: str) -> None:
    """``Authorization`` behind a chunked body is not the head's, however it is announced."""
    for announced in ([], ["Trailer: Authorization"], ["TE: trailers", "Trailer: authorization, x-api-key"]):
        for name in ("Authorization: Bearer ", "X-API-Key: "):
            lines = ["Transfer-Encoding: chunked", "Content-Type: image/png", *announced]
            request = head("/v1/remove-bg", *lines, method="POST") + f"1\r\nx\r\n0\r\n{name}{key}\r\n\r\n".encode()
            assert refused(wire, request, "POST").reason == "credential.missing"


def test_chunk_extensions_bring_no_key(wire: Wire, key: str) -> None:
    """What stands behind a chunk's length is nobody's header."""
    request = head("/v1/remove-bg", "Transfer-Encoding: chunked", method="POST")
    assert refused(wire, request + f'1;authorization="{key}"\r\nx\r\n0\r\n\r\n'.encode(), "POST").status == 401


def test_what_is_smuggled_behind_a_body_is_a_request_of_its_own(wire: Wire, key: str) -> None:
    """A second request hidden behind two ideas of a body's length is never answered with the first one's key."""
    hidden = b"GET /v1/whoami HTTP/1.1\r\nHost: gate\r\n\r\n"
    framings = (
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Content-Length: 0", f"Content-Length: {len(hidden)}"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding: chunked\x0b"],
        ["Content-Length: +5"],
        ["Content-Length: 0x5"],
        ["Content-Length: 5, 5"],
    )
    for framing in framings:
        request = head("/v1/whoami", f"Authorization: Bearer {key}", *framing, method="POST") + b"0\r\n\r\n" + hidden
        statuses = _FINAL.findall(wire.every_answer(request))
        assert statuses, framing
        assert all(status.startswith(b"4") for status in statuses), (framing, statuses)


def test_a_key_is_good_for_its_own_request_only(wire: Wire, key: str) -> None:
    """On one connection, the request behind one with a key has none."""
    first = b"GET /v1/whoami HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer " + key.encode() + b"\r\n\r\n"
    last = head("/v1/whoami")
    assert _FINAL.findall(wire.every_answer(first + last)) == [b"200", b"401"]
    assert _FINAL.findall(wire.every_answer(last.replace(b"Connection: close\r\n", b"") + first + last)) == [
        b"401", b"200", b"401",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "lines",
    [
        ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eHh4"],
        ["Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQAAP__"],
        ["Expect: 100-continue"],
        ["Expect: 200-ok"],
        ["Range: bytes=0-0", 'If-None-Match: "x"', "If-Match: *"],
        ["X-HTTP-Method-Override: GET", "X-Original-URL: /health", "X-Rewrite-URL: /health"],
        ["X-Forwarded-Host: localhost", "X-Forwarded-Prefix: /health", "X-Original-URI: /health"],
    ],
)  # fmt: skip
def test_no_other_header_opens_a_path(wire: Wire, lines: list[str]) -> None:
    """Upgrades, expectations, conditions and overrides change nothing about who may come in."""
    for method in ("GET", "POST"):
        assert refused(wire, head("/v1/whoami", *lines, method=method), method).reason == "credential.missing"


def test_old_http_without_a_host_is_refused_like_any_other(wire: Wire) -> None:
    """HTTP/1.0 needs no Host and gets the same explained refusal; HTTP/0.9 and 2.0 get one as well."""
    assert refused(wire, b"GET /v1/whoami HTTP/1.0\r\n\r\n").reason == "credential.missing"
    assert refused(wire, b"GET /v1/whoami HTTP/1.1\r\n\r\n").reason == "request.http"
    assert refused(wire, b"GET /v1/whoami HTTP/2.0\r\nHost: gate\r\n\r\n").reason == "request.http"


_lines = st.one_of(
    st.binary(max_size=60),
    st.builds(
        lambda name, gap, value: name + gap + value,
        st.sampled_from([b"Authorization", b"X-API-Key", b"Host", b"Origin", b"Content-Length", b"Transfer-Encoding"]),
        st.sampled_from([b": ", b":", b" : ", b":\t", b"\x00:", b":\r ", b""]),
        st.sampled_from([b"", b"chunked", b"Bearer ", b"Basic Og==", b"0", b"18446744073709551616", b"null", b"\xff"])
        | st.binary(max_size=40),
    ),
)  # fmt: skip
_targets = st.sampled_from(
    [b"/v1/whoami", b"/v1/remove-bg", b"/v1/decisions/x", b"*", b"/%", b"/%zz", b"/v1/remove-bg?%"]
) | (st.binary(max_size=30).map(lambda part: b"/v1/" + part))


@st.composite
def _noise(draw: st.DrawFn) -> bytes:
    method = draw(st.sampled_from([b"GET", b"POST", b"OPTIONS", b"HEAD"]) | st.binary(max_size=8))
    version = draw(st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/9", b""]))
    lines = [b"Host: gate", b"Connection: close", *draw(st.lists(_lines, max_size=4))]
    return b"\r\n".join([b" ".join([method, draw(_targets), version]), *lines, b"", b""]) + draw(st.binary(max_size=50))


def fuzz(wire: Wire, examples: int) -> None:
    """So many heads of noise; none of them gets anything but an explained refusal, or silence."""

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(_noise())
    def story(request: bytes) -> None:
        answer = any_answer(wire, request, "HEAD" if request.startswith(b"HEAD") else "GET")
        if answer is not None:
            assert 400 <= answer.status < 500, answer
            assert answer.request_id, answer
            assert answer.reason, answer

    story()
    assert wire.ask("GET", "/health").status == 200


def test_noise_never_opens_a_path(wire: Wire) -> None:
    """Heads of random bytes around real names are refused, never obeyed, and never a fault of ours."""
    fuzz(wire, 200)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_much_noise_never_opens_a_path(wire: Wire) -> None:
    """The same with the full count."""
    fuzz(wire, 10_000)


def test_protocol_refusals_tell_nothing_of_keys(wire: Wire, key: str) -> None:
    """A head that cannot be read is refused alike whether the key in it is good or unknown."""
    shapes = []
    for each in (key, unknown_key(key)):
        answer = refused(
            wire, head("/v1/whoami", f"Authorization: Bearer {each}", "Bad Header: x", f"Origin: {ALLOWED}")
        )
        shapes.append(answer.without_ids(each))
    assert shapes[0] == shapes[1]
