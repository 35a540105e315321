"""Reads a request copied out of a browser: "Copy as cURL" (bash and cmd), "Copy as fetch", or ``fetch()`` code.

There is no answer in it: each becomes an ``exchange`` without a status, which says what a client sends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import BinaryIO, Final

from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.readers.command_line import CommandRequest, as_request
from mattegate.doctor.readers.curl import CurlReader
from mattegate.doctor.readers.documents import MEBIBYTE, read_text
from mattegate.doctor.readers.http_message import target_of
from mattegate.doctor.readers.protocol import Unreadable
from mattegate.doctor.redact import clean, safe, safe_headers

_MOST: Final = 8 * MEBIBYTE
_CURL: Final = re.compile(r"^[ \t]{0,20}(?:[$#>%] ?)?(curl(?:\.exe)?\s)", re.MULTILINE)
_FETCH: Final = re.compile(
    r"\bfetch\s{0,20}\(\s{0,200}(?:new\s{1,9}Request\(\s{0,20})?(?P<quote>[\"'`])(?P<url>[^\"'`\n]{1,16384})"
)
_STRING: Final = re.compile(
    r"\"(?:[^\"\\\n]|\\.)*+\"?|'(?:[^'\\\n]|\\.)*+'?|`(?:[^`\\]|\\.)*+`?|//[^\n]*|[()\[\]{}]|[^\"'`()\[\]{}/]+|/",
    re.DOTALL,
)
_MOST_PIECES: Final = 1_000
_MOST_PIECE_CHARS: Final = 8_192
_MOST_REQUESTS: Final = 500
_OPTION: Final = re.compile(
    r"[\"']?\b(?P<name>method|credentials|mode|redirect|cache|referrerPolicy)[\"']?\s{0,20}:\s{0,20}[\"'`](?P<value>[\w-]{1,40})[\"'`]"
)
_HEADERS: Final = re.compile(
    r"[\"']?\bheaders[\"']?\s{0,20}:\s{0,20}(?:new\s{1,9}Headers\s{0,9}\(\s{0,20})?\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}"
)
_HEADER: Final = re.compile(
    r"(?:[\"'](?P<quoted>[\w-]{1,100})[\"']|(?P<bare>[A-Za-z_]\w{0,99}))\s{0,20}:\s{0,20}"
    r"(?:\"(?P<double>(?:[^\"\\\n]|\\.)*+)\"|'(?P<single>(?:[^'\\\n]|\\.)*+)'|`(?P<template>[^`]{0,8192})`|(?P<code>[^,}\n]{1,400}))"
)
_BODY: Final = re.compile(
    r"[\"']?\bbody[\"']?\s{0,20}[:,}]\s{0,20}(?P<value>null\b|undefined\b|JSON\.stringify|[\w.]{0,60}|.)"
)


class CopiedReader:
    """Requests without answers."""

    name = "copied"

    def recognises(self, head: str, name: str) -> bool:
        """A command or a call at the beginning of a line, and no output of curl."""
        del name
        command = _CURL.search(head) is not None
        call = _FETCH.search(head) is not None and not head.lstrip().startswith(("{", "[", "<"))
        return (command or call) and not CurlReader().recognises(head, "")

    def read(self, stream: BinaryIO, source: str) -> Iterator[Observation]:
        """Each command and each call, in their order. Raises :class:`Unreadable`."""
        text = clean(read_text(stream, most=_MOST))
        found = [*_commands(text), *_calls(text)]
        if not found:
            raise Unreadable("no curl command and no fetch() call with an address in quotes was found in it")
        line, counted = 1, 0
        for start, request in sorted(found, key=lambda one: one[0]):
            line, counted = line + text.count("\n", counted, start), start
            yield _observation(request, Place(source, line))


def _commands(text: str) -> Iterator[tuple[int, CommandRequest]]:
    starts = [command.start(1) for command in _few(_CURL.finditer(text))]
    for start, end in pairwise([*starts, len(text)]):
        if (request := as_request(_one_command(text[start:end]))) is not None:
            request.options["copied_as"] = "curl"
            yield start, request


def _few(found: Iterator[re.Match[str]]) -> Iterator[re.Match[str]]:
    for number, one in enumerate(found):
        if number >= _MOST_REQUESTS:
            raise Unreadable(f"it has more than {_MOST_REQUESTS} requests; give the ones that were refused")
        yield one


def _one_command(text: str) -> str:
    """Up to the first line end that nothing carries over: no quote is open, and no backslash or caret precedes it."""
    end = re.compile(r"(?:[^\n'\"\\^]|\\.|\^.|'[^']*'?|\"(?:[^\"\\]|\\.)*+\"?)*+", re.DOTALL).match(text)
    return end[0] if end else text


def _calls(text: str) -> Iterator[tuple[int, CommandRequest]]:
    for call in _few(_FETCH.finditer(text)):
        request = CommandRequest(target_of(call["url"]))
        _take_options(request, _arguments(text, call.end()))
        request.method = request.method or "GET"
        request.options["copied_as"] = "fetch"
        yield call.start(), request


def _arguments(text: str, start: int) -> str:
    """What stands between the address and the bracket that closes the call; of a long text nothing."""
    kept: list[str] = []
    depth, at = 1, start + 1
    while depth and len(kept) < _MOST_PIECES and (piece := _STRING.match(text, at)):
        depth += {"(": 1, ")": -1}.get(piece[0], 0)
        kept.append(piece[0] if len(piece[0]) <= _MOST_PIECE_CHARS else '"long"')
        at = piece.end()
    return "".join(kept)


def _take_options(request: CommandRequest, arguments: str) -> None:
    headers = _HEADERS.search(arguments)
    if headers is not None:
        request.headers = [_header(found) for found in _HEADER.finditer(headers[1])]
        arguments = arguments[: headers.start()] + arguments[headers.end() :]
    for option in _OPTION.finditer(arguments):
        if option["name"] == "method":
            request.method = option["value"].upper()
        else:
            request.options.setdefault(option["name"], option["value"])
    body = _BODY.search(arguments)
    if body is not None and body["value"] not in ("null", "undefined"):
        request.body = "json" if body["value"] == "JSON.stringify" else "yes"


def _header(found: re.Match[str]) -> tuple[str, str]:
    value = next((found[kind] for kind in ("double", "single", "template") if found[kind] is not None), None)
    return found["quoted"] or found["bare"], f"{{{{{found['code'].strip()}}}}}" if value is None else value


def _observation(request: CommandRequest, place: Place) -> Observation:
    body = {"body": request.body, "body_chars": str(request.body_chars)} if request.body else {}
    return Observation(
        format="exchange",
        place=place,
        method=safe(request.method),
        scheme=request.target.scheme,
        host=request.target.host,
        path=request.target.path,
        request_headers=safe_headers(request.headers),
        fields={name: safe(value) for name, value in {**request.options, **body}.items()},
    )
