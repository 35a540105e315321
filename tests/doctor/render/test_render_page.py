"""The report as a page, in a real browser: nothing runs, nothing is fetched, everybody can read it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page

from mattegate.doctor.answer import Answer
from mattegate.doctor.render import as_page, as_svg
from tests.chromium import chromium
from tests.doctor.render.answers import EVERY, FAULT, SEEN
from tests.doctor.render.hostile import ALL_EVIL, EVIL, evil_answer

_CONTRAST: Final = """() => {
  const part = value => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = rgb => {
    const [r, g, b] = rgb.match(/[\\d.]+/g).map(Number).map(part);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = node => {
    for (let at = node; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const poor = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode.parentElement, style = getComputedStyle(node);
    if (!texts.currentNode.data.trim() || node.closest("title,desc,style")) continue;
    const colour = node.closest("svg") ? style.fill : style.color;
    if (node.classList.contains("asks")) continue;
    const [dark, bright] = [light(colour), light(ground(node))].sort((a, b) => a - b);
    if ((bright + 0.05) / (dark + 0.05) < 4.5) poor.push([texts.currentNode.data, colour, ground(node)]);
  }
  return poor;
}"""


@pytest.fixture(scope="module")
def browser() -> Any:
    """One for all of them."""
    with chromium() as launched:
        yield launched


def opened(browser: Browser, folder: Path, answer: Answer, **how: Any) -> tuple[Page, list[str]]:
    """The page as somebody opens it who got it by mail, and what the browser complained of or asked for."""
    file = folder / "report.html"
    file.write_text(as_page(answer, title=how.pop("title", "site.conf")), "utf-8")
    page, heard = browser.new_page(**how), []
    page.on("console", lambda message: heard.append(message.text))
    page.on("request", lambda request: heard.append(request.url) if "report.html" not in request.url else None)
    page.goto(file.as_uri())
    return page, heard


@pytest.mark.parametrize("name", EVERY)
def test_each_page_opens_without_a_complaint(browser: Browser, tmp_path: Path, name: str) -> None:
    """The policy lets everything through that the page needs, which is its own style."""
    page, heard = opened(browser, tmp_path, EVERY[name])
    assert heard == []
    assert page.locator("h1").count() == 1
    assert page.evaluate("getComputedStyle(document.querySelector('main')).maxWidth") != "none"
    page.close()


def test_nothing_in_an_answer_runs_or_is_fetched(browser: Browser, tmp_path: Path) -> None:
    """All the ways to break out at once, in the title of the page as well."""
    page, heard = opened(browser, tmp_path, ALL_EVIL, title="</title><script>document.title='owned'</script>")
    page.mouse.move(200, 200)
    assert heard == []
    assert page.title() != "owned"
    assert page.evaluate("document.querySelectorAll('script, img, iframe, a, [onerror], [onmouseover]').length") == 0
    page.close()


@pytest.mark.parametrize("text", EVIL)
def test_the_page_has_the_same_bones_whatever_is_said(browser: Browser, tmp_path: Path, text: str) -> None:
    """A text adds text, never an element but the code it quotes."""
    bones = "[...document.querySelectorAll('body *:not(code)')].map(node => node.localName).join(' ')"
    shapes = []
    for said in (text, "harmless"):
        page, _ = opened(browser, tmp_path, evil_answer(said))
        shapes.append(page.evaluate(bones))
        page.close()
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(browser: Browser, tmp_path: Path, scheme: str) -> None:
    """4.5 to 1, by the formula of WCAG 2, on the colours that the browser really uses."""
    for answer in (FAULT, SEEN):
        page, _ = opened(browser, tmp_path, answer, color_scheme=scheme)
        assert page.evaluate(_CONTRAST) == []
        page.close()


def test_the_page_fits_a_telephone(browser: Browser, tmp_path: Path) -> None:
    """Only the table scrolls, in its own frame."""
    page, _ = opened(browser, tmp_path, FAULT, viewport={"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.close()


def test_headings_come_in_their_order(browser: Browser, tmp_path: Path) -> None:
    """No level is left out on the way down, so that a reader who hears the page finds his way."""
    page, _ = opened(browser, tmp_path, FAULT)
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(node => Number(node.localName[1]))")
    assert levels[0] == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))
    page.close()


def test_the_picture_has_a_name_and_says_in_words_what_it_shows(browser: Browser, tmp_path: Path) -> None:
    """The accessible name and description, as the browser hands them on."""
    page, _ = opened(browser, tmp_path, FAULT)
    picture = page.get_by_role("img")
    assert picture.count() == 1
    told = picture.locator("desc").text_content() or ""
    assert "nginx-access: refuses 403" in told
    page.close()


def test_on_paper_it_is_black_on_white(browser: Browser, tmp_path: Path) -> None:
    """Whatever the screen's colours are."""
    page, _ = opened(browser, tmp_path, FAULT, color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert page.pdf()[:5] == b"%PDF-"
    page.close()


def test_the_picture_stands_alone(browser: Browser, tmp_path: Path) -> None:
    """Opened as a file, its lines stay inside of its frame."""
    file = tmp_path / "way.svg"
    file.write_text(as_svg(FAULT), "utf-8")
    page = browser.new_page()
    page.goto(file.as_uri())
    inside = "[...document.querySelectorAll('text')].every(node => node.getBBox().x + node.getBBox().width <= 460)"
    assert page.evaluate(inside)
    page.close()
