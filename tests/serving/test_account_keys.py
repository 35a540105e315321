"""An account looks after its own signing keys: makes, narrows, rotates and revokes them, and sees no secret twice."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from mattegate.signing import hmac_signature, message_signature
from mattegate.signing.key_material import Algorithm, HmacSecret, PrivateKey
from mattegate.signing.message import Message
from tests.serving.planes import Planes

WHOAMI = Message("GET", b"/v1/whoami", b"", (), "http", "testserver")
MAKING = replace(WHOAMI, method="POST", path=b"/v1/keys")


def made(planes: Planes, key: str, **wanted: Any) -> dict[str, Any]:
    """A signing key that the holder of ``key`` makes."""
    answer = planes.call(key, "POST", "/v1/keys", json={"kind": "signing", **wanted})
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def signed(planes: Planes, key_id: str, secret: str, message: Message = WHOAMI, **headers: str) -> Any:
    """A request without a body that is signed with our own scheme."""
    lines = hmac_signature.sign(
        message, key_id, HmacSecret(secret.encode()), at=time.time(), nonce=secrets.token_urlsafe(18)
    )  # fmt: skip
    given = {name.decode(): value.decode() for name, value in lines}
    return planes.api.request(message.method, message.path.decode(), headers=given | headers)


def test_a_signing_key_is_made_and_its_secret_is_shown_once(planes: Planes) -> None:
    """It signs for the account at once; what is listed of it is what it is, and no secret."""
    key = planes.key("alice", models=["u2netp"])
    told = made(planes, key, name="ci", schemes=["hmac"])
    assert (told["kind"], told["algorithm"], told["schemes"]) == ("signing", "hmac-sha256", ["hmac"])
    assert (told["models"], "key" in told) == (["u2netp"], False)
    assert signed(planes, told["id"], told["secret"]).json()["identity"]["name"] == "alice"
    listed = planes.call(key, "GET", "/v1/keys").text
    assert told["id"] in listed
    assert told["secret"] not in listed + planes.call(key, "GET", f"/v1/keys/{told['id']}").text


def test_a_public_key_has_no_secret_to_show(planes: Planes) -> None:
    """Its kind is read from it; a private key in its place is refused and not told back."""
    private, key = ed25519.Ed25519PrivateKey.generate(), planes.key("alice")
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    told = made(planes, key, public_key=pem)
    assert (told["algorithm"], told.keys() & {"key", "secret"}) == ("ed25519", set())
    lines = message_signature.sign(WHOAMI, told["id"], PrivateKey(private, Algorithm.ED25519), at=time.time())
    headers = {name.decode(): value.decode() for name, value in lines}
    assert planes.api.get("/v1/whoami", headers=headers).json()["key"]["id"] == told["id"]
    whole = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    answer = planes.call(key, "POST", "/v1/keys", json={"kind": "signing", "public_key": whole})
    assert (answer.status_code, answer.json()["reason"]) == (422, "account.invalid")
    assert whole.splitlines()[1] not in answer.text + str(planes.records.find(answer.headers["x-request-id"]))


def test_a_rotated_signing_key_has_a_new_secret(planes: Planes) -> None:
    """The old one signs on for the overlap; revoked, a key signs nothing on the very next request."""
    key = planes.key("alice")
    old = made(planes, key)
    answer = planes.call(key, "POST", f"/v1/keys/{old['id']}/rotate", json={"overlap_s": 60})
    new = answer.json()
    assert (answer.status_code, new["kind"], new["replaces"]) == (201, "signing", old["id"])
    assert signed(planes, old["id"], old["secret"]).status_code == 200
    assert signed(planes, new["id"], new["secret"]).status_code == 200
    assert planes.call(key, "DELETE", f"/v1/keys/{new['id']}").json()["state"] == "revoked"
    assert signed(planes, new["id"], new["secret"]).json()["reason"] == "credential.revoked"


def test_a_signing_key_is_narrowed_and_never_widened(planes: Planes) -> None:
    """By a key of its account, and by itself."""
    key = planes.key("alice")
    told = made(planes, key, scopes=["self", "keys"])
    narrowed = planes.call(key, "PATCH", f"/v1/keys/{told['id']}", json={"scopes": ["self"]})
    assert narrowed.json()["scopes"] == ["self"]
    assert signed(planes, told["id"], told["secret"], MAKING).json()["reason"] == "policy.scope"
    widened = planes.call(key, "PATCH", f"/v1/keys/{told['id']}", json={"scopes": ["*"]})
    assert widened.json()["reason"] == "account.wider"


@pytest.mark.parametrize("kind", ["api", "signing"])
def test_what_must_be_shown_at_once_is_no_less_for_what_it_makes(planes: Planes, kind: str) -> None:
    """What is good only with a signature makes nothing that goes alone: neither a key nor a signature."""
    free = planes.key("alice")
    signer = made(planes, free)
    bound = planes.desk.create_key("alice", actor="cli:test", require=("signature",)).text
    alike = both(planes, bound, signer, {"kind": kind})
    assert (alike.status_code, alike.json()["require"]) == (201, ["key", "signature"])
    freer = both(planes, bound, signer, {"kind": kind, "require": []})
    assert (freer.status_code, freer.json()["reason"]) == (403, "account.wider")


def both(planes: Planes, key: str, signer: dict[str, Any], body: dict[str, Any]) -> Any:
    """A key is asked for with a key and a signature at once."""
    asked = planes.api.build_request("POST", "/v1/keys", json=body, headers={"X-API-Key": key})
    message = replace(MAKING, headers=tuple((name.lower(), value) for name, value in asked.headers.raw))
    lines = hmac_signature.sign(
        message, signer["id"], HmacSecret(signer["secret"].encode()), at=time.time(),
        nonce=secrets.token_urlsafe(18), body_sha256=sha256(asked.content).hexdigest(),
    )  # fmt: skip
    asked.headers.update({name.decode(): value.decode() for name, value in lines})
    return planes.api.send(asked)
