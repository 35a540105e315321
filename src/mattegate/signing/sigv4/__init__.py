"""AWS Signature Version 4: read, checked, verified and made, with one canonical form for both sides.

Only what AWS documents for services other than S3 is taken for granted; where S3 differs, a rule says so
(:class:`~mattegate.signing.sigv4.rules.SigV4Rules`). Concept to file:

- what is configured and what the scheme fixes: ``rules``; instants: ``stamps``
- the canonical request: ``canonical``; key derivation and MAC: ``mac``
- what a head states: ``reading``, out of ``header`` or ``presigned``, and of its body ``payload``
- what needs no secret: ``checking``; the proof: ``verifying``; why it failed: ``mismatch``
- the client's side: ``making``

Sources: AWS IAM User Guide, "Create a signed AWS API request" and "Troubleshoot Signature Version 4 signing".
"""

from mattegate.signing.sigv4.checking import check
from mattegate.signing.sigv4.making import presign, sign
from mattegate.signing.sigv4.presigned import PARAMETERS
from mattegate.signing.sigv4.reading import read, unsigned
from mattegate.signing.sigv4.rules import EMPTY_SHA256, QUERY_FORM, UNSIGNED_PAYLOAD, SigV4Rules
from mattegate.signing.sigv4.verifying import verify

__all__ = [
    "EMPTY_SHA256",
    "PARAMETERS",
    "QUERY_FORM",
    "UNSIGNED_PAYLOAD",
    "SigV4Rules",
    "check",
    "presign",
    "read",
    "sign",
    "unsigned",
    "verify",
]
