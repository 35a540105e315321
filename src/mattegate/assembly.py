"""The one composition root: settings in, working parts out. Nothing is decided here."""

from __future__ import annotations

import logging
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mattegate import __version__
from mattegate.config.faults import ConfigurationError, Fault
from mattegate.config.rulebook import build_rulebook
from mattegate.config.settings import Settings
from mattegate.cutout.engine.pool import WorkerPool
from mattegate.cutout.engine.protocol import Engine
from mattegate.cutout.models.library import ModelLibrary
from mattegate.vocabulary.facts import FactName

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from mattegate.ledger.opening import Books
    from mattegate.ledger.protocols import Keyring, Snapshot
    from mattegate.serving.endpoint import Answering
    from mattegate.serving.gatehouse import Gatehouse
    from mattegate.serving.metrics import Metrics, Sources
    from mattegate.serving.proving.authorizers import AuthorizerProver
    from mattegate.serving.proving.issuer_keys import IssuerKeys
    from mattegate.serving.proving.own_keys import OwnKeys
    from mattegate.serving.proving.prover import Prover
    from mattegate.serving.rulekeeper import RuleKeeper
    from mattegate.serving.server import Vitals
    from mattegate.serving.trust import TrustKeeper
    from mattegate.tasks.leaks import LeakWatch
    from mattegate.tasks.schedule import Scheduler

_LOG: Final = logging.getLogger("mattegate.gate")
_MOST_TOLD: Final = 200
"""Keys that are told one by one at the start."""
_MOST_NAMED: Final = 5
"""Identities that are named where many have the same trouble."""


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
    authorizers: AuthorizerProver
    token_keys: OwnKeys
    """What tokens of our own are signed and verified with."""
    issuer_keys: IssuerKeys
    """What tokens of others are verified with; to be closed in the event loop that asked for them."""
    trust: TrustKeeper | None = None
    """Whom client certificates are trusted from; ``None``: nobody is asked for one."""


@contextmanager
def open_gate(settings: Settings) -> Iterator[OpenGate]:
    """Open the books of ``settings.home`` and a gate over them; closed with the block.

    Raises :class:`~mattegate.config.faults.ConfigurationError`, ``Unavailable``, and ``Refusal`` ``admin.conflict``
    where another process has the home.
    """
    from mattegate.ledger.flood import MemoryFloodMeter  # noqa: PLC0415 - local cut-outs need no gate
    from mattegate.ledger.opening import open_books  # noqa: PLC0415
    from mattegate.outbound.configured import rules_of  # noqa: PLC0415
    from mattegate.serving.gatehouse import Gatehouse, GateParts  # noqa: PLC0415
    from mattegate.serving.proving.authorizers import AuthorizerProver  # noqa: PLC0415
    from mattegate.serving.proving.certificates import CertificateReader  # noqa: PLC0415
    from mattegate.serving.proving.issuer_keys import IssuerKeys  # noqa: PLC0415
    from mattegate.serving.proving.own_keys import OwnKeys  # noqa: PLC0415
    from mattegate.serving.rulekeeper import RuleKeeper  # noqa: PLC0415
    from mattegate.serving.trust import TrustKeeper  # noqa: PLC0415

    with ExitStack() as stack:
        books = stack.enter_context(open_books(settings, os.environ))
        thread = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="ledger"))
        rules, authorizers = RuleKeeper(settings, books.records.keep_rulebook), AuthorizerProver()
        authorizers.take(settings)
        trust = TrustKeeper.of(settings.certificates)
        token_keys = OwnKeys(books.accounts.secrets.token_seeds, started_at=time.time())
        issuer_keys = IssuerKeys(rules=rules_of(settings.outbound))
        parts = GateParts(
            rules=rules,
            keyring=books.keyring,
            peppers=books.accounts.secrets.peppers,
            meter=books.meter,
            flood=MemoryFloodMeter(),
            records=books.records,
            used_keys=books.used_keys,
            thread=thread,
            certificates=CertificateReader(trust) if trust else None,
            provers={**build_provers(settings, books, token_keys, issuer_keys), FactName.AUTHORIZER: authorizers},
        )
        yield OpenGate(Gatehouse(parts), rules, books, thread, authorizers, token_keys, issuer_keys, trust)


def build_provers(
    settings: Settings, books: Books, token_keys: OwnKeys, issuer_keys: IssuerKeys
) -> Mapping[FactName, Prover]:
    """Who judges the strong credentials."""
    from mattegate.serving.proving.certificates import CertificateProver  # noqa: PLC0415
    from mattegate.serving.proving.signatures import SignatureProver  # noqa: PLC0415
    from mattegate.serving.proving.tokens import TokenProver  # noqa: PLC0415

    return {
        FactName.TOKEN: TokenProver(token_keys, issuer_keys, gives=settings.tokens.enabled),
        FactName.SIGNATURE: SignatureProver(books.accounts.secrets.keks),
        FactName.CERTIFICATE: CertificateProver(),
    }


def serve(settings: Settings, *, on_ready: Callable[[str], None], reread: Callable[[], Settings]) -> None:
    """Serve until SIGTERM or SIGINT, then drain; blocks.

    ``on_ready`` is told the API's base URL once, when ``/ready`` answers 200. ``reread`` reads the configuration again
    at SIGHUP.

    Raises what :func:`open_gate` does, and :class:`~mattegate.config.faults.ConfigurationError` for an address that
    must not or cannot be listened on.
    """
    from mattegate.serving import access, app, routes, server  # noqa: PLC0415
    from mattegate.serving.echo import Echo  # noqa: PLC0415
    from mattegate.serving.feeding import each, feeding, telling_leaks  # noqa: PLC0415
    from mattegate.serving.metrics import Metrics  # noqa: PLC0415
    from mattegate.serving.reload import Rereading, on_hangup  # noqa: PLC0415
    from mattegate.tasks.leaks import LeakWatch  # noqa: PLC0415

    with ExitStack() as stack:
        log = stack.enter_context(closing(access.open_access_log(settings.log.file)))
        stack.callback(access.send_lines_to, access.send_lines_to(log))
        gate = stack.enter_context(open_gate(settings))
        tell_keys(gate.books.keyring, settings.ledger_dir)
        tell_missing_tiers(gate.books.keyring.snapshot(), settings)
        rereading = Rereading(
            settings, reread, partial(_apply, gate), lambda names: gate.thread.submit(_audit, gate, names)
        )
        leaks = LeakWatch(gate.books.keyring, gate.books.accounts.control)
        scheduler = build_scheduler(settings, gate, leaks)
        vitals, engine, library = server.Vitals(), build_engine(settings), ModelLibrary(settings)
        sources = build_sources(settings, gate, engine, vitals)
        metrics = Metrics(version=__version__, routes=routes.NAMES, sources=sources)
        api = app.DataPlane(
            settings,
            engine,
            gate.gatehouse,
            records=gate.books.records,
            standing=gate.books.usage.standing,
            models=library.offered,
            proper_name=library.proper_name,
            echo=Echo(gate.books.tickets, prefix=settings.server.prefix, key_prefixes=key_prefixes(settings)),
            companions=(scheduler.run, lambda: on_hangup(log.reopen, rereading)),
            closing=(gate.issuer_keys.aclose,),
            extra=build_self_service(settings, gate),
            observe=each(feeding(metrics), telling_leaks(leaks.note)),
        )
        admin = build_admin(settings, gate, metrics, sources=sources, scheduler=scheduler)
        server.serve(
            api,
            settings,
            admin=admin,
            vitals=vitals,
            trust=gate.trust,
            new_id=gate.books.records.sealed_id,
            on_admin=partial(_LOG.info, "admin plane at %s"),
            on_ready=on_ready,
        )


def build_self_service(settings: Settings, gate: OpenGate) -> Mapping[str, Answering]:
    """What callers may do about themselves, and the tokens that they may get."""
    from mattegate.serving.oauth.build import token_endpoints  # noqa: PLC0415
    from mattegate.serving.proving.keys import KeyProver  # noqa: PLC0415
    from mattegate.serving.self_service import self_service  # noqa: PLC0415

    books = gate.books
    prover = KeyProver(books.accounts.secrets.peppers)
    own = self_service(
        settings, gate.gatehouse, desk=books.accounts.desk, rows=books.accounts.control, usage=books.usage
    )  # fmt: skip
    return {**own, **token_endpoints(settings, gate.gatehouse, keys=gate.token_keys, prover=prover)}


def build_sources(settings: Settings, gate: OpenGate, engine: Engine, vitals: Vitals) -> Sources:
    """Who is asked how the parts stand."""
    from mattegate.serving.metrics import LimitsStatus, Sources  # noqa: PLC0415

    def limits() -> LimitsStatus:
        state = gate.books.store.state() if gate.books.store else None
        lost = state is not None and state.state == "open"
        return LimitsStatus(settings.limits.store, up=not lost, local=lost and settings.limits.on_loss == "local")

    return Sources(engine.status, gate.books.records.status, limits, lambda: vitals.refused_before_asgi)


def build_admin(
    settings: Settings, gate: OpenGate, metrics: Metrics, *, sources: Sources, scheduler: Scheduler | None = None
) -> ASGIApp | None:
    """The admin plane; ``None`` where there is to be none.

    Raises :class:`~mattegate.config.faults.ConfigurationError` for a name in ``admin.hosts`` that is none.
    """
    if not settings.admin.enabled:
        return None
    from mattegate.serving.admin import AdminParts, create_admin_plane  # noqa: PLC0415 - the whole of FastAPI

    books = gate.books
    parts = AdminParts(
        settings=settings,
        gatehouse=gate.gatehouse,
        desk=books.accounts.desk,
        control=books.accounts.control,
        keyring=books.keyring,
        records=books.records,
        usage=books.usage,
        thread=gate.thread,
        metrics=metrics,
        sources=sources,
        tasks=partial(_task_states, scheduler) if scheduler else None,
    )
    try:
        return create_admin_plane(parts)
    except ValueError as error:
        raise ConfigurationError([Fault("admin.hosts", "serve", str(error))]) from None


def _task_states(scheduler: Scheduler) -> list[dict[str, Any]]:
    return [asdict(status) for status in scheduler.status()]


def build_scheduler(settings: Settings, gate: OpenGate, leaks: LeakWatch) -> Scheduler:
    """Everything that is done again and again, and where its notices go.

    Raises :class:`~mattegate.config.faults.ConfigurationError` for notices that cannot be sent as they are set.
    """
    from mattegate.outbound.channels import open_channels  # noqa: PLC0415
    from mattegate.outbound.configured import rules_of  # noqa: PLC0415
    from mattegate.outbound.dispatch import Dispatcher  # noqa: PLC0415
    from mattegate.outbound.posting import HttpPost  # noqa: PLC0415
    from mattegate.tasks.build import standing_tasks  # noqa: PLC0415
    from mattegate.tasks.schedule import Scheduler  # noqa: PLC0415

    secrets_file = settings.secrets_dir / "webhook"
    post = HttpPost(rules=rules_of(settings.outbound))
    try:
        channels = open_channels(settings.notices, secrets_file=secrets_file, post=post, source="/mattegate")
    except ValueError as error:
        raise ConfigurationError([Fault("notices", "serve", str(error))]) from None
    books = gate.books
    if dropped := books.notices.keep_only([channel.name for channel in channels]):
        _LOG.warning("%d notices dropped: the channels they waited for are no longer set", dropped)
    tasks = standing_tasks(
        settings,
        accounts=books.accounts.control,
        uses=books.used_keys,
        leases=books.meter,
        quotas=books.usage,
        limits_of=gate.gatehouse.limits_of,
        records=books.records,
        leaks=leaks,
        dispatcher=Dispatcher(channels, books.notices),
        store=books.store,
        executor=gate.thread,
    )
    return Scheduler(tasks)


def tell_keys(keyring: Keyring, folder: Path) -> None:
    """Say at the start which keys are known, by their ids, and where they are: the first thing to look for."""
    snapshot = keyring.snapshot()
    for key in list(snapshot.keys.values())[:_MOST_TOLD]:
        _LOG.info("api key loaded: %s (%s)", key.view.id, key.view.state)
    _LOG.info("auth initialized: %d API keys, from %s and the configuration", len(snapshot.keys), folder)
    if not snapshot.keys:
        _LOG.warning(
            "there is no API key, so every cut-out is refused; make one: mattegate keys create --name NAME --tier free"
        )


def tell_missing_tiers(snapshot: Snapshot, settings: Settings) -> None:
    """Warn of identities whose tier was renamed or taken away under them: all of their requests are refused."""
    there = {tier.name for tier in settings.tiers}
    left: defaultdict[str, list[str]] = defaultdict(list)
    for identity in snapshot.identities.values():
        if identity.tier not in there:
            left[identity.tier].append(identity.name)
    for tier, names in left.items():
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        _LOG.warning(
            "the tier %r is not in the configuration, so every request of the identities that have it is refused with "
            "503: %s%s; name it again, or move them: mattegate identities update NAME --tier TIER",
            *(tier, ", ".join(sorted(names)[:_MOST_NAMED]), more),
        )


def key_prefixes(settings: Settings) -> tuple[str, ...]:
    """How keys of this server begin."""
    return settings.keys.prefix_prod, settings.keys.prefix_test


def _audit(gate: OpenGate, changed: Sequence[str]) -> None:
    """Write down that settings changed while the server ran."""
    from mattegate.ledger.control import note  # noqa: PLC0415
    from mattegate.ledger.protocols import Unavailable  # noqa: PLC0415

    control, told = gate.books.accounts.control, ", ".join(changed)
    try:
        note(control, "config.reread", "configuration", {"settings": told}, actor="task:hangup", at=time.time())
    except Unavailable as error:
        _LOG.error("the audit log does not hold that these settings changed: %s: %s", told, error)


def _apply(gate: OpenGate, settings: Settings) -> None:
    snapshot = gate.books.keyring.snapshot()  # which may be unavailable, and then nothing has changed yet
    gate.authorizers.take(settings)  # before the rules that name it
    gate.rules.change(settings)
    rules = build_rulebook(settings).credential
    gate.books.keyring.list_keys(settings.api_keys, tier=settings.keys.import_tier, rules=rules)
    tell_missing_tiers(snapshot, settings)
