"""The API over a home, as a process: ``python -m tests.whole.run_api CONFIG ENGINE`` prints its address.

Everything is the product's but the engine, which answers every image with its own bytes.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

from mattegate.assembly import build_self_service, open_gate
from mattegate.config.load import load_settings
from mattegate.serving.app import DataPlane
from mattegate.serving.server import serve
from tests.serving.engines import EchoEngine


def main() -> None:
    """Serve with the settings of a file; the engine's fields are JSON."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s %(message)s")
    settings = load_settings(file=Path(sys.argv[1]), flags={"server.port": 0})
    with open_gate(settings) as gate:
        app = DataPlane(
            settings,
            EchoEngine(**json.loads(sys.argv[2])),
            gate.gatehouse,
            records=gate.books.records,
            standing=gate.books.usage.standing,
            extra=build_self_service(settings, gate),
        )
        serve(app, settings, trust=gate.trust, on_bound=lambda url: print(url, flush=True))


if __name__ == "__main__":
    main()
