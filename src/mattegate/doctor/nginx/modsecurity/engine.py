"""What holds in one block of a configuration: the engine's settings, and the rules of the block and those around it.

A block's own settings go before those of the blocks around it, and so do its rules: they are run first, which is how a
location takes rules of its server out (``ngx_http_modsecurity_merge_conf``, ``RulesSetProperties::mergeProperties``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.modsecurity.rules import Actions, Marker, Rule, actions_of, rules_of

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.scope import Scope

SOURCES: Final = ("modsecurity_rules", "modsecurity_rules_file", "modsecurity_rules_remote")
"""The lines of nginx that bring rules in; each block adds its own."""
_SETTINGS: Final = frozenset(
    {"secruleengine", "secrequestbodyaccess", "secrequestbodylimit", "secrequestbodylimitaction",
     "secrequestbodynofileslimit"}
)  # fmt: skip
_REMOVALS: Final = frozenset({"secruleremovebyid", "secruleremovebytag", "secruleremovebymsg"})
_UPDATES: Final = frozenset(
    {"secruleupdatetargetbyid", "secruleupdatetargetbytag", "secruleupdatetargetbymsg", "secruleupdateactionbyid"}
)
_RESPONSE: Final = 3
"""The first phase that runs on the answer."""


class Mode(StrEnum):
    """``SecRuleEngine``."""

    ON = "on"
    DETECTION_ONLY = "detectiononly"
    """Also where nobody says anything."""
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Engine:
    """Settings and rules in force."""

    mode: Mode
    settings: Mapping[str, Directive]
    """By their names in small letters."""
    phases: Mapping[int, tuple[Rule | Marker, ...]]
    defaults: Mapping[int, tuple[Actions, ...]]
    """``SecDefaultAction``, by phase."""
    removals: tuple[Directive, ...] = ()
    updates: tuple[Directive, ...] = ()
    unread: tuple[Directive, ...] = ()
    """The lines whose rules were not read."""

    def limit(self, name: str) -> int | None:
        """A number of bytes; ``None`` where none is set."""
        line = self.settings.get(name)
        return int(line.args[0]) if line is not None and line.args and line.args[0].isdecimal() else None

    def says(self, name: str) -> str:
        """A setting's word in small letters; empty where none is set."""
        line = self.settings.get(name)
        return line.args[0].lower() if line is not None and line.args else ""

    def refuses(self, rule: Rule) -> bool:
        """Whether a rule that matches would end the request."""
        kind = rule.actions.disruptive
        if kind == "block":
            return any(default.disruptive in _ENDING for default in self.defaults.get(rule.phase, ()))
        return kind in _ENDING

    def judges_answers(self) -> Rule | None:
        """A rule that may still refuse once there is an answer."""
        found = (rule for phase in (_RESPONSE, _RESPONSE + 1) for rule in self.phases.get(phase, ()))
        return next((rule for rule in found if isinstance(rule, Rule) and self.refuses(rule)), None)


_ENDING: Final = frozenset({"deny", "drop", "redirect", "proxy"})


@dataclass(slots=True)
class _Gathered:
    """Lines on their way to an engine."""

    blocks: list[list[Directive]] = field(default_factory=list)
    """Of each block, innermost first."""
    unread: list[Directive] = field(default_factory=list)


class Engines:
    """The engine of each block, made once."""

    def __init__(self, rules: Mapping[Directive, tuple[Directive, ...]], *, whole: bool = True) -> None:
        self._rules = rules
        self.whole = whole
        """Whether no block around these is left out."""
        self._made: dict[int, Engine] = {}
        self._held: list[Scope] = []
        """So that no other scope gets the identity of one that is remembered."""

    def of(self, scope: Scope) -> Engine | None:
        """What holds in a block; ``None`` where ModSecurity is not on."""
        if scope.value("modsecurity", "off").lower() != "on":
            return None
        if id(scope) not in self._made:
            self._held.append(scope)
            self._made[id(scope)] = _engine(self._gathered(scope))
        return self._made[id(scope)]

    def _gathered(self, scope: Scope) -> _Gathered:
        gathered = _Gathered()
        for level in scope.upwards():
            sources = level.own(*SOURCES)
            gathered.unread += (source for source in sources if source not in self._rules)
            gathered.blocks.append([line for source in sources for line in self._rules.get(source, ())])
        return gathered


def _engine(gathered: _Gathered) -> Engine:
    lines = [line for block in gathered.blocks for line in block]
    settings: dict[str, Directive] = {}
    for block in reversed(gathered.blocks):  # the inner block's last line counts
        settings |= {line.name.lower(): line for line in block if line.name.lower() in _SETTINGS}
    engine = settings.get("secruleengine")
    word = engine.args[0].lower() if engine is not None and engine.args else ""
    return Engine(
        mode=Mode(word) if word in set(Mode) else Mode.DETECTION_ONLY,
        settings=settings,
        phases=_phases(lines),
        defaults=_defaults(lines),
        removals=tuple(line for line in lines if line.name.lower() in _REMOVALS),
        updates=tuple(line for line in lines if line.name.lower() in _UPDATES),
        unread=tuple(gathered.unread),
    )


def _phases(lines: Sequence[Directive]) -> dict[int, tuple[Rule | Marker, ...]]:
    """The rules of each phase; a marker stands in all of them."""
    found: dict[int, list[Rule | Marker]] = {phase: [] for phase in range(1, 6)}
    for rule in rules_of(lines):
        for phase in (rule.phase,) if isinstance(rule, Rule) else found:
            found.setdefault(phase, []).append(rule)
    return {phase: tuple(rules) for phase, rules in found.items()}


def _defaults(lines: Sequence[Directive]) -> dict[int, tuple[Actions, ...]]:
    found: dict[int, tuple[Actions, ...]] = {}
    for actions in _default_actions(lines):
        phase = actions.last("phase", "2")
        if phase.isdecimal():
            found[int(phase)] = (*found.get(int(phase), ()), actions)
    return found


def _default_actions(lines: Sequence[Directive]) -> Iterator[Actions]:
    for line in lines:
        if line.name.lower() == "secdefaultaction" and line.args:
            yield actions_of(line.args[0])
