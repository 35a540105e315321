"""Every signature of every file: recognises its samples through the real readers, and keeps the rules of honesty."""

from __future__ import annotations

from functools import cache
from string import Formatter

import pytest

from mattegate.doctor.answer import Certainty
from mattegate.doctor.causes import causes
from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.signatures import Matcher, Sample, Signature, signatures
from tests.doctor.signatures.regexes import nested_quantifier
from tests.doctor.signatures.samples import observations

_SAMPLES = [
    pytest.param(signature, sample, id=f"{signature.id}[{number}]")
    for signature in signatures()
    for number, sample in enumerate(signature.samples)
]
_PATTERNS = [
    (signature.id, pattern.regex)
    for signature in signatures()
    for pattern in (*signature.match.patterns, *signature.match.none)
]
_HOSTILE = ("a" * 16_384, '"' * 16_384, "\\" * 16_383, "\n" * 16_384, "[a " * 5_461, "ab: " * 4_096, "<center>" * 2_048)


@cache
def _matcher() -> Matcher:
    return Matcher()


@pytest.mark.parametrize(("signature", "sample"), _SAMPLES)
def test_a_signature_recognises_its_sample(signature: Signature, sample: Sample) -> None:
    """Read by the real reader the sample fits; nobody proves another cause; the cause's title has no gap."""
    seen = observations(sample)
    clues = [clue for one in seen for clue in _matcher().clues(one)]
    own = next((clue for clue in clues if clue.origin == f"signature {signature.id}"), None)
    assert own is not None, seen
    assert {clue.cause for clue in clues if clue.certainty is Certainty.PROVEN} <= {signature.cause}
    title = causes()[signature.cause].title
    assert {name for _, name, _, _ in Formatter().parse(title) if name} <= own.facts.keys()


def test_causes_exist() -> None:
    """A signature points to a cause of the catalogue."""
    assert [entry.id for entry in signatures() if entry.cause not in causes()] == []


def test_certainty_is_honest() -> None:
    """What was not seen with a version is never proven, and what is only possible says what would tell it apart."""
    unseen = [entry.id for entry in signatures() if entry.certainty is Certainty.PROVEN and not entry.verified]
    alone = [entry.id for entry in signatures() if entry.certainty is Certainty.POSSIBLE and not entry.tell_apart]
    assert (unseen, alone) == ([], [])
    assert all(entry.cite for entry in signatures())


def test_no_pattern_repeats_a_repetition() -> None:
    """The one kind of pattern whose time can explode is not in the data."""
    assert [(entry, regex.pattern) for entry, regex in _PATTERNS if nested_quantifier(regex.pattern)] == []


@pytest.mark.parametrize("text", _HOSTILE, ids=lambda text: repr(text[:8]))
def test_hostile_texts_are_through_at_once(text: str) -> None:
    """Every pattern ends on texts of the longest size that is searched."""
    for _, regex in _PATTERNS:
        regex.search(text)


def test_only_a_whole_text_may_be_nothing() -> None:
    """An empty choice in a pattern would make it fit everything; and something must be asked for at all."""
    loose = [
        (entry, regex.pattern)
        for entry, regex in _PATTERNS
        if regex.search("") and not (regex.pattern.startswith("^") and regex.pattern.endswith("$"))
    ]
    assert loose == []
    for entry in signatures():
        assert entry.match.statuses or any(not pattern.regex.search("") for pattern in entry.match.patterns)


_FINE = (
    Observation("exchange", Place("x"), method="GET", path="/", status=200, body="<center>nginx/1.22.1</center>"),
    Observation("exchange", Place("x"), method="GET", path="/x", status=404, body="Not here."),
    Observation("exchange", Place("x"), method="GET", path="/x", status=403, body="No.", reason_phrase="Forbidden"),
    Observation("exchange", Place("x"), method="POST", path="/x", status=500, response_headers=(("server", "nginx"),)),
    Observation("client-error", Place("x"), message="curl: (23) Failed writing body (0 != 16384)"),
    Observation("console", Place("x"), message="Uncaught TypeError: x is undefined"),
    Observation("app-log", Place("x"), status=403, message="user 7 may not do this"),
    Observation("nginx-access", Place("x"), method="GET", path="/", status=403),
    Observation("access", Place("x"), method="GET", path="/", status=200, fields={"upstream_status": "200"}),
    Observation("haproxy-log", Place("x"), status=200, fields={"termination_state": "----", "server": "s1"}),
    Observation("haproxy-log", Place("x"), status=302, fields={"termination_state": "LR--", "server": "<NOSRV>"}),
    Observation("selinux", Place("x"), fields={"permission": "read", "tclass": "file", "comm": "a", "permissive": "1"}),
    Observation("squid-access", Place("x"), status=200, fields={"result_code": "TCP_MISS"}),
    Observation("modsecurity", Place("x"), message="ModSecurity for nginx (STABLE) configured."),
)


@pytest.mark.parametrize("seen", _FINE, ids=range(len(_FINE)))
def test_nobody_is_blamed_for_what_says_nothing(seen: Observation) -> None:
    """What is fine, or does not say who refused, points nowhere."""
    assert list(_matcher().clues(seen)) == []


def test_enough_is_known() -> None:
    """At least 170 looks of at least 30 programs and services."""
    assert len(signatures()) >= 170
    assert len({entry.source for entry in signatures()}) >= 30
