"""What the signatures say about an observation. Compiled once; an observation costs a handful of look-ups.

1. An entry is tried only on the formats and statuses that it names: two look-ups give the short list.
2. A plain text that must be there is looked for before any pattern.
3. An entry's texts are looked at in its own order, the body last; the first that does not fit ends it.
4. Whatever an entry finds by name becomes a fact for the sentences of its cause.
5. Of an answer whose status nobody saw, but whose body is known, the body decides: an entry that asks for a status as
   well is tried on it where it asks for a text of the body, and no status is claimed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mattegate.doctor.causes import in_command
from mattegate.doctor.clue import Clue
from mattegate.doctor.evidence import told
from mattegate.doctor.signatures.entry import FACTS, Match, Pattern, Signature, Spot, Where, signatures
from mattegate.doctor.signatures.literals import Literals, folded, literals

if TYPE_CHECKING:
    from mattegate.doctor.observation import Headers, Observation

_LONGEST: Final = 16_384
"""Characters of a text that are searched: no more of an answer's body is kept, and no honest log line is longer."""

_REMEMBERED: Final = 16
"""Texts of which it is remembered what stands in them: a layer's refusals mostly have one page and one server."""

_UNKNOWN: Final = MappingProxyType(
    {
        "status": "an error",
        "path": "the path",
        "host": "the host",
        "client": "the client",
        "method": "the request",
    }
)
"""What a sentence says for a member that was not seen."""


class Matcher:
    """All signatures, ordered by what they apply to."""

    def __init__(self, entries: Iterable[Signature] | None = None) -> None:
        by_format: dict[str, list[_Tried]] = defaultdict(list)
        anywhere: list[_Tried] = []
        for order, entry in enumerate(signatures() if entries is None else entries):
            tried = _Tried.of(order, entry)
            for name in entry.match.formats:
                by_format[name].append(tried)
            if not entry.match.formats:
                anywhere.append(tried)
        self._anywhere = _ByStatus(anywhere)
        self._by_format = {name: _ByStatus([*some, *anywhere]) for name, some in by_format.items()}

    def clues(self, observation: Observation) -> Iterator[Clue]:
        """One clue for each entry that fits, in the order of the files."""
        texts = _Texts(observation)
        for entry in self._by_format.get(observation.format, self._anywhere).of(observation).likely(texts):
            found = _found(entry.match, texts)
            if found is not None:
                yield _clue(entry, found, observation)


@dataclass(frozen=True, slots=True)
class _Tried:
    """An entry, and the texts that are cheapest to rule it out by."""

    order: int
    entry: Signature
    spot: Spot
    certain: Literals
    """One of them must stand at the spot."""
    something: bool
    """Whether there must be a text at the spot at all."""

    @classmethod
    def of(cls, order: int, entry: Signature) -> _Tried:
        best = max(entry.match.patterns, key=_cheapness, default=None)
        if best is None:
            return cls(order, entry, Spot(Where.MEMBER, "message"), Literals(), something=False)
        return cls(order, entry, best.spot, literals(best.regex.pattern), something=not best.regex.search(""))


def _cheapness(pattern: Pattern) -> tuple[bool, bool, bool, int]:
    """A text that must be there first, the body last, a long literal before a short one."""
    certain = literals(pattern.regex.pattern)
    shortest = min(map(len, certain.texts), default=0)
    return not pattern.regex.search(""), pattern.spot.name != "body", bool(certain.texts), shortest


class _Listed:
    """The entries for one format and status, by the text that rules them out."""

    def __init__(self, entries: Iterable[_Tried]) -> None:
        groups: dict[Spot, list[_Tried]] = defaultdict(list)
        self._always: list[_Tried] = []
        for tried in entries:
            if tried.something:
                groups[tried.spot].append(tried)
            else:
                self._always.append(tried)
        self._groups = tuple(
            (spot, lru_cache(maxsize=_REMEMBERED)(partial(_standing, tuple(group)))) for spot, group in groups.items()
        )

    def likely(self, texts: _Texts) -> list[Signature]:
        """Those that may fit, in the order of the files."""
        left = list(self._always)
        for spot, standing in self._groups:
            if text := texts.at(spot):
                left += standing(text)
        return [tried.entry for tried in sorted(left, key=_order)]


def _standing(group: Iterable[_Tried], text: str) -> tuple[_Tried, ...]:
    """Those whose literals stand in a text."""
    plain, lower = text.__contains__, folded(text).__contains__
    return tuple(
        tried
        for tried in group
        if not tried.certain.texts or any(map(lower if tried.certain.any_case else plain, tried.certain.texts))
    )


def _order(tried: _Tried) -> int:
    return tried.order


class _ByStatus:
    """Entries by the status they ask for."""

    def __init__(self, entries: list[_Tried]) -> None:
        asked = {status for tried in entries for status in tried.entry.match.statuses}
        self._others = _Listed(tried for tried in entries if not tried.entry.match.statuses)
        self._bodies = _Listed(tried for tried in entries if not tried.entry.match.statuses or _asks_for_body(tried))
        self._known = {status: _Listed(_asking(entries, status)) for status in asked}

    def of(self, seen: Observation) -> _Listed:
        if seen.status is None:
            return self._bodies if seen.body else self._others
        return self._known.get(seen.status, self._others)


def _asks_for_body(tried: _Tried) -> bool:
    return any(pattern.spot.name == "body" for pattern in tried.entry.match.patterns)


def _asking(entries: Iterable[_Tried], status: int) -> Iterator[_Tried]:
    """Those that ask for this status, and those that ask for none."""
    return (tried for tried in entries if status in tried.entry.match.statuses or not tried.entry.match.statuses)


class _Texts:
    """The texts of one observation, each taken out once."""

    __slots__ = ("_headers", "_seen", "_taken")

    def __init__(self, observation: Observation) -> None:
        self._seen = observation
        self._taken: dict[Spot, str] = {}
        self._headers: dict[Where, dict[str, str]] = {}

    def at(self, spot: Spot) -> str:
        """The text, empty where it is absent."""
        text = self._taken.get(spot)
        if text is None:
            text = self._taken[spot] = self._take(spot)[:_LONGEST]
        return text

    def _take(self, spot: Spot) -> str:
        if spot.where is Where.MEMBER:
            text: str = getattr(self._seen, spot.name)
            return text
        if spot.where is Where.FIELD:
            return self._seen.fields.get(spot.name, "")
        return self._joined(spot.where).get(spot.name, "")

    def _joined(self, where: Where) -> dict[str, str]:
        if where not in self._headers:
            seen = self._seen
            self._headers[where] = _by_name(seen.response_headers if where is Where.HEADER else seen.request_headers)
        return self._headers[where]


def _by_name(headers: Headers) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in headers:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _found(match: Match, texts: _Texts) -> Mapping[str, str] | None:
    """What the patterns found by name; ``None`` where one does not fit."""
    if any(texts.at(spot) for spot in match.absent):
        return None
    facts: dict[str, str] = {}
    for pattern in match.patterns:
        hit = pattern.regex.search(texts.at(pattern.spot))
        if hit is None:
            return None
        facts |= {name: text for name, text in hit.groupdict().items() if text}
    if any(pattern.regex.search(texts.at(pattern.spot)) for pattern in match.none):
        return None
    return facts


def _clue(entry: Signature, found: Mapping[str, str], observation: Observation) -> Clue:
    facts = {**_members(observation), **found}
    words = _Words(facts)
    facts = {name: fact.format_map(words) for name, fact in entry.facts.items()} | facts
    return Clue(
        cause=entry.cause,
        certainty=entry.certainty,
        origin=f"signature {entry.id}",
        evidence=(told(entry.says.format_map(words), str(observation.place), observation.count),),
        facts=facts,
        request=observation.request,
        status=observation.status,
        remedy=_advice(entry.remedy, facts),
        next=_advice(entry.next, {name: in_command(fact) for name, fact in facts.items()}),
        tell_apart=entry.tell_apart,
    )


def _advice(sentence: str, facts: Mapping[str, str]) -> str:
    """A command or a remedy with all its facts; where one is missing there is none, and the cause's own is told."""
    try:
        return sentence.format_map(facts)
    except KeyError:
        return ""


def _members(observation: Observation) -> dict[str, str]:
    seen = {name: getattr(observation, name) for name in sorted(FACTS)}
    return {name: str(value) for name, value in seen.items() if value not in {None, ""}}


class _Words(dict[str, str]):
    """Facts for a sentence, where one that was not seen has a plain word instead."""

    def __missing__(self, name: str) -> str:
        return _UNKNOWN.get(name, "something")
