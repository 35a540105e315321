"""Specs of small made-up models."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from mattegate.cutout.models.catalogue import built_in
from mattegate.cutout.models.spec import ModelSpec, Pin


def spec_for(content: bytes, *, name: str = "tiny", md5_only: bool = False) -> ModelSpec:
    """A model whose weights are ``content``, with the numerics and the free licence of u2netp, and no source."""
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    sha256 = "" if md5_only else hashlib.sha256(content).hexdigest()
    pin = Pin(sha256=sha256, md5=md5, bytes=len(content))
    return replace(built_in()[0], name=name, file=f"{name}.onnx", aliases=(), pin=pin, sources=())
