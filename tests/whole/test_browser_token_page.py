"""The shop of ``examples/browser-token`` in a real browser: cut-outs without a key, refusals that its page can read.

The page is served under two names of this machine, which to a browser are two origins: ``http://localhost:PORT``, which
the token is for, and ``http://127.0.0.1:PORT``, which it is not.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.chromium import chromium
from tests.whole.apis import ROOT
from tests.whole.proxies import free_port
from tests.whole.token_clients import GIVING, TokenApi, client_id, giving

SHOP: Final = ROOT / "examples" / "browser-token" / "shop.py"
_SOURCES: Final = """async () => {
  const loaded = [location.href, ...performance.getEntriesByType("resource").map((entry) => entry.name)];
  const own = loaded.filter((url) => url.startsWith(location.origin) && !url.endsWith("/token"));
  const answers = [...own.map((url) => fetch(url)), fetch("/token", { method: "POST" })];
  return (await Promise.all(answers.map(async (answer) => (await answer).text()))).join();
}"""
"""Everything that the page is made of, and what its server tells it."""


def png(width: int, height: int) -> bytes:
    """A picture of that size."""
    out = BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, "PNG")
    return out.getvalue()


@dataclass(frozen=True)
class Street:
    """A shop, the API behind it and the key that only the shop knows."""

    api: TokenApi
    key: str
    origin: str

    @property
    def elsewhere(self) -> str:
        """The same page, as another origin."""
        return self.origin.replace("localhost", "127.0.0.1")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenApi]:
    """An API that pages of this machine may call."""
    cors = {"allowed_origins": ["http://localhost:*", "http://127.0.0.1:*"]}
    with giving(tmp_path_factory.mktemp("shop") / "home", b"", **(GIVING | {"cors": cors})) as made:
        yield made


@pytest.fixture(scope="module")
def open_shop(api: TokenApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Street]]:
    """Opens shops, each with a key of its own."""
    shops: list[subprocess.Popen[str]] = []

    def opened(name: str, url: str = "") -> Street:
        key = api.api.key(name)
        file = tmp_path_factory.mktemp(name) / "shop.key"
        file.write_text(key + "\n")
        command = [sys.executable, str(SHOP), "--key", str(file), "--api", url or api.api.url, "--port", "0"]
        shop = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        shops.append(shop)
        assert shop.stdout is not None
        return Street(api, key, shop.stdout.readline().strip())

    yield opened
    for shop in shops:
        with shop:
            shop.terminate()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for all of these stories."""
    with chromium() as launched:
        yield launched


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a browser that remembers nothing; a script that fails fails the story."""
    faults: list[str] = []
    context = browser.new_context(viewport={"width": 800, "height": 600})
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    context.close()
    assert faults == []


def send(page: Page, picture: bytes) -> None:
    """Choose a picture and wait for what becomes of it."""
    chosen = {"name": "a.png", "mimeType": "image/png", "buffer": picture}
    page.get_by_label("Picture").set_input_files(chosen)  # type: ignore[arg-type]
    page.get_by_role("button", name="Cut out").click()
    expect(page.get_by_role("status")).not_to_have_text("Sending …")


def test_a_visitor_makes_cutouts_and_never_sees_the_key(open_shop: Callable[..., Street], page: Page) -> None:
    """More than one token is good for: the page gets another by itself. Nothing that reaches the browser is the key."""
    street = open_shop("visited")
    sent: list[str] = []
    page.on("request", lambda asked: sent.append(f"{asked.url} {asked.headers} {asked.post_data_buffer!r}"))
    page.goto(street.origin)
    for side in (20, 21, 22, 23):
        send(page, png(side, 10))
        expect(page.get_by_role("status")).to_have_text("")
        expect(page.get_by_alt_text("The cut-out")).to_be_visible()
        assert page.evaluate("document.getElementById('cutout').naturalWidth") == side
    tokens = [text for text in sent if text.startswith(f"{street.origin}/token")]
    assert len(tokens) == 2
    everything = page.evaluate(_SOURCES) + "".join(sent) + page.content()
    assert "export async function cutOut" in everything
    assert '"token_type": "Bearer"' in everything
    assert client_id(street.key) in street.key
    assert street.key not in everything
    assert street.key.rpartition("_")[2] not in everything
    kept = "[...Object.values(sessionStorage), ...Object.values(localStorage), document.cookie].join('')"
    assert page.evaluate(kept) == ""


def test_an_image_that_is_too_large_is_explained_on_the_page(open_shop: Callable[..., Street], page: Page) -> None:
    """The page reads the refusal of the other origin, and shows no cut-out of before beside it."""
    page.goto(open_shop("large").origin)
    send(page, png(20, 10))
    send(page, png(4_000, 3_500))
    expect(page.get_by_role("status")).to_contain_text("12 megapixels at most; this one has 14")
    expect(page.get_by_role("status")).to_contain_text("Send a smaller image")
    expect(page.get_by_alt_text("The cut-out")).to_be_hidden()


def test_a_token_does_not_work_from_another_page(open_shop: Callable[..., Street], page: Page) -> None:
    """The shop gives it none; with one that was copied, the API names the page that it is for."""
    street = open_shop("copied")
    page.goto(street.elsewhere)
    send(page, png(20, 10))
    expect(page.get_by_role("status")).to_have_text(
        f"Not a page of this shop: Tokens are for pages of {street.origin} alone; open the shop there."
    )
    token = street.api.browser_token(street.key, origin=street.origin)
    told = page.evaluate(
        """async ([url, token]) => {
          const headers = { Authorization: `Bearer ${token}`, "Content-Type": "image/png" };
          const answer = await fetch(url, { method: "POST", headers, body: new Blob(["x"]) });
          return [answer.status, (await answer.json()).reason, answer.headers.get("x-mattegate-reason")];
        }""",
        [f"{street.api.api.url}/v1/remove-bg", token],
    )
    assert told == [403, "token.origin", "token.origin"]


def test_a_key_that_was_revoked_is_told_to_the_visitor(open_shop: Callable[..., Street], page: Page) -> None:
    """In the words of the API, through the shop; and a token that was given before is worth nothing any more."""
    street = open_shop("revoked")
    page.goto(street.origin)
    send(page, png(20, 10))
    with street.api.accounts() as accounts:
        accounts.desk.revoke_key(client_id(street.key), actor="cli:test", why="test")
    send(page, png(20, 10))
    expect(page.get_by_role("status")).to_contain_text("revoked")
    page.reload()
    send(page, png(20, 10))
    expect(page.get_by_role("status")).to_contain_text("revoked")
    assert street.key not in page.content()


def test_an_api_that_is_away_is_told_too(open_shop: Callable[..., Street], page: Page) -> None:
    """The shop cannot reach it; or the page cannot, which a browser does not tell from an answer it may not read."""
    page.goto(open_shop("away", f"http://127.0.0.1:{free_port()}").origin)
    send(page, png(20, 10))
    expect(page.get_by_role("status")).to_have_text("No token to be had: The shop's server cannot reach the API.")
    street = open_shop("cut-off")
    page.route("**/v1/remove-bg", lambda route: route.abort())
    page.goto(street.origin)
    send(page, png(20, 10))
    expect(page.get_by_role("status")).to_contain_text(f"does not answer, or not to pages of {street.origin}")


def test_the_files_of_the_page_hold_no_key(open_shop: Callable[..., Street]) -> None:
    """Neither the shop's folder nor anything below its address leads to the file that the key is in."""
    street = open_shop("closed")
    for file in sorted((Path(SHOP).parent / "page").iterdir()):
        assert "sk_" not in file.read_text("utf-8")
    assert street.key.startswith("sk_")
