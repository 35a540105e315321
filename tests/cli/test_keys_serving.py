"""A real server, and keys that are made and taken back beside it by the real command line."""

from __future__ import annotations

import json
import shutil
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.processes import begin, call, real, until


def free_port() -> int:
    """A port that nobody listens on in this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def ask(port: int, path: str, key: str = "") -> tuple[int, str]:
    """Status and body; 0 while nobody answers."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"X-API-Key": key} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()
    except OSError:
        return 0, ""


@pytest.fixture
def serving(u2netp_home: Path, tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A home, and the port of the server on it."""
    home, port = tmp_path / "home", free_port()
    (home / "models").mkdir(parents=True)
    shutil.copy(u2netp_home / "models" / "u2netp.onnx", home / "models")
    ports = ("--port", str(port), "--admin-port", str(free_port()))
    process = begin(real("--home", home, "serve", *ports))
    try:
        until(lambda: process.poll() is not None or ask(port, "/ready")[0] == 200, 60)
        assert process.poll() is None, process.communicate()
        yield home, port
    finally:
        process.terminate()
        process.communicate(timeout=60)


def test_a_key_holds_and_ends_on_the_very_next_request(serving: tuple[Path, int]) -> None:
    """Made, used, narrowed, revoked; why and simulate tell of the same request while the server runs."""
    home, port = serving
    made = json.loads(call(real("--home", home, "keys", "create", "--name", "a", "--tier", "free", "--json")).out)
    assert ask(port, "/v1/whoami", made["key"])[0] == 200
    assert call(real("--home", home, "keys", "narrow", made["id"], "--address", "10.0.0.0/8")).code == 0
    status, body = ask(port, "/v1/whoami", made["key"])
    assert (status, json.loads(body)["reason"]) == (403, "policy.address")
    assert call(real("--home", home, "keys", "revoke", made["id"])).code == 0
    status, body = ask(port, "/v1/whoami", made["key"])
    problem = json.loads(body)
    assert (status, problem["reason"]) == (403, "credential.revoked")
    simulated = call(real("--home", home, "simulate", problem["request_id"], "--json"))
    assert simulated.code == 3, simulated.err
    assert json.loads(simulated.out)["reason"] == "credential.revoked"
    assert call(real("--home", home, "usage", "reconcile")).code == 0
    assert call(real("--home", home, "audit", "verify")).code == 0


def test_a_key_under_a_new_pepper_is_good_without_a_restart(serving: tuple[Path, int]) -> None:
    """The running server knows the pepper with the first key under it; keys under the old one go on working."""
    home, port = serving
    line = ("keys", "create", "--tier", "free", "--json", "--name")
    before = json.loads(call(real("--home", home, *line, "before")).out)
    assert ask(port, "/v1/whoami", before["key"])[0] == 200
    assert call(real("--home", home, "secrets", "rotate", "pepper")).code == 0
    after = json.loads(call(real("--home", home, *line, "after")).out)
    assert [ask(port, "/v1/whoami", key["key"])[0] for key in (after, before)] == [200, 200]
