"""The secrets of an installation: read at start, made once, never shown.

Rules, which ``secret_folder``, ``secret_environment`` and ``secret_reading`` keep each for its part:

1. A secret is 32 random bytes, written as 64 hex digits. Peppers lie in ``pepper-1``, ``pepper-2`` …, the keys that
   signing secrets are sealed with in ``kek-1`` …, those that tokens are signed with in ``token-1`` …, the key of sealed
   request ids in ``seal``.
2. The folder belongs to the server's user alone (0700), so do the files (0600), and neither is a link: what others can
   read is not used, what others could have put there is not trusted.
3. Versioned secrets may also come from the environment: peppers from ``MATTEGATE_PEPPER`` or from the file that
   ``MATTEGATE_PEPPER_FILE`` names, the others from ``MATTEGATE_KEK`` and ``MATTEGATE_TOKEN_SEED`` in the same way: one
   secret (version 1), or ``1:HEX,2:HEX``. That file may be a link, and readable for the group where another user (root)
   gave it, since this is how orchestrators mount secrets.
4. What is missing is never made in passing: with a new pepper every key that was given out would be unknown.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from mattegate.config.faults import ConfigurationError, Fault
from mattegate.config.secret_environment import from_environment
from mattegate.config.secret_folder import GONE, SecretFolder, alone, opened, told
from mattegate.config.secret_purposes import Purpose
from mattegate.config.secret_reading import Unusable, secret_of
from mattegate.vocabulary.secrets import KeyEncryptionKeys, Peppers, TokenSeeds, VersionedSecret, VersionedSecrets

_SEAL: Final = "seal"
_NO_ENVIRONMENT: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Secrets:
    """Everything that must stay unknown outside."""

    peppers: Peppers
    seal_key: bytes = field(repr=False)
    """Seals request ids; 32 bytes."""
    keks: KeyEncryptionKeys
    token_seeds: TokenSeeds

    def of(self, purpose: Purpose) -> VersionedSecrets:
        """The secrets for one purpose."""
        return {Purpose.PEPPER: self.peppers, Purpose.KEK: self.keks, Purpose.TOKEN: self.token_seeds}[purpose]


def load_secrets(directory: Path, environ: Mapping[str, str] = _NO_ENVIRONMENT) -> Secrets:
    """Read every secret.

    Raises :class:`ConfigurationError` with all faults: what is missing, malformed, or open to others.
    """
    faults: list[Fault] = []
    with opened(directory, faults) as folder:
        seal = _kept(folder, _SEAL, faults)
        found = {purpose: _versioned(purpose, folder, environ, faults) for purpose in Purpose}
    if faults or seal is None:
        raise ConfigurationError(faults)
    sets = {purpose: VersionedSecrets(tuple(versions)) for purpose, versions in found.items()}
    return Secrets(sets[Purpose.PEPPER], seal, sets[Purpose.KEK], sets[Purpose.TOKEN])


def create_secrets(
    directory: Path, environ: Mapping[str, str] = _NO_ENVIRONMENT, *, purposes: Collection[Purpose] = tuple(Purpose)
) -> tuple[Path, ...]:
    """Make what is missing, on disk before it returns, and tell which files are new.

    A versioned secret is made only where there is none at all, neither here nor in ``environ``, and only for
    ``purposes``. Whether it may be made is the caller's to know: only as long as no ledger rests on the one that is
    missing. Several processes may do this at once.

    Raises :class:`ConfigurationError`.
    """
    with told(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with alone(directory) as folder:
        wanted = [] if _SEAL in folder.names() else [_SEAL]
        wanted += [
            f"{purpose}-1"
            for purpose in purposes
            if not folder.versions(purpose) and not purpose.variables & environ.keys()
        ]
        for name in wanted:
            folder.write(name)
    return tuple(directory / name for name in wanted)


def rotate_secret(directory: Path, purpose: Purpose) -> int:
    """Add the next version, which whatever is new rests on from then on; the others go on serving. Returns it.

    Raises :class:`ConfigurationError`, also where no version lies in the folder.
    """
    with alone(directory) as folder:
        versions = folder.versions(purpose)
        if not versions:
            problem = (
                f"there is none to rotate here; one that comes from {purpose.variable} is rotated there: 1:HEX,2:HEX"
            )
            raise ConfigurationError([Fault(purpose, str(directory), problem)])
        folder.write(f"{purpose}-{versions[-1] + 1}")
    return versions[-1] + 1


def _versioned(
    purpose: Purpose, folder: SecretFolder | None, environ: Mapping[str, str], faults: list[Fault]
) -> list[VersionedSecret]:
    """Every version of one purpose, from both sources."""
    before = len(faults)
    given = from_environment(purpose, environ, faults)
    versions = folder.versions(purpose) if folder else []
    read = {version: _kept(folder, f"{purpose}-{version}", faults) for version in versions}
    kept = {version: secret for version, secret in read.items() if secret is not None}
    found = _joined(purpose, kept, given, faults)
    if not found and len(faults) == before and folder:
        faults.append(Fault(purpose, str(folder.path / f"{purpose}-1"), f"{GONE}: {purpose.loss}"))
    return [VersionedSecret(version, found[version]) for version in sorted(found)]


def _kept(folder: SecretFolder | None, name: str, faults: list[Fault]) -> bytes | None:
    """One secret of the folder; ``None`` after a fault."""
    if folder is None:
        return None
    try:
        return secret_of(folder.read(name))
    except Unusable as problem:
        faults.append(Fault(name, str(folder.path / name), str(problem)))
        return None


def _joined(
    purpose: Purpose, kept: Mapping[int, bytes], given: Mapping[int, tuple[str, bytes]], faults: list[Fault]
) -> dict[int, bytes]:
    """Both sources together; they may not differ on one version, since something rests on one of the two."""
    for version, (origin, secret) in given.items():
        if kept.get(version, secret) != secret:
            problem = f"it gives another {purpose} {version} than the file {purpose}-{version}; only one can be right"
            faults.append(Fault(purpose, origin, problem))
    return {**kept, **{version: secret for version, (_, secret) in given.items()}}
