"""How far this machine's clock is from the server's, with the bounds that a measurement over the network has.

``Date`` has whole seconds and was written at some moment between question and answer: the difference is known no
better than that. An answer out of a cache carries the date of another day and measures nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.http_date import http_date
from mattegate.doctor.observation import Observation

NOTABLE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Skew:
    """The server's clock minus this machine's lies between these, in seconds."""

    least: float
    most: float

    @property
    def notable(self) -> bool:
        """Whether it is more than a minute either way, whatever the network did."""
        return self.least > NOTABLE_S or self.most < -NOTABLE_S

    def __str__(self) -> str:
        middle, either_way = (self.least + self.most) / 2, (self.most - self.least) / 2
        side = "ahead of" if middle > 0 else "behind"
        return f"{abs(middle):.0f} s {side} this machine's (± {either_way:.1f} s)"


def skew_of(seen: Observation) -> Skew | None:
    """What one answer measures; ``None`` where it measures nothing."""
    said = seen.header("date")
    if seen.at is None or not said or seen.header("age") or "hit" in (seen.header("x-cache") or "").lower():
        return None
    dated = http_date(said)
    if dated is None:
        return None
    written, answered = dated.timestamp(), seen.at + int(seen.fields.get("took_ms", "0")) / 1_000
    return Skew(written - answered, written + 1 - seen.at)


def clock_clue(seen: Observation) -> Clue | None:
    """A clock that is off, where it can matter: signatures and tokens carry times."""
    skew = skew_of(seen)
    if not skew or not skew.notable:
        return None
    refused = seen.status in (400, 401, 403)
    certainty = Certainty.LIKELY if refused and _timed(seen) else Certainty.POSSIBLE
    text = f"by its Date header the clock of {seen.host} is {skew}"
    return Clue(
        "clock.skew", certainty, "probe clock", (text,), {"host": seen.host, "skew": str(skew)}, status=seen.status
    )


def _timed(seen: Observation) -> bool:
    """Whether the request carried something that is only good for a time."""
    authorization = (seen.request_header("authorization") or "").lower()
    stamps = ("x-amz-date", "x-date", "x-timestamp", "timestamp", "signature-input")
    return authorization.startswith(("aws4-", "hmac", "signature")) or any(seen.request_header(name) for name in stamps)
