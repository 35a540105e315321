"""Both planes as a real server over a home: ``python -m tests.serving.run_planes HOME`` prints what a tester needs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mattegate.assembly import OpenGate, build_admin, build_self_service, open_gate
from mattegate.config.settings import AdminSettings, ServerSettings, Settings
from mattegate.serving.app import DataPlane
from mattegate.serving.feeding import feeding
from mattegate.serving.metrics import Metrics, Sources
from mattegate.serving.routes import NAMES
from mattegate.serving.server import serve
from tests.serving.engines import EchoEngine


def main() -> None:
    """Serve until told to stop."""
    settings = Settings(home=Path(sys.argv[1]), server=ServerSettings(port=0), admin=AdminSettings(port=0))
    with open_gate(settings) as gate:
        engine = EchoEngine()
        sources = Sources(engine=engine.status, records=gate.books.records.status)
        metrics = Metrics(version="0", routes=NAMES, sources=sources)
        api = DataPlane(
            settings, engine, gate.gatehouse, records=gate.books.records, standing=gate.books.usage.standing,
            extra=build_self_service(settings, gate), observe=feeding(metrics),
        )  # fmt: skip
        told = _credentials(gate)
        serve(
            api, settings, admin=build_admin(settings, gate, metrics, sources=sources),
            on_admin=lambda url: told.update(admin=url),
            on_ready=lambda url: print(json.dumps(told | {"api": url}), flush=True),
        )  # fmt: skip


def _credentials(gate: OpenGate) -> dict[str, str]:
    """A key of each kind, and a token."""
    desk = gate.books.accounts.desk
    told = {}
    for tier in ("free", "vip"):
        desk.create_identity(tier, tier=tier, scopes=("*",), actor="cli:test")
        told[tier] = desk.create_key(tier, actor="cli:test").text
    desk.create_identity("spare", tier="free", actor="cli:test")
    spare = {"identity": "spare", "key_id": desk.create_key("vip", actor="cli:test").id}
    return told | spare | {"token": desk.create_admin("root", actor="cli:test").text}


if __name__ == "__main__":
    main()
