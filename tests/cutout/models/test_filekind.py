"""Files that are not ONNX are recognised, and the answer says what to do."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from mattegate.cutout.models.filekind import recognise, refuse_other_kinds
from mattegate.vocabulary.refusal import Refusal
from tests.cutout.models.graphs import tiny_graph


def _safetensors() -> bytes:
    header = json.dumps({"__metadata__": {}, "w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(4)


@pytest.mark.parametrize(
    ("content", "found", "advice"),
    [
        (_safetensors(), "safetensors", "torch.onnx.export"),
        (b"<!DOCTYPE html><title>Sign in</title>", "web page", "download the file itself"),
        (b"\n<html>", "web page", "download"),
        (b'{"error": "Invalid username or password."}', "JSON", "read the file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS pointer", "git lfs pull"),
        (b"\x80\x02}q\x00.", "PyTorch", "torch.onnx.export"),
        (b"", "empty", "again"),
    ],
)
def test_other_kinds_are_named_with_advice(tmp_path: Path, content: bytes, found: str, advice: str) -> None:
    """Each kind that people save under a model's name gets its own sentence."""
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(Refusal) as caught:
        refuse_other_kinds(path, "u2net")
    assert caught.value.reason.code == "model.format"
    assert found in str(caught.value.facts["found"])
    assert advice in caught.value.remedy


def test_a_pytorch_archive_and_a_plain_zip_differ(tmp_path: Path) -> None:
    """A ZIP with a pickle inside is a checkpoint; another one is to be unpacked."""
    for member, expected in (("archive/data.pkl", "PyTorch"), ("u2net.onnx", "ZIP")):
        with zipfile.ZipFile(tmp_path / "m", "w") as archive:
            archive.writestr(member, b"x")
        kind = recognise(tmp_path / "m")
        assert kind is not None
        assert expected in kind.found


def test_a_graph_is_nothing_else(tmp_path: Path) -> None:
    """A real ONNX file passes."""
    assert recognise(tiny_graph(tmp_path / "g.onnx", input_size=(32, 32))) is None
