"""THE catalogue of reasons: every way in which this product says no, with its status and its sentences.

Rules of this file:

1. One entry per cause; a code is never renamed and never reused, because logs, clients and docs name it.
2. Everything a caller may see derives from ``public_code``, which is coarser than ``code`` where precision
   would help an attacker.
3. Sentences are templates over the facts of one refusal (``{limit_mb}``); whoever refuses supplies the facts.
4. ``docs/reference/reasons.md`` and the tests are generated from this table, so an entry cannot go undocumented.
5. An entry stands in the part of its subject, ``reasons_of_*``; this file says in which order they are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from types import MappingProxyType
from typing import Final

from mattegate.vocabulary.reason import Reason
from mattegate.vocabulary.reasons_of_administration import ADMINISTRATION
from mattegate.vocabulary.reasons_of_admission import ADMISSION
from mattegate.vocabulary.reasons_of_engine import ENGINE
from mattegate.vocabulary.reasons_of_failures import FAILURES
from mattegate.vocabulary.reasons_of_files import FILES
from mattegate.vocabulary.reasons_of_keys import KEYS
from mattegate.vocabulary.reasons_of_limits import LIMITS
from mattegate.vocabulary.reasons_of_proofs import PROOFS
from mattegate.vocabulary.reasons_of_requests import REQUESTS
from mattegate.vocabulary.reasons_of_senders import SENDERS
from mattegate.vocabulary.reasons_of_signatures import SIGNATURES
from mattegate.vocabulary.reasons_of_tokens import TOKENS
from mattegate.vocabulary.reasons_of_uploads import UPLOADS

_PARTS: Final[tuple[tuple[Reason, ...], ...]] = (
    REQUESTS,
    SENDERS,
    KEYS,
    LIMITS,
    UPLOADS,
    ENGINE,
    FILES,
    ADMINISTRATION,
    FAILURES,
    PROOFS,
    SIGNATURES,
    TOKENS,
    ADMISSION,
)
"""The parts in the order of the reference."""

REASONS: Final[Mapping[str, Reason]] = MappingProxyType({reason.code: reason for reason in chain(*_PARTS)})
"""Every reason by its code."""

assert len(REASONS) == sum(map(len, _PARTS))
