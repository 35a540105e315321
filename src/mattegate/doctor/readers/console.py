"""Reads a browser's console: what Chromium, Firefox and Safari say of requests that they blocked or that failed.

Each line that says such a thing becomes a ``console`` observation with ``kind`` (``cors``, ``mixed-content``,
``content-policy``, ``net-error``, ``status``, ``script-error``), ``blocked_url``, ``origin`` and, for CORS, ``cors``:
the name that the DevTools protocol gives the reason (:mod:`mattegate.doctor.cors.console`), whichever browser said it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from mattegate.doctor.cors import console as chromium
from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.readers.documents import MEBIBYTE
from mattegate.doctor.readers.http_message import target_of
from mattegate.doctor.redact import clean, safe

_LINE_BYTES: Final = MEBIBYTE // 4
_MESSAGE_CHARS: Final = 4_000
_QUOTES: Final = str.maketrans("‘’“”", "''\"\"")
_U: Final = r"(?P<blocked_url>\S{1,8192}?)"

_SAYS: Final = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (
            "cors",
            (
                rf"Access to (?P<initiator>[\w ]{{1,40}}) at '{_U}'"
                r"(?: \(redirected from '(?P<redirected_from>[^']{1,8192})'\))?"
                r" from origin '(?P<origin>[^']{1,500})' has been blocked by CORS policy: "
            ),
        ),
        (
            "cors",
            (
                r"Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at "
                rf"{_U}\. \(Reason: (?P<reason>[^\n]{{1,400}}?)\)\.?(?: Status code: (?P<status>\d{{3}}|\(null\)))?"
            ),
        ),
        (
            "cors",
            (
                r"Origin (?P<origin>\S{1,500}) is not allowed by Access-Control-Allow-Origin\."
                r"(?: Status code: (?P<status>\d{1,3}))?"
            ),
        ),
        ("cors", r"Preflight response is not successful\.?(?: Status code: (?P<status>\d{1,3}))?"),
        ("cors", r"Request header field (?P<hint>[\w-]{1,100}) is not allowed by Access-Control-Allow-Headers\."),
        ("cors", r"Method (?P<hint>[A-Z-]{1,40}) is not allowed by Access-Control-Allow-Methods\."),
        ("cors", r"Credentials flag is true, but Access-Control-Allow-Credentials is not \"true\"\."),
        ("cors", r"Cannot use wildcard in Access-Control-Allow-Origin when credentials flag is true\."),
        ("cors", r"Access-Control-Allow-Origin cannot contain more than one origin\."),
        ("cors", rf"(?:Fetch API|XMLHttpRequest) cannot load {_U} due to access control checks"),
        (
            "cors",
            (
                rf"(?:(?:Fetch API|XMLHttpRequest) cannot load|Failed to load) {_U}[.:] "
                r"(?P<older>(?:No|The|Response|Request|Method|Redirect) [^\n]{1,500})"
            ),
        ),
        (
            "mixed-content",
            (
                r"Mixed Content: The page at '(?P<origin>[^']{1,8192})' was loaded over HTTPS, but requested an "
                rf"insecure [\w ]{{1,40}} '{_U}'"
            ),
        ),
        ("mixed-content", rf"Blocked loading mixed active content [\"']{_U}[\"']"),
        (
            "mixed-content",
            (
                r"\[blocked\] The page at (?P<origin>\S{1,8192}) was not allowed to (?:run|display|load) "
                rf"insecure content from {_U}\.\s"
            ),
        ),
        (
            "content-policy",
            (
                rf"Refused to (?:connect to|load the \w{{1,20}}) '{_U}' because it violates the following "
                r"Content Security Policy directive: \"(?P<directive>[^\"]{1,400})"
            ),
        ),
        (
            "content-policy",
            (
                rf"Content-Security-Policy: The page's settings blocked the loading of a resource "
                rf"(?:\([\w-]{{1,40}}\) )?at {_U} "
                r"(?:\([\w-]{1,40}\) )?because it violates the following directive: \"(?P<directive>[^\"]{1,400})"
            ),
        ),
        (
            "net-error",
            (
                rf"(?P<method>[A-Z]{{3,12}}) {_U} (?:\([^)]{{1,60}}\) )?(?P<error>net::ERR_\w{{1,80}})"
                r"(?: (?P<status>\d{3}))?"
            ),
        ),
        ("net-error", rf"(?<!\S){_U}\s{{1,4}}Failed to load resource: (?P<error>net::ERR_\w{{1,80}})"),
        ("net-error", r"Failed to load resource: (?P<error>net::ERR_\w{1,80}|[^\n]{0,200}connection[^\n]{0,100})"),
        (
            "status",
            (
                rf"(?:(?<!\S){_U}(?::\d{{1,6}})?:?\s{{1,4}})?Failed to load resource: "
                r"the server responded with a status of (?P<status>\d{3})"
            ),
        ),
        ("status", r"(?P<method>[A-Z]{3,12}) (?P<blocked_url>https?://\S{1,8192}) (?P<status>[45]\d\d) \("),
        (
            "script-error",
            (
                r"(?P<error>TypeError: (?:Failed to fetch|NetworkError when attempting to fetch resource|Load failed"
                r"|Type error|Network request failed)|AxiosError: Network Error)"
            ),
        ),
    )
)

_FIREFOX: Final = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"header 'Access-Control-Allow-Origin' missing", "MissingAllowOriginHeader"),
        (r"header 'Access-Control-Allow-Origin' does not match '(?P<hint>[^']{0,400})'", "AllowOriginMismatch"),
        (r"Multiple CORS header 'Access-Control-Allow-Origin' not allowed", "MultipleAllowOriginValues"),
        (r"(?:Credential is not supported|credentials).{0,60}is '\*'", "WildcardOriginNotAllowed"),
        (r"expected 'true' in CORS header 'Access-Control-Allow-Credentials'", "InvalidAllowCredentials"),
        (r"Did not find method in CORS header 'Access-Control-Allow-Methods'", "MethodDisallowedByPreflightResponse"),
        (
            r"invalid token '(?P<hint>[^']{0,200})' in CORS header 'Access-Control-Allow-Methods'",
            "InvalidAllowMethodsPreflightResponse",
        ),
        (
            r"invalid token '(?P<hint>[^']{0,200})' in CORS header 'Access-Control-Allow-Headers'",
            "InvalidAllowHeadersPreflightResponse",
        ),
        (
            (
                r"(?:missing token|header) '(?P<hint>[^']{0,200})' "
                r"(?:in CORS header 'Access-Control-Allow-Headers'|is not allowed)"
            ),
            "HeaderDisallowedByPreflightResponse",
        ),
        (r"external redirect not allowed", "PreflightDisallowedRedirect"),
        (r"preflight (?:channel|response) did not succeed", "PreflightInvalidStatus"),
        (r"request did not succeed", "DidNotSucceed"),
        (r"request not http", "SchemeNotHttp"),
    )
)
"""Firefox' reasons, by Chromium's names; the last two have none there. Documented at MDN, "CORS errors"."""

_SAFARI: Final = (
    ("Preflight response is not successful", "PreflightInvalidStatus"),
    ("is not allowed by Access-Control-Allow-Headers.", "HeaderDisallowedByPreflightResponse"),
    ("is not allowed by Access-Control-Allow-Methods.", "MethodDisallowedByPreflightResponse"),
    ("but Access-Control-Allow-Credentials is not", "InvalidAllowCredentials"),
    ("Cannot use wildcard in Access-Control-Allow-Origin", "WildcardOriginNotAllowed"),
    ("cannot contain more than one origin.", "MultipleAllowOriginValues"),
    ("Response for preflight has invalid HTTP status code", "PreflightInvalidStatus"),
    ("Response for preflight is invalid (redirect)", "PreflightDisallowedRedirect"),
)
"""What Safari says of an origin that is not allowed is no name here: it says the same of a header that is missing. The
last two are Chromium's before version 65."""

_NO_FACTS: Final = frozenset({"method", "reason", "older"})


class ConsoleReader:
    """What was copied from a browser's console."""

    name = "console"
    _LOOKS: Final = re.compile(
        r"blocked by CORS policy|Cross-Origin Request Blocked|is not allowed by Access-Control-Allow-Origin\."
        r"|due to access control checks|Mixed Content: The page at|Failed to load resource: |net::ERR_[A-Z]"
        r"|violates the following (?:Content Security Policy )?directive|TypeError: Failed to fetch"
        r"|NetworkError when attempting to fetch|Preflight response is not successful|Blocked loading mixed active"
        r"|is not allowed by Access-Control-Allow-(?:Headers|Methods)\b|therefore not allowed access"
        r"|Access-Control-Allow-Origin (?:when credentials flag|cannot contain more)"
        r"|Credentials flag is true, but Access|Response for preflight (?:has invalid|is invalid)"
    )

    def recognises(self, head: str, name: str) -> bool:
        """By the sentences of the browsers; a document that quotes one is no console."""
        del name
        return not head.lstrip().startswith(("{", "[{", "<")) and self._LOOKS.search(head) is not None

    def read(self, stream: BinaryIO, source: str) -> Iterator[Observation]:
        """Each line that says why."""
        number = 0
        while raw := stream.readline(_LINE_BYTES):
            number += 1
            line = clean(raw.decode("utf-8", "replace").rstrip("\r\n")).translate(_QUOTES)
            if (seen := observed(line, Place(source, number))) is not None:
                yield seen


def observed(line: str, place: Place) -> Observation | None:
    """What one line without control characters says; ``None`` where it says nothing of a request."""
    for kind, pattern in _SAYS:
        if (found := pattern.search(line)) is not None:
            return _observation(kind, line, {**found.groupdict(default="")}, place)
    return None


def _observation(kind: str, line: str, said: dict[str, str], place: Place) -> Observation:
    url = said.get("blocked_url", "")
    target = target_of(url) if "://" in url or url.startswith("/") else None
    status = said.pop("status", "")
    facts = {name: safe(value) for name, value in said.items() if value and name not in _NO_FACTS}
    if kind == "cors":
        facts |= _reason(f"{chromium.BLOCKED}{older}" if (older := said.get("older")) else line, said.get("reason", ""))
    return Observation(
        format="console",
        place=place,
        method=said.get("method", ""),
        scheme=target.scheme if target else "",
        host=target.host if target else "",
        path=target.path if target else "",
        status=int(status) if status.isdigit() and 100 <= int(status) <= 599 else None,
        message=safe(line.strip())[:_MESSAGE_CHARS],
        fields={"kind": kind, **facts},
    )


def _reason(line: str, firefox: str) -> dict[str, str]:
    """Why CORS blocked it, by one set of names for all browsers; nothing where the sentence is not known."""
    if (blocked := chromium.recognise(line)) is not None:
        return {"cors": blocked.name, **({"hint": safe(blocked.hint)} if blocked.hint else {})}
    for pattern, name in _FIREFOX if firefox else ():
        if (found := pattern.search(firefox)) is not None:
            hint = found.groupdict().get("hint") or ""
            return {"cors": name, **({"hint": safe(hint)} if hint else {})}
    return next(({"cors": name} for words, name in _SAFARI if words in line), {})
