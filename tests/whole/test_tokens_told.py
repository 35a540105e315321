"""What the guide and the example say of tokens is true: their lines run, and the page of the shop gets its token."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.whole.test_tokens_own import PNG
from tests.whole.token_clients import GIVING, TokenApi, client_id, giving

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guide" / "tokens.md").read_text("utf-8")
SHOP = "https://shop.example.com"


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenApi]:
    """A server as the guide has it."""
    cors = {"allowed_origins": [SHOP, "http://localhost:*"]}
    with giving(tmp_path_factory.mktemp("told") / "home", PNG, **(GIVING | {"cors": cors})) as made:
        yield made


def test_the_lines_of_the_guide_run(gate: TokenApi, tmp_path: Path) -> None:
    """Every block with curl, one after the other in one shell that stops at the first failure."""
    if shutil.which("curl") is None or shutil.which("jq") is None:
        pytest.skip("there is no curl, or no jq")
    blocks = [block for block in re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL) if "curl" in block]
    assert len(blocks) == 4
    photo = tmp_path / "photo.png"
    photo.write_bytes(PNG)
    key = gate.api.key("guide")
    environ = {"URL": gate.api.url, "KEY": key, "KEY_ID": client_id(key), "PHOTO": str(photo)}
    script = "set -euo pipefail\n" + "\n".join(blocks)
    ran = subprocess.run(
        ["bash", "-c", script], check=False, cwd=tmp_path, env=os.environ | environ, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "cutout.png").read_bytes() == PNG
    for told in ('"access_token"', '"identity"', '"kty":"OKP"', '"images":5'):
        assert told in ran.stdout


def test_the_page_of_the_shop_makes_cutouts_without_a_key(gate: TokenApi, tmp_path: Path) -> None:
    """Its server hands out tokens that work from its page alone; no answer of it holds the key."""
    key = gate.api.key("shop")
    (tmp_path / "shop.key").write_text(key + "\n")
    command = [
        sys.executable,
        str(ROOT / "examples" / "browser-token" / "shop.py"),
        "--key",
        str(tmp_path / "shop.key"),
    ]
    command += ["--api", gate.api.url, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as shop:
        assert shop.stdout is not None
        origin = shop.stdout.readline().strip()
        try:
            url = origin.replace("localhost", "127.0.0.1")
            assert "A page without a key" in httpx2.get(f"{url}/").text
            assert "browser-tokens" not in httpx2.get(f"{url}/page.js").text
            given = httpx2.post(f"{url}/token", headers={"Origin": origin})
            assert given.status_code == 201, given.text
            assert key not in given.text
            token = given.json()["token"]
            assert gate.cut(token, Origin=origin).status_code == 200
            assert gate.cut(token, Origin=SHOP).json()["reason"] == "token.origin"
            refused = httpx2.post(f"{url}/token", headers={"Origin": SHOP})
            assert (refused.status_code, refused.json()["title"]) == (403, "Not a page of this shop")
        finally:
            shop.terminate()
            shop.wait(10)
