"""Everybody who signs requests to the product: its own client, botocore, curl, another RFC 9421 library, a document."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from secrets import token_urlsafe
from typing import Final
from urllib.parse import urlsplit

import http_message_signatures as other
import httpx2
from botocore.auth import SigV4Auth, SigV4QueryAuth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from http_message_signatures import algorithms

from bench.service import REMOVE
from mattegate.client import Credential, HmacSigning, MessageSigning, SigV4Signing
from mattegate.client.credentials import Moment, signed
from mattegate.client.request import Server, outgoing
from mattegate.ledger.desk_keys import Terms
from mattegate.signing.key_material import Algorithm, HmacSecret, PrivateKey
from mattegate.signing.keys import Minted
from tests.whole.gate_users import ACTOR, Gate, png

OCTETS: Final = "application/octet-stream"
PRIVATE: Final[dict[str, Callable[[], PrivateKey]]] = {
    "ed25519": lambda: PrivateKey(ed25519.Ed25519PrivateKey.generate(), Algorithm.ED25519),
    "p256": lambda: PrivateKey(ec.generate_private_key(ec.SECP256R1()), Algorithm.ECDSA_P256_SHA256),
    "rsa-pss": lambda: PrivateKey(rsa.generate_private_key(65537, 2048), Algorithm.RSA_PSS_SHA512),
}
"""Makes private keys, whose public halves are told to the server."""


@dataclass(frozen=True)
class Sent:
    """A signed request, to be sent as often and in as many versions as a test wants."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def through(self, web: httpx2.Client) -> httpx2.Response:
        """Send it as it is."""
        asked = httpx2.Request(self.method, self.url, headers=list(self.headers), content=self.body or None)
        return web.send(asked)

    def header(self, name: str) -> str:
        """The value of a header, whatever its case."""
        return next(value for given, value in self.headers if given.lower() == name)

    def putting(self, name: str, change: Callable[[str], str]) -> Sent:
        """The same with one header changed."""
        lines = tuple((given, change(value) if given.lower() == name else value) for given, value in self.headers)
        return replace(self, headers=lines)

    def moved(self, query: str) -> Sent:
        """The same with a further parameter in the address."""
        return replace(self, url=self.url + ("&" if "?" in self.url else "?") + query)


@dataclass
class Signer:
    """Somebody with a signing key."""

    gate: Gate
    id: str
    secret: str = field(repr=False, default="")
    private: PrivateKey | None = field(repr=False, default=None)

    @property
    def key(self) -> PrivateKey:
        """The private key, where it has one."""
        assert self.private is not None
        return self.private

    @property
    def base(self) -> str:
        """Where the server is."""
        return str(self.gate.web.base_url).rstrip("/")


def signer(gate: Gate, name: str, *, tier: str = "vip", scheme: str = "", kind: str = "", identity: str = "") -> Signer:
    """A signing key of a new identity, or of one that is there; ``kind`` names one of :data:`PRIVATE`."""
    desk = gate.accounts.desk
    owner = identity or desk.create_identity(name, tier=tier, actor=ACTOR).view.id
    private = PRIVATE[kind]() if kind else None
    pem = private.public.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo) if private else b""
    minted: Minted = desk.create_signing_key(
        owner, actor=ACTOR, terms=Terms(name=name), public_key=pem, schemes=[scheme] if scheme else ()
    )
    return Signer(gate, minted.id, minted.text, private)


Maker = Callable[[Signer, float], Sent]
"""Signs a request for a cut-out as at that moment."""


def by_us(credential: Callable[[Signer], Credential]) -> Maker:
    """Our own client's request, without its network."""

    def made(who: Signer, at: float) -> Sent:
        asked = outgoing(
            Server.of(who.base), "POST", REMOVE, query=b"format=png", headers={"content-type": OCTETS}, body=png()
        )
        whole = signed(asked, credential(who), Moment(at, token_urlsafe(18)))
        lines = tuple((name.decode(), value.decode("latin-1")) for name, value in whole.headers)
        return Sent(whole.method, whole.address, lines, whole.body)

    return made


def by_botocore(who: Signer, at: float) -> Sent:
    """As AWS's own library signs for a service other than S3: the body's hash is not stated."""
    asked = _aws_request(who)
    auth = SigV4Auth(Credentials(who.id, who.secret), "mattegate", "local")
    with _at(at):
        auth.add_auth(asked)
    return Sent("POST", asked.url, (*asked.headers.items(),), png())


def by_botocore_presigned(who: Signer, at: float) -> Sent:
    """As AWS's own library presigns an address, good for two minutes, for the body of the stated hash alone."""
    asked = _aws_request(who)
    asked.data = None  # which it would move into the query
    asked.headers["X-Amz-Content-SHA256"] = hashlib.sha256(png()).hexdigest()
    auth = SigV4QueryAuth(Credentials(who.id, who.secret), "mattegate", "local", expires=120)
    with _at(at):
        auth.add_auth(asked)
    return Sent("POST", asked.url, (*asked.headers.items(),), png())


def _aws_request(who: Signer) -> AWSRequest:
    headers = {"Content-Type": OCTETS}
    return AWSRequest(method="POST", url=f"{who.base}{REMOVE}?format=png", headers=headers, data=png())


class _at:  # noqa: N801 - reads as a word
    """botocore's clock, set to a moment."""

    def __init__(self, at: float) -> None:
        self._moment = datetime.fromtimestamp(at, UTC)

    def __enter__(self) -> None:
        import botocore.auth as module  # type: ignore[import-untyped]  # noqa: PLC0415

        self._module, self._was = module, module.get_current_datetime
        module.get_current_datetime = lambda *_, **__: self._moment.replace(tzinfo=None)

    def __exit__(self, *_: object) -> None:
        self._module.get_current_datetime = self._was


@dataclass
class _Foreign:
    """What the other RFC 9421 library signs."""

    method: str
    url: str
    headers: dict[str, str]


def by_other_library(algorithm: type[algorithms.HTTPSignatureAlgorithm]) -> Maker:
    """As http_message_signatures signs, over what this server asks for."""

    def made(who: Signer, at: float) -> Sent:
        body = png()
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        headers = {"Host": urlsplit(who.base).netloc, "Content-Type": OCTETS, "Content-Digest": f"sha-256=:{digest}:"}
        asked = _Foreign("POST", f"{who.base}{REMOVE}?format=png", headers)
        key = who.private.key if who.private else who.secret.encode()
        keys = other.MappingKeyResolver(public_keys={}, private_keys={who.id: key})
        created = datetime.fromtimestamp(at, UTC)
        other.HTTPMessageSigner(signature_algorithm=algorithm, key_resolver=keys).sign(
            asked,
            key_id=who.id,
            created=created,
            expires=created + timedelta(minutes=4),
            nonce=token_urlsafe(18),
            covered_component_ids=("@method", "@authority", "@path", "@query", "content-digest"),
            use_existing_digest=True,
        )
        return Sent("POST", asked.url, (*asked.headers.items(),), body)

    return made


def document_signature(payload: str, secret_key: str, timestamp: int) -> str:
    """What the published guide has its clients compute: payload and timestamp in one text, HMAC-SHA-256, hex."""
    return hmac.new(secret_key.encode(), f"{payload}{timestamp}".encode(), hashlib.sha256).hexdigest()


def by_document(who: Signer, at: float) -> Sent:
    """As the published guide has it: text in the body, ``X-Timestamp`` and ``X-Signature`` in the head."""
    payload = json.dumps({"image_base64": base64.b64encode(png()).decode()})
    headers = (
        ("Content-Type", "application/json"),
        ("X-Key-Id", who.id),
        ("X-Timestamp", str(int(at))),
        ("X-Signature", document_signature(payload, who.secret, int(at))),
    )
    return Sent("POST", f"{who.base}{REMOVE}", headers, payload.encode())


@dataclass(frozen=True)
class Way:
    """One way to sign, and the key that it needs."""

    make: Maker
    scheme: str = ""
    kind: str = ""
    whole_body: bool = False
    """Whether the signature covers the body itself, so that another body is a mismatch and no wrong digest."""


WAYS: Final = {
    "own hmac": Way(by_us(lambda who: HmacSigning(who.id, HmacSecret(who.secret.encode())))),
    "own sigv4": Way(by_us(lambda who: SigV4Signing(who.id, who.secret.encode()))),
    "own rfc9421 hmac": Way(by_us(lambda who: MessageSigning(who.id, HmacSecret(who.secret.encode())))),
    **{f"own rfc9421 {kind}": Way(by_us(lambda who: MessageSigning(who.id, who.key)), kind=kind) for kind in PRIVATE},
    "botocore": Way(by_botocore, whole_body=True),
    "botocore presigned": Way(by_botocore_presigned),
    "http_message_signatures hmac": Way(by_other_library(algorithms.HMAC_SHA256)),
    "http_message_signatures ed25519": Way(by_other_library(algorithms.ED25519), kind="ed25519"),
    "http_message_signatures p256": Way(by_other_library(algorithms.ECDSA_P256_SHA256), kind="p256"),
    "http_message_signatures rsa-pss": Way(by_other_library(algorithms.RSA_PSS_SHA512), kind="rsa-pss"),
    "the document": Way(by_document, scheme="compat-hmac", whole_body=True),
}
"""Every way in which somebody signs."""


def now() -> float:
    """This moment, in whole seconds as every scheme states it."""
    return float(int(time.time()))
