"""Server processes as fixtures."""

from __future__ import annotations

from contextlib import ExitStack
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from mattegate.config.settings import CorsSettings
from tests.serving.planes import Planes, planes_of
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


@pytest.fixture(params=["memory", "home"])
def planes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Planes]:
    """Both planes, over memory and over a home."""
    with planes_of(request.param, tmp_path, cors=CorsSettings(allowed_origins=("*",))) as made:
        yield made


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Planes]:
    """Both planes over memory, for stories that no store changes."""
    with planes_of("memory", tmp_path) as made:
        yield made
