"""Access tokens of trusted issuers: the good ones pass, and every way to be wrong has its own reason."""

from __future__ import annotations

import json
from dataclasses import replace
from time import perf_counter

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from mattegate.signing.message import Verdict
from mattegate.signing.tokens.algorithms import ALGORITHMS
from mattegate.signing.tokens.causes import Cause
from mattegate.signing.tokens.challenge import description_of
from mattegate.signing.tokens.claims import TokenClaims, stamp
from mattegate.signing.tokens.key_set import KeySet
from mattegate.signing.tokens.rules import TokenRules
from mattegate.signing.tokens.verify import verify
from tests.signing.token_makers import (
    AUDIENCE,
    ISSUER,
    NOW,
    RULES,
    Signer,
    b64,
    claims,
    ec_signer,
    ed_signer,
    hmac_token,
    published,
    rsa_signer,
    segment,
)

ED = ed_signer()
SIGNERS = [
    *(rsa_signer(name) for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
    *(ec_signer(name) for name in ("ES256", "ES384", "ES512")),
    ED,
    ed_signer("Ed25519"),
]
LAX = replace(RULES, types=("at+jwt", "JWT", ""))


def code(text: str, keys: KeySet = ED.keys, rules: TokenRules = RULES, at: float = NOW) -> str:
    """The reason of a refusal, whose sentence can be told; empty for a token that passes."""
    verdict = verify(text, keys, rules, at=at)
    if isinstance(verdict, TokenClaims):
        return ""
    assert description_of(verdict).isascii()
    return verdict.code


@pytest.mark.parametrize("signer", SIGNERS, ids=lambda signer: signer.algorithm)
def test_every_algorithm_of_the_list_verifies_its_own_tokens(signer: Signer) -> None:
    """RSA, ECDSA and EdDSA in all their sizes, each where it is allowed and nowhere else."""
    rules = replace(RULES, algorithms=(signer.algorithm,))
    verified = verify(signer.token(), signer.keys, rules, at=NOW)
    assert isinstance(verified, TokenClaims)
    assert (verified.subject, verified.client_id, verified.algorithm) == ("user-7", "shop", signer.algorithm)
    others = tuple(name for name in ALGORITHMS if name != signer.algorithm)
    assert code(signer.token(), signer.keys, replace(RULES, algorithms=others)) == Cause.ALGORITHM


def test_all_the_algorithms_are_tried() -> None:
    """No algorithm of the table goes without a test."""
    assert {signer.algorithm for signer in SIGNERS} == set(ALGORITHMS)


CLAIMS = [
    ({"exp": NOW + 0.5, "iat": NOW - 1}, ""),
    ({"aud": [AUDIENCE, "https://other.example"]}, ""),
    ({"nbf": NOW + 59}, ""),
    ({"iat": NOW + 59}, ""),
    ({"exp": NOW - 59, "iat": NOW - 300}, ""),
    ({"exp": NOW - 60, "iat": NOW - 300}, Cause.EXPIRED),
    ({"nbf": NOW + 61}, Cause.NOT_YET_VALID),
    ({"iat": NOW + 61}, Cause.ISSUED_IN_FUTURE),
    ({"iat": NOW - 86_400, "exp": NOW + 1}, Cause.LIFETIME),
    ({"sub": ...}, Cause.SUBJECT),
    ({"sub": ""}, Cause.SUBJECT),
    ({"aud": ...}, Cause.AUDIENCE),
    ({"aud": []}, Cause.AUDIENCE),
    ({"aud": ""}, Cause.AUDIENCE),
    ({"aud": "https://API.example"}, Cause.AUDIENCE),
    ({"aud": AUDIENCE + "/"}, Cause.AUDIENCE),
    ({"aud": [AUDIENCE, 7]}, Cause.MALFORMED),
    ({"aud": {AUDIENCE: 1}}, Cause.MALFORMED),
    ({"aud": None}, Cause.MALFORMED),
    ({"iss": ...}, Cause.ISSUER),
    ({"iss": "https://evil.example"}, Cause.ISSUER),
    ({"iss": ISSUER + "/"}, Cause.ISSUER),
    ({"iss": ISSUER + "."}, Cause.ISSUER),
    ({"iss": " " + ISSUER}, Cause.ISSUER),
    ({"iss": ISSUER.upper()}, Cause.ISSUER),
    ({"iss": "https://\u0456d.example"}, Cause.ISSUER),
    ({"iss": "https://id.\uff45xample"}, Cause.ISSUER),
    ({"iss": ISSUER + "\u200b"}, Cause.MALFORMED),
    ({"iss": [ISSUER]}, Cause.MALFORMED),
    ({"exp": ...}, Cause.MALFORMED),
    ({"iat": ...}, Cause.MALFORMED),
    ({"exp": str(NOW + 300)}, Cause.MALFORMED),
    ({"exp": True}, Cause.MALFORMED),
    ({"exp": None}, Cause.MALFORMED),
    ({"exp": [NOW + 300]}, Cause.MALFORMED),
    ({"exp": -1}, Cause.MALFORMED),
    ({"exp": 10**400}, Cause.MALFORMED),
    ({"exp": 253_402_300_800}, Cause.MALFORMED),
    ({"exp": 253_402_300_799}, Cause.LIFETIME),
    ({"nbf": "0"}, Cause.MALFORMED),
    ({"sub": 7}, Cause.MALFORMED),
    ({"sub": "a" * 257}, Cause.MALFORMED),
    ({"sub": "a\nb"}, Cause.MALFORMED),
    ({"cnf": "jkt"}, Cause.MALFORMED),
]


@pytest.mark.parametrize(("changed", "reason"), CLAIMS, ids=str)
def test_each_claim_has_its_reason(changed: dict[str, object], reason: str) -> None:
    """One claim is changed in a token that is good otherwise, and rightly signed."""
    assert code(ED.token(claims(**changed))) == reason


@pytest.mark.parametrize("exp", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 5000, "0x10", "1800000300e"])
def test_numbers_that_are_none_are_no_dates(exp: str) -> None:
    """What some JSON readers take and others do not, and numbers without end."""
    payload = json.dumps(claims(exp=...))[:-1] + f', "exp": {exp}}}'
    assert code(ED.token(payload)) == Cause.MALFORMED


PAYLOADS = [
    f'{{"iss": "{ISSUER}", "iss": "https://evil.example"}}',
    '{"cnf": {"jkt": "a", "jkt": "b"}}',
    '{"sub": "\\ud800"}',
    "[]",
    '"text"',
    "{}x",
    "\ufeff{}",
    "",
    "{'iss': 1}",
    "[" * 8000,
    '{"a":' * 1500,
    b64(b"{}"),
]


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload[:20])
def test_a_payload_must_be_one_plain_object(payload: str) -> None:
    """Members that stand twice, half surrogates, other JSON and none: two readers must never differ about a token."""
    assert code(ED.token(payload)) == Cause.MALFORMED


HEADERS = [
    ({"alg": "none"}, Cause.UNSIGNED),
    ({"alg": "NONE"}, Cause.UNSIGNED),
    ({"alg": "nOnE"}, Cause.UNSIGNED),
    ({"alg": " none"}, Cause.UNSIGNED),
    ({"alg": ...}, Cause.MALFORMED),
    ({"alg": ""}, Cause.MALFORMED),
    ({"alg": None}, Cause.MALFORMED),
    ({"alg": ["EdDSA"]}, Cause.MALFORMED),
    ({"alg": "eddsa"}, Cause.ALGORITHM),
    ({"alg": "EdDSA "}, Cause.ALGORITHM),
    ({"alg": "es256"}, Cause.ALGORITHM),
    ({"alg": "RS1"}, Cause.ALGORITHM),
    ({"alg": "ES256"}, Cause.ALGORITHM),
    ({"alg": "HS256"}, Cause.SYMMETRIC),
    ({"alg": "hs512"}, Cause.SYMMETRIC),
    ({"typ": "JWT"}, Cause.TYP),
    ({"typ": ...}, Cause.TYP),
    ({"typ": "dpop+jwt"}, Cause.TYP),
    ({"typ": "mattegate-browser+jwt"}, Cause.TYP),
    ({"typ": "application/application/at+jwt"}, Cause.TYP),
    ({"typ": ["at+jwt"]}, Cause.MALFORMED),
    ({"typ": "application/at+jwt"}, ""),
    ({"typ": "AT+JWT"}, ""),
    ({"crit": ["exp"]}, Cause.CRITICAL),
    ({"crit": []}, Cause.CRITICAL),
    ({"b64": False, "crit": ["b64"]}, Cause.UNENCODED),
    ({"b64": False}, Cause.UNENCODED),
    ({"b64": None}, Cause.UNENCODED),
    ({"jwk": ED.jwk}, Cause.EMBEDDED_KEY),
    ({"jku": "https://evil.example/jwks"}, Cause.EMBEDDED_KEY),
    ({"x5u": "https://evil.example/cert"}, Cause.EMBEDDED_KEY),
    ({"x5c": ["MIIB"]}, Cause.EMBEDDED_KEY),
    ({"cty": "JWT"}, Cause.NESTED),
    ({"kid": "../../../../dev/null"}, Cause.UNKNOWN_KEY),
    ({"kid": "' OR 1=1 --"}, Cause.UNKNOWN_KEY),
    ({"kid": "ed-1 "}, Cause.UNKNOWN_KEY),
    ({"kid": "ed-1\u0000"}, Cause.UNKNOWN_KEY),
    ({"kid": "a" * 2000}, Cause.UNKNOWN_KEY),
    ({"kid": 1}, Cause.MALFORMED),
    ({"kid": None}, Cause.MALFORMED),
    ({"kid": ...}, ""),
    ({"unheard": {"of": [1]}, "x5t": "abc"}, ""),
]


@pytest.mark.parametrize(("header", "reason"), HEADERS, ids=str)
def test_each_header_has_its_reason(header: dict[str, object], reason: str) -> None:
    """The token is signed over the header as it stands, so nothing but the header is wrong."""
    assert code(ED.token(header=header)) == reason


SHAPES = [
    "", ".", "..", "...", "a.b", "a.b.c.d", "a.b.c.d.e", "é.b.c", "\ud800.b.c",
    json.dumps({"payload": segment(claims()), "protected": segment({"alg": "EdDSA"}), "signature": "AA"}),
    json.dumps({"payload": segment(claims()), "signatures": [{"protected": segment({"alg": "EdDSA"})}]}),
]  # fmt: skip


@pytest.mark.parametrize("text", SHAPES)
def test_other_shapes_are_no_tokens(text: str) -> None:
    """Nothing, too little, too much, encryption, and JSON instead of the compact form."""
    assert code(text) == Cause.MALFORMED


def test_a_token_has_one_spelling() -> None:
    """Padding, blanks, line ends, the other alphabet, and unused bits make it another text, which is none."""
    good = ed_signer(kid="k").token()
    keys = ed_signer(kid="k").keys
    first, second, third = good.split(".")
    assert code(good, keys) == ""
    unused = {letter: chr(ord(letter) + 1) for letter in "AQgw"}[third[-1]]
    for text in (
        f" {good}", f"{good}\n", f"{good}=", f"{good}==", f"{first}=.{second}.{third}", f"{first}. {second}.{third}",
        f"{first}.{second}.{third[:-1]}{unused}", f"{first}.{second}\n.{third}", f"{first}?.{second}.{third}",
        f"{good}.", f".{good}", good.replace("-", "+").replace("_", "/") if set("-_") & set(good) else f"{good}+",
    ):  # fmt: skip
        assert code(text, keys) == Cause.MALFORMED, text


@given(st.integers(0, 10_000), st.integers(1, 63))
def test_one_changed_letter_spoils_it(at: int, by: int) -> None:
    """Whatever letter of a good token becomes whatever other, it is refused."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    good = ED.token()
    at %= len(good)
    old = letters.find(good[at])
    new = letters[(old + by) % 64]
    assert code(good[:at] + new + good[at + 1 :]) != ""


def test_sizes_are_bounded() -> None:
    """A token of 16 KiB is read; a longer one, and one with an enormous header, are not."""
    room = 16_384 - len(ED.token(claims(filler="")))
    assert code(ED.token(claims(filler="a" * (room * 3 // 4 - 8)))) == ""
    assert code(ED.token(claims(filler="a" * room))) == Cause.MALFORMED
    assert code(ED.token(header={"filler": "a" * 4000})) == Cause.MALFORMED


def test_a_public_key_is_no_shared_secret() -> None:
    """HS256 over the RSA public key as PEM, as DER and as modulus: the oldest confusion there is."""
    signer = rsa_signer()
    assert isinstance(signer.pem_source, rsa.RSAPrivateKey)
    public = signer.pem_source.public_key()
    for secret in (
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.PKCS1),
        signer.jwk["n"].encode(),
    ):
        assert code(hmac_token(secret, kid="rsa-1"), signer.keys) == Cause.SYMMETRIC
        assert code(hmac_token(secret, "RS256", kid="rsa-1"), signer.keys) == Cause.SIGNATURE


ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.mark.parametrize("first", [0, 1, ORDER - 1, ORDER, 2**256 - 1])
@pytest.mark.parametrize("second", [0, 1, ORDER - 1, ORDER, 2**256 - 1])
def test_psychic_signatures_are_refused(first: int, second: int) -> None:
    """The numbers of an ECDSA signature at the edges of what is allowed, zero above all."""
    good = ec_signer().token().rpartition(".")[0]
    forged = b64(first.to_bytes(32, "big") + second.to_bytes(32, "big"))
    assert code(f"{good}.{forged}", ec_signer().keys) == Cause.SIGNATURE


def test_signatures_in_der_are_refused() -> None:
    """The encoding that certificates use is not the one of tokens, nor is one with zeros in front or behind."""
    signer = ec_signer()
    signed, _, signature = signer.token().rpartition(".")
    raw = signer.sign(signed.encode())
    halves = raw[:32], raw[32:]
    der = b"".join(b"\x02\x21\x00" + half for half in halves)
    for wrong in (b"\x30" + bytes([len(der)]) + der, raw + b"\0", b"\0" + raw, raw[:-1], b"", halves[1] + halves[0]):
        assert code(f"{signed}.{b64(wrong)}", signer.keys) == Cause.SIGNATURE
    assert code(f"{signed}.{signature}", signer.keys) == ""


def test_one_padding_is_not_the_other() -> None:
    """RS256 does not pass for PS256 of the same key, nor with another hash."""
    for made, stated in (("RS256", "PS256"), ("PS256", "RS256"), ("RS512", "RS256"), ("PS384", "PS256")):
        signer = rsa_signer(made)
        assert code(signer.token(header={"alg": stated}), signer.keys) == Cause.SIGNATURE


def test_id_tokens_do_not_pass_where_the_type_says_nothing() -> None:
    """Issuers that write ``JWT`` on everything: what marks an ID token or a security event gives it away."""
    assert code(ED.token(header={"typ": "JWT"}), rules=LAX) == ""
    assert code(ED.token(header={"typ": ...}), rules=LAX) == ""
    for mark in ("nonce", "at_hash", "c_hash", "events"):
        assert code(ED.token(claims(**{mark: "x"}), {"typ": "JWT"}), rules=LAX) == Cause.TYP
        assert code(ED.token(claims(**{mark: "x"})), rules=LAX) == ""
    assert code(ED.token(header={"typ": "dpop+jwt"}), rules=LAX) == Cause.TYP


def test_a_token_in_a_token_is_refused() -> None:
    """Signed twice, with or without saying so."""
    inner = ED.token()
    assert code(ED.token(inner, {"cty": "jwt"})) == Cause.NESTED
    assert code(ED.token(inner)) == Cause.MALFORMED


def test_which_key_is_meant_must_be_clear() -> None:
    """By id and algorithm; without an id only where one key alone fits."""
    other = ed_signer(kid="ed-2", seed=b"\2" * 32)
    both = published(ED.jwk, other.jwk)
    assert code(ED.token(), both) == ""
    assert code(ED.token(header={"kid": "ed-2"}), both) == Cause.SIGNATURE
    assert code(ED.token(header={"kid": ...}), both) == Cause.UNKNOWN_KEY
    assert code(ED.token(header={"kid": ...}), published(ED.jwk, rsa_signer().jwk)) == ""
    assert code(ED.token(), published(ED.jwk, {**other.jwk, "kid": "ed-1"})) == Cause.UNKNOWN_KEY
    assert code(ED.token(), published(ED.jwk, {**rsa_signer().jwk, "kid": "ed-1"})) == ""
    assert code(ED.token(), KeySet()) == Cause.UNKNOWN_KEY


def test_the_stamps_of_a_refusal_can_be_read() -> None:
    """Whoever reads the record sees when it expired, what time it was, and the difference."""
    verdict = verify(ED.token(claims(exp=NOW - 100, iat=NOW - 200)), ED.keys, RULES, at=NOW)
    assert isinstance(verdict, Verdict)
    assert verdict.facts == {"expired": "2027-01-15T07:58:20Z", "now": "2027-01-15T08:00:00Z", "late_s": 100.0}
    assert stamp(float("inf")) == "inf"


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": ""}, {"audiences": ()}, {"audiences": ("",)}, {"algorithms": ()}, {"algorithms": ("HS256",)},
        {"algorithms": ("none",)}, {"types": ()}, {"types": ("dpop+jwt",)}, {"leeway_s": -1}, {"max_lifetime_s": 0},
        {"leeway_s": float("nan")},
    ],
    ids=str,
)  # fmt: skip
def test_rules_that_verify_nothing_cannot_be_made(wrong: dict[str, object]) -> None:
    """A mistake in the settings stops the start, and opens nothing."""
    with pytest.raises(ValueError, match=r"."):
        replace(RULES, **wrong)  # type: ignore[arg-type]


@given(st.one_of(st.text(), st.from_regex(r"[\w-]{0,9}\.[\w-]{0,9}\.[\w-]{0,9}"), st.binary().map(b64)))
def test_no_text_raises(text: str) -> None:
    """Whatever is presented is answered."""
    assert code(text) != ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["alg", "kid", "typ", "cty", "crit", "jwk", "b64", "iss", "sub", "aud", "exp", "nbf", "cnf"])


@given(st.dictionaries(NAMES, JSON, max_size=4), st.dictionaries(NAMES, JSON, max_size=4))
def test_no_signed_value_raises(header: dict[str, object], payload: dict[str, object]) -> None:
    """An issuer that was taken over signs whatever it likes."""
    verdict = verify(ED.token(claims(**payload), header), ED.keys, RULES, at=NOW)
    assert isinstance(verdict, Verdict | TokenClaims)


@pytest.mark.parametrize("signer", [ED, ec_signer()], ids=["EdDSA", "ES256"])
def test_verifying_takes_half_a_millisecond_at_most(signer: Signer) -> None:
    """The best of many, since other work on the machine can only add to it."""
    text, keys, best_s = signer.token(), signer.keys, 1.0
    for _ in range(200):
        start = perf_counter()
        verify(text, keys, RULES, at=NOW)
        best_s = min(best_s, perf_counter() - start)
    assert best_s < 500e-6
