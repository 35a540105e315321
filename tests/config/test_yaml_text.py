"""YAML with places, and without its traps."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.config.document import Document, Unreadable
from mattegate.config.yaml_text import read_yaml

_WORD = st.from_regex(r"[A-Za-z0-9_.:/+-]{1,8}", fullmatch=True)
_VALUE = st.recursive(
    _WORD | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORD, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(tree=st.dictionaries(_WORD, _VALUE, max_size=4), flow=st.sampled_from([None, True, False]))
def test_every_tree_of_words_comes_back(tree: dict[str, Any], flow: bool | None) -> None:
    """Words stay words, whatever YAML would make of them, and each stands where its place says."""
    text = yaml.safe_dump(tree, default_flow_style=flow, allow_unicode=False)
    read = read_yaml(text)
    assert read.values == tree
    _check_places(read, read.values, (), text.split("\n"))


def _check_places(read: Document, value: object, path: tuple[str | int, ...], lines: list[str]) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _check_places(read, item, (*path, key), lines)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_places(read, item, (*path, index), lines)
    elif isinstance(value, str) and value.isalnum() and value.isascii():
        place = read.places[path]
        assert lines[place.line - 1][place.column - 1 :].lstrip("\"'").startswith(value)


@settings(max_examples=300, deadline=None)
@given(text=st.text(st.sampled_from(list("[]{}:,-?&*!|>'\"#%@`\n\t ab01~<")), max_size=30))
def test_anything_is_read_or_refused_with_a_sentence(text: str) -> None:
    """No text makes the reader stumble."""
    try:
        read = read_yaml(text)
    except Unreadable as error:
        told = error.problem
        assert told
    else:
        assert all((key,) in read.keys for key in read.values)


@pytest.mark.parametrize("word", ["no", "on", "yes", "010", "1_000", "12:30", "2024-01-01", "0x1F", "1e3", ".inf", "="])
def test_plain_words_in_a_list_stay_what_they_are(word: str) -> None:
    """A key that looks like a truth value, a number or a date is still that key."""
    assert read_yaml(f"api_keys:\n- {word}\n").values == {"api_keys": [word]}


def test_nothing_is_none() -> None:
    """An empty value is told apart from an empty text."""
    assert read_yaml("a:\nb: ''\nc: ~\n").values == {"a": None, "b": "", "c": None}


def test_the_places_of_a_list() -> None:
    """The element that is to blame has a line of its own."""
    read = read_yaml("# first\napi_keys:\n  - a\n  - 'b'\n")
    assert (read.keys["api_keys",], read.places["api_keys", 1]) == ((2, 1), (4, 5))


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("api_keys:\n\t- a\n", 2, "a tab"),
        ("a: 1\n\tb: 2\n", 2, "a tab"),
        ('api_keys: - "RMBG-PROD-abc123XYZ"\n', 1, "a list may not begin on this line"),
        ("api_keys:\n  - 'a'\n    - 'b'\n", 3, "does not line up"),
        ("a:\n  b: 1\n c: 2\n", 3, "does not line up"),
        ("a: b: c\n", 1, "second colon"),
        ("a: 1\na: 2\n", 2, "here and in line 1"),
        ("cors:\n  allowed_origins: [*]\n", 2, "aliases"),
        ("cors:\n  allowed_origins:\n  - *\n", 3, "aliases"),
        ("a: *x\n", 1, "begins an alias"),
        ("a: 'x\n", 1, "never closed"),
        ("a: @x\n", 1, "may not begin with @"),
        ("a: {b: 1\n", 1, "never closed"),
        ("a: !!python/object/apply:os.system [x]\n", 1, "a tag"),
        ("a: !x b\n", 1, "a tag"),
        ("a: 1\n---\nb: 2\n", 2, "second document"),
        ("- a\n- b\n", 1, "settings with names"),
        ("just words\n", 1, "settings with names"),
        ("[a]: 1\n", 1, "must be a word"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", 3, "merge keys"),
        ("a: &x [*x]\n", 1, "contains itself"),
        ("a: 1\nb: \x01\n", 2, "control character"),
    ],
)
def test_each_trap_has_its_sentence_and_its_line(text: str, line: int, said: str) -> None:
    """What people stumble over in YAML is told in words they understand."""
    with pytest.raises(Unreadable, match=said) as caught:
        read_yaml(text)
    assert caught.value.place is not None
    assert caught.value.place.line == line


def test_a_few_aliases_are_read_and_a_bomb_of_them_is_not() -> None:
    """Nine lines that stand for a billion words cost nothing."""
    assert read_yaml("a: &x [p, q]\nb: *x\n").values == {"a": ["p", "q"], "b": ["p", "q"]}
    bomb = "a0: &a0 [x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 6)}]\n" for n in range(1, 8))
    with pytest.raises(Unreadable, match="more than 20000 values"):
        read_yaml(bomb)
    with pytest.raises(Unreadable, match="more than 50 aliases"):
        read_yaml("a: &x 1\nb: [" + "*x, " * 51 + "]\n")


def test_depth_is_bounded() -> None:
    """A thousand brackets are refused before anything is built of them."""
    with pytest.raises(Unreadable, match="nested more than 16 deep"):
        read_yaml("a: " + "[" * 1000)
