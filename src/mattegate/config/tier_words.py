"""What can be said of a tier: the words, what each means, and what they may name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mattegate.config.document import Steps

NAME: Final = re.compile(r"[a-z0-9-]{1,40}")
"""Of a tier, and of a limit."""
PRIORITIES: Final = ("vip", "standard", "bulk")
UNITS: Final = ("images", "megapixels")
PROOFS: Final = ("key", "signature", "certificate")
"""What can be required at once."""
KINDS: Final = ("rate", "quota", "bytes", "credits")

KEYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "rate": 'Images in a time, refilled evenly: `"20/min"`.',
        "burst": "How many of the rate may come at once: `30`. Left out: the rate's own number.",
        "quota": 'Units in a fixed window of UTC, or a list of them: `"100/hour"`, `["100/hour", "1000/day"]`.',
        "bytes": 'Bytes in and out in a fixed window of UTC: `"2 GB/day"`.',
        "credits": "`true`: every unit takes one from a prepaid balance.",
        "unit": "What quotas and credits count: `images`, or `megapixels` (rounded up for each image).",
        "priority": "The class in the queue of the engine: `vip`, `standard` or `bulk`.",
        "require": 'What must be shown at once, of `key`, `signature`, `certificate`: `["key", "signature"]`.',
        "shadow": 'Limits on trial, judged and recorded but not enforced: `["hourly"]`.',
        "unlimited": "`true`, where a tier is meant to have no limit at all.",
        "limits": "Every limit in full, in place of the words above: "
        '`[{ name = "burst", kind = "rate", amount = 20, window_s = 60, burst = 30 }]`.',
    }
)
"""What may stand under ``[tiers.NAME]``, and what it means."""

PERIODS: Final = (
    (1, "second", ("s", "sec", "second", "seconds")),
    (60, "minute", ("min", "mins", "minute", "minutes")),
    (3_600, "hour", ("h", "hr", "hour", "hours")),
    (86_400, "day", ("d", "day", "days")),
    (604_800, "week", ("w", "week", "weeks")),
)
"""Seconds, the word for them, and how it may be written."""
_NAMES: Final = {60: "minutely", 3_600: "hourly", 86_400: "daily", 604_800: "weekly"}
LARGEST: Final = 10**15
LONGEST_S: Final = 366 * 86_400


class TierSpellingError(ValueError):
    """Something under ``[tiers.NAME]`` cannot be used; ``at`` leads from the tier's table to it."""

    def __init__(self, problem: str, at: Steps = (), fix: str = "") -> None:
        self.problem = problem
        self.at = at
        self.fix = fix
        super().__init__(problem)


def window_name(seconds: int) -> str:
    """``hourly``, ``daily`` … or ``30-days``: what a limit over that window is called."""
    if seconds in _NAMES:
        return _NAMES[seconds]
    size, word = next((size, word) for size, word, _ in reversed(PERIODS) if seconds % size == 0)
    return f"{seconds // size}-{word}" + "s" * (seconds != size)
