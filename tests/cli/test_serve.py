"""``mattegate serve``: the words before and after the server, without a server."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from mattegate import __version__
from mattegate.cli.serve import banner
from mattegate.config.settings import Settings
from tests.cli.processes import call, real, scripted


def test_a_line_to_paste_is_printed_once_requests_would_be_served(tmp_path: Path) -> None:
    """Version, address, model, home, and the curl line as it is documented."""
    ended = call(scripted("--home", tmp_path, "serve", "--port", "9123"), tmp_path)
    assert ended.code == 0
    assert f"mattegate {__version__} · http://127.0.0.1:9123 · model u2netp · home {tmp_path}" in ended.out
    assert "mattegate keys create --name NAME --tier free" in ended.out
    line = next(line for line in ended.out.splitlines() if "curl" in line)
    assert line.startswith("  curl -sS -H 'Authorization: Bearer KEY' -F image=@photo.jpg ")
    assert line.endswith(" http://127.0.0.1:9123/v1/remove-bg -o cutout.png")


def test_the_example_photograph_is_used_where_it_lies(tmp_path: Path) -> None:
    """In a checkout the line works as it stands."""
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "photo.jpg").touch()
    assert "image=@examples/photo.jpg" in "\n".join(banner(Settings(home=tmp_path), "http://127.0.0.1:8000", tmp_path))


def test_the_line_survives_a_shell(tmp_path: Path) -> None:
    """An IPv6 address in brackets and a prefix reach curl in one piece."""
    lines = banner(Settings(home=tmp_path), "http://[::1]:80/a b", tmp_path)
    line = next(line for line in lines if "curl" in line)
    assert "http://[::1]:80/a b/v1/remove-bg" in shlex.split(line)


def test_a_config_on_either_side_of_the_command_counts_and_flags_win(tmp_path: Path) -> None:
    """``--config F serve`` and ``serve --config F`` mean the same."""
    config = tmp_path / "mattegate.toml"
    config.write_text("[server]\nport = 9001\n[models]\ndefault = 'silueta'\n")
    lines: list[list[str | Path]] = [["--config", config, "serve"], ["serve", "--config", config]]
    for line in lines:
        assert "http://127.0.0.1:9001 · model silueta" in call(scripted(*line)).out
    assert "http://127.0.0.1:9002" in call(scripted("serve", "--config", config, "--port", "9002")).out


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1"])
def test_an_address_that_others_reach_is_refused(tmp_path: Path, host: str) -> None:
    """Exit code 2 and a sentence, before any worker starts."""
    ended = call(real("--home", tmp_path, "serve", "--host", host, "--port", "0"))
    assert ended.code == 2
    assert "server.host" in ended.err
    assert "Traceback" not in ended.err


def test_pull_fetches_and_verifies_the_default_model_first(u2netp_home: Path, tmp_path: Path) -> None:
    """What is there already is verified; what cannot be had ends the start with exit code 3."""
    there = call(scripted("--home", u2netp_home, "serve", "--pull"))
    assert there.code == 0
    assert there.out.index("verified") < there.out.index("try it:")
    config = tmp_path / "mattegate.toml"
    config.write_text("[models]\ndefault = 'no-such-model'\n")
    missing = call(scripted("serve", "--pull", "--config", config))
    assert (missing.code, "Try it" in missing.out, "model.unknown" in missing.err) == (3, False, True)
