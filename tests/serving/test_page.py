"""Stories of the page in a real browser, and of the policy that browsers hold it to."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from mattegate.serving.site import CONTENT_SECURITY_POLICY
from tests.chromium import chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.serving.served import Serve, Served

_DROP = """([name, base64]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name));
  document.dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true}));
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for all of these stories."""
    with chromium() as launched:
        yield launched


@pytest.fixture
def page(browser: Browser, plain: Served) -> Iterator[Page]:
    """The page, watched: a script error or a request to another host fails the story."""
    opened = browser.new_page()
    strays: list[str] = []
    opened.on("pageerror", lambda error: strays.append(str(error)))
    opened.on("console", lambda message: strays.append(message.text) if "Policy" in message.text else None)
    opened.on("request", lambda asked: None if _local(asked.url, plain.url) else strays.append(asked.url))
    opened.goto(plain.url)
    yield opened
    opened.close()
    assert strays == []


def _local(url: str, base: str) -> bool:
    return url.startswith((base, "blob:", "data:"))


def _drop(page: Page, name: str, content: bytes) -> None:
    page.evaluate(_DROP, [name, b64encode(content).decode()])


def test_a_dropped_picture_becomes_a_cutout_with_its_timings(page: Page, png: bytes) -> None:
    """The result is shown with a slider, its stages and a download named after the upload."""
    _drop(page, "cat.png", png)
    page.wait_for_selector("#download:not([hidden])")
    assert page.get_attribute("#download", "download") == "cat-cutout.png"
    assert page.locator("#stages dt").all_inner_texts() == ["receive", "queue", "decode", "infer", "total"]
    assert page.evaluate("document.getElementById('after').naturalWidth") == 4
    page.focus("#slide")
    page.keyboard.press("End")
    assert page.evaluate("document.getElementById('handle').style.left") == "100%"


def test_a_chosen_file_takes_the_options_along(page: Page, png: bytes) -> None:
    """Choosing works like dropping, and a changed option cuts the same picture again."""
    page.set_input_files("#file", {"name": "dog.png", "mimeType": "image/png", "buffer": png})
    page.wait_for_selector("#download:not([hidden])")
    page.select_option("select[name=format]", "webp")
    page.wait_for_selector("#download[download='dog-cutout.webp']:not([hidden])")


def test_a_refused_picture_is_explained_with_its_id(page: Page) -> None:
    """The page shows what happened, what to do, the reason and the id that the operator can look up."""
    _drop(page, "evil.php", b"<?php")
    page.wait_for_selector("#error:not([hidden])")
    assert page.inner_text("#error-title") == "Not an accepted image type"
    assert page.inner_text("#error-remedy") == "Send a JPEG, PNG or WebP file."
    assert page.inner_text("#error-reason") == "upload.type"
    assert page.inner_text("#error-id").startswith("req_")
    assert page.locator("#error-reason[href$='/docs/reasons#upload-type']").count() == 1
    assert page.is_visible("#drop")


def test_a_picture_over_the_limit_is_explained_although_the_browser_is_still_sending(page: Page) -> None:
    """The early refusal of a large upload arrives as an explanation, not as a broken connection."""
    _drop(page, "huge.png", bytes(12_000_000))
    page.wait_for_selector("#error:not([hidden])")
    assert page.inner_text("#error-reason") == "upload.too_large"


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/reasons", "/assets/page.js", "/assets/site.css"])
def test_every_page_carries_the_strict_policy(plain: Served, path: str) -> None:
    """Nothing inline, nothing from elsewhere, no frame around it; and a second visit costs nothing."""
    answer = plain.get(path)
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "unsafe" not in answer.headers["content-security-policy"]
    again = plain.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
@pytest.mark.parametrize("path", ["/docs", "/docs/reasons"])
def test_the_docs_can_be_read_on_any_screen(browser: Browser, plain: Served, path: str, width: int) -> None:
    """Nothing scrolls sideways but tables and examples within themselves, and no name is broken in two."""
    opened = browser.new_page(viewport={"width": width, "height": 800})
    opened.goto(plain.url + path)
    assert opened.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    broken = opened.evaluate(
        "[...document.querySelectorAll('td:first-child code, td:last-child > code, td a')]"
        ".filter((e) => e.getClientRects().length > 1).map((e) => e.textContent)"
    )
    assert broken == []
    opened.close()


def test_docs_can_be_turned_off(serve: Serve) -> None:
    """Without docs their paths are unknown, and the page does not link to them."""
    server = serve({"server": {"docs": False}})
    for path in ("/docs", "/docs/reasons", "/openapi.json"):
        assert server.get(path).status_code == 404
    assert '<nav aria-label="Main" hidden>' in server.get("/").text
    assert 'data-explains=""' in server.get("/").text
