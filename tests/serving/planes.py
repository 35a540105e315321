"""Both planes over one gate, in this process: over the in-memory parts, or over a real home."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from mattegate.assembly import build_admin, build_self_service, open_gate
from mattegate.config.settings import Settings
from mattegate.ledger.control import Control
from mattegate.ledger.desk import Desk
from mattegate.ledger.protocols import RecordBook
from mattegate.ledger.usage_book import UsageBook
from mattegate.serving.admin import AdminParts, create_admin_plane
from mattegate.serving.app import DataPlane
from mattegate.serving.feeding import feeding
from mattegate.serving.metrics import Metrics, Sources
from mattegate.serving.routes import NAMES
from mattegate.serving.self_service import self_service
from tests.serving.engines import EchoEngine
from tests.serving.gates import KEKS, memory_gate

ADMIN_URL = "http://127.0.0.1:8001"


@dataclass(frozen=True)
class Planes:
    """Clients of both planes, and the parts behind them."""

    api: TestClient
    admin: TestClient
    """Without a token."""
    token: str
    desk: Desk
    control: Control
    usage: UsageBook
    records: RecordBook

    @property
    def bearer(self) -> dict[str, str]:
        """The headers of an admin."""
        return {"Authorization": f"Bearer {self.token}"}

    def key(self, name: str = "alice", *, tier: str = "vip", scopes: tuple[str, ...] = ("*",), **options: Any) -> str:
        """A new key of an identity, which is made where it is missing."""
        row = self.control.identity(name) or self.desk.create_identity(name, tier=tier, scopes=scopes, actor="cli:test")
        return self.desk.create_key(row.view.id, actor="cli:test", **options).text

    def call(self, key: str, method: str, path: str, **options: Any) -> Any:
        """One request to the data plane with ``key``."""
        return self.api.request(method, path, headers={"Authorization": f"Bearer {key}"}, **options)

    def manage(self, method: str, path: str, **options: Any) -> Any:
        """One request to the admin plane by an admin."""
        headers = self.bearer | options.pop("headers", {})
        return self.admin.request(method, f"/admin/v1{path}", headers=headers, **options)


@contextmanager
def planes_in_memory(settings: Settings) -> Iterator[Planes]:
    """Over parts that leave nothing behind."""
    with memory_gate(settings, keks=KEKS) as gate, ThreadPoolExecutor(1) as thread, ExitStack() as stack:
        metrics = Metrics(version="0", routes=NAMES)
        extra = self_service(settings, gate.gatehouse, desk=gate.desk, rows=gate.control, usage=gate.usage)
        api = DataPlane(
            settings, EchoEngine(), gate.gatehouse, records=gate.records, standing=gate.usage.standing, extra=extra,
            observe=feeding(metrics),
        )  # fmt: skip
        admin = create_admin_plane(
            AdminParts(
                settings=settings, gatehouse=gate.gatehouse, desk=gate.desk, control=gate.control,
                keyring=gate.control, records=gate.records, usage=gate.usage, thread=thread, metrics=metrics,
            )
        )  # fmt: skip
        token = gate.desk.create_admin("root", actor="cli:test").text
        yield Planes(
            stack.enter_context(TestClient(api)),
            stack.enter_context(TestClient(admin, base_url=ADMIN_URL)),
            token, gate.desk, gate.control, gate.usage, gate.records,
        )  # fmt: skip


@contextmanager
def planes_at_home(settings: Settings) -> Iterator[Planes]:
    """Over the databases of a home, put together as the server does."""
    with open_gate(settings) as gate, ExitStack() as stack:
        books, engine = gate.books, EchoEngine()
        sources = Sources(engine=engine.status, records=books.records.status)
        metrics = Metrics(version="0", routes=NAMES, sources=sources)
        extra = build_self_service(settings, gate)
        api = DataPlane(
            settings, engine, gate.gatehouse, records=books.records, standing=books.usage.standing, extra=extra,
            observe=feeding(metrics),
        )  # fmt: skip
        admin = build_admin(settings, gate, metrics, sources=sources)
        assert admin is not None
        token = books.accounts.desk.create_admin("root", actor="cli:test").text
        yield Planes(
            stack.enter_context(TestClient(api)),
            stack.enter_context(TestClient(admin, base_url=ADMIN_URL)),
            token, books.accounts.desk, books.accounts.control, books.usage, books.records,
        )  # fmt: skip


@contextmanager
def planes_of(kind: str, home: Path, **settings: Any) -> Iterator[Planes]:
    """Both planes of a ``kind``: ``memory`` or ``home``."""
    made = Settings(home=home, **settings)
    with planes_in_memory(made) if kind == "memory" else planes_at_home(made) as planes:
        yield planes
