"""The YAML that compose files and API descriptions are written in, held against a full YAML reader."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.doctor.readers.protocol import Unreadable
from mattegate.doctor.readers.yaml_subset import Node, read_yaml

_DOCUMENTS = (
    "a: 1\nb:\n  c: x y # said\n  d:\n  - one\n  - two: 2\n    three: 3\n  - - deep\n",
    "services:\n  web:\n    ports: ['80:80', \"127.0.0.1:8000:8000\"] # both\n    command: [ 'a b', c,\n      d ]\n",
    "x: &base\n  k: v\n  l: w\ny:\n  <<: *base\n  l: own\nz: *base\n",
    "t: |\n  line one\n    line two\n\nu: >\n  folded\n  text\nv: end\n",
    "url: http://h:80/x#y\nq: 'it''s'\nr: \"a\\n\\\"b\\\" \\u00e9\"\nempty:\nn: ~x\n",
    "/v1/{id}:\n  get:\n    responses: {'200': {description: fine}, default: {}}\n",
    "---\n# first\nlong: a sentence\n  that goes on\n  here\nlist:\n- a\n- b\n...\n",
    "- a: b\n  c: d\n-\n  e: f\n- [1, 2]\n",
)


class _Texts(yaml.SafeLoader):
    """Merges as YAML 1.1 does, and leaves scalars the texts they are."""


_Texts.yaml_implicit_resolvers = {"<": yaml.SafeLoader.yaml_implicit_resolvers["<"]}


def _plain(node: Node) -> Any:
    if isinstance(node.value, dict):
        return {key: _plain(value) for key, value in node.value.items()}
    return [_plain(item) for item in node.value] if isinstance(node.value, list) else node.value


@pytest.mark.parametrize("text", _DOCUMENTS)
def test_it_reads_what_a_full_reader_reads(text: str) -> None:
    """All but the kind of a scalar, which stays the text it is."""
    (expected,) = list(yaml.load_all(text, Loader=_Texts))
    assert _normal(_plain(read_yaml(text))) == _normal(expected)


def _normal(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _normal(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_normal(item) for item in value]
    return (value or "").strip()


_SCALARS = st.text("abcXYZ019_./: -'\"#", max_size=12).map(str.strip)


@given(
    st.recursive(
        _SCALARS,
        lambda inner: (
            st.lists(inner, min_size=1, max_size=3)
            | st.dictionaries(st.text("abcdef_", min_size=1, max_size=5), inner, min_size=1, max_size=3)
        ),
        max_leaves=12,
    ).filter(lambda value: not isinstance(value, str)),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_what_a_program_wrote_is_read_back(value: Any, flow: bool) -> None:
    """Whatever style a program chose."""
    text = yaml.safe_dump(value, default_flow_style=flow, width=60)
    assert _plain(read_yaml(text)) == value


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a:\n\tb: c", "line 2"),
        ("a: !!python/object:x y", "line 1"),
        ("a: [1, 2", "line 1"),
        ("a: *b", "line 1"),
        ("a: 1\n   b: 2\n  c: 3", "line "),
        ("a: 'x", "line 1"),
        ("%TAG ! x\na: 1", "line 1"),
        ("a:\n  - b\n  c: d", "line 3"),
        ("a: &b &c d", "line 1"),
        ("[" * 200 + "]" * 200, "line 1"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(text: str, line: str) -> None:
    """Never a guess at what was meant."""
    with pytest.raises(Unreadable, match=line):
        read_yaml(text)


def test_merges_do_not_grow_without_end() -> None:
    """A few hundred lines must not become millions of members."""
    base = "a: &a\n" + "".join(f"  k{number}: v\n" for number in range(2_000))
    with pytest.raises(Unreadable, match="merged"):
        read_yaml(base + "".join(f"m{number}:\n  <<: *a\n" for number in range(200)))


@given(st.text("ab:-[]{}'\"#&*!|> \n\t,%", max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_text_is_too_odd(text: str) -> None:
    """It is read or refused."""
    with contextlib.suppress(Unreadable):
        read_yaml(text)
