"""What a key is bound to, as both planes take it: until when, what for, from where, for which models and hosts."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from mattegate.serving.moments import moment
from mattegate.serving.small_body import Strict

Moment = str | float | None


class KeyTerms(Strict):
    """The terms of a key. An empty list means: any."""

    name: str = ""
    expires_at: Moment = Field(default=None, description="RFC 3339 or Unix seconds; null: never.")
    scopes: list[str] | None = Field(default=None, description="null: all of the identity's.")
    addresses: list[str] = Field(default=[])
    origins: list[str] = Field(default=[])
    models: list[str] = Field(default=[])
    url_hosts: list[str] = Field(default=[])

    def values(self) -> dict[str, Any]:
        """The members that were sent, as the desk takes them. Raises :class:`Refusal` ``account.invalid``."""
        given = self.given()
        if given.get("expires_at") is not None:
            given["expires_at"] = moment("expires_at", given["expires_at"])
        return given
