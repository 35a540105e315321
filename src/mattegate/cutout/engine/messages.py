"""What an engine and its worker say to each other, and how it is written as JSON.

A worker decodes hostile images, so what comes back from it is never unpickled: only the values named here are
rebuilt, from plain JSON. Images and cut-outs travel beside the messages as file descriptors (:mod:`.wire`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints

from mattegate.config.settings import Settings
from mattegate.vocabulary.options import CutoutOptions
from mattegate.vocabulary.refusal import Refusal
from mattegate.vocabulary.report import Report


@dataclass(frozen=True, slots=True)
class Order:
    """To the worker: make this; the image's descriptor comes along, then the background's where there is one."""

    number: int
    options: CutoutOptions


@dataclass(frozen=True, slots=True)
class Cancel:
    """To the worker: nobody waits for this order any more."""

    number: int


@dataclass(frozen=True, slots=True)
class Ready:
    """From the worker: the default model is loaded and has run once; ``resident`` is its memory at rest in bytes."""

    models: tuple[str, ...]
    resident: int


@dataclass(frozen=True, slots=True)
class Begun:
    """From the worker: the model of this order is loaded, the work on the image begins, its limits count from here."""

    number: int
    models: tuple[str, ...]
    resident: int


@dataclass(frozen=True, slots=True)
class Done:
    """From the worker: the cut-out, whose descriptor comes along."""

    number: int
    report: Report


@dataclass(frozen=True, slots=True)
class Declined:
    """From the worker: a refusal instead of a cut-out; ``number`` 0 means that it could not even start."""

    number: int
    code: str
    facts: Mapping[str, object]

    @classmethod
    def of(cls, number: int, refusal: Refusal) -> Declined:
        """The message that carries ``refusal``."""
        return cls(number, refusal.reason.code, refusal.facts)

    @property
    def refusal(self) -> Refusal:
        """The refusal, built anew; ``internal.error`` where code and facts do not fit the catalogue."""
        try:
            refusal = Refusal(self.code, **self.facts)
            _ = refusal.remedy, refusal.operator_detail  # every sentence can be told, or none is
        except (KeyError, TypeError, ValueError) as error:
            return Refusal("internal.error", problem=f"a worker's refusal {self.code!r} cannot be told: {error!r}")
        return refusal


@dataclass(frozen=True, slots=True)
class Stopped:
    """From the worker: the order was given up as asked; the worker is free."""

    number: int


Message = Order | Cancel | Ready | Begun | Done | Declined | Stopped

_TAG: Final = "is"


def _made_of(kind: Any) -> Iterator[type]:
    """``kind`` and the types of all that a value of it may hold, as far as they are not JSON's own."""
    held = get_type_hints(kind).values() if is_dataclass(kind) else get_args(kind)
    for part in held:
        yield from _made_of(part)
    if isinstance(kind, type) and (is_dataclass(kind) or issubclass(kind, StrEnum | Path)):
        yield kind


_SPOKEN: Final[Mapping[str, type]] = {kind.__name__: kind for kind in _made_of(Message | Settings)}
"""Every type that may be rebuilt, by its name."""


def encode(value: object) -> bytes:
    """Write a message, options or settings as JSON in ASCII, which also holds paths that are not UTF-8."""
    return json.dumps(_plain(value), separators=(",", ":")).encode()


def decode(data: bytes | str) -> object:
    """Rebuild what :func:`encode` wrote; arrays become tuples. Raises ``ValueError`` for anything else."""
    try:
        return _tupled(json.loads(data, object_hook=_rebuilt))
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"not a message of the engine: {error}") from error


def decode_message(data: bytes) -> Message:
    """Rebuild one message; raises ``ValueError`` where ``data`` is something else."""
    value = decode(data)
    if not isinstance(value, Message):
        raise ValueError(f"not a message of the engine: {type(value).__name__}")  # noqa: TRY004 - one error for all
    return value


def _plain(value: object) -> object:
    match value:
        case StrEnum() | Path():
            return {_TAG: "Path" if isinstance(value, Path) else type(value).__name__, "of": str(value)}
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case tuple() | list() | set() | frozenset():
            return [_plain(item) for item in value]
        case _ if type(value).__name__ in _SPOKEN and is_dataclass(value):
            plain = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
            return {_TAG: type(value).__name__, **plain}
    return str(value)  # a fact of a refusal that is only there to be read


def _rebuilt(plain: dict[str, object]) -> object:
    name = plain.pop(_TAG, None)
    if name is None:
        return plain
    kind = _SPOKEN.get(str(name))
    if kind is None:
        raise ValueError(f"{name!r} is not a value that the engine speaks of")
    if kind is Path or issubclass(kind, StrEnum):
        return kind(str(plain["of"]))
    return kind(**{key: _tupled(item) for key, item in plain.items()})


def _tupled(value: object) -> object:
    return tuple(_tupled(item) for item in value) if isinstance(value, list) else value
