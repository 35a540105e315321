"""What the operating system says about a file becomes the reason that tells what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from mattegate.cutout.files.faults import unreadable, unwritable

FULL = Path("/dev/full")


def test_a_full_disk_is_told_from_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    """One asks for room, the other for another place: /dev/full takes nothing, and a folder is no file."""
    with pytest.raises(OSError, match="No space left") as full:
        FULL.write_bytes(b"x")
    no = unwritable(tmp_path / "a.png", full.value)
    assert no.reason.code == "file.disk_full"
    assert "no space left on device" in no.detail
    assert "Make room" in no.remedy

    with pytest.raises(OSError, match="directory") as folder:
        tmp_path.write_bytes(b"x")
    assert unwritable(tmp_path, folder.value).reason.code == "file.unwritable"


def test_what_cannot_be_read_is_told_in_the_systems_words(tmp_path: Path) -> None:
    """A link that leads to itself."""
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(OSError, match="symbolic links") as caught:
        loop.read_bytes()
    no = unreadable(loop, caught.value)
    assert no.reason.code == "file.unreadable"
    assert str(loop) in no.detail
