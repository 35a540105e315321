"""Secret values that several parts pass on and none may show: their ``repr`` never holds a byte of them."""

from __future__ import annotations

from dataclasses import dataclass, field

SECRET_BYTES = 32
"""How long every secret of the installation is."""


@dataclass(frozen=True, slots=True)
class Pepper:
    """The key of the HMAC under which API keys are kept; without it a stolen database proves nothing."""

    version: int
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Peppers:
    """Every pepper that some key may still be kept under.

    Raises ``ValueError`` when there is none, or two of one version.
    """

    all: tuple[Pepper, ...]

    def __post_init__(self) -> None:
        if not self.all:
            raise ValueError("there must be a pepper")
        if len({pepper.version for pepper in self.all}) < len(self.all):
            raise ValueError("two peppers have the same version")

    @property
    def current(self) -> Pepper:
        """The one of the highest version, which new keys are kept under."""
        return max(self.all, key=lambda pepper: pepper.version)

    def of(self, version: int) -> Pepper:
        """The pepper of a version; raises ``KeyError`` where it is gone."""
        for pepper in self.all:
            if pepper.version == version:
                return pepper
        raise KeyError(f"pepper {version} is not among the secrets")
