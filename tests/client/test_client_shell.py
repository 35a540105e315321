"""The client over a real connection: polite, patient, and each try signed for itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from mattegate.client import (
    ApiKey,
    BoundToken,
    Client,
    HmacSigning,
    Patience,
    RefusedError,
    Token,
    UnreachableError,
)
from mattegate.client.shell import Surroundings
from mattegate.signing.key_material import HmacSecret
from mattegate.signing.tokens.base64url import decode
from mattegate.signing.tokens.signing_keys import SigningKey
from tests.client.answering import answering

SECRET = HmacSecret(b"a secret of thirty-two bytes ...")
CUT = (200, {"Content-Type": "image/png", "X-Request-Id": "req_1", "RateLimit": '"burst";r=3;t=2'}, b"\x89PNG")


def problem(reason: str, status: int, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """A refusal as the server words it."""
    document = {"reason": reason, "title": "No", "detail": "Why.", "remedy": "Do that.", "request_id": "req_2"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, {"Content-Type": "application/problem+json"} | named, json.dumps(document).encode()


@dataclass
class Waits:
    """A clock that passes while somebody sleeps."""

    at: float = 1_700_000_000.0
    slept: list[float] = field(default_factory=list)

    def surroundings(self) -> Surroundings:
        """With this clock."""
        return Surroundings(now=lambda: self.at, sleep=self._sleep, share=lambda: 1.0)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


def test_a_limit_is_waited_for_and_every_try_is_signed_anew() -> None:
    """One Idempotency-Key for all tries, and another nonce, time and signature for each."""
    waits = Waits()
    refused = problem("rate.exceeded", 429, Retry_After="3")
    with (
        answering(refused, refused, CUT) as server,
        Client(server.url, HmacSigning("k", SECRET), surroundings=waits.surroundings()) as client,
    ):
        cutout = client.remove_background(b"picture", format="png")
    assert (cutout.bytes, cutout.content_type, cutout.request_id, cutout.tries) == (b"\x89PNG", "image/png", "req_1", 3)
    assert cutout.limits == '"burst";r=3;t=2'
    assert waits.slept == [3.0, 3.0]
    for name, different in (("idempotency-key", 1), ("x-nonce", 3), ("x-signature", 3), ("x-timestamp", 3)):
        assert len({heard[name] for heard in server.heard}) == different
    assert {heard[":path"] for heard in server.heard} == {"/v1/remove-bg?format=png"}


def test_a_broken_connection_is_tried_again_with_longer_waits() -> None:
    """Twice as long each time, and in the end the caller is told what happened how often."""
    waits = Waits()
    with (
        answering((0, {}, b"")) as server,
        Client(server.url, ApiKey("k"), surroundings=waits.surroundings()) as client,
        pytest.raises(UnreachableError, match="no answer after 4 tries: RemoteProtocolError") as told,
    ):
        client.remove_background(b"picture")
    assert (told.value.tries, waits.slept) == (4, [0.5, 1.0, 2.0])


def test_what_waiting_does_not_help_is_told_at_once() -> None:
    """A refusal is an exception with the whole explanation, and nothing is sent a second time."""
    waits = Waits()
    with (
        answering(problem("policy.scope", 403)) as server,
        Client(server.url, Token("t"), surroundings=waits.surroundings()) as client,
        pytest.raises(RefusedError, match=r"No \(policy\.scope\): Why\. Do that\.") as told,
    ):
        client.remove_background(b"picture")
    refusal = told.value
    assert (refusal.status, refusal.reason, refusal.remedy, refusal.request_id) == (
        403,
        "policy.scope",
        "Do that.",
        "req_2",
    )
    assert (len(server.heard), waits.slept) == (1, [])
    assert server.heard[0]["authorization"] == "Bearer t"


def test_whoever_has_no_patience_waits_for_nothing() -> None:
    """One try is one try, and a wait beyond what was asked for is told instead of waited."""
    for patience in (Patience(tries=1), Patience(longest_wait_s=2)):
        with (
            answering(problem("quota.exceeded", 429, Retry_After="3")) as server,
            Client(server.url, ApiKey("k"), patience=patience) as client,
            pytest.raises(RefusedError),
        ):
            client.remove_background(b"picture")
        assert len(server.heard) == 1


def test_a_redirect_is_not_followed() -> None:
    """What was signed for one address is not sent to another; who answered is told."""
    moved = (307, {"Location": "http://127.0.0.1:9/", "Server": "proxy"}, b"<h1>moved</h1>")
    with (
        answering(moved) as server,
        Client(server.url, ApiKey("k")) as client,
        pytest.raises(RefusedError, match="proxy' answered with status 307") as told,
    ):
        client.get("/v1/whoami")
    assert told.value.reason == ""
    assert "doctor" in told.value.remedy


def test_a_proof_takes_the_servers_nonce() -> None:
    """Told to use one (RFC 9449, section 9), it is used at once and from then on."""
    asked = (401, {"DPoP-Nonce": "n-1", "WWW-Authenticate": 'DPoP error="use_dpop_nonce"'}, b"")
    key = SigningKey.from_seed(bytes(32))
    with answering(asked, CUT) as server, Client(server.url, BoundToken("token", key)) as client:
        client.get("/v1/whoami")
        client.get("/v1/whoami")
    claims = [json.loads(decode(heard["dpop"].split(".")[1]) or b"") for heard in server.heard]
    assert [claim.get("nonce") for claim in claims] == [None, "n-1", "n-1"]
    assert claims[0]["htu"] == f"{server.url}/v1/whoami"
    assert server.heard[0]["authorization"] == "DPoP token"


def test_no_secret_is_in_a_repr() -> None:
    """Of credentials, cut-outs and refusals."""
    for credential in (ApiKey("s3cret"), Token("s3cret"), HmacSigning("k", HmacSecret(b"s3cret s3cret s3cret"))):
        assert "s3cret" not in repr(credential)
