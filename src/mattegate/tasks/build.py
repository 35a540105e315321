"""All that is done again and again, in one list."""

from __future__ import annotations

from concurrent.futures import Executor
from functools import partial
from typing import Final, Protocol

from mattegate.config.settings import Settings
from mattegate.outbound.dispatch import Dispatcher
from mattegate.tasks.certificate import CertificateWatch
from mattegate.tasks.leaks import LeakWatch
from mattegate.tasks.lifetimes import DAY
from mattegate.tasks.limits_store import StoreWatch, Watched
from mattegate.tasks.quotas import Identities, LimitsOf, QuotaBook, tell_quotas
from mattegate.tasks.reminders import RemindedKeys, remind_owners
from mattegate.tasks.schedule import Task, in_thread
from mattegate.tasks.unused import UnusedKeys, disable_unused

MINUTE: Final = 60.0
HOUR: Final = 3_600.0


class Accounts(RemindedKeys, UnusedKeys, Identities, Protocol):
    """The store of identities and keys."""


class Uses(Protocol):
    """Last uses of keys, noted in memory."""

    def flush(self) -> int:
        """Write them; returns how many keys."""


class Leases(Protocol):
    """Reservations that nobody settled."""

    def sweep(self, at: float) -> int:
        """Release those whose lease is over; returns how many."""


class Retention(Protocol):
    """Records of decisions."""

    def prune(self, before: float) -> int:
        """Delete what is older; returns how many went."""


def standing_tasks(
    settings: Settings, *, accounts: Accounts, uses: Uses, leases: Leases, quotas: QuotaBook, limits_of: LimitsOf,
    records: Retention, leaks: LeakWatch, dispatcher: Dispatcher, store: Watched | None = None,
    executor: Executor | None = None,
) -> tuple[Task, ...]:  # fmt: skip
    """Every task of a server. What touches a store runs in ``executor``, or in the event loop's own threads.

    ``store``: the limits' store where it may be lost apart from this machine.
    """
    keys, tell = settings.keys, dispatcher.keep
    remind = partial(remind_owners, store=accounts, settings=keys, tell=tell)
    disable = partial(disable_unused, store=accounts, settings=keys, write_uses=uses.flush, tell=tell)
    near = partial(
        tell_quotas, identities=accounts, book=quotas, limits_of=limits_of, near=settings.limits.near, tell=tell
    )

    return (
        Task("leases", MINUTE / 2, in_thread(leases.sweep, executor)),
        Task("last-used", MINUTE, in_thread(lambda _: uses.flush(), executor)),
        Task("quotas", 5 * MINUTE, in_thread(near, executor)),
        Task("reminders", DAY, in_thread(remind, executor)),
        Task("unused-keys", DAY, in_thread(disable, executor)),
        Task("records", HOUR, in_thread(lambda now: records.prune(now - settings.records.days * DAY), executor)),
        Task("leaked-keys", MINUTE, in_thread(partial(leaks.tell_all, tell=tell), executor)),
        *_limits_store(store, dispatcher, executor),
        *_certificate(settings, dispatcher, executor),
        Task("notices", 5, dispatcher.run_due, jitter=0),
    )


def _limits_store(store: Watched | None, dispatcher: Dispatcher, executor: Executor | None) -> tuple[Task, ...]:
    if store is None:
        return ()
    return (Task("limits-store", MINUTE / 4, in_thread(StoreWatch(store, dispatcher.keep), executor), jitter=0),)


def _certificate(settings: Settings, dispatcher: Dispatcher, executor: Executor | None) -> tuple[Task, ...]:
    if settings.server.tls_certificate is None:
        return ()
    watch = CertificateWatch(settings.server.tls_certificate, dispatcher.keep)
    return (Task("certificate", DAY / 4, in_thread(watch, executor)),)
