"""From a TOML file, the environment and flags to one frozen :class:`Settings`; every fault is told at once.

Later sources win: defaults, file, environment (``MATTEGATE_UPLOAD_MAX_BYTES``), flags. A setting that does not exist,
has the wrong type or an impossible value is a fault that names the setting and where it was given.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from mattegate.config.settings import Settings

ENVIRONMENT_PREFIX: Final = "MATTEGATE_"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with the configuration."""

    setting: str
    origin: str
    problem: str

    def __str__(self) -> str:
        return f"{self.origin}: {self.setting}: {self.problem}"


class ConfigurationError(Exception):
    """The configuration cannot be used; ``faults`` holds everything that is wrong with it."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(str(fault) for fault in self.faults))


@dataclass(frozen=True, slots=True)
class _Given:
    setting: str
    value: object
    origin: str


def load_settings(
    *,
    file: Path | None = None,
    environ: Mapping[str, str] = MappingProxyType({}),
    flags: Mapping[str, object] = MappingProxyType({}),
) -> Settings:
    """Read every source and build the settings.

    ``flags`` maps dotted settings (``server.port``) to values; ``None`` values are flags that were not given.

    Raises :class:`ConfigurationError` with all faults.
    """
    faults: list[Fault] = []
    values: dict[str, object] = {}
    for given in [*_from_file(file, faults), *_from_environment(environ, faults), *_from_flags(flags)]:
        kind = SETTINGS.get(given.setting)
        if kind is None:
            faults.append(Fault(given.setting, given.origin, _unknown(given.setting)))
            continue
        try:
            values[given.setting] = _checked(given.setting, _coerce(kind, given.value))
        except ValueError as error:
            faults.append(Fault(given.setting, given.origin, str(error)))
    if faults:
        raise ConfigurationError(faults)
    settings: Settings = _build(Settings, values, "")
    return settings


def _from_file(file: Path | None, faults: list[Fault]) -> Iterator[_Given]:
    if file is None:
        return
    try:
        tree = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        faults.append(Fault("(file)", str(file), error.strerror or str(error)))
        return
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        faults.append(Fault("(file)", str(file), f"not readable as TOML: {error}"))
        return
    for setting, value in _leaves(tree, ""):
        yield _Given(setting, value, str(file))


def _leaves(tree: Mapping[str, Any], path: str) -> Iterator[tuple[str, object]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def _from_environment(environ: Mapping[str, str], faults: list[Fault]) -> Iterator[_Given]:
    names = {ENVIRONMENT_PREFIX + setting.replace(".", "_").upper(): setting for setting in SETTINGS}
    for name, value in environ.items():
        if name in names:
            yield _Given(names[name], value, name)
        elif name.startswith(ENVIRONMENT_PREFIX) and name not in OTHER_VARIABLES:
            close = get_close_matches(name, names, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            faults.append(Fault(name, "environment", f"no such setting{hint}"))


def _from_flags(flags: Mapping[str, object]) -> Iterator[_Given]:
    for setting, value in flags.items():
        if value is not None:
            yield _Given(setting, value, "--" + setting.rpartition(".")[2].replace("_", "-"))


def _unknown(setting: str) -> str:
    close = get_close_matches(setting, SETTINGS, n=1)
    return f"no such setting; did you mean {close[0]}?" if close else "no such setting"


def _coerce(kind: Any, value: object) -> object:
    if get_origin(kind) is tuple and isinstance(value, str):
        value = tuple(part.strip() for part in value.split(",") if part.strip())
    try:
        result: object = TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        raise ValueError("; ".join(_plain(detail["msg"]) for detail in error.errors())) from None
    return result


def _checked(setting: str, value: object) -> object:
    """A value that keeps every rule of its setting; raises ``ValueError`` with the first one that it breaks."""
    rules = [*(_NUMBER if isinstance(value, int | float) else ()), *_RULES.get(setting, ())]
    if problem := next((problem for holds, problem in rules if not holds(value)), None):
        raise ValueError(problem)
    return value


def _plain(message: str) -> str:
    return message[:1].lower() + message[1:]


def _walk(kind: type, path: str) -> Iterator[tuple[str, Any]]:
    hints = get_type_hints(kind)
    for field in fields(kind):
        hint = hints[field.name]
        if is_dataclass(hint) and isinstance(hint, type):
            yield from _walk(hint, f"{path}{field.name}.")
        else:
            yield f"{path}{field.name}", hint


def _build(kind: type[Any], values: Mapping[str, object], path: str) -> Any:
    hints = get_type_hints(kind)
    given: dict[str, object] = {}
    for field in fields(kind):
        hint, setting = hints[field.name], f"{path}{field.name}"
        if is_dataclass(hint) and isinstance(hint, type):
            given[field.name] = _build(hint, values, f"{setting}.")
        elif setting in values:
            given[field.name] = values[setting]
    return kind(**given)


SETTINGS: Final[Mapping[str, Any]] = MappingProxyType(dict(_walk(Settings, "")))
"""The type of every setting by its dotted name."""

_Rule = tuple[Callable[[Any], object], str]

_LARGEST: Final = 10**12

_NUMBER: Final[tuple[_Rule, ...]] = (
    (lambda number: not number < 0, "it cannot be negative"),
    (lambda number: number <= _LARGEST, f"it must be a number, and at most {_LARGEST:g}"),  # NaN is neither
)
"""What every number keeps to; far enough from where seconds and bytes no longer fit the kernel's integers."""

_POSITIVE: Final[_Rule] = (lambda number: number > 0, "it must be more than zero")
_FILLED: Final[_Rule] = (bool, "it must not be empty")

_RULES: Final[Mapping[str, tuple[_Rule, ...]]] = {
    "models.default": (_FILLED,),
    "models.base_url": ((re.compile(r"(https?://[^\s/]+.*)?").fullmatch, "it must begin with http:// or https://"),),
    "models.connect_timeout_s": (_POSITIVE,),
    "models.memory_budget_mb": (_POSITIVE,),
    "upload.types": (_FILLED,),
    "upload.max_bytes": (_POSITIVE,),
    "upload.max_megapixels": (_POSITIVE,),
    "upload.max_side": (_POSITIVE,),
    "upload.max_frames": (_POSITIVE,),
    "upload.stall_s": (_POSITIVE,),
    "upload.min_bytes_per_s": (_POSITIVE,),
    "upload.total_s": (_POSITIVE,),
    "upload.budget_bytes": (_POSITIVE,),
    "engine.workers": ((lambda workers: workers <= 256, "more than 256 worker processes are never of use"),),
    "engine.threads": ((lambda threads: threads <= 256, "more than 256 threads are never of use"),),
    "engine.deadline_s": (_POSITIVE,),
    "engine.time_limit_s": (_POSITIVE,),
    "engine.memory_limit_mb": (_POSITIVE,),
    "server.host": (_FILLED,),
    "server.port": ((lambda port: port <= 65_535, "a port is at most 65535"),),
    "server.prefix": (
        (re.compile(r"(/[A-Za-z0-9._~-]+)*").fullmatch, "it must be empty, or begin with / and not end with it"),
    ),
    "server.head_s": (_POSITIVE,),
    "server.send_stall_s": (_POSITIVE,),
}
"""What a value keeps to beyond its type, with what is said where it does not."""

assert set(_RULES) <= set(SETTINGS)

OTHER_VARIABLES: Final = frozenset({"MATTEGATE_TEST_CACHE"})
"""Environment variables with our prefix that are no settings; ``MATTEGATE_HOME`` is the setting ``home``."""
