"""A certified OpenID provider as it comes: found by discovery, its access tokens make cut-outs here.

The provider is the npm package ``oidc-provider``, which is certified by the OpenID Foundation; the test installs it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from mattegate.signing.tokens.signing_keys import SigningKey
from tests.whole.test_tokens_own import PNG
from tests.whole.token_clients import GIVING, ISSUER, TokenApi, giving, proof_for

_VERSION: Final = "9.13.3"
_CACHE: Final = Path(os.environ.get("MATTEGATE_TEST_CACHE") or Path(__file__).parents[2] / ".cache")
_CLIENT: Final = ("shop", "a-secret-of-the-shop")


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """The issuer of a running provider."""
    folder = _installed(_CACHE / f"oidc-provider-{_VERSION}")
    script = folder / "provider.mjs"
    shutil.copy(Path(__file__).with_name("oidc_provider.mjs"), script)
    node = shutil.which("node")
    assert node
    with subprocess.Popen(
        [node, str(script), ISSUER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        issuer = process.stdout.readline().strip()
        assert issuer, "the provider did not start"
        yield issuer
        process.stdin.close()
        process.wait(10)


def _installed(folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("there is no node and npm to run an OpenID provider")
    if not (folder / "node_modules" / "oidc-provider").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text(json.dumps({"private": True, "dependencies": {"oidc-provider": _VERSION}}))
        quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-update-notifier"]
        done = subprocess.run(
            [npm, "install", *quiet], check=False, cwd=folder, capture_output=True, text=True, timeout=300
        )
        if done.returncode:
            pytest.skip(f"oidc-provider cannot be installed: {done.stderr[-300:]}")
    return folder


@pytest.fixture(scope="module")
def gate(provider: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenApi]:
    """A server that trusts the provider, and knows nothing of it but its name."""
    table = {
        "issuer": provider, "audiences": [ISSUER], "claim": "client_id", "tier": "vip",
        "scopes": {"images.write": "cutout", "self": "self"},
    }  # fmt: skip
    tokens = GIVING["tokens"] | {"issuers": {"provider": table}}
    with giving(tmp_path_factory.mktemp("provider") / "home", PNG, tokens=tokens) as made:
        yield made


def _token(provider: str, scope: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """The provider's answer to a client."""
    metadata = httpx2.get(f"{provider}/.well-known/openid-configuration").json()
    form = {"grant_type": "client_credentials", "resource": ISSUER, "scope": scope}
    answer = httpx2.post(metadata["token_endpoint"], data=form, auth=_CLIENT, headers=headers or {})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_its_token_makes_a_cutout(provider: str, gate: TokenApi) -> None:
    """Discovery, key set, RS256, ``at+jwt``: the client is an identity of its own, with the scopes that were mapped."""
    token = _token(provider, "images.write self")["access_token"]
    assert gate.cut(token).status_code == 200
    me = gate.whoami(token).json()
    assert me["identity"] == {"id": "provider:shop", "name": "provider:shop", "tier": "vip"}
    assert me["key"]["scopes"] == ["cutout", "self"]


def test_its_token_gives_no_more_than_was_granted(provider: str, gate: TokenApi) -> None:
    """A scope that the provider did not grant is not there."""
    token = _token(provider, "self")["access_token"]
    assert gate.whoami(token).status_code == 200
    assert gate.cut(token).json()["reason"] == "token.insufficient_scope"


def test_its_bound_token_needs_a_proof(provider: str, gate: TokenApi) -> None:
    """The provider binds tokens by DPoP (RFC 9449), and what it bound is held to that here."""
    holder = SigningKey.from_seed(bytes(range(3, 35)), "ES256")
    endpoint = f"{provider}/token"
    told = _token(provider, "self", {"DPoP": proof_for(holder, "POST", endpoint)})
    assert told["token_type"] == "DPoP"
    token, me = told["access_token"], f"{gate.api.url}/v1/whoami"
    headers = {"Authorization": f"DPoP {token}", "DPoP": proof_for(holder, "GET", me, token)}
    assert httpx2.get(me, headers=headers).status_code == 200
    assert gate.whoami(token).json()["reason"] == "token.binding_missing"
