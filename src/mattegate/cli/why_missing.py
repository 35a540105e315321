"""What ``mattegate why`` says where there is no record: of an id that tells something by itself, and of any other."""

from __future__ import annotations

import re
from typing import Final

from mattegate.config.settings import Settings

_ID: Final = re.compile(r"req_[0-9A-Z]{26}")
_SEALED: Final = (
    "No record was kept: those of callers who proved nothing had used up their room (records.unproven_mb). "
    "The id itself tells time and reason."
)
_NO_REQUEST: Final = (
    "No record was kept: it was refused before it was a request that could be judged. The id itself tells time and "
    "reason; the line of the access log with this id tells more."
)
_DOWN: Final = (
    "No record could be kept: something that it rests on was down. The id itself tells time and reason; the log of the "
    "server tells more."
)
_EARLY: Final = frozenset(
    {
        *("request.http", "request.head_too_large", "request.head_timeout", "capacity.connections"),
        *("transport.plain_http", "transport.handshake"),
    }
)
"""What the connection itself is refused with (:mod:`mattegate.serving.protocol`, :mod:`mattegate.serving.door`)."""


def without_record(reason: str) -> str:
    """Why there is nothing but the id."""
    if reason in _EARLY:
        return _NO_REQUEST
    return _DOWN if reason.startswith(("dependency.", "internal.")) else _SEALED


def missing(request_id: str, settings: Settings, fault: str) -> list[str]:
    """What to say of an id that nothing is known of."""
    told = [
        f"mattegate: there is no record of {request_id}",
        f"  looked in {settings.ledger_dir}; a server with another home keeps its own (--home)",
        f"  records are kept for {settings.records.days} days (records.days)",
    ]
    if not _ID.fullmatch(request_id):
        told.append("  it is no request id: those read req_ and 26 letters and digits, in the answer's X-Request-Id")
    if fault:
        told.append(f"  ids without a record can be read only with the key of the seal: {fault}")
    return told
