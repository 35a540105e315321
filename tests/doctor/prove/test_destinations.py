"""Where a proxy_pass leads, taken apart."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.doctor.prove.upstreams import Destination, destination


@pytest.mark.parametrize(
    ("written", "place", "rest", "variables"),
    [
        ("http://a", "a", "", False),
        ("http://a:8000/", "a:8000", "/", False),
        ("HTTP://[::1]:8000/x", "[::1]:8000", "/x", False),
        ("http://unix:/run/a.sock", "unix:/run/a.sock", "", False),
        ("http://unix:/run/a.sock:/x", "unix:/run/a.sock", "/x", False),
        ("http://$host/x", "$host", "/x", True),
        ("http://${name}.local:80$request_uri", "${name}.local:80", "$request_uri", True),
        ("http://a$uri$is_args$args", "a", "$uri$is_args$args", True),
        ("http://a?x=$arg_y", "a", "?x=$arg_y", True),
        ("http://a$1", "a", "$1", True),
        ("$known", "app:1", "/base", True),
        ("http://$part:9/x", "app:9", "/x", True),
    ],
)
def test_the_parts(written: str, place: str, rest: str, variables: bool) -> None:
    """Scheme, place, URI part, and whether there was any variable."""
    constants = {"known": frozenset({"http://app:1/base"}), "part": frozenset({"app"}), "two": frozenset({"a", "b"})}
    assert destination(written, constants) == Destination("http", place, rest, variables)


@pytest.mark.parametrize("written", ["$two", "$unknown/x", "a", "ftp://x", "http:///x", "http://$uri", ""])
def test_what_cannot_be_known(written: str) -> None:
    """A place that is not known, or is none, is not guessed."""
    assert destination(written, {"two": frozenset({"http://a", "http://b"})}) is None


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("htps:/$[]{}.@a1?uri_x\n")), st.text(st.sampled_from("$ab:/")))
def test_nothing_is_lost(text: str, value: str) -> None:
    """Whatever is written, the parts together are what was written, or there is no answer."""
    found = destination(text, {})
    if found is not None:
        assert f"{found.scheme}://{found.place}".lower() in text.lower()
        assert text.endswith(found.rest)
    destination("http://$a", {"a": frozenset({value})})
    destination("$a", {"a": frozenset({"$a"})})
