"""A real gate that fetches images by a name server of a test's own: SETTINGS and NAMES in JSON are its arguments.

To it, ``127.0.0.77`` is the public internet; every other loopback address is inner, as it is to the product.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_network

from mattegate.assembly import build_self_service, open_gate
from mattegate.outbound.configured import image_rules
from mattegate.outbound.fetch import GuardedHttp
from mattegate.serving.app import DataPlane
from mattegate.serving.fetching import ImageFetcher
from mattegate.serving.server import serve
from tests.outbound.upstreams import OUTSIDE
from tests.serving.engines import EchoEngine
from tests.wire.run_gate import settings_of


class Changing:
    """A resolver that answers each question of a name with the next of its lists of addresses."""

    def __init__(self, names: dict[str, list[list[str]]]) -> None:
        self._names = names

    async def __call__(self, host: str) -> Sequence[str]:
        """The next addresses; the last again and again."""
        answers = self._names.get(host, [[OUTSIDE]] if host.endswith(".outside.example") else [])
        if not answers:
            raise OSError("no such name")
        return answers.pop(0) if len(answers) > 1 else answers[0]


def main() -> None:
    """Serve with what the arguments say."""
    settings = settings_of(json.loads(sys.argv[1]))
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s %(message)s")
    rules = replace(
        image_rules(settings.outbound, settings.upload),
        allow_networks=(ip_network(OUTSIDE),), ports=frozenset(range(1, 65_536)),
    )  # fmt: skip
    images = ImageFetcher(settings, GuardedHttp(resolve=Changing(json.loads(sys.argv[2]))), rules=rules)
    with open_gate(settings) as gate:
        app = DataPlane(
            settings, EchoEngine(), gate.gatehouse, records=gate.books.records, standing=gate.books.usage.standing,
            extra=build_self_service(settings, gate), images=images,
        )  # fmt: skip
        serve(app, settings, on_bound=lambda url: print(url, flush=True))


if __name__ == "__main__":
    main()
