"""Stories of ``mattegate echo``: a line to paste, whose ticket the server takes."""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from mattegate.cli import echo
from mattegate.cli.context import Invocation, real_services
from mattegate.ledger.tickets import TicketBox
from mattegate.vocabulary.refusal import Refusal


def _call(home: Path, *arguments: str, config: str = "") -> str:
    """What the command prints for a home, with a configuration where one is given."""
    app = typer.Typer()
    app.command()(echo.command)
    file = home / "settings.toml"
    file.write_text(config)
    invocation = Invocation(("echo",), real_services(), home=home, config=file)
    ended = CliRunner().invoke(app, arguments, obj=invocation, catch_exceptions=False)
    assert ended.exit_code == 0
    return ended.stdout


def _ticket(line: str) -> str:
    return shlex.split(line.splitlines()[0])[-1].rpartition("/")[2]


def test_the_printed_ticket_is_one_the_server_takes(tmp_path: Path) -> None:
    """The line asks this machine's own server, and its ticket lies in the home."""
    printed = _call(tmp_path, config="server.port = 9000\nserver.echo = true\nserver.prefix = '/api'")
    assert printed.startswith("curl -sS http://127.0.0.1:9000/api/v1/echo/")
    assert TicketBox(tmp_path).consume(_ticket(printed), time.time())


def test_the_line_can_ask_from_outside(tmp_path: Path) -> None:
    """Through the proxies in question, which is what it is for."""
    printed = _call(tmp_path, "--url", "https://cutouts.example.com/")
    assert printed.startswith("curl -sS https://cutouts.example.com/v1/echo/")


def test_the_json_tells_until_when(tmp_path: Path) -> None:
    """For scripts: ticket, address, end in Unix seconds."""
    told = json.loads(_call(tmp_path, "--json", config="server.host = '::'\nserver.echo = true"))
    assert told["url"] == f"http://[::1]:8000/v1/echo/{told['ticket']}"
    assert 0 < told["expires_at"] - time.time() <= 300


def test_a_server_that_would_not_answer_is_told(tmp_path: Path) -> None:
    """The ticket is minted all the same: another configuration may have it on."""
    app = typer.Typer()
    app.command()(echo.command)
    ended = CliRunner().invoke(app, [], obj=Invocation(("echo",), real_services(), home=tmp_path))
    assert "server.echo is off" in ended.stderr


def test_a_home_that_cannot_be_written_is_a_refusal(tmp_path: Path) -> None:
    """With the system's word for it."""
    (tmp_path / "tickets").write_text("in the way")
    with pytest.raises(Refusal) as refusal:
        _call(tmp_path)
    assert refusal.value.reason.code == "dependency.ledger"
    assert "tickets" in refusal.value.operator_detail
