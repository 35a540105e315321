"""Paths that another reader may take for another path, so that nothing should be let through by what they look like.

Whoever stands behind a gate may take out dot segments (RFC 3986, section 5.2.4), join empty segments, read a backslash
as a slash (as browsers do: WHATWG URL, "path state") or decode bytes that are not UTF-8 in a way of his own.
"""

from __future__ import annotations

import re
from typing import Final

from mattegate.vocabulary.attempt import CUT

_READ_OTHERWISE: Final = re.compile(r"//|\\|/\.{1,2}(?:/|;|$)|[\x00-\x1f\ufffd]")


def read_otherwise(path: str) -> bool:
    """Whether ``path``, which is decoded, may be another one to another reader."""
    return _READ_OTHERWISE.search(path) is not None


def judged_whole(path: str) -> bool:
    """Whether ``path`` of an attempt is all of it, and means the same to everybody."""
    return not path.endswith(CUT) and not read_otherwise(path)
