"""Makes the README's picture with the product itself: ``python -m docs.pictures``."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from mattegate.config.load import load_settings
from mattegate.cutout.engine.protocol import Job
from mattegate.cutout.pipeline import build_maker
from mattegate.vocabulary.options import parse_options

ROOT = Path(__file__).parent.parent
PHOTO = ROOT / "examples" / "photo.jpg"
PICTURE = ROOT / "docs" / "images" / "before-after.png"
SQUARE = 10
GAP = 12


def main() -> None:
    """Write the photograph, its cut-out on a chequerboard and the cut-out over a colour, side by side."""
    maker = build_maker(load_settings(), threads=2)
    options = parse_options({"refine": "edges"})
    made = maker.make(Job(PHOTO.read_bytes(), options), cancelled=lambda: False)
    cutout = Image.open(io.BytesIO(b"".join(bytes(segment) for segment in made.segments)))
    panels = [Image.open(PHOTO), _over(cutout, _chequerboard(cutout.size)), _over(cutout, _plain(cutout.size))]
    strip = Image.new("RGB", (sum(panel.width for panel in panels) + 2 * GAP, cutout.height), "white")
    left = 0
    for panel in panels:
        strip.paste(panel, (left, 0))
        left += panel.width + GAP
    strip.resize((strip.width * 2 // 3, strip.height * 2 // 3), Image.Resampling.LANCZOS).save(PICTURE, optimize=True)


def _over(cutout: Image.Image, ground: Image.Image) -> Image.Image:
    return Image.alpha_composite(ground.convert("RGBA"), cutout.convert("RGBA")).convert("RGB")


def _chequerboard(size: tuple[int, int]) -> Image.Image:
    squares = Image.new("RGB", (size[0] // SQUARE + 1, size[1] // SQUARE + 1), (255, 255, 255))
    dark = [(x, y) for x in range(squares.width) for y in range(squares.height) if (x + y) % 2]
    for place in dark:
        squares.putpixel(place, (214, 214, 214))
    whole = (squares.width * SQUARE, squares.height * SQUARE)
    return squares.resize(whole, Image.Resampling.NEAREST).crop((0, 0, *size))


def _plain(size: tuple[int, int]) -> Image.Image:
    return Image.new("RGB", size, (31, 122, 107))


if __name__ == "__main__":
    main()
