"""What a signature is and is not, decided: beside the key, over the wire, and next to TLS."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mattegate.gate.case import caller_of, proven_keys, uses_of
from mattegate.gate.decide import decide
from mattegate.gate.rules import Rules
from mattegate.vocabulary.attempt import Channel, Presented
from mattegate.vocabulary.decision import Allowed, Needs, Refused
from mattegate.vocabulary.facts import CredentialFact, FactName, Facts, KeyKind, KeyView, ProofFact, Uses
from mattegate.vocabulary.proofs import ShownCertificate, Stated
from mattegate.vocabulary.rulebook import TransportRules
from tests.gate.situations import ALICE, ATTEMPT, FACTS, KEY, RULEBOOK, RULES

SIGNER = KeyView("s_1", ALICE, kind=KeyKind.SIGNING, algorithm="hmac-sha256")
SIGNED = replace(
    ATTEMPT,
    credentials=(Presented(Channel.SIGNATURE, scheme="hmac", key_id="s_1"),),
    signature=Stated("hmac", "s_1", created=ATTEMPT.at, nonce="0123456789abcdef"),
)
PROVEN = replace(
    FACTS, credential=None, signature=ProofFact(SIGNER, uses=(Uses("signature:s_1", "0123456789abcdef", 9e9),))
)  # fmt: skip


def refusal(decision: Allowed | Refused | Needs) -> str:
    """The reason of a refusal."""
    assert isinstance(decision, Refused)
    return decision.finding.reason


def test_a_signature_alone_is_a_credential() -> None:
    """Who signs is who pays, and what it uses up is claimed."""
    assert isinstance(decide(SIGNED, PROVEN, RULES), Allowed)
    assert caller_of(SIGNED, PROVEN, RULES) is SIGNER
    assert [use.value for use in uses_of(PROVEN)] == ["0123456789abcdef"]


def test_a_signature_does_not_stand_in_for_encryption() -> None:
    """Where HTTPS is required, a signed request over plain HTTP is refused before its signature is looked at."""
    rules = Rules.of(replace(RULEBOOK, transport=TransportRules(require_tls=True)))
    assert refusal(decide(SIGNED, PROVEN, rules)) == "transport.insecure"
    assert isinstance(decide(replace(SIGNED, tls=True), PROVEN, rules), Allowed)


def test_whoever_has_the_key_cannot_sign_with_it() -> None:
    """Key and secret are two: an API key that leaked does not satisfy what requires a signature."""
    both = replace(KEY, require=("key", "signature"))
    facts = replace(FACTS, credential=CredentialFact(both, proven=True))
    assert refusal(decide(ATTEMPT, facts, RULES)) == "signature.required"


def test_whoever_has_the_secret_still_needs_the_key() -> None:
    """And the other way round."""
    facts = replace(PROVEN, signature=ProofFact(replace(SIGNER, require=("key", "signature"))))
    assert refusal(decide(SIGNED, facts, RULES)) == "credential.required"


@pytest.mark.parametrize("required", [True, False])
def test_a_key_and_a_signature_go_together_only_where_both_are_required(required: bool) -> None:
    """Otherwise it would have to be guessed which of the two counts."""
    both = replace(SIGNED, credentials=(*ATTEMPT.credentials, *SIGNED.credentials))
    signer = replace(SIGNER, require=("key", "signature") if required else ())
    decision = decide(both, replace(PROVEN, credential=FACTS.credential, signature=ProofFact(signer)), RULES)
    if required:
        assert isinstance(decision, Allowed)
    else:
        assert refusal(decision) == "request.ambiguous_credentials"


def test_a_key_and_the_signature_of_somebody_else_never_go_together() -> None:
    """A stolen key and a signing key of one's own are not one account."""
    both = replace(SIGNED, credentials=(*ATTEMPT.credentials, *SIGNED.credentials))
    stranger = replace(SIGNER, identity=replace(ALICE, id="i_bob"), require=("key", "signature"))
    facts = replace(PROVEN, credential=FACTS.credential, signature=ProofFact(stranger))
    assert refusal(decide(both, facts, RULES)) == "request.ambiguous_credentials"


def test_every_key_that_is_shown_narrows() -> None:
    """Bindings of the signing key hold although the API key beside it has none."""
    both = replace(SIGNED, credentials=(*ATTEMPT.credentials, *SIGNED.credentials))
    signer = replace(SIGNER, require=("key", "signature"), addresses=("198.51.100.0/24",))
    facts = replace(PROVEN, credential=FACTS.credential, signature=ProofFact(signer))
    assert refusal(decide(both, facts, RULES)) == "policy.address"


def test_nothing_dear_is_asked_for_before_everything_cheap_has_passed() -> None:
    """The signature is asked for only behind network, flood and origin; the claim only behind the signature."""
    assert decide(SIGNED, Facts(flood=FACTS.flood), RULES) == Needs(
        FactName.SIGNATURE, decide(SIGNED, PROVEN, RULES).findings[:8]
    )
    assert isinstance(decide(replace(SIGNED, host=""), Facts(), RULES), Needs)
    asked = decide(SIGNED, replace(PROVEN, claim=None), RULES)
    assert isinstance(asked, Needs)
    assert asked.fact is FactName.CLAIM


def test_a_certificate_of_another_account_is_not_the_one_required() -> None:
    """It proves who somebody is, but not that it is the one who pays."""
    needing = replace(KEY, require=("certificate",))
    attempt = replace(ATTEMPT, certificate=ShownCertificate("ab" * 32, "CN=bob"))
    bob = replace(KEY, id="c_1", identity=replace(ALICE, id="i_bob"), kind=KeyKind.CERTIFICATE)
    facts = replace(FACTS, credential=CredentialFact(needing, proven=True), certificate=ProofFact(bob))
    assert refusal(decide(attempt, facts, RULES)) == "credential.certificate_required"
    mine = replace(facts, certificate=ProofFact(replace(bob, identity=ALICE)))
    assert isinstance(decide(attempt, mine, RULES), Allowed)


def test_a_proof_that_failed_is_nobodys() -> None:
    """Whose key it claims to be is known to the record and counts for nothing."""
    facts = replace(PROVEN, signature=ProofFact(SIGNER, "signature.mismatch", {"differs": "", "hint": ""}))
    assert proven_keys(facts) == ()
    assert refusal(decide(SIGNED, facts, RULES)) == "signature.mismatch"
