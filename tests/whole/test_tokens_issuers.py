"""Tokens of other issuers over the wire: who they are here, and what happens when their keys cannot be had."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import time
from typing import Any

import pytest

from mattegate.vocabulary.facts import KeyState
from tests.signing.token_makers import ec_signer, hmac_token, rsa_signer, segment
from tests.whole.test_tokens_own import PNG
from tests.whole.token_clients import OwnIssuer, TokenApi, giving, own_issuer, trusting

RSA = rsa_signer()
ELLIPTIC = ec_signer()


@pytest.fixture(scope="module")
def issuer() -> Iterator[OwnIssuer]:
    """An issuer with two keys."""
    with own_issuer(RSA, ELLIPTIC) as made:
        yield made


@pytest.fixture(scope="module")
def gate(issuer: OwnIssuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenApi]:
    """A server that trusts it: its roles are tiers, and one of its subjects is somebody here."""
    more: dict[str, Any] = {
        "tiers": {"image-team": "enterprise"}, "identities": {"8f3a": "alice", "none": "nobody"}, "types": ["at+jwt"],
    }  # fmt: skip
    with giving(tmp_path_factory.mktemp("issuers") / "home", PNG, tokens=trusting(issuer, **more)) as made:
        with made.accounts() as accounts:
            accounts.desk.create_identity("alice", tier="vip", actor="cli:test", scopes=("cutout",))
        yield made


@pytest.mark.parametrize("signer", [RSA, ELLIPTIC], ids=lambda signer: signer.algorithm)
def test_whoever_it_names_is_an_identity_of_its_own(gate: TokenApi, issuer: OwnIssuer, signer: Any) -> None:
    """With the tier of the role, the scopes that the map gives, and a usage book by its id."""
    token = issuer.token(signer, roles=["image-team", "other"])
    assert gate.cut(token).status_code == 200
    me = gate.whoami(token).json()
    assert me["identity"] == {"id": "okta:user-7", "name": "okta:user-7", "tier": "enterprise"}
    daily = next(limit for limit in me["limits"] if limit["name"] == "daily")
    assert daily["remaining"] < daily["limit"]


def test_a_subject_that_was_named_is_that_identity(gate: TokenApi, issuer: OwnIssuer) -> None:
    """It pays from the identity's own limits, has no scope that the identity lacks, and ends with it."""
    token = issuer.token(RSA, sub="8f3a")
    assert gate.cut(token).status_code == 200
    assert gate.whoami(token).json()["reason"] == "token.insufficient_scope"
    with gate.accounts() as accounts:
        accounts.desk.update_identity("alice", actor="cli:test", state=KeyState.DISABLED)
    assert gate.cut(token).json()["reason"] == "credential.identity_disabled"
    assert gate.cut(issuer.token(RSA, sub="none")).json()["reason"] == "token.identity"


def test_each_token_that_proves_nothing_has_its_reason(gate: TokenApi, issuer: OwnIssuer) -> None:
    """401 ``invalid_token``, or 403 where nobody is known by it; the answer, the header and the record agree."""
    now = int(time())
    forged = issuer.token(RSA)
    told = {
        "token.expired": issuer.token(RSA, exp=now - 90),
        "token.not_yet_valid": issuer.token(RSA, nbf=now + 120),
        "token.issued_in_future": issuer.token(RSA, iat=now + 120, exp=now + 200),
        "token.lifetime": issuer.token(RSA, exp=now + 90_000),
        "token.audience": issuer.token(RSA, aud="https://elsewhere.example"),
        "token.subject": issuer.token(RSA, sub=...),
        "token.issuer": issuer.token(RSA, iss="https://elsewhere.example"),
        "token.malformed": issuer.token(RSA, exp="soon"),
        "token.signature": forged[:-8] + ("AAAAAAAA" if forged[-8:] != "AAAAAAAA" else "BBBBBBBB"),
        "token.symmetric": hmac_token(b"secret", iss=issuer.url),
        "token.unsigned": f"{segment({'alg': 'none', 'typ': 'at+jwt'})}.{forged.split('.')[1]}.",
        "token.binding_missing": issuer.token(RSA, cnf={"jkt": "A" * 43}),
        "token.binding_mismatch": issuer.token(RSA, cnf={"x5u": "https://elsewhere.example"}),
    }
    payload = forged.split(".")[1]
    headers: dict[str, dict[str, object]] = {
        "token.typ": {"alg": "RS256", "kid": RSA.kid, "typ": "JWT"},
        "token.critical": {"alg": "RS256", "kid": RSA.kid, "typ": "at+jwt", "crit": ["x"]},
        "token.unencoded": {"alg": "RS256", "kid": RSA.kid, "typ": "at+jwt", "b64": False},
        "token.embedded_key": {"alg": "RS256", "kid": RSA.kid, "typ": "at+jwt", "jwk": RSA.jwk},
        "token.nested": {"alg": "RS256", "kid": RSA.kid, "typ": "at+jwt", "cty": "JWT"},
        "token.algorithm": {"alg": "ES512", "kid": RSA.kid, "typ": "at+jwt"},
        "token.unknown_key": {"alg": "RS256", "kid": "another", "typ": "at+jwt"},
    }
    told |= {reason: RSA.signed(segment(header), payload) for reason, header in headers.items()}
    for reason, token in told.items():
        refused = gate.whoami(token)
        assert (refused.json()["reason"], refused.status_code) == (reason, 401), token
        assert 'error="invalid_token"' in refused.headers["www-authenticate"], reason
        assert gate.reason(refused) == reason


def test_invented_key_ids_cause_no_load(gate: TokenApi, issuer: OwnIssuer) -> None:
    """The issuer is asked anew for an unknown key, but not for each of them."""
    before = len(issuer.asked)
    payload = issuer.token(RSA).split(".")[1]
    for number in range(20):
        header = {"alg": "RS256", "kid": f"made-up-{number}", "typ": "at+jwt"}
        assert gate.whoami(RSA.signed(segment(header), payload)).json()["reason"] == "token.unknown_key"
    assert len(issuer.asked) - before <= 2


def test_an_issuer_that_is_down_is_no_forged_token(tmp_path: Path) -> None:
    """503 with Retry-After: nobody knows whether the token is good; other proofs are judged as ever."""
    with own_issuer(RSA) as issuer:
        issuer.status = 500
        with giving(tmp_path / "home", PNG, tokens=trusting(issuer)) as gate:
            refused = gate.whoami(issuer.token(RSA))
            assert (refused.status_code, refused.json()["reason"]) == (503, "dependency.unavailable")
            assert int(refused.headers["retry-after"]) > 0
            assert "www-authenticate" not in refused.headers
            assert gate.reason(refused) == "dependency.keyset"
            key = gate.api.key("unconcerned")
            assert gate.whoami(key).status_code == 200
            assert gate.whoami(gate.token(key)).status_code == 200


def test_where_keys_lie_may_be_said(tmp_path: Path) -> None:
    """An issuer without metadata publishes its keys all the same."""
    with own_issuer(RSA) as issuer:
        tokens = trusting(issuer, jwks_uri=f"{issuer.url}/jwks")
        with giving(tmp_path / "home", PNG, tokens=tokens) as gate:
            assert gate.whoami(issuer.token(RSA)).status_code == 200
            assert issuer.asked == ["/jwks"]


def test_tokens_must_be_bound_where_the_operator_says_so(tmp_path: Path) -> None:
    """A bare token of that issuer is refused, and the challenge names the proof."""
    with own_issuer(RSA) as issuer, giving(tmp_path / "home", PNG, tokens=trusting(issuer, binding="dpop")) as gate:
        refused = gate.whoami(issuer.token(RSA))
        assert refused.json()["reason"] == "token.binding_required"
        assert refused.headers["www-authenticate"].startswith("DPoP ")


POLICIES = """
@id("self") permit (principal, action == Action::"read", resource);
@id("team") permit (principal in Group::"okta:image-team", action, resource);
@id("contractors") forbid (principal in Group::"okta:contractors", action, resource);
@id("scope") forbid (principal in Role::"keys", action, resource);
"""


def test_roles_reach_policies_behind_the_name_of_their_issuer(tmp_path: Path) -> None:
    """Two issuers that both call a role so are told apart, and no role of theirs is a scope of ours."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "roles.cedar").write_text(POLICIES)
    policies = {"folder": str(tmp_path / "policies")}
    with own_issuer(RSA) as okta, own_issuer(ELLIPTIC) as other:
        tokens = trusting(okta)
        tokens["issuers"]["other"] = {**tokens["issuers"]["okta"], "issuer": other.url, "prefix": "other:"}
        with giving(tmp_path / "home", PNG, tokens=tokens, policies=policies) as gate:
            assert gate.cut(okta.token(RSA, roles=["image-team", "okta:contractors", "keys", "*"])).status_code == 200
            told: dict[str, tuple[str, str]] = {
                "without": (okta.token(RSA), "policy.no_permit"),
                "elsewhere": (other.token(ELLIPTIC, roles=["image-team", "okta:image-team"]), "policy.no_permit"),
                "both": (okta.token(RSA, roles="image-team contractors"), "policy.denied"),
            }
            for name, (token, reason) in told.items():
                refused = gate.cut(token)
                assert (refused.status_code, refused.json()["reason"]) == (403, reason), name
            assert gate.whoami(told["without"][0]).status_code == 200
            key = gate.api.key("image-team")
            assert gate.cut(key).json()["reason"] == "policy.denied"  # by its scope, which is a role


def test_a_decision_keeps_the_groups_that_count_and_some_of_the_others(tmp_path: Path) -> None:
    """However many roles a token names, those that policies speak of are there; the record stays small."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "roles.cedar").write_text(POLICIES)
    with own_issuer(RSA) as okta:
        settings = {"tokens": trusting(okta), "policies": {"folder": str(tmp_path / "policies")}}
        with giving(tmp_path / "home", PNG, **settings) as gate:
            many = [f"role-{number}" for number in range(400)]
            refused = gate.cut(okta.token(RSA, roles=[*many, "image-team", "a\nb", "contractors"]))
            assert refused.json()["reason"] == "policy.denied"
            request_id = refused.headers["x-request-id"]
            record = next(record for record in gate.api.records(0) if record.request_id == request_id)
            assert record.facts.token is not None
            assert record.facts.token.key is not None
            groups = record.facts.token.key.groups
            assert groups[:3] == ("okta:image-team", "okta:contractors", "okta:role-0")
            assert len(groups) == 2 + 64
