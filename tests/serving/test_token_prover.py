"""The prover of tokens: what it was given is taken, and nothing that differs from it in one character."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from time import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.gate.decide import decide
from mattegate.gate.rules import Rules
from mattegate.ledger.protocols import Snapshot, StoredKey
from mattegate.serving.evidence import Evidence
from mattegate.serving.gatehouse import Gatehouse
from mattegate.serving.proving.issuer_keys import IssuerKeys
from mattegate.serving.proving.own_keys import OVERLAP_S, OwnKeys
from mattegate.serving.proving.tokens import TokenProver
from mattegate.serving.reading import read_attempt
from mattegate.serving.routes import CUTOUT, Match
from mattegate.serving.walk import Walk
from mattegate.signing.tokens.binding import Possession, thumbprint_of
from mattegate.signing.tokens.dpop import make_proof
from mattegate.signing.tokens.mint import AccessGrant, BrowserGrant, mint_access, mint_browser
from mattegate.signing.tokens.signing_keys import SigningKey
from mattegate.vocabulary.attempt import Channel
from mattegate.vocabulary.decision import Refused
from mattegate.vocabulary.facts import IdentityView, KeyView, ProofFact
from mattegate.vocabulary.proofs import ShownCertificate
from mattegate.vocabulary.rulebook import CorsRules, Rulebook, Tier
from mattegate.vocabulary.rulebook_of_tokens import OwnTokens, TokenIssuer
from mattegate.vocabulary.secrets import TokenSeeds, VersionedSecret
from tests.signing.token_makers import Signer, ec_signer
from tests.whole.token_clients import own_issuer

NOW = 1_800_000_000.0
ISSUER, SHOP = "https://api.test", "https://shop.example"
SEEDS = TokenSeeds((VersionedSecret(1, bytes(range(32))), VersionedSecret(2, bytes(range(1, 33)))))
KEYS = OwnKeys(SEEDS, started_at=NOW)
ALICE = IdentityView("id_alice", "alice", "free", scopes=("cutout", "self"))
KEY = KeyView("k1", ALICE)
SNAPSHOT = Snapshot(1, {"k1": StoredKey(KEY, b"", 1)}, {}, identities={"id_alice": ALICE}, named={"alice": ALICE})
RULES = Rules.of(
    Rulebook(
        tiers=(Tier("free"),),
        cors=CorsRules(origins=(SHOP,)),
        tokens=OwnTokens(ISSUER),
        issuers=(TokenIssuer("okta", "https://id.example", (ISSUER,), prefix="okta:"),),
    )
)
HOLDER = SigningKey.from_seed(bytes(range(5, 37)), "ES256")
ADDRESS = "https://api.test/v1/remove-bg"


def access(scopes: tuple[str, ...] = ("cutout",), key: SigningKey = KEYS.signing, bound: str = "", **more: Any) -> str:
    """An access token of ours."""
    grant = AccessGrant(ISSUER, ISSUER, "id_alice", "k1", scopes, 600, Possession(bound))
    return mint_access(key, replace(grant, **more), at=NOW - 10, token_id="t1")


def browser() -> str:
    """A token for a page of ours."""
    grant = BrowserGrant(ISSUER, ISSUER, "id_alice", "k1", SHOP, 3, 2_000_000, 300)
    return mint_browser(KEYS.signing, grant, at=NOW - 10, token_id="t1")


def judged(
    authorization: str,
    *headers: tuple[str, str],
    keys: Snapshot = SNAPSHOT,
    at: float = NOW,
    gives: bool = True,
    certificate: ShownCertificate | None = None,
) -> tuple[bool, ProofFact | None]:
    """Whether the gate's layers let a request pass as far as the token can say, and what the prover found."""
    lines = [("host", "api.test"), ("authorization", authorization), *headers]
    scope: dict[str, Any] = {
        "type": "http", "method": "POST", "path": "/v1/remove-bg", "raw_path": b"/v1/remove-bg", "query_string": b"",
        "scheme": "https", "client": ("203.0.113.9", 1),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in lines],
    }  # fmt: skip
    reading = read_attempt(scope, Match(CUTOUT, {}), RULES.rulebook.credential, request_id="req_1", at=at)
    walk = Gatehouse.begin(replace(reading, attempt=replace(reading.attempt, certificate=certificate)), RULES, keys)
    presented = reading.attempt.credentials
    if [one.channel for one in presented] not in ([Channel.TOKEN], [Channel.DPOP]) or reading.attempt.unreadable:
        return False, None
    prover = TokenProver(KEYS, IssuerKeys(), gives=gives)
    fact = asyncio.run(prover.prove(walk, reading.evidence, keys))
    walk.facts = replace(walk.facts, token=fact, flood=None)
    rules = replace(RULES, rulebook=replace(RULES.rulebook, flood=replace(RULES.rulebook.flood, enabled=False)))
    return not isinstance(decide(walk.attempt, walk.facts, rules), Refused), fact


def code_of(*args: Any, **kwargs: Any) -> str:
    """The reason of the prover."""
    fact = judged(*args, **kwargs)[1]
    assert fact is not None
    return fact.code


def test_an_access_token_is_its_key_narrowed() -> None:
    """With the scopes of the token that the key has, and nothing to use up."""
    passed, fact = judged(f"Bearer {access(('cutout', 'usage'))}")
    assert passed
    assert fact == ProofFact(replace(KEY, scopes=("cutout",)))


def test_a_page_token_is_its_key_for_one_page() -> None:
    """Cut-outs of a size, and so many of them."""
    passed, fact = judged(f"Bearer {browser()}", ("origin", SHOP))
    assert passed
    assert fact is not None
    assert fact.key == replace(KEY, scopes=("cutout",), megapixels=2)
    (use,) = fact.uses
    assert (use.subject, use.value, use.most, use.reason) == ("browser:k1", "t1", 3, "token.used_up")
    assert (use.repeated.most, use.repeated.repeated) == (9, use.repeated)
    assert use.until > NOW - 10 + 300
    assert code_of(f"Bearer {browser()}", ("origin", "https://other.example")) == "token.origin"
    assert code_of(f"Bearer {browser()}") == "token.origin"


def test_a_bound_token_uses_its_proof_up() -> None:
    """Once, until the proof is stale by itself."""
    token = access(bound=HOLDER.public.thumbprint)
    proof = make_proof(HOLDER, "POST", ADDRESS, at=NOW, token_id="p1", token=token)
    passed, fact = judged(f"DPoP {token}", ("dpop", proof))
    assert passed
    assert fact is not None
    (use,) = fact.uses
    assert (use.subject, use.most, use.reason) == (f"proof:{HOLDER.public.thumbprint}", 1, "token.replayed")
    assert code_of(f"DPoP {token}", ("dpop", proof), at=use.until) == "token.proof_stale"


def test_a_token_of_a_certificate_works_with_that_certificate_alone() -> None:
    """RFC 8705, section 3: the certificate of the connection, which another layer has judged before."""
    fingerprint = "ab" * 32
    bound = access(bound_to=Possession(certificate=thumbprint_of(fingerprint)))
    shown = ShownCertificate(fingerprint=fingerprint)
    assert code_of(f"Bearer {bound}", certificate=shown) == ""
    assert code_of(f"Bearer {bound}") == "token.binding_missing"
    assert code_of(f"Bearer {bound}", certificate=replace(shown, fingerprint="cd" * 32)) == "token.binding_mismatch"
    assert code_of(f"Bearer {bound}", certificate=replace(shown, problem="unreadable")) == "token.binding_missing"


def test_tokens_end_with_what_they_rest_on() -> None:
    """A key that is gone, an account that it left, a server that gives none any more."""
    text = f"Bearer {access()}"
    assert code_of(text, keys=Snapshot(1, {}, {})) == "token.identity"
    moved = {"k1": StoredKey(replace(KEY, identity=replace(ALICE, id="id_bob")), b"", 1)}
    assert code_of(text, keys=Snapshot(1, moved, {})) == "token.identity"
    assert code_of(text, gives=False) == "token.issuer"
    assert code_of(text, at=NOW + 605) == "token.expired"


def test_a_seed_that_was_rotated_out_is_worth_something_for_an_hour() -> None:
    """As long as a token may live that was signed before the rotation."""
    old = SigningKey.from_seed(SEEDS.of(1).secret)
    late = NOW + OVERLAP_S
    fresh = mint_access(old, AccessGrant(ISSUER, ISSUER, "id_alice", "k1", ("cutout",)), at=late, token_id="t2")
    assert code_of(f"Bearer {access(key=old)}") == ""
    assert code_of(f"Bearer {fresh}", at=late) == "token.unknown_key"
    assert len(KEYS.document(NOW)["keys"]) == 2
    assert len(KEYS.document(late)["keys"]) == 1


def test_a_key_of_our_own_proves_nothing_for_another_issuer() -> None:
    """And a page's token is no access token, nor the other way round: each has its type and its rules."""
    assert code_of(f"Bearer {access(issuer='https://elsewhere.example')}") == "token.issuer"
    assert code_of(f"Bearer {access(audience='https://elsewhere.example')}") == "token.audience"


GOOD: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "access": (f"Bearer {access()}", ()),
    "browser": (f"Bearer {browser()}", (("origin", SHOP),)),
    "bound": (
        f"DPoP {access(bound=HOLDER.public.thumbprint)}",
        (
            (
                "dpop",
                make_proof(HOLDER, "POST", ADDRESS, at=NOW, token_id="p", token=access(bound=HOLDER.public.thumbprint)),
            ),
        ),
    ),
}


@pytest.mark.parametrize("kind", GOOD)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_mutation_of_a_good_token_is_taken(kind: str, data: st.DataObject) -> None:
    """One character changed, left out or put in, in the token or in its proof: refused, and never a fault of ours."""
    text, headers = GOOD[kind]
    assert judged(text, *headers)[0]
    scheme, _, token = text.partition(" ")
    of_proof = kind == "bound" and data.draw(st.booleans())
    victim = headers[0][1] if of_proof else token
    place = data.draw(st.integers(0, len(victim) - 1))
    letter = data.draw(st.sampled_from("ABab01-_.=+/ "))
    changed = data.draw(
        st.sampled_from(
            [
                victim[:place] + letter + victim[place + 1 :],
                victim[:place] + victim[place + 1 :],
                victim[:place] + letter + victim[place:],
            ]
        )
    )
    if changed.strip(" ") == victim:
        return
    if of_proof:
        headers = (("dpop", changed),)
    else:
        text = f"{scheme} {changed}"
    assert not judged(text, *headers)[0]


def test_a_token_of_a_key_that_took_the_place_of_another_is_verified() -> None:
    """The issuer rotated without a new name; what fits neither key is refused, and asked about no more than once."""
    old, new, forger = (ec_signer(secret=secret) for secret in (7, 8, 9))

    async def story() -> None:
        clock = iter(range(0, 100_000, 40))
        with own_issuer(old) as issuer:
            trusted = TokenIssuer("okta", issuer.url, (ISSUER,), prefix="okta:")
            rules = Rules.of(replace(RULES.rulebook, issuers=(trusted,)))
            prover = TokenProver(KEYS, IssuerKeys(clock=lambda: float(next(clock))), gives=True)

            async def code(signer: Signer) -> str:
                walk, evidence = _asked(f"Bearer {issuer.token(signer, aud=ISSUER)}", rules)
                return (await prover.prove(walk, evidence, SNAPSHOT)).code

            assert await code(old) == ""
            issuer.keys[:] = [new.jwk]
            assert await code(new) == ""
            assert await code(old) == "token.signature"
            assert await code(forger) == "token.signature"
            assert await code(new) == ""

    asyncio.run(story())


def _asked(authorization: str, rules: Rules) -> tuple[Walk, Evidence]:
    scope: dict[str, Any] = {
        "type": "http", "method": "POST", "path": "/v1/remove-bg", "raw_path": b"/v1/remove-bg", "query_string": b"",
        "scheme": "https", "client": ("203.0.113.9", 1),
        "headers": [(b"host", b"api.test"), (b"authorization", authorization.encode())],
    }  # fmt: skip
    reading = read_attempt(scope, Match(CUTOUT, {}), rules.rulebook.credential, request_id="req_1", at=time())
    return Gatehouse.begin(reading, rules, SNAPSHOT), reading.evidence
