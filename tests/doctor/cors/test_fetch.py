"""What the Fetch standard says of requests, case by case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.doctor.cors.fetch import (
    BadPageRequest,
    Dialect,
    PageRequest,
    essence,
    is_safelisted_header,
    preflight_headers,
    preflight_reasons,
    redirected,
    unsafe_header_names,
)

PAGE = "https://app.example"
API = "https://api.example/v1/remove-bg"


@pytest.mark.parametrize(
    ("url", "origin", "method", "headers", "said"),
    [
        ("/v1", PAGE, "GET", (), "not an absolute"),
        ("ftp://a.example/", PAGE, "GET", (), "not an absolute"),
        ("http://[::1/", PAGE, "GET", (), "not an absolute"),
        ("http://a.example:99999/", PAGE, "GET", (), "not an absolute"),
        (API, "https://app.example/", "GET", (), "no slash"),
        (API, "https://App.example", "GET", (), "lower case"),
        (API, "https://app.example:443", "GET", (), "default port"),
        (API, "app.example", "GET", (), "scheme"),
        (API, PAGE, "TRACE", (), "no script may send"),
        (API, PAGE, "GE T", (), "not an HTTP method"),
        (API, PAGE, "GET", (("X A", "1"),), "not a header name"),
        (API, PAGE, "GET", (("X-A", "1\r\nX-B: 2"),), "no header may have"),
        (API, PAGE, "GET", (("X-A", "中"),), "no header may have"),
    ],
)
def test_what_no_page_can_ask(
    url: str, origin: str, method: str, headers: tuple[tuple[str, str], ...], said: str
) -> None:
    """It is refused with a sentence, before anything is judged."""
    with pytest.raises(BadPageRequest, match=said):
        PageRequest(url, origin, method=method, headers=headers)


def test_methods_are_normalized_as_browsers_do() -> None:
    """Six methods are put in capitals; patch is not, which is a known trap."""
    assert PageRequest(API, PAGE, method="delete").method == "DELETE"
    assert PageRequest(API, PAGE, method="patch").method == "patch"


def test_the_128_byte_rule_counts_the_value_alone() -> None:
    """128 bytes are safe and one more is not, whatever they say."""
    assert is_safelisted_header("Accept", "a" * 128)
    assert not is_safelisted_header("Accept", "a" * 129)
    boundary = "multipart/form-data; boundary="
    assert is_safelisted_header("content-type", boundary.ljust(128, "x"))
    assert not is_safelisted_header("content-type", boundary.ljust(129, "x"))


def test_many_safe_values_are_unsafe_together() -> None:
    """More than 1024 bytes of safelisted values must all be asked for."""
    languages = tuple(("Accept-Language", "a" * 128) for _ in range(8))
    assert unsafe_header_names(PageRequest(API, PAGE, headers=languages)) == ()
    more = (*languages, ("Accept", "a"))
    assert unsafe_header_names(PageRequest(API, PAGE, headers=more)) == ("accept", "accept-language")


def test_a_preflight_says_what_is_coming() -> None:
    """The method, and the names in their order, in lower case, without those that no script may set."""
    request = PageRequest(
        API,
        PAGE,
        method="POST",
        headers=(("X-API-Key", "k"), ("Authorization", "Bearer t"), ("Host", "x"), ("Accept", "image/png")),
        body_type="image/png",
    )
    told = dict(preflight_headers(request))
    assert told["access-control-request-headers"] == "authorization,content-type,x-api-key"
    assert told["access-control-request-method"] == "POST"
    assert "authorization" not in told
    assert preflight_reasons(request) == (
        "the header authorization",
        "Content-Type image/png, which no plain form sends",
        "the header x-api-key",
    )


def test_a_script_that_names_the_type_overrides_the_body() -> None:
    """JSON sent as text/plain needs no preflight, and a form with a type of its own does."""
    assert not preflight_reasons(PageRequest(API, PAGE, method="POST", headers=(("Content-Type", "text/plain"),)))
    own = (("Content-Type", "application/json"),)
    assert preflight_reasons(PageRequest(API, PAGE, method="POST", headers=own, body_type="multipart/form-data"))


def test_the_same_origin_is_never_asked() -> None:
    """At home neither headers nor methods bring a preflight about; another port or scheme is not home."""
    asked = (("X-A", "1"),)
    assert not preflight_reasons(PageRequest("https://app.example:443/x", PAGE, method="PUT", headers=asked))
    assert preflight_reasons(PageRequest("https://app.example:444/x", PAGE, method="PUT", headers=asked))
    assert preflight_reasons(PageRequest("http://app.example/x", PAGE, method="PUT", headers=asked))


def test_chromium_safelists_more() -> None:
    """Client hints need a preflight by the standard and none in Chromium."""
    for name, value in (("DPR", "1.0"), ("Save-Data", "on"), ("Viewport-Width", "8")):
        assert not is_safelisted_header(name, value)
        assert is_safelisted_header(name, value, Dialect.CHROMIUM)


def test_a_redirect_loses_what_it_must() -> None:
    """Another origin gets no Authorization, a moved POST becomes a GET, and two strangers make a null origin."""
    request = PageRequest(API, PAGE, method="POST", headers=(("Authorization", "t"), ("Content-Type", "text/plain")))
    home = redirected(request, 302, "/v2")
    assert (home.url, home.method, home.headers) == ("https://api.example/v2", "GET", (("Authorization", "t"),))
    away = redirected(request, 307, "https://cdn.example/x")
    assert (away.method, away.origin, away.headers) == ("POST", "null", (("Content-Type", "text/plain"),))
    assert redirected(PageRequest(PAGE + "/a", PAGE), 302, API).origin == PAGE
    back = redirected(redirected(PageRequest(PAGE + "/a", PAGE), 302, API), 302, PAGE + "/b")
    assert back.cross_origin
    with pytest.raises(BadPageRequest):
        redirected(request, 302, "javascript:alert(1)")


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=60))
def test_types_are_read_or_not(value: str) -> None:
    """Whatever stands there, the essence is empty or has one slash and lower case letters."""
    found = essence(value)
    assert found == "" or (found.count("/") == 1 and found == found.lower() and " " not in found)


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=10))
def test_a_request_is_one_or_is_refused(url: str, origin: str, header: str) -> None:
    """Any text makes a request or the one error that says why not."""
    try:
        request = PageRequest(url, origin, headers=((header, url),))
    except BadPageRequest:
        return
    assert isinstance(preflight_reasons(request), tuple)
