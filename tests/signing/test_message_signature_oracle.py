"""Another implementation as judge: what it signs we verify, what we sign it verifies, for every algorithm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import http_message_signatures as other
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from http_message_signatures import algorithms
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.signing import content_digest
from mattegate.signing.key_material import Algorithm, HmacSecret, PrivateKey
from mattegate.signing.message import Message, Stated
from mattegate.signing.message_signature import SignatureRules, read, sign, verify

NONCE = "a nonce of many letters"
KEYS: Mapping[str, tuple[type[algorithms.HTTPSignatureAlgorithm], HmacSecret | PrivateKey]] = {
    "hmac-sha256": (algorithms.HMAC_SHA256, HmacSecret(b"a secret of thirty-two bytes ...")),
    "ed25519": (
        algorithms.ED25519,
        PrivateKey(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32))), Algorithm.ED25519),
    ),
    "ecdsa-p256-sha256": (
        algorithms.ECDSA_P256_SHA256,
        PrivateKey(ec.derive_private_key(12345, ec.SECP256R1()), Algorithm.ECDSA_P256_SHA256),
    ),
    "rsa-pss-sha512": (
        algorithms.RSA_PSS_SHA512,
        PrivateKey(rsa.generate_private_key(65537, 2048), Algorithm.RSA_PSS_SHA512),
    ),
}
COVERED = (
    "@method",
    "@target-uri",
    "@authority",
    "@scheme",
    "@request-target",
    "@path",
    "@query",
    '"@query-param";name="only"',
    "content-digest",
    '"content-digest";sf',
    '"content-digest";key="sha-256"',
    "x-note",
    '"x-note";bs',
    '"x-dict";key="b"',
)


@dataclass
class Request:
    """What the other implementation signs."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


requests = st.builds(
    lambda method, path, query, note, body: Message(
        method,
        b"/" + path,
        b"only=a%20b+c~*" + query,
        (
            (b"content-length", b"%d" % len(body)),
            content_digest.field(body),
            (b"x-note", note),
            (b"x-dict", b"a=1, b=(x  y);z"),
        ),
        "https",
        "api.example.com:8443",
    ),
    st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    st.from_regex(rb"([a-z0-9/._~!$&'()*+,;=:@-]|%[0-9A-F]{2}){0,20}", fullmatch=True),
    st.from_regex(rb"(&[a-m]{1,3}=([a-z0-9/._~!$'()*+,:@?-]|%[2-7][0-9A-E]){0,9}){0,3}", fullmatch=True),
    st.from_regex(rb"[!-~]([ -~]{0,20}[!-~])?", fullmatch=True),
    st.binary(max_size=40),
)
covers = st.lists(st.sampled_from(COVERED), unique=True)


def foreign(message: Message) -> Request:
    """The same request in the other one's terms."""
    url = f"{message.scheme}://{message.authority}{message.path.decode()}?{message.query.decode()}"
    return Request(message.method, url, {name.decode().title(): value.decode() for name, value in message.headers})


def resolver(name: str) -> other.MappingKeyResolver:
    """The key under the id ``key-1``."""
    key = KEYS[name][1]
    if isinstance(key, HmacSecret):
        return other.MappingKeyResolver(public_keys={"key-1": key.secret}, private_keys={"key-1": key.secret})
    return other.MappingKeyResolver(public_keys={"key-1": key.public.key}, private_keys={"key-1": key.key})


@pytest.mark.parametrize("name", KEYS)
@settings(max_examples=30)
@given(message=requests, covered=covers)
def test_what_the_other_signs_we_verify(name: str, message: Message, covered: list[str]) -> None:
    """Any components in any order; with one letter of the path changed it is refused where that is covered."""
    algorithm, key = KEYS[name]
    request = foreign(message)
    now = datetime.now(UTC)
    other.HTTPMessageSigner(signature_algorithm=algorithm, key_resolver=resolver(name)).sign(
        request,
        key_id="key-1",
        created=now,
        nonce=NONCE,
        covered_component_ids=covered,
        use_existing_digest=True,
        expires=now + timedelta(minutes=1),
    )
    headers = tuple((given.lower().encode(), value.encode()) for given, value in request.headers.items())
    received = replace(message, headers=headers)
    rules = SignatureRules(required=(), query=False, body=False)
    assert judged(received, key, rules)
    moved = replace(received, path=message.path + b"x")
    assert judged(moved, key, rules) is not bool({"@path", "@target-uri", "@request-target"} & set(covered))


def judged(message: Message, key: HmacSecret | PrivateKey, rules: SignatureRules) -> bool:
    """Whether we verify it."""
    stated = read(message, rules)
    assert isinstance(stated, Stated), stated
    public = key if isinstance(key, HmacSecret) else key.public
    return verify(message, stated, public, at=datetime.now(UTC).timestamp(), rules=rules).good


@pytest.mark.parametrize("name", KEYS)
@settings(max_examples=30)
@given(message=requests, covered=covers)
def test_what_we_sign_the_other_verifies(name: str, message: Message, covered: list[str]) -> None:
    """The other way round."""
    algorithm, key = KEYS[name]
    at = datetime.now(UTC).timestamp()
    headers = sign(message, "key-1", key, at=at, nonce=NONCE, covering=covered, expires=at + 60)
    request = foreign(replace(message, headers=(*message.headers, *headers)))
    verifier = other.HTTPMessageVerifier(signature_algorithm=algorithm, key_resolver=resolver(name))
    [result] = verifier.verify(request, max_age=timedelta(minutes=1))
    assert len(result.covered_components) == len(covered) + 1
