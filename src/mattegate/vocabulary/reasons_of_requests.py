"""The part of the catalogue about requests and their paths; see :mod:`mattegate.vocabulary.reasons` for its rules."""

from __future__ import annotations

from typing import Final

from mattegate.vocabulary.reason import Reason, request

REQUESTS: Final[tuple[Reason, ...]] = (
    # --- request: what was asked cannot be understood -------------------------------------------------------
    request(
        "malformed", "Malformed request",
        "The request body could not be read as {expected}: {problem}.",
        "Send multipart/form-data with one file field named 'image', the raw image as the body, "
        "or JSON with 'image_base64'.",
    ),
    request(
        "option", "Bad option",
        "The option '{option}' cannot be {value!r}: {problem}.",
        "Use an option and a value that the API reference lists.",
    ),
    request(
        "no_image", "No image",
        "The request carries no image: {problem}.",
        "Send one file field named 'image', the raw image as the body, or JSON with 'image_base64'.",
    ),
    request(
        "stalled", "Upload stalled", "No bytes of the body arrived for {seconds:g} s, so reading was stopped.",
        "Check the connection and send the image again.", status=408,
    ),
    request(
        "too_slow", "Upload too slow",
        "The body arrived at {rate_kb:.1f} kB/s; at least {limit_kb:g} kB/s are required.",
        "Use a faster connection or send a smaller image.", status=408,
    ),
    request(
        "body_timeout", "Upload took too long", "The body did not arrive within {seconds:g} s.",
        "Use a faster connection or send a smaller image.", status=408,
    ),
    request(
        "content_type", "Body type not read here",
        "The Content-Type of the body is {found}, which this path does not read.",
        "Send multipart/form-data with one file field named 'image', the raw image with its own type "
        "(curl: -H 'Content-Type: image/jpeg' --data-binary @photo.jpg), or application/json.", status=415,
    ),
    request(
        "encoding", "Body is compressed", "The Content-Encoding of the body is {found}; only plain bodies are read.",
        "Send the body without Content-Encoding; images are compressed already.", status=415,
    ),
    request(
        "http", "Not HTTP", "The request could not be read as HTTP/1.1: {problem}.",
        "Check what stands between the client and this server; exactly one Host header is required.",
    ),
    request(
        "head_too_large", "Headers too large", "The request line and headers take more than {limit_kib} KiB.",
        "Send fewer or shorter headers; cookies are not used here.", status=431,
    ),
    request(
        "head_timeout", "Headers took too long", "The headers did not arrive within {seconds:g} s.",
        "Check the connection and try again.", status=408,
    ),
    request(
        "client_gone", "Caller went away", "The caller closed the connection before the answer was ready.",
        "Nothing to do; if this was not meant, raise the client's timeout.", status=499,
    ),
    request(
        "ambiguous_credentials", "More than one credential",
        "The request carries {count} credentials ({channels}); it is not guessed which one is meant.",
        "Send the key once: Authorization: Bearer KEY, or X-API-Key: KEY.",
        operator="forbidden: ambiguous credentials, {count} presented ({channels})",
    ),
    request(
        "duplicate_header", "A header stands twice", "The header {header} stands there more than once.",
        "Send it once; a proxy on the way may be adding its own.",
        operator="forbidden: header {header} doubled",
    ),
    # --- route ----------------------------------------------------------------------------------------------
    Reason("route.unknown", 404, "No such path", "There is nothing at {path}.",
           "Cut-outs are made by POST /v1/remove-bg, behind the prefix of this server where it has one; "
           "the API reference lists every path.",
           "No route for {method} {path}", "ResourceNotFoundException"),
    Reason("route.method", 405, "Method not allowed", "{path} does not answer {method}; it answers {allowed}.",
           "Use one of the allowed methods.", "Method {method} not allowed on {path}", "MethodNotAllowedException"),
)  # fmt: skip
