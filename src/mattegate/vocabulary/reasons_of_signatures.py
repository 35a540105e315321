"""The part of the catalogue about signed requests; see :mod:`mattegate.vocabulary.reasons` for its rules.

Sources: AWS IAM User Guide, "Troubleshoot Signature Version 4 signing", for the error types; RFC 9421 and RFC 9530.
"""

from __future__ import annotations

from typing import Final

from mattegate.vocabulary.reason import Reason

_INVALID: Final = "InvalidSignatureException"
_INCOMPLETE: Final = "IncompleteSignatureException"
_REQUEST: Final = "InvalidRequestException"
_CLOCK: Final = "Set the clock of the machine that signs (NTP), and sign right before sending."


def _signed(
    code: str, status: int, title: str, sentence: str, remedy: str, error_type: str = _INVALID, operator: str = ""
) -> Reason:
    told = f"auth refused, signature: {operator or sentence}"
    public = "signature.mismatch" if code == "algorithm_of_key" else ""
    return Reason(f"signature.{code}", status, title, sentence, remedy, told, error_type, public)


SIGNATURES: Final[tuple[Reason, ...]] = (
    # --- not there, or not to be read: 401 with what is expected ---------------------------------------------
    _signed("missing", 401, "Not signed", "The request carries no signature.",
            "Sign it, and send the signature in the headers of its scheme.", "MissingAuthenticationTokenException"),
    _signed("required", 401, "Signature required", "This needs {required} at once, and the request is not signed.",
            "Sign the request with a signing key of the same account, and send both.",
            "MissingAuthenticationTokenException", "key {key_id} needs {required}; no signature came"),
    _signed("incomplete", 401, "Signature incomplete", "The signature lacks: {missing}.", "Add what is missing.",
            _INCOMPLETE),
    _signed("date_missing", 401, "Date missing", "The signature lacks: {missing}.",
            "Send X-Amz-Date as YYYYMMDDTHHMMSSZ, and sign it.", _INCOMPLETE),
    _signed("date_format", 401, "Date malformed", "The date {stated!r} in {where} is not written as it must be.",
            "Write it as YYYYMMDDTHHMMSSZ, in UTC.", _INCOMPLETE),
    _signed("algorithm", 401, "Algorithm not taken", "The signature is made by {stated}; {expected} is taken here.",
            "Sign with {expected}.", _INCOMPLETE),
    _signed("credential", 401, "Malformed credential", "The credential of the signature ({stated}) is not five parts.",
            "Write KEY-ID/YYYYMMDD/REGION/SERVICE/aws4_request.", _INCOMPLETE),
    _signed("malformed", 401, "Malformed signature", "Of the signature, {part} cannot be read: it {problem}.",
            "Write it as the documentation of the scheme says.", _INCOMPLETE,
            "{part} cannot be read ({stated}): it {problem}"),
    _signed("component", 401, "Component cannot be signed", "The component {component} cannot be used: {problem}.",
            "Cover another component (RFC 9421, section 2).", _INCOMPLETE),
    _signed("not_covered", 401, "Too little is signed", "The signature does not cover: {components}.",
            "Cover these components too.", _INCOMPLETE),
    # --- ambiguous, or of a kind that is not taken: 400 ------------------------------------------------------
    _signed("ambiguous", 400, "More than one signature", "There is more than one {what}.", "Send one."),
    _signed("expires", 400, "Bad lifetime", "The lifetime {stated!r} is not 1 to {most_s} seconds.",
            "Presign the address for a shorter time.", "AuthorizationQueryParametersException"),
    _signed("payload_hash", 400, "Bad hash of the body", "The stated hash of the body, {stated!r}, is none.",
            "Send the SHA-256 of the body as 64 small hex digits.", _REQUEST),
    _signed("payload_unsigned", 400, "Body not signed", "The signature does not cover the body.",
            "Sign the hash of the body.", _REQUEST,
            "the body is not covered; signatures.unsafe_unsigned_payload would take it"),
    _signed("payload_streaming", 400, "Streaming signature", "Bodies signed in chunks ({stated}) are not taken.",
            "Sign the body as a whole.", _REQUEST),
    _signed("digest_algorithm", 400, "Digest of another kind",
            "The Content-Digest is made by {found}; {accepted} are taken.",
            "Send a sha-256 digest (RFC 9530).", _REQUEST),
    _signed("digest", 400, "The body is another one",
            "The body that came has the SHA-256 {computed}; the signature is over {stated}.",
            "Hash exactly the bytes that are sent; something on the way may have changed them.",
            "XAmzContentSHA256MismatchException"),
    # --- wrong: 403 ------------------------------------------------------------------------------------------
    _signed("expired", 403, "Signature expired",
            "The signature is of {date}, which is now earlier than {limit} ({now} - {window}).", _CLOCK,
            operator="dated {date}, {skew_s} s from our clock {now}; the window is {window}"),
    _signed("not_yet_current", 403, "Signature not yet current",
            "The signature is of {date}, which is still later than {limit} ({now} + {window}).", _CLOCK,
            operator="dated {date}, {skew_s} s ahead of our clock {now}; the window is {window}"),
    _signed("lapsed", 403, "Signature lapsed", "The signature was good until {limit}; now it is {now}.",
            "Sign the request anew.", operator="its own expiry {limit} passed {over_s} s ago"),
    _signed("url_expired", 403, "Address expired", "The presigned address was good until {limit}; now it is {now}.",
            "Presign it anew.", operator="presigned address over by {over_s} s"),
    _signed("scope_region", 403, "Signed for another region",
            "The signature is for the region {stated!r}; here it is {expected!r}.", "Sign for that region."),
    _signed("scope_service", 403, "Signed for another service",
            "The signature is for the service {stated!r}; here it is {expected!r}.", "Sign for that service."),
    _signed("scope_terminator", 403, "Bad end of the scope",
            "The scope ends in {stated!r} instead of {expected!r}.", "End it in aws4_request."),
    _signed("scope_date", 403, "Signed for another day",
            "The scope is of the day {stated}; the date of the request is of {expected}.",
            "Make both from the same moment, in UTC."),
    _signed("header_unsigned", 403, "Header not signed", "These headers are there and not signed: {headers}.",
            "Sign them, or leave them out.",
            operator="present and not covered: {headers}; a proxy in between may have added them"),
    _signed("header_absent", 403, "Signed header absent", "These headers are signed and not there: {headers}.",
            "Send every header that is signed.",
            operator="covered and not present: {headers}; a proxy in between may have removed them"),
    _signed("mismatch", 403, "Signature does not match",
            "The signature we calculated does not match the one in the request.",
            "{hint}Compare your canonical text with the one in this answer, and check the secret.",
            operator="mismatch ({differs}); a wrong secret and an unknown key id look the same to the caller"),
    _signed("algorithm_of_key", 403, "Another algorithm than the key's",
            "The signature states {stated}; the key is for {expected}.", "Sign with the key's own algorithm.",
            operator="stated {stated}, the key is for {expected}"),
    _signed("unknown_key", 403, "Unknown signing key", "The security token included in the request is invalid.",
            "Check the id of the signing key.", "UnrecognizedClientException", "unknown signing key"),
    _signed("replayed", 403, "Used before", "This signature, or its nonce, was used before.",
            "Sign every request anew, with a fresh nonce. To try again safely, send an Idempotency-Key too.",
            operator="replayed by the account {identity}"),
)  # fmt: skip
