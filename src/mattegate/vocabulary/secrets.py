"""Secret values that several parts pass on and none may show: their ``repr`` never holds a byte of them."""

from __future__ import annotations

from dataclasses import dataclass, field

SECRET_BYTES = 32
"""How long every secret of the installation is."""


@dataclass(frozen=True, slots=True)
class VersionedSecret:
    """One of several secrets for the same purpose, so that a newer one can take over while the older still serves."""

    version: int
    secret: bytes = field(repr=False)


@dataclass(slots=True)
class VersionedSecrets:
    """Every version that something may still rest on; whoever was given it also has what it learns later.

    Raises ``ValueError`` when there is none, or two of one version.
    """

    all: tuple[VersionedSecret, ...]

    def __post_init__(self) -> None:
        if not self.all:
            raise ValueError("there must be a secret")
        if len({secret.version for secret in self.all}) < len(self.all):
            raise ValueError("two secrets have the same version")

    @property
    def current(self) -> VersionedSecret:
        """The one of the highest version, which whatever is new rests on."""
        return max(self.all, key=lambda secret: secret.version)

    def of(self, version: int) -> VersionedSecret:
        """The secret of a version; raises ``KeyError`` where it is gone."""
        for secret in self.all:
            if secret.version == version:
                return secret
        raise KeyError(f"version {version} is not among the secrets")

    def learn(self, newer: VersionedSecrets) -> tuple[int, ...]:
        """Take over the versions that were not known, and tell which; none that was known is changed or forgotten."""
        known = {secret.version for secret in self.all}
        new = tuple(secret for secret in newer.all if secret.version not in known)
        if new:
            self.all = (*self.all, *new)
        return tuple(secret.version for secret in new)


Pepper = VersionedSecret
"""The key of the HMAC under which API keys are kept; without it a stolen database proves nothing."""
Peppers = VersionedSecrets
KeyEncryptionKey = VersionedSecret
"""What signing secrets are sealed with where they are kept (AES-256-GCM)."""
KeyEncryptionKeys = VersionedSecrets
TokenSeeds = VersionedSecrets
"""The private keys (Ed25519, RFC 8032, section 5.1.5) that tokens of our own are signed with."""
