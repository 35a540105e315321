"""The books of a home as commands open them: beside a running server, and without its lock.

Commands that only read make nothing: a home that has no ledger yet reads as an empty one, so that a mistyped ``--home``
leaves no trace. A store that is down becomes a refusal here, for every command alike.
"""

from __future__ import annotations

import os
import pwd
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

from mattegate.config.settings import Settings
from mattegate.ledger.control import Control, note
from mattegate.ledger.control_memory import MemoryControl
from mattegate.ledger.control_sqlite import FILE, SqliteControl
from mattegate.ledger.opening import USAGE_FILE, Accounts, open_accounts, open_usage
from mattegate.ledger.protocols import Unavailable
from mattegate.ledger.usage_book import UsageBook
from mattegate.ledger.usage_database import UsageDatabase
from mattegate.vocabulary.facts import Plain
from mattegate.vocabulary.refusal import Refusal


def actor() -> str:
    """Who acts: ``cli:USER``, by the process's user and not by what the environment says."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    return "cli:" + re.sub(r"[^!-~]", "_", name)[:100]


@contextmanager
def told() -> Iterator[None]:
    """A store that cannot answer becomes ``dependency.*``, with the operator's word for it."""
    try:
        yield
    except Unavailable as error:
        raise Refusal(f"dependency.{error.dependency}", problem=error.problem) from error


@contextmanager
def changing(settings: Settings) -> Iterator[Accounts]:
    """Identities, keys and admins, to be changed. A new home gets its secrets here.

    Raises ``ConfigurationError`` and :class:`Refusal`.
    """
    with told(), open_accounts(settings, os.environ) as accounts:
        yield accounts


def note_act(settings: Settings, act: str, subject: str, details: Mapping[str, Plain]) -> None:
    """Write what this command did into the audit log, where it changed no identity, key or admin.

    Raises :class:`Refusal`.
    """
    with told(), closing(SqliteControl(settings.ledger_dir)) as control:
        note(control, act, subject, details, actor=actor(), at=time.time())


@contextmanager
def reading(settings: Settings) -> Iterator[Control]:
    """Identities, keys and admins, to be read; needs no secret. Raises :class:`Refusal`."""
    with told():
        if not (settings.ledger_dir / FILE).exists():
            yield MemoryControl()
            return
        with closing(SqliteControl(settings.ledger_dir)) as control:
            yield control


@contextmanager
def reading_usage(settings: Settings) -> Iterator[UsageBook]:
    """The usage book, to be read. Raises :class:`Refusal`."""
    if not (settings.ledger_dir / USAGE_FILE).exists():
        with told(), closing(UsageDatabase(None)) as database:
            yield UsageBook(database)
        return
    with told(), open_usage(settings) as (_, book):
        yield book
