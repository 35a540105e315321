"""The part of the catalogue about files of whoever runs the command line: never sent over HTTP.

See :mod:`mattegate.vocabulary.reasons` for its rules.
"""

from __future__ import annotations

from typing import Final

from mattegate.vocabulary.reason import Reason


def _file(code: str, status: int, title: str, sentence: str, remedy: str) -> Reason:
    """Of a local file, on the command line."""
    return Reason(f"file.{code}", status, title, sentence, remedy, sentence, "LocalFileException")


FILES: Final[tuple[Reason, ...]] = (
    _file("not_found", 404, "No such file", "There is no file or folder {path}.",
          "Check the spelling; quote a pattern such as 'photos/*.jpg' so that mattegate expands it."),
    _file("unreadable", 403, "File cannot be read", "{path} cannot be read: {problem}.",
          "Give this user the right to read it, or copy it to where it can be read."),
    _file("unwritable", 403, "File cannot be written", "{path} cannot be written: {problem}.",
          "Choose another place, or give this user the right to write there."),
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
)  # fmt: skip
