r"""From text to directives, by the rules of nginx's own reader (``ngx_conf_read_token`` in ``ngx_conf_file.c``).

Rules of this file:

1. Words end at white space, ``;`` and ``{``; ``#`` begins a comment only where a word could; ``${`` opens no block.
2. ``\"``, ``\'`` and ``\\`` lose their backslash, ``\t``, ``\r`` and ``\n`` become what they mean, every other
   backslash stays, inside quotes and outside.
3. Whatever nginx would refuse is told as a :class:`Problem` with its line; what stands before it is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from mattegate.doctor.nginx.directive import Directive

DEEPEST: Final = 64
"""Blocks within blocks; nginx itself has no use for more than a dozen."""

_SHOWN: Final = 200
"""Characters of a line that are told."""
_SKIPPED: Final = re.compile(r"(?:[ \t\r\n\ufeff]++|#[^\n]*+)*+")
_SIGNS: Final = frozenset({";", "{", "}", ""})
_WORD: Final = re.compile(r"(?:[^ \t\r\n;{\\$]++|\$\{?|\\(?s:.)?)++")
_QUOTED: Final = {quote: re.compile(rf"{quote}((?:[^\\{quote}]++|\\(?s:.))*+){quote}") for quote in "\"'"}
_BEHIND_QUOTE: Final = frozenset({" ", "\t", "\r", "\n", ";", "{", ")", ""})
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_UNESCAPED: Final = {'"': '"', "'": "'", "\\": "\\", "t": "\t", "r": "\r", "n": "\n"}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that nginx would not start with, or that was not read."""

    file: str
    line: int
    says: str
    fatal: bool = True
    """Whether nginx would refuse the configuration for it."""
    text: str = ""
    """The line as it is written."""


class Token(NamedTuple):
    """One word, or one of ``;``, ``{`` and ``}`` (``sign``)."""

    text: str
    line: int
    sign: bool = False


class Refused(Exception):  # noqa: N818 - the state of the text
    """nginx would stop reading here."""

    def __init__(self, line: int, says: str) -> None:
        super().__init__(says)
        self.line, self.says = line, says


@dataclass(slots=True)
class _Open:
    """A block that is being read."""

    name: str
    args: tuple[str, ...]
    line: int
    inside: list[Directive] = field(default_factory=list)


def read_directives(text: str, file: str) -> tuple[tuple[Directive, ...], list[Problem]]:
    """The directives of one file, ``include`` still among them, and what is wrong with it."""
    stack = [_Open("", (), 0)]
    problems: list[Problem] = []
    try:
        _read(_Reader(text), stack, file)
    except Refused as refused:
        problems.append(Problem(file, refused.line, refused.says, text=_written(text, refused.line)))
    while len(stack) > 1:
        _close(stack, file)
    return tuple(stack[0].inside), problems


def _written(text: str, line: int) -> str:
    """A line, or as much of it as is worth telling."""
    return next(iter(text.split("\n")[line - 1 : line]), "").strip()[:_SHOWN]


def _read(reader: _Reader, stack: list[_Open], file: str) -> None:
    words: list[Token] = []
    for token in reader:
        if not token.sign:
            words.append(token)
        elif token.text == ";":
            stack[-1].inside.append(_simple(words, token, file))
            words = []
        elif token.text == "{":
            _open(reader, words, stack, token, file)
            words = []
        else:
            _end(words, stack, token, file)
    if words:
        raise Refused(reader.line, 'unexpected end of file, expecting ";" or "}"')
    if len(stack) > 1:
        raise Refused(reader.line, 'unexpected end of file, expecting "}"')


def _simple(words: list[Token], token: Token, file: str) -> Directive:
    if not words:
        raise Refused(token.line, 'unexpected ";"')
    return Directive(words[0].text, tuple(word.text for word in words[1:]), file, words[0].line)


def _open(reader: _Reader, words: list[Token], stack: list[_Open], token: Token, file: str) -> None:
    if not words:
        raise Refused(token.line, 'unexpected "{"')
    if len(stack) > DEEPEST:
        raise Refused(token.line, f"blocks are nested deeper than {DEEPEST}")
    name = words[0].text
    if name.endswith("_by_lua_block"):
        code = reader.code()
        stack[-1].inside.append(Directive(name, (*(word.text for word in words[1:]), code), file, words[0].line))
        return
    args = tuple(word.text for word in words[1:])
    stack.append(_Open(name, _condition(args) if name == "if" else args, words[0].line))


def _end(words: list[Token], stack: list[_Open], token: Token, file: str) -> None:
    if words:
        raise Refused(token.line, 'unexpected "}"')
    if len(stack) == 1:
        raise Refused(token.line, 'unexpected "}"')
    _close(stack, file)


def _close(stack: list[_Open], file: str) -> None:
    done = stack.pop()
    stack[-1].inside.append(Directive(done.name, done.args, file, done.line, tuple(done.inside)))


def _condition(args: tuple[str, ...]) -> tuple[str, ...]:
    """The words between the parentheses of an ``if``; as they are where there are none (nginx refuses that)."""
    if not args or not args[0].startswith("(") or not args[-1].endswith(")"):
        return args
    words = [*args]
    words[0] = words[0][1:]
    words[-1] = words[-1][:-1]
    return tuple(word for word in words if word)


class _Reader:
    """Tokens of a text, one after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.line = 1

    def __iter__(self) -> Iterator[Token]:
        while (token := self._next()) is not None:
            yield token

    def code(self) -> str:
        """What stands between here and the closing brace of a block of Lua; strings and comments are not looked into
        further than needed to balance braces.
        """
        start, depth = self._at, 1
        for found in re.finditer(r"--[^\n]*|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|[{}]", self._text[start:]):
            depth += {"{": 1, "}": -1}.get(found[0], 0)
            if depth == 0:
                code = self._text[start : start + found.start()]
                self._at = start + found.end()
                self.line += code.count("\n")
                return code
        raise Refused(self.line, "unexpected end of file, expecting terminating characters of a Lua block")

    def _next(self) -> Token | None:
        text, skipped = self._text, _SKIPPED.match(self._text, self._at)
        assert skipped is not None
        self.line += text.count("\n", self._at, skipped.end())
        self._at = skipped.end()
        char = text[self._at : self._at + 1]
        if char in _SIGNS:
            self._at += 1
            return Token(char, self.line, sign=True) if char else None
        return self._quoted(char) if char in _QUOTED else self._word()

    def _quoted(self, quote: str) -> Token:
        found = _QUOTED[quote].match(self._text, self._at)
        if found is None:
            raise Refused(self.line, "a quoted string does not end")
        token = self._token(found, found[1])
        following = self._text[self._at : self._at + 1]
        if following not in _BEHIND_QUOTE:
            raise Refused(token.line, f'unexpected "{following}"')
        return token

    def _word(self) -> Token:
        found = _WORD.match(self._text, self._at)
        assert found is not None
        return self._token(found, found[0])

    def _token(self, found: re.Match[str], word: str) -> Token:
        line = self.line
        self.line += found[0].count("\n")
        self._at = found.end()
        return Token(_ESCAPE.sub(_unescaped, word) if "\\" in word else word, line)


def _unescaped(found: re.Match[str]) -> str:
    return _UNESCAPED.get(found[1], found[0])
