"""How much memory a process holds, and how a worker limits itself. Linux figures; elsewhere nothing is known.

Two nets hold one image: the worker's own address-space limit turns a blow-up into ``MemoryError``, which it can
answer; and the engine watches the resident size from outside for what slips through.
"""

from __future__ import annotations

import mmap
import resource
from pathlib import Path
from typing import Final

_EXHAUSTED: Final = (
    "bad_alloc",
    "failed to allocate memory",
    "insufficient memory",
    "cannot allocate memory",
    "can't start new thread",
)


def resident_bytes(pid: int | str = "self") -> int | None:
    """The resident size of a process (proc(5), ``statm``), ``None`` where it cannot be known or the process is gone."""
    return _statm(pid, 1)


def address_space_bytes() -> int | None:
    """The size of this process's address space, ``None`` where it cannot be known."""
    return _statm("self", 0)


def limit_address_space(ceiling: int | None) -> None:
    """Let this process map no more than ``ceiling`` bytes in all; ``None`` lifts the limit again."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = resource.RLIM_INFINITY if ceiling is None else ceiling
    if hard != resource.RLIM_INFINITY and (soft == resource.RLIM_INFINITY or soft > hard):
        soft = hard
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` means that memory ran out.

    ONNX Runtime and OpenCV report a failed allocation as their general exception, and Python a thread without room for
    its stack as ``RuntimeError``, so that only the text tells.
    """
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(sign in text for sign in _EXHAUSTED)


def _statm(pid: int | str, column: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[column]) * mmap.PAGESIZE
    except (OSError, IndexError):
        return None
