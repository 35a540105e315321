"""What the documentation says of each option: its schema comes from the type, its words from here.

The OpenAPI document, the docs page and the drop page are all made from :data:`OPTIONS`, and a test parses every
default and example, so that none of them can go stale.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, get_type_hints

from mattegate.vocabulary.options import PARSERS, CutoutOptions

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Option:
    """One option as the documentation shows it; ``default`` and ``examples`` are texts that the parser reads."""

    name: str
    description: str
    default: str
    schema: Mapping[str, object]
    examples: tuple[str, ...] = ()


_DESCRIPTIONS: Final[Mapping[str, str]] = {
    "model": "The model that finds the subject; left out, the server's default model.",
    "format": """
        What the answer is; jpg means jpeg, auto means png. JPEG has no transparency, so the cut-out is laid over the
        background, or over white. The zip holds color.jpg and alpha.png.""",
    "quality": "Quality of the lossy formats, from 1 to 100.",
    "mask": "Answer only the alpha matte, as a greyscale picture.",
    "numerics": "Whose arithmetic surrounds the network: native follows the model's authors, rembg reproduces rembg.",
    "refine": """
        What is done to the matte after the network: nothing, a guided filter at the edges, or closed-form matting,
        which needs an optional part.""",
    "background": """
        What lies behind the subject: none, a colour (hex, rgb(), rgba() or a CSS name), blur or blur:RADIUS in per cent
        of the longer side, or image with a file in background_image.""",
    "crop": "Crop to the subject.",
    "crop_margin": "Room kept around the subject when cropping: one, two or four lengths in px or %, in CSS order.",
    "size": "WIDTHxHEIGHT fits the subject into that canvas, one number limits the longer side, original keeps it.",
    "position": "Where the subject stands on the canvas: original, center, or one or two percentages.",
    "keep_metadata": "Keep EXIF, GPS included; otherwise only the colour profile is kept.",
    "response": "image answers the bytes, json the bytes in base64 with facts about them.",
}

_DEFAULTS: Final[Mapping[str, str]] = {
    "model": "", "format": "png", "quality": "85", "mask": "false", "numerics": "native", "refine": "none",
    "background": "none", "crop": "false", "crop_margin": "0", "size": "original", "position": "original",
    "keep_metadata": "false", "response": "image",
}  # fmt: skip

_EXAMPLES: Final[Mapping[str, tuple[str, ...]]] = {
    "model": ("u2netp", "isnet-general-use"),
    "background": ("white", "#ff8800", "rgb(0, 0, 0)", "blur:4"),
    "crop_margin": ("20px", "5% 10%"),
    "size": ("1200x1200", "1080"),
    "position": ("center", "50% 100%"),
}


def _schema(kind: object, default: str) -> dict[str, object]:
    if kind is bool:
        return {"type": "boolean", "default": default == "true"}
    if kind is int:
        return {"type": "integer", "minimum": 1, "maximum": 100, "default": int(default)}
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return {"type": "string", "enum": [str(word) for word in kind], "default": default}
    return {"type": "string", "maxLength": 1_024} | ({"default": default} if default else {})


def _options() -> tuple[Option, ...]:
    kinds = get_type_hints(CutoutOptions)
    return tuple(
        Option(
            name=name,
            description=" ".join(_DESCRIPTIONS[name].split()),
            default=_DEFAULTS[name],
            schema=_schema(kinds[name], _DEFAULTS[name]),
            examples=_EXAMPLES.get(name, ()),
        )
        for name in PARSERS
    )


OPTIONS: Final = _options()
"""Every option, in the order of the vocabulary."""
