"""Making and checking credentials, pure: no I/O, no clock. Concept to file:

- API keys: ``keys`` (minting, digests), ``shape`` (what one looks like), ``credentials`` (finding them in a head),
  ``leaks`` (finding them where none belong)
- what every signing scheme shares: ``message`` (what is signed, what came of it), ``canonical``, ``freshness``,
  ``refused``, ``key_material``, ``content_digest``, ``structured_fields``
- the schemes: ``hmac_signature``, ``compat_hmac``, ``message_signature``, ``sigv4``; which one a request is signed by:
  ``request_signatures``; published vectors: ``conformance_sigv4`` and the schemes' own
- tokens: ``tokens``; client certificates: ``certificates``, ``trust``, ``passed_certificate``
- what keeps secrets: ``envelope`` (signing secrets at rest), ``sealed`` (request ids)
"""
