"""A signature of another time: how far off it is, and whose clock is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.aws.clues import clue_of
from mattegate.doctor.clue import Clue
from mattegate.doctor.http_date import http_date
from mattegate.doctor.observation import Observation

_AGREE: Final = 120
"""Seconds within which two clocks are taken to agree."""
_STAMP: Final = r"\d{8}T\d{6}Z"
_SKEWED: Final = re.compile(
    rf"Signature (?P<kind>expired|not yet current): (?P<signed>{_STAMP}) is (?:now earlier|still later) than "
    rf"(?P<edge>{_STAMP})(?: \((?P<server>{_STAMP}) [-+] (?P<window>\d{{1,4}}) min)?"
)


@dataclass(frozen=True, slots=True)
class Skew:
    """What a refusal for its time says."""

    signed: datetime
    server: datetime
    """AWS's own time; where it does not say it, the edge of the window, so that the skew is at least so much."""
    window: int | None
    """Minutes that were allowed."""

    @property
    def seconds(self) -> int:
        """How much older the signature is than AWS's time; negative where it is of the future."""
        return int((self.server - self.signed).total_seconds())


def skew(text: str) -> Skew | None:
    """The times in a ``Signature expired`` or ``Signature not yet current``; ``None`` where they are not there."""
    found = _SKEWED.search(text)
    if found is None:
        return None
    try:
        signed, server = _stamp(found["signed"]), _stamp(found["server"] or found["edge"])
    except ValueError:  # digits that are no date
        return None
    return Skew(signed, server, int(found["window"]) if found["window"] else None)


def _stamp(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def out_of_time(seen: Observation, said: str) -> Iterator[Clue]:
    """The skew in seconds, and, where the time of sending is known, whose fault it is."""
    times = skew(said)
    if times is None:
        return
    allowed = f"; {times.window} minutes are allowed" if times.window else ""
    way = "behind" if times.seconds >= 0 else "ahead of"
    made, now = f"{times.signed:%H:%M:%S} UTC", f"{times.server:%H:%M:%S} UTC"
    fault, remedy = _whose(seen, times)
    yield clue_of(
        seen,
        "aws.signature_expired",
        Certainty.PROVEN,
        f"the signature was made at {made}, {abs(times.seconds)} s {way} AWS's {now}{allowed}",
        *_date_agrees(seen, times),
        *fault,
        facts={"skew_seconds": str(times.seconds)},
        remedy=remedy,
        tell_apart="date -u on the client: wrong against the Date of any answer means the clock, right means that the "
        "request was signed long before it was sent.",
    )


def _date_agrees(seen: Observation, times: Skew) -> Iterator[str]:
    dated = http_date(seen.header("date"))
    if dated is None or times.window is None:
        return
    if abs((dated - times.server).total_seconds()) <= _AGREE:
        yield "the answer's Date agrees with the time that AWS names, so AWS's clock is not at fault"


def _whose(seen: Observation, times: Skew) -> tuple[tuple[str, ...], str]:
    """Evidence and remedy. Only a HAR tells when the client believed to be sending: a log's time is the server's."""
    if seen.format != "exchange" or seen.at is None:
        return (), ""
    if abs(seen.at - times.server.timestamp()) <= _AGREE:
        waited = int(seen.at - times.signed.timestamp())
        return (f"the client's clock was right when it sent, {waited} s after it had signed",), _SIGN_AGAIN
    if abs(seen.at - times.signed.timestamp()) <= _AGREE:
        way = "slow" if times.seconds > 0 else "fast"
        return (f"the client's own clock was {abs(times.seconds)} s {way} when it sent",), _SET_CLOCK
    return (), ""


_SIGN_AGAIN: Final = (
    "Sign each attempt right before it is sent: this one was signed earlier, as from a queue, a retry, a cache or a "
    "presigned URL. The clock needs no change."
)
_SET_CLOCK: Final = "Set the client's clock by NTP (timedatectl set-ntp true), then sign again."
