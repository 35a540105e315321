"""One request in the terms of policies, and its form for Cedar. Answers no question itself.

Rules of this file: a text that a caller chose may hold anything, so whatever Cedar would not take (half of a surrogate
pair, an address that is none) is made takeable or left out here, where it cannot turn into an error of the server.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from mattegate.gate.networks import parse_address
from mattegate.gate.policies.library import cedar

if TYPE_CHECKING:
    from cedarpy import Entities

_LARGEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Who asks for what, from where and when."""

    identity: str
    name: str
    tier: str
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    action: str
    surface: str
    model: str = ""
    bytes: int | None = None
    megapixels: int | None = None
    address: str = ""
    """Empty where it is not known."""
    origin: str | None = None
    at: float
    """Unix seconds."""
    tls: bool = True
    environment: str = "prod"
    key: str = ""
    proofs: tuple[str, ...] = ("key",)
    method: str = "POST"
    path: str = "/v1/remove-bg"

    def request(self, spoken_of: frozenset[str] | None = None) -> dict[str, Any]:
        """As the library takes it, with no more of the context than is ``spoken_of``: reading it costs the most.

        Raises ``ValueError`` for a moment that no calendar reaches.
        """
        context = self.context()
        return {
            "principal": {"type": "Identity", "id": sound(self.identity)},
            "action": {"type": "Action", "id": self.action},
            "resource": {"type": "Endpoint", "id": sound(self.surface)},
            "context": context if spoken_of is None else {name: context[name] for name in context.keys() & spoken_of},
        }

    def entities(self) -> Entities:
        """Who asks, and what is asked for."""
        roles, groups = tuple(map(sound, self.roles)), tuple(map(sound, self.groups))
        who = _who(sound(self.identity), sound(self.name), sound(self.tier), roles, groups)
        with_resource: Entities = who.with_added_json_str(json.dumps([self.resource()]))
        return with_resource

    def resource(self) -> dict[str, Any]:
        """What is asked for, as an entity."""
        model = sound(self.model)
        sizes = {"bytes": self.bytes, "megapixels": self.megapixels}
        attributes: dict[str, Any] = {"surface": sound(self.surface)}
        attributes |= {name: min(size, _LARGEST) for name, size in sizes.items() if size is not None}
        if model:
            attributes["model"] = model
        return _entity("Endpoint", sound(self.surface), attributes, [("Model", model)] if model else [])

    def context(self) -> dict[str, Any]:
        """From where, when and how. Raises ``ValueError`` for a moment that no calendar reaches."""
        at = datetime.fromtimestamp(self.at, UTC)
        context: dict[str, Any] = {
            "at": _extended("datetime", at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"),
            "hour": at.hour,
            "weekday": at.isoweekday(),
            "tls": self.tls,
            "tier": sound(self.tier),
            "environment": sound(self.environment),
            "key": sound(self.key),
            "proofs": list(self.proofs),
            "method": sound(self.method),
            "path": sound(self.path),
        }
        if address := parse_address(self.address):
            context["address"] = _extended("ip", address.text)
        if self.origin is not None:
            context["origin"] = sound(self.origin)
        return context


@lru_cache(maxsize=512)
def _who(identity: str, name: str, tier: str, roles: tuple[str, ...], groups: tuple[str, ...]) -> Entities:
    """Whoever asks, parsed once for all that it asks."""
    parents = [("Tier", tier), *(("Role", role) for role in roles), *(("Group", group) for group in groups)]
    listed = [_entity("Identity", identity, {"name": name, "tier": tier}, parents)]
    entities: Entities = cedar().Entities.from_json_str(json.dumps(listed))
    return entities


def _entity(kind: str, name: str, attributes: Mapping[str, Any], parents: Sequence[tuple[str, str]]) -> dict[str, Any]:
    above = [{"type": kind, "id": name} for kind, name in parents]
    return {"uid": {"type": kind, "id": name}, "attrs": dict(attributes), "parents": above}


def _extended(function: str, text: str) -> dict[str, Any]:
    """A value of a Cedar extension type, in its JSON form."""
    return {"__extn": {"fn": function, "arg": text}}


def sound(text: str) -> str:
    """``text`` as UTF-8 can hold it."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
