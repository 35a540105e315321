"""The policies in force: read at the start, and again when a file changes; bad ones leave the good ones in force.

The files are looked at when somebody asks, at most once a second: without a request nothing is decided, so that nothing
needs to be known. Files that are being written are not taken before all of them have come to rest: the first half of a
file may be as sound as the whole of it, and lack what it forbids.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from mattegate.config.faults import ConfigurationError
from mattegate.config.policies import changed_at, stamp_of
from mattegate.gate.policies.loading import load_policies

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mattegate.config.settings import Settings
    from mattegate.vocabulary.rulebook import PolicyText

LOOK_S: Final = 1.0
"""Between two looks at the files."""
REST_S: Final = 1.0
"""For how long nothing may have changed; together with the former, what is changed is in force within two seconds."""

_LOG: Final = logging.getLogger("mattegate.gate")


class PolicyKeeper:
    """The policies of the folder in the settings."""

    def __init__(
        self, settings: Settings, clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time
    ) -> None:
        """Read them; ``now`` is the clock of the files, in Unix seconds.

        Raises :class:`~mattegate.config.faults.ConfigurationError` with every fault.
        """
        self._settings = settings
        self._clock = clock
        self._now = now
        self._folder = settings.policies_dir
        self._look_at = clock() + LOOK_S
        self._seen = stamp_of(self._folder) if self._folder else ()
        self._texts = load_policies(settings)
        _tell(self._texts)

    def __call__(self) -> tuple[PolicyText, ...]:
        """Those in force: the very same object until others are."""
        if self._folder is not None and self._clock() >= self._look_at:
            self._look(self._folder)
            self._look_at = self._clock() + LOOK_S
        return self._texts

    def _look(self, folder: Path) -> None:
        stamp = stamp_of(folder)
        if stamp == self._seen or 0 <= self._now() - changed_at(stamp) < REST_S:
            return
        texts = self._read()
        if stamp_of(folder) != stamp:
            return  # they are being written just now: the next look decides
        self._seen = stamp
        if texts != self._texts:
            self._texts = texts
            _tell(texts)

    def _read(self) -> tuple[PolicyText, ...]:
        """Those of the files, or those in force where the files are not sound."""
        try:
            return load_policies(self._settings)
        except ConfigurationError as error:
            told = "; ".join(fault.told for fault in error.faults)
            _LOG.error("the policies were not taken over, the old ones stay in force: %s", told)
            return self._texts


def _tell(texts: tuple[PolicyText, ...]) -> None:
    if texts:
        _LOG.info("%d policies in force: %s", len(texts), ", ".join(text.id for text in texts))
