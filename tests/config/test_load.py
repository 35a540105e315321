"""How settings are read, and how every fault is told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from mattegate.config.load import SETTINGS, ConfigurationError, load_settings
from mattegate.config.settings import Settings
from mattegate.vocabulary.formats import ImageFormat


def test_without_sources_the_defaults_hold() -> None:
    """Nothing given means the documented defaults."""
    assert load_settings().upload == Settings().upload


def test_flags_win_over_the_environment_and_the_environment_over_the_file(tmp_path: Path) -> None:
    """The nearer a source is to the operator's fingers, the more it counts."""
    file = tmp_path / "mattegate.toml"
    file.write_text("[server]\nport = 1\nhost = '::1'\n[engine]\nqueue = 7\n")
    settings = load_settings(
        file=file, environ={"MATTEGATE_SERVER_PORT": "2", "PATH": "/bin"}, flags={"server.port": 3, "server.host": None}
    )
    assert (settings.server.port, settings.server.host, settings.engine.queue) == (3, "::1", 7)


def test_lists_may_be_written_with_commas() -> None:
    """Environment variables hold lists as comma-separated words."""
    settings = load_settings(environ={"MATTEGATE_UPLOAD_TYPES": "jpeg, gif"})
    assert settings.upload.types == (ImageFormat.JPEG, ImageFormat.GIF)


def test_the_home_is_set_by_its_own_variable() -> None:
    """MATTEGATE_HOME names the folder that everything lies under."""
    assert load_settings(environ={"MATTEGATE_HOME": "/srv/mattegate"}).home == Path("/srv/mattegate")


def test_every_fault_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    """An operator mends a configuration in one go, not one error per start."""
    file = tmp_path / "mattegate.toml"
    file.write_text("[upload]\nmax_byte = 1\ntypes = ['jpg']\n[engine]\nqueue = -1\n")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(file=file, environ={"MATTEGATE_SERVER_PROT": "1", "MATTEGATE_SERVER_PORT": "many"})
    told = [str(fault) for fault in caught.value.faults]
    assert len(told) == 5
    assert f"{file}: upload.max_byte: no such setting; did you mean upload.max_bytes?" in told
    assert any("upload.types" in line and "'jpeg'" in line for line in told)
    assert f"{file}: engine.queue: it cannot be negative" in told
    assert any("did you mean MATTEGATE_SERVER_PORT?" in line for line in told)
    assert any("MATTEGATE_SERVER_PORT: server.port" in line for line in told)


@pytest.mark.parametrize("content", [b"[upload", b"\xff\xfe"])
def test_a_file_that_is_not_toml_is_a_fault(tmp_path: Path, content: bytes) -> None:
    """A broken file is told as such, with its name."""
    file = tmp_path / "mattegate.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match="not readable as TOML"):
        load_settings(file=file)


def test_a_missing_file_is_a_fault(tmp_path: Path) -> None:
    """A file that was named must be there."""
    with pytest.raises(ConfigurationError, match="No such file"):
        load_settings(file=tmp_path / "none.toml")


def test_every_setting_is_reachable_by_its_dotted_name() -> None:
    """The list of settings is made from the dataclasses, so it cannot go stale."""
    assert {"home", "upload.max_bytes", "engine.workers", "models.base_url"} <= set(SETTINGS)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("server.prefix", "api"),
        ("server.prefix", "/api/"),
        ("server.prefix", "//"),
        ("server.prefix", "/a b"),
        ("server.port", 65_536),
        ("server.host", ""),
        ("engine.time_limit_s", 0),
        ("engine.time_limit_s", "nan"),
        ("engine.deadline_s", "inf"),
        ("engine.workers", 100_000),
        ("engine.memory_limit_mb", 10**15),
        ("upload.max_bytes", 0),
        ("upload.max_megapixels", -1.5),
        ("upload.types", ""),
        ("models.default", ""),
        ("models.base_url", "ftp://mirror"),
    ],
)
def test_a_value_that_makes_no_sense_is_a_fault_that_names_its_setting(setting: str, value: object) -> None:
    """Nothing is served with a limit of nothing, a time that is no number, or paths that nobody can ask for."""
    with pytest.raises(ConfigurationError) as caught:
        load_settings(flags={setting: value})
    assert [fault.setting for fault in caught.value.faults] == [setting]


@pytest.mark.parametrize(
    ("setting", "value"),
    [("server.prefix", "/api/v2"), ("server.port", 0), ("engine.drain_s", 0), ("engine.queue", 0)],
)
def test_zero_and_empty_stay_possible_where_they_mean_something(setting: str, value: object) -> None:
    """A free port, no queue, no patience at the end: all of them are somebody's wish."""
    group, _, name = setting.partition(".")
    assert getattr(getattr(load_settings(flags={setting: value}), group), name) == value


def test_every_default_keeps_the_rules() -> None:
    """What is served without any setting could have been set."""
    parts = {name: name.split(".") for name in SETTINGS if "." in name}
    defaults = {name: getattr(getattr(Settings(), group), field) for name, (group, field) in parts.items()}
    assert load_settings(flags=defaults) == Settings()
