"""What readers learn of one input's lines makes them faster and nothing else: shapes, words, identifiers."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.doctor.readers.logs.candidates import Candidates, Words
from mattegate.doctor.readers.logs.formats import Format
from mattegate.doctor.readers.logs.keys import by_members
from mattegate.doctor.readers.logs.repeating import found_in_each
from mattegate.doctor.readers.logs.shapes import WITHOUT_PORT, Shapes
from mattegate.doctor.readers.logs.washing import Washing
from tests.doctor.readers.logs.reading import kind_of, read

_SEARCH = re.compile(
    rb'"(?:(?:status|\w*rror)": ?(?P<value>(?:"[^"\\]*(?:\\.[^"\\]*)*|[^",}\]]*))'
    rb'|(?:uri)": ?(?P<path>"[^"?\\]*)|(?:peer)": ?(?P<port>' + WITHOUT_PORT + rb"))"
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 999) | st.text(st.sampled_from('ab4 "\\?:[]{},é\n'), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "status", "uri"]), inner),
    max_leaves=6,
)
_PEERS = st.sampled_from(["10.0.0.5:80", "[2001:db8::1]:443", "2001:db8::20:38144", "10.0.0.5", ":1", "a:b", "h\\:80"])
_MEMBERS = st.fixed_dictionaries(
    {"time": st.integers(0, 10**6), "status": st.sampled_from([403, "401", None]), "msg": _VALUES},
    optional={"uri": _VALUES, "peer": _VALUES | _PEERS, "lastError": _VALUES, "x": _VALUES},
)


def _found(line: bytes) -> tuple[bytes, ...]:
    return tuple(fact[0] for fact in _SEARCH.finditer(line)) if line.startswith(b"{") else ()


@given(st.lists(_MEMBERS, min_size=1, max_size=6), st.booleans())
@settings(max_examples=200, deadline=None)
def test_a_shape_finds_what_the_search_finds(documents: list[dict[str, object]], spaced: bool) -> None:
    """Whatever lines came before, the facts of a line are those that a search for them gives."""
    separators = (", ", ": ") if spaced else (",", ":")
    lines = [json.dumps(one, separators=separators, ensure_ascii=False).encode() for one in documents]
    lines += [b"no JSON at all", b'{"status":4', lines[0][:-1], lines[0] + b" "]
    shapes = Shapes(_SEARCH)
    for _ in range(4):
        assert shapes.keys(lines * 2) == [_found(line) for line in lines * 2]


def test_a_log_that_changes_its_members_is_learnt_again() -> None:
    """A new version of the program writes other members; its lines are found as before."""
    keys = by_members(("status",), paths=("uri",), left=("status",)).learning
    assert keys is not None
    of = keys()
    for version in ('"a":1,', '"b":"x",', '"c":null,'):
        lines = [f'{{{version}"uri":"/v1?n={n}","status":403}}'.encode() for n in range(50)]
        for _ in range(3):
            assert set(of(lines)) == {(b'"uri":"/v1', b'"status":403')}


@given(st.lists(st.sampled_from(["Access DENIED 7", "all is well 9", "99 denied", "den1ied", "", "x4"]), max_size=40))
def test_a_word_is_found_wherever_it_stands(lines: list[str]) -> None:
    """No line that holds a word is passed over, whether or not the like of it was seen before."""
    words = Words((b"denied",))
    block = "".join(f"{line}\n" for line in lines).encode()
    for _ in range(3):
        found = set(words.places(block))
        assert {place for place, line in enumerate(lines) if "denied" in line.lower()} <= found
        assert all("n" in lines[place].lower() for place in found)


def test_lines_that_are_all_different_are_searched_all_the_same() -> None:
    """Nothing is worth remembering there, and nothing is lost."""
    words = Words((b"denied",))
    letters = [f"{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(600)]
    block = "".join(f"{said} {'denied' if n % 7 == 0 else 'done'}\n" for n, said in enumerate(letters)).encode()
    for _ in range(20):
        assert sorted(words.places(block)) == list(range(0, 600, 7))


def test_the_last_line_of_a_block_may_have_no_end() -> None:
    """A search comes to its end where the block does."""
    shape = Format("some", (re.compile(rb"deny"),), lambda line: (), lambda line: None, needles=(b"no",))
    assert [place for place, _ in Candidates((shape,)).among(b"yes\ndeny\nno")] == [1, 2]


@pytest.mark.parametrize(
    "line",
    [
        "2026-01-02 03:04:05,{n} - api - ERROR - token {id} expired for 192.0.2.7, HTTP 401",
        '{{"time":"2026-01-02T03:04:05.{n}Z","request_id":"{id}","msg":"denied","status":403,"ip":"10.0.0.9"}}',
        "level=warn id={id} peer=192.0.2.7:{n} status=403 path=/img/403/x msg=denied",
    ],
)
def test_what_counts_up_is_washed_out_and_the_rest_stays(line: str) -> None:
    """Of lines that differ by their times, ports and identifiers one is left, with its status and address."""
    said = [line.format(n=40_000 + n, id=f"{n * 0x9E3779B97F4A7C15:032x}"[:32]).encode() for n in range(1, 1_000)]
    washing = Washing()
    washing.keys(said)
    (left,) = set(washing.keys(said))
    assert b"40" in left
    assert b"192.0.2.7" in left or b"10.0.0.9" in left


_SLOTS = {
    "time": st.builds("2026-01-02 {:02}:{:02}:{:02},{:03}".format, *(st.integers(0, 59),) * 3, st.integers(0, 999)),
    "id": st.integers(16**15, 16**16 - 1).map("{:016x}".format),
    "count": st.integers(0, 10**6).map(str),
    "port": st.integers(1, 65_535).map(str),
    "ip": st.sampled_from(["192.0.2.7", "192.0.2.77", "10.0.0.9", "2001:db8::1110", "2001:db8::20"]),
    "status": st.sampled_from(["401", "403"]),
}
_SAID = (
    'INFO:     {ip}:{port} - "GET /v1/2024?job={count} HTTP/1.1" {status} Forbidden',
    "{time} - api - WARNING - request {id} of {ip}, {count} tries: HTTP {status}",
    '{{"t":"{time}","id":"{id}","ip":"{ip}","path":"/a/{status}?n={count}","status":{status},"msg":"\\\\ {count}"}}',
    "[{count}] denied id={id} count={count} for {ip} ({status}) /img/{id}/{count}",
)


@st.composite
def _said(draw: st.DrawFn) -> bytes:
    parts = {name: draw(values) for name, values in _SLOTS.items()}
    return draw(st.sampled_from(_SAID)).format(**parts).encode()


@given(st.lists(st.lists(_said(), min_size=1, max_size=20), min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_lines_of_one_key_are_of_one_kind(blocks: list[list[bytes]]) -> None:
    """Whatever was learnt of the blocks before, no key is too coarse: lines that have the same say the same."""
    washing = Washing()
    kinds: dict[bytes, object] = {}
    for lines in blocks:
        keys = washing.keys(lines)
        assert len(keys) == len(lines)
        for key, line in zip(keys, lines, strict=True):
            kind = [kind_of(seen) for seen in read(line, "app-log")]
            assert kinds.setdefault(key, kind) == kind


def test_a_program_that_counts_everywhere_is_washed_all_the_same() -> None:
    """Where there are too many places to learn, all of them are looked for."""
    words = [f"{chr(97 + n)}{chr(97 + n)}=" for n in range(26)]
    lines = [" ".join(f"{word}{n * 31 + at}" for at, word in enumerate(words, 4_000)).encode() for n in range(900)]
    washing = Washing()
    for _ in range(3):
        assert len(set(washing.keys(lines))) == 1


_SAYS = re.compile(rb"denied|to(?:o many|ken.{0,9}expired)|40[13]\b(?<=[ =]4..)")


@given(
    st.lists(
        st.sampled_from(
            ["Denied 7", "fine 5", "Too Many", "status=403", "x403", "403", " 403", " 4031", "token 123 expired",
             "token 1234567890 expired", "token expired", "fine 401", "fine", ""]
        ),
        min_size=1,
        max_size=60,
    )
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_many_texts_are_searched_as_each_of_them(texts: list[str]) -> None:
    """However often they come again, in whatever order."""
    raw = [text.encode() for text in texts]
    assert found_in_each(raw, _SAYS) == [_SAYS.search(text.lower()) is not None for text in raw]
