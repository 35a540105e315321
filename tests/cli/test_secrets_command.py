"""``mattegate secrets``: names and versions, never a secret; and a new pepper under which old keys go on."""

from __future__ import annotations

import json

from tests.cli.at_home import At, server_on


def test_nothing_of_a_secret_is_shown(at: At) -> None:
    """Name, version, origin, and how many keys rest on it."""
    at.key()
    told = at.told("secrets", "list")
    assert [(row["name"], row["keys"]) for row in told] == [
        ("pepper-1", 1),
        ("kek-1", 0),
        ("token-1", None),
        ("seal", None),
    ]
    secrets = [file.read_text().strip() for file in (at.home / "secrets").iterdir() if file.name != ".lock"]
    shown = at("secrets", "list").out + str(told)
    assert secrets
    assert not any(secret[:12] in shown for secret in secrets if secret)


def test_a_new_pepper_is_for_new_keys_and_old_ones_stay_where_they_are(at: At) -> None:
    """Each pepper is kept as long as a key rests on it."""
    at.key("old")
    assert at.told("secrets", "rotate", "pepper") == {"name": "pepper-2", "version": 2}
    at.key("new")
    told = {row["name"]: (row["current"], row["keys"]) for row in at.told("secrets", "list")}
    assert (told["pepper-1"], told["pepper-2"]) == ((False, 1), (True, 1))


def test_signing_secrets_and_tokens_have_versions_too(at: At) -> None:
    """A new key-encryption key seals what is made from then on; what is sealed already stays under the old one."""
    at("keys", "create-signing", "--name", "ci", "--tier", "free")
    assert at.told("secrets", "rotate", "kek") == {"name": "kek-2", "version": 2}
    at("keys", "create-signing", "--name", "second", "--identity", "ci")
    told = {row["name"]: (row["current"], row["keys"]) for row in at.told("secrets", "list")}
    assert (told["kek-1"], told["kek-2"]) == ((False, 1), (True, 1))
    assert at.told("secrets", "rotate", "token")["name"] == "token-2"


def test_a_running_server_is_named_where_it_goes_on_with_the_old_one(at: At) -> None:
    """It signs tokens with what it had when it started; peppers and keks it learns by itself."""
    at.home.mkdir()
    with server_on(at.home) as server:
        told = f"the server (process {server.process.pid}) signs with the old one until it is started again"
        assert told in at("secrets", "rotate", "token").err
        assert told not in at("secrets", "rotate", "pepper").err


def test_a_rotation_stands_in_the_audit_log(at: At) -> None:
    """By whom, and which version it made."""
    at.key()
    at("secrets", "rotate", "kek")
    newest = json.loads(at("audit", "list", "--json").out.splitlines()[-1])
    assert (newest["act"], newest["subject"]) == ("secret.rotate", "kek-2")
    assert newest["actor"].startswith("cli:")


def test_a_home_without_secrets_has_none_to_list(at: At) -> None:
    """A configuration fault with its place, exit code 2; none is made in passing."""
    ended = at("secrets", "list")
    assert ended.code == 2
    assert str(at.home / "secrets") in ended.err
    assert at("secrets", "rotate", "pepper").code == 2
    assert not at.home.exists()
