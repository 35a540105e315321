"""The report in an issue: whatever was read is code there, and prose stays prose."""

from __future__ import annotations

import re

import pytest

from mattegate.doctor.render import as_markdown
from mattegate.doctor.render.markdown import code, prose
from tests.doctor.render.answers import FAULT
from tests.doctor.render.hostile import EVIL, evil_answer

_SPANS = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)


def without_code(text: str) -> str:
    """What a reader of Markdown takes for prose."""
    kept: list[str] = []
    fence = ""
    for line in text.splitlines():
        opened = re.match(r"(`{3,})[a-z]*$", line)
        if opened and (not fence or line == fence):
            fence = "" if fence else opened[1]
        elif not fence:
            kept.append(line)
    assert not fence, "a fence was left open"
    return _SPANS.sub("", re.sub(r"\\[\\`*_\[\]#!|~$]", "", "\n".join(kept)))


@pytest.mark.parametrize("text", EVIL)
def test_nothing_but_our_own_markup_is_left_outside_of_code(text: str) -> None:
    """No tag, no link, no image, no mention, no heading and no rule of somebody else's."""
    left = without_code(as_markdown(evil_answer(text)))
    assert "<" not in left
    assert "](" not in left
    assert "://" not in left
    assert not re.search(r"(?<!\w)@\w", left)
    assert not re.search(r"^(?:#{1,6} (?!.)|---|> )", left, re.MULTILINE)


def test_a_table_has_three_columns_whatever_stands_in_it() -> None:
    """A bar is a bar only where we put it."""
    for text in EVIL:
        rows = [line for line in as_markdown(evil_answer(text)).splitlines() if line.startswith("| ")]
        assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {4}


@pytest.mark.parametrize("text", ["a", "`", "``", "a`b", " a", "`a`", "a``b`c", "a "])
def test_a_span_of_code_is_closed_by_its_own_fence(text: str) -> None:
    """By one longer than any run of backticks inside."""
    told = code(text)
    fence = re.match(r"`+", told)
    assert fence
    assert not re.search(rf"(?<!`){fence[0]}(?!`)", told[len(fence[0]) : -len(fence[0])])


def test_prose_keeps_its_code() -> None:
    """The rules that a sentence quotes are code; a lone mark is a mark."""
    assert prose("`deny all;` refuses <b> 50`") == "`deny all;` refuses &lt;b&gt; 50\\`"


def test_what_a_site_would_link_is_code() -> None:
    """Nobody is called, nothing is fetched."""
    assert prose("ask @root at https://x.example/y") == "ask `@root` at `https://x.example/y`"


def test_the_command_is_a_block_of_its_own() -> None:
    """So that a site offers to copy it."""
    assert "```sh\ngrep 'access forbidden by rule' /var/log/nginx/error.log | tail\n```" in as_markdown(FAULT)
