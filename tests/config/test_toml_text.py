"""TOML with places: the scanner finds everything that the standard library's parser finds, where it stands."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.config.document import Lines, Place, Steps, Unreadable
from mattegate.config.toml_text import read_toml

_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
_KEY = st.one_of(st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True), _TEXT)
_LEAF = st.one_of(st.integers(-(10**6), 10**6), st.booleans(), st.floats(allow_nan=False, allow_infinity=False), _TEXT)
_VALUE = st.recursive(
    _LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEY, inner, max_size=3), max_leaves=6
)
_TREE = st.dictionaries(_KEY, _VALUE, max_size=5)


class _Writer:
    """Writes a tree as TOML in randomly chosen styles, and notes where each value begins."""

    def __init__(self, dice: random.Random) -> None:
        self.text = ""
        self.starts: dict[Steps, int] = {}
        self._dice = dice

    def tree(self, tree: dict[str, Any]) -> None:
        tables = {key: value for key, value in tree.items() if self._as_table(value)}
        for key, value in tree.items():
            if key not in tables:
                self.text += self._blank() + self._key(key) + self._space() + "=" + self._space()
                self._value(value, (key,))
                self.text += self._dice.choice(["\n", " # = [x] 'y\"\n"])
        for key, value in tables.items():
            self._table(key, value)

    def _as_table(self, value: object) -> bool:
        rows = isinstance(value, list) and value and all(isinstance(item, dict) for item in value)
        return bool(isinstance(value, dict) or rows) and self._dice.random() < 0.7

    def _table(self, key: str, value: Any) -> None:
        array = isinstance(value, list)
        for index, table in enumerate(value if array else [value]):
            path: Steps = (key, index) if array else (key,)
            self.text += self._blank()
            self.starts[path] = len(self.text)
            opening, closing = ("[[", "]]") if array else ("[", "]")
            self.text += opening + self._space() + self._key(key) + self._space() + closing + " # [no.table]\n"
            for name, item in table.items():
                self.text += self._key(name) + " = "
                self._value(item, (*path, name))
                self.text += "\n"

    def _value(self, value: object, path: Steps) -> None:
        self.starts[path] = len(self.text)
        if isinstance(value, list):
            self._array(value, path)
        elif isinstance(value, dict):
            self._inline(value, path)
        elif isinstance(value, str):
            self.text += self._string(value)
        else:
            self.text += json.dumps(value)

    def _array(self, items: list[Any], path: Steps) -> None:
        self.text += "["
        for index, item in enumerate(items):
            self.text += self._dice.choice(["", " ", "\n  ", " # , ] [\n"])
            self._value(item, (*path, index))
            self.text += self._space() + ("," if index < len(items) - 1 or self._dice.random() < 0.3 else "")
        self.text += self._dice.choice(["", "\n"]) + "]"

    def _inline(self, table: dict[str, Any], path: Steps) -> None:
        self.text += "{"
        for index, (key, item) in enumerate(table.items()):
            self.text += (", " if index else " ") + self._key(key) + "="
            self._value(item, (*path, key))
        self.text += " }"

    def _key(self, key: str) -> str:
        bare = key and key.isascii() and key.replace("_", "a").replace("-", "a").isalnum()
        return key if bare and self._dice.random() < 0.7 else self._basic(key)

    def _string(self, text: str) -> str:
        styles = [self._basic(text), '"""' + self._basic(text)[1:-1] + '"""', '"""\n' + self._basic(text)[1:-1] + '"""']
        if "'" not in text and text.isprintable():
            styles += [f"'{text}'", f"'''{text}'''", f"'''\n{text}'''"]
        if '"' not in text and "\\" not in text and text.isprintable():
            styles.append(f'"""{text}"""')
        return self._dice.choice(styles)

    def _basic(self, text: str) -> str:
        return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

    def _space(self) -> str:
        return self._dice.choice(["", " ", "\t "])

    def _blank(self) -> str:
        return self._dice.choice(["", "\n", "# [comment] = 'x\n", "  \n\t"])


@settings(max_examples=200, deadline=None)
@given(tree=_TREE, seed=st.integers(0, 2**32))
def test_every_value_is_found_where_it_stands(tree: dict[str, Any], seed: int) -> None:
    """Whatever the style, each value, element and table has the place at which it was written."""
    writer = _Writer(random.Random(seed))
    writer.tree(tree)
    read = read_toml(writer.text)
    assert read.values == tree
    lines = Lines(writer.text)
    assert {path: read.places[path] for path in writer.starts} == {
        path: lines.place(start) for path, start in writer.starts.items()
    }


@settings(max_examples=300, deadline=None)
@given(text=st.text(st.sampled_from(list("[]{}=,.\"'\\#\n\t ab01-")), max_size=40))
def test_anything_is_read_or_refused_with_a_sentence(text: str) -> None:
    """No text makes the reader stumble, and what is accepted has a place for every top key."""
    try:
        read = read_toml(text)
    except Unreadable as error:
        told = error.problem
        assert told.startswith("not readable as TOML: ")
    else:
        assert all((key,) in read.keys for key in read.values)


def test_headings_that_come_back_to_an_array_mean_its_last_table() -> None:
    """[a.b] below [[a]] belongs to the last of them."""
    read = read_toml("[[a]]\nx = 1\n[a.b]\ny = 2\n[[a]]\n[a.b]\n  y = 3\n")
    assert read.places["a", 0, "b", "y"] == (4, 5)
    assert read.places["a", 1, "b", "y"] == (7, 7)
    assert read.keys["a", 1, "b", "y"] == (7, 3)


def test_quotes_that_end_a_long_text_belong_to_it() -> None:
    """Up to two quotes may stand before the closing three."""
    read = read_toml("a = \"\"\"x\"\"\"\"\"\nb = '''y'''''\nc = 1\n")
    assert read.values == {"a": 'x""', "b": "y''", "c": 1}
    assert read.places["c",] == (3, 5)


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("a = 1\na = 2\n", (2, 6), "stands twice"),
        ("[a]\n[a]\n", (2, 3), "stands twice"),
        ("a = yes\n", (1, 5), "not a value"),
        ("a = 'x\n", (2, 1), "never closed"),
        ("port 80\n", (1, 6), "without a value"),
        ("[server\n", (1, 8), "not closed"),
        ("a = [1, 2\n", (2, 1), "not closed"),
        ('a = "C:\\dir"\n', (1, 10), "backslash"),
        ("a = 1 b = 2\n", (1, 7), "follows the value"),
    ],
)
def test_what_is_no_toml_is_told_in_words_with_its_place(text: str, place: tuple[int, int], said: str) -> None:
    """The usual slips each have a sentence."""
    with pytest.raises(Unreadable, match=said) as caught:
        read_toml(text)
    assert caught.value.place == place
    assert caught.value.fix


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = " + "9" * 5000, "a = 2024-02-31"])
def test_values_beyond_sense_are_refused(text: str) -> None:
    """Depth, length and impossible dates end in a sentence."""
    with pytest.raises(Unreadable, match="not readable as TOML"):
        read_toml(text)


def test_lines_count_from_one() -> None:
    """The first character of a text is line 1, column 1."""
    assert (Lines("ab\nc").place(0), Lines("ab\nc").place(3)) == (Place(1, 1), Place(2, 1))
