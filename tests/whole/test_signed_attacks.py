"""Attacks on signed requests over the wire: copies at once, keys that change on the way, and callers who break off."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from mattegate.config.settings import MB
from tests.serving.served import read_all
from tests.whole.gate_users import ACTOR, Gate, running, told
from tests.whole.signed_clients import WAYS, Sent, Signer, now, signer

COPIES = 20
CONFIG = f"""
[signatures]
unsafe_body_timestamp_hmac = true

[flood]
failures_per_minute = 1000000
verifications_per_minute = 1000000

[engine]
workers = 1

[upload]
budget_bytes = {MB}

[tiers.one]
quota = "1/300 days"
"""


@pytest.fixture(scope="module")
def gate(u2netp_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """The product with room for one megabyte of bodies."""
    with running(tmp_path_factory.mktemp("attacked"), u2netp_home / "models", CONFIG) as gate:
        yield gate


def signed_by(gate: Gate, way: str, name: str, **options: str) -> tuple[Signer, Sent]:
    """A new signer of that way, and a request of theirs."""
    who = signer(gate, name, scheme=WAYS[way].scheme, kind=WAYS[way].kind, **options)
    return who, WAYS[way].make(who, now())


@pytest.mark.parametrize("way", ["own hmac", "botocore", "botocore presigned", "own rfc9421 p256", "the document"])
def test_of_copies_at_once_one_is_served(gate: Gate, way: str) -> None:
    """Every copy has a connection of its own; one is a cut-out, and what only a later copy meets is no other."""
    _, sent = signed_by(gate, way, f"copied {way}")

    def send(_: int) -> tuple[int, str]:
        with httpx2.Client(timeout=60) as web:
            return told(sent.through(web))

    with ThreadPoolExecutor(COPIES) as threads:
        answers = Counter(threads.map(send, range(COPIES)))
    refused = {(403, "signature.replayed"), (429, "flood.body_proofs")}
    assert answers.pop((200, "")) == 1
    assert answers.keys() <= refused, answers


def test_what_is_over_the_quota_is_good_once_there_is_room(gate: Gate) -> None:
    """A refused claim uses no nonce up: the very same request is served by a better tier."""
    who, first = signed_by(gate, "own hmac", "poor", tier="one")
    second = WAYS["own hmac"].make(who, now())
    assert told(first.through(gate.web)) == (200, "")
    assert second.through(gate.web).status_code == 429
    gate.accounts.desk.update_identity("poor", tier="vip", actor=ACTOR)
    assert told(second.through(gate.web)) == (200, "")
    assert told(second.through(gate.web)) == (403, "signature.replayed")


@pytest.mark.parametrize("way", ["botocore", "the document"])
def test_keys_may_change_while_a_body_is_under_proof(gate: Gate, way: str) -> None:
    """The walk begins anew with the keys of now, and with the body that it has."""
    _, sent = signed_by(gate, way, f"slow {way}")
    with closing(connected(sent)) as peer:
        peer.sendall(head(sent) + sent.body[:10])
        gate.key(f"newcomer of {way}")
        peer.sendall(sent.body[10:])
        assert b" 200 OK" in read_all(peer).split(b"\r\n", 1)[0]


def test_a_key_that_is_revoked_while_its_body_is_under_proof_is_refused(gate: Gate) -> None:
    """Its signature is right, and it is nobody's any more."""
    who, sent = signed_by(gate, "botocore", "revoked on the way")
    with closing(connected(sent)) as peer:
        peer.sendall(head(sent) + sent.body[:10])
        gate.accounts.desk.revoke_key(who.id, actor=ACTOR)
        peer.sendall(sent.body[10:])
        assert b"credential.revoked" in read_all(peer)


def test_a_body_that_breaks_off_under_proof_takes_nothing_along(gate: Gate) -> None:
    """Neither its place nor its part of the memory of all bodies: after many of them there is room as before."""
    who, sent = signed_by(gate, "botocore", "broken off")
    large = replace(sent, body=b"x" * MB)
    for _ in range(10):
        with ExitStack() as stack:
            for _ in range(4):
                peer = stack.enter_context(closing(connected(large)))
                peer.sendall(head(large) + large.body[: MB // 5])
    for _ in range(100):
        answer = WAYS["botocore"].make(who, now()).through(gate.web)
        if told(answer) != (429, "flood.body_proofs"):  # the last ones are on their way out
            break
    assert told(answer) in {(200, ""), (403, "signature.replayed")}


def connected(sent: Sent) -> socket.socket:
    """A connection to where it goes."""
    address = urlsplit(sent.url)
    return socket.create_connection((address.hostname or "", address.port or 0), timeout=30)


def head(sent: Sent) -> bytes:
    """Its head, and that the connection ends with the answer."""
    parts = urlsplit(sent.url)
    lines = [f"POST {parts.path}{'?' if parts.query else ''}{parts.query} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in sent.headers if name.lower() != "content-length"]
    return "\r\n".join([*lines, "Connection: close", f"Content-Length: {len(sent.body)}", "", ""]).encode()
