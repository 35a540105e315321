"""Both sides' texts of one request, side by side."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st

from mattegate.client import Credential, HmacSigning, MessageSigning, SigV4Signing, Together
from mattegate.client.comparing import canonical_text, compare, differences, moment_of
from mattegate.client.credentials import ApiKey, Moment, signed
from mattegate.client.request import Server, outgoing
from mattegate.signing.key_material import Algorithm, HmacSecret, PrivateKey
from mattegate.vocabulary.rulebook import SignatureRules

SECRET = HmacSecret(b"a secret of thirty-two bytes ...")
ED25519 = PrivateKey(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32))), Algorithm.ED25519)
CREDENTIALS: dict[str, Credential] = {
    "hmac": HmacSigning("k", SECRET),
    "sigv4": SigV4Signing("k", SECRET.secret),
    "rfc9421": MessageSigning("k", ED25519),
}
MOMENT = Moment(1_700_000_000.0, "a-text-of-24-characters!")
ASKED = outgoing(Server.of("https://api.example.com"), "POST", "/v1/remove-bg", query=b"mask=true", body=b"picture")


@pytest.mark.parametrize("name", CREDENTIALS)
def test_the_moment_of_a_request_is_in_its_text(name: str) -> None:
    """So the same request can be signed for it again, and has the same text to the letter."""
    ours = canonical_text(signed(ASKED, CREDENTIALS[name], MOMENT), SignatureRules())
    found = moment_of(ours)
    assert found is not None
    assert found.at == MOMENT.at
    again = canonical_text(signed(ASKED, CREDENTIALS[name], found), SignatureRules())
    assert again == ours
    assert not list(differences(compare(ours, again)))


@pytest.mark.parametrize("name", CREDENTIALS)
def test_a_changed_path_is_the_line_that_differs(name: str) -> None:
    """And the text of the secret is in none of them."""
    ours = canonical_text(signed(ASKED, CREDENTIALS[name], MOMENT), SignatureRules())
    moved = outgoing(Server.of("https://api.example.com"), "POST", "/remove", query=b"mask=true", body=b"picture")
    theirs = canonical_text(signed(moved, CREDENTIALS[name], MOMENT), SignatureRules())
    number, line = next(differences(compare(ours, theirs)))
    assert number > 1
    assert line.ours is not None
    assert line.ours.endswith("/v1/remove-bg")
    assert SECRET.secret.decode() not in ours


def test_a_text_that_ends_sooner_differs_by_what_it_lacks() -> None:
    """Lines without a counterpart are there, too."""
    lines = compare("a\nb", "a")
    assert [(number, line.ours, line.theirs) for number, line in differences(lines)] == [(2, "b", None)]


def test_a_line_too_many_does_not_make_the_rest_differ() -> None:
    """A header that one side alone has signed is the finding; what stands behind it is the same on both sides."""
    lines = compare("POST\nhost:a\nx-note:1\nend", "POST\nhost:a\nend")
    assert [(number, line.ours, line.theirs) for number, line in differences(lines)] == [(3, "x-note:1", None)]
    assert lines[-1].same


def test_an_unsigned_request_has_no_text() -> None:
    """There is nothing to compare."""
    assert canonical_text(signed(ASKED, ApiKey("k"), MOMENT), SignatureRules()) == ""


def test_several_proofs_are_added_in_their_order() -> None:
    """A signature over all headers covers the key that stands before it."""
    whole = signed(ASKED, Together((ApiKey("k"), CREDENTIALS["hmac"])), MOMENT)
    assert whole.message.values(b"authorization") == (b"Bearer k",)
    assert whole.message.values(b"x-signature")


@given(st.text(max_size=200))
def test_no_text_makes_the_reader_stumble(text: str) -> None:
    """Whatever stands in an answer."""
    for beginning in ("", "MATTEGATE-HMAC-SHA256-V1\n", "x-amz-date:", '"@signature-params": ;created='):
        moment_of(beginning + text)
