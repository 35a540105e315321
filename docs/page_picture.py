"""Makes the picture of a refusal with the product itself: ``python -m docs.page_picture``.

A server is started, its page is opened in Chromium, and a key with one wrong letter is tried.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect, sync_playwright

from bench.service import Service
from docs.pictures import PHOTO, ROOT
from mattegate.config.settings import default_home

PICTURE = ROOT / "docs" / "images" / "refusal.png"
SIZE = (920, 560)
COLOURS = 64


def main() -> None:
    """Write the top of the page, as it is after the refusal."""
    with tempfile.TemporaryDirectory() as folder, Service(default_home(), log=Path(folder) / "log") as service:
        shot = _refused(f"http://127.0.0.1:{service.port}/", _mistyped(service.key))
    picture = Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    picture.save(PICTURE, optimize=True)


def _mistyped(key: str) -> str:
    """The key with its last letter changed."""
    return key[:-1] + ("a" if key[-1] != "a" else "b")


def _refused(url: str, key: str) -> bytes:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]}, color_scheme="light")
        page.goto(url)
        page.get_by_label("API key", exact=True).fill(key)
        page.get_by_label("Choose a picture").set_input_files(PHOTO)
        expect(page.get_by_role("alert")).to_be_visible()
        shot = page.screenshot()
        browser.close()
    return shot


if __name__ == "__main__":
    main()
