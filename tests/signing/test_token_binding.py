"""Tokens that need a key or a certificate beside them: whoever has only the token has nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.signing.message import Message, Verdict
from mattegate.signing.tokens.address import normal_address
from mattegate.signing.tokens.binding import NOTHING, Possession, thumbprint_of
from mattegate.signing.tokens.causes import Cause
from mattegate.signing.tokens.challenge import description_of
from mattegate.signing.tokens.claims import TokenClaims
from mattegate.signing.tokens.dpop import Proof, ProofRules, make_proof, proof_nonces, verify_proof
from mattegate.signing.tokens.rules import Binding
from mattegate.signing.tokens.signing_keys import SigningKey
from mattegate.signing.tokens.verify import verify
from tests.signing.token_makers import NOW, RULES, Signer, b64, claims, ec_signer, ed_signer, rsa_signer

ED = ed_signer()
TOKEN = "a.b.c"
KEY, OTHER = (Possession(key=b64(sha256(seed).digest())) for seed in (b"key", b"other"))
CERTIFICATE = Possession(certificate=thumbprint_of(sha256(b"certificate").hexdigest()))
BOTH = Possession(KEY.key, CERTIFICATE.certificate)

BINDINGS = [
    ({}, Binding.NONE, NOTHING, ""),
    ({}, Binding.NONE, CERTIFICATE, ""),
    ({}, Binding.NONE, KEY, Cause.BINDING_MISMATCH),
    ({}, Binding.DPOP, NOTHING, Cause.BINDING_REQUIRED),
    ({}, Binding.MTLS, CERTIFICATE, Cause.BINDING_REQUIRED),
    ({}, Binding.ANY, NOTHING, Cause.BINDING_REQUIRED),
    ({"jkt": KEY.key}, Binding.NONE, KEY, ""),
    ({"jkt": KEY.key}, Binding.DPOP, KEY, ""),
    ({"jkt": KEY.key}, Binding.ANY, BOTH, ""),
    ({"jkt": KEY.key}, Binding.NONE, NOTHING, Cause.BINDING_MISSING),
    ({"jkt": KEY.key}, Binding.NONE, OTHER, Cause.BINDING_MISMATCH),
    ({"jkt": KEY.key}, Binding.MTLS, BOTH, Cause.BINDING_REQUIRED),
    ({"x5t#S256": CERTIFICATE.certificate}, Binding.MTLS, CERTIFICATE, ""),
    ({"x5t#S256": CERTIFICATE.certificate}, Binding.NONE, NOTHING, Cause.BINDING_MISSING),
    ({"x5t#S256": KEY.key}, Binding.NONE, CERTIFICATE, Cause.BINDING_MISMATCH),
    ({"x5t#S256": CERTIFICATE.certificate, "jkt": KEY.key}, Binding.ANY, BOTH, ""),
    ({"x5t#S256": CERTIFICATE.certificate, "jkt": KEY.key}, Binding.ANY, KEY, Cause.BINDING_MISSING),
    ({"kid": "k"}, Binding.NONE, BOTH, Cause.BINDING_MISMATCH),
    ({"jkt": 7}, Binding.NONE, KEY, Cause.MALFORMED),
    ({"jkt": "é"}, Binding.NONE, KEY, Cause.BINDING_MISMATCH),
]


@pytest.mark.parametrize(("bound", "required", "possession", "reason"), BINDINGS)
def test_a_bound_token_needs_what_it_is_bound_to(
    bound: dict[str, object], required: Binding, possession: Possession, reason: str
) -> None:
    """Whether or not the rules ask for it; and a rule that asks is not met by another binding."""
    token = ED.token(claims(cnf=bound) if bound else claims())
    outcome = verify(token, ED.keys, replace(RULES, binding=required), at=NOW, possession=possession)
    assert (outcome.code if isinstance(outcome, Verdict) else "") == reason
    if isinstance(outcome, Verdict):
        assert description_of(outcome)


def test_a_certificate_is_named_by_its_bytes() -> None:
    """From DER, or from the fingerprint that a proxy sends in hex."""
    assert thumbprint_of(sha256(b"certificate").hexdigest()) == CERTIFICATE.certificate
    with pytest.raises(ValueError, match="hex"):
        thumbprint_of("zz")


CLIENT = SigningKey.from_seed(b"\3" * 32, "ES256")
MESSAGE = Message("POST", b"/v1/remove-bg", b"size=full", (), "https", "api.example")
ADDRESS = "https://api.example/v1/remove-bg"


def proven(value: str, message: Message = MESSAGE, *, rules: ProofRules | None = None, at: float = NOW) -> str:
    """The reason why a proof is refused; empty where it is good."""
    sent = replace(message, headers=((b"dpop", value.encode("utf-8", "surrogatepass")),))
    outcome = verify_proof(sent, TOKEN, rules or ProofRules(), at=at)
    if isinstance(outcome, Proof):
        return ""
    assert description_of(outcome).isascii()
    return outcome.code


def proof(signer: Signer | None = None, header: Mapping[str, object] | None = None, **changed: object) -> str:
    """A proof made without our own code; ``...`` leaves something out."""
    by = signer or ec_signer()
    ath = b64(sha256(TOKEN.encode()).digest())
    usual: dict[str, object] = {"jti": "p-1", "htm": "POST", "htu": ADDRESS, "iat": NOW, "ath": ath, **changed}
    payload = {name: value for name, value in usual.items() if value is not ...}
    return by.token(payload, {"kid": ..., "typ": "dpop+jwt", "jwk": by.jwk, **(header or {})})


def test_our_own_client_proves_itself() -> None:
    """What the client's half makes, the server's half takes, and tells what must be used once."""
    value = make_proof(CLIENT, "POST", ADDRESS + "?size=full#x", at=NOW, token_id="once", token=TOKEN)
    outcome = verify_proof(replace(MESSAGE, headers=((b"dpop", value.encode()),)), TOKEN, ProofRules(), at=NOW)
    assert isinstance(outcome, Proof)
    assert outcome.thumbprint == CLIENT.public.thumbprint
    assert outcome.keep_until == NOW + 120
    assert len(outcome.replay_key) == 64


def test_the_example_of_the_standard_verifies() -> None:
    """RFC 9449, section 7.1: proof, token and address as printed there."""
    value = (
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJo"
        "RjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJ"
        "qdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNv"
        "dXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqz"
        "hrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
    )
    message = Message("GET", b"/protectedresource", b"", ((b"dpop", value.encode()),), "https", "resource.example.org")
    token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
    outcome = verify_proof(message, token, ProofRules(), at=1_562_262_618)
    assert isinstance(outcome, Proof)
    assert outcome.thumbprint == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


PROOFS = [
    (proof(), ""),
    (proof(ed_signer()), ""),
    (proof(ed_signer("Ed25519")), ""),
    (proof(htu=ADDRESS + "?other=1#f"), ""),
    (proof(htu="HTTPS://API.example:443/v1/./x/../remove%2dbg"), ""),
    (proof(iat=NOW - 119), ""),
    (proof(iat=NOW + 29), ""),
    (proof(rsa_signer()), Cause.PROOF_ALGORITHM),
    (proof(header={"alg": "none"}), Cause.PROOF_ALGORITHM),
    (proof(header={"alg": "HS256"}), Cause.PROOF_ALGORITHM),
    (proof(header={"alg": "EdDSA"}), Cause.PROOF_MALFORMED),
    (proof(header={"typ": "JWT"}), Cause.PROOF_MALFORMED),
    (proof(header={"typ": "at+jwt"}), Cause.PROOF_MALFORMED),
    (proof(header={"jwk": ...}), Cause.PROOF_MALFORMED),
    (proof(header={"jwk": {**ec_signer().jwk, "d": "AQ"}}), Cause.PROOF_MALFORMED),
    (proof(header={"jwk": {"kty": "oct", "k": "AQ"}}), Cause.PROOF_MALFORMED),
    (proof(header={"jwk": [1]}), Cause.PROOF_MALFORMED),
    (proof(header={"jwk": ec_signer(secret=9).jwk}), Cause.PROOF_SIGNATURE),
    (proof(header={"jku": "https://evil.example"}), Cause.PROOF_MALFORMED),
    (proof(header={"crit": ["x"]}), Cause.PROOF_MALFORMED),
    (proof(htm="GET"), Cause.PROOF_METHOD),
    (proof(htm="post"), Cause.PROOF_METHOD),
    (proof(htm=...), Cause.PROOF_METHOD),
    (proof(htu=...), Cause.PROOF_ADDRESS),
    (proof(htu=[ADDRESS]), Cause.PROOF_ADDRESS),
    (proof(htu="http://api.example/v1/remove-bg"), Cause.PROOF_ADDRESS),
    (proof(htu="https://api.example:8443/v1/remove-bg"), Cause.PROOF_ADDRESS),
    (proof(htu="https://api.example.evil.example/v1/remove-bg"), Cause.PROOF_ADDRESS),
    (proof(htu="https://api.example@evil.example/v1/remove-bg"), Cause.PROOF_ADDRESS),
    (proof(htu="https://api.example./v1/remove-bg"), Cause.PROOF_ADDRESS),
    (proof(htu="https://api.example/v1/remove-bg/"), Cause.PROOF_ADDRESS),
    (proof(htu="https://api.example/v1/REMOVE-BG"), Cause.PROOF_ADDRESS),
    (proof(htu="/v1/remove-bg"), Cause.PROOF_ADDRESS),
    (proof(iat=...), Cause.PROOF_MALFORMED),
    (proof(iat="1"), Cause.PROOF_MALFORMED),
    (proof(iat=NOW - 121), Cause.PROOF_STALE),
    (proof(iat=NOW + 31), Cause.PROOF_STALE),
    (proof(jti=...), Cause.PROOF_MALFORMED),
    (proof(jti=""), Cause.PROOF_MALFORMED),
    (proof(jti="j" * 300), Cause.PROOF_MALFORMED),
    (proof(ath=...), Cause.PROOF_TOKEN),
    (proof(ath=b64(sha256(b"another").digest())), Cause.PROOF_TOKEN),
    (ED.token(), Cause.PROOF_MALFORMED),
    ("", Cause.PROOF_MALFORMED),
    ("é", Cause.PROOF_MALFORMED),
    (proof(htm=..., htu=..., iat=..., jti=..., ath=...), Cause.PROOF_METHOD),
]  # fmt: skip


@pytest.mark.parametrize(("value", "reason"), PROOFS, ids=lambda part: str(part)[-40:])
def test_each_proof_has_its_reason(value: str, reason: str) -> None:
    """One thing is changed in a proof that is good otherwise."""
    assert proven(value) == reason


def test_one_proof_is_asked_for() -> None:
    """None is no proof, and of two nobody knows which one counts."""
    none = verify_proof(MESSAGE, TOKEN, ProofRules(), at=NOW)
    two = verify_proof(replace(MESSAGE, headers=((b"dpop", b"a"), (b"dpop", b"a"))), TOKEN, ProofRules(), at=NOW)
    assert isinstance(none, Verdict)
    assert isinstance(two, Verdict)
    assert (none.code, two.code) == (Cause.PROOF_MISSING, Cause.PROOF_MALFORMED)


def test_a_nonce_of_the_server_is_asked_for_where_it_says_so() -> None:
    """The current one and the one before it count; they need no store, and another secret has others."""
    current, previous = proof_nonces(b"secret", NOW)
    assert previous == proof_nonces(b"secret", NOW - 300)[0]
    assert proof_nonces(b"other", NOW) != (current, previous)
    for nonce, good in ((current, True), (previous, True), ("", False), (proof_nonces(b"secret", NOW - 900)[0], False)):
        value = make_proof(CLIENT, "POST", ADDRESS, at=NOW, token_id="n", token=TOKEN, nonce=nonce)
        sent = replace(MESSAGE, headers=((b"dpop", value.encode()),))
        outcome = verify_proof(sent, TOKEN, ProofRules(), at=NOW, nonces=(current, previous))
        assert isinstance(outcome, Proof) is good
        assert good or (isinstance(outcome, Verdict) and outcome.code == Cause.PROOF_NONCE)


def test_at_the_token_endpoint_no_token_is_asked_for() -> None:
    """There is none yet."""
    sent = replace(MESSAGE, headers=((b"dpop", make_proof(CLIENT, "POST", ADDRESS, at=NOW, token_id="n").encode()),))
    assert isinstance(verify_proof(sent, None, ProofRules(), at=NOW), Proof)


def test_a_proof_of_the_right_key_opens_a_bound_token() -> None:
    """The whole way: a token bound to the client's key, the proof, and the stolen token without it."""
    token = ED.token(claims(cnf={"jkt": CLIENT.public.thumbprint}))
    thief = SigningKey.from_seed(b"\4" * 32)
    outcomes = []
    for key in (CLIENT, thief):
        value = make_proof(key, "POST", ADDRESS, at=NOW, token_id="n", token=token)
        shown = verify_proof(replace(MESSAGE, headers=((b"dpop", value.encode()),)), token, ProofRules(), at=NOW)
        assert isinstance(shown, Proof)
        outcomes.append(verify(token, ED.keys, RULES, at=NOW, possession=Possession(key=shown.thumbprint)))
    assert isinstance(outcomes[0], TokenClaims)
    assert isinstance(outcomes[1], Verdict)


def test_replays_are_named_within_one_key() -> None:
    """The same ``jti`` of two clients is two, of one client one."""
    keys = set()
    for key, token_id in ((CLIENT, "a"), (CLIENT, "a"), (CLIENT, "b"), (SigningKey.from_seed(b"\5" * 32), "a")):
        value = make_proof(key, "POST", ADDRESS, at=NOW, token_id=token_id, token=TOKEN)
        outcome = verify_proof(replace(MESSAGE, headers=((b"dpop", value.encode()),)), TOKEN, ProofRules(), at=NOW)
        assert isinstance(outcome, Proof)
        keys.add(outcome.replay_key)
    assert len(keys) == 3


ADDRESSES = [
    ("https://a.example", "https://a.example/"),
    ("HTTPS://A.Example:443/x", "https://a.example/x"),
    ("http://a.example:80", "http://a.example/"),
    ("http://a.example:443/", "http://a.example:443/"),
    ("https://a.example:0443/", "https://a.example/"),
    ("https://a.example:0/", "https://a.example:0/"),
    ("https://[::1]:8443/x", "https://[::1]:8443/x"),
    ("https://a.example/%7euser/%2f%e4", "https://a.example/~user/%2F%E4"),
    ("https://a.example/a/../../b/./c/..", "https://a.example/b/"),
    ("https://a.example/a//b", "https://a.example/a//b"),
    ("https://a.example/%2e%2e/a", "https://a.example/a"),
    ("https://u@a.example/", None),
    ("https://a.example:x/", None),
    ("https://a.example:/", None),
    ("https://a.example/%zz", None),
    ("https://a.example/a b", None),
    ("https://a.example/\n", None),
    ("https://\u0430.example/", None),
    ("https:///x", None),
    ("ftp://a.example/", None),
    ("//a.example/", None),
    ("", None),
    ("https://a.example/" + "a" * 5000, None),
]


@pytest.mark.parametrize(("address", "normal"), ADDRESSES)
def test_addresses_are_compared_in_one_spelling(address: str, normal: str | None) -> None:
    """RFC 3986, sections 6.2.2 and 6.2.3; what could be read in two ways has none."""
    assert normal_address(address) == normal


@given(st.text(alphabet="htps:/.%2eaA?#@[]0:", max_size=40).map("https://a".__add__))
def test_a_normal_address_is_its_own(address: str) -> None:
    """Bringing it into normal form twice changes nothing more."""
    once = normal_address(address)
    assert once is None or normal_address(once) == once


@given(st.text())
def test_no_proof_raises(value: str) -> None:
    """Whatever stands in the header."""
    assert proven(value).startswith("token.proof_")


@pytest.mark.parametrize("algorithms", [(), ("HS256",), ("none",)])
def test_rules_for_proofs_name_algorithms_that_exist(algorithms: tuple[str, ...]) -> None:
    """And never one with a shared secret."""
    with pytest.raises(ValueError, match="algorithms"):
        ProofRules(algorithms)
