"""Signed bodies over raw sockets: in chunks, after 100 Continue, several on one connection, old, cut off, and large."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx2
import pytest
from botocore.auth import SigV4Auth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]

from bench.service import REMOVE
from tests.serving.served import read_all
from tests.whole.gate_users import Gate, running, told
from tests.whole.raw_requests import CHUNKED, answers, chunked, connected, head, told_in
from tests.whole.signed_clients import OCTETS, WAYS, Sent, Signer, now, signer

CONFIG = """
[signatures]
unsafe_body_timestamp_hmac = true

[flood]
failures_per_minute = 1000000
verifications_per_minute = 1000000

[engine]
workers = 1
"""
BY_DIGEST = ("own hmac", "own rfc9421 p256", "own sigv4", "botocore presigned")
BY_BODY = ("botocore", "the document")
ONCE, AGAIN = (200, ""), (403, "signature.replayed")


@dataclass
class Requests:
    """Signed requests of each way, no two of one second."""

    gate: Gate
    signers: dict[str, Signer]
    ticks: Iterator[int] = field(default_factory=count)

    def by(self, way: str) -> Sent:
        """A new one."""
        return WAYS[way].make(self.signers[way], now() - 100 + next(self.ticks) % 200)


@pytest.fixture(scope="module")
def requests(u2netp_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Requests]:
    """The product, and a signing key for each way."""
    with running(tmp_path_factory.mktemp("framed"), u2netp_home / "models", CONFIG) as gate:
        keys = {way: signer(gate, way, scheme=WAYS[way].scheme, kind=WAYS[way].kind) for way in (*BY_DIGEST, *BY_BODY)}
        yield Requests(gate, keys)


@pytest.mark.parametrize("way", [*BY_DIGEST, *BY_BODY])
def test_a_body_in_chunks_is_the_body_that_was_signed(requests: Requests, way: str) -> None:
    """However it is cut, with trailers too, and once; another body in the same chunks is not."""
    sent = requests.by(way)
    whole = (head(sent, CHUNKED, framed=False), chunked(sent.body, "X-Signature: v1=00", size=7))
    assert [answers(sent, *whole), answers(sent, *whole)] == [[ONCE], [AGAIN]]
    other = requests.by(way)
    changed = answers(other, head(other, CHUNKED, framed=False), chunked(other.body[:-1] + b"!"))
    assert changed == [(403, "signature.mismatch") if way in BY_BODY else (400, "signature.digest")]


@pytest.mark.parametrize("way", [*BY_DIGEST, *BY_BODY])
def test_a_client_that_waits_for_100_is_told_to_go_on(requests: Requests, way: str) -> None:
    """``Expect: 100-continue`` (RFC 9110, section 10.1.1): the head is judged, then the body is asked for."""
    sent = requests.by(way)
    with closing(connected(sent)) as peer:
        peer.sendall(head(sent, "Expect: 100-continue"))
        assert peer.recv(100).startswith(b"HTTP/1.1 100 ")
        peer.sendall(sent.body)
        assert told_in(read_all(peer)) == [ONCE]


@pytest.mark.parametrize("way", BY_DIGEST)
def test_a_body_whose_head_proves_nothing_is_not_asked_for(requests: Requests, way: str) -> None:
    """Where the head alone is signed, whoever waits for 100 is refused instead."""
    used = requests.by(way)
    assert answers(used, head(used), used.body) == [ONCE]
    assert answers(used, head(used, "Expect: 100-continue")) == [AGAIN]


@pytest.mark.parametrize("way", [*BY_DIGEST, *BY_BODY])
def test_requests_on_one_connection_are_each_judged_by_their_own(requests: Requests, way: str) -> None:
    """Sent at once, before any answer: two are served, and a copy is a copy."""
    first, second = requests.by(way), requests.by(way)
    pieces = (head(first, last=False), first.body, head(second, last=False), second.body, head(first), first.body)
    assert answers(first, *pieces) == [ONCE, ONCE, AGAIN]


@pytest.mark.parametrize("way", [*BY_DIGEST, *BY_BODY])
def test_the_old_protocol_carries_signatures_too(requests: Requests, way: str) -> None:
    """HTTP/1.0 with a length; without one there is no body, and that is not the one that was signed."""
    sent = requests.by(way)
    assert answers(sent, head(sent, version="HTTP/1.0"), sent.body) == [ONCE]
    bare = requests.by(way)
    expected = (403, "signature.mismatch") if way in BY_BODY else (400, "signature.digest")
    assert answers(bare, head(bare, version="HTTP/1.0", framed=False)) == [expected]


@pytest.mark.parametrize("way", [*BY_DIGEST, *BY_BODY])
def test_a_body_that_breaks_off_is_no_body(requests: Requests, way: str) -> None:
    """Nobody is there to be answered. A signature over the body was not proven, so it is good once more."""
    sent = requests.by(way)
    assert answers(sent, head(sent), sent.body[:-5], cut=True) == []
    assert answers(sent, head(sent), sent.body) == [ONCE if way in BY_BODY else AGAIN]


@pytest.mark.parametrize("way", [*BY_DIGEST, *BY_BODY])
@pytest.mark.parametrize("lines", [("Content-Length: 0",), ()], ids=["length 0", "no length"])
def test_a_body_that_is_not_there_is_not_the_signed_one(requests: Requests, way: str, lines: tuple[str, ...]) -> None:
    """What a client drops on the way is missed."""
    sent = requests.by(way)
    expected = (403, "signature.mismatch") if way in BY_BODY else (400, "signature.digest")
    assert answers(sent, head(sent, *lines, framed=False)) == [expected]


@pytest.mark.parametrize("way", [*BY_DIGEST, *BY_BODY])
@pytest.mark.parametrize(
    "lines",
    [
        (CHUNKED, "Content-Length: 5"),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Transfer-Encoding: identity",),
        ("Transfer-Encoding: gzip, chunked",),
        ("Content-Length: +5",),
        ("X-Note: a\r\n b",),
        ("Host: elsewhere.example",),
    ],
    ids=lambda lines: " ".join(lines).encode("unicode_escape").decode(),
)
def test_what_two_programs_could_read_in_two_ways_is_read_by_none(
    requests: Requests, way: str, lines: tuple[str, ...]
) -> None:
    """Before any proof: doubled lengths, unknown codings, folded lines, two hosts (RFC 9112, sections 5.2, 6.3)."""
    sent = requests.by(way)
    assert answers(sent, head(sent, *lines, framed=False), chunked(sent.body))[:1] == [(400, "request.http")]
    assert answers(sent, head(sent), sent.body) == [ONCE]


# --- memory -------------------------------------------------------------------------------------------------------

LARGE = 9_500_000
GROWTH_MB = 25.0


@pytest.mark.long
def test_a_hundred_large_bodies_under_proof_leave_nothing_behind(requests: Requests) -> None:
    """Right ones, wrong ones and those of nobody: the server is as large afterwards as after the first ones."""
    body, who = os.urandom(LARGE), requests.signers["botocore"]
    keys = [(who.id, who.secret), (who.id, "wrong" * 8), ("nobody", who.secret)]
    refused = [(415, "upload.type"), (403, "signature.mismatch"), (403, "signature.mismatch")]

    def send(number: int) -> None:
        with httpx2.Client(timeout=60) as web:
            assert told(large(who.base, *keys[number % 3], body[number:]).through(web)) == refused[number % 3]

    for number in range(12):
        send(number)
    before = settled(requests.gate)
    for number in range(12, 112):
        send(number)
    assert settled(requests.gate) - before < GROWTH_MB


def large(base: str, key_id: str, secret: str, body: bytes) -> Sent:
    """A request whose signature covers a body of which the head says nothing."""
    asked = AWSRequest(method="POST", url=f"{base}{REMOVE}", headers={"Content-Type": OCTETS}, data=body)
    SigV4Auth(Credentials(key_id, secret), "mattegate", "local").add_auth(asked)
    return Sent("POST", asked.url, (*asked.headers.items(),), body)


def settled(gate: Gate) -> float:
    """PSS of the process tree in megabytes, a moment after the last request."""
    time.sleep(1)
    return gate.process.pss_mb()
