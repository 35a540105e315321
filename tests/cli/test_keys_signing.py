"""``mattegate keys create-signing`` and ``create-certificate``: credentials that never travel with a request."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.cli.at_home import At


def test_an_hmac_secret_is_shown_once_and_kept_sealed(at: At) -> None:
    """Whoever made it has it; the list knows what it is, and no file of the home holds it."""
    told = at.told("keys", "create-signing", "--name", "ci", "--tier", "free")
    assert told["identity"] == "ci"
    secret = told["secret"]
    assert len(secret) >= 32
    (row,) = at.told("keys", "list")
    assert (row["id"], row["kind"], row["algorithm"]) == (told["id"], "signing", "hmac-sha256")
    kept = b"".join(file.read_bytes() for file in at.home.rglob("*") if file.is_file())
    assert secret.encode() not in kept


def test_a_secret_goes_into_a_file_that_only_its_owner_reads(at: At, tmp_path: Path) -> None:
    """And then not to the screen."""
    file = tmp_path / "secret"
    ended = at("keys", "create-signing", "--name", "ci", "--tier", "free", "--file", file)
    assert ended.code == 0, ended
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().strip() not in ended.out + ended.err


def test_a_public_key_has_no_secret_to_show(at: At, tmp_path: Path) -> None:
    """Its owner keeps the private half; its kind is read from the file."""
    pem = tmp_path / "public.pem"
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    pem.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    told = at.told("keys", "create-signing", "--name", "partner", "--tier", "free", "--public-key", pem)
    assert "secret" not in told
    (row,) = at.told("keys", "list")
    assert row["algorithm"] == "ed25519"


@pytest.mark.parametrize(
    "words",
    [
        ("create-signing", "--name", "x", "--tier", "free", "--scheme", "rot13"),
        ("create-signing", "--name", "x", "--tier", "free", "--public-key", "/nowhere.pem"),
        ("create-signing", "--name", "x", "--tier", "free", "--public-key", __file__),
        ("create-signing", "--name", "x", "--tier", "free", "--require", "luck"),
        ("create-certificate", "--name", "x", "--tier", "free", "--match", "CN=x"),
        ("create-certificate", "--name", "x", "--tier", "free", "--match", "sha256:abc"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_sentence(at: At, words: tuple[str, ...]) -> None:
    """And nothing is made: neither the key nor its identity."""
    ended = at("keys", *words)
    assert ended.code in {1, 3}  # 1 where a file cannot be read
    assert ended.err
    assert "Traceback" not in ended.err
    assert at.told("keys", "list") == []
    assert at.told("identities", "list") == []


@pytest.mark.parametrize(
    ("match", "kept"),
    [
        ("san:dns:GPU-1.example.com", "san:dns:gpu-1.example.com"),
        ("subject:CN=worker 7,O=Example", "subject:CN=worker 7,O=Example"),
        ("sha256:" + ":".join(["AB"] * 32), "sha256:" + "ab" * 32),
    ],
)
def test_a_certificate_is_bound_by_what_it_must_match(at: At, match: str, kept: str) -> None:
    """However it is spelled; once, because it cannot stand for two accounts."""
    told = at.told("keys", "create-certificate", "--name", "gpu", "--tier", "free", "--match", match)
    assert told["identity"] == "gpu"
    (row,) = at.told("keys", "list")
    assert (row["id"], row["kind"]) == (told["id"], "certificate")
    again = at("keys", "create-certificate", "--name", "other", "--tier", "free", "--match", kept)
    assert again.code == 3, again
    assert told["id"] in again.err
    assert [row["name"] for row in at.told("identities", "list")] == ["gpu"]


def test_a_signing_key_is_bound_to_the_hosts_of_its_images(at: At) -> None:
    """As an API key is."""
    told = at.told("keys", "create-signing", "--name", "ci", "--tier", "free", "--url-host", "*.example.com")
    assert at.told("keys", "show", told["id"])["url_hosts"] == ["*.example.com"]


def test_a_certificate_whose_binding_was_revoked_can_be_bound_anew(at: At) -> None:
    """To another account, too; the old binding stays in the list, revoked."""
    match = ("--match", "subject:CN=alice")
    first = at.told("keys", "create-certificate", "--name", "old", "--tier", "free", *match)["id"]
    at("keys", "revoke", first)
    second = at.told("keys", "create-certificate", "--name", "new", "--tier", "free", *match)["id"]
    states = {row["id"]: row["state"] for row in at.told("keys", "list")}
    assert (states[first], states[second]) == ("revoked", "active")
