"""Reads the YAML that compose files and API descriptions are written in; refuses, with the line, what it cannot read.

Read: block and flow maps and lists, plain and quoted scalars over several lines, ``|`` and ``>``, comments, anchors,
aliases and merge keys. Refused: tags, tabs as indentation, complex keys, directives. Scalars stay texts: ``8000`` and
``yes`` are what the file says, not what YAML 1.1 makes of them. A second document in the file is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from mattegate.doctor.readers.protocol import Unreadable

_MOST_DEPTH: Final = 64
_MOST_MERGED: Final = 100_000
_MOST_FLOW_CHARS: Final = 65_536
_MOST_FLOW_LINES: Final = 500
_KEY: Final = re.compile(
    r"(?P<key>\"(?:[^\"\\]|\\.)*+\"\s{0,9}|'(?:[^']|'')*+'\s{0,9}"
    r"|(?:[^\s\[\]{},#&*!|>'\"%@`:-]|[-:](?=\S))(?:[^:#]|:(?=\S)|(?<=\S)#)*+):(?=\s|$)"
)
_BLOCK: Final = re.compile(r"[|>][+-]?\d?[+-]?\s*(?:#.*)?")
_ANCHOR: Final = re.compile(r"&([\w.-]{1,100})(?:\s+|$)")
_ALIAS: Final = re.compile(r"\*([\w.-]{1,100})\s*(?:#.*)?")
_COMMENT: Final = re.compile(r"(?:^|\s)#.*")
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "e": "\x1b", " ": " ", "/": "/", '"': '"', "\\": "\\"}


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the line, from 1, on which it begins."""

    value: dict[str, Node] | list[Node] | str | None
    line: int

    def get(self, *names: str) -> Node | None:
        """What stands at a path of keys."""
        node: Node | None = self
        for name in names:
            node = node.value.get(name) if node is not None and isinstance(node.value, dict) else None
        return node

    @property
    def text(self) -> str:
        """The scalar; empty where it is none."""
        return self.value if isinstance(self.value, str) else ""

    @property
    def items(self) -> list[Node]:
        """The list; a scalar is a list of one, as compose files may have it."""
        if isinstance(self.value, list):
            return self.value
        return [self] if isinstance(self.value, str) else []

    @property
    def members(self) -> dict[str, Node]:
        """The map; empty where it is none."""
        return self.value if isinstance(self.value, dict) else {}


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    indent: int
    text: str


def read_yaml(text: str) -> Node:
    """The first document of ``text``. Raises :class:`Unreadable` with the line that cannot be read."""
    reader = _Reader(text.splitlines())
    node = reader.block(-1, 0)
    reader.must_be_done()
    return node


class _Reader:
    """Walks down the lines; each level takes those that are indented more than its parent."""

    def __init__(self, raw: list[str]) -> None:
        self._raw = raw
        self._at = 0
        self._anchors: dict[str, Node] = {}
        self._merged = 0
        while (line := self._peek()) and line.text == "---":
            self._at += 1

    # --- lines

    def _peek(self) -> _Line | None:
        """The next line that says something."""
        while self._at < len(self._raw):
            raw = self._raw[self._at]
            text = raw.lstrip(" ")
            if text.strip() and not text.startswith("#"):
                return self._line(raw, text)
            self._at += 1
        return None

    def _line(self, raw: str, text: str) -> _Line | None:
        number = self._at + 1
        if text.startswith("\t"):
            raise Unreadable(f"line {number} is indented with a tab, which YAML forbids")
        if raw.startswith("%"):
            raise Unreadable(f"line {number} is a YAML directive, which is not read here")
        if raw.startswith("...") or (raw.startswith("---") and self._at > 0 and self._started):
            return None
        return _Line(number, len(raw) - len(text), text.rstrip())

    @property
    def _started(self) -> bool:
        before = self._raw[: self._at]
        return any(
            line.strip() and not line.lstrip().startswith("#") and line.strip() != "---" for line in before[-50:]
        )

    def must_be_done(self) -> None:
        """Something that no level took is indented as none of them is."""
        if (line := self._peek()) is not None:
            raise Unreadable(f"line {line.number} cannot be read: {line.text[:60]!r} does not fit its indentation")

    # --- blocks

    def block(self, parent: int, depth: int) -> Node:
        """A map, a list or a scalar on the following lines, indented more than ``parent``."""
        line = self._peek()
        if line is None or line.indent <= parent:
            return Node(None, self._at)
        if depth > _MOST_DEPTH:
            raise Unreadable(f"line {line.number} is nested more than {_MOST_DEPTH} levels deep")
        if _is_item(line.text):
            return self._list(line.indent, depth)
        if _key_of(line.text) is not None:
            return self._map(line.indent, depth)
        self._at += 1
        return self._inline(line.text, line.number, parent, depth)

    def _list(self, indent: int, depth: int) -> Node:
        first = self._at + 1
        found: list[Node] = []
        while (line := self._peek()) is not None and line.indent == indent and _is_item(line.text):
            rest = line.text[1:].lstrip(" ")
            if rest and not rest.startswith("#"):
                self._raw[self._at] = " " * (indent + len(line.text) - len(rest)) + rest
            else:
                self._at += 1
            found.append(self.block(indent, depth + 1))
        return Node(found, first)

    def _map(self, indent: int, depth: int) -> Node:
        first = self._at + 1
        found: dict[str, Node] = {}
        merged: list[Node] = []
        while (line := self._peek()) is not None and line.indent == indent:
            key = _key_of(line.text)
            if key is None:
                raise Unreadable(f"line {line.number} is no 'key: value': {line.text[:60]!r}")
            self._at += 1
            value = self._value(line.text[key.end() :].strip(), line, depth)
            name = key["key"].strip()
            if name == "<<":
                merged += value.items if isinstance(value.value, list) else [value]
            else:
                found[_unquoted(name, line.number)] = value
        self._merged += sum(len(other.members) for other in merged)
        if self._merged > _MOST_MERGED:
            raise Unreadable(f"line {first}: more than {_MOST_MERGED} members are merged by then")
        inherited = {name: node for other in reversed(merged) for name, node in other.members.items()}
        return Node({**inherited, **found}, first)

    def _value(self, rest: str, line: _Line, depth: int) -> Node:
        """What stands behind a key: on its line, or below it. A list may stand as far left as its key."""
        anchor = _ANCHOR.match(rest)
        if anchor is not None:
            node = self._value(self._anchored(rest, anchor, line.number), line, depth)
            self._anchors[anchor[1]] = node
            return node
        if rest and not rest.startswith("#"):
            return self._inline(rest, line.number, line.indent, depth)
        below = self._peek()
        if below is not None and below.indent == line.indent and _is_item(below.text):
            return self._list(below.indent, depth + 1)
        return self.block(line.indent, depth + 1)

    # --- values that begin on the line of their key

    def _inline(self, text: str, number: int, parent: int, depth: int) -> Node:
        if (anchor := _ANCHOR.match(text)) is not None:
            rest = self._anchored(text, anchor, number)
            node = self._inline(rest, number, parent, depth) if rest else Node(None, number)
            self._anchors[anchor[1]] = node
            return node
        if (alias := _ALIAS.fullmatch(text)) is not None:
            return self._alias(alias[1], number)
        if text.startswith("!"):
            raise Unreadable(f"line {number} has a YAML tag, which is not read here: {text[:40]!r}")
        if _BLOCK.fullmatch(text):
            return Node(self._block_scalar(parent, folded=text.startswith(">")), number)
        if text[0] in "[{":
            return _Flow(self._balanced(text, number), number).whole()
        if text[0] in "\"'":
            return Node(_unquoted(self._quoted(text, number), number), number)
        return Node(self._plain(text, parent), number)

    def _anchored(self, text: str, anchor: re.Match[str], number: int) -> str:
        rest = text[anchor.end() :].strip()
        if _ANCHOR.match(rest):
            raise Unreadable(f"line {number} has two anchors for one value")
        return rest

    def _alias(self, name: str, number: int) -> Node:
        if name not in self._anchors:
            raise Unreadable(f"line {number} refers to *{name}, which is not defined before it")
        return self._anchors[name]

    def _plain(self, text: str, parent: int) -> str:
        """A scalar without quotes goes on in lines that are indented more, unless a comment ended it."""
        parts = [_COMMENT.sub("", text).strip()]
        if parts[0] != text.strip():
            return parts[0]
        while (line := self._peek()) is not None and line.indent > parent and line.number == self._at + 1:
            if _key_of(line.text) is not None:
                raise Unreadable(f"line {line.number}: a 'key: value' cannot stand below a text: {line.text[:60]!r}")
            self._at += 1
            parts.append(_COMMENT.sub("", line.text).strip())
        return " ".join(parts)

    def _block_scalar(self, parent: int, *, folded: bool) -> str:
        lines: list[str] = []
        while self._at < len(self._raw):
            raw = self._raw[self._at]
            if raw.strip() and _indent(raw) <= parent:
                break
            lines.append(raw.rstrip())
            self._at += 1
        return _dedented(lines, folded=folded)

    def _quoted(self, text: str, number: int) -> str:
        """All of a quoted scalar, however many lines it has; a comment behind it is left out."""
        quote = text[0]
        closed = re.compile(r'"(?:[^"\\]|\\.)*+"' if quote == '"' else r"'(?:[^']|'')*+'", re.DOTALL)
        return self._until(text, number, lambda whole: found[0] if (found := closed.match(whole)) else None)

    def _balanced(self, text: str, number: int) -> str:
        """All of a flow map or list, until its brackets close."""
        return self._until(text, number, _closed_flow)

    def _until(self, text: str, number: int, whole: Callable[[str], str | None]) -> str:
        parts = [text]
        for _ in range(_MOST_FLOW_LINES):
            if (found := whole(" ".join(parts))) is not None:
                return found
            if self._at >= len(self._raw) or sum(map(len, parts)) > _MOST_FLOW_CHARS:
                break
            parts.append(self._raw[self._at].strip())
            self._at += 1
        raise Unreadable(f"line {number}: a quote or a bracket is opened there and not closed")


_FLOW_TOKEN: Final = re.compile(
    r"\s+|(?P<comment>#[^\n]*)|(?P<mark>[\[\]{},])|(?P<colon>:(?=[\s,\[\]{}]|$))|(?P<quoted>\"(?:[^\"\\]|\\.)*+\"|'(?:[^']|'')*+')"
    r"|(?P<plain>[^\s\[\]{},\"'](?:[^\[\]{},:\n]|:(?![\s,\[\]{}]|$))*+)"
)


def _closed_flow(text: str) -> str | None:
    depth = 0
    at = 0
    while (token := _FLOW_TOKEN.match(text, at)) is not None:
        at = token.end()
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token["mark"] or "", 0)
        if depth == 0 and token["mark"]:
            return text[:at]
    return None


class _Flow:
    """``[a, {b: c}]``: JSON's shape with YAML's scalars."""

    def __init__(self, text: str, number: int) -> None:
        tokens = (token for token in _FLOW_TOKEN.finditer(text) if token.lastgroup and token.lastgroup != "comment")
        self._tokens = [(str(token.lastgroup), token[0]) for token in tokens]
        self._number = number
        self._at = 0

    def whole(self) -> Node:
        return self._node(0)

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise Unreadable(f"line {self._number}: a bracket is opened there and not closed")
        self._at += 1
        return self._tokens[self._at - 1]

    def _node(self, depth: int) -> Node:
        if depth > _MOST_DEPTH:
            raise Unreadable(f"line {self._number} is nested more than {_MOST_DEPTH} levels deep")
        kind, text = self._next()
        if text == "[":
            return Node(list(self._items("]", depth)), self._number)
        if text == "{":
            return Node(dict(self._pairs(depth)), self._number)
        if kind in ("mark", "colon"):
            raise Unreadable(f"line {self._number} has a {text!r} where a value is expected")
        return Node(_unquoted(text.strip(), self._number), self._number)

    def _items(self, closing: str, depth: int) -> Iterator[Node]:
        while not self._closes(closing):
            yield self._node(depth + 1)
            self._comma(closing)

    def _pairs(self, depth: int) -> Iterator[tuple[str, Node]]:
        while not self._closes("}"):
            key = self._node(depth + 1)
            if self._peek() != ":":
                yield key.text, Node(None, self._number)
            else:
                self._at += 1
                empty = self._peek() in (",", "}")
                yield key.text, Node(None, self._number) if empty else self._node(depth + 1)
            self._comma("}")

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _closes(self, closing: str) -> bool:
        if self._peek() != closing:
            return False
        self._at += 1
        return True

    def _comma(self, closing: str) -> None:
        if self._peek() == ",":
            self._at += 1
        elif self._peek() != closing:
            raise Unreadable(f"line {self._number}: a comma or {closing!r} is missing before {self._peek()[:40]!r}")


def _indent(raw: str) -> int:
    return len(raw) - len(raw.lstrip(" "))


def _dedented(lines: list[str], *, folded: bool) -> str:
    """As far left as its first line; folded, a line end is a space and an empty line a line end."""
    left = next((_indent(line) for line in lines if line), 0)
    text = "\n".join(line[left:] for line in lines).strip("\n")
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text).replace("\n\n", "\n") if folded else text


def _is_item(text: str) -> bool:
    return text == "-" or text.startswith("- ")


def _key_of(text: str) -> re.Match[str] | None:
    return _KEY.match(text)


def _unquoted(text: str, number: int) -> str:
    if text[:1] == "'":
        return text[1:-1].replace("''", "'")
    if text[:1] != '"':
        return text
    return re.sub(
        r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|.)", lambda found: _escaped(found[1], number), text[1:-1], flags=re.DOTALL
    )


def _escaped(code: str, number: int) -> str:
    if len(code) > 1:
        return chr(int(code[1:], 16))
    if code not in _ESCAPES:
        raise Unreadable(f"line {number} has an escape that YAML does not know: \\{code}")
    return _ESCAPES[code]
