"""The part of the catalogue about tokens; see :mod:`mattegate.vocabulary.reasons` for its rules."""

from __future__ import annotations

from typing import Final

from mattegate.vocabulary.reason import Reason


def _token(code: str, title: str, sentence: str, remedy: str, operator: str = "", *, status: int = 401) -> Reason:
    """A token that proves nothing: 401 ``invalid_token`` (RFC 6750, section 3.1)."""
    error_type = {400: "BadRequestException", 403: "AccessDeniedException"}.get(status, "UnauthorizedException")
    return Reason(
        f"token.{code}", status, title, sentence, remedy, operator or f"auth: token refused: {code}", error_type
    )


_NEW = "Get a new token from its issuer."
_OTHER = "Have the issuer sign it with an algorithm that is listed in the server's metadata."
_PROOF = "Make a new proof for exactly this request (RFC 9449, section 4.2)."

TOKENS: Final[tuple[Reason, ...]] = (
    # --- token: what was presented as a signed token ---------------------------------------------------------
    _token("malformed", "Token cannot be read", "The token cannot be read: {problem}.",
           "Send the token whole and unchanged: three parts with dots between them, no quotation marks or line ends.",
           "auth: token malformed: {problem}"),
    _token("unsigned", "Token is not signed", "The token is not signed (alg none).", _OTHER),
    _token("symmetric", "Token signed with a shared secret",
           "The token is signed with a shared secret ({algorithm}); use a key pair.", _OTHER,
           "auth: token with alg {algorithm} refused"),
    _token("algorithm", "Algorithm not taken here", "The algorithm {algorithm} is not taken here; taken: {allowed}.",
           _OTHER, "auth: token with alg {algorithm} refused, allowed: {allowed}"),
    _token("typ", "Token of another type", "The token is of another type ({typ}): {problem}.",
           "Send an access token, not an ID token, a proof or a token for browsers.",
           "auth: token of type {typ!r} refused: {problem}"),
    _token("critical", "Token asks for extensions", "The token asks for extensions (crit); none is understood here.",
           "Have the issuer leave out crit."),
    _token("unencoded", "Payload is not encoded", "The payload of the token is not encoded (b64).",
           "Have the issuer leave out b64."),
    _token("embedded_key", "Token brings its own key",
           "The token brings or names its own key ({header}); keys come from the issuer only.",
           "Have the issuer leave out {header}.", "auth: token with header {header} refused"),
    _token("nested", "Token within a token", "The token holds another token.", "Send the inner token."),
    _token("unknown_key", "Key of the token unknown",
           "The issuer publishes no key that this token can mean ({problem}).",
           "Get a new token; if that does not help, compare its kid with the issuer's key set.",
           "auth: token with kid {key_id!r}: {problem}"),
    _token("signature", "Signature of the token is wrong", "The signature of the token is not right.",
           "Send the token unchanged; a test token of another installation does not work here.",
           "auth: signature of a token with kid {key_id!r} is wrong"),
    _token("issuer", "Issuer not trusted", "The issuer of the token is not trusted here.",
           "Get the token from an issuer that the server's metadata names.",
           "auth: token of issuer {issuer!r} refused"),
    _token("audience", "Token for another audience", "The token is for another audience; asked for: {asked}.",
           "Ask the issuer for a token with this audience (parameter audience or resource).",
           "auth: token for {audience!r} refused, asked for: {asked}"),
    _token("subject", "Token without a subject", "The token does not say whom it is about (sub).",
           "Have the issuer set sub."),
    _token("expired", "Token expired", "The token expired at {expired}; it is {now}.", _NEW,
           "auth: token expired {late_s} s ago ({expired})"),
    _token("not_yet_valid", "Token not valid yet", "The token is valid from {valid_from} on; it is {now}.",
           "Wait, or set the clock that the token was issued by.", "auth: token {early_s} s too early ({valid_from})"),
    _token("issued_in_future", "Token from the future", "The token was issued at {issued}, and it is {now}.",
           "Set the clocks of the issuer and of the server (NTP).", "auth: token issued {early_s} s in the future"),
    _token("lifetime", "Token lives too long", "The token lives for {lifetime_s} s; at most {limit_s} s are taken.",
           "Have the issuer give tokens of a shorter life.",
           "auth: token with a life of {lifetime_s} s refused, limit {limit_s} s"),
    _token("binding_required", "Bound token required",
           "Only tokens bound to a key or certificate are taken here ({required}).",
           "Ask the issuer for a token bound by DPoP (RFC 9449) or a client certificate (RFC 8705).",
           "auth: token without binding refused, required: {required}"),
    _token("binding_missing", "What the token is bound to was not shown",
           "The token is bound to {binding}, which was not shown.",
           "Send the proof (Authorization: DPoP TOKEN, DPoP: PROOF), or use the client certificate.",
           "auth: token bound to {binding} came bare; perhaps it was stolen"),
    _token("binding_mismatch", "Token bound to something else", "The token is bound to {binding}.",
           "Use the key or certificate that the token was asked for with.",
           "auth: token bound to {binding}; perhaps it was stolen"),
    _token("proof_missing", "Proof missing", "The scheme DPoP needs a proof in the header DPoP.", _PROOF),
    _token("proof_malformed", "Proof cannot be read", "The proof cannot be read: {problem}.", _PROOF,
           "auth: proof malformed: {problem}"),
    _token("proof_algorithm", "Algorithm of the proof not taken", "The algorithm of the proof is not taken here.",
           "Use ES256 or EdDSA."),
    _token("proof_signature", "Signature of the proof is wrong", "The signature of the proof is not right.", _PROOF),
    _token("proof_method", "Proof for another method", "The proof is for another method than {method}.", _PROOF),
    _token("proof_address", "Proof for another address", "The proof is for another address than {address}.",
           "Compare htu with the address; behind a proxy the server must know its public address.",
           "auth: proof for another address than {address}"),
    _token("proof_stale", "Proof too old or too new", "The proof was made at {issued}; it is {now}.",
           "Make the proof just before the request, and set the clock.", "auth: proof is {age_s} s old"),
    _token("proof_token", "Proof for another token", "The proof is for another token (ath).", _PROOF),
    _token("proof_nonce", "Proof needs a nonce", "The proof must hold the nonce of DPoP-Nonce; it holds {problem}.",
           "Send the request again with a proof that holds the nonce."),
    _token("replayed", "Used before", "The proof or assertion was used before.", "Make a new one for every request."),
    _token("insufficient_scope", "Scope missing", "The token does not give the scope {scope}.",
           "Ask the issuer for a token with it.", "forbidden: token gives {given!r}, scope {scope} needed", status=403),
    _token("identity", "Nobody here is known by it", "The token is good, and nobody here is known by it.",
           "Ask the operator to map the subject to an identity.",
           "forbidden: no identity for {claim} {value!r}", status=403),
    _token("origin", "Token of another page", "The token may be used from pages of {asked} only.",
           "Get a token for this origin.", "forbidden: browser token of {asked} used from {origin!r}", status=403),
    _token("client", "Client cannot be told", "The client cannot be told: {problem}.",
           "Authenticate in one way: HTTP Basic, client_secret, or a signed assertion.",
           "auth: client at the token endpoint refused: {problem}"),
    _token("used_up", "Token used up", "The token was good for a number of images, and they are used up.",
           "Have a new one minted.", "forbidden: browser token of {identity} is used up", status=403),
    _token("request", "Token request not granted", "The request for a token cannot be granted: {problem}.",
           "Send a form with grant_type=client_credentials (RFC 6749, section 4.4.2).",
           "auth: token request refused, {error}: {problem}", status=400),
    _token("minting", "Not with a token", "Tokens for web pages are minted with a key, not with a token.",
           "Send the API key, or sign the request.", "forbidden: a token tried to mint tokens", status=403),
    _token("cutouts_only", "Token for cut-outs alone",
           "The token makes cut-outs at this server, of images that it sees, and is good for nothing else.",
           "Send the API key, or an access token.", "forbidden: browser token used at {route}", status=403),
    _token("pixels", "Image too large for the token",
           "The token is good for images of {limit} megapixels at most; this one has {megapixels}.",
           "Send a smaller image, or get a token for larger ones.",
           "forbidden: browser token for {limit} megapixels used for {megapixels}", status=403),
)  # fmt: skip
