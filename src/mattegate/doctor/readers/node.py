"""Reads what Node.js prints of an answer: a fetch ``Response``, the answer inside an ``AxiosError``, an object of both.

Each is an ``exchange``. Node prints names bare where it can and texts in single quotes (``util.inspect``); of the
request only what axios keeps in ``config`` is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.readers.documents import MEBIBYTE, read_text
from mattegate.doctor.readers.http_message import Target, body_text, target_of
from mattegate.doctor.readers.protocol import Unreadable
from mattegate.doctor.redact import clean, safe, safe_headers

_MOST: Final = 8 * MEBIBYTE
_MOST_ANSWERS: Final = 200
_STRING: Final = r"(?:'(?:[^'\\]|\\.)*+'|\"(?:[^\"\\]|\\.)*+\"|`(?:[^`\\]|\\.)*+`)"
_STRINGS: Final = re.compile(_STRING, re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_ANSWER: Final = re.compile(rf"\bstatus: (?P<status>[1-5]\d\d),\s{{1,40}}statusText: (?P<reason>{_STRING})")
_HEADERS: Final = re.compile(r"\bheaders: (?:\w{1,20} )?(?:\[\w{1,30}\] )?\{(?P<inside>[^{}]{0,16384})")
_HEADER: Final = re.compile(
    rf"(?:^|[\s,])(?:'(?P<quoted>[\w-]{{1,100}})'|(?P<bare>[A-Za-z]\w{{0,99}})): (?P<value>{_STRING})"
)
_METHOD: Final = re.compile(r"\bmethod: '(?P<method>[A-Za-z]{3,10})'")
_URL: Final = re.compile(r"\burl: '(?P<url>[^'\n]{1,8192})'")
_SUM: Final = rf"{_STRING}(?:\s{{0,20}}\+\s{{1,40}}{_STRING}){{0,200}}"
_BODY: Final = re.compile(rf"\b(?:data|body): (?:(?P<strings>{_SUM})|(?P<object>\{{[^{{}}]{{0,8192}}\}}))")
_BEHIND: Final = 32_768
"""Characters behind a status within which its headers and body stand."""
_BEFORE: Final = 16_384


class NodeReader:
    """Answers as Node.js prints them."""

    name = "node"

    def recognises(self, head: str, name: str) -> bool:
        """By the status and its text, one behind the other, with headers near them; JSON quotes its names."""
        del name
        return _ANSWER.search(head) is not None and _HEADERS.search(head) is not None

    def read(self, stream: BinaryIO, source: str) -> Iterator[Observation]:
        """Each answer, in their order. Raises :class:`Unreadable`."""
        text = clean(read_text(stream, most=_MOST))
        for number, answer in enumerate(_ANSWER.finditer(text)):
            if number >= _MOST_ANSWERS:
                raise Unreadable(f"it has more than {_MOST_ANSWERS} answers; give the ones that were refused")
            yield _exchange(text, answer, source)


def _exchange(text: str, answer: re.Match[str], source: str) -> Observation:
    behind = text[answer.end() : answer.end() + _BEHIND]
    following = _ANSWER.search(behind)
    behind = behind[: following.start()] if following is not None else behind
    before = text[max(0, answer.start() - _BEFORE) : answer.start()]
    target, method = _asked(before, behind)
    return Observation(
        format="exchange",
        place=Place(source, text.count("\n", 0, answer.start()) + 1),
        method=method,
        scheme=target.scheme,
        host=target.host,
        path=target.path,
        status=int(answer["status"]),
        reason_phrase=safe(_text(answer["reason"])),
        response_headers=safe_headers(_headers(behind)),
        body=_body(behind),
        fields={"program": "node"},
    )


def _asked(before: str, behind: str) -> tuple[Target, str]:
    """What axios keeps of the request, before the answer; or the address that fetch tells behind it."""
    urls = [found["url"] for found in _URL.finditer(before)] or [found["url"] for found in _URL.finditer(behind)][:1]
    methods = [found["method"].upper() for found in _METHOD.finditer(before)]
    return (target_of(urls[-1]) if urls else Target()), (methods[-1] if methods else "")


def _text(strings: str) -> str:
    """What stands between the quotes; long texts are printed as a sum of short ones."""
    return "".join(_ESCAPED.sub(_unescaped, one[0][1:-1]) for one in _STRINGS.finditer(strings))


def _unescaped(found: re.Match[str]) -> str:
    return {"n": "\n", "r": "\r", "t": "\t"}.get(found[1], found[1])


def _headers(behind: str) -> list[tuple[str, str]]:
    block = _HEADERS.search(behind)
    inside = block["inside"] if block is not None else ""
    return [(pair["quoted"] or pair["bare"], _text(pair["value"])) for pair in _HEADER.finditer(inside)]


def _body(behind: str) -> str:
    bodies = [*_BODY.finditer(behind)]
    if not bodies:
        return ""
    return body_text(bodies[-1]["object"] or _text(bodies[-1]["strings"]))
