"""``mattegate doctor config``: our own settings in the doctor's words, whole and without a secret."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from mattegate.cli.doctor import doctor_app
from mattegate.cli.doctor_config import answer
from mattegate.config.load import examine
from mattegate.config.notable import notable
from mattegate.doctor.causes import causes
from tests.cli.processes import call, real

_KEY = "RMBG-PROD-abc123XYZ"


def _run(*words: str | Path, **environ: str) -> Result:
    return CliRunner().invoke(doctor_app, ["config", *map(str, words)], env=environ)


def _found(file: Path, **environ: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer(file, environ).as_json()["findings"]
    return found


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """A file with a fault and much that is unwise."""
    file = tmp_path / "m.toml"
    file.write_text(
        f'api_keys = ["{_KEY}"]\n[server]\nhost = "0.0.0.0"\nprot = 1\n'
        '[cors]\nallowed_origins = ["*"]\nmax_age_s = 86400\n'
    )
    return file


def test_the_defaults_are_clean() -> None:
    """Exit code 0, and a headline about settings."""
    result = _run()
    assert result.exit_code == 0
    assert "Nothing is wrong with these settings" in result.stdout


def test_faults_come_first_and_what_is_unwise_behind_them(faulty: Path) -> None:
    """Each with its file, line and setting, and what to write instead; exit code 3."""
    result = _run("--config", faulty, "--json")
    findings = json.loads(result.stdout)["findings"]
    assert result.exit_code == 3
    assert [finding["cause"] for finding in findings] == [
        "config.fault",
        "config.listener_refused",
        "config.cors_star",
        "config.keys_listed",
        "config.keys_published",
        "config.keys_short",
        "config.file_readable",
    ]
    fault, listener = findings[:2]
    assert fault["culprit"] == [{"file": str(faulty), "line": 4, "text": "server.prot"}]
    assert fault["remedy"] == "For example: port = 8000 under [server]"
    assert fault["next"] == f"mattegate config check {faulty}"
    assert listener["culprit"] == [{"file": str(faulty), "line": 3, "text": 'server.host = "0.0.0.0"'}]
    assert "insecure" not in listener["remedy"]
    assert findings[-1]["remedy"] == f"Let its owner alone read it: chmod 600 {faulty}."


def test_no_key_is_told(faulty: Path) -> None:
    """In no form of the report."""
    for words in ((), ("--json",), ("--verbose",), ("--language", "zh")):
        assert _KEY not in _run("--config", faulty, *words).output


def test_what_nothing_can_be_done_about_is_no_finding(faulty: Path) -> None:
    """It is worth knowing, and told as checked."""
    told = answer(faulty, {})
    assert any(line.startswith("cors.max_age_s: Chromium") for line in told.checked)


def test_every_fault_of_config_check_is_there(tmp_path: Path) -> None:
    """One finding for each, in the same order and with the same words."""
    file = tmp_path / "m.yaml"
    file.write_text(f"api_keys:\n  {_KEY}: alice\nserver:\n  prot: 1\n  host: 0.0.0.0\ncors:\n  max_age_s: never\n")
    faults = examine(file=file).faults
    told = [finding for finding in _found(file) if finding["cause"] == "config.fault"]
    assert [finding["culprit"][0]["line"] for finding in told] == [fault.line for fault in faults]
    assert [finding["evidence"] for finding in told] == [
        [f"{fault.place}: {fault.setting}: {fault.problem}"] for fault in faults
    ]


_UNWISE = """
api_keys = ["RMBG-PROD-abc123XYZ", "short"]
[server]
host = "0.0.0.0"
insecure = {insecure}
[network]
allow = ["192.0.2.0/24"]
trusted_proxies = {proxies}
[cors]
allowed_origins = ["*", "https://*.com"]
shadow = true
max_age_s = 86400
[keys]
unsafe_anonymous = "vip"
[flood]
enabled = false
[limits]
store = "{store}"
on_loss = "local"
redis_url = "redis://198.51.100.9/0"
[notices]
webhook_url = "http://198.51.100.9/hook"
"""


@pytest.mark.parametrize(
    ("insecure", "proxies", "store", "host"),
    [
        ("true", "[]", "memory", "0.0.0.0"),
        ("false", '["0.0.0.0/0"]', "redis", "0.0.0.0"),
        ("false", "[]", "redis", "0.0.0.0"),
        ("false", "[]", "redis", "127.0.0.1"),
    ],
)
def test_whatever_is_notable_and_can_be_mended_has_a_cause(
    insecure: str, proxies: str, store: str, host: str, tmp_path: Path
) -> None:
    """One cause for each thing that the settings' own notes know."""
    file = tmp_path / "m.toml"
    text = _UNWISE.format(insecure=insecure, proxies=proxies, store=store).replace(
        'host = "0.0.0.0"', f'host = "{host}"'
    )
    file.write_text(text)
    examined = examine(file=file)
    notes = notable(examined.settings, given=examined.origins, file=file)
    assert len(notes) > 9
    assert {f"config.{note.code}" for note in notes if note.remedy} <= causes().keys()
    told = [finding["cause"] for finding in _found(file) if finding["cause"] != "config.fault"]
    assert told == [f"config.{note.code}" for note in notes if note.remedy]


def test_every_cause_of_settings_is_a_notes() -> None:
    """The catalogue holds nothing that no setting can come to."""
    source = Path(notable.__code__.co_filename).read_text("utf-8")
    ours = tomllib.loads(files("mattegate.doctor.causes").joinpath("config.toml").read_text("utf-8"))
    assert all(f'"{code.removeprefix("config.")}"' in source for code in ours.keys() - {"config.fault"})


def test_settings_of_the_environment_are_looked_at_too() -> None:
    """With the variable as their place."""
    (finding,) = answer(None, {"MATTEGATE_FLOOD_ENABLED": "false"}).as_json()["findings"]
    assert finding["cause"] == "config.flood_off"
    assert finding["culprit"] == [{"file": "MATTEGATE_FLOOD_ENABLED", "line": 0, "text": "flood.enabled = false"}]


def test_a_line_that_cannot_be_used_is_usage() -> None:
    """Exit code 2, with the usage on standard error."""
    result = _run("--bogus")
    assert result.exit_code == 2


def test_the_main_commands_config_is_the_one_that_is_looked_at(faulty: Path) -> None:
    """``--config`` before the command; and one behind it wins."""
    ended = call(real("--config", faulty, "doctor", "config", "--json"))
    assert (ended.code, len(json.loads(ended.out)["findings"])) == (3, 7)
    other = faulty.with_name("other.toml")
    other.write_text("[flood]\nenabled = false\n")
    ended = call(real("--config", faulty, "doctor", "config", "--json", "--config", other))
    assert [finding["cause"] for finding in json.loads(ended.out)["findings"]] == ["config.flood_off"]
