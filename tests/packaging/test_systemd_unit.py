"""The unit file that the documents take for granted: its line is really run, reloaded and stopped."""

from __future__ import annotations

import shlex
import shutil
import signal
import socket
import subprocess
import sys
from configparser import ConfigParser
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.cli.processes import ENVIRONMENT, ROOT, call, real, until

UNIT = ROOT / "packaging" / "systemd" / "mattegate.service"


@pytest.fixture(scope="module")
def unit() -> ConfigParser:
    """The unit file, read as what it is: a file of sections."""
    parser = ConfigParser(strict=True, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(UNIT.read_text("utf-8"))
    return parser


def free_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_it_answers_to_the_name_and_writes_to_the_folder_of_the_documents(unit: ConfigParser) -> None:
    """``journalctl -u rmbg-2.0`` and /var/log/rmbg work as they are written there."""
    assert unit["Install"]["Alias"] == "rmbg-2.0.service"
    assert unit["Service"]["LogsDirectory"] == "rmbg"
    assert "--log-file /var/log/rmbg/access.jsonl" in unit["Service"]["ExecStart"]
    assert unit["Service"]["User"] != "root"


def test_every_flag_of_its_line_exists(unit: ConfigParser) -> None:
    """A unit that does not start is found here, not at a boot."""
    words = shlex.split(unit["Service"]["ExecStart"])
    told = call(real("serve", "--help")).out
    assert [flag for flag in words if flag.startswith("--") and flag not in told] == []


def test_its_line_serves_reloads_and_stops(unit: ConfigParser, u2netp_home: Path, tmp_path: Path) -> None:
    """With the documents' YAML of keys: a wrong key is refused in the log's own words, a hang-up opens the log anew."""
    port, log = free_port(), tmp_path / "rmbg" / "access.jsonl"
    log.parent.mkdir()
    config = tmp_path / "mattegate.yaml"
    config.write_text(f"api_keys:\n  - RMBG-PROD-abc123XYZ9876\nserver:\n  port: {port}\nadmin:\n  enabled: false\n")
    config.chmod(0o600)
    line = unit["Service"]["ExecStart"].replace("/etc/mattegate/mattegate.yaml", str(config))
    line = line.replace("/var/log/rmbg/access.jsonl", str(log))
    words = [sys.executable, "-m", "mattegate", *shlex.split(line)[1:]]
    home = tmp_path / "home"
    shutil.copytree(u2netp_home / "models", home / "models")
    environ = ENVIRONMENT | {"MATTEGATE_HOME": str(home)}
    with subprocess.Popen(words, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            until(lambda: log.exists() and status(port, "/ready") == 200, 60)
            assert status(port, "/v1/whoami", "RMBG-PROD-abc123XYZ9876") == 200
            assert status(port, "/v1/whoami", "RMBG-PROD-abc123XYZ0000") == 403
            until(lambda: "forbidden" in log.read_text())
            log.rename(log.with_suffix(".1"))
            process.send_signal(signal.SIGHUP)
            until(log.exists)
            assert status(port, "/v1/whoami") == 401
            until(lambda: "credential.missing" in log.read_text())
        finally:
            process.terminate()
            assert process.wait(int(unit["Service"]["TimeoutStopSec"])) == 0
            process.communicate()


def status(port: int, path: str, key: str = "") -> int:
    """What the server answers; 0 where it is not there."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"} if key else {})
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()
