"""What a signature's file may say, what the matcher makes of it, and that neither is fooled."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.doctor.answer import Certainty
from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.signatures import BadSignatures, Matcher
from mattegate.doctor.signatures.entry import load, parsed
from mattegate.doctor.signatures.literals import Literals, folded, literals
from tests.doctor.signatures.regexes import nested_quantifier

_HEAD = 'source = "x"\nverified = "x 1"\n'
_ENTRY = """
[[entry]]
id = "x.{id}"
cause = "access.rule_denies"
certainty = "{certainty}"
says = "{says}"
cite = "x"
{more}
[entry.match]
{match}
[[entry.samples]]
as = "json"
text = '''{{}}'''
"""


def _file(match: str = 'format = "exchange"', **more: str) -> str:
    parts = {"id": "one", "certainty": "likely", "says": "seen", "more": "", "match": match} | more
    return _HEAD + _ENTRY.format(**parts)


def _matcher(match: str, **more: str) -> Matcher:
    return Matcher(parsed(_file(match, **more), "x.toml"))


def _seen(**members: object) -> Observation:
    return Observation(**{"format": "exchange", "place": Place("log", 7)} | members)  # type: ignore[arg-type]


def test_every_condition_must_hold() -> None:
    """Format, status, texts, headers, fields, what must be absent and what must not match: all of it."""
    matcher = _matcher(
        """
format = ["exchange", "nginx-access"]
status = [401, 403]
method = "^POST$"
body = ["one", "two"]
header.server = "^nginx"
request_header.origin = "."
field.upstream_status = "^-$"
absent = ["header.x-request-id", "field.waf", "message"]
none = { body = "three", header.via = "." }
"""
    )
    good = {
        "status": 403,
        "method": "POST",
        "body": "one two",
        "response_headers": (("server", "nginx/1.22.1"),),
        "request_headers": (("origin", "https://page.example"),),
        "fields": {"upstream_status": "-"},
    }
    assert [clue.origin for clue in matcher.clues(_seen(**good))] == ["signature x.one"]
    for change in (
        {"format": "squid-log"},
        {"status": 404},
        {"method": "GET"},
        {"body": "one"},
        {"body": "one two three"},
        {"response_headers": (("server", "Apache"),)},
        {"response_headers": ()},
        {"response_headers": (("server", "nginx"), ("x-request-id", "1"))},
        {"response_headers": (("server", "nginx"), ("via", "1.1 vegur"))},
        {"request_headers": ()},
        {"fields": {"upstream_status": "403"}},
        {"fields": {"upstream_status": "-", "waf": "block"}},
        {"message": "said"},
    ):
        assert list(matcher.clues(_seen(**good | change))) == [], change


def test_of_a_body_alone_the_body_decides() -> None:
    """Where nobody saw the status, an entry with a text of the body is tried without it; none is claimed."""
    by_body = _matcher('status = [403, 429]\nbody = "denied"')
    (clue,) = by_body.clues(_seen(status=None, body="access denied"))
    assert clue.status is None
    assert list(by_body.clues(_seen(status=None, body="fine"))) == []
    assert list(by_body.clues(_seen(status=404, body="access denied"))) == []
    by_message = _matcher('status = 403\nmessage = "denied"')
    assert list(by_message.clues(_seen(status=None, body="denied", message="denied"))) == []


def test_an_entry_without_a_format_fits_all_of_them() -> None:
    """Format and status are conditions like others: what is not asked for may be anything."""
    matcher = _matcher('message = "denied"')
    assert len(list(matcher.clues(_seen(format="never-heard-of", message="denied", status=418)))) == 1
    assert list(matcher.clues(_seen(format="never-heard-of", message="fine"))) == []


def test_evidence_names_what_was_found_and_where() -> None:
    """Named groups and members fill the sentences; what was not seen has a plain word."""
    more = """
next = "look at {zone} of {client}"
remedy = "ask {host}"
facts = { rule = "limit in {zone}", zone = "never" }
"""
    matcher = _matcher(
        """message = 'zone "(?P<zone>[^"]+)"(?: by (?P<who>.+))?'""",
        says="{client} in {zone}, asked by {who}",
        more=more,
    )
    (clue,) = matcher.clues(_seen(message='zone "api"', client="192.0.2.1", method="GET", path="/x?k=v", count=3))
    assert clue.evidence == ("192.0.2.1 in api, asked by something (log:7, seen 3 times)",)
    assert clue.next == "look at api of 192.0.2.1"
    assert clue.remedy == "", "an advice with a gap is none"
    assert clue.facts == {
        "rule": "limit in api",
        "zone": "api",
        "client": "192.0.2.1",
        "method": "GET",
        "path": "/x?k=v",
    }
    assert clue.request == "GET /x"
    assert clue.certainty is Certainty.LIKELY


def test_doubled_headers_are_looked_at_together() -> None:
    """As on the wire: the values of one name, in their order."""
    matcher = _matcher('header.server = "^Caddy, uvicorn$"')
    assert len(list(matcher.clues(_seen(response_headers=(("server", "Caddy"), ("server", "uvicorn")))))) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("source = ", "x.toml: Invalid value"),
        (_file(certainty="sure"), "x.one: 'sure' is not a valid Certainty"),
        (_file("body = '('"), "x.one: missing )"),
        (_file("boddy = 'x'"), "x.one: match: unknown boddy"),
        (_file(more='because = "x"'), "x.one: unknown because"),
        (_file("absent = ['status']"), "x.one: 'status' is no part of an observation"),
        (_file("none = { field = 3 }"), "x.one: "),
        (_file(says="{nobody}"), "names nobody, which nothing gives"),
        (_file(says="{"), "x.one: "),
        (_file(id="one").replace('id = "x.one"', 'id = "y.one"'), "does not begin with x."),
        (_file(certainty="proven").replace('"x 1"', '""'), "proven, but verified with no version"),
        (_HEAD + '[[entry]]\nid = "x.two"\n', "x.two: lacks cause, certainty, cite, match, samples, says"),
        (_file().partition("[[entry.samples]]")[0] + "[[entry.sample]]\n", "unknown sample"),
        (_file() + "[other]\n", "unknown other"),
    ],
)
def test_a_bad_file_is_refused_with_its_place(text: str, says: str) -> None:
    """The error names the file and the entry, so that it can be mended."""
    with pytest.raises(BadSignatures) as refused:
        list(parsed(text, "x.toml"))
    assert says in str(refused.value)
    assert str(refused.value).startswith("x.toml")


def test_an_id_stands_once(tmp_path: Path) -> None:
    """Two files cannot claim one id: the second is refused by name."""
    (tmp_path / "a.toml").write_text(_file(), "utf-8")
    (tmp_path / "b.toml").write_text(_file(), "utf-8")
    (tmp_path / "notes.txt").write_text("not a signature", "utf-8")
    with pytest.raises(BadSignatures, match=r"b\.toml: x\.one: the id stands twice"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("pattern", "nested"),
    [
        ("(a+)+", True),
        ("(?:a*b)*", True),
        ("(?P<n>[^x]+){2,}", True),
        ("(a|b)+", False),
        (r"(?:[^\"\\]|\\.)*", False),
        ("(?:a+)?", False),
        ("(?:, (?:x|y))*", False),
        ("(a{2,9})*", True),
        (r"\(a+\)+", False),
        ("[(a+)]+", False),
    ],
)
def test_nested_quantifiers_are_seen(pattern: str, nested: bool) -> None:
    """The check that guards the data knows what it looks for."""
    assert nested_quantifier(pattern) is nested


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        (r"^RBAC: access denied", ["RBAC: access denied"]),
        (r'limiting requests, excess: (?P<x>[\d.]+) by zone "', ["limiting requests, excess: "]),
        (r"AH00529: \S+ pcfg", ["AH00529: "]),
        (r"colou?rs of a?z*", ["rs of "]),
        (r"ab+c", []),
        (r"one|another", ["one", "another"]),
        (r"one|\d\d|another", []),
        (r"(?:this|that) and (?i:other)", [" and "]),
        (r"(?:this|that)|(?P<name>[|)])other", []),
        (r"too large\. x{2,3}", ["too large. "]),
        (r"[refused]+\d\w", []),
    ],
)
def test_a_literal_is_only_what_must_be_there(pattern: str, texts: list[str]) -> None:
    """Anything optional or repeated does not count; of several ways to match each has one."""
    assert literals(pattern) == Literals(tuple(texts))


@pytest.mark.parametrize("text", ["Error Code: 1010", "ERROR CODE: 1010", "error code: 1010 lımıt", "\u212aIND: 1"])
def test_a_literal_of_any_case_is_looked_for_in_any(text: str) -> None:
    """Whatever a pattern takes for the same letter is the same letter to the literal."""
    pattern = r"(?i)error code: \d+|kind: \d"
    found = literals(pattern)
    assert found == Literals(("error code: ", "kind: "), any_case=True)
    assert re.search(pattern, text)
    assert any(certain in folded(text) for certain in found.texts)


_TEXT = st.text(max_size=200)
_PAIRS = st.lists(st.tuples(st.sampled_from(["server", "content-type", "www-authenticate", "x-cache"]), _TEXT)).map(
    tuple
)


@given(
    format=st.sampled_from(["exchange", "client-error", "console", "nginx-error", "app-log", "haproxy-log", "nothing"]),
    status=st.none() | st.integers(0, 10**9),
    body=_TEXT,
    message=_TEXT,
    path=_TEXT,
    response_headers=_PAIRS,
    fields=st.dictionaries(st.sampled_from(["server", "reason", "permission"]), _TEXT),
)
def test_nothing_that_is_seen_breaks_the_matcher(**members: object) -> None:
    """Whatever was read, the matcher answers with clues whose sentences are whole."""
    for clue in _ALL.clues(_seen(**members)):
        assert clue.evidence[0]
        assert clue.cause


_ALL = Matcher()


def test_huge_texts_are_searched_to_a_limit() -> None:
    """A line of megabytes costs no more than one of 16 KiB."""
    body = "x" * 4_000_000 + "RBAC: access denied"
    assert list(_ALL.clues(_seen(status=403, body=body))) == []


def test_a_hundred_thousand_lines_are_matched_in_one_go() -> None:
    """Each finds its one rule; how long it takes is the benchmark's matter."""
    seen = _seen(format="nginx-error", message="access forbidden by rule", client="192.0.2.1")
    assert sum(1 for _ in range(100_000) for _ in _ALL.clues(seen)) == 100_000
