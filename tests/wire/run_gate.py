"""A real gate over a real home: ``python -m tests.wire.run_gate SETTINGS ENGINE`` (both JSON) prints its address."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

from mattegate.assembly import build_self_service, open_gate
from mattegate.config.settings import Settings
from mattegate.serving.app import DataPlane
from mattegate.serving.server import serve
from mattegate.vocabulary.rulebook import Limit, Tier
from tests.serving.engines import EchoEngine

_ELSEWHERE = frozenset({"home", "tiers"})


def settings_of(given: dict[str, Any]) -> Settings:
    """The settings that plain JSON values stand for: sections by name, and ``home`` and ``tiers``."""
    defaults = Settings()
    tiers = tuple(
        Tier(name, tuple(Limit(**limit) for limit in limits)) for name, limits in given.get("tiers", {}).items()
    )
    sections = {"server": {"port": 0}} | {name: part for name, part in given.items() if name not in _ELSEWHERE}
    parts = {name: type(getattr(defaults, name))(**_frozen(part)) for name, part in sections.items()}
    return Settings(home=Path(given["home"]), tiers=(*defaults.tiers, *tiers), **parts)


def _frozen(part: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in part.items()}


def main() -> None:
    """Serve with what the arguments say."""
    given = json.loads(sys.argv[1])
    settings = settings_of(given)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s %(message)s")
    with open_gate(settings) as gate:
        app = DataPlane(
            settings,
            EchoEngine(**json.loads(sys.argv[2])),
            gate.gatehouse,
            records=gate.books.records,
            standing=gate.books.usage.standing,
            extra=build_self_service(settings, gate),
            models=lambda: ("u2netp", "isnet-general-use"),
        )
        sealed_id = gate.books.records.sealed_id
        serve(app, settings, new_id=sealed_id, on_bound=lambda url: print(url, flush=True))


if __name__ == "__main__":
    main()
