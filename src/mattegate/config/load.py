"""From a file, the environment and flags to one frozen :class:`Settings`; every fault is told at once.

Later sources win: defaults, file (TOML or YAML), environment (``MATTEGATE_UPLOAD_MAX_BYTES``), flags. A setting that
does not exist, has the wrong type or an impossible value is a fault that names the setting, where it was given, and
what to write instead. Rules over several settings (:mod:`mattegate.config.together`) are asked about whatever is
right by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from mattegate.config.faults import ConfigurationError, Fault
from mattegate.config.masking import shown_name
from mattegate.config.rules import Problem, problems_of
from mattegate.config.schema import (
    ENVIRONMENT_PREFIX,
    OTHER_VARIABLES,
    SETTINGS,
    TIERS,
    UnfitError,
    build,
    coerce,
    default_of,
)
from mattegate.config.settings import Settings
from mattegate.config.sources import Given, from_environment, from_file, from_flags
from mattegate.config.tiers import TierSpellingError, read_tier
from mattegate.config.together import Together, broken_rules
from mattegate.vocabulary.rulebook import Tier

__all__ = [
    "ENVIRONMENT_PREFIX",
    "OTHER_VARIABLES",
    "SETTINGS",
    "ConfigurationError",
    "Examined",
    "Fault",
    "examine",
    "load_settings",
]


@dataclass(frozen=True, slots=True)
class Examined:
    """What the sources amount to."""

    settings: Settings
    """With the defaults in place of whatever is wrong."""
    origins: Mapping[str, str]
    """Where each setting that is no default was given (``FILE:LINE``, a variable, a flag); a tier is ``tiers.NAME``."""
    faults: tuple[Fault, ...]


def load_settings(
    *,
    file: Path | None = None,
    environ: Mapping[str, str] = MappingProxyType({}),
    flags: Mapping[str, object] = MappingProxyType({}),
) -> Settings:
    """Read every source and build the settings.

    ``flags`` maps dotted settings (``server.port``) to values; ``None`` values are flags that were not given.

    Raises :class:`ConfigurationError` with all faults.
    """
    examined = examine(file=file, environ=environ, flags=flags)
    if examined.faults:
        raise ConfigurationError(examined.faults)
    return examined.settings


def examine(
    *,
    file: Path | None = None,
    environ: Mapping[str, str] = MappingProxyType({}),
    flags: Mapping[str, object] = MappingProxyType({}),
) -> Examined:
    """What :func:`load_settings` does, for whoever wants to see faults and origins rather than be stopped."""
    collector = _Collector()
    given = [
        *(from_file(file, collector.faults) if file is not None else ()),
        *from_environment(environ, collector.faults),
        *from_flags(flags, collector.faults),
    ]
    for one in given:
        collector.take(one)
    return collector.finish()


class _Collector:
    """Takes one given value after the other, and keeps the good ones and the faults."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._values: dict[str, object] = {}
        self._tiers: dict[str, Tier] = {}
        self._last: dict[str, Given] = {}
        """Who set each setting last; faulty ones too."""
        self._wrong: set[str] = set()

    def take(self, given: Given) -> None:
        """Judge one value by itself."""
        found = list(self._tier(given) if given.setting.startswith(f"{TIERS}.") else self._value(given))
        self.faults += found
        self._last[given.setting] = given
        if found:
            self._wrong.add(given.setting.partition(".")[0] if given.setting.startswith(TIERS) else given.setting)

    def finish(self) -> Examined:
        """Judge everything together."""
        settings = build({**self._values, TIERS: self._merged()})
        wrong = frozenset(self._wrong | {fault.setting for fault in self.faults})
        for rule, problem in broken_rules(settings, wrong=wrong):
            self.faults.append(self._rule_fault(rule, problem))
        self.faults.sort(key=lambda fault: (fault.line is None, fault.line or 0, fault.column or 0))
        # A tier that cannot be used has no name either: a key may have been put there by mistake.
        named = {*SETTINGS, *(f"{TIERS}.{name}" for name in self._tiers)}
        origins = {setting: _origin(given) for setting, given in self._last.items() if setting in named}
        return Examined(settings, MappingProxyType(origins), tuple(self.faults))

    def _value(self, given: Given) -> Iterator[Fault]:
        try:
            value = coerce(given.setting, given.value)
        except UnfitError as unfit:
            yield from (_at(given, Problem(problem, index=index)) for problem, index in unfit.problems)
            return
        problems = list(problems_of(given.setting, value))
        if not problems:
            self._values[given.setting] = value
        for problem in problems:
            yield _at(given, problem)

    def _tier(self, given: Given) -> Iterator[Fault]:
        name = given.setting.partition(".")[2]
        assert isinstance(given.value, Mapping)
        try:
            self._tiers[name] = read_tier(name, given.value)
        except ExceptionGroup as group:
            yield from (_tier_fault(given, name, bad) for bad in group.exceptions if isinstance(bad, TierSpellingError))

    def _merged(self) -> tuple[Tier, ...]:
        """The given tiers in the place of the others of their names, new ones behind."""
        base = self._values.get(TIERS, default_of(TIERS))
        assert isinstance(base, tuple)
        return tuple(({tier.name: tier for tier in base} | self._tiers).values())

    def _rule_fault(self, rule: Together, problem: Problem) -> Fault:
        given = next((self._last[setting] for setting in rule.settings if setting in self._last), None)
        if given is None:
            return Fault(rule.settings[0], "defaults", problem.text, fix=problem.fix)
        return _at(given, problem)


def _at(given: Given, problem: Problem) -> Fault:
    below = () if problem.index is None else (problem.index,)
    text = problem.text
    if given.document is None and problem.index is not None and isinstance(given.value, Collection):
        text = f"number {problem.index + 1} of {len(given.value)}: {text}"
    return given.fault(text, problem.fix, *below)


def _tier_fault(given: Given, name: str, bad: TierSpellingError) -> Fault:
    words: Iterable[str] = (shown_name(str(part)) for part in bad.at[:1])
    return given.fault(bad.problem, bad.fix, *bad.at, name=".".join((TIERS, shown_name(name), *words)))


def _origin(given: Given) -> str:
    place = given.place()
    return f"{given.origin}:{place.line}" if place else given.origin
