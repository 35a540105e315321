"""Request targets as nginx reads them (``ngx_http_parse_complex_uri``), and spells them again (``ngx_escape_uri``).

Texts here hold one byte a character (Latin-1), because that is what nginx compares.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_HEX: Final = frozenset("0123456789abcdefABCDEF")
_ABSOLUTE: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.\-]*)://([^/?#]*)")
_HOST: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::\d*)?")
_ESCAPE: Final = re.compile(r"%(?:([0-9A-Fa-f]{2})|[0-9A-Fa-f]?(.?))", re.DOTALL)
_ESCAPED_IN_PATHS: Final = frozenset(' "#%<>?\\^`{|}')
"""Since nginx 1.21.1; before, only the space, ``#``, ``%`` and ``?`` of these."""
_ESCAPED_IN_ARGS: Final = frozenset(' "#%&+;<>?\\^`{|}')


class BadTarget(Exception):  # noqa: N818 - the state of the request
    """nginx answers 400 to this request line."""


@dataclass(frozen=True, slots=True)
class Target:
    """A request target."""

    path: str
    """Decoded, dot segments resolved, slashes merged where that is switched on: ``$uri``."""
    args: str
    raw: str
    """As it was sent: ``$request_uri``."""
    quoted: bool
    """Whether the path was spelled with escapes, so that it is spelled with escapes again."""
    host: str | None = None
    """Of an absolute target."""
    empty: bool = False
    """Whether an absolute target has no path, so that nginx spells the target anew (``empty_path_in_uri``)."""


def as_bytes_text(text: str) -> str:
    """A text of the configuration as one byte a character."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def parse_target(raw: str, *, merge_slashes: bool = True) -> Target:
    """Read a request target. Raises :class:`BadTarget`."""
    if any(char <= " " or char == "\x7f" for char in raw):
        raise BadTarget("a space or control character in the request line")
    absolute = _ABSOLUTE.match(raw)
    if absolute and not _HOST.fullmatch(absolute[2]):
        raise BadTarget("the host in the request line is malformed")
    written = raw[absolute.end() :] if absolute else raw
    empty = absolute is not None and not written.startswith("/")
    rest = "/" + written if empty else written
    if not rest.startswith("/"):
        raise BadTarget("the request target does not begin with a slash")
    bare = rest.partition("#")[0]
    path, _, args = bare.partition("?")
    decoded = _normalised(path, merge=merge_slashes)
    return Target(decoded, args, written or "/", "%" in path, absolute[2] if absolute else None, empty)


def _normalised(path: str, *, merge: bool) -> str:
    """Decode and resolve. Escapes are decoded first, so that ``%2e%2e%2f`` climbs like ``../``."""
    segments: list[str] = []
    parts = _decoded(path)[1:].split("/")
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part == "..":
            if not segments:
                raise BadTarget("the path climbs above the root")
            segments.pop()
        if part in {".", ".."} or (part == "" and merge and not last):
            if last:
                segments.append("")
            continue
        segments.append(part)
    return "/" + "/".join(segments)


def _decoded(path: str) -> str:
    out: list[str] = []
    at = 0
    while at < len(path):
        char = path[at]
        if char != "%":
            out.append(char)
            at += 1
            continue
        pair = path[at + 1 : at + 3]
        if len(pair) < 2 or not _HEX.issuperset(pair):
            raise BadTarget("a broken escape in the path")
        value = int(pair, 16)
        if value == 0:
            raise BadTarget("an escaped NUL in the path")
        out.append(chr(value))
        at += 3
    return "".join(out)


def escape_path(path: str) -> str:
    """As ``NGX_ESCAPE_URI`` spells it."""
    return _escaped(path, _ESCAPED_IN_PATHS)


def escape_args(text: str) -> str:
    """As ``NGX_ESCAPE_ARGS`` spells it."""
    return _escaped(text, _ESCAPED_IN_ARGS)


def _escaped(text: str, special: frozenset[str]) -> str:
    return "".join(f"%{ord(char):02X}" if char in special or not " " < char < "\x7f" else char for char in text)


def unescape_redirect(text: str) -> str:
    """As ``NGX_UNESCAPE_REDIRECT`` does: escapes of what may stand in a URI are taken off, up to the first ``?``.

    A percent sign that begins no escape is lost, with a hexadecimal digit behind it.
    """
    out: list[str] = []
    at = 0
    while at < len(text):
        found = _ESCAPE.match(text, at)
        if found is None:
            out.append(text[at])
            at += 1
        else:
            at = found.end()
            out.append(_unescaped(found))
        if out[-1] == "?" and (found is None or found[1]):
            return "".join(out) + text[at:]
    return "".join(out)


def _unescaped(found: re.Match[str]) -> str:
    if not found[1]:
        return str(found[2])
    char = chr(int(found[1], 16))
    return char if "%" < char < "\x7f" else found[0]


def split_args(uri: str) -> tuple[str, str]:
    """A URI of the configuration as path and arguments."""
    path, _, args = uri.partition("?")
    return path, args


def argument(args: str, name: str) -> str:
    """``$arg_NAME``: the first argument of that name, whatever its case; empty where there is none."""
    wanted = name.lower()
    for pair in args.split("&"):
        key, sign, value = pair.partition("=")
        if sign and key.lower() == wanted:
            return value
    return ""
