"""What holds of every judgement, and what each of them advises."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.doctor.causes import causes
from mattegate.doctor.cors.console import CHROMIUM, recognise
from mattegate.doctor.cors.fetch import BadPageRequest, Credentials, Dialect, Initiator, PageRequest, redirected
from mattegate.doctor.cors.judge import Answer, Stage, judge_answer, judge_exchange
from mattegate.doctor.cors.report import cors_clues

PAGE = "https://app.example"
API = "https://api.example/v1/remove-bg"
KEYED = PageRequest(API, PAGE, method="POST", headers=(("X-API-Key", "k"),), body_type="multipart/form-data")
FORM = PageRequest(API, PAGE, method="POST", body_type="multipart/form-data")
ORIGIN = ("access-control-allow-origin", PAGE)
GOOD = Answer(204, (ORIGIN, ("access-control-allow-headers", "x-api-key")))

_NAMES = st.sampled_from(
    [
        "Access-Control-Allow-Origin",
        "Access-Control-Allow-Credentials",
        "Access-Control-Allow-Methods",
        "Access-Control-Allow-Headers",
        "Access-Control-Expose-Headers",
        "Access-Control-Max-Age",
        "Location",
        "Vary",
    ]
)
_VALUES = st.one_of(
    st.sampled_from([PAGE, "*", "null", "true", "PUT", "x-api-key", "http://[", "a, b", "9" * 30, "\x1b[2J"]),
    st.text(max_size=20),
)
_HEADERS = st.lists(st.tuples(_NAMES, _VALUES), max_size=6).map(tuple)
_ANSWERS = st.none() | st.builds(Answer, st.sampled_from([200, 204, 301, 302, 401, 403, 413, 500, 0, -1]), _HEADERS)
_REQUESTS = st.builds(
    PageRequest,
    st.sampled_from([API, "http://192.168.1.9/x", "http://localhost:8000/", PAGE + "/x", "https://[::1]/"]),
    st.sampled_from([PAGE, "null", "http://localhost:5173"]),
    method=st.sampled_from(["GET", "POST", "PUT", "patch"]),
    headers=st.sampled_from([(), (("X-API-Key", "k"),), (("Authorization", "Bearer t"),), (("Accept", "x"),)]),
    credentials=st.sampled_from(Credentials),
    upload_listener=st.booleans(),
    body_type=st.sampled_from(["", "image/png"]),
    initiator=st.sampled_from(Initiator),
)


@settings(max_examples=300)
@given(_REQUESTS, _ANSWERS, _ANSWERS, st.sampled_from(Dialect))
def test_a_judgement_is_whole(
    request: PageRequest, preflight: Answer | None, actual: Answer | None, dialect: Dialect
) -> None:
    """Whatever is answered, it never raises, and its parts never contradict each other."""
    said = judge_exchange(request, preflight, actual, dialect=dialect)
    assert said.allowed == (said.stage in (Stage.DONE, Stage.REDIRECT)) == (not said.code)
    assert said.sent == (said.stage not in (Stage.PAGE, Stage.PREFLIGHT))
    assert (said.status is not None) == (said.stage is Stage.DONE)
    assert not said.code or said.code in causes()
    assert all(remark.code in causes() for remark in said.remarks)
    assert not said.complaint or (said.complaint in CHROMIUM and said.console)
    for clue in cors_clues(said):
        assert "\x1b" not in "".join((*clue.evidence, *clue.facts.values(), clue.request))


@settings(max_examples=200)
@given(_REQUESTS, _ANSWERS, _ANSWERS, st.sampled_from(["Server", "X-Frame-Options", "Vary", "Via", "Allow"]))
def test_other_headers_change_nothing(
    request: PageRequest, preflight: Answer | None, actual: Answer | None, name: str
) -> None:
    """A header that CORS does not know never turns a judgement."""

    def more(answer: Answer | None) -> Answer | None:
        return answer and Answer(answer.status, ((name, "x"), *answer.headers))

    said = judge_exchange(request, preflight, actual)
    again = judge_exchange(request, more(preflight), more(actual))
    assert (said.allowed, said.code, said.complaint) == (again.allowed, again.code, again.complaint)


@settings(max_examples=200)
@given(_REQUESTS, _ANSWERS, _ANSWERS)
def test_the_case_of_names_changes_nothing(
    request: PageRequest, preflight: Answer | None, actual: Answer | None
) -> None:
    """Header names mean the same in capitals."""

    def loud(answer: Answer | None) -> Answer | None:
        return answer and Answer(answer.status, tuple((name.upper(), value) for name, value in answer.headers))

    assert judge_exchange(request, preflight, actual) == judge_exchange(request, loud(preflight), loud(actual))


@settings(max_examples=200)
@given(_REQUESTS, _ANSWERS, _ANSWERS)
def test_the_standard_is_stricter_or_the_same_of_headers(
    request: PageRequest, preflight: Answer | None, actual: Answer | None
) -> None:
    """Where the standard lets a request without upload listener through, Chromium does."""
    if judge_exchange(request, preflight, actual, dialect=Dialect.STANDARD).allowed and not request.upload_listener:
        assert judge_exchange(request, preflight, actual, dialect=Dialect.CHROMIUM).allowed


@pytest.mark.parametrize(
    ("preflight", "actual", "code"),
    [
        (Answer(401), None, "cors.preflight_status"),
        (Answer(403, (ORIGIN,)), None, "cors.preflight_status"),
        (Answer(405), None, "cors.preflight_status"),
        (Answer(301, (("location", "https://api.example/v1/remove-bg/"),)), None, "cors.preflight_redirect"),
        (None, None, "cors.preflight_unanswered"),
        (Answer(204), None, "cors.preflight_no_allow_origin"),
        (Answer(204, (ORIGIN,)), None, "cors.header_not_allowed"),
        (GOOD, Answer(200), "cors.only_in_preflight"),
        (GOOD, Answer(413), "cors.error_without_headers"),
        (GOOD, Answer(403), "cors.error_without_headers"),
        (GOOD, Answer(307, (("location", "/x"),)), "cors.redirect_blocked"),
        (GOOD, Answer(200, (ORIGIN, ORIGIN)), "cors.doubled_allow_origin"),
        (GOOD, None, "cors.unanswered"),
        (GOOD, Answer(401, (ORIGIN,)), ""),
    ],
)
def test_the_root_is_named(preflight: Answer | None, actual: Answer | None, code: str) -> None:
    """A refusal in disguise is told from a CORS fault, and each has its own cause."""
    assert judge_exchange(KEYED, preflight, actual).code == code


def test_a_form_is_processed_and_only_hidden() -> None:
    """Without a preflight the request was sent and done, which the sentence says."""
    said = judge_exchange(FORM, None, Answer(200))
    assert (said.sent, said.allowed, said.stage, said.code) == (True, False, Stage.ANSWER, "cors.no_allow_origin")
    assert "POST was sent and answered 200" in said.says


def test_a_star_and_authorization_are_told_both_ways() -> None:
    """Chromium lets it pass and is told apart from the standard, which does not."""
    request = PageRequest(API, PAGE, headers=(("Authorization", "Bearer t"),))
    preflight = Answer(204, (ORIGIN, ("access-control-allow-headers", "*")))
    said = judge_exchange(request, preflight, Answer(200, (ORIGIN,)))
    assert said.allowed
    assert [remark.code for remark in said.remarks] == ["cors.authorization_wildcard"]
    strict = judge_exchange(request, preflight, Answer(200, (ORIGIN,)), dialect=Dialect.STANDARD)
    assert strict.code == "cors.header_not_allowed"


def test_a_long_memory_is_remarked() -> None:
    """1728000 seconds are more than any browser keeps; 7200 are not."""
    long = Answer(204, (*GOOD.headers, ("access-control-max-age", "1728000")))
    [remark] = judge_exchange(KEYED, long, Answer(200, (ORIGIN,))).remarks
    assert remark.code == "cors.max_age_capped"
    assert "Chromium 7200 s, Firefox 86400 s" in remark.says
    kept = Answer(204, (*GOOD.headers, ("access-control-max-age", "7200")))
    assert judge_exchange(KEYED, kept, Answer(200, (ORIGIN,))).remarks == ()


def test_mixed_content_is_never_sent() -> None:
    """An https page reaches no plain http address, but its own machine."""
    assert judge_exchange(PageRequest("http://api.example/", PAGE), GOOD, GOOD).code == "cors.mixed_content"
    near = judge_exchange(PageRequest("http://192.168.1.9/", PAGE), GOOD, Answer(200, (ORIGIN,)))
    assert near.allowed
    assert {remark.code for remark in near.remarks} == {"cors.private_network", "cors.mixed_content"}
    home = judge_exchange(PageRequest("http://127.0.0.1:8000/", PAGE), GOOD, Answer(200, (ORIGIN,)))
    assert home.allowed
    assert [remark.code for remark in home.remarks] == ["cors.private_network"]


def test_a_page_at_home_is_not_warned_of_its_network() -> None:
    """A development page that asks a server of the same network is in order."""
    request = PageRequest("http://127.0.0.1:8000/", "http://localhost:5173")
    assert judge_answer(request, Answer(200, (("access-control-allow-origin", "*"),))).remarks == ()


def test_a_null_origin_is_named() -> None:
    """A page from the disk meets a server that allows others; star lets it in."""
    request = PageRequest(API, "null")
    assert judge_exchange(request, None, Answer(200, (ORIGIN,))).code == "cors.null_origin"
    assert judge_exchange(request, None, Answer(200, (("access-control-allow-origin", "*"),))).allowed


def test_what_script_may_read() -> None:
    """Seven headers and those exposed; Set-Cookie never; at home all."""
    answer = Answer(200, (ORIGIN, ("x-request-id", "1"), ("content-type", "a/b"), ("set-cookie", "a=b")))
    assert judge_exchange(FORM, None, answer).readable == ("content-type",)
    told = Answer(200, (*answer.headers, ("access-control-expose-headers", "X-Request-Id, Set-Cookie")))
    assert judge_exchange(FORM, None, told).readable == ("content-type", "x-request-id")
    home = judge_exchange(PageRequest(PAGE + "/x", PAGE), None, answer).readable
    assert "x-request-id" in home
    assert "set-cookie" not in home


def test_a_clue_speaks_for_itself() -> None:
    """The cause's sentences find their facts, and the evidence says why the browser asked."""
    said = judge_exchange(KEYED, Answer(403), None)
    [clue] = cors_clues(said)
    cause = causes()[clue.cause]
    assert cause.said("title", clue.facts).startswith(f"the preflight for POST {API} is answered 403")
    assert "<" not in cause.said("title", clue.facts) + cause.said("remedy", clue.facts)
    assert (clue.request, clue.status) == (f"OPTIONS {API}", 403)
    assert any("the header x-api-key" in sentence for sentence in clue.evidence)


@given(st.text(max_size=80), st.sampled_from(sorted(CHROMIUM)))
def test_a_console_may_say_anything(text: str, name: str) -> None:
    """Lines that are no complaint are none; the older, longer wording of one is still recognised."""
    assert recognise(text) is None or "CORS policy" in text
    older = CHROMIUM[name].replace("{hint}", "x") + " If an opaque response serves your needs, set the mode."
    found = recognise(f"Access to fetch at 'https://a/' from origin 'null' has been blocked by CORS policy: {older}")
    assert found is not None
    assert found.name == name


@given(_REQUESTS, st.sampled_from([301, 302, 303, 307, 308]), st.text(max_size=30))
def test_a_redirect_leads_somewhere_or_nowhere(request: PageRequest, status: int, location: str) -> None:
    """Any Location makes a request or the one error that says why not."""
    try:
        following = redirected(request, status, location)
    except BadPageRequest:
        return
    assert following.cross_origin or following.target == following.origin
