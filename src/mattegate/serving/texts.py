"""Gathering option texts from the query and the body; what they mean is :func:`parse_options`' business."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from mattegate.signing.sigv4 import PARAMETERS
from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_OPTIONS: Final = 32
MAX_TEXT: Final = 1_024
"""Characters (bytes in a form) of one option's value."""
MAX_NAME: Final = 64
URL: Final = "image_url"
"""The address of the image, in a form or in JSON."""
MAX_URL: Final = 4_096


def add_text(texts: dict[str, str], name: str, text: str) -> None:
    """Add one option.

    Raises :class:`Refusal` ``request.option`` for one that is there already, or is longer than any real one;
    ``upload.url_disabled`` for an image address, which is no option.
    """
    if name == URL:
        raise Refusal("upload.url_disabled")
    if name in texts:
        raise option_refusal(name, text, "it is given twice")
    if len(name) > MAX_NAME or len(text) > MAX_TEXT:
        raise option_refusal(name, text, f"it is longer than {MAX_TEXT} characters")
    texts[name] = text


def option_refusal(name: str, text: str, problem: str) -> Refusal:
    """A ``request.option`` refusal that quotes no more than needed."""
    return Refusal("request.option", option=name[:MAX_NAME], value=text[:80], problem=problem)


def query_texts(query: bytes) -> dict[str, str]:
    """The options of a query string. Raises :class:`Refusal` ``request.option`` or ``request.malformed``.

    The parameters of a presigned address are no options.
    """
    return gather((name, text) for name, text in _query_pairs(query) if name not in PARAMETERS)


def gather(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Options by name, each at most once. Raises as :func:`add_text`."""
    texts: dict[str, str] = {}
    for name, text in pairs:
        add_text(texts, name, text)
    return texts


def _query_pairs(query: bytes) -> list[tuple[str, str]]:
    if not query:
        return []
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_OPTIONS)
    except ValueError as error:
        problem = "it is not UTF-8" if isinstance(error, UnicodeError) else f"more than {MAX_OPTIONS} fields"
        raise Refusal("request.malformed", expected="query parameters", problem=problem) from None
