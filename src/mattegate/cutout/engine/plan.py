"""How many workers with how many threads, and what they are told: an environment and settings without any secret.

Measured on two cores with u2netp: one worker with two threads has the lowest latency; two workers with one thread each
gain six per cent in throughput, at twice the memory and nearly twice the latency. So cores go to threads first, and a
worker is added for every four of them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from mattegate.config.settings import EngineSettings, Settings

CORES_PER_WORKER: Final = 4

WORKER_ENVIRONMENT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
        "MALLOC_TRIM_THRESHOLD_": str(1 << 31),
        "OMP_WAIT_POLICY": "PASSIVE",
    }
)
"""What every worker finds in its environment, besides the number of threads.

With ONNX Runtime's arena and memory pattern off and these two malloc thresholds, a worker is as fast as with the
arena and holds 280 MB instead of 470 MB: freed memory stays in the heap, where both the network and the image buffers
find it again, instead of going back to the kernel page by page. ``PASSIVE`` keeps idle OpenMP threads from spinning.
"""

_PASSED_ON: Final = frozenset({"PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR", "VIRTUAL_ENV", "MATTEGATE_HOME"})
_PASSED_ON_FAMILIES: Final = ("LC_", "LD_", "PYTHON", "OMP_", "ORT_", "CUDA_", "NVIDIA_", "XDG_", "MALLOC_")


@dataclass(frozen=True, slots=True)
class Plan:
    """How the machine's cores are used."""

    workers: int
    threads: int


def plan(settings: EngineSettings, cores: int) -> Plan:
    """Share ``cores`` among workers; what the settings name wins over what fits the machine."""
    workers = settings.workers or max(1, cores // CORES_PER_WORKER)
    return Plan(workers, settings.threads or max(1, cores // workers))


def usable_cores(root: Path = Path("/")) -> int:
    """How many cores this process may keep busy: its CPU affinity, lowered by a container's CPU quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota(root)
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def cpu_quota(root: Path = Path("/")) -> float | None:
    """The control group's CPU quota in cores (version 2, else version 1), ``None`` where there is none."""
    groups = root / "sys/fs/cgroup"
    words = _words(groups / "cpu.max") or [
        *_words(groups / "cpu/cpu.cfs_quota_us"),
        *_words(groups / "cpu/cpu.cfs_period_us"),
    ]
    match words:
        case [quota, period] if quota.isdecimal() and period.isdecimal() and int(period):
            return int(quota) / int(period)
    return None


def worker_environment(own: Mapping[str, str], threads: int) -> dict[str, str]:
    """The environment of a worker: what it needs of ``own``, never secrets, with the settings measured above."""
    passed_on = {
        name: value for name, value in own.items() if name in _PASSED_ON or name.startswith(_PASSED_ON_FAMILIES)
    }
    return {**WORKER_ENVIRONMENT, "OMP_NUM_THREADS": str(threads), **passed_on}


def worker_settings(settings: Settings) -> Settings:
    """What a worker goes by, and nothing else: its command line is there for every user of the machine to read.

    Workers fetch nothing, so they do not learn of a mirror either, whose address may hold a password.
    """
    return Settings(
        home=settings.home,
        models=replace(settings.models, base_url=""),
        upload=settings.upload,
        cutout=settings.cutout,
        engine=settings.engine,
    )


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
