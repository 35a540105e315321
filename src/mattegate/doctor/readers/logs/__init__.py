"""Logs, streamed: each kind of refusal once, with how often it was seen, whatever wrote and whatever wrapped them."""

from __future__ import annotations

from mattegate.doctor.readers.logs.blocks import plain_head
from mattegate.doctor.readers.logs.recognition import READERS as LOG_READERS

__all__ = ["LOG_READERS", "plain_head"]
