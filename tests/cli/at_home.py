"""Commands run in this process over a home of their own, and another process that holds a home as a server does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mattegate.cli.app import run
from mattegate.cli.context import real_services
from mattegate.config.settings import Settings
from tests.cli.processes import ENVIRONMENT, Ended

SERVER = """
import sys
from pathlib import Path
from mattegate.config.settings import Settings
from mattegate.ledger.opening import open_books
from mattegate.ledger.protocols import Claim, Usage
with open_books(Settings(home=Path(sys.argv[1]))) as books:
    print("ready", flush=True)
    for line in sys.stdin:
        act, *words = line.split()
        if act == "key":
            stored = books.keyring.snapshot().keys.get(words[0])
            print(stored.view.state if stored else "none", flush=True)
        elif act == "deliver":
            request, identity, key, at = words
            snapshot = books.keyring.snapshot()
            tier = next(t for t in Settings().tiers if t.name == snapshot.keys[key].view.identity.tier)
            limits = tier.limits + snapshot.keys[key].view.identity.limits
            told = books.meter.claim(Claim(request, identity, key, float(at), limits, epoch=snapshot.epoch))
            assert told.reserved, told
            books.meter.settle(request, Usage(pixels=1_500_000, bytes_in=10, bytes_out=20, model="u2netp"), float(at))
            print("delivered", flush=True)
"""


@dataclass
class At:
    """A home, and the command line on it."""

    home: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: str | Path) -> Ended:
        """Run to the end."""
        line = ["--home", str(self.home), *map(str, words)]
        code = run(line, real_services())
        out, err = self.capsys.readouterr()
        return Ended(code, out, err)

    def told(self, *words: str | Path) -> Any:
        """What a command that must be done says with ``--json``."""
        ended = self(*words, "--json")
        assert ended.code == 0, ended.err
        return json.loads(ended.out)

    def key(self, name: str = "alice", *words: str) -> tuple[str, str]:
        """The id and the text of a new key; its identity is of the tier free where it is new."""
        made = self.told("keys", "create", "--name", name, "--tier", "free", *words)
        return made["id"], made["key"]

    @property
    def settings(self) -> Settings:
        """Of this home, all others by default."""
        return Settings(home=self.home)


@pytest.fixture
def at(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> At:
    """The command line on a home that is not there yet, with a second one as this user's own."""
    for name in list(ENVIRONMENT):
        if name.startswith("MATTEGATE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MATTEGATE_HOME", str(tmp_path / "usual"))
    monkeypatch.setenv("COLUMNS", "100")
    return At(tmp_path / "home", capsys)


@dataclass
class Server:
    """The other process."""

    process: subprocess.Popen[str]

    def ask(self, line: str) -> str:
        """One line there, one back."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


@contextmanager
def server_on(home: Path) -> Iterator[Server]:
    """A process that has the books of ``home`` open, as the one gate process does."""
    line = [sys.executable, "-c", SERVER, str(home)]
    process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        yield Server(process)
    finally:
        process.kill()
        process.communicate()
