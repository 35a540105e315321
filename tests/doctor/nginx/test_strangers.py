"""Directives that are none of nginx's own: named with their place, and no word about a request that meets one."""

from __future__ import annotations

import pytest

from mattegate.doctor.answer import Answer, Verdict
from mattegate.doctor.nginx.names import NAMES
from mattegate.doctor.nginx.request import Request
from mattegate.doctor.nginx.tree import read_text
from mattegate.doctor.prove.allowed import ALLOWED, HARMLESS, UPSTREAM_ALLOWED
from tests.doctor.nginx.answering import review

_PASSES = "location / { proxy_pass http://127.0.0.1:9; }"


def _reviewed(text: str) -> Answer:
    return review(read_text(text), Request("POST", "/v1/remove-bg", "a.example"))


def _told(answer: Answer) -> list[str]:
    return [sentence for sentence in answer.not_checked if "no directive of nginx's own" in sentence]


def test_each_name_is_told_once_with_its_place() -> None:
    """A name that stands in several places is told with the first of them."""
    text = (
        f"http {{\n server {{ listen 80; {_PASSES}\n  guard_mode on; location /x {{\n guard_mode off; ward 1; }} }} }}"
    )
    told = _told(_reviewed(text))
    assert [sentence.partition(" ")[0] for sentence in told] == ["guard_mode", "ward"]
    assert [sentence.rpartition("(")[2] for sentence in told] == ["nginx.conf:3)", "nginx.conf:4)"]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (f"http {{ server {{ listen 80; {_PASSES} }} }}", Verdict.CLEAN),
        (f"http {{ guard_mode on; server {{ listen 80; {_PASSES} }} }}", Verdict.UNDECIDED),
        (f"http {{ server {{ listen 80; guard_mode on; {_PASSES} }} }}", Verdict.UNDECIDED),
        (
            "http { server { listen 80; location / { guard_mode on; proxy_pass http://127.0.0.1:9; } } }",
            Verdict.UNDECIDED,
        ),
        (f"http {{ server {{ listen 80; {_PASSES} location /x {{ guard_mode on; }} }} }}", Verdict.CLEAN),
        (f"http {{ server {{ listen 80; guard_mode on; return 204; {_PASSES} }} }}", Verdict.UNDECIDED),
        (f"http {{ server {{ listen 80; guard_mode on; return 403; {_PASSES} }} }}", Verdict.FAULT),
        (f"http {{ map $uri $a {{ guard_mode on; }} server {{ listen 80; {_PASSES} }} }}", Verdict.CLEAN),
        (f"http {{ brotli on; lua_code_cache off; server {{ listen 80; {_PASSES} }} }}", Verdict.CLEAN),
    ],
)
def test_the_verdict_is_open_where_one_stands_on_the_way(text: str, verdict: Verdict) -> None:
    """A name of another server, a row of a table and what only compresses leave the verdict as it is."""
    assert _reviewed(text).verdict is verdict


def test_what_an_experiment_may_contain_is_known() -> None:
    """No directive that is written into experiments counts as a stranger."""
    ours = (set(ALLOWED) | HARMLESS | UPSTREAM_ALLOWED) - {
        "brotli",
        "brotli_static",
        "brotli_types",
        "brotli_comp_level",
    }
    assert ours <= NAMES
