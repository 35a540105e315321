"""What a file that should be an ONNX graph really is, told from its first bytes."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mattegate.vocabulary.refusal import Refusal

_HEAD_BYTES: Final = 4096
_LARGEST_SAFETENSORS_HEADER: Final = 100_000_000
"""The safetensors format's own limit for its JSON header."""


@dataclass(frozen=True, slots=True)
class NotOnnx:
    """Something else, and what to do about it."""

    found: str
    advice: str


_SAFETENSORS: Final = NotOnnx(
    "a safetensors file (weights without a graph)",
    "fetch the model's ONNX file (with Hugging Face repositories usually onnx/model.onnx), "
    "or load the weights into their PyTorch model and convert them with torch.onnx.export",
)
_PYTORCH: Final = NotOnnx(
    "a PyTorch checkpoint",
    "fetch the model's ONNX file, or load the checkpoint into its PyTorch model and convert it with torch.onnx.export",
)
_POINTER: Final = NotOnnx(
    "a Git LFS pointer (three lines of text that stand for the file)",
    "run 'git lfs pull' in the repository it came from, or download the file itself",
)
_PAGE: Final = NotOnnx(
    "a web page that was saved under the model's name",
    "download the file itself; a log-in or error page often comes instead when access was not granted",
)
_JSON: Final = NotOnnx(
    "JSON text, probably an error message that was saved under the model's name",
    "read the file, it may say what went wrong, and download the model again",
)
_EMPTY: Final = NotOnnx("an empty file", "download the model again")


def refuse_other_kinds(path: Path, model: str) -> None:
    """Raise :class:`Refusal` ``model.format`` where the file at ``path`` is recognisably something else than ONNX.

    A file that passes is not proven to be a graph: that is known when a runtime has loaded it.
    """
    if (other := recognise(path)) is not None:
        raise Refusal("model.format", model=model, path=str(path), found=other.found, advice=other.advice)


def recognise(path: Path) -> NotOnnx | None:
    """What the file is, or ``None`` where nothing speaks against an ONNX graph."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        return _EMPTY
    if head.startswith(b"version https://git-lfs"):
        return _POINTER
    if _is_safetensors(head, path.stat().st_size):
        return _SAFETENSORS
    if head.startswith(b"PK\x03\x04"):
        return _PYTORCH if _holds_pickle(path) else NotOnnx("a ZIP archive", "unpack it and name the .onnx file inside")
    if head.startswith(b"\x80\x02"):
        return _PYTORCH
    return _as_text(head)


def _is_safetensors(head: bytes, size: int) -> bool:
    """Eight bytes of little-endian length, then that much JSON, which starts with ``{"``."""
    length = int.from_bytes(head[:8], "little")
    return 2 <= length <= min(_LARGEST_SAFETENSORS_HEADER, size - 8) and head[8:16].lstrip().startswith(b"{")


def _holds_pickle(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("data.pkl") for name in archive.namelist())
    except zipfile.BadZipFile:
        return False


def _as_text(head: bytes) -> NotOnnx | None:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return _PAGE
    if text.startswith(b"{") and _looks_like_json(text):
        return _JSON
    return None


def _looks_like_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return text[1:].lstrip().startswith(b'"')
    return True
