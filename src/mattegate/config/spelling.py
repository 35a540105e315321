"""Rules of how a value is spelled that need more than a pattern: hosts, networks, origins, addresses, files, keys."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from mattegate.config.networks import NetworkSpellingError, read_network
from mattegate.config.origins import OriginSpellingError, normal_origin
from mattegate.config.rule import Problem, Rule, matches, says


def network(text: str) -> Problem | None:
    """An address or a network."""
    try:
        read_network(text)
    except NetworkSpellingError as error:
        return Problem(f"{text!r} is {error}", error.fix)
    return None


def origin(*, patterns: bool) -> Rule:
    """The origin of pages; ``patterns``: or one for several."""

    def rule(text: str) -> Problem | None:
        try:
            normal_origin(text, patterns=patterns)
        except OriginSpellingError as error:
            return Problem(f"{text!r} is not an origin: {error}", error.fix)
        return None

    return rule


_LABEL: Final = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_HOST_NAME: Final = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9A-Fa-f:.]+\]")


def host_name(text: str) -> Problem | None:
    """A name as ``Host`` has it, without its port; ``*.`` for all below."""
    if _HOST_NAME.fullmatch(text) and text[-2:] != "*.":
        return None
    bare = re.split(r"[/?#]", text.partition("://")[2] or text, maxsplit=1)[0]
    bare = re.sub(r":\d*$", "", bare)
    fix = f"write {bare}" if bare != text and _HOST_NAME.fullmatch(bare) else "write api.example.com or *.example.com"
    return Problem(f"{text!r} is not a host name: no scheme, no port, no path", fix)


def url(*schemes: str, empty: bool = True, shown: str) -> Rule:
    """A URL with a host, of one of the ``schemes``."""

    def holds(text: str) -> bool:
        if not text:
            return empty
        try:
            parts = urlsplit(text)
            return parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
        except ValueError:
            return False

    return says(lambda text: holds(text) and not re.search(r"\s", text), f"it must be a URL like {shown}")


def redis_url(text: str) -> Problem | None:
    """Where a Redis is, by network or by socket."""
    if text.startswith("unix:///") and not re.search(r"\s", text):
        return None
    return url("redis", "rediss", shown="redis://HOST:6379/0, rediss://… or unix:///…")(text)


def readable_file(path: Path | None) -> Problem | None:
    """A file that this user may read now."""
    if path is None:
        return None
    where = path.absolute()
    if not where.is_file():
        return Problem(f"there is no file {where}")
    if not os.access(where, os.R_OK):
        return Problem(f"this user may not read {where}", f"as its owner: chgrp GROUP {where} && chmod g+r {where}")
    return None


def foreign_key(key: str) -> Problem | None:
    """A key from elsewhere, which a header must be able to carry."""
    if re.search(r"\s", key):
        said = "spaces or line breaks stand inside it"
        return Problem(said, "list the key alone, without 'Bearer'; in YAML, each under the other behind - ")
    if key[:1] in "\"'" or key[-1:] in "\"'":
        return Problem("quotes are part of it", "one pair of quotes around each key is enough")
    if not re.fullmatch(r"[\x21-\x7e]*", key):
        return Problem("it holds characters that no header can carry", "use printable ASCII")
    if len(key) < 8:
        return Problem(f"{len(key)} characters can be guessed", "use 20 random characters or more")
    return Problem("it is too long to be sent in a header") if len(key) > 512 else None


HEADER: Final = matches(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", "not the name of a header", "such as Authorization")
_SECRET_HEADERS: Final = frozenset(
    {"authorization", "proxy-authorization", "x-api-key", "cookie", "dpop", "signature", "x-signature"}
)


def source(text: str) -> Problem | None:
    """One of what an authorizer may go by; it never sees what a request proves itself with."""
    name = text.lower()
    if name in {"identity", "key", "address", "origin"}:
        return None
    header = name.removeprefix("header:")
    if header == name or HEADER(header):
        return Problem(f"{text!r} is none of identity, key, address, origin, header:NAME", "such as header:x-tenant")
    if header in _SECRET_HEADERS:
        return Problem(f"{header} holds a secret, which an authorizer is not shown", "use identity or key")
    return None
