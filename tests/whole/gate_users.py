"""The gate's users: a running product over a home of its own, whoever holds keys there, and what they were told."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import httpx2
from PIL import Image

from bench.service import REMOVE
from mattegate.config.load import load_settings
from mattegate.config.settings import Settings
from mattegate.ledger.opening import Accounts, open_accounts
from mattegate.signing.keys import Minted
from tests.prove.gate_process import GateProcess, free_port, product

NO_PICTURE: Final = b"this is no picture"
ACTOR: Final = "cli:operator"


def png(width: int = 48, height: int = 32) -> bytes:
    """A real picture of that size."""
    out = BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, "PNG")
    return out.getvalue()


def bearer(key: str) -> dict[str, str]:
    """How the published guides send a key."""
    return {"Authorization": f"Bearer {key}"}


@dataclass
class Gate:
    """A running product."""

    process: GateProcess
    settings: Settings
    accounts: Accounts
    web: httpx2.Client
    minted: list[str] = field(default_factory=list)
    """Every key that was ever made here."""
    refused: dict[str, str] = field(default_factory=dict)
    """Request id → the reason that the caller read."""

    def key(self, name: str, tier: str = "vip", **options: Any) -> Minted:
        """A key of a new identity."""
        identity = self.accounts.desk.create_identity(name, tier=tier, actor=ACTOR).view.id
        return self.another(identity, **options)

    def another(self, identity: str, **options: Any) -> Minted:
        """One more key of an identity."""
        minted = self.accounts.desk.create_key(identity, actor=ACTOR, **options)
        self.minted.append(minted.text)
        return minted

    def post(
        self, key: str = "", data: bytes = b"", *, path: str = REMOVE, media_type: str = "image/png", **headers: str
    ) -> httpx2.Response:
        """Send a picture; underscores in the names of ``headers`` stand for hyphens."""
        own = {name.replace("_", "-"): value for name, value in headers.items()}
        given = {"Content-Type": media_type} | (bearer(key) if key else {}) | own
        return self.noted(self.web.post(path, content=data or png(), headers=given))

    def get(self, path: str, key: str = "", **headers: str) -> httpx2.Response:
        """Ask for something."""
        own = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.noted(self.web.get(path, headers=own | (bearer(key) if key else {})))

    def noted(self, answer: httpx2.Response) -> httpx2.Response:
        """Remember a refusal, for asking why."""
        if answer.status_code >= 400:
            self.refused[answer.headers["x-request-id"]] = reason(answer)
        return answer

    def line(self, answer: httpx2.Response) -> dict[str, Any]:
        """The access log's line of an answer, which is written just after it went out."""
        for _ in range(200):
            for line in reversed(self.process.output().splitlines()):
                if line.startswith("{") and answer.headers["x-request-id"] in line:
                    found: dict[str, Any] = json.loads(line)
                    return found
            time.sleep(0.02)
        raise AssertionError(f"{answer.headers['x-request-id']} is not in the access log")

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The command line on this home, beside the running server."""
        line = [sys.executable, "-m", "mattegate", "--home", str(self.settings.home), *words]
        return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def running(
    folder: Path,
    models: Path,
    config: str,
    *,
    suffix: str = "toml",
    command: Callable[[Path, Path, int], list[str]] = product,
) -> Iterator[Gate]:
    """The product with this configuration over a new home with these weights; stopped with the block."""
    file = folder / f"mattegate.{suffix}"
    file.write_text(config)
    home, port = folder / "home", free_port()
    (home / "ledger").mkdir(parents=True)
    (home / "models").symlink_to(models)
    settings = load_settings(file=file, flags={"home": home})
    process = GateProcess(command(file, home, port), port, folder / "server.log")
    with ExitStack() as stack:
        accounts = stack.enter_context(open_accounts(settings))
        web = stack.enter_context(httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60))
        stack.callback(process.stop)
        process.start()
        yield Gate(process, settings, accounts, web)


def reason(answer: httpx2.Response) -> str:
    """The reason that an answer gives; empty where it is no refusal."""
    return str(answer.json()["reason"]) if answer.status_code >= 400 else ""


def told(answer: httpx2.Response) -> tuple[int, str]:
    """Status and reason."""
    return answer.status_code, reason(answer)


def left(answer: httpx2.Response, name: str) -> int:
    """What ``RateLimit`` says is left of the limit of a name."""
    found = next(item for item in answer.headers["ratelimit"].split(", ") if item.startswith(f'"{name}"'))
    return int(found.split(";r=")[1].split(";")[0])


def not_across(seconds: int, *, margin_s: int = 20) -> None:
    """Wait where a window of so many seconds is about to end, so that a test sees one window only."""
    rest = seconds - time.time() % seconds
    if rest < margin_s:
        time.sleep(rest + 0.1)
