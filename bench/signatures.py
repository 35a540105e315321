"""One signature verified, in microseconds, as the server does it: by its prover, under rules that are the defaults.

A request with a 1 MB body whose digest stands in its head is signed by each scheme and judged again and again: the key
is found among ten thousand, an HMAC secret is opened under its key-encryption key, what needs no secret is checked, the
canonical text is written down, and the signature is computed or verified. The body is not hashed: that is done while it
streams. The time of a batch over its number of calls; the median of the batches; of several schemes the slowest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from time import perf_counter
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench.context import Bench, Outcome
from bench.pairs import Spread
from mattegate.client import Credential, HmacSigning, MessageSigning, SigV4Signing
from mattegate.client.credentials import Moment, signed
from mattegate.client.request import Server, outgoing
from mattegate.gate.rules import Rules
from mattegate.ledger.protocols import Snapshot, StoredKey
from mattegate.serving.evidence import Evidence
from mattegate.serving.proving.signatures import SignatureProver
from mattegate.serving.walk import Walk
from mattegate.signing.envelope import NONCE_BYTES, seal
from mattegate.signing.key_material import Algorithm, HmacSecret, PrivateKey
from mattegate.signing.message import Stated
from mattegate.signing.request_signatures import MESSAGE, SIGV4, read_signature
from mattegate.vocabulary.attempt import Attempt
from mattegate.vocabulary.facts import Facts, IdentityView, KeyKind, KeyView
from mattegate.vocabulary.rulebook import Rulebook
from mattegate.vocabulary.secrets import KeyEncryptionKey, KeyEncryptionKeys

NAME: Final = "signatures"
FIGURES: Final = ("signature_verify_us", "message_signature_verify_us")
_BATCHES: Final = 200
_CALLS: Final = 50
_KEYS: Final = 10_000
_AT: Final = 1_763_800_000.0
_BODY: Final = bytes(1_000_000)
_SECRET: Final = b"k" * 43
_KEKS: Final = KeyEncryptionKeys((KeyEncryptionKey(1, bytes(32)),))
_ED25519: Final = PrivateKey(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32))), Algorithm.ED25519)
_P256: Final = PrivateKey(ec.derive_private_key(12_345, ec.SECP256R1()), Algorithm.ECDSA_P256_SHA256)
_RULES: Final = Rules.of(Rulebook())

_SHARED: Final[Mapping[str, Credential]] = {
    "hmac": HmacSigning("hmac", HmacSecret(_SECRET)),
    "sigv4": SigV4Signing("sigv4", _SECRET),
}
_PAIRS: Final[Mapping[str, Credential]] = {
    "rfc9421_ed25519": MessageSigning("rfc9421_ed25519", _ED25519),
    "rfc9421_p256": MessageSigning("rfc9421_p256", _P256),
}


def measure(bench: Bench) -> Outcome:
    """The figures ``signature_verify_us`` and ``message_signature_verify_us``."""
    told = bench.steps(NAME, len(_SHARED) + len(_PAIRS))
    prover, keys = SignatureProver(_KEKS), _keyring()
    taken: dict[str, Spread] = {}
    for name, credential in (*_SHARED.items(), *_PAIRS.items()):
        taken[name] = asyncio.run(_microseconds(prover, keys, credential))
        told(len(taken))
    figures = {
        "signature_verify_us": max(taken[name].median for name in _SHARED),
        "message_signature_verify_us": max(taken[name].median for name in _PAIRS),
    }
    return Outcome(figures, __doc__ or "", {f"{name}_us": spread.as_json(1) for name, spread in taken.items()})


async def _microseconds(prover: SignatureProver, keys: Snapshot, credential: Credential) -> Spread:
    walk, evidence = _request(credential)
    proof = await prover.prove(walk, evidence, keys)
    assert not proof.code, proof
    times = []
    for _ in range(_BATCHES):
        begin = perf_counter()
        for _ in range(_CALLS):
            await prover.prove(walk, evidence, keys)
        times.append((perf_counter() - begin) / _CALLS * 1e6)
    return Spread.of(times)


def _request(credential: Credential) -> tuple[Walk, Evidence]:
    """A signed request as the reading of its head leaves it."""
    headers = {"content-type": "image/jpeg", "user-agent": "bench", "accept": "*/*", "idempotency-key": "a" * 24}
    asked = outgoing(
        Server.of("http://api.example.com"), "POST", "/v1/remove-bg", query=b"format=webp", headers=headers, body=_BODY
    )
    message = signed(asked, credential, Moment(_AT, "a-text-of-24-characters!")).message
    scheme = MESSAGE if message.values(b"signature") else SIGV4 if message.values(b"authorization") else "hmac"
    stated = read_signature(message, scheme, _RULES.rulebook.signature)
    assert isinstance(stated, Stated), stated
    attempt = Attempt("req_1", _AT, "POST", "/v1/remove-bg", host="api.example.com", signature=stated)
    return Walk(attempt, _RULES, "203.0.113.9", Facts()), Evidence(message=message)


def _keyring() -> Snapshot:
    """The four keys among ten thousand."""
    identity = IdentityView("i_1", "bench", "vip")
    keys = {f"key-{number}": _sealed(f"key-{number}", identity) for number in range(_KEYS)}
    keys |= {name: _sealed(name, identity) for name in _SHARED}
    keys |= {"rfc9421_ed25519": _public("rfc9421_ed25519", identity, _ED25519)}
    keys |= {"rfc9421_p256": _public("rfc9421_p256", identity, _P256)}
    return Snapshot(1, keys, {})


def _sealed(key_id: str, identity: IdentityView) -> StoredKey:
    view = KeyView(key_id, identity, kind=KeyKind.SIGNING, algorithm=Algorithm.HMAC_SHA256.value)
    material = seal(_SECRET, key_id=key_id, kek=_KEKS.current, nonce=bytes(NONCE_BYTES))
    return StoredKey(view, b"", 1, material=material, kek_version=1)


def _public(key_id: str, identity: IdentityView, key: PrivateKey) -> StoredKey:
    view = KeyView(key_id, identity, kind=KeyKind.SIGNING, algorithm=key.algorithm.value)
    pem = key.public.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return StoredKey(view, b"", 0, material=pem)
