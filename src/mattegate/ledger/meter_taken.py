"""What a reservation took of each limit, as it is kept with its row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, replace

from mattegate.vocabulary.facts import LimitKind
from mattegate.vocabulary.rulebook import Limit


@dataclass(frozen=True, slots=True)
class Taken:
    """One limit's part of a reservation."""

    limit: Limit
    cost: int
    window: int = 0
    """Where the window began, in microseconds; 0 where another store knows it by ``token``."""
    token: str = ""
    """The token it was taken under in another store."""

    @property
    def returns(self) -> bool:
        """Whether a release gives it back: rates stay spent."""
        return self.limit.kind != LimitKind.RATE

    @property
    def weighs_bytes(self) -> bool:
        """Whether what it costs in the end is known only then."""
        return self.limit.kind == LimitKind.BYTES


def pack(taken: Iterable[Taken]) -> str:
    """As JSON."""
    return json.dumps([[*astuple(one.limit), one.cost, one.window, one.token] for one in taken], separators=(",", ":"))


def unpack(text: str) -> list[Taken]:
    """From JSON."""
    return [Taken(Limit(*fields), cost, window, token) for *fields, cost, window, token in json.loads(text)]


def first_costs(limits: Sequence[Limit], *, declared_bytes: int) -> list[int]:
    """What a claim takes before the body was read: one unit, or the bytes that were declared, at least one."""
    return [max(1, declared_bytes) if limit.kind == LimitKind.BYTES else 1 for limit in limits]


def weighed(taken: Iterable[Taken]) -> list[Limit]:
    """The limits of a reservation that count megapixels, each once."""
    return list(dict.fromkeys(one.limit for one in taken if one.limit.unit == "megapixels"))


def credits_in(taken: Iterable[Taken]) -> int:
    """How many credits it took."""
    return sum(one.cost for one in taken if one.limit.kind == LimitKind.CREDITS)


def with_bytes(taken: Iterable[Taken], actual: int) -> list[Taken]:
    """The same with limits over bytes at what was really moved; one in shadow that would have refused stays at 0."""
    return [replace(one, cost=actual) if one.limit.kind == LimitKind.BYTES and one.cost else one for one in taken]


def given_back(taken: Iterable[Taken]) -> list[Taken]:
    """The same with everything that a release gives back at 0."""
    return [replace(one, cost=0) if one.returns else one for one in taken]
