"""Tickets for one look at the echo: minted by the command line, taken by the server, once and for a few minutes.

One file for each ticket, named by the ticket's digest, so that nobody who reads the folder holds a ticket. Taking one
is removing its file, which the file system grants to exactly one process.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mattegate.ledger.protocols import Unavailable

LIFETIME_S: Final = 300.0
"""How long a ticket may be used at most."""
TICKET: Final = re.compile(r"[A-Za-z0-9_-]{32}")
"""What a ticket looks like: 192 random bits."""

_BYTES: Final = 24
_FOLDER: Final = "tickets"


@dataclass(frozen=True, slots=True)
class Minted:
    """A fresh ticket; it exists only here and with whoever it is given to."""

    ticket: str
    expires_at: float
    """Unix seconds."""

    def __repr__(self) -> str:
        return f"Minted(expires_at={self.expires_at!r})"


class TicketBox:
    """The tickets of one home, shared by its processes through the file system."""

    def __init__(self, home: Path) -> None:
        self._folder = home / _FOLDER

    def mint(self, at: float, *, lifetime_s: float = LIFETIME_S) -> Minted:
        """Make a ticket that is good from ``at`` (Unix seconds) for ``lifetime_s``, which is cut to ``LIFETIME_S``.

        Raises :class:`~mattegate.ledger.protocols.Unavailable` where the home cannot be written.
        """
        minted = Minted(secrets.token_urlsafe(_BYTES), at + min(lifetime_s, LIFETIME_S))
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.sweep(at)
            self._put(minted, at)
        except OSError as error:
            raise _unavailable(error) from error
        return minted

    def consume(self, ticket: str, at: float) -> bool:
        """Take a ticket out for ever; whether it was there and good at ``at``. Of several takers one succeeds.

        Raises :class:`~mattegate.ledger.protocols.Unavailable` where the ticket is there but cannot be taken.
        """
        if not TICKET.fullmatch(ticket):
            return False
        path = self._folder / _digest(ticket)
        try:
            times = path.read_bytes()
            path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _unavailable(error) from error
        return _is_good(times, at)

    def sweep(self, at: float) -> int:
        """Remove what has expired, or comes from a clock that has been turned back; returns how many."""
        removed = 0
        for path in self._folder.iterdir():
            try:
                times = path.read_bytes()
                if times and not _is_good(times, at):  # an empty one is being written just now
                    path.unlink()
                    removed += 1
            except FileNotFoundError:
                continue  # somebody else took or removed it in this moment
        return removed

    def _put(self, minted: Minted, at: float) -> None:
        """Nobody looks for the file before it is whole: the ticket is not told until then."""
        path = self._folder / _digest(minted.ticket)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(json.dumps([at, minted.expires_at]).encode())
        except OSError:
            path.unlink(missing_ok=True)
            raise


def _digest(ticket: str) -> str:
    return hashlib.sha256(b"mattegate echo ticket\0" + ticket.encode()).hexdigest()


def _is_good(times: bytes, at: float) -> bool:
    try:
        begins, ends = (float(each) for each in json.loads(times))
    except (ValueError, TypeError):
        return False  # torn by a power cut
    return begins <= at < ends <= begins + LIFETIME_S


def _unavailable(error: OSError) -> Unavailable:
    return Unavailable("ledger", f"tickets: {error.strerror or error}: {error.filename or ''}")
