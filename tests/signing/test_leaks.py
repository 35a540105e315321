"""Keys found where they should not stand."""

from __future__ import annotations

import json
from base64 import b64encode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.signing.keys import mint
from mattegate.signing.leaks import HIDDEN, Leak, find_whole_keys, hide_keys

MINTED = mint("sk_prod_", lambda count: bytes(range(7, 7 + count)))
KEY = MINTED.text
PREFIXES = ("sk_prod_", "sk_test_", "RMBG-PROD-")


def found(text: str) -> list[Leak]:
    """The finds in a text."""
    return [leak for leak, _ in find_whole_keys(text, PREFIXES)]


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        f"API_KEY={KEY}",
        f"export API_KEY='{KEY}'\r",
        f"https://api.example.com/v1/remove-bg?api_key={KEY}&size=4k",
        f"https://{KEY}@api.example.com/",
        json.dumps({"key": KEY}),
        json.dumps(json.dumps({"key": f"\n{KEY}\n"})),
        quote(f'"{KEY}"'),
        KEY.replace("_", "%5F"),
        f"x{KEY}y",
        f"<b>{KEY}</b>",
        f"Authorization: Basic {b64encode(f':{KEY}'.encode()).decode()}",
        f"Authorization: Basic {b64encode(f'me:{KEY}'.encode()).decode()}",
        f"Basic%20{b64encode(f'{KEY}:'.encode()).decode()}",
        '{"auths": {"a": {"auth": "' + b64encode(f"user:{KEY}".encode()).decode() + '"}}}',
    ],
)
def test_a_key_is_found_in_whatever_it_is_wrapped(text: str) -> None:
    """In files, URLs, JSON in JSON, percent-encoded and inside Basic headers; shown without its secret."""
    (leak,) = found(text)
    assert (leak.line, leak.prefix, leak.key_id, leak.checksum_ok) == (1, "sk_prod_", MINTED.id, True)
    assert leak.shown == f"sk_prod_{MINTED.id}_********"


def test_line_and_column_are_those_of_an_editor() -> None:
    """A form feed or a Unicode line separator ends no line."""
    text = f"one\x0c\u2028\ntwo\n  {KEY} and {KEY}\n"
    assert [(leak.line, leak.column) for leak in found(text)] == [(3, 3), (3, 3 + len(KEY) + 5)]


def test_a_key_with_a_mistake_is_told_as_such() -> None:
    """An example in a page of documentation has the shape and no checksum; it may also be a key with a typo."""
    (leak,) = found(f"key: {KEY[:-1]}{'0' if KEY[-1] != '0' else '1'}")
    assert not leak.checksum_ok


@pytest.mark.parametrize(
    "text",
    ["", "sk_prod_", "sk_prod_abc123", KEY[:-1], KEY[1:], KEY.upper(), f"{KEY[:-1]}0a", "RMBG-PROD-abc123XYZ"],
)
def test_other_texts_are_left_alone(text: str) -> None:
    """Neither a prefix by itself nor half a key is a find."""
    assert found(text) == []


def test_without_prefixes_nothing_is_found() -> None:
    """An empty prefix is no prefix."""
    assert list(find_whole_keys(KEY, [])) == list(find_whole_keys(KEY, [""])) == []


def test_a_prefix_with_a_hyphen_is_found_percent_encoded_too() -> None:
    """Prefixes are the operator's choice."""
    minted = mint("RMBG-PROD-")
    assert [leak.key_id for leak in found(minted.text + "\n" + minted.text.replace("-", "%2D"))] == [minted.id] * 2


@given(st.lists(st.sampled_from([KEY, "\n", " ", "x", "=", "%", "A" * 70, "sk_prod_", KEY[8:], "é"]), max_size=30))
def test_nothing_of_a_secret_is_shown(pieces: list[str]) -> None:
    """Whatever the text, no piece of the secret goes into a find, and what was written apart is found."""
    leaks = found("".join(pieces))
    secret = KEY[len("sk_prod_") + 13 :]
    shown = repr(leaks)
    assert all(secret[at : at + 5] not in shown for at in range(len(secret) - 4))
    assert len(found(" ".join(pieces))) >= pieces.count(KEY)


OWN = ("sk_prod_", "RMBG-PROD-")


@given(st.text(max_size=40), st.text(max_size=40), st.sampled_from(OWN))
def test_a_key_is_hidden_in_whatever_stands_around_it(before: str, after: str, prefix: str) -> None:
    """Nothing of the secret is left, with its prefix, without it, and in the wrong case; the rest stays readable."""
    key = mint(prefix).text
    for spelled in (key, key.upper(), f"/{key.removeprefix(prefix)}/", key[:-1] + "!"):
        hidden = hide_keys(f"{before} {spelled} {after}", OWN)
        assert key[-30:-8].lower() not in hidden.lower()
        assert HIDDEN in hidden
        assert len(hidden) <= len(f"{before} {spelled} {after}")


def test_texts_without_a_key_stay_as_they_are() -> None:
    """Paths, agents and ordinary ids are not touched, and neither is a prefix alone."""
    for text in ("/v1/remove-bg", "Mozilla/5.0 (X11; Linux x86_64)", "sk_prod_", "order_0123456789", "a" * 300, ""):
        assert hide_keys(text, OWN) == text
        assert hide_keys(text, ()) == text
