"""Whole documents: how much of one is read, and how its bytes become text or JSON without harm."""

from __future__ import annotations

import codecs
import json
from typing import Any, BinaryIO, Final

from mattegate.doctor.readers.protocol import Unreadable

MEBIBYTE: Final = 1_048_576
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(stream: BinaryIO, *, most: int) -> str:
    """All of ``stream`` as text. Raises :class:`Unreadable` where it holds more than ``most`` bytes."""
    raw = stream.read(most + 1)
    if len(raw) > most:
        raise Unreadable(f"it is larger than {most // MEBIBYTE} MiB, more than a document of its kind needs")
    encoding = next((name for mark, name in _MARKS if raw.startswith(mark)), "utf-8")
    return raw.decode(encoding, "replace")


def read_json(stream: BinaryIO, *, most: int) -> Any:
    """The JSON document in ``stream``. Raises :class:`Unreadable` where it is none, too large or nested too deeply."""
    text = read_text(stream, most=most)
    try:
        return json.loads(text)
    except RecursionError:
        raise Unreadable("the JSON is nested too deeply to be a real document") from None
    except ValueError as error:
        raise Unreadable(f"it is not JSON: {error}") from None


def text_at(value: Any, *names: str) -> str:
    """The text (or number) at a path of members; empty where anything on the way is missing or of another kind."""
    found = at(value, *names)
    if isinstance(found, bool) or found is None:
        return ""
    return str(found) if isinstance(found, (str, int, float)) else ""


def at(value: Any, *names: str) -> Any:
    """What stands at a path of members; ``None`` where anything on the way is missing or of another kind."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def list_at(value: Any, *names: str) -> list[Any]:
    """The list at a path of members; an empty one where there is none."""
    found = at(value, *names)
    return found if isinstance(found, list) else []
