"""Policies out of files, checked: :mod:`mattegate.config.policies` reads them, and each fault gets its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from mattegate.config.faults import ConfigurationError, Fault
from mattegate.config.policies import SETTING, PolicySource, read_policies
from mattegate.gate.policies.compiled import Policies
from mattegate.gate.policies.library import PolicyError, PolicyFault

if TYPE_CHECKING:
    from mattegate.config.load import Examined
    from mattegate.config.settings import Settings
    from mattegate.vocabulary.rulebook import PolicyText


def load_policies(settings: Settings) -> tuple[PolicyText, ...]:
    """The policies of these settings, all of them sound; none where no folder is set.

    Raises :class:`~mattegate.config.faults.ConfigurationError` with everything that is wrong with them.
    """
    folder = settings.policies_dir
    if folder is None:
        return ()
    files = read_policies(folder)
    texts, faults = tuple(source.policy for source in files.sources), list(files.faults)
    try:
        Policies(texts)
    except PolicyError as error:
        faults += placed(error.faults, files.sources)
    if faults:
        raise ConfigurationError(sorted(faults, key=lambda fault: (fault.origin, fault.line or 0, fault.column or 0)))
    return texts


def with_policies(examined: Examined) -> Examined:
    """What was examined, with the faults of its policies; they are not looked at where their folder is not settled."""
    if any(fault.setting in {SETTING, "home"} for fault in examined.faults):
        return examined
    try:
        load_policies(examined.settings)
    except ConfigurationError as error:
        return replace(examined, faults=(*examined.faults, *error.faults))
    return examined


def placed(faults: Iterable[PolicyFault], sources: Iterable[PolicySource] = ()) -> Iterator[Fault]:
    """Faults of policies as those of a configuration, each where its policy stands."""
    by_id = {source.policy.id: source for source in sources}
    for fault in faults:
        source, name = by_id.get(fault.policy), f"policy {fault.policy}" if fault.policy else SETTING
        if source is None:
            yield Fault(name, "policies", fault.problem, fix=fault.fix)
            continue
        line, column = source.place_of(fault.quoted)
        yield Fault(name, str(source.file), fault.problem, line, column, fault.fix)
