"""The part of the catalogue about what is broken on our side: never 401, 403 or 429.

See :mod:`mattegate.vocabulary.reasons` for its rules.
"""

from __future__ import annotations

from typing import Final

from mattegate.vocabulary.reason import Reason, dependency

FAILURES: Final[tuple[Reason, ...]] = (
    # --- dependency: something we rest on is down; never 401, 403 or 429 ------------------------------------
    dependency("unavailable", "a dependency is down"),
    dependency("control", "the store of keys is down: {problem}"),
    dependency("ledger", "the ledger is down: {problem}"),
    dependency("limits", "the store of limits is down: {problem}"),
    dependency("records", "records cannot be written: {problem}"),
    # --- internal -------------------------------------------------------------------------------------------
    Reason("internal.error", 500, "Internal error", "Something went wrong here; it is our fault, not yours.",
           "Tell the operator the request id.", "{problem}", "InternalFailureException"),
)  # fmt: skip
