"""Policies put to the test: named cases, each a question and what policies must say to it.

A case says what matters to it, and the rest is as plain as can be: an identity of the tier ``free`` with the usual
scopes asks for a cut-out, with a key, over TLS, on a Monday at noon (UTC).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final

from mattegate.gate.networks import parse_address
from mattegate.gate.policies.compiled import Answer, Judgement, Policies
from mattegate.gate.policies.question import Question
from mattegate.gate.policies.schema import ACTIONS

PLAIN: Final = Question(
    identity="alice",
    name="alice",
    tier="free",
    roles=("cutout", "self"),
    action="cutout",
    surface="cutout",
    at=datetime(2026, 1, 5, 12, tzinfo=UTC).timestamp(),
)
"""The question of a case that says nothing."""

_ROUTES: Final[Mapping[str, tuple[str, str, str]]] = {
    "cutout": ("cutout", "POST", "/v1/remove-bg"),
    "read": ("whoami", "GET", "/v1/whoami"),
    "manage": ("keys", "GET", "/v1/keys"),
    "admit": ("app", "GET", "/"),
}
"""Surface, method and path that an action usually has."""

EXPECTED: Final[Mapping[str, frozenset[Answer]]] = {
    **{answer.value: frozenset({answer}) for answer in Answer},
    "refuse": frozenset(Answer) - {Answer.PERMIT},
}
"""What a case may expect; ``refuse`` is everything but ``permit``."""


class BadCaseError(ValueError):
    """A case that cannot be asked: which member of it, what is wrong, and what to write instead."""

    def __init__(self, member: str, problem: str, fix: str = "") -> None:
        self.member, self.problem, self.fix = member, problem, fix
        super().__init__(f"{member}: {problem}")


@dataclass(frozen=True, slots=True)
class PolicyCase:
    """One case."""

    name: str
    question: Question
    expect: str
    """A key of :data:`EXPECTED`."""
    by: tuple[str, ...] = ()
    """The policies that must have decided, and no other; empty: any."""


@dataclass(frozen=True, slots=True)
class Tested:
    """How a case went."""

    case: PolicyCase
    judgement: Judgement

    @property
    def passed(self) -> bool:
        """Whether the answer was the expected one, by the expected policies."""
        return self.judgement.answer in EXPECTED[self.case.expect] and self._by_whom_it_should

    @property
    def _by_whom_it_should(self) -> bool:
        return not self.case.by or set(self.case.by) == set(self.judgement.policies)


def run_case(case: PolicyCase, policies: Policies) -> Tested:
    """Ask the policies in force."""
    return Tested(case, policies.judge(case.question))


def usual(action: str) -> Question:
    """The plain question of one action."""
    surface, method, path = _ROUTES[action]
    return replace(PLAIN, action=action, surface=surface, method=method, path=path)


def read_case(members: Mapping[str, Any]) -> PolicyCase:
    """A case from what a test file says. Raises :class:`BadCaseError` for its first fault."""
    for member in members:
        if member not in MEMBERS:
            raise BadCaseError(member, "a case has no such member", "it may have " + ", ".join(MEMBERS))
    for member in ("name", "expect"):
        if member not in members:
            raise BadCaseError("", f"it lacks {member}", f'such as {member} = "{_SUCH_AS[member]}"')
    read = {member: _read(member, value) for member, value in members.items()}
    name, expect, by = str(read.pop("name")), str(read.pop("expect")), read.pop("by", ())
    assert isinstance(by, tuple)
    principal = read.pop("principal", PLAIN.name)
    known: dict[str, Any] = {"identity": principal, "name": principal} | read
    return PolicyCase(name, replace(usual(str(read.get("action", "cutout"))), **known), expect, by)


_SUCH_AS: Final = {"name": "nobody from outside", "expect": "forbid"}


def read_moment(value: Any) -> float:
    """Unix seconds of a date with its offset, or of a day's midnight in UTC. Raises ``ValueError``."""
    if isinstance(value, str):
        value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("a moment has a date, a time and an offset")
    return value.timestamp()


def _read(member: str, value: Any) -> object:
    wanted, read = MEMBERS[member]
    try:
        return read(value)
    except (ValueError, TypeError):
        raise BadCaseError(member, f"{value!r} cannot stand there", wanted) from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _texts(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(map(_text, value))


def _truth(value: Any) -> bool:
    if value in ("true", "false"):  # YAML's words stay words here
        return bool(value == "true")
    if not isinstance(value, bool):
        raise TypeError
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or int(value) < 0:
        raise ValueError
    return int(value)


def _address(value: Any) -> str:
    if parse_address(_text(value)) is None:
        raise ValueError
    return str(value)


def _one_of(*choices: str) -> tuple[str, Callable[[Any], str]]:
    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError
        return str(value)

    return "it is one of " + ", ".join(choices), read


_WORD: Final = ('a text, such as "alice"', _text)
_WORDS: Final = ('a list of texts, such as ["cutout"]', _texts)
_NUMBER: Final = ("a whole number, such as 12", _count)

MEMBERS: Final[Mapping[str, tuple[str, Callable[[Any], object]]]] = {
    "name": _WORD,
    "expect": _one_of(*EXPECTED),
    "by": ('the id of a policy, or a list of ids, such as "office"', _texts),
    "principal": _WORD,
    "tier": _WORD,
    "roles": _WORDS,
    "groups": ('a list of an issuer\'s roles, such as ["okta:image-team"]', _texts),
    "action": _one_of(*ACTIONS),
    "surface": _WORD,
    "model": _WORD,
    "bytes": _NUMBER,
    "megapixels": _NUMBER,
    "address": ("an address, such as 203.0.113.9", _address),
    "origin": ('an origin, such as "https://shop.example"', _text),
    "at": ("a moment with its offset, such as 2026-01-05T12:00:00Z", read_moment),
    "tls": ("true or false", _truth),
    "environment": _WORD,
    "key": _WORD,
    "proofs": ('a list of "key", "token", "signature", "certificate"', _texts),
    "method": _WORD,
    "path": _WORD,
}
"""What a case may say, each with what is wanted there and how it is read."""
