"""Signed tokens, pure: reading, verifying and minting JSON Web Tokens, proofs of possession, the OAuth documents.

Rules of this package:

1. One reader for every signed text (:mod:`.compact`), strict where RFC 7515 leaves room: what two readers could read
   differently is refused.
2. The signature check stands on ``cryptography`` alone. A library for JWTs would need its gaps closed by checks in
   front of it (members that stand twice, unused bits of base64url, ``use`` and ``key_ops``, weak keys), and then every
   token is read twice, by two readers that may disagree. Tests hold this reader to such a library instead.
3. Nothing that stands in a token decides how it is verified: rules and keys are given, the token has to fit them. No
   algorithm with a shared secret exists here, so none can be confused with a public key.
4. Inside, a refusal travels as :class:`~.causes.Refused`; every function that others call answers with a value.
"""
