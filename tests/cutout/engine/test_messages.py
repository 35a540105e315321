"""What crosses between engine and worker is rebuilt equal, and nothing else is ever built."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.config.settings import Settings, UploadSettings
from mattegate.cutout.engine.messages import Begun, Cancel, Declined, Done, Order, decode, decode_message, encode
from mattegate.vocabulary.formats import ImageFormat
from mattegate.vocabulary.options import CutoutOptions, parse_options
from mattegate.vocabulary.reasons import REASONS
from mattegate.vocabulary.refusal import Refusal
from mattegate.vocabulary.report import Report, Stage

TEXTS = {
    "model": ["", "u2net"], "format": ["png", "zip", "webp"], "quality": ["1", "100"], "refine": ["edges", "none"],
    "numerics": ["rembg", "native"], "background": ["", "#0af8", "blur:3", "image"], "crop": ["true", "no"],
    "crop_margin": ["0", "1px 2%", "1 2 3 4"], "size": ["", "640x480", "100"], "position": ["original", "10% 20%"],
    "response": ["json", "image"],
}  # fmt: skip


@given(st.fixed_dictionaries({}, optional={name: st.sampled_from(texts) for name, texts in TEXTS.items()}))
def test_options_come_through_equal(texts: dict[str, str]) -> None:
    """Every combination that can be asked for is rebuilt equal and of the same types."""
    try:
        options = parse_options(texts)
    except Refusal:
        return
    message = decode_message(encode(Order(7, options)))
    assert message == Order(7, options)
    assert repr(message) == repr(Order(7, options))


def test_settings_come_through_equal() -> None:
    """Paths, tuples and enums included."""
    settings = Settings(home=Path("/srv/a b"), upload=UploadSettings(types=(ImageFormat.GIF, ImageFormat.HEIC)))
    assert decode(encode(settings).decode()) == settings


def test_a_home_whose_name_is_not_utf_8_comes_through_equal() -> None:
    """Else no worker could be started there."""
    settings = Settings(home=Path(os.fsdecode(b"/srv/\xff")))
    assert decode(encode(settings).decode()) == settings


def test_a_report_comes_through_equal() -> None:
    """Nested values and tuples."""
    report = Report("m", "image/png", 1, 2, 3, 4, (0, 0, 1, 1), (Stage("decode", 1.25),), ("é",))
    assert decode_message(encode(Done(1, report))) == Done(1, report)


@pytest.mark.parametrize("code", REASONS)
def test_every_refusal_can_cross_and_be_told(code: str) -> None:
    """A code with facts that do not fit becomes an explained internal error instead of a crash of the teller."""
    refusal = Declined(1, code, {"unrelated": 1}).refusal
    assert refusal.reason.code in {code, "internal.error"}
    assert refusal.operator_detail
    assert refusal.remedy


def test_facts_that_json_does_not_know_become_text() -> None:
    """A path or an error among the facts is told, not lost."""
    refusal = Refusal("internal.error", problem=ValueError("x"))
    message = decode_message(encode(Declined.of(1, refusal)))
    assert isinstance(message, Declined)
    assert message.refusal.facts == {"problem": "x"}


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", '{"is":"Popen"}', '{"is":"Order"}', '{"is":"Order","number":1,"options":1,"more":2}',
        '{"is":"OutputFormat"}', '{"is":"OutputFormat","of":"exe"}', '{"is":["Path"],"of":"/"}', "[" * 100_000,
    ],
)  # fmt: skip
def test_anything_else_is_a_value_error(text: str) -> None:
    """Whatever a compromised worker sends, one kind of error comes out."""
    with pytest.raises(ValueError, match=r".+"):
        decode_message(text.encode())


def test_messages_are_short_json() -> None:
    """An order with default options fits one network packet, and any language can read it."""
    data = encode(Order(1, CutoutOptions()))
    assert json.loads(data)["is"] == "Order"
    assert len(data) < 1_500
    assert decode_message(encode(Cancel(3))) == Cancel(3)
    assert decode_message(encode(Begun(3, ("a", "b"), 5))) == Begun(3, ("a", "b"), 5)
