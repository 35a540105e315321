"""The search for secrets at the end of every run finds each kind, wherever it was planted, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from mattegate.config.secrets import load_secrets
from mattegate.config.settings import Settings
from mattegate.ledger.desk_keys import Terms
from mattegate.ledger.opening import open_accounts
from mattegate.signing.keys import mint, mint_signing
from tests.spilled import Spilled, spilled_in, spilled_under

ROOT = Path(__file__).parents[1]


@pytest.fixture
def apart() -> Iterator[Path]:
    """A folder that is gone after the test, so that what is planted here is not found at the end of this very run."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture
def home(apart: Path) -> Path:
    """An installation with a key, a signing key and a log beside it."""
    home = apart / "run" / "home"
    with open_accounts(Settings(home=home)) as accounts:
        accounts.desk.create_identity("ann", tier="free", actor="cli:test")
        accounts.desk.create_key("ann", actor="cli:test")
        accounts.desk.create_signing_key("ann", actor="cli:test", terms=Terms())
    (apart / "run" / "server.log").write_text("auth initialized\n")
    return home


def test_an_installation_spills_nothing(home: Path) -> None:
    """Of keys only digests are kept, signing secrets lie sealed, and the rest is in its own folder."""
    assert list((home / "secrets").iterdir())
    assert spilled_under(home.parent.parent) == []


def _key(_: Path) -> bytes:
    return mint("sk_prod_").text.encode()


def _foreign_brand(_: Path) -> bytes:
    return mint("acme-live-").text.encode()


def _signing(_: Path) -> bytes:
    return mint_signing().text.encode()


def _token(_: Path) -> bytes:
    return b"eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJlLXRoYXQtaXMtbG9uZw"


def _pepper(home: Path) -> bytes:
    return load_secrets(home / "secrets", {}).peppers.current.secret


def _kek_encoded(home: Path) -> bytes:
    return urlsafe_b64encode(load_secrets(home / "secrets", {}).keks.current.secret)


PLANTED = {
    "an API key": _key,
    "an API key of another brand": _foreign_brand,
    "the secret of a signing key": _signing,
    "a token": _token,
    "the installation's secret pepper": _pepper,
    "the installation's secret kek": _kek_encoded,
}


@pytest.mark.parametrize("what", PLANTED)
@pytest.mark.parametrize("where", ["server.log", "home/ledger/records.db", "home/ledger/spool/1", "home/crash-1"])
def test_a_planted_secret_is_found_and_its_place_is_named(home: Path, what: str, where: str) -> None:
    """Whatever stands around it; and of the secret itself nothing is told."""
    secret = PLANTED[what](home)
    place = home.parent / where
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b'\x00\xff{"detail": "' + secret + b'"}\n')
    found = spilled_under(home.parent.parent)
    assert {one.place for one in found} == {str(place)}
    assert any(what.startswith(one.what) or one.what.startswith(what) for one in found)
    assert secret.decode("latin-1") not in str(found)


@pytest.mark.parametrize(
    "text",
    [
        b"sk_prod_AbCdEfGhIjKl_************",
        mint("sk_prod_").text[:-1].encode() + b"!",
        b"mgsign_short",
        b"key_id=AbCdEfGhIjKl nonce=0123456789abcdef0123456789abcdef01234567",
        b"eyJhbGciOiJub25lIn0.",
    ],
)
def test_what_only_looks_like_a_secret_is_none(text: bytes) -> None:
    """Masked keys, mistyped keys, ids and hashes may be told."""
    assert list(spilled_in(text, "")) == []


def test_a_run_that_spills_fails_and_names_the_file(apart: Path) -> None:
    """The guard itself, over a run of its own whose only test passes."""
    (apart / "conftest.py").write_text(
        "from tests.conftest import nothing_is_spilled, pytest_runtest_logreport  # noqa: F401\n"
    )
    ended = _run(apart, 'def test_it(tmp_path):\n    (tmp_path / "server.log").write_text("calm")\n')
    assert ended.returncode == 0, ended.stdout
    ended = _run(
        apart,
        "from mattegate.signing.keys import mint\n"
        'def test_it(tmp_path):\n    (tmp_path / "server.log").write_text(mint("sk_prod_").text)\n',
    )
    assert ended.returncode == 1
    assert "secrets were written where none belong:" in ended.stdout
    assert "server.log: an API key" in ended.stdout
    ended = _run(
        apart,
        "import logging\nfrom mattegate.signing.keys import mint\n"
        'def test_it():\n    logging.getLogger("mattegate").warning(mint("sk_prod_").text)\n',
    )
    assert "Captured log call of" in ended.stdout
    assert ended.returncode == 1


def _run(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(text)
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), "-c", "/dev/null"]
    line += [str(folder / "test_it.py"), "--basetemp", str(folder / "base")]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_places_are_told_with_what_is_there() -> None:
    """One line each."""
    assert str(Spilled("a/server.log", "an API key")) == "a/server.log: an API key"
