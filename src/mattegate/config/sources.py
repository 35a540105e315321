"""What was given where: the file, the environment and the flags, each as settings with their places."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from mattegate.config.document import Document, Place, Steps, Unreadable
from mattegate.config.faults import Fault
from mattegate.config.masking import SECRET, shown_name
from mattegate.config.schema import (
    ENVIRONMENT_PREFIX,
    ISSUERS,
    OTHER_VARIABLES,
    SECTIONS,
    SETTINGS,
    TABLES,
    TIERS,
    VARIABLES,
    alike,
    alike_variable,
    example_of,
    flag_of,
    is_list,
    spelled,
    variable_of,
)
from mattegate.config.toml_text import read_toml
from mattegate.config.yaml_text import read_yaml

_LARGEST: Final = 4_000_000
"""Bytes of a file; far more than any configuration."""


@dataclass(frozen=True, slots=True)
class Given:
    """One value that somebody has set."""

    setting: str
    """A dotted name, known or not; ``tiers.NAME`` or ``tokens.issuers.NAME`` for one table."""
    value: object
    origin: str
    syntax: str
    """``toml``, ``yaml``, ``environment`` or ``flag``: how it is spelled there."""
    document: Document | None = None
    path: Steps = ()

    def place(self, *below: str | int) -> Place | None:
        """Where the value begins, or the part of it that ``below`` leads to, or as near to that as is known."""
        if self.document is None:
            return None
        places = self.document.places
        for length in range(len(below), -1, -1):
            if (path := (*self.path, *below[:length])) in places:
                return places[path]
        return self.document.keys.get(self.path)

    def fault(self, problem: str, fix: str = "", *below: str | int, name: str = "") -> Fault:
        """A fault of this value; without a fix it shows a right value."""
        place = self.place(*below)
        fix = fix or (self.example() if self.setting in SETTINGS else "")
        return fault_at(place, name or self.setting, self.origin, problem, fix)

    def example(self) -> str:
        """A right value as it is written in the same source."""
        return "for example: " + spelled(self.setting, example_of(self.setting), self.syntax)


def fault_at(place: Place | None, setting: str, origin: str, problem: str, fix: str) -> Fault:
    """A fault at a place, if that is known."""
    return Fault(setting, origin, problem, place.line if place else None, place.column if place else None, fix)


# --- the file -----------------------------------------------------------------------------------------------------


def from_file(file: Path, faults: list[Fault]) -> Iterator[Given]:
    """Every setting of a TOML or YAML file; what is none goes to ``faults``."""
    try:
        read = read_document(file)
    except OSError as error:
        faults.append(Fault("(file)", str(file), error.strerror or str(error)))
    except Unreadable as error:
        faults.append(fault_at(error.place, "(file)", str(file), error.problem, error.fix))
    else:
        yield from _Walk(str(file), read, faults).settings()


def read_document(file: Path) -> Document:
    """The values of a file and their places; the ending of its name says what it is, or else the first that fits.

    Raises :class:`OSError`, and :class:`~mattegate.config.document.Unreadable`.
    """
    with file.open("rb") as stream:
        content = stream.read(_LARGEST + 1)
    named = {".toml": "TOML", ".yaml": "YAML", ".yml": "YAML"}.get(file.suffix.lower(), "")
    if len(content) > _LARGEST:
        raise Unreadable(f"more than {_LARGEST} bytes: this is not a configuration")
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unreadable(
            f"not readable as {named or 'text'}: not UTF-8", Place(line, 1), "save the file as UTF-8"
        ) from None
    match named:
        case "TOML":
            return read_toml(text)
        case "YAML":
            return read_yaml(text)
    return _read_either(text)


def _read_either(text: str) -> Document:
    objections = []
    readers: tuple[Callable[[str], Document], ...] = (read_toml, read_yaml)
    for reader in readers:
        try:
            return reader(text)
        except Unreadable as error:
            objections.append(error)
    raise max(objections, key=lambda error: error.place or Place(0, 0))  # who came farther was the right one


_TABLES: Final = {
    TIERS: ("a tier", '[tiers.free] with rate = "20/min" below', 'tiers: free: rate: "20/min"'),
    ISSUERS: (
        "an issuer",
        '[tokens.issuers.okta] with issuer = "https://id.example.com" below',
        'tokens: issuers: okta: issuer: "https://id.example.com"',
    ),
}
"""What one table is, and how it is written in TOML and in YAML."""


class _Walk:
    """Goes down a document and tells settings from everything else."""

    def __init__(self, origin: str, read: Document, faults: list[Fault]) -> None:
        self._origin = origin
        self._document = read
        self._faults = faults

    def settings(self) -> Iterator[Given]:
        for key, value in self._document.values.items():
            if key == TIERS:
                yield from self._tables((TIERS,), value)
            elif key in SETTINGS and "." not in key:
                yield from self._setting((key,), value)
            elif key in SECTIONS:
                yield from self._section(key, value)
            else:
                self._unknown((key,), value)

    def _section(self, section: str, value: object) -> Iterator[Given]:
        if value is None:
            return
        if not isinstance(value, dict):
            self._fault((section,), section, "it is a section and holds settings", _section_fix(section, self._syntax))
            return
        for key, item in value.items():
            if f"{section}.{key}" == ISSUERS:
                yield from self._tables((section, key), item)
            elif f"{section}.{key}" in SETTINGS:
                yield from self._setting((section, key), item)
            else:
                self._unknown((section, key), item)

    def _tables(self, path: tuple[str, ...], value: object) -> Iterator[Given]:
        setting = ".".join(path)
        one, *spellings = _TABLES[setting]
        fix = spellings[self._syntax != "toml"]
        if not isinstance(value, dict):
            self._fault(path, setting, f"it holds one section for each {one.split()[-1]}", fix)
            return
        for name, table in value.items():
            if isinstance(table, dict):
                yield self._given((*path, name), table, f"{setting}.{name}")
            else:
                self._fault((*path, name), f"{setting}.{shown_name(name)}", f"{one} is a section of its own", fix)

    def _setting(self, path: tuple[str, ...], value: object) -> Iterator[Given]:
        given = self._given(path, value, ".".join(path))
        if value is None:
            self._faults.append(given.fault("it has no value"))
        elif is_list(given.setting) and not isinstance(value, list):
            self._faults.append(given.fault(*_no_list(given, value)))
        elif isinstance(value, dict):
            self._faults.append(given.fault("it is a single value, not a section"))
        else:
            yield given

    def _unknown(self, path: tuple[str, ...], value: object) -> None:
        """Only the first level that is unknown is named: what lies below may be a secret in the wrong place."""
        name = ".".join((*path[:-1], shown_name(path[-1])))
        plain = name == ".".join(path)
        meant = alike(name) if plain else None
        if path[-1] in SETTINGS and "." in path[-1]:
            section, _, last = path[-1].partition(".")
            self._fault(path, path[-1], "a name with a dot in it", _section_fix(section, self._syntax, last))
        elif isinstance(value, dict) and len(path) == 1:
            self._fault(path, name, *_unknown_section(name))
        elif meant is None:
            fix = "mattegate config example shows every setting" if plain else "callers' keys go into the list api_keys"
            self._fault(path, name, "no such setting", fix)
        else:
            fix = "for example: " + spelled(meant, example_of(meant), self._syntax) if meant not in TABLES else ""
            self._fault(path, name, f"no such setting; did you mean {meant}?", fix)

    def _given(self, path: tuple[str, ...], value: object, setting: str) -> Given:
        return Given(setting, value, self._origin, self._syntax, self._document, path)

    def _fault(self, path: tuple[str, ...], name: str, problem: str, fix: str) -> None:
        place = self._document.keys.get(path)
        self._faults.append(fault_at(place, name, self._origin, problem, fix))

    @property
    def _syntax(self) -> str:
        return self._document.syntax


def _no_list(given: Given, value: object) -> tuple[str, str]:
    found = "a section" if isinstance(value, dict) else "a single value"
    if given.setting in SECRET and given.syntax == "yaml":
        hint = " and a space after each dash" if isinstance(value, str) and value.startswith("-") else ""
        return f"it must be a list, and this is {found}", f'put each key on a line of its own: - "KEY"{hint}'
    return f"it must be a list, and this is {found}", ""


def _section_fix(section: str, syntax: str, name: str = "NAME") -> str:
    return (
        f"write [{section}] and below it {name} = VALUE"
        if syntax == "toml"
        else f"write {section}: and below it, indented, {name}: VALUE"
    )


def _unknown_section(name: str) -> tuple[str, str]:
    plain = name.lower()
    close = ["server"] if plain == "routes" else get_close_matches(plain, [*SECTIONS, TIERS], n=1)  # its prefix
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"no such section{hint}", "the sections are " + ", ".join(sorted([*SECTIONS, TIERS]))


# --- environment and flags ----------------------------------------------------------------------------------------


def from_environment(environ: Mapping[str, str], faults: list[Fault]) -> Iterator[Given]:
    """Every setting of the environment; a variable with our prefix that is none goes to ``faults``."""
    for name, value in environ.items():
        if name in VARIABLES:
            yield Given(VARIABLES[name], _split(VARIABLES[name], value), name, "environment")
        elif name.startswith(ENVIRONMENT_PREFIX + TIERS.upper()):
            faults.append(Fault(name, "environment", "tiers are set in the file", fix="[tiers.NAME]"))
        elif name.startswith(variable_of(ISSUERS)):
            faults.append(Fault(name, "environment", "issuers are set in the file", fix="[tokens.issuers.NAME]"))
        elif name.startswith(ENVIRONMENT_PREFIX) and name not in OTHER_VARIABLES:
            meant = alike_variable(name)
            hint = f"; did you mean {meant}?" if meant else ""
            faults.append(Fault(name, "environment", f"no such setting{hint}", fix="rename it, or unset it"))


def from_flags(flags: Mapping[str, object], faults: list[Fault]) -> Iterator[Given]:
    """Every flag that was given: ``None`` is one that was not."""
    for setting, value in flags.items():
        if setting not in SETTINGS:
            meant = alike(setting)
            hint = f"; did you mean {meant}?" if meant else ""
            faults.append(Fault(setting, flag_of(setting), f"no such setting{hint}"))
        elif value is not None:
            yield Given(setting, _split(setting, value), flag_of(setting), "flag")


def _split(setting: str, value: object) -> Any:
    """Lists are written with commas where there is only one line for them."""
    if isinstance(value, str) and is_list(setting):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value
