"""The one composition root: settings in, working parts out. Nothing is decided here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mattegate.config.settings import Settings
from mattegate.cutout.engine.pool import WorkerPool
from mattegate.cutout.engine.protocol import Engine
from mattegate.cutout.models.library import ModelLibrary

if TYPE_CHECKING:
    from mattegate.ledger.opening import Books
    from mattegate.serving.gatehouse import Gatehouse
    from mattegate.serving.rulekeeper import RuleKeeper


def build_engine(settings: Settings) -> Engine:
    """The engine of worker processes; started by its user."""
    return WorkerPool(settings)


@dataclass(frozen=True, slots=True)
class OpenGate:
    """A gate over the books of a home."""

    gatehouse: Gatehouse
    rules: RuleKeeper
    books: Books
    thread: ThreadPoolExecutor
    """The ledger's."""


@contextmanager
def open_gate(settings: Settings) -> Iterator[OpenGate]:
    """Open the books of ``settings.home`` and a gate over them; closed with the block.

    Raises :class:`~mattegate.config.faults.ConfigurationError`, ``Unavailable``, and ``Refusal`` ``admin.conflict``
    where another process has the home.
    """
    from mattegate.ledger.flood import MemoryFloodMeter  # noqa: PLC0415 - local cut-outs need no gate
    from mattegate.ledger.opening import open_books  # noqa: PLC0415
    from mattegate.serving.gatehouse import Gatehouse, GateParts  # noqa: PLC0415
    from mattegate.serving.rulekeeper import RuleKeeper  # noqa: PLC0415

    with ExitStack() as stack:
        books = stack.enter_context(open_books(settings, os.environ))
        thread = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="ledger"))
        rules = RuleKeeper(settings, books.records.keep_rulebook)
        parts = GateParts(
            rules=rules,
            keyring=books.keyring,
            peppers=books.accounts.secrets.peppers,
            meter=books.meter,
            flood=MemoryFloodMeter(),
            records=books.records,
            used_keys=books.used_keys,
            thread=thread,
        )
        yield OpenGate(Gatehouse(parts), rules, books, thread)


def serve(settings: Settings, *, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT, then drain; blocks.

    ``on_ready`` is told the API's base URL once, when ``/ready`` answers 200.

    Raises what :func:`open_gate` does, and :class:`~mattegate.config.faults.ConfigurationError` for an address that
    must not or cannot be listened on.
    """
    from mattegate.serving import app, server  # noqa: PLC0415

    with open_gate(settings) as gate:
        api = app.DataPlane(
            settings,
            build_engine(settings),
            gate.gatehouse,
            records=gate.books.records,
            standing=gate.books.usage.standing,
            models=ModelLibrary(settings).offered,
        )
        server.serve(api, settings, on_ready=on_ready)
