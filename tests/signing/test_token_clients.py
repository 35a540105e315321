"""Clients at the token endpoint: with a secret or a signed assertion, in one way at a time."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.signing.message import Verdict
from mattegate.signing.tokens.assertion import ASSERTION_TYPE, AssertedClient, AssertionRules, verify_assertion
from mattegate.signing.tokens.causes import Cause
from mattegate.signing.tokens.client_auth import AssertingClient, SecretClient, presented_client, read_form
from tests.signing.token_makers import NOW, ec_signer, hmac_token, segment

ENDPOINT, US = "https://api.example/oauth2/token", "https://api.example"
RULES = AssertionRules((ENDPOINT, US))
SIGNER = ec_signer()


def assertion(header: dict[str, object] | None = None, **changed: object) -> str:
    """A good assertion with something changed; ``...`` leaves it out."""
    usual: dict[str, object] = {
        "iss": "shop", "sub": "shop", "aud": ENDPOINT, "exp": NOW + 60, "iat": NOW, "jti": "a-1", **changed,
    }  # fmt: skip
    payload = {name: value for name, value in usual.items() if value is not ...}
    return SIGNER.token(payload, {"typ": ..., **(header or {})})


ASSERTIONS = [
    (assertion(), ""),
    (assertion({"typ": "JWT"}), ""),
    (assertion({"typ": "client-authentication+jwt"}), ""),
    (assertion(aud=US), ""),
    (assertion(aud=[ENDPOINT]), ""),
    (assertion(iat=...), ""),
    (assertion(exp=NOW + 330), ""),
    (assertion(aud=[ENDPOINT, "https://other.example"]), Cause.AUDIENCE),
    (assertion(aud=[]), Cause.AUDIENCE),
    (assertion(aud=...), Cause.AUDIENCE),
    (assertion(aud={ENDPOINT: 1}), Cause.AUDIENCE),
    (assertion(aud=ENDPOINT + "/"), Cause.AUDIENCE),
    (assertion(iss="other"), Cause.ISSUER),
    (assertion(iss=...), Cause.ISSUER),
    (assertion(sub="other"), Cause.SUBJECT),
    (assertion(sub=...), Cause.SUBJECT),
    (assertion(exp=...), Cause.MALFORMED),
    (assertion(jti=...), Cause.MALFORMED),
    (assertion(exp=NOW + 331), Cause.LIFETIME),
    (assertion(exp=NOW - 30), Cause.EXPIRED),
    (assertion(nbf=NOW + 31), Cause.NOT_YET_VALID),
    (assertion(iat=NOW + 31), Cause.ISSUED_IN_FUTURE),
    (assertion({"typ": "at+jwt"}), Cause.TYP),
    (assertion({"typ": "dpop+jwt"}), Cause.TYP),
    (assertion({"alg": "none"}), Cause.UNSIGNED),
    (assertion({"jwk": SIGNER.jwk}), Cause.EMBEDDED_KEY),
    (assertion({"kid": "other"}), Cause.UNKNOWN_KEY),
    (hmac_token(b"secret", kid="ec-1"), Cause.SYMMETRIC),
    (SIGNER.signed(segment({"alg": "ES256"}), segment("[]")), Cause.MALFORMED),
    ("", Cause.MALFORMED),
]


@pytest.mark.parametrize(("text", "reason"), ASSERTIONS, ids=lambda part: str(part)[-30:])
def test_each_assertion_has_its_reason(text: str, reason: str) -> None:
    """RFC 7523, section 3; the audience is us alone, and it lives for five minutes at most."""
    outcome = verify_assertion(text, "shop", SIGNER.keys, RULES, at=NOW)
    assert (outcome.code if isinstance(outcome, Verdict) else "") == reason


def test_an_assertion_is_used_once() -> None:
    """What names it, and until when that is to be kept: as long as it would pass."""
    outcome = verify_assertion(assertion(), "shop", SIGNER.keys, RULES, at=NOW)
    assert isinstance(outcome, AssertedClient)
    assert len(outcome.replay_key) == 64
    assert outcome.keep_until == NOW + 90
    assert isinstance(verify_assertion(assertion(), "shop", SIGNER.keys, RULES, at=NOW + 90), Verdict)


@pytest.mark.parametrize("wrong", [((), ("ES256",)), ((US,), ()), ((US,), ("HS256",))])
def test_rules_for_assertions_verify_something(wrong: tuple[tuple[str, ...], tuple[str, ...]]) -> None:
    """An audience, and algorithms without shared secrets."""
    with pytest.raises(ValueError, match="named"):
        AssertionRules(*wrong)


def basic(user: str, password: str) -> str:
    """``Authorization`` as RFC 6749, section 2.3.1, has it: form-encoded first."""
    return "Basic " + b64encode(f"{quote_plus(user)}:{quote_plus(password)}".encode()).decode()


@given(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=9).filter(str.isprintable),
    st.text(st.characters(codec="utf-8")),
)
def test_basic_carries_any_secret(client_id: str, secret: str) -> None:
    """Colons, percent signs, blanks and letters of every alphabet come through whole."""
    client = presented_client([basic(client_id, secret)], {})
    assert client == SecretClient(client_id, secret)
    assert repr(client) == f"SecretClient(client_id={client_id!r})"


def test_the_three_ways_of_a_client() -> None:
    """In Authorization, in the form, or signed."""
    text = assertion()
    signed = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": text}
    assert presented_client([], {"client_id": "a", "client_secret": "b"}) == SecretClient("a", "b")
    assert presented_client([], signed) == AssertingClient("shop", text)
    assert presented_client([], {**signed, "client_id": "shop"}) == AssertingClient("shop", text)
    assert text not in repr(AssertingClient("shop", text))


REFUSED = [
    ([], {}, "no client"),
    ([], {"client_id": "a"}, "no client"),
    ([basic("a", "b")] * 2, {}, "twice"),
    ([basic("a", "b")], {"client_secret": "b"}, "twice"),
    ([basic("a", "b")], {"client_assertion": "x"}, "twice"),
    ([], {"client_assertion": "x", "client_secret": "b"}, "twice"),
    ([basic("a", "b")], {"client_id": "c"}, "another client"),
    ([basic("", "b")], {}, "id is missing"),
    ([], {"client_secret": "b"}, "id is missing"),
    ([basic("a\n", "b")], {}, "not print"),
    ([basic("a" * 257, "b")], {}, "not print"),
    (["Bearer x"], {}, "not Basic"),
    (["Basic"], {}, "not base64"),
    (["Basic !!"], {}, "not base64"),
    (["Basic " + b64encode(b"a").decode()], {}, "not base64"),
    (["Basic " + b64encode("ä:b".encode()).decode()], {}, "not base64"),
    (["Basic " + b64encode(b"a:50%").decode()], {}, "not form-encoded"),
    (["Basic " + b64encode(b"a:%ff").decode()], {}, "not form-encoded"),
    (["Basic " + b64encode(b"a:b c").decode()], {}, "not form-encoded"),
    ([], {"client_assertion": assertion()}, "client_assertion_type"),
    ([], {"client_assertion_type": ASSERTION_TYPE}, "three segments"),
    (
        [],
        {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion(), "client_id": "x"},
        "another client",
    ),
    ([], {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion(iss=7)}, "id is missing"),
]


@pytest.mark.parametrize(("authorization", "form", "problem"), REFUSED, ids=lambda part: str(part)[:40])
def test_a_client_that_cannot_be_told_is_refused(authorization: list[str], form: dict[str, str], problem: str) -> None:
    """Nobody, two at once, or one that cannot be read."""
    outcome = presented_client(authorization, form)
    assert isinstance(outcome, Verdict)
    assert outcome.code in {Cause.CLIENT, Cause.MALFORMED}
    assert problem in str(outcome.facts["problem"])


@given(
    st.lists(st.text(), max_size=2),
    st.dictionaries(st.sampled_from(["client_id", "client_secret", "client_assertion"]), st.text()),
)
def test_no_client_raises(authorization: list[str], form: dict[str, str]) -> None:
    """Whatever is sent."""
    presented_client(authorization, form)


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8"), min_size=1)
    )
)
def test_a_form_reads_back(form: dict[str, str]) -> None:
    """As browsers and clients encode it."""
    assert read_form(urlencode(form).encode()) == form


@pytest.mark.parametrize(
    ("body", "form"),
    [
        (b"", {}), (b"a=", {}), (b"a=1&b=2", {"a": "1", "b": "2"}), (b"a=1&a=1", None), (b"a=1&a=", None),
        (b"a", None), (b"a=%ff", None), (b"a=\xff", None), (b"a=" + b"1" * 65_536, None), (b"a=1&&b=2", None),
    ],
)  # fmt: skip
def test_a_form_has_each_parameter_once(body: bytes, form: dict[str, str] | None) -> None:
    """RFC 6749, section 3.2; two values are two meanings."""
    outcome = read_form(body)
    assert isinstance(outcome, Verdict) if form is None else outcome == form


@given(st.binary())
def test_no_form_raises(body: bytes) -> None:
    """Whatever the body is."""
    read_form(body)
