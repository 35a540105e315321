"""``sign`` and ``send``: lines that can be pasted, secrets that stay in files, and refusals that explain themselves."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.cli.at_home import At
from tests.client.answering import answering
from tests.client.test_client_shell import CUT, problem

SECRET = "a secret of thirty-two bytes ..."
URL = "https://api.example.com/v1/remove-bg?format=png"


@pytest.fixture
def proof(tmp_path: Path) -> tuple[str, ...]:
    """The flags of a signing key."""
    (tmp_path / "secret").write_text(SECRET + "\n")
    return "--signing-id", "key-1", "--signing-secret-file", str(tmp_path / "secret")


def test_a_signed_request_is_a_line_for_curl(at: At, proof: tuple[str, ...], tmp_path: Path) -> None:
    """Method, address, the headers of the scheme and the body; beside it the text that is signed, and no secret."""
    body = tmp_path / "a photo.jpg"
    body.write_bytes(b"picture")
    ended = at("sign", "POST", URL, *proof, "-H", "Content-Type: image/jpeg", "--data-file", body)
    assert ended.code == 0
    words = shlex.split(ended.out)
    assert words[:6] == ["curl", "-sS", "--path-as-is", "-X", "POST", URL]
    names = {word.partition(":")[0] for word, before in zip(words[1:], words, strict=False) if before == "-H"}
    assert names == {"content-type", "x-key-id", "x-timestamp", "x-nonce", "x-content-sha256", "x-signature"}
    assert words[-2:] == ["--data-binary", f"@{body}"]
    assert ended.err.splitlines()[0] == "MATTEGATE-HMAC-SHA256-V1"
    assert SECRET not in ended.out + ended.err


def test_each_scheme_has_its_headers(at: At, proof: tuple[str, ...], tmp_path: Path) -> None:
    """A private key signs by RFC 9421 without being told to."""
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "private.pem").write_bytes(pem)
    private = ("--signing-id", "key-1", "--signing-secret-file", str(tmp_path / "private.pem"))
    for flags, header in (
        ((*proof, "--scheme", "sigv4"), "authorization"),
        ((*proof, "--scheme", "rfc9421"), "signature-input"),
        (private, "signature-input"),
    ):
        told = at.told("sign", "GET", URL, *flags)
        assert header in {name for name, _ in told["headers"]}
        assert told["canonical"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("GET", URL), "say who asks"),
        (("GET", URL, "--signing-id", "x"), "belong together"),
        (("GET", "api.example.com", "PROOF"), "begins with http"),
        (("GET", URL, "PROOF", "--scheme", "basic"), "--scheme is one of"),
        (("GET", URL, "PROOF", "-H", "no colon"), "NAME: VALUE"),
        (("GET", URL + "&é=1", "PROOF"), "write what is not ASCII"),
        (("GET", URL, "PROOF", "--compare", "FILE"), "no answer with a member canonical"),
    ],
)
def test_a_line_that_cannot_be_meant_is_told(
    at: At, proof: tuple[str, ...], tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    """Exit code 2, and no traceback."""
    (tmp_path / "answer").write_text('{"reason": "signature.expired"}')
    given = [part for word in words for part in (proof if word == "PROOF" else (word,))]
    ended = at("sign", *(str(tmp_path / "answer") if word == "FILE" else word for word in given))
    assert ended.code == 2
    assert said in " ".join(ended.err.replace("│", " ").split())


def test_a_refusal_is_compared_line_by_line(at: At, proof: tuple[str, ...], tmp_path: Path) -> None:
    """For the moment and the nonce of the refused request: the same text, or the line that is another one."""
    first = at.told("sign", "GET", URL, *proof)
    answer = tmp_path / "answer.json"
    answer.write_text(json.dumps({"reason": "signature.mismatch", "canonical": first["canonical"]}))
    same = at("sign", "GET", URL, *proof, "--compare", answer)
    assert (same.code, "Both sides wrote down the same" in same.err) == (0, True)
    answer.write_text(json.dumps({"canonical": first["canonical"].replace("api.example.com", "10.0.0.7:8000")}))
    other = at("sign", "GET", URL, *proof, "--compare", answer)
    assert other.code == 3
    assert "- api.example.com\n+ 10.0.0.7:8000\n" in other.out
    told = json.loads(at("sign", "GET", URL, *proof, "--compare", answer, "--json").out)
    assert told["differs"] == [{"line": 6, "ours": "api.example.com", "theirs": "10.0.0.7:8000"}]


def test_a_cutout_is_sent_for_and_written(at: At, proof: tuple[str, ...], tmp_path: Path) -> None:
    """Beside the picture, and never over a file that is there."""
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"picture")
    with answering(CUT) as server:
        assert at("send", photo, "--server", server.url, *proof, "--crop", "--background", "white").code == 0
        again = at("send", photo, "--server", server.url, *proof)
    assert (tmp_path / "photo-cutout.png").read_bytes() == b"\x89PNG"
    assert (again.code, "file.exists" in again.err) == (1, True)
    assert server.heard[0][":path"] == "/v1/remove-bg?background=white&crop=true"
    assert len(server.heard) == 1


def test_a_refusal_tells_reason_remedy_and_id(at: At, tmp_path: Path) -> None:
    """Exit code 3 for a no, 1 for something broken; nothing is written."""
    photo, key = tmp_path / "photo.jpg", tmp_path / "key"
    photo.write_bytes(b"picture")
    key.write_text("sk_prod_something\n")
    asked = ("send", photo, "--key-file", key, "--tries", "1", "--server")
    with answering(problem("policy.scope", 403)) as server:
        refused = at(*asked, server.url)
        as_json = at(*asked, server.url, "--json")
    assert (refused.code, refused.out) == (3, "")
    assert [line.strip() for line in refused.err.splitlines()] == [
        "mattegate: No (policy.scope)",
        "Why.",
        "Do that.",
        "request id: req_2",
    ]
    assert json.loads(as_json.out)["reason"] == "policy.scope"
    gone = at(*asked, server.url)
    assert (gone.code, "no answer after 1 try" in gone.err) == (1, True)
    assert not (tmp_path / "photo-cutout.png").exists()
