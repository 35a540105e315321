"""What /proc tells, asked about real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench import processes

_FAMILY = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import sys; print(sum(range(10**6))); sys.stdin.read()"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
sys.stdin.read()
child.communicate()
"""


@contextmanager
def family() -> Iterator[tuple[int, int]]:
    """A parent with one child, both waiting; their process ids."""
    with subprocess.Popen([sys.executable, "-c", _FAMILY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        yield parent.pid, int(parent.stdout.readline())


def test_tree_finds_parent_and_child() -> None:
    """The tree starts at its root and holds the child; once they ended, nobody is alive."""
    with family() as (parent, child):
        assert processes.tree(parent) == (parent, child)
        assert processes.descendants(parent) == (child,)
        assert "-c" in processes.command(child)
    assert processes.tree(parent) == ()
    assert not processes.alive(child)


def test_memory_of_the_tree_is_more_than_of_its_child() -> None:
    """Proportional set sizes add up over the tree, in megabytes."""
    with family() as (parent, child):
        assert 1 < processes.pss_mb(child) < processes.pss_mb(parent) < 500


def test_the_own_peak_is_seen_and_begins_again() -> None:
    """Ninety megabytes that were there for a moment are in it, until it is set back."""
    processes.forget_peak()
    before = processes.peak_mb()
    large = bytearray(90_000_000)
    large[::4_096] = b"x" * len(large[::4_096])
    assert processes.peak_mb() > before + 80
    del large
    processes.forget_peak()
    assert processes.peak_mb() < before + 60


def test_own_processor_time_grows() -> None:
    """User and system time of all threads, in seconds."""
    before = processes.cpu_seconds(os.getpid())
    while processes.cpu_seconds(os.getpid()) < before + 0.02:
        sum(range(100_000))
    assert processes.cpu_seconds(os.getpid()) < before + 30


def test_the_machine_is_at_least_as_busy_as_this_process() -> None:
    """What the whole machine used contains what we used, up to the clock's ticks."""
    own, machine = processes.cpu_seconds(os.getpid()), processes.machine_busy_seconds()
    while processes.cpu_seconds(os.getpid()) < own + 0.1:
        sum(range(100_000))
    assert processes.machine_busy_seconds() - machine >= 0.05


def test_open_files_are_counted() -> None:
    """Opening one more is seen."""
    before = processes.open_files(os.getpid())
    reading, writing = os.pipe()
    assert processes.open_files(os.getpid()) == before + 2
    os.close(reading)
    os.close(writing)


def test_a_process_that_is_gone_counts_as_nothing() -> None:
    """A race with an ending process is no error."""
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    assert processes.pss_mb(gone.pid) == 0
    assert processes.cpu_seconds(gone.pid) == 0
    assert processes.command(gone.pid) == ""
