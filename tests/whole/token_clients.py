"""What tests of tokens share: a server that gives tokens, its clients, and an issuer that a test is itself."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import time
from typing import Any, Final

import httpx2

from mattegate.config.settings import Settings
from mattegate.ledger.opening import Accounts, open_accounts
from mattegate.signing.keys import id_of
from mattegate.signing.tokens.dpop import make_proof
from mattegate.signing.tokens.signing_keys import SigningKey
from tests.signing.token_makers import Signer, segment
from tests.whole.apis import Api, serving

ISSUER: Final = "https://api.test"
SHOP: Final = "https://shop.example"
CALM: Final = {"unproven_per_minute": 100_000, "failures_per_minute": 100_000}
GIVING: Final[dict[str, dict[str, Any]]] = {
    "tokens": {"enabled": True, "issuer": ISSUER},
    "cors": {"allowed_origins": [SHOP, "https://other.example"]},
    "flood": CALM,
}


@dataclass(frozen=True)
class TokenApi:
    """A running server that gives tokens."""

    api: Api
    png: bytes

    def form(
        self, auth: tuple[str, str] | None = None, headers: dict[str, str] | None = None, /, **form: str
    ) -> httpx2.Response:
        """One request to the token endpoint."""
        data = {"grant_type": "client_credentials", **form}
        return httpx2.post(f"{self.api.url}/oauth2/token", data=data, auth=auth, headers=headers or {})

    def token(self, key: str, **form: str) -> str:
        """An access token for an API key."""
        answer = self.form((client_id(key), key), **form)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def browser_token(self, key: str, **wanted: Any) -> str:
        """A token for a page of the shop."""
        body = {"origin": SHOP, "images": 2, "megapixels": 1, "minutes": 5, **wanted}
        answer = httpx2.post(f"{self.api.url}/v1/browser-tokens", json=body, headers=bearer(key))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    def whoami(self, token: str, **headers: str) -> httpx2.Response:
        """Who the token says I am."""
        return httpx2.get(f"{self.api.url}/v1/whoami", headers=bearer(token) | headers)

    def cut(self, token: str, image: bytes = b"", /, **headers: str) -> httpx2.Response:
        """One cut-out."""
        sent = bearer(token) | {"Content-Type": "image/png"} | headers
        return httpx2.post(f"{self.api.url}/v1/remove-bg", content=image or self.png, headers=sent, timeout=30)

    @contextmanager
    def accounts(self) -> Iterator[Accounts]:
        """Identities and keys, beside the running server."""
        with open_accounts(Settings(home=self.api.home)) as accounts:
            yield accounts

    def reason(self, answer: httpx2.Response) -> str:
        """The reason on record of an answer."""
        request_id = answer.headers["x-request-id"]
        record = next(record for record in self.api.records(0) if record.request_id == request_id)
        return record.reason


@contextmanager
def giving(home: Path, png: bytes, **settings: dict[str, Any]) -> Iterator[TokenApi]:
    """A server that gives tokens, for the length of the block."""
    with serving(home, **(GIVING | settings)) as api:
        yield TokenApi(api, png)


def bearer(token: str) -> dict[str, str]:
    """The header of a key or a token."""
    return {"Authorization": f"Bearer {token}"}


def client_id(key: str) -> str:
    """The id of the client that a key is the secret of."""
    found = id_of(key)
    assert found
    return found


def proof_for(key: SigningKey, method: str, url: str, token: str = "", *, nonce: str = "", token_id: str = "") -> str:
    """A fresh proof of possession."""
    return make_proof(key, method, url, at=time(), token_id=token_id or uuid.uuid4().hex, token=token, nonce=nonce)


@dataclass
class OwnIssuer:
    """An issuer on a free port of this machine: it publishes ``keys``, or answers as it is told."""

    keys: list[dict[str, str]]
    status: int = 200
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def document(self, path: str) -> dict[str, Any] | None:
        """What lies at a path."""
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}
        return {"keys": self.keys} if path == "/jwks" else None

    def token(self, signer: Signer, **changed: object) -> str:
        """A token of this issuer for our server; ``...`` leaves a claim out."""
        at = int(time())
        usual: dict[str, object] = {
            "iss": self.url, "sub": "user-7", "aud": ISSUER, "iat": at - 5, "exp": at + 300, "jti": uuid.uuid4().hex,
            "client_id": "app", "scope": "images.write self", **changed,
        }  # fmt: skip
        claims = {name: value for name, value in usual.items() if value is not ...}
        header = {"alg": signer.algorithm, "kid": signer.kid, "typ": "at+jwt"}
        return signer.signed(segment(header), segment(claims))


@contextmanager
def own_issuer(*signers: Signer) -> Iterator[OwnIssuer]:
    """An issuer that publishes the keys of these signers, for the length of the block."""
    issuer = OwnIssuer([signer.jwk for signer in signers])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked.append(self.path)
            document = issuer.document(self.path)
            status = issuer.status if document is not None else 404
            body = json.dumps(document or {}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def trusting(issuer: OwnIssuer, **more: Any) -> dict[str, Any]:
    """The settings of a server that trusts ``issuer``."""
    table = {"issuer": issuer.url, "audiences": [ISSUER], "scopes": {"images.write": "cutout", "self": "self"}, **more}
    return GIVING["tokens"] | {"issuers": {"okta": table}}
