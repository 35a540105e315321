"""The API as a process, without inference: the product's gate, ledger and server over an engine that echoes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mattegate.config.settings import Settings
from mattegate.ledger.opening import open_accounts
from mattegate.ledger.protocols import Record
from mattegate.ledger.records_reading import RecordReader
from mattegate.vocabulary.rulebook import Limit

ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True)
class Api:
    """A running API and its home."""

    url: str
    home: Path

    def key(self, name: str, *limits: Limit, origins: tuple[str, ...] = ()) -> str:
        """A new key of a new identity, made beside the running server."""
        with open_accounts(Settings(home=self.home)) as accounts:
            identity = accounts.desk.create_identity(name, tier="vip", actor="cli:test", scopes=("*",))
            if limits:
                accounts.desk.update_identity(identity.view.id, actor="cli:test", limits=limits)
            return accounts.desk.create_key(identity.view.id, actor="cli:test", origins=origins).text

    def records(self, since: float) -> list[Record]:
        """What is on record since then, newest first."""
        with closing(RecordReader(Settings(home=self.home).ledger_dir, seal_key=None)) as reader:
            return [record for record in reader.recent(50) if record.at >= since]


@contextmanager
def serving(home: Path, *, echo: dict[str, Any] | None = None, **settings: dict[str, Any]) -> Iterator[Api]:
    """An API with these settings, one group a keyword; ``echo`` are the fields of its engine."""
    home.mkdir(exist_ok=True)
    config = home / "config.yaml"  # JSON is YAML
    config.write_text(json.dumps({"home": str(home)} | settings))
    command = [sys.executable, "-m", "tests.whole.run_api", str(config), json.dumps(echo or {})]
    with (
        (home / "log").open("w") as log,
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        try:
            assert url, (home / "log").read_text()
            yield Api(url, home)
        finally:
            process.terminate()
            process.wait(20)
