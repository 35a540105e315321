"""One token verified, in microseconds, as the server does it: by its prover, under rules that are the defaults.

A token of this server (EdDSA), whose key is found among ten thousand, and one of another issuer (ES256) with a kilobyte
of claims, whose key set lies here since the first request. Read strictly, the signature verified, every claim checked,
and turned into an identity with its scopes. The time of a batch over its number of calls; the median of the batches; of
the two tokens the slower.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import perf_counter
from typing import Final

from bench.context import Bench, Outcome
from bench.pairs import Spread
from mattegate.gate.rules import Rules
from mattegate.ledger.protocols import Snapshot, StoredKey
from mattegate.serving.gatehouse import Gatehouse
from mattegate.serving.proving.issuer_keys import IssuerKeys
from mattegate.serving.proving.own_keys import OwnKeys
from mattegate.serving.proving.tokens import TokenProver
from mattegate.serving.reading import Reading, read_attempt
from mattegate.serving.routes import CUTOUT, Match
from mattegate.signing.tokens.mint import AccessGrant, mint_access
from mattegate.signing.tokens.signing_keys import SigningKey, sign_compact
from mattegate.vocabulary.facts import IdentityView, KeyView
from mattegate.vocabulary.rulebook import Rulebook
from mattegate.vocabulary.rulebook_of_tokens import OwnTokens, TokenIssuer
from mattegate.vocabulary.secrets import TokenSeeds, VersionedSecret

NAME: Final = "tokens"
FIGURES: Final = ("token_verify_us",)
_BATCHES: Final = 200
_CALLS: Final = 50
_KEYS: Final = 10_000
_AT: Final = 1_763_800_000.0
_HERE: Final = "https://api.example.com"
_OWN: Final = OwnKeys(TokenSeeds((VersionedSecret(1, bytes(range(32))),)), started_at=_AT)
_THEIRS: Final = SigningKey.from_seed(bytes(range(1, 33)), "ES256")


def measure(bench: Bench) -> Outcome:
    """The figure ``token_verify_us``."""
    told = bench.steps(NAME, 2)
    with _publishing() as issuer:
        rules = Rules.of(
            Rulebook(tokens=OwnTokens(_HERE), issuers=(TokenIssuer("other", issuer, (_HERE,), prefix="o:"),))
        )
        texts = {"eddsa": _own_token(), "es256": _token_of(issuer)}
        taken: dict[str, Spread] = {}
        for name, text in texts.items():
            taken[name] = asyncio.run(_microseconds(rules, text))
            told(len(taken))
    figures = {"token_verify_us": max(spread.median for spread in taken.values())}
    return Outcome(figures, __doc__ or "", {f"{name}_us": spread.as_json(1) for name, spread in taken.items()})


async def _microseconds(rules: Rules, text: str) -> Spread:
    prover, keys, reading = TokenProver(_OWN, IssuerKeys(), gives=True), _keyring(), _read(text, rules)
    walk = Gatehouse.begin(reading, rules, keys)
    fact = await prover.prove(walk, reading.evidence, keys)
    assert not fact.code, fact
    times = []
    for _ in range(_BATCHES):
        begin = perf_counter()
        for _ in range(_CALLS):
            await prover.prove(walk, reading.evidence, keys)
        times.append((perf_counter() - begin) / _CALLS * 1e6)
    return Spread.of(times)


def _read(text: str, rules: Rules) -> Reading:
    headers = [(b"host", b"api.example.com"), (b"authorization", f"Bearer {text}".encode())]
    scope = {"type": "http", "method": "POST", "path": "/v1/remove-bg", "query_string": b"", "scheme": "https"}
    return read_attempt(
        scope | {"headers": headers, "client": ("203.0.113.9", 1)}, Match(CUTOUT, {}), rules.rulebook.credential,
        request_id="req_1", at=_AT,
    )  # fmt: skip


def _own_token() -> str:
    grant = AccessGrant(_HERE, _HERE, "i_1", f"key-{_KEYS // 2}", ("cutout", "self"))
    return mint_access(_OWN.signing, grant, at=_AT - 10, token_id="a-text-of-22-letters-x")


def _token_of(issuer: str) -> str:
    claims = {
        "iss": issuer, "sub": "3f1c", "aud": _HERE, "iat": _AT - 10, "exp": _AT + 300, "jti": "a-text",
        "scope": "cutout",
        "roles": [f"role-{number}" for number in range(60)],
    }  # fmt: skip
    return sign_compact(_THEIRS, {"typ": "at+jwt", "kid": _THEIRS.public.kid}, claims)


def _keyring() -> Snapshot:
    identity = IdentityView("i_1", "bench", "vip")
    names = [f"key-{number}" for number in range(_KEYS)]
    return Snapshot(1, {name: StoredKey(KeyView(name, identity), b"", 1) for name in names}, {})


@contextmanager
def _publishing() -> Iterator[str]:
    """An issuer on this machine."""
    documents: dict[str, object] = {"/jwks": {"keys": [_THEIRS.public.members()]}}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(documents.get(self.path)).encode()
            self.send_response(200 if self.path in documents else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = f"http://127.0.0.1:{server.server_address[1]}"
    documents["/.well-known/openid-configuration"] = {"issuer": issuer, "jwks_uri": f"{issuer}/jwks"}
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
