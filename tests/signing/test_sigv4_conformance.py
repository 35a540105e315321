"""Signature Version 4 by signing cases: every right request is accepted, and nothing near it.

The cases are made by botocore on the spot. Where the published suite lies beside the project, it counts as well.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]
from botocore.utils import normalize_url_path  # type: ignore[import-untyped]

from mattegate.signing.conformance_sigv4 import (
    BITS,
    FORMS,
    WRONGS,
    Case,
    Folder,
    _changed,
    mutations,
    request,
    run_sigv4,
    sigv4_cases,
)

KEY_ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
REQUESTS = {
    "vanilla": ("GET", "https://example.com/", {}, b""),
    "relative": ("GET", "https://example.com/a/../b//c/./d%20e", {}, b""),
    "query": ("GET", "https://example.com/?b=2&a=%C3%A9&c=", {}, b""),
    "headers": ("GET", "https://example.com/v1", {"X-Custom": 'a   "b   c"', "X-Amz-Meta-A": "1"}, b""),
    "body": ("POST", "https://example.com/v1", {"Content-Type": "image/png"}, b"\x89PNG"),
}
PUBLISHED = Path(
    os.environ.get("MATTEGATE_SIGV4_SUITE") or Path(__file__).parents[3] / "shared" / "conformance" / "aws-sigv4"
)


def made() -> dict[str, Folder]:
    """The cases of botocore's making, in the shape of the published ones."""
    return {name: _folder(*asked) for name, asked in REQUESTS.items()}


def published() -> dict[str, Folder]:
    """The published cases, where they are at hand."""
    folders = sorted(PUBLISHED.iterdir()) if PUBLISHED.is_dir() else []
    return {folder.name: {file.name: file.read_bytes() for file in folder.iterdir()} for folder in folders}


def _folder(method: str, url: str, headers: dict[str, str], body: bytes) -> Folder:
    credentials = Credentials(KEY_ID, SECRET)
    by_header = AWSRequest(method=method, url=url, headers=headers, data=body)
    SigV4Auth(credentials, "service", "us-east-1").add_auth(by_header)
    by_query = AWSRequest(method=method, url=url, headers=headers)
    SigV4QueryAuth(credentials, "service", "us-east-1").add_auth(by_query)
    at = datetime.now(UTC)
    context = {
        "credentials": {"access_key_id": KEY_ID, "secret_access_key": SECRET},
        "region": "us-east-1",
        "service": "service",
        "timestamp": at.isoformat(timespec="seconds"),
        "normalize": True,
    }
    return {
        "context.json": json.dumps(context).encode(),
        "header-signed-request.txt": _text(method, by_header, body),
        "query-signed-request.txt": _text(method, by_query, b""),
    }


def _text(method: str, asked: AWSRequest, body: bytes) -> bytes:
    url = urlsplit(asked.url)
    target = url.path + (f"?{url.query}" if url.query else "")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {url.netloc}"]
    lines += [f"{name}:{value}" for name, value in asked.headers.items()]
    return "\n".join((*lines, "", "")).encode() + body


def test_what_botocore_signs_conforms() -> None:
    """All accepted in both forms, everything that is wrong or changed refused, and nothing left out of the counts."""
    heard: list[str] = []
    report = run_sigv4(made(), masks=(0x01, 0x20), watch=heard.append)
    right, wrong = {"accepted": 5, "refused": 0}, {"accepted": 0, "refused": 5 * len(WRONGS)}
    assert report["header"] == {"valid": right, "invalid": wrong}
    assert report["query"] == {"valid": right, "invalid": wrong}
    changed = report["mutations"]
    assert changed["accepted"] == 0
    assert isinstance(changed["refused"], int)
    assert changed["refused"] > 5000
    assert heard[:2] == ["body (header)", "body (query)"]


def test_a_change_that_is_accepted_is_another_spelling_of_the_same() -> None:
    """By a second reading that shares nothing with the first."""
    masks = (0x01, 0x20)
    for case in sigv4_cases(made()):
        changed = list(_changed(case, masks))
        same = [other for other in changed if other.accepted()]
        assert {second_reading(other) for other in same} <= {second_reading(case)}
        assert len(list(mutations(case, masks))) == len(changed) - len(same)


def second_reading(case: Case) -> tuple[object, ...]:
    """What a request asks for, by the standard library and botocore's path."""
    message = case.message
    pairs = sorted(tuple(map(unquote_to_bytes, part.split(b"="))) for part in message.query.split(b"&"))
    headers = sorted((name, tuple(value.split())) for name, value in message.headers)
    path = normalize_url_path(message.path.decode("latin-1"))
    return message.method, path, tuple(pairs), tuple(headers), case.body


def test_the_published_cases_are_accepted() -> None:
    """All of them, but for the one address whose session token was added after signing."""
    folders = published()
    report = run_sigv4(folders, masks=())
    odd = sum(name == "post-sts-header-after" for name in folders)
    wrong = {"accepted": 0, "refused": len(folders) * len(WRONGS)}
    assert report["header"] == {"valid": {"accepted": len(folders), "refused": 0}, "invalid": wrong}
    assert report["query"] == {"valid": {"accepted": len(folders) - odd, "refused": odd}, "invalid": wrong}
    assert report["mutations"] == {"accepted": 0, "refused": 0}


@pytest.mark.long
@pytest.mark.timeout(600)
def test_no_bit_of_a_signed_request_can_be_changed() -> None:
    """Every bit of every byte of every case, made and published."""
    report = run_sigv4({**made(), **published()}, masks=BITS)
    assert report["mutations"]["accepted"] == 0


@pytest.mark.parametrize("spoiled", ["context.json", "header-signed-request.txt", "query-signed-request.txt"])
@pytest.mark.parametrize("content", [None, b"", b"[]", b"nonsense", b"{}"])
def test_a_folder_that_is_no_case_is_named(spoiled: str, content: bytes | None) -> None:
    """With its name and what is wrong, and never a traceback of ours."""
    folder = {name: text for name, text in made()["vanilla"].items() if name != spoiled}
    if content is not None:
        folder[spoiled] = content
    with pytest.raises(ValueError, match="spoiled is no signing case"):
        list(sigv4_cases({"spoiled": folder}))


def test_requests_are_read_with_folded_lines_and_odd_targets() -> None:
    """Published cases have spaces in their paths and values over several lines; wires end lines with CR LF."""
    message, body = request(b"GET /a b?c=d e HTTP/1.1\nHost:h\nX-A:1\n  2\n\t3\n\nbody\n\n")
    assert (message.method, message.path, message.query) == ("GET", b"/a b", b"c=d e")
    assert message.headers == ((b"host", b"h"), (b"x-a", b"1 2 3"))
    assert body == b"body\n\n"
    assert request(b"GET / HTTP/1.1\r\nHost: h\r\n\r\nbody")[1] == b"body"
    assert request(b"GET / HTTP/1.1\r\nHost: h")[1] == b""
    assert FORMS == ("header", "query")
