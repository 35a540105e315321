"""Numbers and codes that name one request, one account or one interface."""

from __future__ import annotations

import re
from typing import Final

from mattegate.doctor.render.stand_ins.book import Book, is_stand_in
from mattegate.doctor.render.stand_ins.hosts import own

_ARN: Final = re.compile(r"(arn:aws[\w-]{0,10}:([a-z0-9-]{1,40}):[a-z0-9-]{0,30}:)(\d{12})?(:)([A-Za-z0-9._-]{1,128})?")
_OWN_PARTS: Final = frozenset({"execute-api", "s3"})
_SHAPES: Final = re.compile(
    r"(?<![\w-])(?:[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"  # a UUID: AWS, Azure, Envoy
    r"|[0-9a-f]{16}-[A-Z]{3}"  # Cloudflare's Ray ID, with its place
    r"|1-[0-9a-f]{8}-[0-9a-f]{24}"  # X-Amzn-Trace-Id
    r"|\d{1,2}\.[0-9a-f]{6,8}\.\d{10}\.[0-9a-f]{6,10}"  # Akamai's reference
    r"|[0-9a-fA-F]{16,64}|(?:req_)?[0-7][0-9A-HJKMNP-TV-Z]{25})(?![\w-])"  # W3C traces and spans, ULIDs
)
_NAMED: Final = re.compile(
    r"((?i:\b(?:x-)?(?:[a-z]{1,12}[-_ ])?(?:request|ray|trace|correlation|unique|reference|amz-cf|transaction|span)"
    r"[-_ ]?(?:id|ref)|cf-ray|x-azure-ref|reference #)\"?\s{0,3}[:=]?\s{0,3}\"?)"
    r"([A-Za-z0-9_+/=.-]{5,127}[A-Za-z0-9_+/=-])"
)
_LONG: Final = re.compile(r"(?<![\w/+.$*-])[A-Za-z0-9_-]{32,512}={0,2}(?![\w(*-])")


def hide_numbers(text: str, book: Book) -> str:
    """``text`` with stand-ins for what names one request, one account or one interface."""
    text = _ARN.sub(lambda found: _arn(found, book), text)
    text = _NAMED.sub(lambda found: found[1] + (_request(found[2], book) if _digits(found[2]) else found[2]), text)
    text = _SHAPES.sub(lambda found: _request(found[0], book), text)
    return _LONG.sub(lambda found: _request(found[0], book) if _is_random(found[0]) else found[0], text)


def _digits(text: str) -> int:
    return sum(char.isdigit() for char in text)


def _is_random(text: str) -> bool:
    """Digits among letters: the long words of a protocol have none."""
    return _digits(text) >= 3 and any(char.isalpha() for char in text)


def _request(text: str, book: Book) -> str:
    if is_stand_in(text):
        return text
    return book.stand_in("request", text, "what names one request or thing", lambda number: f"request-{number}")


def _arn(found: re.Match[str], book: Book) -> str:
    start, service, account, colon, part = found.groups()
    if account and not account.startswith("00000000"):
        account = book.stand_in("account", account, "the number of an account", lambda number: f"{number:012d}")
    if part and service in _OWN_PARTS:
        part = own(part, book)
    return f"{start}{account or ''}{colon}{part or ''}"
