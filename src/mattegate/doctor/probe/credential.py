"""A credential as it goes out, and the other ways in which the same secret is commonly sent."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret and the header that carries it."""

    secret: str
    header: str = "Authorization"
    scheme: str = "Bearer"
    """In front of the secret; empty where it stands alone."""

    @property
    def line(self) -> tuple[str, str]:
        """Name and value of the header."""
        return self.header, f"{self.scheme} {self.secret}" if self.scheme else self.secret

    @property
    def label(self) -> str:
        """How it is called: ``Authorization: Bearer …``, ``X-API-Key``."""
        return f"{self.header}: {self.scheme} …" if self.scheme else self.header

    def others(self) -> Iterator[Credential]:
        """The same secret in the other usual ways."""
        basic = b64encode(f":{self.secret}".encode()).decode()
        for other in (
            Credential(self.secret),
            Credential(self.secret, scheme="Token"),
            Credential(basic, scheme="Basic"),
            Credential(self.secret, "X-API-Key", ""),
        ):
            if other.label != self.label:
                yield other
