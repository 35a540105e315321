"""Reading configurations as nginx does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import crossplane
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.doctor.nginx.directive import Directive, spelled
from mattegate.doctor.nginx.lexer import DEEPEST, read_directives

CORPUS = sorted((Path(__file__).parent / "corpus").rglob("*.conf"))


def _ours(directives: tuple[Directive, ...]) -> list[Any]:
    return [
        (d.name, list(filter(None, d.args)), d.line, None if d.block is None else _ours(d.block)) for d in directives
    ]


def _theirs(parsed: list[dict[str, Any]]) -> list[Any]:
    return [
        (d["directive"], list(filter(None, d["args"])), d["line"], _theirs(d["block"]) if "block" in d else None)
        for d in parsed
    ]


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_corpus_is_read_as_another_reader_does(path: Path) -> None:
    """Every file of the corpus comes out as crossplane reads it: names, words, lines, blocks."""
    text = path.read_text("utf-8")
    if "\\" in text or "# configuration file" in text:
        return  # crossplane keeps backslashes, which the test below holds to nginx, and knows no dumps
    directives, problems = read_directives(text, path.name)
    theirs = crossplane.parse(str(path), single=True, strict=False, check_ctx=False, check_args=False)
    assert not problems
    assert _ours(directives) == _theirs(theirs["config"][0]["parsed"])


@pytest.mark.parametrize(
    ("text", "args"),
    [
        (r"a b\;c;", (r"b\;c",)),
        (r'a "b\"c" d;', ('b"c', "d")),
        (r"a 'b\'c';", ("b'c",)),
        (r"a b\\c;", (r"b\c",)),
        (r"a \.php$;", (r"\.php$",)),
        ('a "b\\nc";', ("b\nc",)),
        ("a ${b}c;", ("${b}c",)),
        ("a b#c;", ("b#c",)),
        ("a # no\n b;", ("b",)),
        ('a "" c;', ("", "c")),
    ],
)
def test_words_end_and_escape_as_in_nginx(text: str, args: tuple[str, ...]) -> None:
    """Quotes, escapes, comments and variables in braces are nginx's own."""
    directives, problems = read_directives(text, "x")
    assert not problems
    assert directives[0].args == args


@pytest.mark.parametrize(
    ("text", "says", "line"),
    [
        ("a b", 'unexpected end of file, expecting ";" or "}"', 1),
        ("a {\n b;\n", 'unexpected end of file, expecting "}"', 3),
        ("a;\n}", 'unexpected "}"', 2),
        (";", 'unexpected ";"', 1),
        ('a "b"c;', 'unexpected "c"', 1),
        ('a "b', "a quoted string does not end", 1),
        ("a {" * (DEEPEST + 2), f"blocks are nested deeper than {DEEPEST}", 1),
    ],
)
def test_a_fault_is_told_with_its_line(text: str, says: str, line: int) -> None:
    """What nginx stops at is told, and what stands before it is kept."""
    _, problems = read_directives(text, "x")
    assert [(problem.says, problem.line) for problem in problems] == [(says, line)]


def test_code_of_lua_is_one_argument() -> None:
    """Braces, quotes and comments of Lua do not end its block."""
    code = 'local t = { a = "}" } -- }\nngx.exit(403)'
    directives, problems = read_directives(f"location / {{ access_by_lua_block {{{code}}} deny all; }}", "x")
    assert not problems
    inner = directives[0].children
    assert [(d.name, d.args) for d in inner] == [("access_by_lua_block", (code,)), ("deny", ("all",))]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), max_size=200))
def test_any_text_is_read_without_an_exception(text: str) -> None:
    """Whatever is pasted, there are directives and problems, and no crash."""
    directives, problems = read_directives(text, "x")
    assert isinstance(directives, tuple)
    assert all(problem.line >= 0 for problem in problems)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20), max_size=4))
def test_a_word_that_is_spelled_is_read_back(words: list[str]) -> None:
    """Spelling an argument and reading it gives the argument."""
    directives, problems = read_directives(" ".join(["name", *map(spelled, words)]) + ";", "x")
    assert not problems
    assert directives[0].args == tuple(words)
