"""How verdicts of this scheme are worded: what may be shown of what a caller sent, and AWS's own words beside ours.

Most verdicts carry the fact ``aws``: the case in the words that AWS has for it, which clients and search engines know.
Whatever a caller sent is cut and has no control characters; of a part that may be a secret in the wrong place, only
its length is told.
"""

from __future__ import annotations

import re
from typing import Final

from mattegate.signing.refused import Refused
from mattegate.signing.sigv4.rules import ALGORITHM

MOST: Final = 256
"""The most characters that are kept of any text."""

_UNPRINTABLE: Final = re.compile(r"[^ -~]")


def shown(text: str) -> str:
    """``text`` as it may be kept and shown."""
    return _UNPRINTABLE.sub("?", text[:MOST])


def unsupported(algorithm: str) -> Refused:
    """Another algorithm of the family, such as the asymmetric one."""
    told = shown(algorithm)
    aws = f"Unsupported AWS 'algorithm': '{told}' (only {ALGORITHM} for now)."
    return Refused("signature.algorithm", stated=told, expected=ALGORITHM, aws=aws)
