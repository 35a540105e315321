"""What versioned secrets are for, where else they may come from, and what is lost with them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Purpose(StrEnum):
    """What a versioned secret is for; its file's name begins with this."""

    PEPPER = "pepper"
    KEK = "kek"
    TOKEN = "token"  # noqa: S105 - a name

    @property
    def variable(self) -> str:
        """The environment variable that may hold it; the one that names a file of it ends in ``_FILE``."""
        return _VARIABLES[self]

    @property
    def variables(self) -> frozenset[str]:
        """Both of its environment variables."""
        return frozenset({self.variable, f"{self.variable}_FILE"})

    @property
    def loss(self) -> str:
        """What cannot be done without it."""
        return _LOSSES[self]


_VARIABLES: Final = {
    Purpose.PEPPER: "MATTEGATE_PEPPER",
    Purpose.KEK: "MATTEGATE_KEK",
    Purpose.TOKEN: "MATTEGATE_TOKEN_SEED",
}
_LOSSES: Final = {
    Purpose.PEPPER: "without it no API key can be checked",
    Purpose.KEK: "without it no signature can be checked",
    Purpose.TOKEN: "without it no token of this server can be checked",
}
