"""Server processes as fixtures."""

from __future__ import annotations

from contextlib import ExitStack
from io import BytesIO
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from PIL import Image

from tests.wire.wired import ALLOWED, CALM, Wire, wired

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Start(Protocol):
    """Starts servers with settings and an engine of the test's own."""

    def __call__(self, given: dict[str, Any] | None = None, **engine: Any) -> Wire:
        """One more server."""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Servers for one test, each over a home of its own."""
    with ExitStack() as stack:

        def started(given: dict[str, Any] | None = None, **engine: Any) -> Wire:
            folder = tmp_path / str(len(list(tmp_path.iterdir())))
            folder.mkdir()
            return stack.enter_context(wired(folder, given, engine))

        yield started


@pytest.fixture(scope="session")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """One server for every story that leaves it as it was: one page may call, and nobody is too many."""
    given = {
        "flood": CALM,
        "cors": {"allowed_origins": [ALLOWED]},
        "network": {"trusted_proxies": ["127.0.0.1"], "deny": ["198.51.100.0/24"]},
        "upload": {"max_bytes": 100_000},
        "tiers": {"narrow": [{"name": "minute", "kind": "quota", "amount": 2, "window_s": 86_400}]},
    }
    with wired(tmp_path_factory.mktemp("wire"), given) as running:
        yield running


@pytest.fixture(scope="session")
def png() -> bytes:
    """A small real PNG."""
    out = BytesIO()
    Image.new("RGB", (4, 3), "teal").save(out, "PNG")
    return out.getvalue()
