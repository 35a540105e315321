"""What a caller may ask of a cut-out, as frozen values, and the one place where texts become such values.

The command line, the HTTP surfaces and the manifest of a batch all parse through :func:`parse_options`,
so that an option means the same everywhere. Texts in, values out, nothing else; a bad text is a
``request.option`` refusal that names the option.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeVar

from mattegate.vocabulary.colours import NAMED_COLOURS
from mattegate.vocabulary.refusal import Refusal


class OutputFormat(StrEnum):
    """What the answer's bytes are. ``zip`` holds ``color.jpg`` and ``alpha.png``."""

    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"
    JPEG = "jpeg"
    ZIP = "zip"

    @property
    def media_type(self) -> str:
        """The media type of the answer."""
        return "application/zip" if self is OutputFormat.ZIP else f"image/{self}"


class Numerics(StrEnum):
    """Which pipeline's arithmetic surrounds the network.

    ``native`` follows the model's authors; ``rembg`` reproduces rembg 2.0.86 to the truncation,
    its premultiplied result included.
    """

    NATIVE = "native"
    REMBG = "rembg"


class Refine(StrEnum):
    """What is done to the matte after the network: nothing, a guided filter at the edges, or closed-form matting."""

    NONE = "none"
    EDGES = "edges"
    MATTING = "matting"


class ResponseKind(StrEnum):
    """Whether the answer is the bare bytes or JSON with base64."""

    IMAGE = "image"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Colour:
    """An sRGB colour, each channel 0-255, straight alpha."""

    red: int
    green: int
    blue: int
    alpha: int = 255


@dataclass(frozen=True, slots=True)
class Blur:
    """The photograph itself, blurred, as background; ``radius`` in per cent of the longer side."""

    radius: float = 2.0


class BackgroundImage(StrEnum):
    """The background is an image that comes with the request."""

    IMAGE = "image"


Background = Colour | Blur | BackgroundImage


@dataclass(frozen=True, slots=True)
class Length:
    """A length in pixels, or in per cent of the side it is measured along."""

    value: float
    percent: bool = False

    def pixels(self, side: int) -> int:
        """The length in whole pixels along a side of ``side`` pixels."""
        return round(self.value * side / 100 if self.percent else self.value)


@dataclass(frozen=True, slots=True)
class Margin:
    """Space kept around the subject when cropping, in CSS order."""

    top: Length
    right: Length
    bottom: Length
    left: Length


@dataclass(frozen=True, slots=True)
class Size:
    """The size of the answer in pixels.

    With both sides given the subject is fitted inside that canvas; with ``longest`` alone the picture is scaled
    down until its longer side fits, and never up.
    """

    width: int | None = None
    height: int | None = None
    longest: int | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where the subject's centre stands on the canvas, in per cent of the free room; ``original`` keeps its place."""

    x: float = 50.0
    y: float = 50.0
    original: bool = False


@dataclass(frozen=True, slots=True)
class CutoutOptions:
    """Everything a caller may choose about one cut-out; ``model`` ``None`` means the server's default model."""

    model: str | None = None
    format: OutputFormat = OutputFormat.PNG
    quality: int = 85
    mask: bool = False
    numerics: Numerics = Numerics.NATIVE
    refine: Refine = Refine.NONE
    background: Background | None = None
    crop: bool = False
    crop_margin: Margin = Margin(Length(0), Length(0), Length(0), Length(0))
    size: Size | None = None
    position: Position = Position(original=True)
    keep_metadata: bool = False
    response: ResponseKind = ResponseKind.IMAGE


MAX_OUTPUT_SIDE: Final = 16_384
MAX_OUTPUT_PIXELS: Final = 50_000_000
"""What an answer may hold; a canvas of one's own choice would otherwise take gigabytes."""

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off", ""})
_HEX: Final = re.compile(r"#?([0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})", re.ASCII)
_RGB: Final = re.compile(
    r"rgba?\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*(?:,\s*(0?\.\d+|[01](?:\.0+)?)\s*)?\)", re.ASCII
)
_LENGTH: Final = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)(px|%)?", re.ASCII)
_SIZE: Final = re.compile(r"(\d{1,5})\s*[x×]\s*(\d{1,5})", re.ASCII)


_E = TypeVar("_E", bound=StrEnum)


class _BadValueError(ValueError):
    """Why a text is not a value of its option; becomes a refusal that names the option."""


def _flag(text: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise _BadValueError("it must be true or false")


def _choice(kind: type[_E], aliases: Mapping[str, str] = MappingProxyType({})) -> Callable[[str], _E]:
    def parse(text: str) -> _E:
        word = text.strip().lower()
        try:
            return kind(aliases.get(word, word))
        except ValueError:
            raise _BadValueError(f"it must be one of {', '.join(kind)}") from None

    return parse


def _quality(text: str) -> int:
    if not re.fullmatch(r"\d{1,3}", text.strip(), re.ASCII) or not 1 <= int(text) <= 100:
        raise _BadValueError("it must be a whole number from 1 to 100")
    return int(text)


def parse_colour(text: str) -> Colour:
    """Read ``#rgb``, ``#rgba``, ``#rrggbb``, ``#rrggbbaa`` (``#`` may be missing), ``rgb()``, ``rgba()`` or a CSS name.

    Raises ``ValueError`` with the reason.
    """
    word = text.strip().lower()
    if word in NAMED_COLOURS:
        value = NAMED_COLOURS[word]
        return Colour(value >> 16, value >> 8 & 255, value & 255)
    if match := _HEX.fullmatch(word):
        digits = match[1] if len(match[1]) > 4 else "".join(2 * digit for digit in match[1])
        channels = [int(digits[i : i + 2], 16) for i in range(0, len(digits), 2)]
        return Colour(*channels)
    if (match := _RGB.fullmatch(word)) and all(int(match[i]) <= 255 for i in (1, 2, 3)):
        return Colour(int(match[1]), int(match[2]), int(match[3]), round(float(match[4] or 1) * 255))
    raise _BadValueError("it must be a colour such as #ffffff, rgb(255, 255, 255) or white, or blur, blur:4, or image")


def _background(text: str) -> Background | None:
    word = text.strip().lower()
    if word in {"", "none", "transparent"}:
        return None
    if word == BackgroundImage.IMAGE:
        return BackgroundImage.IMAGE
    if word == "blur" or word.startswith("blur:"):
        amount = word.removeprefix("blur").removeprefix(":") or "2"
        if not re.fullmatch(r"\d{1,2}(\.\d{1,2})?", amount, re.ASCII) or not 0 < float(amount) <= 20:
            raise _BadValueError("the blur must be more than 0 and at most 20 per cent of the longer side")
        return Blur(float(amount))
    return parse_colour(word)


def _length(text: str) -> Length:
    match = _LENGTH.fullmatch(text.strip())
    if not match:
        raise _BadValueError("it must be a length such as 20px or 5%")
    return Length(float(match[1]), match[2] == "%")


def _margin(text: str) -> Margin:
    parts = [_length(part) for part in text.replace(",", " ").split()]
    if any(part.percent and part.value > 50 for part in parts):
        raise _BadValueError("a margin is at most 50%")
    if any(not part.percent and part.value > MAX_OUTPUT_SIDE for part in parts):
        raise _BadValueError(f"a margin is at most {MAX_OUTPUT_SIDE}px")
    match parts:
        case [every]:
            return Margin(every, every, every, every)
        case [vertical, horizontal]:
            return Margin(vertical, horizontal, vertical, horizontal)
        case [top, right, bottom, left]:
            return Margin(top, right, bottom, left)
    raise _BadValueError("it must be one, two or four lengths, in the order top right bottom left")


def _size(text: str) -> Size | None:
    word = text.strip().lower()
    if word in {"", "original", "full"}:
        return None
    if match := _SIZE.fullmatch(word):
        size = Size(width=int(match[1]), height=int(match[2]))
    elif re.fullmatch(r"\d{1,5}", word, re.ASCII):
        size = Size(longest=int(word))
    else:
        raise _BadValueError("it must be WIDTHxHEIGHT, one number for the longer side, or original")
    sides = [side for side in (size.width, size.height, size.longest) if side is not None]
    if not all(1 <= side <= MAX_OUTPUT_SIDE for side in sides):
        raise _BadValueError(f"each side must be 1 to {MAX_OUTPUT_SIDE} pixels")
    if len(sides) > 1 and (pixels := math.prod(sides)) > MAX_OUTPUT_PIXELS:
        limit = MAX_OUTPUT_PIXELS // 10**6
        raise _BadValueError(f"the answer would have {pixels / 1e6:.0f} megapixels; {limit} is the limit")
    return size


def _position(text: str) -> Position:
    word = text.strip().lower()
    if word == "original":
        return Position(original=True)
    if word == "center":
        return Position()
    match = re.fullmatch(r"(\d{1,3}(?:\.\d+)?)%(?:[ ,]+(\d{1,3}(?:\.\d+)?)%)?", word, re.ASCII)
    if not match or float(match[1]) > 100 or float(match[2] or 0) > 100:
        raise _BadValueError("it must be original, center, or one or two percentages such as 50% 100%")
    return Position(float(match[1]), float(match[2] or match[1]))


def _model(text: str) -> str | None:
    word = text.strip().lower()
    if word and not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", word, re.ASCII):
        raise _BadValueError("a model name has at most 64 letters, digits, dots, dashes and underscores")
    return word or None


PARSERS: Final[Mapping[str, Callable[[str], object]]] = {
    "model": _model,
    "format": _choice(OutputFormat, {"jpg": "jpeg", "auto": "png"}),
    "quality": _quality,
    "mask": _flag,
    "numerics": _choice(Numerics),
    "refine": _choice(Refine),
    "background": _background,
    "crop": _flag,
    "crop_margin": _margin,
    "size": _size,
    "position": _position,
    "keep_metadata": _flag,
    "response": _choice(ResponseKind),
}
"""One parser per option, in the order in which the documentation lists them."""

assert set(PARSERS) == {field.name for field in fields(CutoutOptions)}


def parse_options(texts: Mapping[str, str], base: CutoutOptions = CutoutOptions()) -> CutoutOptions:
    """Turn option texts into :class:`CutoutOptions`; options that are not named are as in ``base``.

    Raises :class:`Refusal` ``request.option`` for an unknown option, a bad value or a combination that means nothing.
    """
    values: dict[str, object] = {}
    for name, text in texts.items():
        if name not in PARSERS:
            raise Refusal(
                "request.option",
                option=name,
                value=text[:80],
                problem=f"there is no such option; there are {', '.join(PARSERS)}",
            )
        try:
            values[name] = PARSERS[name](text)
        except _BadValueError as bad:
            raise Refusal("request.option", option=name, value=text[:80], problem=str(bad)) from None
    options = replace(base, **values)  # type: ignore[arg-type]  # PARSERS gives each field its type
    _refuse_contradictions(options)
    return options


def _refuse_contradictions(options: CutoutOptions) -> None:
    if options.mask and options.background is not None:
        raise Refusal("request.option", option="background", value="…", problem="a mask has no background")
    if options.mask and options.format is OutputFormat.ZIP:
        raise Refusal("request.option", option="format", value="zip", problem="a mask is one picture; use png")
    if options.format is OutputFormat.ZIP and options.background is not None:
        raise Refusal("request.option", option="background", value="…", problem="a zip keeps colour and alpha apart")
