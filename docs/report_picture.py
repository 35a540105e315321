"""Makes the README's picture of the doctor's report with the product itself: ``python -m docs.report_picture``."""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from mattegate.doctor.command.run import main as doctor

PICTURE = Path(__file__).parent / "images" / "doctor.png"
CONFIGURATION = """\
server {
    listen 80;
    server_name api.example.com;

    location /v1/ {
        allow 10.0.0.0/8;
        deny  all;
        proxy_pass http://127.0.0.1:8000;
        client_max_body_size 12m;
    }
}
"""
WIDTH, HEIGHT = 1000, 620
COLOURS = 64


def main() -> None:
    """Review a configuration that refuses its callers, prove the change on a real nginx, and photograph the report."""
    with tempfile.TemporaryDirectory() as folder:
        site, page = Path(folder) / "site.conf", Path(folder) / "report.html"
        site.write_text(CONFIGURATION)
        request = ("--request", "POST /v1/remove-bg", "--client-ip", "203.0.113.9", "--prove")
        doctor(("nginx", str(site), *request, "--html", str(page)), io.BytesIO(), sys.stdout, sys.stderr)
        page.write_text(page.read_text("utf-8").replace(f"{folder}/", ""), "utf-8")
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
            tab.goto(page.as_uri())
            shot = tab.screenshot()
            browser.close()
    picture = Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    picture.save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
