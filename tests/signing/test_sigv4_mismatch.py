"""Signature Version 4: what is told of a signature that does not match, and what never is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mattegate.signing.message import Message, Stated, Verdict
from mattegate.signing.sigv4 import EMPTY_SHA256, UNSIGNED_PAYLOAD, SigV4Rules, read, verify
from mattegate.signing.sigv4.canonical import Canonical, canonical
from mattegate.signing.sigv4.mac import Scope, signature, string_to_sign
from tests.signing.signed_requests import AT, BARE, DATE, DIGEST, HOST, RULES, SECRET, presigned, signed, verdict

TOKEN = (b"x-amz-security-token", b"a-session-token-nobody-may-see")
PRIVATE = (b"cookie", b"session=nobody-may-see-this-either")
SENT = Message("POST", b"/v1//remove%20bg", b"size=b+c&size=a&crop", (HOST, PRIVATE, TOKEN, DATE))


def canonical_of(message: Message, rules: SigV4Rules = RULES) -> Canonical:
    """The canonical form of a head whose every header is covered."""
    return canonical(message, sorted(name.decode() for name, _ in message.headers), "sigv4", DIGEST, rules)


def signed_over(form: Canonical, message: Message) -> Message:
    """``message`` with the signature of a client that wrote down ``form``."""
    scope = Scope("20260724", RULES.region, RULES.service)
    proof = signature(string_to_sign(form.text(), "20260724T120000Z", scope), SECRET, scope)
    names = ";".join(name for name, _ in form.headers)
    header = f"AWS4-HMAC-SHA256 Credential=AKID/{scope}, SignedHeaders={names}, Signature={proof}"
    return replace(message, headers=(*message.headers, (b"authorization", header.encode())))


RIGHT = canonical_of(SENT)

MISTAKES = {
    "body_as_empty": RIGHT._replace(payload=EMPTY_SHA256),
    "body_unsigned": RIGHT._replace(payload=UNSIGNED_PAYLOAD),
    "path": canonical_of(SENT, replace(RULES, encode_path_twice=False)),
    "path ": canonical_of(SENT, replace(RULES, normalize_path=False)),
    "path  ": canonical_of(SENT, replace(RULES, normalize_path=False, encode_path_twice=False)),
    "query_as_sent": RIGHT._replace(query="size=b+c&size=a&crop"),
    "query_as_sent ": RIGHT._replace(query="crop=&size=a&size=b+c"),
    "plus_as_space": RIGHT._replace(query="crop=&size=a&size=b%20c"),
    "no_query": RIGHT._replace(query=""),
    "host": canonical_of(replace(SENT, headers=((b"host", b"api.example.com:443"), PRIVATE, TOKEN, DATE))),
}


def test_the_canonical_form_is_accepted() -> None:
    """What the mistakes below deviate from is right."""
    assert verdict(signed_over(RIGHT, SENT)).good
    assert RIGHT.path == "/v1/remove%2520bg"
    assert RIGHT.query == "crop=&size=a&size=b%2Bc"


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_usual_mistake_is_named_and_stays_refused(mistake: str) -> None:
    """The signature fits another spelling, so whoever made it has the secret and may be told which."""
    told = verdict(signed_over(MISTAKES[mistake], SENT))
    assert (told.code, told.facts["differs"]) == ("signature.mismatch", mistake.strip())
    assert str(told.facts["hint"]).startswith("It fits ")
    assert verdict(signed_over(MISTAKES[mistake], SENT), secret=b"another").facts["differs"] == ""


def test_small_letters_in_the_method_and_a_port_in_the_host_are_named() -> None:
    """Methods are case-sensitive (RFC 9110, section 9.1); proxies take the port away."""
    assert verdict(signed_over(RIGHT, replace(SENT, method="post"))).facts["differs"] == "method"
    ported = replace(SENT, headers=((b"host", b"api.example.com:8000"), PRIVATE, TOKEN, DATE))
    assert verdict(signed_over(RIGHT, ported)).facts["differs"] == "host"


def test_a_presigned_address_made_without_its_body_is_named() -> None:
    """Whoever presigns seldom has the body at hand; the remedy says how it can be covered."""
    told = verdict(presigned(payload=EMPTY_SHA256))
    assert (told.code, told.facts["differs"]) == ("signature.mismatch", "body_as_empty")
    assert "x-amz-content-sha256" in str(told.facts["hint"])


def test_another_secret_has_no_hint() -> None:
    """Nothing fits, so only AWS's sentence is left, and our text to compare with."""
    told = verdict(signed(), secret=b"another")
    assert (told.facts["differs"], told.facts["hint"]) == ("", "")
    assert str(told.facts["aws"]).startswith("The request signature we calculated does not match")


def test_our_text_is_complete_where_nothing_is_private() -> None:
    """Canonical request and string to sign, line for line."""
    told = verdict(signed(replace(BARE, query=b"")), secret=b"another").told
    assert told.startswith(
        "The canonical request is\n"
        "POST\n"
        "/v1/remove-bg\n"
        "\n"
        "content-type:image/jpeg\n"
        "host:api.example.com\n"
        f"x-amz-content-sha256:{DIGEST}\n"
        "x-amz-date:20260724T120000Z\n"
        "\n"
        "content-type;host;x-amz-content-sha256;x-amz-date\n"
        f"{DIGEST}\n"
        "\n"
        "The string to sign is\n"
        "AWS4-HMAC-SHA256\n"
        "20260724T120000Z\n"
        "20260724/eu-1/mattegate/aws4_request\n"
    )


@pytest.mark.parametrize("secret", [b"another", None])
def test_our_text_shows_nothing_private_and_never_the_signature(secret: bytes | None) -> None:
    """Other headers, the token and the values of parameters are there by their length."""
    message = signed_over(RIGHT._replace(method="PUT"), SENT)
    told = verdict(message, secret=secret)
    stated = read(message, RULES)
    assert isinstance(stated, Stated)
    assert f"cookie:<present, {len(PRIVATE[1])} bytes>" in told.told
    assert f"x-amz-security-token:<present, {len(TOKEN[1])} bytes>" in told.told
    assert "crop=<present, 0 bytes>&size=<present, 1 bytes>&size=<present, 5 bytes>" in told.told
    scope = Scope("20260724", RULES.region, RULES.service)
    expected = signature(string_to_sign(RIGHT.text(), "20260724T120000Z", scope), SECRET, scope)
    for private in ("nobody-may-see", expected, stated.nonce, SECRET.decode()):
        assert private not in repr(told)


def test_the_token_of_an_address_is_private_too() -> None:
    """It is a parameter like any other in what is covered, and a secret in what is shown."""
    told = verdict(replace(presigned(), query=presigned().query + b"&X-Amz-Security-Token=secret-token"))
    assert "X-Amz-Security-Token=<present, 12 bytes>" in told.told
    assert "X-Amz-Expires=600" in told.told
    assert "X-Amz-Signature" not in told.told


def test_our_text_is_bounded() -> None:
    """A head of 32 kB does not come back whole."""
    told = verdict(signed(replace(BARE, path=b"/" + b"%20" * 10_000)), secret=b"another")
    assert len(told.told) == 8192


def test_whoever_needs_only_yes_or_no_is_told_no_more() -> None:
    """Under a flood the search for why is work for the attacker."""
    message = signed()
    stated = read(message, RULES)
    assert isinstance(stated, Stated)
    told = verify(message, stated, b"another", at=AT, rules=RULES, explain=False)
    assert isinstance(told, Verdict)
    assert (told.code, told.told, told.facts["hint"]) == ("signature.mismatch", "", "")
