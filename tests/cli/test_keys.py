"""``mattegate keys``: from the making of a key to its end, alone and beside a process that serves."""

from __future__ import annotations

import json
import os
import shlex
import stat
import subprocess
from pathlib import Path

import pytest

from mattegate.cli.ledger import actor
from mattegate.signing.keys import id_of
from tests.cli.at_home import At, server_on
from tests.cli.processes import ENVIRONMENT, call, real
from tests.ledger.control_support import bytes_on_disk


def test_a_key_is_printed_once_alone_and_kept_nowhere(at: At) -> None:
    """Standard output holds the key and a line break, so that a script can take it; the disk holds none of it."""
    ended = at("keys", "create", "--name", "alice", "--tier", "free")
    assert (ended.code, ended.err) == (0, "")
    key = ended.out.removesuffix("\n")
    assert key.startswith("sk_prod_")
    assert id_of(key)
    assert key[-30:].encode() not in bytes_on_disk(at.home)
    assert key not in at("keys", "list").out + at("keys", "list", "--json").out + at("audit", "list").out


def test_json_has_id_and_key(at: At) -> None:
    """What scripts rely on, and who it is for."""
    made = at.told("keys", "create", "--name", "ci", "--tier", "free", "--environment", "test", "--expires", "90d")
    assert made["key"].startswith("sk_test_")
    assert made["id"] == id_of(made["key"])
    assert (made["identity"], made["tier"], made["environment"]) == ("ci", "free", "test")
    (row,) = at.told("keys", "list")
    assert (row["id"], row["expires_at"], row["standing"]) == (made["id"], made["expires_at"], "active")


def test_a_running_server_knows_a_new_key_and_a_revoked_one_at_once(at: At) -> None:
    """Beside the process that holds the home: its very next look sees the change."""
    at.home.mkdir()
    with server_on(at.home) as server:
        key_id, _ = at.key()
        assert server.ask(f"key {key_id}") == "active"
        assert at("keys", "revoke", key_id).code == 0
        assert server.ask(f"key {key_id}") == "revoked"
        assert "where a server runs (process" in at("keys", "list").err


def test_an_identity_is_made_once_and_its_tier_is_not_changed_in_passing(at: At) -> None:
    """A second key joins the identity; another tier is told with the line that changes it; no tier is a mistake."""
    at.key("alice")
    at.key("phone", "--identity", "alice")
    assert [row["name"] for row in at.told("identities", "list")] == ["alice"]
    other = at("keys", "create", "--name", "alice", "--tier", "vip")
    assert other.code == 3
    assert "mattegate identities update" in other.err
    assert at("keys", "create", "--name", "alice").code == 0
    missing = at("keys", "create", "--name", "bob")
    assert missing.code == 2
    assert "--tier" in missing.err


@pytest.mark.parametrize(
    "wrong",
    [
        ("--tier", "gold"),
        ("--tier", "free", "--origin", "shop"),
        ("--tier", "free", "--address", "10.0.0.1/8"),
        ("--tier", "free", "--model", "NO SPACES"),
        ("--tier", "free", "--scope", "everything"),
        ("--tier", "free", "--environment", "moon"),
        ("--tier", "free", "--expires", "2001-01-01"),
    ],
    ids=" ".join,
)
def test_a_wrong_value_leaves_no_identity_behind(at: At, wrong: tuple[str, ...]) -> None:
    """What the key cannot be is found before somebody is made to pay for it."""
    assert at("keys", "create", "--name", "bob", *wrong).code == 3
    assert at.told("identities", "list") == []
    assert at.told("keys", "list") == []


def test_a_new_identity_may_do_what_its_first_key_is_given(at: At) -> None:
    """A scope beyond the usual ones is no contradiction for somebody who is only being made."""
    at.key("shop", "--scope", "keys", "--scope", "usage")
    assert at.told("identities", "show", "shop")["scopes"] == ["cutout", "self", "keys", "usage"]
    assert at.told("keys", "list")[0]["scopes"] == ["keys", "usage"]
    assert at("keys", "create", "--name", "more", "--identity", "shop", "--scope", "*").code == 3


def test_a_file_gets_the_key_for_its_owner_alone(at: At, tmp_path: Path) -> None:
    """Mode 0600 whatever the umask, nothing on standard output, and an existing file is never written to."""
    file = tmp_path / "ci.key"
    before = os.umask(0)
    try:
        ended = at("keys", "create", "--name", "ci", "--tier", "free", "--file", file)
    finally:
        os.umask(before)
    assert (ended.code, ended.out) == (0, "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    key = file.read_text()
    assert key.endswith("\n")
    assert id_of(key.strip())
    again = at("keys", "create", "--name", "ci", "--file", file, "--json")
    assert again.code == 1
    assert file.read_text() == key
    assert len(at.told("keys", "list")) == 1, "no key was made that nobody could have"


def test_a_refused_key_leaves_no_file(at: At, tmp_path: Path) -> None:
    """The place is taken first and given back."""
    assert at("keys", "create", "--name", "x", "--tier", "gold", "--file", tmp_path / "x.key").code == 3
    assert not (tmp_path / "x.key").exists()
    assert at("keys", "create", "--name", "x", "--tier", "free", "--file", tmp_path / "no" / "x.key").code == 1


def test_a_full_disk_is_found_before_the_key_is_made(at: At, tmp_path: Path) -> None:
    """The file's room is taken first; a process that may write nothing stands for the disk."""
    line = shlex.join(real("--home", at.home, "keys", "create", "--name", "x", "--tier", "free", "--file", "x.key"))
    ended = call(["bash", "-c", f"ulimit -f 0; exec {line}"], tmp_path)
    assert ended.code == 1
    assert "file.disk_full" in ended.err
    assert list(tmp_path.iterdir()) == [], "neither a file nor a home"


def test_a_key_that_cannot_be_printed_is_named_so_that_it_can_be_revoked(at: At) -> None:
    """Standard output is full: the key is made, nobody has it, and its id stands in the complaint."""
    line = real("--home", at.home, "keys", "create", "--name", "x", "--tier", "free")
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, env=ENVIRONMENT, check=False, text=True)
    assert ended.returncode == 1
    (row,) = at.told("keys", "list")
    assert row["id"] in ended.stderr
    assert "Exception" not in ended.stderr


def test_the_list_tells_the_standing_and_what_age_asks_for(at: At) -> None:
    """Expired soon, in its overlap, revoked, resting, of a disabled identity: one word each, and a hint."""
    soon, _ = at.key("soon", "--expires", "3d")
    rotated, _ = at.key("rotated")
    revoked, _ = at.key("revoked")
    resting, _ = at.key("resting")
    halted, _ = at.key("halted")
    successor = at.told("keys", "rotate", rotated)["id"]
    assert at("keys", "revoke", revoked, "--why", "lost").code == 0
    assert at("keys", "disable", resting).code == 0
    assert at("identities", "disable", "halted").code == 0
    told = {row["id"]: row for row in at.told("keys", "list")}
    standing = {key: told[key]["standing"] for key in (soon, rotated, successor, revoked, resting, halted)}
    words = ["active", "rotated", "active", "revoked", "disabled", "identity disabled"]
    assert list(standing.values()) == words
    assert told[soon]["hint"] == "expires in 2 days"
    assert told[rotated]["hint"] == f"replaced by {successor}"
    assert all(key in at("keys", "list").out for key in told)
    assert at("keys", "enable", resting).code == 0
    assert at("keys", "enable", revoked).code == 3, "for good"


def test_a_rotated_key_ends_with_its_overlap(at: At, tmp_path: Path) -> None:
    """The configured overlap, or one's own; both keys' ids and the end are told."""
    key_id, _ = at.key()
    ended = at("keys", "rotate", key_id, "--overlap", "0s", "--file", tmp_path / "new.key")
    assert ended.code == 0
    assert f"the old key {key_id} works until" in ended.err
    assert at.told("keys", "show", key_id)["standing"] == "expired"
    assert at("keys", "rotate", key_id).code == 3
    assert at("keys", "rotate", key_id, "--overlap", "soon").code == 2


def test_narrowing_never_widens_and_updating_may(at: At) -> None:
    """'narrow' refuses what would give more; 'update' gives it, within the identity."""
    key_id, _ = at.key("alice", "--address", "10.0.0.0/8", "--model", "u2netp", "--expires", "30d")
    (row,) = at.told("keys", "narrow", key_id, "--address", "10.1.0.0/16", "--scope", "cutout", "--expires", "5d")
    assert (row["addresses"], row["scopes"], row["models"]) == (["10.1.0.0/16"], ["cutout"], ["u2netp"])
    for wider in (
        ("--address", "10.0.0.0/8"),
        ("--address", "any"),
        ("--model", "u2net"),
        ("--scope", "any"),
        ("--expires", "never"),
        ("--expires", "60d"),
    ):
        assert at("keys", "narrow", key_id, *wider).code == 3, wider
    assert at.told("keys", "show", key_id) == row
    (row,) = at.told("keys", "update", key_id, "--address", "any", "--scope", "any", "--expires", "never")
    assert (row["addresses"], row["scopes"], row["expires_at"]) == ([], ["cutout", "self"], None)
    assert at("keys", "update", key_id, "--scope", "keys").code == 3, "its identity has no such scope"
    assert at("keys", "update", key_id).code == 2, "nothing to change"


def test_a_whole_key_in_the_place_of_an_id_is_understood_and_not_repeated(at: At) -> None:
    """It happens; the complaint about an unknown one does not print it either."""
    key_id, key = at.key()
    assert at("keys", "revoke", key).code == 0
    assert at.told("keys", "show", key_id)["state"] == "revoked"
    foreign = "RMBG-PROD-abc123XYZabc123XYZ"
    unknown = at("keys", "revoke", foreign)
    assert unknown.code == 3
    assert foreign not in unknown.out + unknown.err


def test_of_several_ids_none_is_touched_where_one_is_unknown(at: At) -> None:
    """A slip in a long line changes nothing."""
    key_id, _ = at.key()
    assert at("keys", "revoke", key_id, "nosuchkey123").code == 3
    assert at.told("keys", "show", key_id)["state"] == "active"


def test_a_home_that_no_server_uses_is_told_when_one_runs_elsewhere(at: At, tmp_path: Path) -> None:
    """The server of the usual home would never see this key; a read says nothing of it."""
    usual = tmp_path / "usual"
    usual.mkdir()
    with server_on(usual):
        ended = at("keys", "create", "--name", "x", "--tier", "free")
        assert f"the server that runs uses {usual}" in ended.err
        assert "warning" not in at("keys", "list").err
    assert at("keys", "create", "--name", "x").err == "", "it is gone"


def test_the_audit_log_names_the_user_and_not_the_environments_word(at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    """USER and LOGNAME are anybody's to set."""
    monkeypatch.setenv("USER", "somebody-else")
    monkeypatch.setenv("LOGNAME", "somebody-else")
    at.key()
    entries = [json.loads(line) for line in at("audit", "list", "--json").out.splitlines()]
    assert {entry["actor"] for entry in entries} == {actor()}
    assert "somebody-else" not in actor()


def test_names_of_callers_cannot_drive_the_terminal(at: At) -> None:
    """What is not printable is refused; wide and combining letters come through whole."""
    assert at("keys", "create", "--name", "x\x1b[2J", "--tier", "free").code == 3
    assert at("keys", "create", "--name", "Åsa 株式会社", "--tier", "free").code == 0
    assert "Åsa 株式会社" in at("keys", "list").out


def test_an_end_that_is_over_is_told_as_a_date(at: At) -> None:
    """As it was written, and not in seconds."""
    ended = at("keys", "create", "--name", "late", "--tier", "free", "--expires", "2020-01-01")
    assert ended.code == 3
    assert "2020-01-01T00:00:00Z" in ended.err


def test_keys_of_a_tier_that_was_renamed_are_marked(at: At, tmp_path: Path) -> None:
    """They are active and every request of theirs is refused: the list says so, by the configuration it is given."""
    config = tmp_path / "mattegate.toml"
    config.write_text("[tiers.gold]\nrate = '5/min'\n")
    assert at("--config", config, "keys", "create", "--name", "carl", "--tier", "gold").code == 0
    assert at("--config", config, "keys", "list", "--json").out.count('"hint": ""') == 1
    (row,) = at.told("keys", "list")
    assert "no tier gold in this configuration" in row["hint"]
    assert "no tier gold in this configuration" in at("usage", "standing", "carl").out
