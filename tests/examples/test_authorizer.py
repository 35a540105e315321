"""The authorizer of the examples, which is also the guide's, in the whole gate."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mattegate.config.load import load_settings
from tests.serving.planes import planes_of

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide" / "authorizer.md"


def test_it_decides_as_the_guide_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the guide's settings, an account gets at its own projects, and reads why at no other."""
    monkeypatch.syspath_prepend(ROOT / "examples")
    file = tmp_path / "settings.toml"
    file.write_text(re.findall(r"```toml\n(.*?)```", GUIDE.read_text(), re.DOTALL)[0])
    settings = load_settings(file=file).authorizer
    with planes_of("home", tmp_path / "home", authorizer=settings) as planes:
        keys = {name: planes.key(name) for name in ("alice", "bob")}

        def call(name: str, project: str) -> tuple[int, str]:
            headers = {"Authorization": f"Bearer {keys[name]}"} | ({"X-Project": project} if project else {})
            answer = planes.api.get("/v1/whoami", headers=headers)
            return answer.status_code, answer.json().get("detail", "")

        assert call("alice", "spring") == call("alice", "autumn") == call("bob", "autumn") == (200, "")
        status, why = call("bob", "spring")
        assert (status, "bob has no project spring" in why) == (403, True)
        assert "X-Project names no project" in call("alice", "")[1]


def test_the_guide_shows_the_example_as_it_is() -> None:
    """Letter by letter, but for its docstring."""
    [shown] = re.findall(r"```py\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    source = (ROOT / "examples" / "authorizer.py").read_text()
    assert shown.strip() == source.partition("annotations\n")[2].strip()
