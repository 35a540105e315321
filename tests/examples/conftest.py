"""What the stories of the examples share."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mattegate.vocabulary.rulebook import Limit
from tests.examples.apps import desk_of

MakeKey = Callable[..., tuple[str, str]]


@pytest.fixture(scope="module")
def home(u2netp_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of one module alone, with u2netp in it."""
    made = tmp_path_factory.mktemp("home")
    (made / "models").mkdir()
    for name in ("u2netp.onnx", "manifest.json"):
        shutil.copy(u2netp_home / "models" / name, made / "models" / name)
    return made


@pytest.fixture
def make_key(home: Path, request: pytest.FixtureRequest) -> MakeKey:
    """Makes a key of a new identity beside the running example; gives its id and its text."""

    def make(*limits: Limit, tier: str = "vip", scopes: tuple[str, ...] = ("cutout", "self")) -> tuple[str, str]:
        with desk_of(home) as desk:
            identity = desk.create_identity(f"{request.node.name[:60]}", tier=tier, actor="cli:test", scopes=scopes)
            if limits:
                desk.update_identity(identity.view.id, actor="cli:test", limits=limits)
            minted = desk.create_key(identity.view.id, actor="cli:test")
        return minted.id, minted.text

    return make
