"""Stories of the page ``/`` where keys are needed: in a real browser, over the product's gate and ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from mattegate.vocabulary.rulebook import Limit
from tests.chromium import chromium
from tests.whole.apis import ROOT, Api, serving

PHOTO = ROOT / "examples" / "photo.jpg"
WIDTHS = (320, 390, 768, 1280)

Opening = Callable[..., Page]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API as it is installed: closed."""
    with serving(tmp_path_factory.mktemp("api")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for all of these stories."""
    with chromium() as launched:
        yield launched


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Opening]:
    """Opens the page in a browser that remembers nothing; a script error fails the story."""
    faults: list[str] = []
    contexts = []

    def open_at(api: Api, width: int = 1280) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 800}, has_touch=width < 500)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if "Policy" in message.text else None)
        page.goto(api.url)
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert faults == []


def _key_field(page: Page) -> Locator:
    return page.get_by_label("API key", exact=True)


def _choose(page: Page) -> None:
    page.get_by_label("Choose a picture").set_input_files(PHOTO)


def test_a_key_makes_a_cutout_and_leaves_no_trace(api: Api, open_page: Opening) -> None:
    """The key travels in a header; neither the address nor any storage has it, and a reload forgets it."""
    page, key = open_page(api), api.key("visitor")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.url} {request.headers.get('authorization', '')}"))
    _key_field(page).fill(f"  {key}\n")
    _choose(page)
    expect(page.get_by_role("link", name="Download")).to_be_visible()
    assert f"{api.url}/v1/remove-bg Bearer {key}" in sent
    assert not any(key in address.partition(" ")[0] for address in [*sent, page.url])
    assert page.evaluate("[...Object.values(sessionStorage), ...Object.values(localStorage), document.cookie]") == [""]
    page.reload()
    expect(_key_field(page)).to_have_value("")


def test_a_key_is_kept_for_the_tab_when_that_is_asked_for(api: Api, open_page: Opening) -> None:
    """Ticking the box keeps it over a reload, and for this tab alone; clearing the box forgets it at once."""
    page = open_page(api)
    _key_field(page).fill("sk_prod_kept")
    page.get_by_label("Keep it until this tab is closed").check()
    page.reload()
    expect(_key_field(page)).to_have_value("sk_prod_kept")
    other = page.context.new_page()
    other.goto(api.url)
    expect(_key_field(other)).to_have_value("")
    page.get_by_label("Keep it until this tab is closed").uncheck()
    page.reload()
    expect(_key_field(page)).to_have_value("")


def test_a_refusal_says_what_to_do_and_the_picture_waits(api: Api, open_page: Opening) -> None:
    """Without a key: title, sentence, remedy, reason with its link, id; then the key and Enter are enough."""
    page = open_page(api)
    _choose(page)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("No API key")
    expect(alert).to_contain_text("Put your API key into the field above")
    expect(_key_field(page)).to_have_attribute("aria-invalid", "true")
    expect(alert.get_by_role("link", name="credential.missing")).to_be_visible()
    request_id = page.locator("#error-id").inner_text()
    [record] = [record for record in api.records(0) if record.request_id == request_id]
    assert (record.status, record.reason) == (401, "credential.missing")
    expect(alert.get_by_role("button", name="Try again with photo.jpg")).to_be_visible()
    _key_field(page).fill(api.key("late comer"))
    _key_field(page).press("Enter")
    expect(page.get_by_role("link", name="Download")).to_be_visible()
    expect(alert).to_be_hidden()
    assert _key_field(page).get_attribute("aria-invalid") is None


def test_the_id_is_copied_and_the_reason_explained(api: Api, open_page: Opening) -> None:
    """One button takes the id to whoever asks the operator, one link leads to what the reason means."""
    page = open_page(api)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    _choose(page)
    page.get_by_role("button", name="Copy id").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#error-id").inner_text()
    page.get_by_role("link", name="credential.missing").click()
    expect(page.locator(".reason:target")).to_contain_text("No API key")


def test_a_key_that_can_be_none_is_not_even_sent(api: Api, open_page: Opening) -> None:
    """What no header can carry is told at once, instead of looking like a broken connection."""
    page = open_page(api)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method))
    _key_field(page).fill("“sk_prod_…”")
    _choose(page)
    expect(page.get_by_role("alert")).to_contain_text("That is no API key")
    assert "POST" not in asked
    expect(page.get_by_role("button", name="Copy id")).to_be_hidden()


def test_a_spent_quota_is_told(api: Api, open_page: Opening) -> None:
    """The second picture of a key with one is refused in words, and the page is ready for the next try."""
    page = open_page(api)
    _key_field(page).fill(api.key("spent", Limit("hourly", "quota", 1, 3600)))
    _choose(page)
    expect(page.get_by_role("link", name="Download")).to_be_visible()
    _choose(page)
    expect(page.get_by_role("alert")).to_contain_text("quota.exceeded")


def test_waiting_is_seen_and_can_be_ended(open_page: Opening, tmp_path: Path) -> None:
    """While the server works the page tells so and for how long; Stop ends it, and another try works."""
    with serving(tmp_path / "slow", keys={"unsafe_anonymous": "vip"}, echo={"pause_s": 60}) as slow:
        page = open_page(slow)
        expect(page.locator("#key-note")).to_contain_text("Not needed here")
        _choose(page)
        expect(page.get_by_role("status")).to_have_text("Cutting out photo.jpg …")
        expect(page.locator("#elapsed")).to_have_text("1 s")
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("alert")).to_contain_text("Stopped")
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("status")).to_have_text("Cutting out photo.jpg …")
        page.get_by_role("button", name="Stop").click()


def test_the_page_works_by_keyboard_alone(api: Api, open_page: Opening) -> None:
    """Tab leads from the key to the picture to the options, in the order in which they stand."""
    page = open_page(api)
    _key_field(page).focus()
    order = []
    for _ in range(6):
        order.append(page.evaluate("document.activeElement.id || document.activeElement.name"))
        page.keyboard.press("Tab")
    assert order == ["key", "keep", "file", "model", "format", "refine"]
    unnamed = page.evaluate(
        "[...document.querySelectorAll('input, select, button, a[href]')]"
        ".filter((e) => e.checkVisibility() && !(e.labels?.length || e.ariaLabel || e.textContent.trim()))"
        ".map((e) => e.outerHTML)"
    )
    assert unnamed == []


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_cut_off_on_any_screen(api: Api, open_page: Opening, width: int) -> None:
    """From a small phone to a desk, empty, refused and done: no sideways scrolling, and fingers find the buttons."""
    page = open_page(api, width)
    _fits(page)
    _choose(page)
    expect(page.get_by_role("alert")).to_be_visible()
    _fits(page)
    _key_field(page).fill(api.key(f"screen {width}"))
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("link", name="Download")).to_be_visible()
    _fits(page)


def _fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    small = page.evaluate(
        "[...document.querySelectorAll('button, .button, select, input[type=password]')]"
        ".filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 24).map((e) => e.id)"
    )
    assert small == []  # WCAG 2.2, 2.5.8: 24 CSS pixels
