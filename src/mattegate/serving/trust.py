"""Whom client certificates are trusted from, now: read at the start, and again when a file changes.

The files are looked at when somebody asks, at most once a second. New ones that cannot be used leave the old ones in
force, and the log says so; a file that is being written is not taken before it has come to rest.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from mattegate.config.faults import ConfigurationError, Fault
from mattegate.signing.trust import Trust

if TYPE_CHECKING:
    from pathlib import Path

    from mattegate.config.settings import CertificateSettings

LOOK_S: Final = 1.0
"""Between two looks at the files."""

_LOG: Final = logging.getLogger("mattegate.tls")

Stamp = tuple[tuple[int, int, int], ...]


class TrustKeeper:
    """Answers with the trust in force: the very same object until another one is."""

    def __init__(self, store: Path, lists: tuple[Path, ...] = (), clock: Callable[[], float] = time.monotonic) -> None:
        """Read the files. Raises :class:`~mattegate.config.faults.ConfigurationError` where they cannot be used."""
        self._store, self._lists, self._clock = store, lists, clock
        self._look_at = clock() + LOOK_S
        self._seen = self._stamp()
        try:
            self._trust = self._read()
        except (OSError, ValueError) as error:
            raise ConfigurationError([Fault("certificates.trust_store", "serve", sentence(error))]) from None
        _tell(self._trust)

    @classmethod
    def of(cls, settings: CertificateSettings) -> TrustKeeper | None:
        """The keeper of the files in the settings; ``None`` where no certificate is asked for. Raises as the class."""
        if settings.mode == "off" or settings.trust_store is None:
            return None
        return cls(settings.trust_store, settings.revocation_lists)

    def __call__(self) -> Trust:
        """The trust in force."""
        if self._clock() >= self._look_at:
            self._look()
            self._look_at = self._clock() + LOOK_S
        return self._trust

    def _look(self) -> None:
        stamp = self._stamp()
        if stamp == self._seen:
            return
        try:
            trust = self._read()
        except (OSError, ValueError) as error:
            _LOG.error("the new trust store is not used, the old one stays in force: %s", sentence(error))
            self._seen = stamp
            return
        if self._stamp() == stamp:  # else they are being written just now: the next look decides
            self._trust, self._seen = trust, stamp
            _tell(trust)

    def _read(self) -> Trust:
        return Trust.of(self._store.read_bytes(), [path.read_bytes() for path in self._lists])

    def _stamp(self) -> Stamp:
        return tuple(identity_of(path) for path in (self._store, *self._lists))


def identity_of(path: Path) -> tuple[int, int, int]:
    """What changes when a file is replaced or written, be it by name or behind a symbolic link."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_mtime_ns, found.st_size


def sentence(error: OSError | ValueError) -> str:
    """What is wrong with the files."""
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'} cannot be read: {error.strerror or error}"
    return str(error)


def _tell(trust: Trust) -> None:
    _LOG.info("%d certificate authorities and %d revocation lists in force", len(trust.authorities), len(trust.revoked))
