"""One gate process to a home."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mattegate.config.faults import ConfigurationError
from mattegate.config.settings import Settings
from mattegate.ledger.home_lock import LOCK_FILE, lock_home
from mattegate.ledger.opening import open_books
from mattegate.vocabulary.refusal import Refusal
from tests.ledger.control_support import child

HOLDER = """
import sys, pathlib
from mattegate.ledger.home_lock import lock_home
with lock_home(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_second_process_is_told_who_holds_the_home(tmp_path: Path) -> None:
    """The refusal names home and process, and the home is free once that process ends."""
    with child(HOLDER, tmp_path) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Refusal) as refused, lock_home(tmp_path):
            pytest.fail("two processes hold one home")
        assert refused.value.reason.code == "admin.conflict"
        assert refused.value.facts == {"home": str(tmp_path), "pid": holder.pid}
        assert str(holder.pid) in refused.value.operator_detail
        holder.communicate("\n", timeout=30)
    with lock_home(tmp_path):
        assert (tmp_path / LOCK_FILE).read_text() == f"{os.getpid()}\n"


def test_a_killed_holder_leaves_no_stale_lock(tmp_path: Path) -> None:
    """After kill -9 the next process goes ahead, although the file still names the dead one."""
    with child(HOLDER, tmp_path) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        holder.kill()
        holder.wait(30)
        with lock_home(tmp_path):
            assert (tmp_path / LOCK_FILE).read_text() == f"{os.getpid()}\n"


def test_the_lock_is_let_go_when_the_work_fails(tmp_path: Path) -> None:
    """An exception inside does not keep the home."""
    with pytest.raises(RuntimeError), lock_home(tmp_path / "new"):
        raise RuntimeError
    with lock_home(tmp_path / "new"), pytest.raises(Refusal), lock_home(tmp_path / "new"):
        pytest.fail("held twice")


def test_a_holder_that_has_not_written_its_id_yet_is_process_0(tmp_path: Path) -> None:
    """Whatever stands in the file, the refusal is the same."""
    with lock_home(tmp_path):
        (tmp_path / LOCK_FILE).write_text("what?")
        with pytest.raises(Refusal) as refused, lock_home(tmp_path):
            pytest.fail("held twice")
    assert refused.value.facts["pid"] == 0


def test_a_home_that_takes_nothing_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    """A disk that is read-only, or a file where the folder should be: named with the setting, and no fault of ours."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError) as refused, open_books(Settings(home=tmp_path / "file" / "home")):
        pytest.fail("a home below a file")
    (fault,) = refused.value.faults
    assert (fault.setting, fault.origin) == ("home", str(tmp_path / "file" / "home"))
    assert "nothing can be written there: Not a directory" in fault.problem
