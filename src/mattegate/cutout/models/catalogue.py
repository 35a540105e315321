"""The catalogue: every model this installation knows by name, the built-in ones and the operator's own."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

from mattegate.cutout.models.spec import ModelSpec
from mattegate.cutout.models.tables import Ground, read_ground, read_model
from mattegate.vocabulary.refusal import Refusal


class Catalogue:
    """Models by name and alias. An own model may not take the name or alias of another: ``model.spec``."""

    def __init__(self, specs: Iterable[ModelSpec]) -> None:
        self._specs: dict[str, ModelSpec] = {}
        self._names: dict[str, str] = {}
        for spec in specs:
            self._add(spec)

    def __iter__(self) -> Iterator[ModelSpec]:
        return iter(self._specs.values())

    def __contains__(self, name: str) -> bool:
        return name in self._names

    @property
    def names(self) -> tuple[str, ...]:
        """The proper names, in the order of the catalogue."""
        return tuple(self._specs)

    def resolve(self, name: str) -> ModelSpec:
        """The model that ``name`` names, by its proper name or an alias.

        Raises :class:`Refusal` ``model.unknown`` with the known names, the closest first.
        """
        proper = self._names.get(name)
        if proper is None:
            raise Refusal("model.unknown", model=name[:80], known=", ".join(self._closest_first(name)))
        return self._specs[proper]

    def _closest_first(self, name: str) -> list[str]:
        close = get_close_matches(name.lower(), self._names, n=3)
        closest = list(dict.fromkeys(self._names[match] for match in close))
        return closest + [known for known in self._specs if known not in closest]

    def _add(self, spec: ModelSpec) -> None:
        if any(known.file == spec.file for known in self._specs.values()):
            raise Refusal("model.spec", model=spec.name, problem=f"file: {spec.file!r} is another model's file")
        for name in (spec.name, *spec.aliases):
            if name in self._names:
                raise Refusal(
                    "model.spec", model=spec.name, problem=f"the name {name!r} is taken by {self._names[name]!r}"
                )
        self._specs[spec.name] = spec
        self._names |= dict.fromkeys((spec.name, *spec.aliases), spec.name)


@cache
def ground() -> Ground:
    """The families and licences that every description refers to."""
    return read_ground(_document())


@cache
def built_in() -> tuple[ModelSpec, ...]:
    """The models that this product knows by itself."""
    return tuple(read_model({"name": name, **table}, ground()) for name, table in _document()["model"].items())


@cache
def _document() -> dict[str, dict[str, dict[str, object]]]:
    text = files("mattegate.cutout.models").joinpath("catalogue.toml").read_text(encoding="utf-8")
    document: dict[str, dict[str, dict[str, object]]] = tomllib.loads(text)
    return document
