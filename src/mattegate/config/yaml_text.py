"""YAML with the place of every key and value, and with its traps taken out.

A configuration needs lists, sections and words. Whatever else YAML can do is refused with a sentence: tags, merge
keys, names that are not words, many documents, aliases beyond a bound. Plain words stay the words that stand in the
file; what ``no``, ``010`` or ``2024-01-01`` means follows from the setting, never from YAML's guess.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from mattegate.config.document import Document, Lines, Place, Steps, Unreadable

_MOST_VALUES: Final = 20_000
_MOST_ALIASES: Final = 50
_DEEPEST: Final = 16

_NOTHING: Final = frozenset({"", "~", "null", "Null", "NULL"})

_QUOTES: Final = 'put the value in quotes, as in "*"'
_LIST: Final = 'begin the list on the next line, indented: - "first"'

_SAID: Final = (
    ("character '\\t'", "a tab stands where YAML wants spaces", "indent with spaces"),
    ("sequence entries are not allowed", "a list may not begin on this line", _LIST),
    ("mapping values are not allowed", "a second colon in this line, or a wrong indentation", "put texts in quotes"),
    ("found character '@'", "a value may not begin with @", _QUOTES),
    ("found character '`'", "a value may not begin with a backtick", _QUOTES),
    ("found character '%'", "a value may not begin with %", _QUOTES),
    ("alphabetic or numeric character", "* and & begin aliases and anchors in YAML", _QUOTES),
    ("undefined alias", "* begins an alias in YAML, and none of that name is defined", _QUOTES),
    ("unexpected end of stream", "a quote is opened and never closed", "close it on the same line"),
    ("unknown escape", "a backslash that means nothing in double quotes", "put the text in single quotes"),
    ("could not find expected ':'", "a name without a colon", "write NAME: VALUE"),
    ("but found another document", "a second document begins here", "keep one, and remove the line ---"),
    ("',' or '}'", "a brace is opened and never closed", "close it, or put every setting on a line of its own"),
    ("',' or ']'", "a bracket is opened and never closed", 'write ["one", "two"]'),
    (
        "expected <block end>",
        "this line does not line up with the lines above it",
        "indent what belongs together alike",
    ),
    ("duplicate anchor", "an anchor stands twice", "write the value out"),
)
"""What the parser says, in words for people; its own may quote what stands in the file."""


def read_yaml(text: str) -> Document:
    """The values of ``text`` and their places.

    Raises :class:`Unreadable` with the place of the first thing that is not YAML, or not for a configuration.
    """
    try:
        _check_events(text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise _unreadable(error) from None
    except yaml.reader.ReaderError as error:
        raise Unreadable("not readable as YAML: a control character", Lines(text).place(error.position)) from None
    reader = _Reader()
    return Document("yaml", reader.top(root), reader.keys, reader.places)


def _unreadable(error: yaml.MarkedYAMLError) -> Unreadable:
    message = f"{error.context or ''} {error.problem or ''}"
    problem, fix = next(
        ((said, fix) for part, said, fix in _SAID if part in message), ("something is out of place", "")
    )
    opening = error.context_mark if "never closed" in problem else None
    mark = opening or error.problem_mark or error.context_mark
    place = Place(mark.line + 1, mark.column + 1) if mark else None
    return Unreadable(f"not readable as YAML: {problem}", place, fix)


def _check_events(text: str) -> None:
    """What must be refused before anything is built: depth, tags, too many aliases."""
    depth = aliases = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        aliases += isinstance(event, yaml.AliasEvent)
        if depth > _DEEPEST:
            raise Unreadable(f"nested more than {_DEEPEST} deep", _start(event))
        if aliases > _MOST_ALIASES:
            raise Unreadable(f"more than {_MOST_ALIASES} aliases", _start(event), "write the values out")
        if getattr(event, "tag", None):
            raise Unreadable("a tag (!…) stands before a value", _start(event), "remove the tag; or quote the value")


def _start(what: Node | yaml.Event) -> Place:
    mark = what.start_mark
    assert mark is not None
    return Place(mark.line + 1, mark.column + 1)


class _Reader:
    """Turns nodes into plain values."""

    def __init__(self) -> None:
        self.keys: dict[Steps, Place] = {}
        self.places: dict[Steps, Place] = {}

    def top(self, root: Node | None) -> dict[str, Any]:
        if root is None:
            return {}
        if not isinstance(root, MappingNode):
            raise Unreadable(
                "the file must hold settings with names",
                _start(root),
                'write NAME: VALUE; keys go under api_keys: as a list of - "KEY"',
            )
        return self._mapping(root, ())

    def _value(self, node: Node, path: Steps, *, in_list: bool = False) -> Any:
        self.places[path] = _start(node)
        if len(self.places) > _MOST_VALUES:
            raise Unreadable(f"more than {_MOST_VALUES} values", _start(node))
        if len(path) > _DEEPEST:  # only an alias to what it stands in leads here
            raise Unreadable("an alias that contains itself", _start(node), "write the value out")
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self._value(item, (*path, at), in_list=True) for at, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        nothing = frozenset({""}) if in_list else _NOTHING
        return None if node.style is None and node.value in nothing else str(node.value)

    def _mapping(self, node: MappingNode, path: Steps) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, key, item in self._entries(node):
            if name in values:
                first = self.keys[*path, name].line
                raise Unreadable(f"a name stands twice, here and in line {first}", _start(key), "keep one of them")
            self.keys[*path, name] = _start(key)
            values[name] = self._value(item, (*path, name))
        return values

    def _entries(self, node: MappingNode) -> Iterator[tuple[str, Node, Node]]:
        for key, item in node.value:
            if not isinstance(key, ScalarNode):
                raise Unreadable("a name must be a word, not a list or a section", _start(key))
            if key.style is None and key.value == "<<":
                raise Unreadable("merge keys (<<) are not read", _start(key), "write the settings out")
            yield str(key.value), key, item
