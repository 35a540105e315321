"""``mattegate keys scan``: keys in all kinds of files, however large, and what they still open."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.cli.leak_reading import OVERLAP, PIECE, keys_in
from mattegate.signing.keys import mint
from tests.cli.at_home import At
from tests.cli.processes import call, real


def found(content: bytes, prefix: str = "sk_prod_") -> list[tuple[int, str]]:
    """Lines and keys of a file."""
    read = keys_in(io.BytesIO(content), "f", [prefix], lambda count: None)
    return [(one.leak.line, one.text) for one in read]


def test_a_folder_is_searched_and_each_find_told_with_its_place(at: At, tmp_path: Path) -> None:
    """Line, masked key, checksum, standing here; exit code 3; the key itself never."""
    key_id, key = at.key()
    stranger = mint("sk_test_").text
    folder = tmp_path / "src"
    (folder / "deep").mkdir(parents=True)
    (folder / "app.py").write_text(f"import os\n\nKEY = '{key}'\n")
    (folder / "deep" / ".env").write_text(f"A=1\nKEY={stranger}\n")
    (folder / "deep" / "image.bin").write_bytes(b"\x00\xff" * 1_000 + key.encode() + b"\x00")
    (folder / "docs.md").write_text(f"curl -H 'X-API-Key: {key[:-1]}{'a' if key[-1] != 'a' else 'b'}'\n")
    ended = at("keys", "scan", folder)
    assert ended.code == 3
    places = [line.partition(": ")[0] for line in ended.out.splitlines()]
    assert places == [f"{folder}/{name}" for name in ("app.py:3", "docs.md:1", "deep/.env:2", "deep/image.bin:1")]
    told = dict(zip(places, ended.out.splitlines(), strict=True))
    assert told[f"{folder}/app.py:3"].endswith("checksum fits, active here")
    assert told[f"{folder}/docs.md:1"].endswith("mistyped, or an example, unknown here")
    assert told[f"{folder}/deep/.env:2"].endswith("checksum fits, unknown here")
    assert key_id in ended.out
    assert key not in ended.out + ended.err
    assert stranger not in ended.out


def test_revoking_takes_back_what_works_here_and_admin_tokens_too(at: At, tmp_path: Path) -> None:
    """Once for a key that lies in many places; a second scan finds it revoked, and still says 3."""
    key_id, key = at.key()
    token = at.told("admins", "create", "root")["token"]
    leak = tmp_path / "history"
    leak.write_text(f"{key}\n{token}\n" * 3)
    told = [json.loads(line) for line in at("keys", "scan", leak, "--revoke", "--json").out.splitlines()]
    assert [one["here"] for one in told[:-1]] == ["active"] * 6
    assert told[-1]["summary"] == {"files": 1, "found": 6, "live": 2, "revoked": 2, "unreadable": 0}
    assert at.told("keys", "show", key_id)["state"] == "revoked"
    assert at.told("admins", "list")[0]["state"] == "revoked"
    again = at("keys", "scan", leak)
    assert again.code == 3
    assert "revoked here" in again.out


def test_a_clean_folder_is_exit_code_0_and_a_missing_path_a_mistake(at: At, tmp_path: Path) -> None:
    """So that it can stand in a pipeline."""
    (tmp_path / "clean.txt").write_text("nothing here\n")
    assert at("keys", "scan", tmp_path).code == 0
    assert at("keys", "scan", tmp_path / "nowhere").code == 2
    assert not at.home.exists()


def test_without_a_ledger_keys_are_found_all_the_same(at: At, tmp_path: Path) -> None:
    """On a machine that builds, where there is nothing to ask; nothing is made there."""
    (tmp_path / "a.txt").write_text(mint("sk_prod_").text)
    ended = at("keys", "scan", tmp_path)
    assert ended.code == 3
    assert "no ledger here" in ended.out
    assert not at.home.exists()


def test_standard_input_is_searched(at: At) -> None:
    """``git log -p | mattegate keys scan -``."""
    key = mint("sk_prod_").text
    ended = call(real("--home", at.home, "keys", "scan", "-"), stdin=f"diff\n+{key}\n".encode())
    assert ended.code == 3
    assert ended.out.startswith("(standard input):2: sk_prod_")


def test_what_cannot_be_read_is_told_and_makes_the_end_a_failure(at: At, tmp_path: Path) -> None:
    """A link to nowhere and a folder without rights hide nothing silently; special files are not waited for."""
    import os  # noqa: PLC0415 - only here

    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "named").symlink_to(tmp_path / "nowhere")
    assert at("keys", "scan", tmp_path).code == 0
    ended = at("keys", "scan", tmp_path / "named")
    assert ended.code == 1
    assert "cannot be read" in ended.err


def test_a_hostile_name_of_a_file_is_shown_and_not_obeyed(at: At, tmp_path: Path) -> None:
    """A file name may hold what a terminal would do."""
    (tmp_path / "a\x1b[2J\nb").write_text(mint("sk_prod_").text)
    out = at("keys", "scan", tmp_path).out
    assert "\x1b" not in out
    assert out.count("\n") == 1


@pytest.mark.parametrize("shift", [0, 1, 7, 30, 58, 59, 60, OVERLAP])
def test_a_key_across_the_end_of_a_piece_is_found_once_on_its_line(shift: int) -> None:
    """Pieces overlap; what lies in both is told once."""
    key = mint("sk_prod_").text
    before = b"\n" * 10 + b"x " * ((PIECE - 10 - shift) // 2)
    content = before[: PIECE - shift] + b" " + key.encode() + b" \n" + b"y" * 100
    assert found(content) == [(11, key)]


def test_the_end_of_many_pieces_is_on_the_right_line() -> None:
    """Three megabytes of lines, a key on the last one."""
    key = mint("sk_prod_").text
    lines = 300_000
    assert found(b"ten bytes\n" * lines + key.encode()) == [(lines + 1, key)]


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_read_by_its_mark(codec: str) -> None:
    """What a Windows shell writes; without a mark it is bytes like any other."""
    key = mint("sk_prod_").text
    marked = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(codec, b"")
    assert found(marked + f"a\nkey={key}\n".encode(codec)) == [(2, key)]


def test_headers_and_addresses_are_seen_through() -> None:
    """Basic credentials in base 64, a key in a percent-encoded query."""
    key = mint("sk_prod_").text
    basic = base64.b64encode(f"api:{key}".encode())
    address = key.replace("_", "%5F").encode()
    assert found(b"Authorization: Basic " + basic + b"\nGET /?key=" + address) == [(1, key), (2, key)]


@settings(max_examples=60)
@given(st.binary(max_size=300), st.binary(max_size=300))
def test_whatever_stands_around_a_key_it_is_found(before: bytes, after: bytes) -> None:
    """A right checksum is a key wherever it stands; no bytes break the reading."""
    key = mint("sk_prod_").text
    before = before.removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")
    keys = [text for _, text in found(b"|" + before + key.encode() + after)]
    assert key in keys
