"""Whether a signature was made lately enough, by our clock and the time it states.

Both limits are measured and told in seconds, the early one apart from the late one: a clock that is ahead wants another
remedy than a request that waited. The window itself is inclusive.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from mattegate.signing.refused import Refused, malformed

WINDOW_S: Final = 300.0
"""Five minutes either way, as AWS takes it (IAM User Guide, "Troubleshoot Signature Version 4 signing")."""
LATEST: Final = 253_402_300_799
"""The last second of the year 9999: times beyond it are not told in four digits."""


def check_age(created: float, *, at: float, window_s: float = WINDOW_S) -> None:
    """Raise :class:`Refused` where ``created`` is more than ``window_s`` before or after ``at`` (all in seconds)."""
    if not 0 <= created <= LATEST:
        raise malformed("time of signing", "is a Unix time in seconds before the year 10000")
    skew = created - at
    if abs(skew) > window_s:
        early = skew > 0
        raise Refused(
            "signature.not_yet_current" if early else "signature.expired",
            date=stamp(created),
            limit=stamp(at + window_s if early else at - window_s),
            now=stamp(at),
            window=f"{window_s / 60:g} min.",
            skew_s=round(skew, 3),
        )


def check_expiry(expires: float | None, *, at: float) -> None:
    """Raise :class:`Refused` where the signer's own limit has passed (RFC 9421, section 2.3, ``expires``)."""
    if expires is None:
        return
    if not 0 <= expires <= LATEST:
        raise malformed("expires", "is a Unix time in seconds before the year 10000")
    if at > expires:
        raise Refused("signature.lapsed", limit=stamp(expires), now=stamp(at), over_s=round(at - expires, 3))


def stamp(moment: float) -> str:
    """A Unix time in words of ISO 8601, to the second."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
