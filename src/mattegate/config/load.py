"""From a file, the environment and flags to one frozen :class:`Settings`; every fault is told at once.

Later sources win: defaults, file (TOML or YAML), environment (``MATTEGATE_UPLOAD_MAX_BYTES``), flags. A setting that
does not exist, has the wrong type or an impossible value is a fault that names the setting, where it was given, and
what to write instead. Rules over several settings (:mod:`mattegate.config.together`) are asked about whatever is
right by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from mattegate.config.faults import ConfigurationError, Fault
from mattegate.config.issuers import IssuerSpellingError, read_issuer
from mattegate.config.masking import shown_name
from mattegate.config.rule import Problem
from mattegate.config.rules import problems_of
from mattegate.config.schema import (
    ENVIRONMENT_PREFIX,
    ISSUERS,
    OTHER_VARIABLES,
    SETTINGS,
    TABLES,
    TIERS,
    UnfitError,
    build,
    coerce,
    default_of,
    table_of,
)
from mattegate.config.settings import Settings
from mattegate.config.sources import Given, from_environment, from_file, from_flags
from mattegate.config.tier_words import TierSpellingError
from mattegate.config.tiers import read_tier
from mattegate.config.together import Together, broken_rules

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
        self._tables: dict[str, dict[str, Any]] = {table: {} for table in TABLES}
        """By the name of the table; one that cannot be used is none."""
        self._last: dict[str, Given] = {}
        """Who set each setting last; faulty ones too."""
        self._wrong: set[str] = set()

    def take(self, given: Given) -> None:
        """Judge one value by itself."""
        table = table_of(given.setting)
        found = list(self._table(given, table) if table else self._value(given))
        self.faults += found
        self._last[given.setting] = given
        if found:
            self._wrong.add(table or given.setting)

    def finish(self) -> Examined:
        """Judge everything together."""
        settings = build({**self._values, **{table: self._merged(table) for table in TABLES}})
        wrong = frozenset(self._wrong | {fault.setting for fault in self.faults})
        for rule, problem in broken_rules(settings, wrong=wrong):
            self.faults.append(self._rule_fault(rule, problem))
        self.faults.sort(key=lambda fault: (fault.line is None, fault.line or 0, fault.column or 0))
        # A table that cannot be used has no name either: a key may have been put there by mistake.
        named = {*SETTINGS, *(f"{table}.{name}" for table, known in self._tables.items() for name in known)}
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

    def _table(self, given: Given, table: str) -> Iterator[Fault]:
        name = given.setting.removeprefix(f"{table}.")
        assert isinstance(given.value, Mapping)
        try:
            self._tables[table][name] = _READERS[table](name, given.value)
        except ExceptionGroup as group:
            yield from (_table_fault(given, table, name, bad) for bad in group.exceptions if isinstance(bad, _BAD))

    def _merged(self, table: str) -> tuple[Any, ...]:
        """The given tables in the place of the others of their names, new ones behind."""
        base = self._values.get(table, default_of(table))
        assert isinstance(base, tuple)
        return tuple(({one.name: one for one in base} | self._tables[table]).values())

    def _rule_fault(self, rule: Together, problem: Problem) -> Fault:
        last = self._last
        named = (name for setting in rule.settings for name in last if setting in {name, table_of(name)})
        given = next((last[name] for name in named), None)
        if given is None:
            return Fault(rule.settings[0], "defaults", problem.text, fix=problem.fix)
        return _at(given, problem)


def _at(given: Given, problem: Problem) -> Fault:
    below = () if problem.index is None else (problem.index,)
    text = problem.text
    if given.document is None and problem.index is not None and isinstance(given.value, Collection):
        text = f"number {problem.index + 1} of {len(given.value)}: {text}"
    return given.fault(text, problem.fix, *below)


_BAD: Final = (TierSpellingError, IssuerSpellingError)
_READERS: Final[Mapping[str, Callable[[str, Mapping[str, Any]], Any]]] = {TIERS: read_tier, ISSUERS: read_issuer}


def _table_fault(given: Given, table: str, name: str, bad: TierSpellingError | IssuerSpellingError) -> Fault:
    words: Iterable[str] = (shown_name(str(part)) for part in bad.at[:1])
    return given.fault(bad.problem, bad.fix, *bad.at, name=".".join((table, shown_name(name), *words)))


def _origin(given: Given) -> str:
    place = given.place()
    return f"{given.origin}:{place.line}" if place else given.origin
