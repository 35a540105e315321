"""What tests of the control store share: both stores, a desk with a clock that stands still, and child processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mattegate.ledger.control import Control
from mattegate.ledger.desk import Desk
from mattegate.vocabulary.rulebook import CredentialRules
from mattegate.vocabulary.secrets import Pepper, Peppers

NOW = 1_750_000_000.0
PEPPER = Pepper(1, b"p" * 32)
TIERS = ("free", "enterprise", "vip")


@dataclass
class Clock:
    """Stands still until it is set."""

    now: float = NOW

    def __call__(self) -> float:
        """The time, in Unix seconds."""
        return self.now


@dataclass
class Office:
    """A store with a desk in front of it."""

    control: Control
    clock: Clock = field(default_factory=Clock)
    peppers: Peppers = field(default_factory=lambda: Peppers((PEPPER,)))
    rules: CredentialRules = field(default_factory=CredentialRules)
    entropy: Callable[[int], bytes] = os.urandom

    @property
    def desk(self) -> Desk:
        """A desk with what is set now."""
        return Desk(
            self.control,
            peppers=self.peppers,
            rules=self.rules,
            tiers=TIERS,
            clock=self.clock,
            entropy=self.entropy,
        )


@contextmanager
def child(program: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A Python process of its own, killed by its id at the end if it still runs."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()


def bytes_on_disk(directory: Path) -> bytes:
    """Everything in every file, one after the other. Close databases of this process first."""
    return b"".join(path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file())
