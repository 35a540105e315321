"""Opening the books of one home: secrets, keys, usage, records; each is closed again whatever happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

from mattegate.config.faults import ConfigurationError, Fault
from mattegate.config.rulebook import build_rulebook
from mattegate.config.secret_purposes import Purpose
from mattegate.config.secrets import Secrets, create_secrets, load_secrets
from mattegate.config.settings import MB, LimitSettings, Settings
from mattegate.ledger.configured import ConfiguredKeyring, with_configured
from mattegate.ledger.control_sqlite import FILE, SqliteControl
from mattegate.ledger.desk import Desk
from mattegate.ledger.home_lock import lock_home
from mattegate.ledger.last_used import LastUsed
from mattegate.ledger.limits_elsewhere import ElsewhereLimitStore
from mattegate.ledger.limits_fallback import FallbackLimitStore
from mattegate.ledger.limits_memory import MemoryLimitStore
from mattegate.ledger.meter_sqlite import SqliteMeter
from mattegate.ledger.migrations import SIGNING_SINCE, version_of
from mattegate.ledger.notices_sqlite import SqliteOutbox
from mattegate.ledger.protocols import LimitStore
from mattegate.ledger.records import Records
from mattegate.ledger.secrets_renewal import RenewingKeyring
from mattegate.ledger.tickets import TicketBox
from mattegate.ledger.usage_book import UsageBook
from mattegate.ledger.usage_database import UsageDatabase

USAGE_FILE = "usage.db"

_NO_ENVIRONMENT: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Accounts:
    """Who may come in: what the command line needs beside a running server."""

    control: SqliteControl
    desk: Desk
    secrets: Secrets


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that the one gate process of a home keeps."""

    accounts: Accounts
    keyring: ConfiguredKeyring
    """The stored keys and those listed in the configuration."""
    database: UsageDatabase
    meter: SqliteMeter
    usage: UsageBook
    store: FallbackLimitStore | None
    """The limits' store where it is another machine's."""
    records: Records
    used_keys: LastUsed
    tickets: TicketBox
    notices: SqliteOutbox
    """Letters that wait to be sent."""


def secrets_of(settings: Settings, environ: Mapping[str, str] = _NO_ENVIRONMENT) -> Secrets:
    """The secrets of a home; one without a ledger gets new ones, and so does a ledger from before a secret's time.

    Raises :class:`~mattegate.config.faults.ConfigurationError` where a ledger rests on one that is gone.
    """
    ledger = settings.ledger_dir / FILE
    if not ledger.exists():
        create_secrets(settings.secrets_dir, environ)
    elif settings.secrets_dir.is_dir() and version_of(ledger) < SIGNING_SINCE:
        create_secrets(settings.secrets_dir, environ, purposes=(Purpose.KEK, Purpose.TOKEN))
    return load_secrets(settings.secrets_dir, environ)


@contextmanager
def open_accounts(settings: Settings, environ: Mapping[str, str] = _NO_ENVIRONMENT) -> Iterator[Accounts]:
    """Identities, keys and admins of a home, also while a server runs on it.

    Raises :class:`~mattegate.config.faults.ConfigurationError`, ``Unavailable``, and ``Refusal`` ``home.newer``.
    """
    secrets = secrets_of(settings, environ)
    rules = build_rulebook(settings).credential
    tiers = frozenset(tier.name for tier in settings.tiers)
    with closing(SqliteControl(settings.ledger_dir)) as control:
        desk = Desk(control, peppers=secrets.peppers, keks=secrets.keks, rules=rules, tiers=tiers)
        yield Accounts(control, desk, secrets)


@contextmanager
def open_usage(settings: Settings) -> Iterator[tuple[UsageDatabase, UsageBook]]:
    """The usage book of a home, also while a server runs on it: to read it, and to book credits.

    Limits that only the server's memory counts are ``Unavailable`` here. Raises ``Unavailable``.
    """
    in_server = settings.limits.store == "memory"
    store = ElsewhereLimitStore() if in_server else _limit_store(replace(settings.limits, on_loss="refuse"))
    with closing(UsageDatabase(settings.ledger_dir / USAGE_FILE)) as database:
        yield database, UsageBook(database, store=store)


@contextmanager
def _writable(home: Path) -> Iterator[None]:
    """A home that nothing can be written into is a fault of the configuration, and told as one."""
    try:
        yield
    except OSError as error:
        problem = f"nothing can be written there: {error.strerror}"
        raise ConfigurationError([Fault("home", str(home), problem, fix="another one is named by --home")]) from error


@contextmanager
def open_books(settings: Settings, environ: Mapping[str, str] = _NO_ENVIRONMENT) -> Iterator[Books]:
    """Everything, for this process alone.

    Raises what :func:`open_accounts` does, and ``Refusal`` ``admin.conflict`` where another process has it.
    """
    folder = settings.ledger_dir
    with ExitStack() as stack:
        with _writable(settings.home):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        secrets_of(settings, environ)  # before anything else lies in the folder
        with _writable(settings.home):
            stack.enter_context(lock_home(settings.home))
        accounts = stack.enter_context(open_accounts(settings, environ))
        database = stack.enter_context(closing(UsageDatabase(folder / USAGE_FILE, control=folder / FILE)))
        store = _limit_store(settings.limits)
        records = stack.enter_context(closing(_records(settings, folder, accounts.secrets)))
        records.start()
        notices = stack.enter_context(closing(SqliteOutbox(folder)))
        used_keys = LastUsed(accounts.control)
        stack.callback(used_keys.flush)
        meter = SqliteMeter(database, store=store)
        meter.recover(time.time())  # the lock is ours, so whoever reserved is dead
        yield Books(
            accounts=accounts,
            keyring=_keyring(settings, accounts, partial(load_secrets, settings.secrets_dir, environ)),
            database=database,
            meter=meter,
            usage=UsageBook(database, store=store),
            store=store if isinstance(store, FallbackLimitStore) else None,
            records=records,
            used_keys=used_keys,
            tickets=TicketBox(settings.home),
            notices=notices,
        )


def _keyring(settings: Settings, accounts: Accounts, read: Callable[[], Secrets]) -> ConfiguredKeyring:
    return with_configured(
        RenewingKeyring(accounts.control, accounts.secrets, read),
        settings.api_keys,
        tier=settings.keys.import_tier,
        peppers=accounts.secrets.peppers,
        rules=build_rulebook(settings).credential,
    )


def _records(settings: Settings, folder: Path, secrets: Secrets) -> Records:
    return Records(folder, seal_key=secrets.seal_key, unproven_bytes=settings.records.unproven_mb * MB)


def _limit_store(limits: LimitSettings) -> LimitStore | None:
    """Where limits are counted; ``None``: in the usage book itself, in one transaction with the reservation."""
    if limits.store == "memory":
        return MemoryLimitStore()
    if limits.store == "redis":
        from mattegate.ledger.limits_redis import RedisLimitStore  # noqa: PLC0415 - the extra 'redis'

        store = RedisLimitStore(limits.redis_url, timeout_s=limits.timeout_ms / 1000)
        return FallbackLimitStore(store, on_loss="local" if limits.on_loss == "local" else "refuse")
    return None
