"""A configuration that is written out again says what it said."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.doctor.demo.rewriting import file_text
from mattegate.doctor.nginx.directive import Directive
from mattegate.doctor.nginx.lexer import read_directives
from mattegate.doctor.nginx.tree import read_file

CORPUS: Final = Path(__file__).parents[1] / "nginx" / "corpus"


def _meaning(directives: tuple[Directive, ...]) -> list[Any]:
    """Everything but the lines."""
    return [(each.name, each.args, None if each.block is None else _meaning(each.block)) for each in directives]


@pytest.mark.parametrize("file", sorted(CORPUS.glob("*.conf")), ids=lambda file: file.stem)
def test_every_file_of_the_corpus_means_the_same_when_it_is_read_again(file: Path) -> None:
    """Conditions, regular expressions, quotes, blocks within blocks."""
    directives, _ = read_directives(file.read_text("utf-8"), "site.conf")
    assert directives
    again, problems = read_directives(file_text(directives, "site.conf"), "site.conf")
    assert problems == []
    assert _meaning(again) == _meaning(directives)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12), max_size=4))
def test_any_word_is_spelled_so_that_nginx_reads_it(words: list[str]) -> None:
    """Semicolons, braces, quotes, backslashes and hashes."""
    given_one = Directive("set", tuple(words), "site.conf", 1)
    again, problems = read_directives(file_text([given_one], "site.conf"), "site.conf")
    assert (problems, [each.args for each in again]) == ([], [tuple(words)])


def test_lua_stays_as_it_is() -> None:
    """Code in a block is not quoted."""
    text = "content_by_lua_block { if a then ngx.exit(403) end }\n"
    directives, _ = read_directives(text, "site.conf")
    assert file_text(directives, "site.conf") == text


def test_what_was_included_is_written_apart(tmp_path: Path) -> None:
    """A file gets back what stood in it, whatever stands around it."""
    (tmp_path / "nginx.conf").write_text("events {}\nhttp {\n    include site.conf;\n    sendfile on;\n}\n")
    (tmp_path / "site.conf").write_text("server {\n    listen 80;\n}\n")
    tree = read_file(tmp_path / "nginx.conf")
    assert file_text(tree.directives, str(tmp_path / "site.conf")) == "server {\n    listen 80;\n}\n"
