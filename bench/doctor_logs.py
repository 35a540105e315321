"""How fast the doctor reads large logs, and in how much memory.

Logs of 1 GB each, made up while they are read, one of each format and of what wraps them: most hold nothing but
refusals, of hundreds of callers who ask for dozens of things; in some no line is like another. Megabytes over the
processor time of one core, without what it takes to make the log up; the slowest of them counts, and the others are
told. Beside each stands its part of the speed at which the lines can be split at all, on the same machine in the same
minute. Memory is the greatest resident size of the one process that reads them all, for each log anew; beside it
stands what it was when half of the log was read, from which it should not have grown.

Alone: `python -m bench.doctor_log_driver MEGABYTES [LOG …]`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Final

from bench import doctor_log_driver
from bench.context import Bench, Outcome
from bench.log_made_up import LOGS
from bench.problems import Unmeasurable

NAME: Final = "doctor_logs"
FIGURES: Final = ("doctor_log_mb_s", "doctor_log_peak_mb")


def measure(bench: Bench) -> Outcome:
    """The figures ``doctor_log_mb_s`` and ``doctor_log_peak_mb``."""
    told = bench.steps(NAME, len(LOGS))
    command = [sys.executable, "-m", doctor_log_driver.__name__, str(bench.effort.log_megabytes)]
    found: dict[str, dict[str, float]] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reading:
        assert reading.stdout is not None
        for line in reading.stdout:
            found |= json.loads(line)
            told(len(found))
    if reading.returncode or not found:
        raise Unmeasurable(f"reading the logs ended with status {reading.returncode}")
    return Outcome(
        {
            "doctor_log_mb_s": min(log["mb_per_s"] for log in found.values()),
            "doctor_log_peak_mb": max(log["peak_mb"] for log in found.values()),
        },
        __doc__ or "",
        {"megabytes_each": bench.effort.log_megabytes, "logs": found},
    )
