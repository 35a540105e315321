"""From the head of a request to an attempt: what of it is kept, and how."""

from __future__ import annotations

from typing import Any

from mattegate.serving.reading import Reading, read_attempt
from mattegate.serving.routes import CUTOUT, Match
from mattegate.signing.keys import mint
from mattegate.vocabulary.attempt import Channel
from mattegate.vocabulary.rulebook import CredentialRules


def read(*headers: tuple[bytes, bytes], path: str = "/v1/remove-bg", query: bytes = b"") -> Reading:
    """The reading of a POST with these headers."""
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "scheme": "http",
        "headers": [(b"host", b"api.example.com"), *headers],
        "client": ("203.0.113.9", 4711),
    }
    return read_attempt(scope, Match(CUTOUT, {}), CredentialRules(), request_id="req_1", at=1.0)


def test_what_a_proxy_received_is_kept_beside_what_arrived() -> None:
    """``proxy_set_header X-Original-URI $request_uri``: the path before it was rewritten, which decides nothing."""
    attempt = read((b"x-original-uri", b"/api/bg/v1/remove-bg?size=full")).attempt
    assert (attempt.original_uri, attempt.path) == ("/api/bg/v1/remove-bg?size=<present, 4 bytes>", "/v1/remove-bg")


def test_a_presigned_address_is_no_more_kept_than_the_query_that_it_came_with() -> None:
    """Its signature is good for days, to whoever reads it."""
    sent = b"/v1/whoami?X-Amz-Signature=5d41402abc4b2a76&X-Amz-Security-Token=verysecret"
    attempt = read((b"x-original-uri", sent)).attempt
    assert "5d41402abc4b2a76" not in attempt.original_uri
    assert "verysecret" not in repr(attempt)


def test_a_key_in_the_original_path_is_hidden_as_anywhere() -> None:
    """What may be a key is kept in no text."""
    key = mint("sk_prod_").text
    attempt = read((b"x-original-uri", f"/v1/remove-bg?api_key={key}".encode())).attempt
    assert key[-20:] not in attempt.original_uri


def test_what_a_signature_states_is_kept_and_no_secret_is() -> None:
    """Scheme, key id, time and nonce stand in the attempt; the head itself stays with the evidence."""
    reading = read(
        (b"x-key-id", b"0aB3dE5fG7hJ"),
        (b"x-timestamp", b"1750000000"),
        (b"x-nonce", b"0123456789abcdef"),
        (b"x-signature", b"v1=" + b"0" * 64),
    )
    stated = reading.attempt.signature
    assert stated is not None
    assert (stated.scheme, stated.key_id, stated.created) == ("hmac", "0aB3dE5fG7hJ", 1750000000.0)
    (presented,) = reading.attempt.credentials
    assert (presented.channel, presented.scheme, presented.key_id) == (Channel.SIGNATURE, "hmac", "0aB3dE5fG7hJ")
    assert reading.evidence.message is not None


def test_a_signature_that_cannot_be_read_is_an_objection() -> None:
    """The attempt says what is wrong, so that replaying it says the same."""
    attempt = read((b"authorization", b"AWS4-HMAC-SHA256 Signature=00")).attempt
    assert attempt.signature is None
    assert attempt.unreadable is not None
    assert attempt.unreadable.code == "signature.incomplete"


def test_a_token_is_told_apart_and_its_text_not_kept() -> None:
    """Only what its header and its claims state, unverified, is kept."""
    token = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsxIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIn0.AAAA"
    reading = read((b"authorization", f"Bearer {token}".encode()))
    stated = reading.attempt.token
    assert stated is not None
    assert (stated.issuer, stated.key_id, stated.algorithm) == ("https://id.example.com", "k1", "ES256")
    assert token[-20:] not in repr(reading)
    assert reading.evidence.token_of(reading.attempt) == token
