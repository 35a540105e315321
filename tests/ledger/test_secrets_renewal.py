"""Secrets that are made while a server runs: known with the first key that rests on them, and never forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mattegate.config.secret_purposes import Purpose
from mattegate.config.secrets import rotate_secret
from mattegate.config.settings import Settings
from mattegate.ledger.control import note
from mattegate.ledger.opening import Accounts, Books, open_accounts, open_books
from mattegate.serving.proving.keys import KeyProver
from mattegate.signing.keys import id_of
from mattegate.vocabulary.attempt import Channel, Presented
from mattegate.vocabulary.facts import KeyState

LISTED = "RMBG-PROD-7xWq2mT9vKc4LhZ8dRfN"
CLI = "cli:root"


class Running:
    """The books of a server, and what tells whose a key is."""

    def __init__(self, settings: Settings, books: Books) -> None:
        self.settings, self.books = settings, books
        self.prover = KeyProver(books.accounts.secrets.peppers)

    def proves(self, text: str) -> KeyState | None:
        """The state of the key that ``text`` is; ``None`` where it is none."""
        presented = Presented(Channel.BEARER, key_id=id_of(text) or "")
        fact = self.prover.prove(presented, text, self.books.keyring.snapshot())
        return fact.key.state if fact.key and fact.proven else None


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A server whose configuration lists one key."""
    settings = Settings(home=tmp_path, api_keys=(LISTED,))
    with open_books(settings) as books:
        yield Running(settings, books)


@pytest.fixture
def beside(running: Running) -> Iterator[Accounts]:
    """A desk beside the server, opened after the pepper was rotated."""
    with open_accounts(running.settings) as before:
        before.desk.create_identity("acme", tier="free", actor=CLI)
    assert running.books.keyring.snapshot().identity("acme")
    rotate_secret(running.settings.secrets_dir, Purpose.PEPPER)
    with open_accounts(running.settings) as accounts:
        yield accounts


def test_a_key_under_a_newer_pepper_is_good_at_once(running: Running, beside: Accounts) -> None:
    """A key of our own making, and one from elsewhere, which is found by its digest alone."""
    minted = beside.desk.create_key("acme", actor=CLI)
    brought = "ACME-h4Gt6Yb2QwXz9Lk3Mv8P"
    beside.desk.import_key(brought, name="old", identity="acme", actor=CLI)
    assert running.proves(minted.text) is KeyState.ACTIVE
    assert running.proves(brought) is KeyState.ACTIVE
    assert running.proves(LISTED) is KeyState.ACTIVE


def test_what_is_revoked_under_a_newer_pepper_is_revoked_although_it_is_listed(
    running: Running, beside: Accounts
) -> None:
    """The stored key is known for the listed one, because the listed one is hashed under the new pepper as well."""
    row = beside.desk.import_key(LISTED, name="old", identity="acme", actor=CLI)
    assert running.proves(LISTED) is KeyState.ACTIVE
    beside.desk.revoke_key(row.id, actor=CLI)
    assert running.proves(LISTED) is KeyState.REVOKED


def test_a_rotation_in_the_audit_log_is_enough(running: Running, beside: Accounts) -> None:
    """So that the keys which the server itself makes from then on lie under the new one."""
    note(beside.control, "secret.rotate", "pepper-2", {}, actor=CLI, at=1.0)
    running.books.keyring.snapshot()
    assert running.books.accounts.secrets.peppers.current.version == 2


def test_secrets_that_cannot_be_read_leave_what_is_known_in_use(
    running: Running, beside: Accounts, caplog: pytest.LogCaptureFixture
) -> None:
    """The operator is told; the key that was good before is good still."""
    (running.settings.secrets_dir / "pepper-2").chmod(0o644)
    note(beside.control, "secret.rotate", "pepper-2", {}, actor=CLI, at=1.0)
    assert running.proves(LISTED) is KeyState.ACTIVE
    assert "those that are known stay in use" in caplog.text
    assert "chmod 600" in caplog.text


def test_nothing_is_read_while_nothing_changes(running: Running) -> None:
    """The folder may even be gone."""
    running.books.keyring.snapshot()
    running.settings.secrets_dir.rename(running.settings.home / "away")
    assert running.proves(LISTED) is KeyState.ACTIVE
