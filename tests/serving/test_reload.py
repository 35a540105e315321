"""Reading the configuration again: what cannot be taken over is told so that it can be mended from the log alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from mattegate.config.load import load_settings
from mattegate.config.settings import Settings
from mattegate.serving.reload import Rereading


def test_a_faulty_file_changes_nothing_and_is_told_with_its_place_and_remedy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The file, the line, the setting and what to write; the settings that are in force stay."""
    file = tmp_path / "mattegate.toml"
    file.write_text("[server]\nport = 8000\nprot = 9\n")
    taken: list[Settings] = []
    rereading = Rereading(Settings(), lambda: load_settings(file=file, environ={}), taken.append)
    rereading()
    assert not taken
    assert f"{file}:3:1: server.prot: no such setting; did you mean server.port? (" in caplog.text
    file.write_text("[server]\nport = 8000\n")
    rereading()
    assert [settings.server.port for settings in taken] == [8000]
