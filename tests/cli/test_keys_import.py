"""``mattegate keys import``: lists as people have them, and nothing of a key ever shown."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.cli.key_list import read_list
from mattegate.config.load import ConfigurationError
from mattegate.signing.keys import digest_key
from tests.cli.at_home import At
from tests.cli.processes import call, real
from tests.ledger.control_support import bytes_on_disk

GUIDE = 'api_keys:\n  - "RMBG-PROD-abc123XYZ"\n  - "RMBG-TEST-def456UVW"\nserver:\n  port: 8000\n'
TEXTS = ("RMBG-PROD-abc123XYZ", "RMBG-TEST-def456UVW")


def test_the_published_guides_file_is_taken_as_it_is(at: At, tmp_path: Path) -> None:
    """Its two keys belong to one identity of the import tier, and are found by their digests."""
    file = tmp_path / "service.yaml"
    file.write_text(GUIDE)
    told = at.told("keys", "import", "--file", file)
    assert (told["identity"], told["imported"]) == ("imported", 2)
    assert [one["line"] for one in told["keys"]] == [2, 3]
    assert at.told("identities", "show", "imported")["tier"] == at.settings.keys.import_tier
    rows = at.told("keys", "list")
    assert all(row["imported"] and row["standing"] == "active" for row in rows)
    assert all(text.encode() not in bytes_on_disk(at.home / "ledger") for text in TEXTS)


def test_importing_again_changes_nothing(at: At, tmp_path: Path) -> None:
    """A list that has grown can be imported whole: what is known is left alone."""
    file = tmp_path / "keys.txt"
    file.write_text(f"# ours\n{TEXTS[0]}\n")
    first = at.told("keys", "import", "--file", file)
    file.write_text(f"# ours\n{TEXTS[0]}\n\n  - '{TEXTS[1]}'\r\n")
    second = at.told("keys", "import", "--file", file)
    assert [one["outcome"] for one in second["keys"]] == ["known", "imported"]
    assert second["keys"][0]["id"] == first["keys"][0]["id"]
    assert len(at.told("keys", "list")) == 2


def test_a_pipe_is_read_and_a_bad_line_is_told_by_its_number(at: At) -> None:
    """The good ones are brought all the same; exit code 3; no text of any of them in the answer."""
    piped = b"good-key-1234\nshort\nwith space in it\n" + b"x" * 600 + b"\ngood-key-5678\n"
    line = real("--home", at.home, "keys", "import", "--identity", "legacy", "--tier", "enterprise", "--json")
    ended = call(line, stdin=piped)
    assert ended.code == 3
    told = json.loads(ended.out)
    assert [one["outcome"] for one in told["keys"]] == ["imported", "refused", "refused", "refused", "imported"]
    assert (told["imported"], told["refused"]) == (2, 3)
    shown = ended.out + ended.err
    assert not any(word in shown for word in ("good-key", "short\n", "with space", "xxxx"))
    assert at.told("identities", "show", "legacy")["tier"] == "enterprise"


def test_a_key_of_another_home_keeps_its_id(at: At, tmp_path: Path) -> None:
    """Moving between two installations of this service: same key, same id, same environment."""
    other = At(tmp_path / "other", at.capsys)
    key_id, text = other.key("alice", "--environment", "test")
    file = tmp_path / "keys.txt"
    file.write_text(text)
    (brought,) = at.told("keys", "import", "--file", file)["keys"]
    assert (brought["id"], brought["environment"]) == (key_id, "test")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"api_keys: RMBG-PROD-secret\n", "it must be a list"),
        (b"api_keys:\n  - name: RMBG-PROD-secret\n", "it must be a list"),
        (b"api_keys:\n  - 'RMBG-PROD-secret\n", "a quote is opened"),
        (b"api_keys = ['RMBG-PROD-secret'\n", "api_keys"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_with_its_place_and_nothing_of_it(
    at: At, tmp_path: Path, content: bytes, problem: str
) -> None:
    """Exit code 2, as for any configuration with a fault; nothing is made."""
    file = tmp_path / "keys.yaml"
    file.write_bytes(content)
    ended = at("keys", "import", "--file", file)
    assert ended.code == 2
    assert problem in ended.err
    assert "RMBG" not in ended.out + ended.err
    assert not at.home.exists()


def test_nothing_to_import_is_a_mistake_in_the_line(at: At, tmp_path: Path) -> None:
    """An empty list, a missing file, a folder."""
    (tmp_path / "empty").write_text("# nothing\n\n")
    assert at("keys", "import", "--file", tmp_path / "empty").code == 2
    assert at("keys", "import", "--file", tmp_path / "none").code == 1
    assert at("keys", "import", "--file", tmp_path).code == 1


def test_an_imported_key_is_found_by_its_digest(at: At, tmp_path: Path) -> None:
    """What is kept is the HMAC under the home's own pepper."""
    from mattegate.config.secrets import load_secrets  # noqa: PLC0415 - only here
    from mattegate.ledger.opening import open_accounts  # noqa: PLC0415

    (tmp_path / "k").write_text(TEXTS[0])
    (told,) = at.told("keys", "import", "--file", tmp_path / "k")["keys"]
    with open_accounts(at.settings) as accounts:
        digest = digest_key(TEXTS[0], load_secrets(at.settings.secrets_dir).peppers.current)
        assert accounts.control.snapshot().foreign[digest].view.id == told["id"]


@given(st.binary(max_size=200))
def test_no_file_breaks_the_reading(content: bytes) -> None:
    """It is a list of keys, or a fault of the file."""
    for head in (b"", b"api_keys:\n", b"api_keys = "):
        with contextlib.suppress(ConfigurationError):
            assert all(one.line >= 0 for one in read_list(head + content, "f"))
