"""TOML with the place of every key and value.

The standard library's parser decides what is TOML and what the values are; it keeps no places, so a scanner goes over
the text that it has accepted and notes them. The scanner may therefore trust the text, and judges nothing.
"""

from __future__ import annotations

import re
import tomllib
from typing import Final

from mattegate.config.document import Document, Lines, Place, Steps, Unreadable

_BLANK: Final = re.compile(r"(?:[ \t\n\r]+|#[^\n]*)*")
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_MULTI_BASIC: Final = re.compile(r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}', re.DOTALL)
_MULTI_LITERAL: Final = re.compile(r"'''(?:[^']|'(?!''))*'{3,5}", re.DOTALL)
_BASIC: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_LITERAL: Final = re.compile(r"'[^']*'")
_SCALAR: Final = re.compile(r"[^,\]}#\n]*")
_STRINGS: Final = (("'''", _MULTI_LITERAL), ('"""', _MULTI_BASIC), ("'", _LITERAL), ('"', _BASIC))

_REPORTED: Final = re.compile(r"\(at (?:line (\d+), column (\d+)|end of document)\)")

_SAID: Final = (
    ("overwrite", "a setting or section stands twice", "keep one of them"),
    ("twice", "a section stands twice", "put its settings under one heading"),
    ("Duplicate", "a setting stands twice", "keep one of them"),
    ("immutable", "a setting or section stands twice", "keep one of them"),
    ("Invalid value", "this is not a value", 'put texts in quotes, as in host = "127.0.0.1"; write true, not True'),
    ("Expected '='", "a name without a value", 'write NAME = VALUE, such as port = 8000 or host = "::1"'),
    ("Expected ']'", "the heading of a section is not closed", "write [server]"),
    ("Unclosed array", "a list is not closed", 'write ["one", "two"]'),
    ('Expected "\'"', "a quote is opened and never closed", "close it on the same line"),
    ("Unterminated string", "a quote is opened and never closed", "close it on the same line"),
    (
        "Illegal character",
        "a character that may not stand here",
        "look for a line break inside quotes, or a control code",
    ),
    ("backslash", "a backslash that means nothing", "write \\\\, or put the text in single quotes"),
    ("Unescaped", "a backslash that means nothing", "write \\\\, or put the text in single quotes"),
    ("Invalid statement", "neither a section nor a setting", "write [SECTION], or NAME = VALUE"),
    ("Invalid initial character", "a name may not begin like this", "write NAME = VALUE"),
    ("Expected newline", "something follows the value", "put every setting on a line of its own"),
)
"""What the parser says, in words for people; its own may quote names, which may be keys in the wrong place."""


def read_toml(text: str) -> Document:
    """The values of ``text`` and their places.

    Raises :class:`Unreadable` with the place of the first thing that is not TOML 1.0.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(str(error), text) from None
    except (RecursionError, ValueError) as error:  # ValueError: an impossible date or an integer of thousands of digits
        raise Unreadable(f"not readable as TOML: {_plain(error)}") from None
    scanner = _Scanner(text)
    scanner.scan()
    return Document("toml", values, scanner.keys, scanner.places)


def _plain(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else "a number or date that cannot be"


def _unreadable(message: str, text: str) -> Unreadable:
    place = Lines(text).place(len(text))
    found = _REPORTED.search(message)
    if found and found[1]:
        place = Place(int(found[1]), int(found[2]))
    problem, fix = next(
        ((said, fix) for part, said, fix in _SAID if part in message), ("something that is not TOML", "")
    )
    return Unreadable(f"not readable as TOML: {problem}", place, fix)


class _Scanner:
    """Walks over a valid TOML text and notes where keys and values begin."""

    def __init__(self, text: str) -> None:
        self.keys: dict[Steps, Place] = {}
        self.places: dict[Steps, Place] = {}
        self._text = text
        self._lines = Lines(text)
        self._at = 0
        self._tables: dict[Steps, int] = {}
        """How many tables each ``[[array]]`` has so far."""

    def scan(self) -> None:
        table: Steps = ()
        self._skip_blank()
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._setting(table)
            self._skip_blank()

    def _header(self) -> Steps:
        array = self._text.startswith("[[", self._at)
        start = self._at
        self._at += 2 if array else 1
        names = self._names()
        self._at = self._text.index("]", self._at) + (2 if array else 1)
        path = (*self._resolved(names[:-1], start), names[-1])
        self._note(self.keys, path, start)
        if array:
            self._tables[path] = self._tables.get(path, 0) + 1
        path = self._element(path)
        self._note(self.places, path, start)
        return path

    def _resolved(self, names: list[str], start: int) -> Steps:
        path: Steps = ()
        for name in names:
            self._note(self.keys, (*path, name), start)
            path = self._element((*path, name))
        return path

    def _element(self, path: Steps) -> Steps:
        return (*path, self._tables[path] - 1) if path in self._tables else path

    def _setting(self, table: Steps) -> None:
        start = self._at
        path = table
        for name in self._names():
            path = (*path, name)
            self._note(self.keys, path, start)
        self._at = self._text.index("=", self._at) + 1
        self._value(path)

    def _names(self) -> list[str]:
        names = [self._name()]
        self._skip_blank()
        while self._text.startswith(".", self._at):
            self._at += 1
            self._skip_blank()
            names.append(self._name())
            self._skip_blank()
        return names

    def _name(self) -> str:
        self._skip_blank()
        if self._text[self._at] in "\"'":
            start = self._at
            self._skip_string()
            decoded: str = tomllib.loads("name = " + self._text[start : self._at])["name"]
            return decoded
        start = self._at
        self._skip(_BARE_KEY)
        return self._text[start : self._at]

    def _value(self, path: Steps) -> None:
        self._skip_blank()
        self._note(self.places, path, self._at)
        match self._text[self._at]:
            case '"' | "'":
                self._skip_string()
            case "[":
                self._array(path)
            case "{":
                self._inline_table(path)
            case _:
                self._skip(_SCALAR)

    def _array(self, path: Steps) -> None:
        count = 0
        while self._next("]"):
            self._value((*path, count))
            count += 1

    def _inline_table(self, path: Steps) -> None:
        while self._next("}"):
            self._setting(path)

    def _next(self, end: str) -> bool:
        """Step over an opening bracket or a comma; whether another element follows before ``end``."""
        self._skip_blank()
        if self._text[self._at] != end:
            self._at += 1
            self._skip_blank()
        if self._text[self._at] != end:
            return True
        self._at += 1
        return False

    def _skip_string(self) -> None:
        self._skip(next(pattern for opening, pattern in _STRINGS if self._text.startswith(opening, self._at)))

    def _skip_blank(self) -> None:
        self._skip(_BLANK)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self._text, self._at)
        assert found is not None
        self._at = found.end()

    def _note(self, into: dict[Steps, Place], path: Steps, position: int) -> None:
        into.setdefault(path, self._lines.place(position))
