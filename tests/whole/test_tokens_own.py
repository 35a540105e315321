"""Tokens of this server over the wire: clients get them, use them, and lose them with their key."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from time import time
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from PIL import Image

from mattegate.ledger.desk_keys import Terms
from mattegate.signing.keys import id_of
from mattegate.signing.tokens.assertion import ASSERTION_TYPE
from mattegate.signing.tokens.signing_keys import SigningKey, sign_compact
from tests.whole.token_clients import CALM, ISSUER, SHOP, TokenApi, bearer, client_id, giving, proof_for


def _png(side: int) -> bytes:
    out = BytesIO()
    Image.new("RGB", (side, side), "teal").save(out, "PNG")
    return out.getvalue()


PNG = _png(8)


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenApi]:
    """One server for every story that leaves it as it was."""
    with giving(tmp_path_factory.mktemp("tokens") / "home", PNG) as made:
        yield made


@pytest.fixture(scope="module")
def key(gate: TokenApi) -> str:
    """An API key."""
    return gate.api.key("client")


def claims_of(token: str) -> dict[str, object]:
    """What a token says, unverified."""
    payload = token.split(".")[1]
    read: dict[str, object] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return read


def test_a_client_gets_a_token_and_makes_a_cutout_with_it(gate: TokenApi, key: str) -> None:
    """RFC 6749, section 4.4: the key as the client's secret, in HTTP Basic or in the form."""
    for answer in (
        gate.form((client_id(key), key)),
        gate.form(client_id=client_id(key), client_secret=key),
        gate.form(("client", key)),
    ):
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        told = answer.json()
        assert (told["token_type"], told["expires_in"], told["scope"]) == ("Bearer", 600, "cutout self usage")
        assert gate.cut(told["access_token"]).status_code == 200
        me = gate.whoami(told["access_token"]).json()
        assert (me["identity"]["name"], me["key"]["id"]) == ("client", client_id(key))


def test_a_token_has_no_more_than_was_asked_for(gate: TokenApi, key: str) -> None:
    """A narrowed token is refused by the standard's word where it does not reach."""
    token = gate.token(key, scope="self")
    assert gate.whoami(token).status_code == 200
    refused = gate.cut(token)
    assert (refused.status_code, refused.json()["reason"]) == (403, "token.insufficient_scope")
    challenge = refused.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="cutout"' in challenge


def test_a_token_cannot_make_keys_or_tokens(gate: TokenApi, key: str) -> None:
    """What outlives a token is beyond it."""
    asked = gate.form((client_id(key), key), scope="keys")
    assert (asked.status_code, asked.json()["error"]) == (400, "invalid_scope")
    assert gate.reason(asked) == "token.insufficient_scope"
    made = httpx2.post(f"{gate.api.url}/v1/browser-tokens", json={"origin": SHOP}, headers=bearer(gate.token(key)))
    assert (made.status_code, made.json()["reason"]) == (403, "token.minting")


@pytest.mark.parametrize(
    ("form", "error", "status"),
    [
        ({"grant_type": ""}, "invalid_request", 400),
        ({"grant_type": "password"}, "unsupported_grant_type", 400),
        ({"resource": "https://elsewhere.example"}, "invalid_target", 400),
        ({"scope": "self everything"}, "invalid_scope", 400),
        ({"client_secret": "x"}, "invalid_client", 401),
        ({"client_id": "somebody"}, "invalid_client", 401),
    ],
)
def test_each_refusal_of_the_token_endpoint_has_its_error(
    gate: TokenApi, key: str, form: dict[str, str], error: str, status: int
) -> None:
    """RFC 6749, section 5.2: JSON with the error, not to be kept, and recorded with its reason."""
    answer = gate.form((client_id(key), key), **form)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
    assert gate.reason(answer).startswith("token.")


def test_a_wrong_secret_is_challenged_and_told_to_pages_that_may_read_it(gate: TokenApi, key: str) -> None:
    """The answer to HTTP Basic challenges for it; CORS headers stand on errors too."""
    wrong = key[:-1] + ("a" if key[-1] != "a" else "b")
    answer = gate.form((client_id(key), wrong), {"Origin": SHOP})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Basic realm="mattegate"')
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert gate.reason(answer) == "token.client"


def test_what_is_no_form_is_told(gate: TokenApi) -> None:
    """JSON, nothing at all, a parameter that stands twice."""
    url = f"{gate.api.url}/oauth2/token"
    for answer in (
        httpx2.post(url, json={"grant_type": "client_credentials"}),
        httpx2.post(url, content=b"a=1&a=2", headers={"Content-Type": "application/x-www-form-urlencoded"}),
    ):
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert gate.form().json()["error"] == "invalid_client"


def test_a_client_may_sign_instead_and_only_once(gate: TokenApi) -> None:
    """private_key_jwt (RFC 7523): the signing key's public half lies here, and an assertion serves once."""
    signer = SigningKey.from_seed(bytes(range(32)), "ES256")
    pem = signer.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with gate.accounts() as accounts:
        accounts.desk.create_identity("signer", tier="vip", actor="cli:test", scopes=("cutout", "self"))
        minted = accounts.desk.create_signing_key("signer", actor="cli:test", terms=Terms(), public_key=pem)

    def assertion(jti: str, **changed: object) -> str:
        at = int(time())
        usual = {"iss": minted.id, "sub": minted.id, "aud": ISSUER, "iat": at, "exp": at + 60, "jti": jti}
        return sign_compact(signer, {"typ": "JWT"}, usual | changed)

    def ask(text: str) -> httpx2.Response:
        return gate.form(client_assertion_type=ASSERTION_TYPE, client_assertion=text)

    first = ask(assertion("one"))
    assert first.status_code == 200, first.text
    assert gate.cut(first.json()["access_token"]).status_code == 200
    again = ask(assertion("one"))
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")
    assert gate.reason(again) == "token.replayed"
    elsewhere = ask(assertion("two", aud="https://elsewhere.example"))
    assert gate.reason(elsewhere) == "token.audience"
    assert ask(assertion("three", aud=f"{ISSUER}/oauth2/token")).status_code == 200


def test_a_token_is_refused_once_its_key_is_revoked(gate: TokenApi) -> None:
    """On the very next request, with the key's own reason; and what narrows the key narrows its tokens."""
    key = gate.api.key("short-lived")
    token = gate.token(key)
    assert gate.whoami(token).status_code == 200
    with gate.accounts() as accounts:
        accounts.desk.update_key(client_id(key), actor="cli:test", models=("isnet-general-use",))
    assert gate.cut(token).json()["reason"] == "policy.model"
    with gate.accounts() as accounts:
        accounts.desk.revoke_key(client_id(key), actor="cli:test", why="test")
    assert gate.whoami(token).json()["reason"] == "credential.revoked"
    refused = gate.form((client_id(key), key))
    assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")


def test_the_documents_lead_to_the_keys(gate: TokenApi, key: str) -> None:
    """RFC 8414 and RFC 9728: a client that is refused finds out whom to ask, and anybody can verify our tokens."""
    bare = httpx2.get(f"{gate.api.url}/v1/whoami")
    assert f'resource_metadata="{ISSUER}/.well-known/oauth-protected-resource"' in bare.headers["www-authenticate"]
    resource = httpx2.get(f"{gate.api.url}/.well-known/oauth-protected-resource").json()
    assert (resource["resource"], resource["authorization_servers"]) == (ISSUER, [ISSUER])
    server = httpx2.get(f"{gate.api.url}/.well-known/oauth-authorization-server").json()
    assert server["issuer"] == ISSUER
    assert server["token_endpoint"] == f"{ISSUER}/oauth2/token"
    assert server["jwks_uri"] == f"{ISSUER}/.well-known/jwks.json"
    (published,) = httpx2.get(f"{gate.api.url}/.well-known/jwks.json").json()["keys"]
    assert published["kty"] == "OKP"
    header = gate.token(key).split(".")[0]
    assert json.loads(base64.urlsafe_b64decode(header + "=="))["kid"] == published["kid"]


def test_a_bound_token_needs_its_proof(gate: TokenApi, key: str) -> None:
    """RFC 9449: a token that was asked for with a proof is worth nothing without another proof of the same key."""
    holder = SigningKey.from_seed(bytes(range(1, 33)), "ES256")
    url = f"{gate.api.url}/oauth2/token"
    answer = gate.form((client_id(key), key), {"DPoP": proof_for(holder, "POST", url)})
    assert answer.json()["token_type"] == "DPoP"
    token, me = answer.json()["access_token"], f"{gate.api.url}/v1/whoami"

    def ask(proof: str, scheme: str = "DPoP") -> httpx2.Response:
        return httpx2.get(me, headers={"Authorization": f"{scheme} {token}", "DPoP": proof})

    proof = proof_for(holder, "GET", me, token)
    assert ask(proof).status_code == 200
    replayed = ask(proof)
    assert (replayed.status_code, replayed.json()["reason"]) == (401, "token.replayed")
    assert replayed.headers["www-authenticate"].startswith('DPoP realm="mattegate", error="invalid_dpop_proof"')
    assert 'algs="ES256 EdDSA Ed25519"' in replayed.headers["www-authenticate"]
    assert gate.whoami(token).json()["reason"] == "token.binding_missing"
    stranger = SigningKey.from_seed(bytes(range(2, 34)), "ES256")
    told = {
        "token.binding_mismatch": proof_for(stranger, "GET", me, token),
        "token.proof_method": proof_for(holder, "POST", me, token),
        "token.proof_address": proof_for(holder, "GET", me + "x", token),
        "token.proof_token": proof_for(holder, "GET", me, token + "x"),
        "token.proof_malformed": "not.a.proof",
    }
    for reason, one in told.items():
        assert ask(one).json()["reason"] == reason
    assert httpx2.get(me, headers={"Authorization": f"DPoP {token}"}).json()["reason"] == "token.proof_missing"
    bad = gate.form((client_id(key), key), {"DPoP": proof_for(holder, "GET", url)})
    assert (bad.status_code, bad.json()["error"]) == (400, "invalid_dpop_proof")


def test_proofs_hold_through_a_proxy_and_a_nonce(tmp_path: Path) -> None:
    """The address is the one that the client used, as the declared proxy says; the nonce is handed out as asked for."""
    holder = SigningKey.from_seed(bytes(range(1, 33)), "EdDSA")
    settings: dict[str, dict[str, Any]] = {
        "tokens": {"enabled": True, "issuer": ISSUER, "proof_nonce": True, "binding": "dpop"},
        "network": {"trusted_proxies": ["127.0.0.1"]},
    }
    with giving(tmp_path / "home", PNG, **settings) as gate:
        key = gate.api.key("proxied")
        proxy = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "api.test", "X-Forwarded-For": "203.0.113.9"}
        endpoint = f"{ISSUER}/oauth2/token"
        asked = gate.form((client_id(key), key), proxy | {"DPoP": proof_for(holder, "POST", endpoint)})
        assert (asked.status_code, asked.json()["error"]) == (400, "use_dpop_nonce")
        nonce = asked.headers["dpop-nonce"]
        given = gate.form((client_id(key), key), proxy | {"DPoP": proof_for(holder, "POST", endpoint, nonce=nonce)})
        token, me = given.json()["access_token"], f"{ISSUER}/v1/whoami"

        def ask(proof: str) -> httpx2.Response:
            headers = proxy | {"Authorization": f"DPoP {token}", "DPoP": proof}
            return httpx2.get(f"{gate.api.url}/v1/whoami", headers=headers)

        refused = ask(proof_for(holder, "GET", me, token))
        assert refused.json()["reason"] == "token.proof_nonce"
        assert 'error="use_dpop_nonce"' in refused.headers["www-authenticate"]
        assert ask(proof_for(holder, "GET", me, token, nonce=refused.headers["dpop-nonce"])).status_code == 200
        unproven = gate.form((client_id(key), key))
        assert (unproven.status_code, unproven.json()["error"]) == (400, "invalid_request")
        assert "the header DPoP (RFC 9449)" in unproven.json()["error_description"]
        assert gate.reason(unproven) == "token.binding_required"
        stranger = gate.form((client_id(key), key[:-1] + "!"))
        assert (stranger.status_code, stranger.json()["error"]) == (401, "invalid_client")


def test_one_time_values_are_remembered_across_a_restart(tmp_path: Path) -> None:
    """A proof that was used is refused by the next process as well, and so are the images of a page."""
    holder = SigningKey.from_seed(bytes(range(1, 33)), "ES256")
    with giving(tmp_path / "home", PNG) as gate:
        key = gate.api.key("lasting")
        url = gate.api.url
        asked = gate.form((client_id(key), key), {"DPoP": proof_for(holder, "POST", f"{url}/oauth2/token")})
        token, host = asked.json()["access_token"], url.removeprefix("http://")
        proof = proof_for(holder, "GET", f"{url}/v1/whoami", token)
        headers = {"Authorization": f"DPoP {token}", "DPoP": proof, "Host": host}
        assert httpx2.get(f"{url}/v1/whoami", headers=headers).status_code == 200
        page = gate.browser_token(key, images=1)
        assert gate.cut(page, Origin=SHOP).status_code == 200
    with giving(tmp_path / "home", PNG) as gate:
        again = httpx2.get(f"{gate.api.url}/v1/whoami", headers=headers)
        assert again.json()["reason"] == "token.replayed"
        assert gate.cut(page, Origin=SHOP).json()["reason"] == "token.used_up"


def test_a_page_makes_so_many_cutouts_and_no_more(gate: TokenApi, key: str) -> None:
    """A browser token is good for its origin, its images and their size; nothing of the key is in it."""
    token = gate.browser_token(key)
    assert id_of(key) == claims_of(token)["client_id"]
    assert key not in token
    preflight = httpx2.options(
        f"{gate.api.url}/v1/remove-bg",
        headers={
            "Origin": SHOP,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        },
    )
    assert preflight.headers["access-control-allow-origin"] == SHOP
    first = gate.cut(token, Origin=SHOP)
    assert (first.status_code, first.headers["access-control-allow-origin"]) == (200, SHOP)
    for elsewhere in ("https://other.example", ""):
        refused = gate.cut(token, **({"Origin": elsewhere} if elsewhere else {}))
        assert (refused.status_code, refused.json()["reason"]) == (403, "token.origin")
    assert gate.whoami(token, Origin=SHOP).json()["reason"] == "token.insufficient_scope"
    assert gate.cut(token, Origin=SHOP).status_code == 200
    used_up = gate.cut(token, Origin=SHOP)
    assert (used_up.status_code, used_up.json()["reason"]) == (403, "token.used_up")


def test_a_page_that_tries_again_pays_for_one_image(gate: TokenApi, key: str) -> None:
    """The answer of its only image got lost: its Idempotency-Key brings it back; another image under it is none."""
    token, once = gate.browser_token(key, images=1), {"Origin": SHOP, "Idempotency-Key": "order-7"}
    assert gate.cut(token, **once).status_code == 200
    again = gate.cut(token, **once)
    assert (again.status_code, again.headers["idempotency-replayed"]) == (200, "true")
    other = gate.cut(token, _png(9), **once)
    assert (other.status_code, other.json()["reason"]) == (422, "idempotency.mismatch")
    assert gate.cut(token, Origin=SHOP).json()["reason"] == "token.used_up"


def test_a_page_may_send_images_of_the_size_that_was_bought(gate: TokenApi, key: str) -> None:
    """A larger image is refused before any work, and says what would do."""
    refused = gate.cut(gate.browser_token(key, megapixels=1), _png(1_001), Origin=SHOP)
    assert (refused.status_code, refused.json()["reason"]) == (403, "token.pixels")
    assert "1 megapixels at most; this one has 2" in refused.json()["detail"]
    assert gate.cut(gate.browser_token(key, megapixels=2), _png(1_001), Origin=SHOP).status_code == 200


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ({"origin": "https://unknown.example"}, "cors.allowed_origins"),
        ({"origin": "shop.example"}, "the scheme is missing"),
        ({"images": 101}, "100 at most"),
        ({"images": 0}, "greater than or equal to 1"),
        ({"minutes": 11}, "10 at most"),
        ({"megapixels": 51}, "50 at most"),
        ({"image": 1}, "no such member"),
    ],
)
def test_a_page_gets_no_more_than_the_operator_has_set(
    gate: TokenApi, key: str, wanted: dict[str, object], problem: str
) -> None:
    """Each bound is told with its number."""
    body = {"origin": SHOP} | wanted
    answer = httpx2.post(f"{gate.api.url}/v1/browser-tokens", json=body, headers=bearer(key))
    assert (answer.status_code, answer.json()["reason"]) == (422, "account.invalid")
    assert problem in answer.json()["detail"]


def test_a_key_that_is_bound_mints_only_what_it_could_use(gate: TokenApi) -> None:
    """A key of another page, and one that only some addresses may use."""
    url = f"{gate.api.url}/v1/browser-tokens"
    other = gate.api.key("other-page", origins=("https://other.example",))
    refused = httpx2.post(url, json={"origin": SHOP}, headers=bearer(other))
    assert refused.json()["reason"] == "account.wider"
    with gate.accounts() as accounts:
        accounts.desk.update_key(client_id(other), actor="cli:test", addresses=("127.0.0.1",))
    refused = httpx2.post(url, json={"origin": "https://other.example"}, headers=bearer(other))
    assert "use a key without any" in refused.json()["detail"]


def test_a_rotated_seed_signs_and_the_old_one_verifies(tmp_path: Path) -> None:
    """After ``mattegate secrets rotate token`` and a restart both keys are published, and old tokens are good."""
    from mattegate.config.secret_purposes import Purpose  # noqa: PLC0415
    from mattegate.config.secrets import rotate_secret  # noqa: PLC0415
    from mattegate.config.settings import Settings  # noqa: PLC0415

    with giving(tmp_path / "home", PNG) as gate:
        key = gate.api.key("rotating")
        old = gate.token(key)
    rotate_secret(Settings(home=tmp_path / "home").secrets_dir, Purpose.TOKEN)
    with giving(tmp_path / "home", PNG) as gate:
        published = httpx2.get(f"{gate.api.url}/.well-known/jwks.json").json()["keys"]
        new = gate.token(key)
        assert len(published) == 2
        assert [gate.whoami(token).status_code for token in (old, new)] == [200, 200]
        kids = [json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))["kid"] for token in (new, old)]
        assert kids == [one["kid"] for one in published]


def test_a_server_that_gives_no_tokens_has_no_such_paths(tmp_path: Path) -> None:
    """They are unknown routes, answered as to anybody who shows no key."""
    with giving(tmp_path / "home", PNG, tokens={}, flood=CALM) as gate:
        for path in ("/oauth2/token", "/.well-known/jwks.json", "/.well-known/oauth-protected-resource"):
            assert httpx2.get(gate.api.url + path).json()["reason"] == "credential.missing"
        assert "resource_metadata" not in httpx2.get(f"{gate.api.url}/v1/whoami").headers["www-authenticate"]
