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
    # --- internal -------------------------------------------------------------------------------------------
    Reason("internal.error", 500, "Internal error", "Something went wrong here; it is our fault, not yours.",
           "Tell the operator the request id.", "{problem}", "InternalFailureException"),
)  # fmt: skip

REASONS: Final[Mapping[str, Reason]] = MappingProxyType({reason.code: reason for reason in _ENTRIES})
"""Every reason by its code."""
