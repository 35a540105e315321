"""What the variables of rules say of one request (``src/transaction.cc``, ``src/variables``).

The body is never looked into: it is taken to be what its type says, and well-formed; what it holds is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.modsecurity.transformations import decoded, unescaped
from mattegate.doctor.nginx.modsecurity.values import ANYTHING, AtLeast, Value, Values, single

if TYPE_CHECKING:
    from mattegate.doctor.nginx.request import Headers

_AFTER_BODY: Final = 2
_WITH_ARGUMENTS: Final = frozenset({"URLENCODED", "MULTIPART", "JSON"})


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, as the engine is told of it."""

    method: str
    raw: str
    """The target as it was sent."""
    version: str
    headers: Headers
    """All of them, ``Host`` and ``Content-Length`` too."""
    client: str
    body_bytes: int
    in_file: bool = False
    """Whether the body is so large that nginx keeps all of it in a file."""

    def header(self, name: str) -> str:
        """The first header of a name in small letters; empty where there is none."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    @property
    def kind(self) -> str:
        """What the body is by its type, before any rule says otherwise."""
        kind = self.header("content-type").lower()
        if kind.startswith("multipart/form-data"):
            return "MULTIPART"
        return "URLENCODED" if kind.startswith("application/x-www-form-urlencoded") else ""


@dataclass(frozen=True, slots=True)
class Seen:
    """A request in one phase."""

    asked: Asked
    phase: int
    processor: Value
    """What reads the body."""
    error: Value
    """``REQBODY_ERROR``."""

    @property
    def reads_more(self) -> bool:
        """Whether arguments may have come out of the body."""
        asked = self.asked
        return self.phase >= _AFTER_BODY and asked.body_bytes > 0 and self.processor in _WITH_ARGUMENTS | {None}


def values_of(collection: str, seen: Seen) -> Values:
    """The values of a variable or collection, by its name in large letters."""
    ask = _SINGLE.get(collection)
    if ask is not None:
        return single(ask(seen))
    gather = _COLLECTIONS.get(collection)
    return gather(seen) if gather is not None else ANYTHING


def _path(seen: Seen) -> Value:
    """The path decoded; versions differ on an escaped question mark."""
    path = _without_fragment(seen).partition("?")[0]
    return None if "%3f" in path.lower() else unescaped(path)


def _base(seen: Seen) -> Value:
    path = _path(seen)
    return re.split(r"[/\\]", path)[-1] if isinstance(path, str) else None


def _without_fragment(seen: Seen) -> str:
    return seen.asked.raw.partition("#")[0]


def _body(seen: Seen) -> Value:
    return None if seen.phase >= _AFTER_BODY and seen.asked.body_bytes else ""


def _boundary(seen: Seen) -> Value:
    """``MULTIPART_UNMATCHED_BOUNDARY``: 2 for a body of several parts that ends as it should, since 3.0.3.

    It is 1 where a line of the content looks like a boundary; a rule that wants 0 refuses every upload.
    """
    if seen.processor is None:
        return None
    return AtLeast(1) if _of_parts(seen).more and seen.asked.body_bytes else "0"


_SINGLE: Final[Mapping[str, Callable[[Seen], Value]]] = MappingProxyType(
    {
        "REQUEST_METHOD": lambda seen: seen.asked.method,
        "REQUEST_PROTOCOL": lambda seen: f"HTTP/{seen.asked.version}",
        "REQUEST_LINE": lambda seen: f"{seen.asked.method} {seen.asked.raw} HTTP/{seen.asked.version}",
        "REQUEST_URI": lambda seen: unescaped(_without_fragment(seen)),
        "REQUEST_URI_RAW": lambda seen: seen.asked.raw,
        "REQUEST_FILENAME": _path,
        "REQUEST_BASENAME": _base,
        "QUERY_STRING": lambda seen: _without_fragment(seen).partition("?")[2],
        "REMOTE_ADDR": lambda seen: seen.asked.client,
        "REQUEST_BODY": _body,
        "REQBODY_PROCESSOR": lambda seen: seen.processor,
        "REQBODY_ERROR": lambda seen: seen.error,
        "MULTIPART_STRICT_ERROR": lambda seen: None if seen.processor is None else "0",
        "MULTIPART_UNMATCHED_BOUNDARY": _boundary,
    }
)


def _arguments(seen: Seen) -> tuple[tuple[str, Value], ...]:
    query = _without_fragment(seen).partition("?")[2]
    pairs = (part.partition("=") for part in query.split("&") if part)
    return tuple((decoded(name), decoded(value)) for name, _, value in pairs)


def _cookies(seen: Seen) -> tuple[tuple[str, Value], ...]:
    lines = [value for name, value in seen.asked.headers if name.lower() == "cookie"]
    pairs = (part.partition("=") for line in lines for part in line.rstrip().split(";") if part)
    return tuple((name.lstrip(), value) for name, _, value in pairs if name.strip())


def _names(pairs: Iterable[tuple[str, Value]]) -> tuple[tuple[str, Value], ...]:
    return tuple((name, name) for name, _ in pairs)


def _of_parts(seen: Seen) -> Values:
    """What only a body of several parts has."""
    return Values((), more=seen.processor in {"MULTIPART", None} and seen.phase >= _AFTER_BODY)


_COLLECTIONS: Final[Mapping[str, Callable[[Seen], Values]]] = MappingProxyType(
    {
        "REQUEST_HEADERS": lambda seen: Values(seen.asked.headers),
        "REQUEST_HEADERS_NAMES": lambda seen: Values(_names(seen.asked.headers)),
        "REQUEST_COOKIES": lambda seen: Values(_cookies(seen)),
        "REQUEST_COOKIES_NAMES": lambda seen: Values(_names(_cookies(seen))),
        "ARGS": lambda seen: Values(_arguments(seen), seen.reads_more),
        "ARGS_NAMES": lambda seen: Values(_names(_arguments(seen)), seen.reads_more),
        "ARGS_GET": lambda seen: Values(_arguments(seen)),
        "ARGS_GET_NAMES": lambda seen: Values(_names(_arguments(seen))),
        "ARGS_POST": lambda seen: Values((), seen.reads_more),
        "ARGS_POST_NAMES": lambda seen: Values((), seen.reads_more),
        "FILES": _of_parts,
        "FILES_NAMES": _of_parts,
        "MULTIPART_PART_HEADERS": _of_parts,
        "XML": lambda seen: Values((), more=seen.processor in {"XML", None}),
    }
)
