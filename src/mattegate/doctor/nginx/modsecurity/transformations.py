"""What ``t:…`` makes of a value (``src/actions/transformations``).

Most of them leave a value alone that has none of the characters they look for; where such a value would be changed in
ways that are not modelled, it is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from mattegate.doctor.nginx.modsecurity.values import AtLeast, Value

_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")


def transformed(value: Value, names: Sequence[str]) -> Value:
    """A value after the transformations of a rule, in their order."""
    for name in names:
        if value is None or isinstance(value, AtLeast):
            return value
        value = _one(value, name.lower())
    return value


def _one(value: str, name: str) -> Value:
    made = _MADE.get(name)
    if made is not None:
        return made(value)
    harmless = _LEFT_ALONE.get(name)
    return value if harmless is not None and harmless.search(value) is None else None


def decoded(text: str) -> str:
    """``+`` as a space and escapes as the bytes they stand for; a broken escape stays."""
    return unescaped(text.replace("+", " "))


def unescaped(text: str) -> str:
    """Escapes as the bytes they stand for."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)


def _without_unicode(value: str) -> Value:
    return None if "%u" in value.lower() else decoded(value)


def _lower(value: str) -> str:
    return "".join(char.lower() if char < "\x80" else char for char in value)


def _command(value: str) -> Value:
    """``cmdLine`` where it only has to make letters small."""
    return None if re.search(r"[\\\"'^,;]|\s[\s/(]", value) else _lower(value)


_MADE: Final[Mapping[str, Callable[[str], Value]]] = MappingProxyType(
    {
        "none": str,
        "lowercase": _lower,
        "length": lambda value: str(len(value)),
        "urldecode": decoded,
        "urldecodeuni": _without_unicode,
        "trim": lambda value: value.strip(" \t\n\r\f\v"),
        "trimleft": lambda value: value.lstrip(" \t\n\r\f\v"),
        "trimright": lambda value: value.rstrip(" \t\n\r\f\v"),
        "compresswhitespace": lambda value: re.sub(r"[ \t\n\r\f\v\xa0]+", " ", value),
        "removewhitespace": lambda value: re.sub(r"[ \t\n\r\f\v\xa0]+", "", value),
        "removenulls": lambda value: value.replace("\0", ""),
        "cmdline": _command,
    }
)
_LEFT_ALONE: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType(
    {
        "htmlentitydecode": re.compile("&"),
        "jsdecode": re.compile(r"\\"),
        "cssdecode": re.compile(r"\\"),
        "escapeseqdecode": re.compile(r"\\"),
        "utf8tounicode": re.compile(r"[^\x00-\x7f]"),
        "replacecomments": re.compile(r"/\*"),
        "removecomments": re.compile(r"/\*|<!--|--|#"),
        "normalisepath": re.compile(r"//|(?:^|/)\.\.?(?:/|$)"),
        "normalizepath": re.compile(r"//|(?:^|/)\.\.?(?:/|$)"),
        "normalisepathwin": re.compile(r"\\|//|(?:^|/)\.\.?(?:/|$)"),
        "normalizepathwin": re.compile(r"\\|//|(?:^|/)\.\.?(?:/|$)"),
    }
)
"""What they look for."""
