"""The gate and its books over a real home, with an engine that costs nothing: ``gate_server CONFIG HOME PORT PAUSE_S``.

What is killed here is everything that remembers; the engine remembers nothing, and a fast one leaves more moments.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from mattegate.assembly import open_gate
from mattegate.config.load import load_settings
from mattegate.serving.app import DataPlane
from mattegate.serving.server import serve
from tests.serving.engines import EchoEngine


def main(config: str, home: str, port: str, pause_s: str) -> None:
    """Serve until killed."""
    logging.basicConfig(level=logging.WARNING)
    settings = load_settings(file=Path(config), flags={"home": home, "server.port": int(port)})
    with open_gate(settings) as gate:
        app = DataPlane(
            settings,
            EchoEngine(pause_s=float(pause_s), workers=8),
            gate.gatehouse,
            records=gate.books.records,
            standing=gate.books.usage.standing,
        )
        serve(app, settings)


if __name__ == "__main__":
    main(*sys.argv[1:])
