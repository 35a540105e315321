"""Limits that count a request or do not, and whom they count together."""

from __future__ import annotations

import pytest

from mattegate.doctor.nginx.request import Request
from mattegate.doctor.nginx.review.run import review_tree
from mattegate.doctor.nginx.tree import read_text

_HTTP = """events {{}} http {{
    {tables}
    limit_req_zone {key} zone=calls:1m rate={rate};
    server {{ listen 80; location / {{ limit_req zone=calls; proxy_pass http://127.0.0.1:8000; }} }}
}}"""
_STRANGERS = "geo $stranger { default 1; 10.0.0.0/8 0; } map $stranger $who { 0 ''; 1 %s; }"


def _told(tables: str, key: str, *, rate: str = "5r/s", client: str = "203.0.113.9") -> list[str]:
    text = _HTTP.format(tables=tables, key=key, rate=rate)
    request = Request("POST", "/v1/remove-bg", "a.example", client=client)
    return [clue.cause for clue in review_tree(read_text(text), [request]).clues]


@pytest.mark.parametrize("tables", [_STRANGERS % "everybody", "geo $who { default all; 10.0.0.0/8 all; }"])
def test_one_word_for_everybody_is_one_bucket(tables: str) -> None:
    """A table that has nothing but one word counts all callers together."""
    assert _told(tables, "$who") == ["limit_req.exceeded"]


def test_a_table_may_give_each_address_its_own() -> None:
    """Nobody is told of a limit that each caller has alone and does not soon reach."""
    assert _told(_STRANGERS % "$binary_remote_addr", "$who") == []


def test_who_has_no_key_is_not_counted() -> None:
    """However tight the limit is: an empty key stands for no limit."""
    assert _told(_STRANGERS % "everybody", "$who", rate="1r/m", client="10.1.2.3") == []
    assert _told(_STRANGERS % "everybody", "$who", rate="1r/m") == ["limit_req.exceeded"]


def test_a_service_that_is_never_asked_is_named_itself() -> None:
    """What ``auth_request`` answers because its service has no address is the fault of that line."""
    text = """server { listen 80; set $auth http://authelia:9091/verify;
        location = /auth { internal; proxy_pass $auth; }
        location / { auth_request /auth; proxy_pass http://127.0.0.1:8000; } }"""
    (clue,) = review_tree(read_text(text), [Request("GET", "/v1/x", "a.example")]).clues
    assert (clue.cause, clue.status, clue.culprit[0].text) == ("upstream.no_resolver", 500, "proxy_pass $auth;")
