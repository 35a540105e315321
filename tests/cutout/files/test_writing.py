"""Files that are whole or not there."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mattegate.cutout.files.writing import sweep_parts, write_whole


def names_in(folder: Path) -> list[str]:
    """What stands in a folder, hidden files included, sorted."""
    return sorted(path.name for path in folder.iterdir())


def test_missing_folders_are_made_and_an_old_file_is_replaced(tmp_path: Path) -> None:
    """What stands under the name afterwards is the new content, and nothing stands beside it."""
    target = tmp_path / "deep" / "a.png"
    write_whole(target, b"old")
    write_whole(target, memoryview(b"new"))
    assert target.read_bytes() == b"new"
    assert names_in(target.parent) == ["a.png"]


def test_a_failed_write_leaves_nothing_beside_the_target(tmp_path: Path) -> None:
    """A folder stands where the file should; the half-written file is gone."""
    (tmp_path / "a.png" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path / "a.png", b"new")
    assert names_in(tmp_path) == ["a.png"]


def test_the_rights_are_those_of_any_new_file(tmp_path: Path) -> None:
    """A cut-out is not more private than what a text editor writes there."""
    write_whole(tmp_path / "a.png", b"x")
    (tmp_path / "b").write_bytes(b"x")
    assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == stat.S_IMODE((tmp_path / "b").stat().st_mode)


def test_leftovers_of_the_dead_are_swept_and_those_of_the_living_are_not(tmp_path: Path) -> None:
    """Another process may be writing into the same folder right now."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead = tmp_path / "sub" / f".mattegate-{ended.pid}-0123abcd.part"
    living = tmp_path / f".mattegate-{os.getpid()}-0123abcd.part"
    dead.parent.mkdir()
    for path in (dead, living, tmp_path / ".mattegate-notes.part"):
        path.touch()
    assert sweep_parts(tmp_path) == 1
    assert names_in(tmp_path) == sorted([living.name, ".mattegate-notes.part", "sub"])
