"""Asking the doctor as anybody does, by its command line, and the nginx blocks of the published guide as printed.

The guide prints each block on one line; so do these.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mattegate.doctor.command.run import main

KEY: Final = "RMBG-PROD-abc123XYZ"
ROUTE: Final = "/v1/remove-bg"
PAGE: Final = "https://your-app.com"

STRIPS_API: Final = "location /api/ { proxy_pass http://127.0.0.1:8000/; }"
STRIPS_V1: Final = (
    "location ^~ /v1/ { proxy_pass http://127.0.0.1:8000/; proxy_set_header Host $host; "
    "proxy_set_header X-Real-IP $remote_addr; }"
)
DENIES_HOME: Final = "location / { deny 192.168.0.0/16; allow all; }"
ALLOWS_NETWORKS: Final = (
    "location /v1/ { allow 127.0.0.1; allow 10.0.0.0/8; # 允许容器网络 allow 172.16.0.0/12; "
    "allow 192.168.0.0/16; deny all; proxy_pass http://127.0.0.1:8000/; }"
)
SETS_AUTHORIZATION: Final = (
    "location /v1/ { proxy_pass http://127.0.0.1:8000/; proxy_set_header Authorization $http_authorization; "
    "# 关键! proxy_set_header X-Original-URI $request_uri; }"
)
LIMITS: Final = "limit_req zone=api burst=20 nodelay;"
ANSWERS_OPTIONS: Final = (
    "location /v1/ { if ($request_method = 'OPTIONS') { add_header Access-Control-Allow-Origin \"*\"; "
    'add_header Access-Control-Allow-Methods "GET, POST, OPTIONS"; add_header Access-Control-Allow-Headers '
    '"DNT,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,Range,Authorization"; '
    "add_header Access-Control-Max-Age 1728000; add_header Content-Type 'text/plain; charset=utf-8'; "
    "add_header Content-Length 0; return 204; } proxy_pass http://127.0.0.1:8000/; "
    "proxy_set_header Authorization $http_authorization; proxy_set_header Origin $http_origin; }"
)


def with_line_ends(block: str) -> str:
    """A printed block whose comment ends where its line ended before it was printed."""
    for comment in ("# 允许容器网络 ", "# 关键! "):
        block = block.replace(comment, f"{comment.strip()}\n")
    return block


@dataclass(frozen=True, slots=True)
class Consulted:
    """What the doctor said, and how it left."""

    code: int
    answer: Mapping[str, Any]

    @property
    def causes(self) -> set[str]:
        """The codes of the findings."""
        return {finding["cause"] for finding in self.answer["findings"]}

    @property
    def layers(self) -> set[str]:
        """The layers that are blamed."""
        return {finding["layer"] for finding in self.answer["findings"]}

    @property
    def first(self) -> Mapping[str, Any]:
        """The best finding."""
        found: Mapping[str, Any] = self.answer["findings"][0]
        return found

    @property
    def request(self) -> Mapping[str, Any]:
        """What becomes of the first request."""
        found: Mapping[str, Any] = self.answer["requests"][0]
        return found

    def finding(self, cause: str) -> Mapping[str, Any]:
        """The finding with this cause."""
        found = [finding for finding in self.answer["findings"] if finding["cause"] == cause]
        assert found, f"{cause} is not among {sorted(self.causes)}"
        return found[0]  # type: ignore[no-any-return]

    def words(self, cause: str) -> str:
        """Everything that a finding says."""
        return json.dumps(self.finding(cause), ensure_ascii=False)

    def line(self, cause: str) -> str:
        """The line that decides."""
        return str(self.finding(cause)["culprit"][0]["text"])


def consult(*words: str, given: str = "") -> Consulted:
    """``mattegate doctor WORDS --json`` with this on standard input; 0, 3 or 4, never an error."""
    stdout, stderr = io.StringIO(), io.StringIO()
    code = main([*words, "--json"], io.BytesIO(given.encode()), stdout, stderr, {})
    assert code in {0, 3, 4}, stderr.getvalue()
    return Consulted(code, json.loads(stdout.getvalue()))


def ask_nginx(
    block: str, request: str = f"POST {ROUTE}", *, client: str = "", headers: Sequence[str] = (), prove: bool = False
) -> Consulted:
    """``mattegate doctor nginx - --request …`` for one block."""
    words = ["nginx", "-", "--request", request]
    words += ["--client-ip", client] if client else []
    for header in headers:
        words += ["--header", header]
    return consult(*words, *(["--prove"] if prove else []), given=block)


def transcript(
    request: str, host: str, sent: Sequence[str], status: str, got: Sequence[str] = (), body: str = ""
) -> str:
    """What ``curl -v`` prints of one exchange."""
    lines = [f"> {request} HTTP/1.1", f"> Host: {host}", *(f"> {line}" for line in sent), ">"]
    lines += [f"< HTTP/1.1 {status}", *(f"< {line}" for line in got), "<"]
    return "\n".join([*lines, body]) + "\n"
