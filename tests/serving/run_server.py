"""A real server process: ``python -m tests.serving.run_server SETTINGS ENGINE`` (both JSON) prints its address."""

from __future__ import annotations

import json
import logging
import resource
import sys

from mattegate.config.settings import EngineSettings, KeySettings, ServerSettings, Settings, UploadSettings
from mattegate.serving.app import DataPlane
from mattegate.serving.server import serve
from tests.serving.engines import EchoEngine
from tests.serving.gates import memory_gate


def main() -> None:
    """Serve with what the arguments say."""
    given = json.loads(sys.argv[1])
    if files := given.get("files"):
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    settings = Settings(
        upload=UploadSettings(**given.get("upload", {})),
        engine=EngineSettings(**given.get("engine", {})),
        server=ServerSettings(**{"port": 0} | given.get("server", {})),
        keys=KeySettings(unsafe_anonymous="vip"),
    )
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s %(message)s")
    engine = EchoEngine(**json.loads(sys.argv[2]))
    with memory_gate(settings) as gate:
        app = DataPlane(
            settings,
            engine,
            gate.gatehouse,
            records=gate.records,
            standing=gate.usage.standing,
            models=lambda: ("u2netp", "isnet-general-use"),
        )
        serve(app, settings, on_bound=lambda url: print(url, flush=True))


if __name__ == "__main__":
    main()
