"""What an exception comes to that nobody handled: a refusal as any other, with the traceback in the log alone."""

from __future__ import annotations

import logging
from typing import Final

from mattegate.vocabulary.refusal import Refusal

_LOG: Final = logging.getLogger("mattegate.serving")


def explained(error: Exception, request_id: str) -> Refusal:
    """The refusal to answer with: ``error`` itself, if it is one; our own bug is ``internal.error``, and logged."""
    if isinstance(error, Refusal):
        return error
    name = type(error).__name__
    _LOG.error("%s: unhandled %s", request_id, name, exc_info=error)
    return Refusal("internal.error", problem=f"unhandled {name}, traceback in the log")
