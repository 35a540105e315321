"""``mattegate backup``: out of a home in use, into an empty one, and the keys still open."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from tests.cli.at_home import At, server_on


def acts(at: At) -> list[dict[str, Any]]:
    """The audit log of a home, oldest first."""
    return [json.loads(line) for line in at("audit", "list", "--json").out.splitlines()]


def test_a_home_in_use_is_saved_and_comes_back_whole(at: At, tmp_path: Path) -> None:
    """With its secrets: the same keys, the same audit log, another home. Each home's log says what was done with it."""
    at.home.mkdir()
    with server_on(at.home):
        key_id, _ = at.key()
        file = tmp_path / "whole.tar"
        told = at.told("backup", "create", file, "--with-secrets")
    assert told["holds_secrets"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert at("backup", "restore", file, "--home", tmp_path / "second").code == 0
    second = At(tmp_path / "second", at.capsys)
    assert second.told("keys", "show", key_id) == at.told("keys", "show", key_id)
    assert second.told("audit", "verify")["sound"]
    (*before, saved), (*same, restored) = acts(at), acts(second)
    assert before == same
    assert (saved["act"], restored["act"]) == ("backup.create", "backup.restore")
    assert saved["subject"] == restored["subject"] == "whole.tar"
    assert second.told("secrets", "list") == at.told("secrets", "list")


def test_secrets_stay_out_unless_they_are_asked_for(at: At, tmp_path: Path) -> None:
    """And both ends say what that means."""
    at.key()
    made = at("backup", "create", tmp_path / "b.tar")
    assert "no key in it can be checked" in made.err
    pepper = (at.home / "secrets" / "pepper-1").read_bytes().strip()
    assert pepper not in (tmp_path / "b.tar").read_bytes()
    back = at("backup", "restore", tmp_path / "b.tar", "--home", tmp_path / "second")
    assert back.code == 0
    assert "holds no secrets" in back.err


def test_nothing_is_overwritten_in_either_direction(at: At, tmp_path: Path) -> None:
    """Not a backup, not a home; and what is no backup changes nothing."""
    at.key()
    file = tmp_path / "b.tar"
    assert at("backup", "create", file).code == 0
    before = file.read_bytes()
    assert at("backup", "create", file).code == 3
    assert at("backup", "restore", file).code == 3, "this home is in use"
    assert file.read_bytes() == before
    file.write_bytes(before[:5000])
    assert at("backup", "restore", file, "--home", tmp_path / "second").code == 3
    assert at("backup", "restore", tmp_path / "none.tar", "--home", tmp_path / "second").code == 3
    assert not (tmp_path / "second" / "ledger").exists()


def test_a_folder_that_takes_no_backup_is_not_blamed_on_the_ledger(at: At, tmp_path: Path) -> None:
    """The file that was asked for is named; and a home without a ledger has nothing to save."""
    at.key()
    ended = at("backup", "create", tmp_path / "none" / "b.tar")
    assert (ended.code, "file.unwritable" in ended.err) == (1, True)
    assert f"{tmp_path / 'none' / 'b.tar'} cannot be written: No such file or directory" in ended.err
    empty = At(tmp_path / "empty", at.capsys)("backup", "create", tmp_path / "c.tar")
    assert (empty.code, "backup.nothing" in empty.err) == (3, True)
