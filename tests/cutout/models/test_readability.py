"""Which path component bars the way, for whom."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mattegate.cutout.models.readability import Lstat, User, explain_unreadable, find_barrier

_PATH = Path("/srv/mattegate/models/u2net.onnx")
_WWW = User(33, frozenset({33}), "www-data")


class _Tree:
    """A file system of (mode, uid, gid) by path; what is not listed is root's, open to all."""

    def __init__(self, **entries: tuple[int, int, int]) -> None:
        self._entries = {Path(path): entry for path, entry in entries.items()}

    def lstat(self, path: Path) -> os.stat_result:
        kind = stat.S_IFREG if path.suffix else stat.S_IFDIR
        mode, uid, gid = self._entries.get(path, (0o644 if path.suffix else 0o755, 0, 0))
        return os.stat_result((kind | mode, 0, 0, 1, uid, gid, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("path", "entry", "expected"),
    [
        ("/srv", (0o700, 0, 0), ("/srv", "entered")),
        ("/srv/mattegate", (0o750, 1000, 1000), ("/srv/mattegate", "entered")),
        ("/srv/mattegate/models", (0o754, 0, 0), ("/srv/mattegate/models", "entered")),
        (str(_PATH), (0o640, 1000, 1000), (str(_PATH), "read")),
        (str(_PATH), (0o640, 1000, 33), None),
        (str(_PATH), (0o400, 33, 0), None),
        (str(_PATH), (0o044, 33, 0), (str(_PATH), "read")),
        (str(_PATH), (0o604, 0, 33), (str(_PATH), "read")),
        ("/srv/mattegate/models", (0o711, 0, 0), None),
    ],
)
def test_the_first_closed_component_is_named(
    path: str, entry: tuple[int, int, int], expected: tuple[str, str] | None
) -> None:
    """Folders need x, the file needs r, and only the first class of bits that fits the user counts."""
    barrier = find_barrier(_PATH, _WWW, lstat=_Tree(**{path: entry}).lstat)
    assert (barrier and (str(barrier.component), barrier.act)) == expected


def test_root_reads_everything() -> None:
    """The superuser has no barrier in mode bits."""
    root = User(0, frozenset({0}), "root")
    assert find_barrier(_PATH, root, lstat=_Tree(**{"/srv": (0, 5, 5)}).lstat) is None


def test_the_refusal_names_mode_owner_and_a_minimal_remedy() -> None:
    """The operator reads who owns the component, its mode and the one command that opens it."""
    refusal = explain_unreadable(_PATH, _WWW, model="u2net", lstat=_Tree(**{"/srv": (0o700, 0, 0)}).lstat)
    assert refusal.reason.code == "model.unreadable"
    assert "/srv cannot be entered by user www-data" in refusal.operator_detail
    assert "drwx------ root:root" in refusal.operator_detail
    assert "chmod o+x /srv" in refusal.operator_detail
    assert "/srv" not in refusal.detail


def test_modes_that_allow_it_point_elsewhere() -> None:
    """Where every bit is open, access lists, SELinux and sandboxes are named instead of a wrong chmod."""
    refusal = explain_unreadable(_PATH, _WWW, model="u2net", lstat=_Tree().lstat)
    assert "SELinux" in refusal.operator_detail


def test_symbolic_links_are_followed_to_the_closed_folder(tmp_path: Path) -> None:
    """A link into a closed folder is reported at that folder."""
    closed = tmp_path / "closed"
    closed.mkdir()
    (closed / "m.onnx").write_bytes(b"x")
    (tmp_path / "link").symlink_to("closed")
    barrier = find_barrier(tmp_path / "link" / "m.onnx", _stranger(), lstat=_opened_except(closed))
    assert barrier is not None
    assert (barrier.component, barrier.act) == (closed, "entered")


def test_a_circle_of_links_ends(tmp_path: Path) -> None:
    """Links that lead to each other give no verdict and no endless walk."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert find_barrier(tmp_path / "a", _stranger(), lstat=_opened_except(tmp_path / "none")) is None


_CHILD = """
import json, os, sys
from pathlib import Path
from mattegate.config.settings import Settings
from mattegate.cutout.models.catalogue import built_in
from mattegate.cutout.models.library import ModelLibrary
from mattegate.vocabulary.refusal import Refusal
built_in()  # while the interpreter's own files can be read
library = ModelLibrary(Settings(home=Path(sys.argv[1])))
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    library.open("u2netp")
except Refusal as refusal:
    print(json.dumps([refusal.reason.code, refusal.facts]))
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize(("closed", "act"), [("models", "entered"), ("models/u2netp.onnx", "read")])
def test_a_real_process_without_rights_says_what_bars_it(open_folder: Path, closed: str, act: str) -> None:
    """A process that really may not read names the component and its own user, not just 'permission denied'."""
    (open_folder / "models").mkdir()
    (open_folder / "models" / "u2netp.onnx").write_bytes(b"x")
    (open_folder / closed).chmod(0)
    child = subprocess.run([sys.executable, "-c", _CHILD, str(open_folder)], capture_output=True, text=True, check=True)
    (open_folder / closed).chmod(0o755)
    code, facts = json.loads(child.stdout)
    assert code == "model.unreadable"
    assert (facts["component"], facts["act"]) == (str(open_folder / closed), act)


def _stranger() -> User:
    return User(4_000_000, frozenset({4_000_000}), "stranger")


def _opened_except(closed: Path) -> Lstat:
    """An ``lstat`` of the real tree in which everything but ``closed`` is open to all."""

    def lstat(path: Path) -> os.stat_result:
        real = path.lstat()
        mode = stat.S_IFMT(real.st_mode) | (0o700 if path == closed else 0o755)
        return os.stat_result((mode, 0, 0, 1, 0, 0, 0, 0, 0, 0))

    return lstat
