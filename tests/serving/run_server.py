"""A real server process: ``python -m tests.serving.run_server SETTINGS ENGINE`` (both JSON) prints its address."""

from __future__ import annotations

import json
import logging
import resource
import sys

from mattegate.config.settings import EngineSettings, ServerSettings, Settings, UploadSettings
from mattegate.serving.app import create_app
from mattegate.serving.server import serve
from tests.serving.engines import EchoEngine


def main() -> None:
    """Serve with what the arguments say."""
    given = json.loads(sys.argv[1])
    if files := given.get("files"):
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    settings = Settings(
        upload=UploadSettings(**given.get("upload", {})),
        engine=EngineSettings(**given.get("engine", {})),
        server=ServerSettings(**{"port": 0} | given.get("server", {})),
    )
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s %(message)s")
    engine = EchoEngine(**json.loads(sys.argv[2]))
    app = create_app(settings, engine, models=lambda: ("u2netp", "isnet-general-use"))
    serve(app, settings.server, on_bound=lambda url: print(url, flush=True))


if __name__ == "__main__":
    main()
