"""Values changed at dotted paths, from texts: what a hypothetical question is made of.

A path walks fields by name, members of a tuple by their ``name``, ``network``, ``id`` or position, members of a mapping
by key: ``rulebook.tiers.free.limits.burst.amount``. What stands there says how the text is read; anything that is not a
plain value is JSON. ``+`` at the end of a path adds to a tuple, ``-`` takes away from it.
"""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})
_LABELS: Final = ("name", "network", "id")
"""What a member of a tuple may be called by."""
SIMULATED: Final = "simulated"
"""What required texts become in values that had to be made up."""


def changed(value: Any, kind: Any, path: str, text: str) -> Any:
    """``value``, which is a ``kind``, with the text put at ``path``.

    Raises ``ValueError`` naming the path and what would be possible there.
    """
    act = path[-1] if path.endswith(("+", "-")) else ""
    steps = path.removesuffix(act).split(".") if act else path.split(".")
    try:
        return _put(value, kind, steps, act, text)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _put(value: Any, kind: Any, steps: list[str], act: str, text: str) -> Any:
    if not steps:
        return _acted(value, kind, act, text)
    kind = _narrowed(value, kind)
    if value is None:
        value = blank(kind)
    if _is_record(kind):
        return _put_field(value, kind, steps, act, text)
    if get_origin(kind) is tuple:
        return _put_member(value, kind, steps, act, text)
    if get_origin(kind) is dict:
        return _put_key(value, kind, steps, act, text)
    raise ValueError(f"there is nothing below it, so no {steps[0]!r}")


def _put_field(value: Any, kind: Any, steps: list[str], act: str, text: str) -> Any:
    hints = _hints(kind)
    if steps[0] not in hints:
        raise ValueError(f"there is no {steps[0]!r}; there are {', '.join(hints)}")
    return replace(value, **{steps[0]: _put(getattr(value, steps[0]), hints[steps[0]], steps[1:], act, text)})


def _put_member(value: tuple[Any, ...], kind: Any, steps: list[str], act: str, text: str) -> tuple[Any, ...]:
    index = _index(value, steps[0])
    member = _put(value[index], _member_kind(kind, index), steps[1:], act, text)
    return (*value[:index], member, *value[index + 1 :])


def _put_key(value: Mapping[Any, Any], kind: Any, steps: list[str], act: str, text: str) -> dict[Any, Any]:
    key_kind, member_kind = get_args(kind)
    key = read_text(steps[0], key_kind)
    if act == "-" and len(steps) == 1:
        return {known: member for known, member in value.items() if known != key}
    return {**value, key: _put(value.get(key), member_kind, steps[1:], act, text)}


def _acted(value: Any, kind: Any, act: str, text: str) -> Any:
    if not act:
        return read_text(text, kind)
    kind = _narrowed(value, kind)
    value = () if value is None else value
    if get_origin(kind) is not tuple:
        raise ValueError(f"only lists can be added to and taken from ('{act}')")
    if act == "-":
        index = _index(value, text)
        return (*value[:index], *value[index + 1 :])
    return (*value, read_text(text, _member_kind(kind, len(value))))


def _index(value: tuple[Any, ...], name: str) -> int:
    for index, member in enumerate(value):
        labels = [member] if isinstance(member, str) else [getattr(member, label, None) for label in _LABELS]
        if name in labels or (isinstance(member, tuple) and member and member[0] == name):
            return index
    if name.isascii() and name.isdigit() and int(name) < len(value):
        return int(name)
    raise ValueError(f"there is no {name!r} among its {len(value)} members")


# --- texts and JSON as typed values ----------------------------------------------------------------------------


def read_text(text: str, kind: Any) -> Any:
    """A text as a ``kind``. Raises ``ValueError``."""
    if _choices(kind):
        return _read_choice(text, kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _read_enum(text, kind)
    if kind is bool:
        return _read_bool(text)
    if kind in {int, float, str}:
        return kind(text)
    if get_origin(kind) is tuple and not text.lstrip().startswith("["):
        return tuple(read_text(part.strip(), _member_kind(kind, 0)) for part in text.split(",") if part.strip())
    return read_json(_parsed(text), kind)


def read_json(value: Any, kind: Any) -> Any:
    """A JSON value as a ``kind``; missing required fields are made up. Raises ``ValueError``."""
    if choices := _choices(kind):
        return None if value is None and type(None) in choices else _first(value, choices)
    if isinstance(value, list) and get_origin(kind) is tuple:
        return tuple(read_json(member, _member_kind(kind, index)) for index, member in enumerate(value))
    if isinstance(value, dict):
        return _read_object(value, kind)
    return _read_plain(value, kind)


def _read_plain(value: Any, kind: Any) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _read_enum(str(value), kind)
    if type(value) is kind:
        return value
    raise ValueError(f"{value!r} cannot stand there")


def blank(kind: Any) -> Any:
    """The plainest value of a ``kind``."""
    kind = _narrowed(None, kind)
    if get_origin(kind) in {tuple, dict}:
        return get_origin(kind)()
    if kind is str:
        return SIMULATED
    if issubclass(kind, Enum):
        return next(iter(kind))
    return kind(**_required(kind)) if _is_record(kind) else kind()


def _required(kind: Any) -> dict[str, Any]:
    hints = _hints(kind)
    needed = (f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING)
    return {name: blank(hints[name]) for name in needed}


def _read_object(value: Mapping[str, Any], kind: Any) -> Any:
    if get_origin(kind) is dict:
        key_kind, member_kind = get_args(kind)
        return {read_text(key, key_kind): read_json(member, member_kind) for key, member in value.items()}
    if not _is_record(kind):
        raise ValueError(f"{value!r} cannot stand there")
    hints = _hints(kind)
    if strange := [name for name in value if name not in hints]:
        raise ValueError(f"there is no {strange[0]!r}; there are {', '.join(hints)}")
    return replace(blank(kind), **{name: read_json(member, hints[name]) for name, member in value.items()})


def _read_choice(text: str, kind: Any) -> Any:
    choices = _choices(kind)
    if type(None) in choices and (text == "none" or (text == "null" and str not in choices)):
        return None  # the text "null" is an origin that pages really send
    plainest_last = sorted(_values(choices), key=lambda choice: _STRICTEST.get(choice, 5))
    for choice in plainest_last[:-1]:
        try:
            return read_text(text, choice)
        except ValueError:
            continue
    return read_text(text, plainest_last[-1])


_STRICTEST: Final = {bool: 0, int: 1, float: 2, str: 9}


def _first(value: Any, choices: tuple[Any, ...]) -> Any:
    *others, last = _values(choices)
    for choice in others:
        try:
            return read_json(value, choice)
        except ValueError:
            continue
    return read_json(value, last)


def _values(choices: tuple[Any, ...]) -> list[Any]:
    return [choice for choice in choices if choice is not type(None)]


def _read_bool(text: str) -> bool:
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise ValueError(f"{text!r} is neither true nor false")


def _read_enum(text: str, kind: type[Enum]) -> Enum:
    try:
        return kind(text)
    except ValueError:
        known = ", ".join(str(member.value) or "''" for member in kind)
        raise ValueError(f"{text!r} is none of {known}") from None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError(f"{text!r} is not JSON") from None


# --- type hints ------------------------------------------------------------------------------------------------


def _is_record(kind: Any) -> bool:
    return is_dataclass(kind)


def _choices(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in {Union, types.UnionType} else ()


def _narrowed(value: Any, kind: Any) -> Any:
    """The member of a union that ``value`` is, or would be if it were there."""
    choices = _values(_choices(kind))
    if not choices:
        return kind
    plain = [choice for choice in choices if isinstance(choice, type) and type(value) is choice]
    return plain[0] if plain else choices[0]


def _member_kind(kind: Any, index: int) -> Any:
    args = get_args(kind)
    if len(args) == 2 and args[1] is Ellipsis:
        return args[0]
    return args[min(index, len(args) - 1)]


@lru_cache(maxsize=64)
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
