"""Whatever stands in an answer, a report is safe in its format, bounded, and keeps secrets."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from functools import partial
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.doctor.answer import Answer
from mattegate.doctor.render import as_json, as_markdown, as_page, as_svg, as_text, shareable
from tests.doctor.render.hostile import ALL_EVIL, EVIL, HUGE, evil_answer

BOUNDED: Final[dict[str, Callable[[Answer], str]]] = {
    "text": partial(as_text, width=60, colour=True),
    "verbose text": partial(as_text, width=100, colour=False, verbose=True),
    "plain text": partial(as_text, width=80, colour=False, plain=True),
    "markdown": as_markdown,
    "page": partial(as_page, title="x"),
    "picture": as_svg,
}
EVERY: Final = BOUNDED | {
    "json": as_json,
    "shared": lambda answer: as_json(shareable(answer)),
    "Chinese": partial(as_text, width=60, colour=False, language="zh"),
}
_STEERS: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
_OUR_COLOURS: Final = re.compile(r"\x1b\[[0-9;]{1,8}m")


@pytest.mark.parametrize("kind", EVERY)
def test_nothing_that_steers_a_terminal_gets_through(kind: str) -> None:
    """No escape, no bell, no mark that turns the order of letters; in JSON too, where they would be escaped."""
    told = EVERY[kind](ALL_EVIL)
    assert not {
        found
        for found in _STEERS.findall(_OUR_COLOURS.sub("", told))
        if kind not in {"json", "shared"} or found < "\x80"
    }
    told.encode("utf-8")


@pytest.mark.parametrize("kind", EVERY)
def test_no_secret_gets_through(kind: str) -> None:
    """What the readers should have hidden is hidden here at the latest."""
    assert "9f8e7d6c5b4a32101122" not in EVERY[kind](ALL_EVIL)


def test_a_key_that_was_handed_in_does_not_come_back_in_json() -> None:
    """The headers that would reach the application are part of the answer, their values are not."""
    request = {
        "request": "GET /",
        "upstream": {"headers": [["Authorization", "Bearer abcdef123456"], ["X-API-Key", "hunter2"]]},
    }
    told = as_json(Answer(ALL_EVIL.verdict, requests=(request,)))
    assert "abcdef123456" not in told
    assert "hunter2" not in told
    assert "Authorization" in told


@pytest.mark.parametrize("kind", BOUNDED)
def test_ten_thousand_findings_are_counted_and_not_told(kind: str) -> None:
    """A report is for a person: it stays one, whatever went in."""
    told = BOUNDED[kind](HUGE)
    assert len(told) < 1_000_000
    assert "more" in told or kind == "picture"


def test_json_is_whole() -> None:
    """A machine gets everything."""
    assert len(json.loads(as_json(HUGE))["findings"]) == 10_001


def test_plain_is_ascii() -> None:
    """What a terminal of 1980 cannot show is spelled out."""
    assert BOUNDED["plain text"](ALL_EVIL).isascii()


def test_the_picture_is_well_formed_and_has_nothing_that_acts() -> None:
    """As XML, by a strict parser: no element but the few that draw, no attribute that begins with on."""
    for text in EVIL:
        picture = ET.fromstring(as_svg(evil_answer(text)))
        names = {element.tag.rpartition("}")[2] for element in picture.iter()}
        assert names <= {"svg", "title", "desc", "style", "rect", "line", "g", "circle", "path", "polygon", "text"}
        attributes = {name for element in picture.iter() for name in element.attrib}
        assert not {name for name in attributes if name.startswith("on") or name.endswith("href")}


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_any_text_can_be_told(text: str) -> None:
    """Every renderer has an answer to every text."""
    answer = evil_answer(text)
    for kind in EVERY:
        assert EVERY[kind](answer)
    ET.fromstring(as_svg(answer))
