"""Attacks on signed requests over the wire: copies at once, keys that change on the way, and callers who break off."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from secrets import token_urlsafe
from urllib.parse import urlsplit

import httpx2
import pytest

from mattegate.config.settings import MB
from mattegate.signing import hmac_signature, message_signature, sigv4
from mattegate.signing.key_material import HmacSecret
from mattegate.signing.message import Message
from tests.serving.served import read_all
from tests.whole.gate_users import ACTOR, Gate, running, told
from tests.whole.raw_requests import answers, connected, head
from tests.whole.signed_clients import WAYS, Sent, Signer, now, signer

COPIES = 20
Aws = Callable[..., dict[str, str]]
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


# --- one request, written down in another way ---------------------------------------------------------------------

AMBIGUOUS, MISMATCH = (400, "signature.ambiguous"), (403, "signature.mismatch")
TWO_CREDENTIALS, MALFORMED = (400, "request.ambiguous_credentials"), (401, "signature.malformed")
DOUBLED = {
    "own hmac": {
        "x-key-id": AMBIGUOUS, "x-timestamp": AMBIGUOUS, "x-nonce": AMBIGUOUS, "x-content-sha256": AMBIGUOUS,
        "x-signature": AMBIGUOUS, "content-type": MISMATCH,
    },
    "own rfc9421 p256": {"signature-input": MALFORMED, "signature": MALFORMED, "content-digest": MALFORMED},
    "botocore": {"authorization": TWO_CREDENTIALS, "x-amz-date": AMBIGUOUS, "content-type": MISMATCH},
    "botocore presigned": {"x-amz-content-sha256": AMBIGUOUS, "content-type": MISMATCH},
    "the document": {"x-key-id": AMBIGUOUS, "x-timestamp": AMBIGUOUS, "x-signature": (401, "signature.incomplete")},
}  # fmt: skip


@pytest.mark.parametrize(("way", "name"), [(way, name) for way, names in DOUBLED.items() for name in names])
def test_a_doubled_header_is_two_answers_to_one_question(gate: Gate, way: str, name: str) -> None:
    """Even where both say the same: whoever sits in front may read the one, and whoever is behind the other."""
    _, sent = signed_by(gate, way, f"doubled {way} {name}")
    twice = head(sent, f"{name}: {sent.header(name)}")
    assert answers(sent, twice, sent.body) == [DOUBLED[way][name]]


@pytest.mark.parametrize(
    ("spelled", "reasons"),
    [
        ("/v1/remove%2Dbg", {MISMATCH}),
        ("/v1/./remove-bg", {MISMATCH, (404, "route.unknown")}),
        ("//v1/remove-bg", {MISMATCH, (404, "route.unknown")}),
        ("/x/../v1/remove-bg", {MISMATCH, (404, "route.unknown")}),
        ("/V1/remove-bg", {MISMATCH}),
        ("/v1/remove-bg/", {MISMATCH}),
        ("/v1/remove-bg;a=b", {MISMATCH}),
        ("http://elsewhere.example/v1/remove-bg", {(400, "request.http")}),
    ],
)
@pytest.mark.parametrize("way", ["own hmac", "own rfc9421 p256", "botocore", "botocore presigned"])
def test_another_spelling_of_the_path_is_another_path(
    gate: Gate, way: str, spelled: str, reasons: set[tuple[int, str]]
) -> None:
    """What SigV4 writes down alike (dots, doubled slashes) leads nowhere here."""
    _, sent = signed_by(gate, way, f"spelled {way} {spelled}")
    query = sent.url.partition("?")[2]
    (answer,) = answers(sent, head(sent, target=f"{spelled}?{query}"), sent.body)
    assert answer in reasons


@pytest.mark.parametrize("first", ["own hmac", "own rfc9421 p256", "botocore", "the document"])
def test_two_signatures_are_one_too_many(gate: Gate, first: str) -> None:
    """A presigned address under a signed head, an API key beside it: nobody chooses which one counts."""
    who, sent = signed_by(gate, first, f"twice {first}")
    _, presigned = signed_by(gate, "botocore presigned", f"twice presigned {first}")
    moved = replace(sent, url=presigned.url)
    assert answers(moved, head(moved), moved.body) == [TWO_CREDENTIALS]
    owner = gate.accounts.control.key(who.id)
    assert owner is not None
    key = gate.another(owner.stored.view.identity.id).text
    assert answers(sent, head(sent, f"X-API-Key: {key}"), sent.body) == [TWO_CREDENTIALS]


def test_one_nonce_serves_one_request_whatever_is_signed_with_it(gate: Gate) -> None:
    """Fifty requests at once, each signed rightly and for itself, over one nonce: one is served."""
    who = signer(gate, "one nonce")
    message = Message("GET", b"/v1/whoami", b"", (), "http", urlsplit(who.base).netloc)
    secret, nonce = HmacSecret(who.secret.encode()), token_urlsafe(18)

    def send(second: int) -> tuple[int, str]:
        lines = hmac_signature.sign(message, who.id, secret, at=now() - second, nonce=nonce)
        if second % 2:
            lines = message_signature.sign(message, who.id, secret, at=now() - second, nonce=nonce)
        headers = {name.decode(): value.decode() for name, value in lines}
        return told(httpx2.get(f"{who.base}/v1/whoami", headers=headers))

    with ThreadPoolExecutor(50) as threads:
        assert Counter(threads.map(send, range(50))) == {(200, ""): 1, (403, "signature.replayed"): 49}


# --- what AWS calls it ----------------------------------------------------------------------------------------------

_DAY = re.compile(r"/[0-9]{8}/")
ROWS: dict[str, tuple[Callable[[Aws], dict[str, str]], int, str, str]] = {
    "missing token": (lambda _: {}, 401, "credential.missing", "MissingAuthenticationTokenException"),
    "incomplete": (
        lambda _: {"authorization": "AWS4-HMAC-SHA256"}, 401, "signature.incomplete", "IncompleteSignatureException"
    ),
    "no date": (
        lambda aws: {name: value for name, value in aws().items() if name != "x-amz-date"},
        401, "signature.date_missing", "IncompleteSignatureException",
    ),
    "expired": (lambda aws: aws(at=-301), 403, "signature.expired", "InvalidSignatureException"),
    "not yet current": (lambda aws: aws(at=302), 403, "signature.not_yet_current", "InvalidSignatureException"),
    "region": (lambda aws: aws(region="us-east-1"), 403, "signature.scope_region", "InvalidSignatureException"),
    "service": (lambda aws: aws(service="execute-api"), 403, "signature.scope_service", "InvalidSignatureException"),
    "date": (
        lambda aws: {name: _DAY.sub("/20200101/", value) for name, value in aws().items()},
        403, "signature.scope_date", "InvalidSignatureException",
    ),
    "mismatch": (lambda aws: aws(secret="x" * 43), 403, "signature.mismatch", "InvalidSignatureException"),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_each_fault_of_an_aws_signature_has_its_own_name(gate: Gate, row: str) -> None:
    """A reason of ours and the type of AWS, in the answer and in its head; a mismatch with both of our texts."""
    made, status, reason, error_type = ROWS[row]
    who = signer(gate, f"row {row}")
    answer = gate.web.get("/v1/whoami", headers=made(partial(aws_headers, who)))
    assert (*told(answer), answer.headers["x-mattegate-error-type"]) == (status, reason, error_type)
    if row == "mismatch":
        assert {"The canonical request is", "The string to sign is"} <= set(answer.json()["canonical"].splitlines())
    if row == "expired":
        assert len(re.findall(r"[0-9]{8}T[0-9]{6}Z", answer.json()["detail"])) == 3  # of it, the limit, and now


def test_unknown_key_ids_are_told_where_the_operator_wants_it_as_aws_does(u2netp_home: Path, tmp_path: Path) -> None:
    """Otherwise they are a mismatch."""
    with running(tmp_path, u2netp_home / "models", "[signatures]\naws_exact = true\n") as exact:
        answer = exact.web.get("/v1/whoami", headers=aws_headers(replace(signer(exact, "exact"), id="AKIDEXAMPLE")))
    assert (told(answer)[1], answer.headers["x-mattegate-error-type"]) == (
        "signature.unknown_key", "UnrecognizedClientException",
    )  # fmt: skip


def aws_headers(
    who: Signer, *, at: float = 0.0, secret: str = "", region: str = "local", service: str = "mattegate"
) -> dict[str, str]:
    """A signature over ``GET /v1/whoami``, ``at`` seconds from now."""
    message = Message("GET", b"/v1/whoami", b"", (), "http", urlsplit(who.base).netloc)
    lines = sigv4.sign(
        message, key_id=who.id, secret=(secret or who.secret).encode(), at=now() + at,
        rules=sigv4.SigV4Rules(region, service),
    )  # fmt: skip
    return {name.decode(): value.decode() for name, value in lines}
