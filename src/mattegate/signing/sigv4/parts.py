"""What both forms of a signature say, as they said it: the texts between finding and understanding."""

from __future__ import annotations

from typing import NamedTuple


class Parts(NamedTuple):
    """A signature in pieces; nothing is judged yet."""

    scheme: str
    """The form, as in :class:`~mattegate.signing.message.Stated`."""
    credential: str
    signed_headers: str
    signature: str
    date: str
    dated_by: str
    """Where the date stood: ``X-Amz-Date`` or ``Date``."""
    payload: str | None
    """What is said of the body's hash; ``None``: nothing."""
    expires: str | None = None
    """The life of a presigned address, in seconds."""
