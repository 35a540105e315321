"""What the figures were taken on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Final

_LIBRARIES: Final = ("onnxruntime", "numpy", "opencv-python-headless", "pillow", "simplejpeg", "isal", "uvicorn")


def describe() -> dict[str, object]:
    """Processor, cores, memory, system, interpreter, libraries, and how busy the machine was when asked."""
    return {
        "processor": _first("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "memory_mb": int((_first("/proc/meminfo", "MemTotal") or "0 kB").split()[0]) // 1000,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def _first(file: str, key: str) -> str:
    lines = Path(file).read_text(encoding="utf-8", errors="replace").splitlines() if Path(file).exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")
