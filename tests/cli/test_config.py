"""``mattegate config`` as an operator uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mattegate.cli.config import config_app

_KEY = "RMBG-PROD-abc123XYZ"


def _run(*arguments: str | Path, **environ: str) -> Result:
    return CliRunner().invoke(config_app, [str(argument) for argument in arguments], env={"COLUMNS": "200", **environ})


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """A file with three faults."""
    file = tmp_path / "m.yaml"
    file.write_text(f"api_keys:\n  {_KEY}: alice\nserver:\n  prot: 1\n  host: 0.0.0.0\ncors:\n  max_age_s: never\n")
    return file


def test_check_tells_every_fault_with_its_place_and_remedy(faulty: Path) -> None:
    """Exit code 2; FILE:LINE:COLUMN opens in an editor; no key is shown."""
    result = _run("check", faulty)
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert lines[0] == f"{faulty}:2:3: api_keys: it must be a list, and this is a section"
    assert lines[1] == '    put each key on a line of its own: - "KEY"'
    assert lines[2] == f"{faulty}:4:3: server.prot: no such setting; did you mean server.port?"
    assert lines[-1] == f"{faulty}: 3 faults"
    assert _KEY not in result.output


def test_check_tells_programs_the_same(faulty: Path) -> None:
    """One JSON object with faults and notes."""
    result = _run("check", faulty, "--json")
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["sound"], len(answer["faults"])) == (2, False, 3)
    assert answer["faults"][1] == {
        "setting": "server.prot",
        "origin": str(faulty),
        "problem": "no such setting; did you mean server.port?",
        "line": 4,
        "column": 3,
        "fix": "for example: port: 8000 under server:",
    }
    assert [note["setting"] for note in answer["notable"]] == ["server.host"]


def test_check_of_a_sound_file_says_so_and_what_is_notable(tmp_path: Path) -> None:
    """Exit code 0, even where there is something worth knowing."""
    file = tmp_path / "m.yaml"
    file.write_text(f'api_keys:\n  - "{_KEY}"\n')
    result = _run("check", file)
    assert result.exit_code == 0
    assert "Worth knowing:" in result.stdout
    assert result.stdout.endswith(f"{file}: sound\n")
    assert _KEY not in result.output


def test_check_without_a_file_looks_at_the_environment() -> None:
    """What a server would be started with here."""
    assert _run("check").exit_code == 0
    result = _run("check", MATTEGATE_SERVER_PROT="1")
    assert result.exit_code == 2
    assert "did you mean MATTEGATE_SERVER_PORT?" in result.stderr


def test_show_tells_where_each_value_comes_from_and_no_secret(tmp_path: Path) -> None:
    """Defaults, the file's line, a variable."""
    file = tmp_path / "m.toml"
    file.write_text(
        f'api_keys = ["{_KEY}"]\n[limits]\nstore = "redis"\nredis_url = "redis://:hunter2@cache:6379/0"\n'
        '[notices]\nwebhook_url = "https://hooks.example.com/hunter2"\n[tiers.gold]\nrate = "7/min"\n'
    )
    result = _run("show", file, "--json", MATTEGATE_SERVER_PORT="9000")
    rows = json.loads(result.stdout)
    assert rows["server.host"] == {"value": "127.0.0.1", "origin": "default"}
    assert rows["server.port"] == {"value": 9000, "origin": "MATTEGATE_SERVER_PORT"}
    assert rows["api_keys"] == {"value": ["(a key of 19 characters)"], "origin": f"{file}:1"}
    assert rows["limits.redis_url"] == {"value": "redis://***@cache:6379/0", "origin": f"{file}:4"}
    assert rows["tiers.gold"] == {"value": {"rate": "7/min"}, "origin": f"{file}:7"}
    for shown in (result.output, _run("show", file).output):
        assert _KEY not in shown
        assert "hunter2" not in shown


def test_show_of_a_faulty_file_tells_the_faults(faulty: Path) -> None:
    """There is nothing effective to show."""
    result = _run("show", faulty)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "the configuration has 3 faults" in result.stderr


def test_the_example_can_be_checked(tmp_path: Path) -> None:
    """What example prints, check finds sound."""
    file = tmp_path / "m.toml"
    file.write_text(_run("example").stdout)
    assert _run("check", file).stdout == f"{file}: sound\n"
