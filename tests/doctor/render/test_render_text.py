"""The report in a terminal: broken where it may be, never where somebody copies."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.doctor.answer import Answer, Verdict
from mattegate.doctor.nginx.request import Request
from mattegate.doctor.nginx.tree import read_text
from mattegate.doctor.render import as_text
from mattegate.doctor.render.columns import cells, wrapped
from tests.doctor.nginx.answering import review
from tests.doctor.render.answers import CLEAN, DENY, EVERY, FAULT, MEANT, UNDECIDED

_CORPUS: Final = Path(__file__).parent.parent / "nginx" / "corpus"


def told(answer: Answer, **how: object) -> str:
    """The report as most see it."""
    return as_text(answer, **({"width": 80, "colour": False} | how))  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [30, 60, 80, 200])
@pytest.mark.parametrize("name", EVERY)
def test_only_what_must_not_be_broken_stands_out(name: str, width: int) -> None:
    """A line is too long only where it is a command, a rule, or one word."""
    answer = EVERY[name]
    commands = {finding.next for finding in answer.findings}
    for line in told(answer, width=width).splitlines():
        bare = line.strip()
        whole = bare in commands or (" ;" not in bare and bare.endswith((";", "}"))) or " " not in bare.lstrip("- └✗·")
        quoted = "`" in bare or re.match(r"\S+:\d+", bare)
        assert cells(line) <= width or whole or quoted, line


def test_the_verdict_is_the_first_line() -> None:
    """At three in the morning one line has to do."""
    assert told(FAULT).startswith("✗ nginx refuses it with 403: `deny all;` (site.conf:12)\n")
    assert told(CLEAN).startswith("✓ Nothing here refuses these requests\n")
    assert told(UNDECIDED).startswith("? Not decided: GET /health: if ($lua_said)")


def test_a_refusal_that_is_meant_is_not_called_a_free_passage() -> None:
    """Nobody is at fault where a rule does what it says, and the request is refused all the same."""
    assert told(MEANT).startswith("✓ No fault found; as it is written, 1 of 2 requests get 403\n")


def test_the_command_stands_alone_on_its_line() -> None:
    """However long it is, and in however narrow a window."""
    command = "curl -si https://cut.example.com/ " + " ".join(f"-H 'X-Header-{number}: x'" for number in range(20))
    lines = told(replace(FAULT, findings=(replace(DENY, next=command),)), width=40).splitlines()
    assert f"    {command}" in lines


def test_the_evidence_is_short_unless_more_is_asked_for() -> None:
    """Three lines, and how many more there are."""
    assert "…and 2 more" in told(FAULT)
    assert "no answer came from upstream" not in told(FAULT)
    assert "no answer came from upstream" in told(FAULT, verbose=True)


def test_colour_adds_nothing_but_colour() -> None:
    """Whoever sees none reads the same."""
    assert re.sub(r"\x1b\[[0-9;]+m", "", told(FAULT, colour=True)) == told(FAULT)


def test_certainty_is_told_in_words() -> None:
    """Nobody has a number for it."""
    report = told(EVERY["seen"])
    assert "possible: " in report
    assert "%" not in report


def test_a_language_that_is_not_spoken_is_refused() -> None:
    """Rather than answered in another."""
    with pytest.raises(ValueError, match="xx"):
        told(FAULT, language="xx")


def test_what_is_said_of_the_cause_is_said_in_chinese() -> None:
    """The cause's own sentences with the facts of this case; what was read stays as it was."""
    report = told(FAULT, language="zh")
    assert "规则 `deny all;` 拒绝了 203.0.113.7" in report
    assert "如果应当放行 203.0.113.7" in report
    assert "If 203.0.113.7" not in report
    assert "access forbidden by rule" in report


def test_a_sentence_whose_facts_are_not_known_is_told_as_it_was_found() -> None:
    """Better another language than a hole."""
    report = told(replace(FAULT, findings=(replace(DENY, facts={}),)), language="zh")
    assert "`deny all;` refuses 203.0.113.7" in report
    assert "<client>" not in report


def test_a_remedy_of_its_own_is_told_beside_the_translated_one() -> None:
    """What holds for this very case is not lost in translation."""
    report = told(replace(FAULT, findings=(replace(DENY, remedy="Take line 12 out."),)), language="zh")
    assert "针对本例：Take line 12 out." in report


def test_the_facts_come_from_where_the_finding_was_made() -> None:
    """A real review carries what its sentences are made of."""
    text = (_CORPUS / "allow-then-deny.conf").read_text("utf-8")
    answer = review(read_text(text), Request("POST", "/v1/remove-bg", host="bg.example.com"))
    assert "192.0.2.10" in answer.findings[0].facts["client"]
    assert "拒绝了" in told(answer, language="zh")
    assert "facts" not in answer.findings[0].as_json()


@pytest.mark.parametrize("file", sorted(_CORPUS.glob("*.conf")), ids=lambda file: file.stem)
def test_every_configuration_of_the_corpus_has_a_report(file: Path) -> None:
    """Faulty and faultless ones: the verdict's sign comes first, and no name of a fact is left open."""
    answer = review(read_text(file.read_text("utf-8"), file.name))
    report = told(answer)
    assert report[0] == {Verdict.FAULT: "✗", Verdict.CLEAN: "✓", Verdict.UNDECIDED: "?"}[answer.verdict]
    assert not re.search(r"\{(?:client|rule|place|status)\}", report)


def test_ideographs_are_broken_anywhere_but_before_a_full_stop() -> None:
    """They take two columns each, and a line does not begin with 。"""
    lines = wrapped("一二三四五六七八九十。一二", 20)
    assert lines == ["一二三四五六七八九", "十。一二"]


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab `。中，；x-/", max_size=120), st.integers(5, 40))
def test_wrapping_loses_nothing(text: str, width: int) -> None:
    """Whatever is broken where, every sign but the blanks is there, in its order."""
    assert "".join("".join(wrapped(text, width)).split()) == "".join(text.split())
