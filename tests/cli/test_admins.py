"""``mattegate admins``: tokens that are shown once, and taken back."""

from __future__ import annotations

import stat
from pathlib import Path

from mattegate.ledger.opening import open_accounts
from tests.cli.at_home import At
from tests.ledger.control_support import bytes_on_disk


def test_a_token_is_shown_once_and_opens_the_plane_until_it_is_revoked(at: At) -> None:
    """Alone on standard output; no byte of its secret is on the disk."""
    assert "answers nobody" in at("admins", "list").out
    ended = at("admins", "create", "root")
    token = ended.out.strip()
    assert (ended.code, ended.err) == (0, "")
    assert token.startswith("mgadm_")
    assert token[-30:].encode() not in bytes_on_disk(at.home)
    (row,) = at.told("admins", "list")
    assert (row["name"], row["state"]) == ("root", "active")
    with open_accounts(at.settings) as accounts:
        assert accounts.desk.check_admin(token) == row["id"]
        assert at("admins", "revoke", "root").code == 0
        assert accounts.desk.check_admin(token) is None, "beside whoever has the home open"
    assert at("admins", "create", "root").code == 3, "the name stays taken"
    assert at("admins", "revoke", "nobody").code == 3


def test_a_token_goes_into_a_file(at: At, tmp_path: Path) -> None:
    """For its owner alone."""
    file = tmp_path / "root.token"
    ended = at("admins", "create", "root", "--file", file, "--json")
    assert '"file"' in ended.out
    assert 'token": "mgadm' not in ended.out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().startswith("mgadm_")
