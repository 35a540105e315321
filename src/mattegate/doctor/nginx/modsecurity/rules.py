"""One rule: what it looks at, with what it compares that, and what it does (``src/parser/seclang-parser.yy``).

What is not modelled makes a rule that is not understood: it may match, and may then do what its actions say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive

_ACTION: Final = re.compile(r"\s*([^:,'\s]+)\s*(?::\s*('(?:[^'\\]|\\.)*'|[^,]*))?\s*(?:,|$)")
_OPERATOR: Final = re.compile(r"(!?)\s*@(\w+)\s*(.*)", re.DOTALL)
_TARGET: Final = re.compile(r"([!&]?)(\w+)(?::('[^']*'|/(?:[^/\\]|\\.)*/|[^|]+))?(?:\||$)")
_PHASES: Final = {"request": 2, "response": 4, "logging": 5}
DISRUPTIVE: Final = frozenset({"deny", "drop", "redirect", "proxy", "block", "allow", "pass"})
_WITHOUT_EFFECT: Final = frozenset(
    {"id", "msg", "logdata", "tag", "ver", "rev", "severity", "maturity", "accuracy", "log", "nolog", "auditlog",
     "noauditlog", "sanitisearg", "sanitisematched", "sanitiserequestheader", "initcol", "expirevar", "setsid",
     "setuid", "deprecatevar", "phase", "status", "t", "setvar", "ctl", "skipafter", "skip", "chain", "capture"}
)  # fmt: skip
"""Actions that decide nothing by themselves, or are read on their own."""
_MODELLED: Final = _WITHOUT_EFFECT | DISRUPTIVE


@dataclass(frozen=True, slots=True)
class Target:
    """One part of what a rule looks at: ``!REQUEST_COOKIES:/^x/``, ``&ARGS``."""

    sign: str
    """``!``: left out; ``&``: counted; empty."""
    collection: str
    """In large letters."""
    key: str = ""
    """In small letters; with slashes around it, a pattern."""


@dataclass(frozen=True, slots=True)
class Actions:
    """What a rule does, by name; of those that may stand there several times, all."""

    by_name: Mapping[str, tuple[str, ...]]
    """In the order of their first mention."""
    disruptive: str = ""
    """``deny``, ``block``, ``pass`` …: the last of them; empty where there is none."""

    def all(self, name: str) -> tuple[str, ...]:
        """The values of one kind of action."""
        return self.by_name.get(name, ())

    def last(self, name: str, default: str = "") -> str:
        """The value that counts."""
        values = self.by_name.get(name)
        return values[-1] if values else default

    @property
    def strange(self) -> bool:
        """Whether one of them is not modelled."""
        return not _MODELLED.issuperset(self.by_name)


@dataclass(frozen=True, slots=True)
class Rule:
    """``SecRule``, with the rules chained to it, or ``SecAction``, which looks at nothing and always matches."""

    line: Directive
    phase: int
    targets: tuple[Target, ...]
    negated: bool
    operator: str
    operand: str
    actions: Actions
    understood: bool = True
    chained: Rule | None = None

    @property
    def id(self) -> int:
        """Its number; 0 of a chained rule."""
        text = self.actions.last("id")
        return int(text) if text.isdecimal() else 0

    @property
    def tags(self) -> tuple[str, ...]:
        """Its labels."""
        return self.actions.all("tag")

    @property
    def transformations(self) -> tuple[str, ...]:
        """What values go through first: those behind the last ``none``."""
        names = [name.lower() for name in self.actions.all("t")]
        return tuple(names[len(names) - names[::-1].index("none") :] if "none" in names else names)

    @property
    def last(self) -> Rule:
        """The last of its chain."""
        return self if self.chained is None else self.chained.last


@dataclass(frozen=True, slots=True)
class Marker:
    """``SecMarker``: where ``skipAfter`` leads."""

    name: str


def actions_of(text: str) -> Actions:
    """A list of actions, as it stands in quotes."""
    found: dict[str, tuple[str, ...]] = {}
    disruptive = ""
    for match in _ACTION.finditer(text):
        name, value = match[1].lower(), (match[2] or "").strip()
        found[name] = (*found.get(name, ()), value[1:-1] if value[:1] == "'" == value[-1:] else value)
        disruptive = name if name in DISRUPTIVE else disruptive
    return Actions(found, disruptive)


def rules_of(lines: Sequence[Directive]) -> Iterator[Rule | Marker]:
    """The rules among the lines, each with its chain, and the markers."""
    chain: list[Rule] = []
    for line in lines:
        name = line.name.lower()
        if name == "secmarker" and line.args:
            yield Marker(line.args[0])
        elif name in {"secrule", "secaction", "secrulescript"} and line.args:
            chain.append(_rule(line, name))
            if not chain[-1].actions.all("chain"):
                yield _linked(chain)
                chain = []
    if chain:
        yield _linked(chain)


def _linked(chain: Sequence[Rule]) -> Rule:
    """The first rule of a chain, holding the others, which run in its phase."""
    linked: Rule | None = None
    for rule in reversed(chain):
        linked = replace(rule, chained=linked, phase=chain[0].phase)
    assert linked is not None
    return linked


def _rule(line: Directive, name: str) -> Rule:
    if name == "secaction":
        return _made(line, (), "", actions_of(line.args[0]), understood=True)
    written = line.args[2] if len(line.args) > 2 else ""
    operator = line.args[1] if len(line.args) > 1 else ""
    if name == "secrulescript":
        return _made(line, (), "", actions_of(operator), understood=False)
    targets = tuple(_targets(line.args[0]))
    return _made(line, targets, operator, actions_of(written), understood=bool(targets))


def _made(line: Directive, targets: tuple[Target, ...], operator: str, actions: Actions, *, understood: bool) -> Rule:
    found = _OPERATOR.fullmatch(operator)
    negated = operator.startswith("!")
    phase = actions.last("phase", "2")
    return Rule(
        line=line,
        phase=_PHASES.get(phase.lower(), int(phase) if phase.isdecimal() else 2),
        targets=targets,
        negated=negated,
        operator=found[2] if found is not None else "rx",
        operand=found[3].strip() if found is not None else operator.removeprefix("!"),
        actions=actions,
        understood=understood and not actions.strange,
    )


def _targets(text: str) -> Iterator[Target]:
    for sign, name, key in _TARGET.findall(text):
        plain = key.strip("'")
        yield Target(sign, name.upper(), plain if plain.startswith("/") else plain.lower())
