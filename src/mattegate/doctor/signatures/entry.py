"""A signature as a value, and how it is read from its file: nothing here looks at an observation.

``data/SOURCE.toml`` holds the signatures of one program or service. A file that breaks a rule is refused with its name
and the entry's, because a signature that is silently dropped would be a layer that is never blamed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from importlib.resources import files
from string import Formatter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from mattegate.doctor.answer import Certainty

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


class BadSignatures(Exception):  # noqa: N818 - our own data is wrong
    """A file of signatures breaks its rules; the message names the file and the entry."""


class Where(StrEnum):
    """The part of an observation that a condition looks at."""

    HEADER = "header"
    REQUEST_HEADER = "request_header"
    FIELD = "field"
    MEMBER = "member"


MEMBERS: Final = frozenset(
    {"method", "scheme", "host", "path", "http_version", "client", "reason_phrase", "body", "message", "via"}
)
"""The texts of an observation that a condition may name as they are."""

FACTS: Final = frozenset({"status", "path", "host", "client", "method"})
"""What a sentence may name beside the named groups of its own patterns."""


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """One text of an observation: ``header.server``, ``field.upstream_status``, ``body``."""

    where: Where
    name: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text must have this in it."""

    spot: Spot
    regex: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Match:
    """All of it must hold; an empty set allows everything."""

    formats: frozenset[str]
    statuses: frozenset[int]
    patterns: tuple[Pattern, ...]
    none: tuple[Pattern, ...]
    """None of them may be found."""
    absent: tuple[Spot, ...]
    """Must be absent or empty."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A text that the signature must recognise, and the reader that reads it."""

    reader: str
    """A reader's name, or ``json`` for an observation spelled as JSON."""
    text: str


@dataclass(frozen=True, slots=True)
class Signature:
    """How one refusal looks, and what causes it."""

    id: str
    """``source.what``; never renamed."""
    source: str
    cause: str
    certainty: Certainty
    says: str
    """The sentence of evidence; braces name groups of the patterns, or members of the observation."""
    remedy: str
    """A remedy for this very look, in place of the cause's general one; mostly empty. Braces as in ``says``."""
    next: str
    tell_apart: str
    cite: str
    verified: str
    """The version that it was seen with; empty where it rests on documentation or source alone."""
    facts: Mapping[str, str]
    """What the cause's sentences name and this look does not tell, in plain words; braces as in ``says``. Anything
    that is found by name takes its place."""
    match: Match
    samples: tuple[Sample, ...]


_FILE_KEYS: Final = frozenset({"source", "verified", "layer_default", "entry"})
_ENTRY_KEYS: Final = frozenset(field.name for field in fields(Signature)) - {"source"}
_REQUIRED: Final = frozenset({"id", "cause", "certainty", "says", "cite", "match", "samples"})
_MATCH_KEYS: Final = MEMBERS | {"format", "status", "header", "request_header", "field", "absent", "none"}
_PARTS: Final = frozenset({Where.HEADER, Where.REQUEST_HEADER, Where.FIELD})


@cache
def signatures() -> tuple[Signature, ...]:
    """All signatures that come with the doctor, in the order of their files. Raises :class:`BadSignatures`."""
    return load(files(__package__) / "data")


def load(folder: Traversable) -> tuple[Signature, ...]:
    """The signatures of a folder of TOML files. Raises :class:`BadSignatures`."""
    found: dict[str, Signature] = {}
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml"):
            for signature in parsed(file.read_text("utf-8"), file.name):
                if signature.id in found:
                    raise BadSignatures(f"{file.name}: {signature.id}: the id stands twice")
                found[signature.id] = signature
    return tuple(found.values())


def parsed(text: str, name: str) -> Iterator[Signature]:
    """The signatures of one file's text. Raises :class:`BadSignatures`."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadSignatures(f"{name}: {error}") from error
    _known(document, _FILE_KEYS, name)
    for entry in document.get("entry", ()):
        what = f"{name}: {entry.get('id', 'an entry without an id')}"
        try:
            yield _signature(entry, document, what)
        except (ValueError, TypeError, KeyError, AttributeError, re.error) as error:
            raise BadSignatures(f"{what}: {error}") from error


def _signature(entry: Mapping[str, Any], document: Mapping[str, Any], what: str) -> Signature:
    _known(entry, _ENTRY_KEYS, what)
    if missing := _REQUIRED - entry.keys():
        raise BadSignatures(f"{what}: lacks {', '.join(sorted(missing))}")
    signature = Signature(
        id=entry["id"],
        source=document["source"],
        cause=entry["cause"],
        certainty=Certainty(entry["certainty"]),
        says=entry["says"],
        remedy=entry.get("remedy", ""),
        next=entry.get("next", ""),
        tell_apart=entry.get("tell_apart", ""),
        cite=entry["cite"],
        verified=entry.get("verified", document.get("verified", "")),
        facts=MappingProxyType({name: str(fact) for name, fact in entry.get("facts", {}).items()}),
        match=_match(entry["match"], what),
        samples=tuple(Sample(sample["as"], sample["text"]) for sample in entry["samples"]),
    )
    _honest(signature, what)
    return signature


def _match(table: Mapping[str, Any], what: str) -> Match:
    _known(table, _MATCH_KEYS, f"{what}: match")
    return Match(
        formats=frozenset(_listed(table.get("format", ()))),
        statuses=frozenset(_listed(table.get("status", ()))),
        patterns=tuple(_patterns(table)),
        none=tuple(_patterns(table.get("none", {}))),
        absent=tuple(_spot(name) for name in table.get("absent", ())),
    )


def _patterns(table: Mapping[str, Any]) -> Iterator[Pattern]:
    """In their order, but the body last: it is the longest text, and most often settled without."""
    found = [
        Pattern(spot, re.compile(regex))
        for key, value in table.items()
        if key in MEMBERS or key in _PARTS
        for spot, regexes in _spots(key, value)
        for regex in _listed(regexes)
    ]
    yield from sorted(found, key=lambda pattern: pattern.spot.name in {"body", "message"})


def _spots(key: str, value: Any) -> Iterator[tuple[Spot, Any]]:
    if key in MEMBERS:
        yield Spot(Where.MEMBER, key), value
        return
    for name, regexes in value.items():
        yield _spot(f"{key}.{name}"), regexes


def _spot(text: str) -> Spot:
    if text in MEMBERS:
        return Spot(Where.MEMBER, text)
    where, _, name = text.partition(".")
    if where not in _PARTS or not name:
        raise ValueError(f"{text!r} is no part of an observation")
    return Spot(Where(where), name if where == Where.FIELD else name.lower())


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, (list, tuple)) else (value,)


def _known(table: Mapping[str, Any], known: frozenset[str], what: str) -> None:
    if strange := table.keys() - known:
        raise BadSignatures(f"{what}: unknown {', '.join(sorted(strange))}")


def _honest(signature: Signature, what: str) -> None:
    """What a signature claims, it must be able to keep."""
    if not signature.id.startswith(f"{signature.source}."):
        raise BadSignatures(f"{what}: the id does not begin with {signature.source}.")
    if not signature.samples:
        raise BadSignatures(f"{what}: has no sample")
    if signature.certainty is Certainty.PROVEN and not signature.verified:
        raise BadSignatures(f"{what}: proven, but verified with no version")
    _filled(signature, what)


def _filled(signature: Signature, what: str) -> None:
    """Every fact that a sentence names is a group of its patterns or a member of every observation."""
    known = FACTS.union(*(pattern.regex.groupindex for pattern in signature.match.patterns))
    for sentence in (signature.says, signature.remedy, signature.next, *signature.facts.values()):
        named = {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}
        if strange := named - known:
            raise BadSignatures(f"{what}: {sentence!r} names {', '.join(sorted(strange))}, which nothing gives")
