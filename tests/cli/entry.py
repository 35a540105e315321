"""The real command line over a scripted engine, as a process of its own: ``python -m tests.cli.entry SCRIPT ARGS…``.

SCRIPT is JSON: ``seconds`` an image takes, ``begun`` a file to make when the first begins, ``workers``, ``refuse`` with
the name of a reason for every image, ``crash`` for a bug in the product. A server says it is ready and returns.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from mattegate.cli.app import run
from mattegate.cli.context import Services
from mattegate.config.settings import Settings
from mattegate.cutout.engine.protocol import Engine, Job
from mattegate.vocabulary.refusal import Refusal
from tests.cutout.files.engines import ScriptedEngine

FACTS = {"model": "u2netp", "path": "/home/models/u2netp.onnx", "licence": "MIT", "licence_id": "MIT"}


def services(script: dict[str, object]) -> Services:
    """What the script says, as parts of the product."""

    def refusing(job: Job) -> Refusal | None:
        if script.get("crash"):
            raise ZeroDivisionError("a bug")
        return Refusal(str(script["refuse"]), **FACTS) if "refuse" in script else None

    def seconds(job: Job) -> float:
        if "begun" in script:
            Path(str(script["begun"])).touch()
        return float(str(script.get("seconds", 0)))

    def build_engine(settings: Settings) -> Engine:
        return ScriptedEngine(int(str(script.get("workers", 1))), seconds, refusing)

    def serve(settings: Settings, *, on_ready: Callable[[str], None], reread: Callable[[], Settings]) -> None:
        on_ready(f"http://{settings.server.host}:{settings.server.port}")

    return Services(build_engine, serve)


if __name__ == "__main__":
    sys.exit(run(sys.argv[2:], services(json.loads(sys.argv[1]))))
