"""A cut-out on the wire: the bare bytes, or JSON with base64; streamed in chunks, never copied as a whole."""

from __future__ import annotations

import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mattegate.serving.naming import content_disposition
from mattegate.vocabulary.options import OutputFormat, ResponseKind
from mattegate.vocabulary.report import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Send

    from mattegate.cutout.engine.protocol import Cutout
    from mattegate.serving.problem import RawHeaders
    from mattegate.vocabulary.options import CutoutOptions
    from mattegate.vocabulary.report import Report

CHUNK: Final = 3 << 16
"""Bytes of one piece; divisible by three, so that pieces of base64 join without padding."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """A finished cut-out and what belongs beside it; ``stages`` hold the whole walk, the engine's steps included."""

    cutout: Cutout
    options: CutoutOptions
    filename: str | None
    stages: tuple[Stage, ...]
    request_id: str
    replayed: bool = False
    """Whether it was made again under an idempotency key, without a charge."""


async def send_answer(send: Send, answer: Answer) -> None:
    """Send one answer, whichever kind the options ask for."""
    if answer.options.response is ResponseKind.JSON:
        await _send_json(send, answer)
    else:
        await _send_image(send, answer)


async def _send_image(send: Send, answer: Answer) -> None:
    data = answer.cutout.data
    headers = [
        (b"content-type", answer.cutout.report.media_type.encode()),
        (b"content-length", b"%d" % len(data)),
        (b"content-disposition", _disposition(answer)),
    ]
    await _start(send, answer, headers)
    await _stream(send, (bytes(piece) for piece in _pieces(data)))


async def _send_json(send: Send, answer: Answer) -> None:
    data = answer.cutout.data
    opening = b'{"image_base64":"'
    closing = b'",' + json.dumps(_members(answer)).encode()[1:] + b"\n"
    length = len(opening) + (len(data) + 2) // 3 * 4 + len(closing)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % length)]
    await _start(send, answer, headers)
    encoded = (binascii.b2a_base64(piece, newline=False) for piece in _pieces(data))
    await _stream(send, (part for parts in ((opening,), encoded, (closing,)) for part in parts))


def _members(answer: Answer) -> dict[str, object]:
    report = answer.cutout.report
    return {
        "media_type": report.media_type,
        "width": report.width,
        "height": report.height,
        "foreground": _box(report),
        "model": report.model,
        "timings": {stage.name: round(stage.milliseconds, 2) for stage in answer.stages},
        "notes": list(report.notes),
        "request_id": answer.request_id,
    }


def _box(report: Report) -> dict[str, int] | None:
    if report.foreground is None:
        return None
    return dict(zip(("left", "top", "right", "bottom"), report.foreground, strict=True))


async def _start(send: Send, answer: Answer, headers: RawHeaders) -> None:
    report = answer.cutout.report
    headers += [
        (b"cache-control", b"no-store"),
        (b"server-timing", _server_timing(answer.stages)),
        (b"x-mattegate-model", report.model.encode()),
        (b"x-width", b"%d" % report.width),
        (b"x-height", b"%d" % report.height),
    ]
    if answer.replayed:
        headers.append((b"idempotency-replayed", b"true"))
    if report.notes:
        headers.append((b"x-mattegate-notes", _header_text("; ".join(report.notes))))
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def _stream(send: Send, parts: Iterator[bytes]) -> None:
    for part in parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _pieces(data: memoryview) -> Iterator[memoryview]:
    return (data[start : start + CHUNK] for start in range(0, len(data), CHUNK))


def _disposition(answer: Answer) -> bytes:
    suffix = "mask" if answer.options.mask else "cutout"
    kind = answer.options.format
    return content_disposition(answer.filename, suffix, "jpg" if kind is OutputFormat.JPEG else kind)


def _server_timing(stages: tuple[Stage, ...]) -> bytes:
    """``Server-Timing`` (W3C), milliseconds."""
    return ", ".join(f"{stage.name};dur={stage.milliseconds:.2f}" for stage in stages).encode()


def _header_text(text: str) -> bytes:
    """Printable ASCII, because field values hold nothing else reliably (RFC 9110, section 5.5)."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return printable.encode("ascii", "replace")
