"""Server processes as fixtures."""

from __future__ import annotations

from contextlib import ExitStack
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests.serving.served import Serve, Served, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start servers with settings and an engine of the test's own."""
    with ExitStack() as stack:

        def start(settings: dict[str, Any] | None = None, **engine: Any) -> Served:
            return stack.enter_context(served(tmp_path / "server.log", settings or {}, engine))

        yield start


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server with default settings for every story that leaves it as it was."""
    with served(tmp_path_factory.mktemp("plain") / "server.log", {}, {}) as running:
        yield running


@pytest.fixture(scope="session")
def png() -> bytes:
    """A small real PNG."""
    out = BytesIO()
    Image.new("RGB", (4, 3), "teal").save(out, "PNG")
    return out.getvalue()
