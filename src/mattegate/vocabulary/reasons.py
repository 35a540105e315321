"""THE catalogue of reasons: every way in which this product says no, with its status and its sentences.

Rules of this file:

1. One entry per cause; a code is never renamed and never reused, because logs, clients and docs name it.
2. Everything a caller may see derives from ``public_code``, which is coarser than ``code`` where precision
   would help an attacker.
3. Sentences are templates over the facts of one refusal (``{limit_mb}``); whoever refuses supplies the facts.
4. ``docs/reference/reasons.md`` and the tests are generated from this table, so an entry cannot go undocumented.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause of a refusal.

    ``code`` is ``layer.cause``; ``sentence`` is what the caller reads, ``remedy`` what the caller can do;
    ``operator`` is what the log and the operator see; ``error_type`` is the AWS-style name sent in
    ``X-Mattegate-Error-Type``; ``retry_after_s`` is sent as ``Retry-After`` where waiting can help.
    """

    code: str
    status: int
    title: str
    sentence: str
    remedy: str
    operator: str
    error_type: str
    public_code: str = ""
    retry_after_s: int | None = None

    @property
    def layer(self) -> str:
        """The layer that refuses, which is the first word of the code."""
        return self.code.partition(".")[0]

    @property
    def public(self) -> str:
        """The code that callers see."""
        return self.public_code or self.code

    @property
    def anchor(self) -> str:
        """The section of the reasons page that explains this cause."""
        return self.public.replace(".", "-").replace("_", "-")


def _request(code: str, title: str, sentence: str, remedy: str, *, status: int = 400, operator: str = "") -> Reason:
    return Reason(f"request.{code}", status, title, sentence, remedy, operator or sentence, "BadRequestException")


def _upload(code: str, status: int, title: str, sentence: str, remedy: str, *, operator: str = "") -> Reason:
    error_type = {413: "RequestTooLargeException", 415: "UnsupportedMediaTypeException"}.get(
        status, "UnprocessableImageException"
    )
    return Reason(f"upload.{code}", status, title, sentence, remedy, operator or sentence, error_type)


def _capacity(code: str, title: str, sentence: str, remedy: str, retry_after_s: int, operator: str = "") -> Reason:
    return Reason(
        f"capacity.{code}",
        503,
        title,
        sentence,
        remedy,
        operator or sentence,
        "ServiceUnavailableException",
        "",
        retry_after_s,
    )


def _engine(code: str, status: int, title: str, sentence: str, remedy: str, operator: str) -> Reason:
    return Reason(
        f"engine.{code}", status, title, sentence, remedy, operator, "ImageProcessingException", "",
        2 if status == 503 else None,
    )  # fmt: skip


def _model(code: str, status: int, title: str, sentence: str, remedy: str, operator: str) -> Reason:
    return Reason(f"model.{code}", status, title, sentence, remedy, operator, "ModelNotReadyException")


def _file(code: str, status: int, title: str, sentence: str, remedy: str) -> Reason:
    return Reason(f"file.{code}", status, title, sentence, remedy, sentence, "LocalFileException")


def _forbidden(code: str, title: str, sentence: str, remedy: str, operator: str, *, status: int = 403) -> Reason:
    return Reason(code, status, title, sentence, remedy, operator, "AccessDeniedException")


def _unproven(code: str, title: str, sentence: str, remedy: str, operator: str) -> Reason:
    """A credential that proves nothing by its looks alone: 401 with a challenge (RFC 9110, section 15.5.2)."""
    return Reason(f"credential.{code}", 401, title, sentence, remedy, operator, "UnauthorizedException")


def _limit(code: str, title: str, sentence: str, remedy: str, operator: str, error_type: str) -> Reason:
    """A limit; its Retry-After is a fact of the case."""
    return Reason(code, 429, title, sentence, remedy, operator, error_type)


def _dependency(code: str, operator: str) -> Reason:
    return Reason(
        f"dependency.{code}", 503, "A part is unavailable", "A part of the server that is needed to decide is down.",
        "Try again after the time in Retry-After, with back-off.", operator, "ServiceUnavailableException",
        "" if code == "unavailable" else "dependency.unavailable", 5,
    )  # fmt: skip


def _account(code: str, status: int, title: str, sentence: str, remedy: str) -> Reason:
    return Reason(f"account.{code}", status, title, sentence, remedy, sentence, "AccountException")


_ENTRIES: Final = (
    # --- request: what was asked cannot be understood -------------------------------------------------------
    _request(
        "malformed", "Malformed request",
        "The request body could not be read as {expected}: {problem}.",
        "Send multipart/form-data with one file field named 'image', the raw image as the body, "
        "or JSON with 'image_base64'.",
    ),
    _request(
        "option", "Bad option",
        "The option '{option}' cannot be {value!r}: {problem}.",
        "Use one of the values listed for this option in the API reference.",
    ),
    _request(
        "no_image", "No image",
        "The request carries no image: {problem}.",
        "Send one file field named 'image', the raw image as the body, or JSON with 'image_base64'.",
    ),
    _request(
        "stalled", "Upload stalled", "No bytes of the body arrived for {seconds:g} s, so reading was stopped.",
        "Check the connection and send the image again.", status=408,
    ),
    _request(
        "too_slow", "Upload too slow",
        "The body arrived at {rate_kb:.1f} kB/s; at least {limit_kb:g} kB/s are required.",
        "Use a faster connection or send a smaller image.", status=408,
    ),
    _request(
        "body_timeout", "Upload took too long", "The body did not arrive within {seconds:g} s.",
        "Use a faster connection or send a smaller image.", status=408,
    ),
    _request(
        "content_type", "Body type not read here",
        "The Content-Type of the body is {found}, which this path does not read.",
        "Send multipart/form-data with one file field named 'image', the raw image with its own type "
        "(curl: -H 'Content-Type: image/jpeg' --data-binary @photo.jpg), or application/json.", status=415,
    ),
    _request(
        "encoding", "Body is compressed", "The Content-Encoding of the body is {found}; only plain bodies are read.",
        "Send the body without Content-Encoding; images are compressed already.", status=415,
    ),
    _request(
        "http", "Not HTTP", "The request could not be read as HTTP/1.1: {problem}.",
        "Check what stands between the client and this server; exactly one Host header is required.",
    ),
    _request(
        "head_too_large", "Headers too large", "The request line and headers take more than {limit_kib} KiB.",
        "Send fewer or shorter headers; cookies are not used here.", status=431,
    ),
    _request(
        "head_timeout", "Headers took too long", "The headers did not arrive within {seconds:g} s.",
        "Check the connection and try again.", status=408,
    ),
    _request(
        "client_gone", "Caller went away", "The caller closed the connection before the answer was ready.",
        "Nothing to do; if this was not meant, raise the client's timeout.", status=499,
    ),
    _request(
        "ambiguous_credentials", "More than one credential",
        "The request carries {count} credentials ({channels}); it is not guessed which one is meant.",
        "Send the key once: Authorization: Bearer KEY, or X-API-Key: KEY.",
        operator="forbidden: ambiguous credentials, {count} presented ({channels})",
    ),
    _request(
        "duplicate_header", "A header stands twice", "The header {header} stands there more than once.",
        "Send it once; a proxy on the way may be adding its own.",
        operator="forbidden: header {header} doubled",
    ),
    # --- transport, host, network: where it comes from and what it asks for ---------------------------------
    _forbidden("transport.insecure", "HTTPS required", "The request came over plain HTTP; HTTPS is required here.",
               "Use the https:// address. Treat the key as read by others if it went over an open network.",
               "forbidden: plain HTTP from {address}"),
    Reason("transport.plain_http", 400, "Plain HTTP on the HTTPS port",
           "This port speaks HTTPS only, and the request came as plain HTTP.",
           "Write https:// in the address. Treat the key as read by others if it went over an open network.",
           "forbidden: plain HTTP sent to the HTTPS port", "BadRequestException"),
    Reason("transport.handshake", 400, "TLS handshake failed", "No encrypted connection came about: {problem}.",
           "Check that the client speaks TLS 1.2 or newer and trusts the certificate.",
           "TLS handshake failed, access denied: {problem}", "BadRequestException"),
    _forbidden("host.unknown", "Host not served", "This server does not answer for the host {host!r}.",
               "Use the public name of the service; behind a proxy, the proxy must pass the Host header on "
               "(nginx: proxy_set_header Host $host).",
               "forbidden: Host {host!r} is not among hosts.names"),
    _forbidden("host.default_endpoint_disabled", "Not by address",
               "This server answers to its name only, not to {host!r}.",
               "Use the public name of the service.",
               "forbidden: default endpoint {host!r} is disabled (hosts.default_endpoint)"),
    _forbidden("host.private", "Private host", "The host {host!r} cannot be called from here.",
               "Call it from the private network, or use the public name.",
               "forbidden: private host {host!r} called from {address}, which is in none of hosts.private_networks"),
    _forbidden("network.denied", "Address denied", "Requests from your network are not accepted.",
               "Ask the operator, with the request id.",
               "Request from blocked IP: {address} (deny {rule}), forbidden"),
    _forbidden("network.not_allowed", "Address not allowed", "Requests from your network are not accepted.",
               "Ask the operator, with the request id.",
               "Request from blocked IP: {address} (in none of the allowed networks), forbidden"),
    _forbidden("network.undeclared_proxy", "Proxy not declared",
               "The server is behind a proxy that it has not been told of, so it cannot tell who is asking.",
               "The operator declares the proxy's address in network.trusted_proxies.",
               "denied: {peer} sends {header} but is not in network.trusted_proxies, while address rules exist",
               status=503),
    _forbidden("network.forwarded_unreadable", "Client address unreadable",
               "The address of the client cannot be read from the headers of the proxy.",
               "The operator looks at the {header} header that the proxy sends.",
               "denied: {header} from trusted proxy {peer} is not readable: {value!r}", status=400),
    # --- flood ----------------------------------------------------------------------------------------------
    _limit("flood.unauthenticated", "Too many requests without a key",
           "Too many requests without a credential came from your network.",
           "Send an API key, or wait for the time in Retry-After.",
           "forbidden: {prefix} made too many requests without a credential", "TooManyRequestsException"),
    _limit("flood.failed_credentials", "Too many failed credentials",
           "Too many credentials that are not valid came from your network.",
           "Check the key, then wait for the time in Retry-After.",
           "auth: {prefix} presented too many bad credentials; not looked at", "TooManyRequestsException"),
    # --- origin ---------------------------------------------------------------------------------------------
    _forbidden("origin.not_allowed", "Origin not allowed", "Pages of {origin} may not call this service.",
               "The operator adds the origin to cors.allowed_origins. (A page opened from a file has the origin "
               "'null', which is never allowed.)",
               "Origin not allowed: {origin} (forbidden)"),
    _forbidden("origin.header_not_allowed", "Header not allowed for pages",
               "Pages may not send the header {header} to this service.",
               "Leave the header out, or the operator adds it to cors.allowed_headers.",
               "forbidden: preflight from {origin} asks for the header {header}"),
    # --- credential: what was shown proves nothing ----------------------------------------------------------
    _unproven("missing", "No API key", "The request carries no API key.",
              "Send it as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'. If it was sent, something on the way "
              "removed it.",
              "auth: no credential presented"),
    _unproven("empty", "Empty API key", "There is nothing after {where}.",
              "Check that the variable which holds the key is set, and that there is one space before it.",
              "Invalid API key format: empty ({where}), auth refused"),
    _unproven("scheme", "Wrong scheme", "The Authorization header begins with {scheme!r}; keys are sent as Bearer.",
              "Write 'Authorization: Bearer KEY'.",
              "Invalid API key format: scheme {scheme!r}, auth refused"),
    _unproven("spaces", "Spaces in the API key", "The API key has spaces around or in it.",
              "Send exactly one space after Bearer and none in the key.",
              "Invalid API key format: spaces, auth refused"),
    _unproven("quotes", "Quotes around the API key", "The API key has quotation marks around it.",
              "Send the key without them; a shell or an .env file has left them there.",
              "Invalid API key format: quotes, auth refused"),
    _unproven("case", "Capitals and small letters mixed up",
              "Keys here begin with {prefix!r}, and capitals and small letters differ.",
              "Copy the key anew, exactly as it was given.",
              "Invalid API key format: wrong case of the prefix {prefix!r}, auth refused"),
    _unproven("prefix", "Prefix missing", "Keys here begin with {prefix!r}; this one does not.",
              "Copy the whole key, with its beginning.",
              "Invalid API key format: does not begin with {prefix!r}, auth refused"),
    _unproven("environment", "Key of another environment",
              "The key is for the environment {environment!r}; this server serves {served}.",
              "Use a key of this server's environment, or the address of the other one.",
              "Invalid API key format: environment {environment!r}, served {served}, auth refused"),
    _unproven("checksum", "Mistyped API key", "The API key contains a mistake: its checksum does not fit.",
              "Copy the key anew; a letter is wrong, missing or one too many.",
              "Invalid API key format: checksum, auth refused"),
    _unproven("malformed", "Not an API key", "What was sent does not look like an API key of this service.",
              "Copy the whole key, exactly as it was given.",
              "Invalid API key format: {length} characters of another shape, auth refused"),
    _unproven("in_query", "API key in the address",
              "The API key stands in the address, where logs and proxies keep it.",
              "Send it as 'Authorization: Bearer KEY', and replace this key: consider it leaked.",
              "Invalid API key format: key in the query string, consider {key_id!r} leaked, auth refused"),
    _forbidden("credential.unknown", "Unknown API key", "The API key is well-formed, but not known here.",
               "Check that it is the key of this service; it may have been replaced.",
               "auth: unknown API key {key_id!r}, forbidden"),
    _forbidden("credential.revoked", "API key revoked", "The API key {key_id} was revoked.",
               "Use its replacement, or ask the operator for a new one.", "auth: key {key_id} is revoked, forbidden"),
    _forbidden("credential.expired", "API key expired", "The API key {key_id} expired at {expired_at}.",
               "Use its replacement, or ask the operator for a new one.",
               "auth: key {key_id} expired at {expired_at}, forbidden"),
    _forbidden("credential.disabled", "API key disabled", "The API key {key_id} is disabled.",
               "Ask the operator to enable it; keys that lie unused for long are disabled.",
               "auth: key {key_id} is disabled, forbidden"),
    _forbidden("credential.identity_disabled", "Account disabled", "The account of the API key {key_id} is disabled.",
               "Ask the operator.", "auth: identity {identity} of key {key_id} is disabled, forbidden"),
    # --- policy: proven, but not for this -------------------------------------------------------------------
    _forbidden("policy.scope", "Not within this key's scopes",
               "The API key {key_id} lacks the scope {scope!r}, which this path needs.",
               "Use a key with that scope, or ask the operator to add it.",
               "forbidden: key {key_id} lacks scope {scope!r}"),
    _forbidden("policy.address", "Key not valid from this address",
               "The API key {key_id} may not be used from your address {address}.",
               "Use it from its own network, or have its list of addresses changed.",
               "forbidden: key {key_id} used from {address}, bound to {bound}"),
    _forbidden("policy.origin", "Key not valid for this page",
               "The API key {key_id} may not be used by pages of {origin}.",
               "Use it from its own origin, or have its list of origins changed.",
               "forbidden: key {key_id} used by {origin}, bound to {bound}"),
    _forbidden("policy.model", "Key not valid for this model",
               "The API key {key_id} may not use the model {model!r}.",
               "Use one of: {bound}.", "forbidden: key {key_id} asked for model {model!r}, bound to {bound}"),
    _forbidden("policy.tier_missing", "Tier not configured",
               "The tier of this account does not exist on this server.",
               "The operator adds the tier {tier!r} or moves the account to another.",
               "denied: tier {tier!r} of identity {identity} is not in the configuration", status=503),
    # --- rate, quota, idempotency ---------------------------------------------------------------------------
    _limit("rate.exceeded", "Too many requests", "The limit {name!r} of {limit} in {window} is used up.",
           "Wait for the time in Retry-After; spread requests out.",
           "rate: {identity} over {name!r} ({limit} in {window}), access denied", "ThrottlingException"),
    _limit("rate.aborts", "Too many abandoned requests",
           "Too many requests were abandoned after work on them had begun.",
           "Wait for the answers (raise the client's timeout), then try again after the time in Retry-After.",
           "rate: {identity} abandoned too many requests, access denied", "ThrottlingException"),
    _limit("quota.exceeded", "Quota used up", "The quota {name!r} of {limit} in {window} is used up.",
           "It begins anew at {resets_at}; ask the operator for a larger one.",
           "quota: {identity} over {name!r} ({limit} in {window}), access denied", "LimitExceededException"),
    _limit("quota.bytes", "Transfer quota used up", "The quota {name!r} of {limit} bytes in {window} is used up.",
           "It begins anew at {resets_at}; send smaller images or ask the operator for a larger one.",
           "quota: {identity} over {name!r} ({limit} bytes in {window}), access denied", "LimitExceededException"),
    _limit("quota.credits", "No credits left", "The account has {remaining} credits left; {cost} are needed.",
           "Have credits added to the account.",
           "quota: {identity} has {remaining} credits, {cost} needed, access denied", "LimitExceededException"),
    Reason("idempotency.malformed", 400, "Bad Idempotency-Key",
           "The Idempotency-Key must be 1 to 255 visible ASCII characters.",
           "Send a fresh UUID for every image, and the same one when you try again.",
           "Idempotency-Key of {length} characters", "BadRequestException"),
    Reason("idempotency.in_progress", 409, "Still working on it",
           "A request with this Idempotency-Key is being worked on.",
           "Wait for the time in Retry-After, then send the same request again.",
           "Idempotency-Key in use by {request_id}", "ConflictException", "", 2),
    Reason("idempotency.mismatch", 422, "Idempotency-Key used before",
           "This Idempotency-Key was used with another image or other options.",
           "Use a fresh key for every image.",
           "Idempotency-Key of {request_id} came back with another payload", "IdempotencyMismatchException"),
    Reason("idempotency.exhausted", 409, "Fetched often enough",
           "The answer under this Idempotency-Key was made again {replays} times already.",
           "Send the image with a fresh key.",
           "Idempotency-Key of {request_id} replayed {replays} times", "ConflictException"),
    # --- route ----------------------------------------------------------------------------------------------
    Reason("route.unknown", 404, "No such path", "There is nothing at {path}.",
           "Cut-outs are made by POST /v1/remove-bg; the API reference lists every path.",
           "No route for {method} {path}", "ResourceNotFoundException"),
    Reason("route.method", 405, "Method not allowed", "{path} does not answer {method}; it answers {allowed}.",
           "Use one of the allowed methods.", "Method {method} not allowed on {path}", "MethodNotAllowedException"),
    # --- upload: the image itself ---------------------------------------------------------------------------
    _upload("empty", 422, "Empty image", "The image has no bytes.", "Check that the file was read before sending."),
    _upload(
        "too_large", 413, "Image too large", "The image is larger than the limit of {limit_mb:g} MB.",
        "Send a smaller file: lower the JPEG quality or the size in pixels.",
        operator="upload over {limit_mb:g} MB refused (read {read_bytes} bytes of {declared_bytes} declared)",
    ),
    _upload(
        "type", 415, "Not an accepted image type",
        "The bytes are {found}, which is not an image type that can be accepted.",
        "Send a JPEG, PNG or WebP file.",
    ),
    _upload(
        "type_disabled", 415, "Image type not enabled",
        "The file is {found}; this server accepts {accepted}.",
        "Convert the image to an accepted type, or ask the operator to add it to upload.types.",
    ),
    _upload(
        "name", 415, "File name does not fit the image",
        "The file is named {name!r}, but its bytes are {found}.",
        "Give the file the extension of its real type; the content decides what it is.",
    ),
    _upload(
        "pixels", 422, "Too many pixels",
        "The image is {width} × {height} = {megapixels:.1f} megapixels; the limit is {limit_mp:g}.",
        "Scale the image down before sending it.",
    ),
    _upload(
        "side", 422, "Image side too long",
        "The image is {width} × {height} pixels; no side may be longer than {limit}.",
        "Scale the image down before sending it.",
    ),
    _upload(
        "frames", 422, "Too many frames", "The image has {frames} frames; the limit is {limit}.",
        "Send a single picture.",
    ),
    _upload(
        "truncated", 422, "Image is cut short", "The {format} data ends before the picture is complete.",
        "Send the whole file; a proxy, a form or an aborted copy has cut it.",
        operator="truncated {format}: {problem}",
    ),
    _upload(
        "corrupt", 422, "Image is damaged", "The {format} data is damaged and cannot be decoded.",
        "Open and save the image again with an image editor, then send that file.",
        operator="corrupt {format}: {problem}",
    ),
    _upload(
        "unsupported", 422, "Image variant not supported", "The {format} image uses {feature}, which is not supported.",
        "Save the image as 8-bit RGB JPEG or PNG.",
    ),
    _upload(
        "base64", 422, "Bad base64", "The field '{field}' is not valid base64: {problem}.",
        "Encode the file's bytes with standard base64; a data: URL is accepted too.",
    ),
    _upload(
        "url_disabled", 422, "Image addresses are not fetched",
        "This server does not fetch images from addresses ('image_url').",
        "Download the image and send its bytes.",
    ),
    # --- capacity: not now ----------------------------------------------------------------------------------
    _capacity("queue_full", "Queue full", "{waiting} requests are waiting already, which is the limit.",
              "Try again after the time in Retry-After, with back-off.", 5),
    _capacity("body_budget", "Too many uploads at once",
              "Uploads in hand already take the {limit_mb:g} MB that all of them may take together.",
              "Try again after the time in Retry-After, with back-off.", 3),
    _capacity("connections", "Too many connections", "There are {limit} connections already, which is the limit.",
              "Try again after the time in Retry-After, with back-off.", 3),
    _capacity("resources", "Out of resources", "The server has no memory or files left for this upload.",
              "Try again after the time in Retry-After, with back-off.", 5, "an upload cannot be stored: {problem}"),
    _capacity("not_ready", "Not ready", "The server cannot make cut-outs: {problem}.",
              "The operator mends what is named; /ready answers 200 when it is.", 30),
    _capacity("deadline", "Waited too long", "The request waited {seconds:.0f} s for a worker, which is the limit.",
              "Try again after the time in Retry-After, with back-off.", 10),
    _capacity("draining", "Shutting down", "The server is shutting down and takes no new work.",
              "Try again; another instance or the restarted server will answer.", 5),
    _capacity("starting", "Starting", "The server is still loading its model.",
              "Try again in a few seconds; /ready answers 200 when it is.", 3),
    # --- engine: the image broke the work -------------------------------------------------------------------
    _engine("time_limit", 422, "Took too long", "The image needed more than {seconds:g} s, which is the limit.",
            "Send a smaller image or choose a faster model.", "worker {pid} killed after {seconds:g} s on this image"),
    _engine("memory_limit", 422, "Needed too much memory", "The image needed more memory than one image may use.",
            "Send a smaller image.", "worker {pid} passed {limit_mb:g} MB on this image"),
    _engine("worker_died", 503, "Worker died", "The worker process died while it worked on this image.",
            "Try once more; if it happens again, the image is the cause.", "worker {pid} died ({how}) on this image"),
    _engine("poison", 422, "This image breaks workers",
            "This image has stopped {deaths} workers, so it is not tried again for a while.",
            "Open and save the image again with an image editor, then send that file.",
            "poison image {digest} refused after {deaths} worker deaths"),
    _engine("unavailable", 503, "Engine not running", "The part of the server that makes cut-outs does not start.",
            "Try again after the time in Retry-After; the operator finds the cause in /ready and in the log.",
            "no worker starts: {problem}"),
    # --- model: the weights ---------------------------------------------------------------------------------
    _model("unknown", 422, "Unknown model", "There is no model named {model!r}; known here: {known}.",
           "Use one of the known names.", "unknown model {model!r} asked for"),
    _model("not_enabled", 422, "Model not offered", "The model {model!r} is not offered by this server: {problem}.",
           "Use one of the models offered here: {offered}.", "model {model!r} not offered: {problem}"),
    _model("licence", 422, "Licence not acknowledged",
           "The weights of {model!r} are licensed as {licence}, and the operator has not acknowledged that.",
           "The operator runs: mattegate models pull {model} --acknowledge-licence {licence_id}",
           "model {model!r} needs its licence ({licence}) acknowledged once by name"),
    _model("missing", 503, "Weights missing", "The weights of {model!r} are not installed.",
           "The operator runs: mattegate models pull {model}", "weights of {model!r} missing at {path}"),
    _model("unreadable", 503, "Weights unreadable", "The weights of {model!r} cannot be read by the server.",
           "The operator finds the path component and the user in the server's log and in /ready.",
           "{component} cannot be {act} by user {user} (needed for {path}): {problem}"),
    _model("hash_mismatch", 503, "Weights differ from their pin",
           "The weights of {model!r} are not the file that was pinned.",
           "The operator runs: mattegate models pull {model} --force",
           "{path} has SHA-256 {actual}, pinned is {expected}"),
    _model("no_source", 503, "No source had the weights", "The weights of {model!r} could not be fetched.",
           "See what was tried, and fetch the file by hand if need be: mattegate models import {model} FILE",
           "no source of {model!r} worked: {tried}"),
    _model("storage", 503, "Weights cannot be stored", "The weights of {model!r} could not be stored: {problem}.",
           "The operator frees space or corrects the permissions of the models folder, and runs: "
           "mattegate models pull {model}",
           "weights of {model!r} could not be stored: {problem}"),
    _model("unpinned", 503, "Weights without a pin", "Nothing says what the weights of {model!r} should be.",
           "The operator states their SHA-256: mattegate models import {model} FILE --sha256 DIGEST",
           "{path} has no pinned hash and none was recorded for it"),
    _model("format", 503, "Not an ONNX file", "The file for {model!r} is {found}, not an ONNX graph.",
           "{advice}", "{path} is {found}; {advice}"),
    _model("spec", 503, "Bad model description", "The description of {model!r} is not usable: {problem}.",
           "Correct the named field in the spec file.", "spec of {model!r}: {problem}"),
    _model("graph", 503, "Graph does not fit its description", "The graph of {model!r} cannot be run: {problem}.",
           "Check the input size and output name in the spec file.", "graph of {model!r}: {problem}"),
    # --- refine / extras ------------------------------------------------------------------------------------
    Reason("option.extra_missing", 422, "Not installed here",
           "'{option}' needs the optional part '{extra}', which is not installed on this server.",
           "The operator runs: pip install 'mattegate[{extra}]'",
           "{option} asked for, extra {extra} not installed", "FeatureNotInstalledException"),
    # --- file: the command line and the files of whoever runs it (never sent over HTTP) ---------------------
    _file("not_found", 404, "No such file", "There is no file or folder {path}.",
          "Check the spelling; quote a pattern such as 'photos/*.jpg' so that mattegate expands it."),
    _file("unreadable", 403, "File cannot be read", "{path} cannot be read: {problem}.",
          "Give this user the right to read it, or copy it to where it can be read."),
    _file("unwritable", 403, "File cannot be written", "{path} cannot be written: {problem}.",
          "Choose another place with -o, or give this user the right to write there."),
    _file("disk_full", 507, "Disk takes nothing more", "{path} cannot be written: {problem}.",
          "Make room, or choose another place, then run the same line again."),
    _file("exists", 409, "Target exists", "{path} exists already.",
          "Use --force to replace it or --skip-existing to keep it."),
    _file("same_target", 409, "Two sources, one target", "{first} and {second} would both become {target}.",
          "Rename one of them, or give each its own target with -o."),
    _file("nothing_found", 404, "No image found", "There is no image to work on in {paths}.",
          "Files count as images by their extension; use --recursive for folders inside folders."),
    _file("terminal", 400, "Not onto a terminal", "An image would be written to the terminal.",
          "Name a file with -o, or send the output on: > cutout.png"),
    _file("batch_in_use", 409, "Batch already running", "Another batch is working with {path}.",
          "Wait for it to end, or choose another output folder."),
    _file("manifest", 422, "Manifest unreadable", "Line {line} of {path} is not one of a batch's lines: {problem}.",
          "Move the manifest away to start the batch afresh, or choose another output folder."),
    # --- records and accounts -------------------------------------------------------------------------------
    Reason("record.not_found", 404, "No such decision", "There is no decision of yours with this id.",
           "Check the id; records are kept for a limited time.", "no record {request_id}", "ResourceNotFoundException"),
    _account("not_found", 404, "Not found", "There is no {what} {name!r}.", "List what there is, and check the name."),
    _account("exists", 409, "Exists already", "There is a {what} {name!r} already.", "Choose another name."),
    _account("invalid", 422, "Not possible", "{what} cannot be {value!r}: {problem}.", "Correct the value."),
    _account("wider", 403, "A key only narrows", "The key would get {what} {value!r}, which {owner} does not have.",
             "Leave it out, or have the account widened by the operator."),
    _account("malformed", 400, "Body not readable", "The body could not be read: {problem}.",
             "Send one small JSON object with the members that the API reference lists."),
    _account("many_keys", 409, "Enough keys", "The account may have no more than {limit} keys of its own making {per}.",
             "Revoke keys that are not needed, wait, or ask the operator to make the key."),
    Reason("admin.no_admin", 503, "No admin yet", "The admin plane has no admin yet, so nobody can use it.",
           "On the server: mattegate admins create NAME", "admin plane: access denied, there is no admin",
           "ServiceUnavailableException"),
    Reason("admin.unauthorized", 401, "Admin token needed", "The admin plane needs an admin token.",
           "Send 'Authorization: Bearer TOKEN'; on the server: mattegate admins create NAME",
           "admin plane: access denied to {address}", "UnauthorizedException"),
    Reason("admin.host", 403, "Wrong host", "The admin plane does not answer for the host {host!r}.",
           "Call it as localhost, or add the name to admin.hosts.", "admin plane: Host {host!r} forbidden",
           "AccessDeniedException"),
    Reason("admin.conflict", 409, "Another process uses this home", "Another server uses the home {home}.",
           "Stop it, or give this one a home of its own with --home.", "home {home} is locked by process {pid}",
           "ConflictException"),
    Reason("home.newer", 409, "Written by a newer version",
           "The file {file} was written by a newer version (schema {found}; this version knows {known}).",
           "Use that version, or restore a backup from before the upgrade.",
           "{file} has schema {found}, this version knows {known}: access denied", "ConflictException"),
    Reason("backup.exists", 409, "Backup exists already", "There is a file {path} already.",
           "Choose another name for the backup.", "backup to {path} denied: the file exists", "ConflictException"),
    Reason("backup.not_empty", 409, "Home is in use",
           "The home {home} holds {found} already; a backup is restored into an empty home only.",
           "Name another home with --home, or move what is there away.",
           "restore into {home} denied: it holds {found}", "ConflictException"),
    Reason("backup.damaged", 422, "Not a sound backup", "The backup {path} cannot be used: {problem}.",
           "Use another backup; nothing was changed.", "backup {path}: {problem}; access denied",
           "BadRequestException"),
    Reason("backup.unsound", 422, "Database damaged", "The database {file} cannot be backed up: {problem}.",
           "Restore the last good backup; the backup that was being made is gone.",
           "backup of {file}: {problem}; access denied", "BadRequestException"),
    # --- dependency: something we rest on is down; never 401, 403 or 429 ------------------------------------
    _dependency("unavailable", "a dependency is down"),
    _dependency("control", "the store of keys is down: {problem}"),
    _dependency("ledger", "the ledger is down: {problem}"),
    _dependency("limits", "the store of limits is down: {problem}"),
    _dependency("records", "records cannot be written: {problem}"),
    # --- internal -------------------------------------------------------------------------------------------
    Reason("internal.error", 500, "Internal error", "Something went wrong here; it is our fault, not yours.",
           "Tell the operator the request id.", "{problem}", "InternalFailureException"),
)  # fmt: skip

REASONS: Final[Mapping[str, Reason]] = MappingProxyType({reason.code: reason for reason in _ENTRIES})
"""Every reason by its code."""
