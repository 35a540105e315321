"""How option texts become values, and how a bad text is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.vocabulary.options import (
    PARSERS,
    BackgroundImage,
    Blur,
    Colour,
    CutoutOptions,
    Length,
    Margin,
    OutputFormat,
    Position,
    Size,
    parse_options,
)
from mattegate.vocabulary.refusal import Refusal


def test_no_text_means_the_defaults() -> None:
    """Whoever asks for nothing gets a straight-alpha PNG of the original size."""
    assert parse_options({}) == CutoutOptions()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("format", "JPG", OutputFormat.JPEG),
        ("format", "auto", OutputFormat.PNG),
        ("mask", "on", True),
        ("crop", "0", False),
        ("quality", "100", 100),
        ("background", "#0f8", Colour(0, 255, 136)),
        ("background", "00ff8880", Colour(0, 255, 136, 128)),
        ("background", "rgba(1, 2, 3, 0.5)", Colour(1, 2, 3, 128)),
        ("background", "RebeccaPurple", Colour(0x66, 0x33, 0x99)),
        ("background", "blur", Blur(2.0)),
        ("background", "blur:4.5", Blur(4.5)),
        ("background", "image", BackgroundImage.IMAGE),
        ("background", "transparent", None),
        ("crop_margin", "5%", Margin(*[Length(5, percent=True)] * 4)),
        ("crop_margin", "1px, 2", Margin(Length(1), Length(2), Length(1), Length(2))),
        ("size", "640x480", Size(width=640, height=480)),
        ("size", "1024", Size(longest=1024)),
        ("size", "original", None),
        ("position", "center", Position(50, 50)),
        ("position", "0% 100%", Position(0, 100)),
        ("model", "RMBG-2.0", "rmbg-2.0"),
        ("model", "", None),
    ],
)
def test_each_way_of_writing_an_option_is_understood(name: str, text: str, value: object) -> None:
    """The forms that clients of the field use all mean what they say."""
    assert getattr(parse_options({name: text}), name) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("format", "tiff"),
        ("mask", "maybe"),
        ("quality", "0"),
        ("quality", "१"),
        ("background", "rgb(256,0,0)"),
        ("background", "#12345"),
        ("background", "blur:99"),
        ("crop_margin", "51%"),
        ("crop_margin", "1 2 3"),
        ("crop_margin", "-1px"),
        ("size", "0x10"),
        ("size", "99999"),
        ("size", "16384x16384"),
        ("size", "big"),
        ("position", "101%"),
        ("model", "../../etc/passwd"),
        ("models", "u2net"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_option(name: str, text: str) -> None:
    """The refusal says which option, which value and what would be right."""
    with pytest.raises(Refusal) as caught:
        parse_options({name: text})
    assert caught.value.reason.code == "request.option"
    assert f"'{name}'" in caught.value.detail


@pytest.mark.parametrize(
    "texts",
    [{"mask": "1", "background": "red"}, {"mask": "1", "format": "zip"}, {"format": "zip", "background": "blur"}],
)
def test_options_that_contradict_each_other_are_refused(texts: dict[str, str]) -> None:
    """Nothing is silently ignored."""
    with pytest.raises(Refusal):
        parse_options(texts)


@given(st.dictionaries(st.sampled_from(sorted(PARSERS)), st.text(max_size=40)))
def test_any_text_is_either_understood_or_refused(texts: dict[str, str]) -> None:
    """No text makes the parser fail in another way."""
    try:
        assert isinstance(parse_options(texts), CutoutOptions)
    except Refusal as refusal:
        assert refusal.reason.code == "request.option"  # noqa: PT017 - both outcomes are right


def test_lengths_measure_along_a_side() -> None:
    """Ten per cent of 250 pixels are 25."""
    assert (Length(10, percent=True).pixels(250), Length(7).pixels(250)) == (25, 7)
