"""Whatever is asked: every refusal has an id, the id has a record, and the record decides the same way again."""

from __future__ import annotations

import base64
import re
import socket
import struct
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mattegate.ledger.protocols import Record, Sealed
from tests.wire.wired import ALLOWED, Wire, read_answer, spell, unknown_key, wrong_secret

if TYPE_CHECKING:
    from collections.abc import Callable

PATHS = (
    *("/v1/remove-bg", "/remove", "/v1/whoami", "/v1/usage", "/v1/keys", "/v1/keys/abc", "/v1/decisions/req_1"),
    *("/", "/health", "/ready", "/docs", "/docs/reasons", "/openapi.json", "/assets/nothing.css", "/nowhere"),
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND")
PROTOCOL = frozenset({"request.http", "request.head_too_large", "request.head_timeout"})
"""Reasons of the server itself, for what never reaches the application; their ids tell by themselves."""


@dataclass(frozen=True)
class Keys:
    """Credentials of every kind: good ones, and texts that nearly are."""

    good: str
    narrow: str
    revoked: str
    foreign: str

    @property
    def bad(self) -> tuple[str, ...]:
        """None of these opens anything."""
        good = self.good
        near = (
            good[:-1],
            good + "x",
            good.upper(),
            good.lower(),
            good[8:],
            f'"{good}"',
            f"{good[:20]} {good[20:]}",  # at the end it would be no part of the value (RFC 9110, section 5.5)
            good[:30],
            "",
            "x",
        )
        return (wrong_secret(good), unknown_key(good), wrong_secret(self.revoked), self.revoked, self.foreign, *near)


@pytest.fixture(scope="module")
def keys(wire: Wire) -> Keys:
    """The keys of the server."""
    revoked = wire.key("revoked")
    with wire.accounts() as accounts:
        accounts.desk.revoke_key(revoked[8:20], actor="cli:test")
    return Keys(wire.key("good"), wire.key("narrow", tier="narrow"), revoked, "rbg_" + "f" * 32)


def basic(text: str) -> str:
    """RFC 7617."""
    return "Basic " + base64.b64encode(text.encode()).decode()


CARRIERS: tuple[Callable[[str], tuple[str, str]], ...] = (
    lambda key: ("Authorization", f"Bearer {key}"),
    lambda key: ("authorization", f"bearer {key}"),
    lambda key: ("X-API-Key", key),
    lambda key: ("Authorization", basic(f"user:{key}")),
    lambda key: ("Authorization", basic(f"{key}:")),
    lambda key: ("Authorization", f"Token {key}"),
    lambda key: ("Authorization", f"Bearer  {key}"),
    lambda key: ("Authorization", key),
)

text = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=20)
origins = (
    st.sampled_from([ALLOWED, "https://evil.example", "null", "", "http://gate", ALLOWED + ".evil.example"]) | text
)
hops = st.sampled_from(["203.0.113.9", "198.51.100.7", "::1", "unknown", "203.0.113.9, 127.0.0.1", "[2001:db8::1]:80"])
extras = st.lists(
    st.one_of(
        st.tuples(st.just("Origin"), origins),
        st.tuples(st.just("X-Forwarded-For"), hops | text),
        st.tuples(st.just("Forwarded"), st.builds('for="{}"'.format, hops) | text),
        st.tuples(st.just("Idempotency-Key"), st.sampled_from(["one", "two", "x" * 300]) | text),
        st.tuples(st.just("Content-Type"), st.sampled_from(["image/png", "application/json", "text/plain"]) | text),
        st.tuples(st.just("Content-Encoding"), st.sampled_from(["gzip", "identity"])),
        st.tuples(st.just("Content-Disposition"), text),
        st.tuples(st.just("Access-Control-Request-Method"), st.sampled_from(["POST", "BREW"])),
        st.tuples(st.just("Access-Control-Request-Headers"), st.sampled_from(["authorization", "x-evil"]) | text),
        st.tuples(st.just("X-Request-Id"), text),
        st.tuples(st.just("User-Agent"), text),
        st.tuples(st.just("Host"), st.sampled_from(["gate", "127.0.0.1", "evil.example:80"])),
    ),
    max_size=4,
)
queries = st.sampled_from(["", "", "?format=png", "?format=bad", "?model=nope", "?x=%ff", "?a=1&a=2", "?size=%00"])


@dataclass(frozen=True)
class Request:
    """One drawn request."""

    raw: bytes
    method: str
    path: str
    entitled: bool
    """Whether it carries exactly one credential, and that opens the door."""
    cut: int
    """How many bytes of it are sent."""


@st.composite
def requests(draw: st.DrawFn, keys: Keys) -> Request:
    """Anything a client may send, well-formed as HTTP."""
    method, path = draw(st.sampled_from(METHODS)), draw(st.sampled_from(PATHS))
    headers = draw(extras)
    shown = draw(st.lists(st.sampled_from([keys.good, keys.narrow, *keys.bad]), max_size=2))
    carried = [draw(st.sampled_from(CARRIERS))(key) for key in shown]
    query = draw(queries)
    if draw(st.integers(0, 9)) == 0:
        query, shown = f"?api_key={keys.good}", [*shown, ""]
    body = draw(st.sampled_from([b"", b"", b"x", b"{}", b'{"image_base64":"AAAA"}', b"\x89PNG\r\n", bytes(2_000)]))
    raw = spell(method, path + query, [*headers, *carried], body)
    cut = draw(st.sampled_from([len(raw)] * 5 + [len(raw) - 1, len(raw) // 2]))
    return Request(raw, method, path, len(shown) == 1 and shown[0] in {keys.good, keys.narrow}, cut)


def tell(wire: Wire, request: Request) -> None:
    """Send one request and check its answer; of one that is cut off, the caller leaves without waiting for any."""
    if request.cut < len(request.raw):
        with wire.served.connect() as peer:
            peer.sendall(request.raw[: request.cut])
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return
    answer = wire.send(request.raw, method=request.method)
    assert answer.status != 500, answer
    assert answer.request_id, answer
    if answer.status < 400:
        public = wire.ask("GET", request.path).status == 200
        assert request.entitled or public or answer.status == 204, (request, answer)
        return
    assert answer.status < 500, answer
    if answer.reason not in PROTOCOL:
        wire.explained(answer)


def all_on_record(wire: Wire, since: int) -> int:
    """Every refusal in the access log from line ``since`` on has a record that says the same; returns how many."""
    refused = [line for line in wire.served.access_lines()[since:] if line["status"] >= 400]
    for line in refused:
        if line["reason"] in PROTOCOL:
            sealed = wire.found(line["request_id"])
            assert isinstance(sealed, Sealed), line
            assert sealed.reason == line["reason"]
    recorded = [line for line in refused if line["reason"] not in PROTOCOL]
    for line in recorded:
        record = wire.found(line["request_id"])
        assert isinstance(record, Record), line
        assert (record.status, record.reason) == (line["status"], line["reason"])
        assert wire.replayed(record) == "same", record
    return len(recorded)


def run(wire: Wire, keys: Keys, examples: int) -> int:
    """So many requests, then the log; returns how many refusals were found on record."""
    since = len(wire.served.access_lines())

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(requests(keys))
    def story(request: Request) -> None:
        tell(wire, request)

    story()
    return all_on_record(wire, since)


def test_every_refusal_is_on_record_and_replays_the_same(wire: Wire, keys: Keys) -> None:
    """Whatever is sent, the id of a refusal leads to a record with its reason and status, decided alike again."""
    assert run(wire, keys, 250) > 50


@pytest.mark.long
@pytest.mark.timeout(900)
def test_every_one_of_many_refusals_is_on_record(wire: Wire, keys: Keys) -> None:
    """The same with the full count."""
    found = run(wire, keys, 10_000)
    print(f"\nrefusals found on record and replayed: {found}")
    assert found > 2_000


def test_answers_that_are_cut_off_leave_the_server_whole(wire: Wire, keys: Keys) -> None:
    """A caller who leaves in the middle of a body, over and over, costs nobody else an answer."""
    since = len(wire.served.access_lines())
    for key in (keys.good, keys.bad[0], ""):
        raw = spell("POST", "/v1/remove-bg", [("Authorization", f"Bearer {key}"), ("Content-Length", "90000")])
        for _ in range(5):
            with wire.served.connect() as peer:
                peer.sendall(raw + b"x" * 1_000)
    assert wire.ask("GET", "/health").status == 200
    all_on_record(wire, since)


def test_pipelined_refusals_each_have_their_own_record(wire: Wire) -> None:
    """Several requests in one packet are refused one by one, each with an id of its own."""
    one = b"GET /v1/whoami HTTP/1.1\r\nHost: gate\r\n\r\n"
    answers = wire.every_answer(one * 2 + spell("GET", "/v1/whoami", []))
    ids = {found.decode() for found in re.findall(rb"x-request-id: (\S+)", answers)}
    assert len(ids) == 3
    records = [wire.found(each) for each in ids]
    assert all(isinstance(record, Record) and record.reason == "credential.missing" for record in records)


def test_a_refused_upload_is_explained_while_it_is_being_sent(wire: Wire) -> None:
    """Somebody without a key who sends a large body reads why not, whether or not the body ever ends."""
    head = spell("POST", "/v1/remove-bg", [("Transfer-Encoding", "chunked"), ("Content-Type", "image/png")])
    with wire.served.connect(timeout=10) as peer:
        peer.sendall(head + b"3e8\r\n" + b"x" * 1_000 + b"\r\n")
        try:
            answer = read_answer(peer, "POST")
        except HTTPException as error:
            pytest.fail(f"no answer: {error}")
    assert wire.explained(answer).reason == "credential.missing"
