"""Every administrative act. Each is decided and written in one transaction, with an audit entry and a new epoch.

A secret leaves this desk once, as the result of the act that made it; stored are digests, and signing secrets sealed.
"""

from __future__ import annotations

from mattegate.ledger.desk_admins import AdminDesk
from mattegate.ledger.desk_identities import IdentityDesk
from mattegate.ledger.desk_keys import UNCHANGED, Unchanged
from mattegate.ledger.desk_signing import SigningDesk

__all__ = ["UNCHANGED", "Desk", "Unchanged"]


class Desk(IdentityDesk, SigningDesk, AdminDesk):
    """Identities, keys and admins, changed by ``actor``: ``cli:USER``, ``admin:ID``, ``task:NAME`` or ``key:ID``.

    Every method that changes something raises :class:`~mattegate.vocabulary.refusal.Refusal` ``account.*`` (404 not
    found, 409 exists, 422 invalid, 403 wider than the owner's own), and ``Unavailable``.
    """
