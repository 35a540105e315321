"""HTTP Message Signatures (RFC 9421) for requests: one file for each step, in the order in which they are taken.

1. ``component``: what a covered component is, and which may be covered
2. ``values``: what its value is in a message
3. ``selection``: which of several signatures is ours
4. ``rules``: what a signature must cover and state
5. ``base``: the text that is signed
6. ``algorithms``: signing and verifying bytes
7. ``scheme``: ``read``, ``verify`` and ``sign``
8. ``accept``: what we ask a caller to sign

``examples``, ``conformance`` and ``wycheproof`` hold all of it against published vectors.
"""

from __future__ import annotations

from mattegate.signing.message_signature.accept import accept_signature
from mattegate.signing.message_signature.rules import SignatureRules
from mattegate.signing.message_signature.scheme import read, sign, verify

__all__ = ["SignatureRules", "accept_signature", "read", "sign", "verify"]
