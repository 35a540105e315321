"""The part of the catalogue about the work on an image, and what it needs.

See :mod:`mattegate.vocabulary.reasons` for its rules.
"""

from __future__ import annotations

from typing import Final

from mattegate.vocabulary.reason import Reason


def _capacity(code: str, title: str, sentence: str, remedy: str, retry_after_s: int, operator: str = "") -> Reason:
    """Not now."""
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
    """The work failed; waiting helps where it is 503."""
    return Reason(
        f"engine.{code}", status, title, sentence, remedy, operator, "ImageProcessingException", "",
        2 if status == 503 else None,
    )  # fmt: skip


def _model(code: str, status: int, title: str, sentence: str, remedy: str, operator: str) -> Reason:
    """The model is not there to be used."""
    return Reason(f"model.{code}", status, title, sentence, remedy, operator, "ModelNotReadyException")


ENGINE: Final[tuple[Reason, ...]] = (
    # --- capacity: not now ----------------------------------------------------------------------------------
    _capacity("queue_full", "Queue full", "{waiting} requests are waiting already, which is the limit.",
              "Try again after the time in Retry-After, with back-off.", 5),
    _capacity("body_budget", "Too many uploads at once",
              "Uploads in hand already take the {limit_mb:g} MB that all of them may take together.",
              "Try again after the time in Retry-After, with back-off.", 3),
    _capacity("fetches", "Too many images being fetched",
              "Images are being fetched from {limit} addresses already, which is the limit.",
              "Try again after the time in Retry-After, or send the bytes of the image.", 5),
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
)  # fmt: skip
