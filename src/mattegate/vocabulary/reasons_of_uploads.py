"""The part of the catalogue about the image itself; see :mod:`mattegate.vocabulary.reasons` for its rules."""

from __future__ import annotations

from typing import Final

from mattegate.vocabulary.reason import Reason


def _upload(code: str, status: int, title: str, sentence: str, remedy: str, *, operator: str = "") -> Reason:
    """The image itself."""
    error_type = {413: "RequestTooLargeException", 415: "UnsupportedMediaTypeException"}.get(
        status, "UnprocessableImageException"
    )
    return Reason(f"upload.{code}", status, title, sentence, remedy, operator or sentence, error_type)


UPLOADS: Final[tuple[Reason, ...]] = (
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
        "This server does not fetch images from addresses that stand here ('image_url').",
        "Download the image and send its bytes. Where the operator has set upload.urls, a form or JSON may hold one.",
    ),
    _upload(
        "url_malformed", 422, "Image address cannot be read", "The address of the image cannot be read: {problem}.",
        "Write it in full, with http:// or https:// and a plain host name, as a browser shows it.",
    ),
    _upload(
        "url_not_allowed", 403, "Host not allowed for images",
        "Images are not fetched from that host or port, or from one that it redirects to.",
        "Use a host that the operator allows for this key, or download the image and send its bytes.",
        operator="forbidden image address ({cause}): {problem}",
    ),
    _upload(
        "url_refused", 422, "Image address leads nowhere",
        "No image can be had from the address: it leads to no server that can be asked from here.",
        "Check that the address opens from the public internet, or download the image and send its bytes.",
        operator="image address denied ({cause}): {problem}",
    ),
    _upload(
        "url_timeout", 422, "Image address is too slow", "The server at the address did not send the image in time.",
        "Try again later, or download the image and send its bytes.",
        operator="image address too slow ({cause}): {problem}",
    ),
    _upload(
        "url_status", 422, "No image at the address", "The server at the address answers with status {found}.",
        "Check that the address opens without a login, or download the image and send its bytes.",
        operator="no image at the address ({cause}): {problem}",
    ),
    _upload(
        "url_redirect", 422, "Image address redirects wrongly",
        "The address redirects too often, to no address, or from https to http.",
        "Give the final address of the image.", operator="image address redirects wrongly ({cause}): {problem}",
    ),
    _upload(
        "url_type", 415, "No image at the address",
        "By its own words, what lies at the address is no image, or it is compressed.",
        "Give the address of the picture itself, not of a page that shows it.",
        operator="what lies at the image address is no image ({cause}): {problem}",
    ),
)  # fmt: skip
