"""``mattegate models`` as an operator uses it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mattegate.cli.models import models_app
from tests.cutout.models.graphs import tiny_graph


@pytest.fixture
def home(u2netp_home: Path, tmp_path: Path) -> Path:
    """A home of its own in which u2netp is installed."""
    models = tmp_path / "home" / "models"
    models.mkdir(parents=True)
    shutil.copy(u2netp_home / "models" / "u2netp.onnx", models)
    return tmp_path / "home"


def _run(home: Path, *arguments: str, columns: int = 200) -> Result:
    return CliRunner().invoke(models_app, arguments, env={"MATTEGATE_HOME": str(home), "COLUMNS": str(columns)})


def test_the_list_shows_what_is_installed_and_what_may_earn_money(home: Path) -> None:
    """Every known model stands in the list, with its licence and whether its weights are there."""
    rows = {row["name"]: row for row in json.loads(_run(home, "list", "--json").stdout)}
    assert [name for name, row in rows.items() if row["installed"]] == ["u2netp"]
    assert (rows["rmbg-2.0"]["commercial"], rows["rmbg-2.0"]["may_load"]) == ("no", False)
    assert "birefnet-general-lite" in _run(home, "list").stdout


def test_nothing_is_cropped_on_a_narrow_terminal(home: Path) -> None:
    """A name that cannot be copied, or a size without its end, is worse than a long line."""
    assert _run(home, "list", columns=40).stdout == _run(home, "list").stdout
    assert _run(home, "info", "rmbg-2.0", columns=40).stdout == _run(home, "info", "rmbg-2.0").stdout


def test_info_tells_numerics_licence_and_sources(home: Path) -> None:
    """One model in full, also by an alias."""
    facts = json.loads(_run(home, "info", "bria-rmbg", "--json").stdout)
    assert facts["native"]["upscale"] == "bicubic"
    assert facts["sources"] == ["release asset at github.com", "Hugging Face briaai/RMBG-2.0"]
    assert "Not for commercial use" in _run(home, "info", "rmbg-2.0").stdout


def test_verify_passes_and_fails_with_its_exit_code(home: Path) -> None:
    """Right weights are exit code 0; a flipped byte is 3, with both hashes and the command that helps."""
    assert _run(home, "verify").exit_code == 0
    (home / "models" / "u2netp.onnx").write_bytes(b"\x08\x09")
    result = _run(home, "verify", "--json")
    (outcome,) = json.loads(result.stdout)
    assert (result.exit_code, outcome["reason"]) == (3, "model.hash_mismatch")
    assert "309c8469" in outcome["detail"]


def test_pull_of_installed_weights_needs_no_network(home: Path) -> None:
    """What is there and right is verified, not fetched."""
    result = _run(home, "pull", "u2netp", "--json")
    assert (result.exit_code, json.loads(result.stdout)[0]["bytes"]) == (0, 4574861)


def test_refusals_come_with_the_next_command(home: Path) -> None:
    """A licence that was not named and an unknown model are exit code 3, with what to type instead."""
    licence = _run(home, "pull", "rmbg-2.0")
    assert licence.exit_code == 3
    assert "mattegate models pull rmbg-2.0 --acknowledge-licence CC-BY-NC-4.0" in licence.stderr
    unknown = _run(home, "info", "u2nett", "--json")
    assert (unknown.exit_code, json.loads(unknown.stdout)["reason"]) == (3, "model.unknown")


def test_import_takes_an_own_model(home: Path, tmp_path: Path) -> None:
    """A graph and four lines of description become a model of the list."""
    graph = tiny_graph(tmp_path / "g.onnx", input_size=(64, 64))
    (tmp_path / "mine.toml").write_text('name = "mine"\nfamily = "u2net"\nsize = [64, 64]\n')
    assert _run(home, "import", str(graph), "--spec", str(tmp_path / "mine.toml")).exit_code == 0
    assert _run(home, "verify", "mine").exit_code == 0


def test_import_needs_exactly_one_way_to_say_what_it_is(home: Path) -> None:
    """A file alone says nothing about itself: that is a usage error, exit code 2."""
    assert _run(home, "import", "x.onnx").exit_code == 2
