"""What Linux tells about a process and its descendants: memory, processor time, open files.

Rules of this file: it reads /proc and starts nothing; of this process it sets the peak back, and nothing else. A
process that ends while it is looked at counts as nothing.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


def tree(root: int) -> tuple[int, ...]:
    """The process ``root`` and all its living descendants, parents first; empty when it is gone."""
    children = defaultdict(list)
    for pid, parent in _parents():
        children[parent].append(pid)
    found = [root] if alive(root) else []
    for pid in found:
        found.extend(children[pid])
    return tuple(found)


def descendants(root: int) -> tuple[int, ...]:
    """Everything below ``root``."""
    return tree(root)[1:]


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    fields = _stat(pid)
    return fields is not None and fields[0] not in {"Z", "X"}


def pss_mb(root: int) -> float:
    """The proportional set size of the whole tree in megabytes: shared pages are shared out, so the sum is true.

    Source: Documentation/filesystems/proc.rst of Linux, ``smaps_rollup``.
    """
    return sum(_pss_kb(pid) for pid in tree(root)) * 1024 / 1e6


def peak_mb() -> float:
    """The greatest resident size of this very process in megabytes, since :func:`forget_peak` if that was possible.

    Not ``ru_maxrss``: Linux hands that on to whatever a process starts, so that the child of a large parent never
    tells less than the parent had. Source: proc_pid_status(5), ``VmHWM``.
    """
    lines = (PROC / "self" / "status").read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / 1e6


def forget_peak() -> None:
    """Let :func:`peak_mb` begin again at what is resident now; where /proc may only be read, nothing happens.

    Source: proc_pid_clear_refs(5), 5.
    """
    with suppress(OSError):
        (PROC / "self" / "clear_refs").write_text("5", encoding="ascii")


def cpu_seconds(root: int) -> float:
    """Processor time that the living processes of the tree have used so far, user and system, all threads."""
    # Fields 14 and 15 of proc_pid_stat(5); _stat starts at field 3.
    return sum(int(fields[11]) + int(fields[12]) for pid in tree(root) if (fields := _stat(pid))) / _TICKS_PER_S


def machine_busy_seconds() -> float:
    """Processor time that anything on this machine has used since it started, what its host took away included.

    Source: proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal; guests count as user already.
    """
    user, nice, system, _, _, irq, softirq, steal = (
        int(ticks) for ticks in (PROC / "stat").read_text(encoding="ascii").split()[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / _TICKS_PER_S


def open_files(pid: int) -> int:
    """How many descriptors the process holds."""
    return sum(1 for _ in (PROC / str(pid) / "fd").iterdir())


def command(pid: int) -> str:
    """The command line, for a person."""
    text = _read(PROC / str(pid) / "cmdline")
    return text.replace("\0", " ").strip() if text else ""


def _parents() -> Iterator[tuple[int, int]]:
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))) and fields[0] not in {"Z", "X"}:
            yield int(entry.name), int(fields[1])


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the third on (state, parent …): the second may hold blanks and brackets."""
    text = _read(PROC / str(pid) / "stat")
    return text.rpartition(")")[2].split() if text else None


def _pss_kb(pid: int) -> int:
    text = _read(PROC / str(pid) / "smaps_rollup") or ""
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
