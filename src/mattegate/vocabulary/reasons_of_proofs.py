"""The part of the catalogue about what is shown at once, certificates, policies and authorizers.

See :mod:`mattegate.vocabulary.reasons` for its rules.
"""

from __future__ import annotations

from typing import Final

from mattegate.vocabulary.reason import Reason, dependency, forbidden, limit, unproven

PROOFS: Final[tuple[Reason, ...]] = (
    # --- credential: what must be shown at once ---------------------------------------------------------------
    unproven("required", "API key required too", "This needs {required} at once, and there is no API key.",
             "Send 'Authorization: Bearer KEY' beside the signature.",
             "auth refused: key {key_id} needs {required}; no API key came"),
    unproven("certificate_required", "Client certificate required too",
             "This needs {required} at once, and no client certificate of this account was shown.",
             "Connect with the account's client certificate (curl --cert FILE --key FILE).",
             "auth refused: key {key_id} needs {required}; no certificate of its account came"),
    forbidden("credential.certificate_unknown", "Certificate of no account",
              "The client certificate is good, but it stands for no account here.",
              "Send an API key, or have the certificate bound: mattegate keys create-certificate.",
              "forbidden: certificate {subject!r} ({fingerprint}) is bound to no account"),
    # --- transport: client certificates ----------------------------------------------------------------------
    forbidden("transport.client_cert_missing", "No client certificate",
              "This server is only for clients with a certificate, and none was shown.",
              "Connect with one: curl --cert FILE --key FILE. Behind a proxy, the proxy must pass it on.",
              "forbidden: no client certificate from {address}"),
    forbidden("transport.client_cert_untrusted", "Client certificate not trusted",
              "The client certificate was not issued by anybody this server trusts.",
              "Use a certificate of an issuer in the server's trust store, with its chain.",
              "forbidden: client certificate {subject!r} is not trusted: {problem}"),
    forbidden("transport.client_cert_expired", "Client certificate expired",
              "The client certificate was good until {until}.", "Have it renewed.",
              "forbidden: client certificate {subject!r} expired at {until}"),
    forbidden("transport.client_cert_not_yet", "Client certificate not yet valid",
              "The client certificate is good from {since} on.", "Check the clocks, or wait.",
              "forbidden: client certificate {subject!r} is valid from {since}"),
    forbidden("transport.client_cert_revoked", "Client certificate revoked",
              "The client certificate was revoked by its issuer.", "Have a new one issued.",
              "forbidden: client certificate {subject!r} is in the revocation list"),
    forbidden("transport.client_cert_usage", "Certificate not for clients",
              "The certificate may not be used to authenticate clients.",
              "Have one issued with the extended key usage clientAuth.",
              "forbidden: certificate {subject!r} lacks the extended key usage clientAuth"),
    forbidden("transport.client_cert_malformed", "Client certificate unreadable",
              "What the proxy passed on as the client's certificate cannot be read: {problem}.",
              "The operator has the proxy send Client-Cert as RFC 9440 says.",
              "denied: Client-Cert from {address} cannot be read: {problem}", status=400),
    # --- rate ------------------------------------------------------------------------------------------------
    limit("rate.nonces", "Too many signed requests at once",
          "More signed requests came within the signatures' lifetime than are remembered for one key.",
          "Wait for the time in Retry-After; spread requests out.",
          "rate: {identity} has too many live nonces, access denied", "ThrottlingException"),
    limit("flood.body_proofs", "Too many signed bodies at once",
          "Too many requests whose signature covers the whole body came from your address at once.",
          "Wait for the time in Retry-After, or state the body's hash in the head, so that it is signed there.",
          "flood: {address} has too many bodies under proof, access denied", "TooManyRequestsException"),
    # --- authorizer ------------------------------------------------------------------------------------------
    forbidden("authorizer.denied", "Denied by the authorizer", "The operator's authorizer denied it: {why}.",
              "Ask the operator.", "forbidden: authorizer {name} denied: {why}"),
    dependency("authorizer", "the authorizer cannot be asked: {problem}"),
    dependency("keyset", "the keys of a token issuer cannot be had: {problem}"),
    dependency("revocations", "client certificates cannot be judged: {problem}"),
    dependency("nonces", "one-time values cannot be remembered: {problem}"),
    # --- policy: what the operator's policies say of a proven caller -----------------------------------------
    forbidden("policy.denied", "Forbidden by a policy", "A policy of this server forbids it: {policy}.",
              "Ask the operator; 'mattegate policy explain' shows what the policy goes by.",
              "forbidden: policy {policy}"),
    forbidden("policy.no_permit", "Permitted by no policy", "No policy of this server permits it.",
              "Ask the operator to permit it; 'mattegate policy explain' shows what is missing.",
              "forbidden: no policy permits it, access denied"),
    forbidden("policy.unevaluable", "A policy cannot be evaluated",
              "A policy of this server could not be evaluated, so nothing is served that it might forbid.",
              "The operator mends the policy {policy}.",
              "denied: policy {policy} cannot be evaluated: {problem}", status=503),
)  # fmt: skip
