"""Who inherits what: a scope is one block of a configuration, and knows the block around it.

The rule of nearly every directive here: a block that has any line of a kind has only its own lines of that kind; a
block that has none has those of the block around it (the modules' ``merge_loc_conf`` functions).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mattegate.doctor.nginx.directive import Directive


@dataclass(slots=True, eq=False)
class Scope:
    """``http``, ``server``, ``location``, ``if`` within a location, or ``limit_except``."""

    directive: Directive
    parent: Scope | None
    locations: list[Scope] = field(default_factory=list)
    _own: dict[str, list[Directive]] = field(default_factory=dict)
    _places: dict[int, int] = field(default_factory=dict)
    """Of each line, by its identity: lines may be equal."""
    _inherited: dict[tuple[str, ...], list[Directive]] = field(default_factory=dict)
    _blocks: dict[int, Scope] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for place, child in enumerate(self.directive.children):
            self._own.setdefault(child.name, []).append(child)
            self._places[id(child)] = place
            if child.name == "location":
                self.locations.append(Scope(child, self))

    @property
    def kind(self) -> str:
        """The name of the block."""
        return self.directive.name

    def own(self, *names: str) -> list[Directive]:
        """The lines of these names that stand in this very block, in their order."""
        found = [line for name in names for line in self._own.get(name, ())]
        return found if len(names) == 1 else sorted(found, key=lambda line: self._places[id(line)])

    def inherited(self, *names: str) -> list[Directive]:
        """The lines of these names that hold here: of the nearest block that has any."""
        if names not in self._inherited:
            self._inherited[names] = next((found for scope in self.upwards() if (found := scope.own(*names))), [])
        return [*self._inherited[names]]

    def value(self, name: str, default: str = "") -> str:
        """The first argument of a directive that holds here."""
        lines = self.inherited(name)
        return lines[-1].args[0] if lines and lines[-1].args else default

    def switched_on(self, name: str, *, default: bool = False) -> bool:
        """Whether a switch is on here."""
        return self.value(name, "on" if default else "off").lower() == "on"

    def upwards(self) -> Iterator[Scope]:
        """This block, then those around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def inner(self, block: Directive) -> Scope:
        """The scope of an ``if`` or ``limit_except`` that stands in this block."""
        key = id(block)
        if key not in self._blocks:
            self._blocks[key] = Scope(block, self)
        return self._blocks[key]

    @property
    def location(self) -> Scope | None:
        """The location that this is, or is inside of; ``None`` at the level of the server."""
        return next((scope for scope in self.upwards() if scope.kind == "location"), None)

    @property
    def server(self) -> Scope:
        """The server that this is inside of."""
        return next(scope for scope in self.upwards() if scope.kind == "server")

    def nameless(self) -> bool:
        """Whether it is an ``if`` or ``limit_except``, which take the handler of the location around them."""
        return self.kind in {"if", "limit_except"}
