"""Signature Version 4 against those who sign: botocore, curl, and the example of AWS's own documentation."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from mattegate.signing.conformance_sigv4 import request
from mattegate.signing.message import VERIFIED, Message, Stated, Verdict, one_time
from mattegate.signing.sigv4 import EMPTY_SHA256, SigV4Rules, presign, read, sign, verify
from mattegate.signing.sigv4.canonical import canonical

KEY_ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
RULES = SigV4Rules("eu-1", "mattegate")

SEGMENTS = st.one_of(st.sampled_from([".", "..", ""]), st.text(max_size=6).map(lambda text: quote(text, safe="@:+~")))
PATHS = st.lists(SEGMENTS, max_size=5).map(lambda segments: "/" + "/".join(segments))
WORDS = st.text(max_size=6).map(lambda text: quote(text, safe="-_.~"))
QUERIES = st.lists(st.tuples(WORDS.filter(bool), WORDS), max_size=4, unique_by=lambda pair: pair[0])
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
HEADERS = st.dictionaries(st.sampled_from(["X-Amz-Meta-A", "X-Custom", "Content-Type", "Accept"]), VALUES)


def accepted(message: Message, body: bytes, rules: SigV4Rules = RULES, secret: str = SECRET) -> Verdict:
    """What is said of a signed message at the very instant of its signing."""
    stated = read(message, rules)
    assert isinstance(stated, Stated), stated
    assert stated.created is not None
    digest = sha256(body).hexdigest()
    return verify(message, stated, secret.encode(), at=stated.created, rules=rules, body_sha256=digest)


def by_botocore(
    method: str, path: str, query: str, headers: dict[str, str], body: bytes, *, token: str | None = None
) -> Message:
    """A request signed in its headers by botocore."""
    url = f"https://api.example.com{path}" + (f"?{query}" if query else "")
    asked = AWSRequest(method=method, url=url, headers=headers, data=body)
    SigV4Auth(Credentials(KEY_ID, SECRET, token), RULES.service, RULES.region).add_auth(asked)
    return message_of(method, asked, body)


def message_of(method: str, asked: AWSRequest, body: bytes) -> Message:
    """What a server sees of a request of botocore's."""
    url = urlsplit(asked.url)
    headers = [(name.lower().encode(), value.strip().encode()) for name, value in asked.headers.items()]
    length = [(b"content-length", str(len(body)).encode())] if body else []
    return Message(method, url.path.encode(), url.query.encode(), ((b"host", url.netloc.encode()), *headers, *length))


@given(st.sampled_from(["GET", "POST", "PUT"]), PATHS, QUERIES, HEADERS, st.binary(max_size=8), st.booleans())
def test_what_botocore_signs_is_verified(
    method: str, path: str, query: list[tuple[str, str]], headers: dict[str, str], body: bytes, date: bool
) -> None:
    """Any method, path, query, headers and body, dated by itself or by ``Date``."""
    headers = {**headers, **({"Date": "now"} if date else {})}
    text = "&".join(f"{name}={value}" for name, value in query)
    message = by_botocore(method, path, text, headers, body)
    assert accepted(message, body) is VERIFIED
    assert accepted(message, body, secret="another").code == "signature.mismatch"


@given(st.sampled_from(["GET", "POST"]), PATHS, QUERIES, HEADERS, st.binary(max_size=8))
def test_our_signature_is_the_one_of_botocore(
    method: str, path: str, query: list[tuple[str, str]], headers: dict[str, str], body: bytes
) -> None:
    """Over the same request at the same instant, to the last digit, header for header."""
    text = "&".join(f"{name}={value}" for name, value in query)
    theirs = by_botocore(method, path, text, headers, body)
    stated = read(theirs, RULES)
    assert isinstance(stated, Stated)
    ours = sign(
        replace(theirs, headers=tuple(h for h in theirs.headers if h[0] not in {b"x-amz-date", b"authorization"})),
        key_id=KEY_ID,
        secret=SECRET.encode(),
        at=stated.created or 0,
        rules=RULES,
        payload=sha256(body).hexdigest(),
        state_payload=False,
    )
    assert dict(ours)[b"authorization"] == theirs.values(b"authorization")[0]


@given(st.sampled_from(["GET", "POST"]), PATHS, QUERIES, st.integers(1, 604_800), st.booleans())
def test_addresses_presigned_by_botocore_are_verified_and_ours_are_the_same(
    method: str, path: str, query: list[tuple[str, str]], expires_s: int, token: bool
) -> None:
    """With and without a session token, which an address covers."""
    text = "&".join(f"{name}={value}" for name, value in query)
    asked = AWSRequest(method=method, url=f"https://api.example.com{path}" + (f"?{text}" if text else ""))
    credentials = Credentials(KEY_ID, SECRET, "a/token+of=theirs" if token else None)
    SigV4QueryAuth(credentials, RULES.service, RULES.region, expires=expires_s).add_auth(asked)
    theirs = message_of(method, asked, b"")
    assert accepted(theirs, b"") is VERIFIED
    stated = read(theirs, RULES)
    assert isinstance(stated, Stated)
    if not token:
        own = theirs.query.partition(b"X-Amz-Algorithm")[0].rstrip(b"&")
        query_of_ours = presign(
            replace(theirs, query=own),
            key_id=KEY_ID,
            secret=SECRET.encode(),
            at=stated.created or 0,
            expires_s=expires_s,
            rules=RULES,
        )
        assert one_time(query_of_ours.rpartition(b"=")[2].decode()) == stated.nonce


def test_a_session_token_that_botocore_covers_is_covered() -> None:
    """Signed before it is sent, it is a header like any other; changing it breaks the signature."""
    message = by_botocore("GET", "/", "", {}, b"", token="a token of theirs")
    assert accepted(message, b"") is VERIFIED
    headers = ((name, b"x" if name == b"x-amz-security-token" else value) for name, value in message.headers)
    assert accepted(replace(message, headers=tuple(headers)), b"").code == "signature.mismatch"


def test_the_example_of_the_documentation_is_signed_alike() -> None:
    """AWS General Reference, "Signature Version 4 signing process": listing users on 2015-08-30, all its results."""
    rules = SigV4Rules("us-east-1", "iam")
    content_type = (b"content-type", b"application/x-www-form-urlencoded; charset=utf-8")
    message = Message(
        "GET", b"/", b"Action=ListUsers&Version=2010-05-08", ((b"host", b"iam.amazonaws.com"), content_type)
    )
    added = dict(
        sign(message, key_id=KEY_ID, secret=SECRET.encode(), at=1_440_938_160, rules=rules, state_payload=False)
    )
    assert added[b"x-amz-date"] == b"20150830T123600Z"
    assert added[b"authorization"] == (
        b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
        b"SignedHeaders=content-type;host;x-amz-date, "
        b"Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    )
    whole = replace(message, headers=(*message.headers, *added.items()))
    form = canonical(whole, ("content-type", "host", "x-amz-date"), "sigv4", EMPTY_SHA256, rules)
    assert sha256(form.text()).hexdigest() == "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59"


def test_the_examples_of_s3_are_verified_by_the_rules_of_s3() -> None:
    """Amazon S3 API Reference, "Authenticating Requests": a GET with a range, and a presigned GET.

    The second covers UNSIGNED-PAYLOAD without saying so; that is S3's own convention, and here it is told.
    """
    rules = SigV4Rules("us-east-1", "s3", normalize_path=False, encode_path_twice=False)
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    scope = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
    header = (
        f"AWS4-HMAC-SHA256 Credential={scope},SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )
    host = (b"host", b"examplebucket.s3.amazonaws.com")
    headers = (
        host,
        (b"range", b"bytes=0-9"),
        (b"x-amz-content-sha256", EMPTY_SHA256.encode()),
        (b"x-amz-date", b"20130524T000000Z"),
        (b"authorization", header.encode()),
    )
    assert accepted(Message("GET", b"/test.txt", b"", headers), b"", rules, secret) is VERIFIED
    query = (
        f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={quote(scope, safe='')}&X-Amz-Date=20130524T000000Z"
        "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )
    told = accepted(Message("GET", b"/test.txt", query.encode(), (host,)), b"", rules, secret)
    assert (told.code, told.facts["differs"]) == ("signature.mismatch", "body_unsigned")


@contextmanager
def listening() -> Iterator[tuple[int, list[bytes]]]:
    """A socket that keeps what one client sends and answers 204."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        thread = threading.Thread(target=_hear, args=(server, heard))
        thread.start()
        yield server.getsockname()[1], heard
        thread.join(timeout=10)


def _hear(server: socket.socket, heard: list[bytes]) -> None:
    connection, _ = server.accept()
    with connection:
        connection.settimeout(10)
        text = b""
        while not _whole(text):
            text += connection.recv(65536)
            if text.endswith(b"\r\n\r\n") and b"\r\nExpect: 100-continue" in text:
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        heard.append(text)
        connection.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")


def _whole(text: bytes) -> bool:
    head, end, body = text.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return bool(end) and len(body) >= int(lengths[0] if lengths else 0)


def by_curl(target: str, *options: str) -> tuple[Message, bytes]:
    """Head and body as curl put them on the wire."""
    program = shutil.which("curl")
    if program is None:
        pytest.skip("curl is not installed")
    with listening() as (port, heard):
        provider = f"aws:amz:{RULES.region}:{RULES.service}"
        command = [program, "-sS", "--noproxy", "*", "--max-time", "10", "--aws-sigv4", provider]
        command += ["--user", f"{KEY_ID}:{SECRET}", *options, f"http://127.0.0.1:{port}{target}"]
        subprocess.run(command, check=True, timeout=20)
    return request(heard[0])


@pytest.fixture
def image(tmp_path: Path) -> str:
    """A file to upload."""
    file = tmp_path / "image.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    return str(file)


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("-d", "a=b"),
        ("--data-binary", "@{image}"),
        ("--data-binary", "@{image}", "-H", "Content-Type: image/png"),
    ],
)
def test_what_curl_signs_is_verified(options: tuple[str, ...], image: str) -> None:
    """Without a body, and with one that it reads before it signs."""
    message, body = by_curl("/v1/remove-bg?format=png", *(option.format(image=image) for option in options))
    assert bool(body) == bool(options)
    assert accepted(message, body) is VERIFIED
    assert accepted(message, body + b"x").code == ("signature.mismatch" if body else "signature.digest")


@pytest.mark.parametrize("options", [("-F", "image=@{image}"), ("-X", "POST", "-T", "{image}")])
def test_curl_does_not_sign_bodies_that_it_streams(options: tuple[str, ...], image: str) -> None:
    """Forms and uploads are signed as if they were empty, which is told; stating the hash of the body helps."""
    options = tuple(option.format(image=image) for option in options)
    message, body = by_curl("/v1/remove-bg", *options)
    told = accepted(message, body)
    assert (told.code, told.facts["differs"]) == ("signature.mismatch", "body_as_empty")


def test_curl_covers_the_hash_that_it_is_given(image: str) -> None:
    """The way to upload with curl where the body is not to be read twice."""
    digest = sha256(Path(image).read_bytes()).hexdigest()
    message, body = by_curl("/v1/remove-bg", "-X", "POST", "-T", image, "-H", f"x-amz-content-sha256: {digest}")
    assert accepted(message, body) is VERIFIED
    assert accepted(message, body + b"x").code == "signature.digest"


def test_curl_that_signs_the_path_as_it_was_sent_is_told() -> None:
    """Encoded once instead of twice: some releases do, and their signature is refused with that hint."""
    message, body = by_curl("/v1/a%20b")
    told = accepted(message, body)
    assert told is VERIFIED or told.facts["differs"] == "path"
