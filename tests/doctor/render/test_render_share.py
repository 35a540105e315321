"""The report that is safe to post: nobody's name, address or number is in it, and it can still be read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.doctor.answer import Answer, Certainty, Culprit, Finding, Layer, Verdict
from mattegate.doctor.render import as_json, as_markdown, as_text, shareable
from tests.doctor.render.answers import FAULT, walk
from tests.doctor.render.hostile import HUGE, evil_answer

PRIVATE: Final = Answer(
    Verdict.FAULT,
    findings=(
        Finding(
            Layer.NGINX_ACCESS,
            "access.rule_denies",
            Certainty.PROVEN,
            "`deny all;` refuses 10.20.30.40",
            request="POST /v1/remove-bg",
            status=403,
            culprit=(
                Culprit("/etc/nginx/sites-enabled/cut.acme.io.conf", 12, "deny all;"),
                Culprit("/home/alice/site.conf", 3, "server_name cut.acme.io *.acme-lab.io web01 _;"),
            ),
            evidence=(
                'client: 10.20.30.40, server: cut.acme.io, upstream: "http://matte01:7000/x", host: "cut.acme.io:8443"',
                'user "alice" was not found; mail Bob.Smith@acme.io; owned by alice; ssh carol@10.20.30.40',
                "C:\\Users\\dave\\site.conf, uid=1000(erin), ::ffff:10.20.30.40, 2a00:1450:4001:81b::200e",
                "cf-ray: 8a1b2c3d4e5f6071-FRA, x-request-id: 4f2c9a1e-1b2c-4d3e-8f90-a1b2c3d4e5f6",
                "https://abc123def.execute-api.eu-west-1.amazonaws.com/prod",
                "arn:aws:execute-api:eu-west-1:123456789012:abc123def/prod/POST/x",
                "Authorization: Bearer sk_prod_9f8e7d6c5b4a32101122",
            ),
            remedy="Put an `allow` for 10.20.30.40 above /etc/nginx/sites-enabled/cut.acme.io.conf:12.",
            next="curl -si https://cut.acme.io/v1/remove-bg",
            facts={"client": "10.20.30.40"},
        ),
    ),
    checked=("DNS: cut.acme.io is 81.2.69.142",),
    not_checked=("/home/alice/other.conf was not read",),
    requests=(
        walk("POST /v1/remove-bg", host="cut.acme.io", client="10.20.30.40", outcome="forwards")
        | {"upstream": {"address": "http://matte01:7000", "uri": "/x", "headers": [["Host", "matte01"]]}},
    ),
)
NAMES: Final = (
    "acme", "alice", "bob", "carol", "dave", "erin", "matte01", "10.20.30.40", "81.2.69.142", "2a00:1450",
    "8a1b2c3d4e5f6071", "4f2c9a1e", "abc123def", "123456789012", "9f8e7d6c",
)  # fmt: skip


def shared(text: str) -> str:
    """One sentence of evidence, safe to post."""
    return shareable(Answer(Verdict.CLEAN, checked=(text,))).checked[0]


def test_no_name_is_left_anywhere() -> None:
    """In no format, at no place of the answer, and not in the legend."""
    answer = shareable(PRIVATE)
    facts = json.dumps([dict(finding.facts) for finding in answer.findings])
    for told in (as_json(answer), as_text(answer, width=80, colour=False, verbose=True), as_markdown(answer), facts):
        assert not [name for name in NAMES if name in told.lower()]


def test_the_same_name_is_the_same_stand_in_wherever_it_stands() -> None:
    """Or nobody could follow the story."""
    answer = shareable(PRIVATE)
    finding = answer.findings[0]
    assert finding.title == "`deny all;` refuses 192.0.2.1"
    assert "client: 192.0.2.1, server: host-1.example, upstream" in finding.evidence[0]
    assert 'host: "host-1.example:8443"' in finding.evidence[0]
    assert finding.culprit[0].file == "/etc/nginx/sites-enabled/host-1.example.conf"
    assert "::ffff:192.0.2.1" in finding.evidence[2]
    assert answer.requests[0]["client"] == "192.0.2.1"
    assert answer.requests[0]["host"] == "host-1.example"


def test_a_user_is_the_same_at_home_and_in_a_log() -> None:
    """Even where the name stands alone."""
    finding = shareable(PRIVATE).findings[0]
    assert finding.culprit[1].file == "/home/user-1/site.conf"
    assert 'user "user-1" was not found; mail mail-1@mail.example; owned by user-1' in finding.evidence[1]


def test_the_kind_of_service_stays() -> None:
    """Whose interface it is does not matter for a diagnosis; that it is one does."""
    finding = shareable(PRIVATE).findings[0]
    assert finding.evidence[4] == "https://api-1.execute-api.eu-west-1.amazonaws.com/prod"
    assert finding.evidence[5] == "arn:aws:execute-api:eu-west-1:000000000001:api-1/prod/POST/x"


def test_the_legend_says_what_stands_for_what_and_never_the_original() -> None:
    """With as much as a diagnosis needs: whether an address was a private one."""
    legend = shareable(PRIVATE).legend
    assert "192.0.2.1: a private IPv4 address" in legend
    assert "host-1.example: the name of a host" in legend
    assert not [name for name in NAMES if name in " ".join(legend).lower()]
    assert "Stand-ins" in as_text(shareable(PRIVATE), width=80, colour=False)


def test_doing_it_twice_changes_nothing() -> None:
    """Neither the report nor its legend."""
    once = shareable(PRIVATE)
    assert shareable(once) == once
    assert as_json(shareable(once)) == as_json(once)


def test_what_tells_nobody_apart_stays() -> None:
    """Files, rules, codes, documentation and everybody's own addresses are what a reader needs."""
    kept = (
        "access forbidden by rule (site.conf:12), see error.log and /etc/nginx/nginx.conf",
        "allow 10.0.0.0/8; allow ::1; deny all; listen 127.0.0.1:8000 and [::1]:8000",
        "cors.header_not_allowed by add_header Access-Control-Allow-Credentials true;",
        "https://nginx.org/en/docs/ and cut.example.com from 192.0.2.7 or 2001:db8::7",
        "proxy_pass http://unix:/run/app.sock; proxy_pass http://localhost:8000;",
        "application/vnd.api+json by nginx/1.22.1 at 2026-01-02 03:04:05, server: cloudflare",
        "/var/root/x and /home/ubuntu/x belong to www-data",
    )
    assert [shared(text) for text in kept] == list(kept)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("GET https://joe:secretpass1@shop.acme.io/", "GET https://user-1:********(len 11)@host-1.example/"),
        ("bucket.s3.eu-west-1.amazonaws.com", "api-1.s3.eu-west-1.amazonaws.com"),
        ("d111abcdef8.cloudfront.net", "api-1.cloudfront.net"),
        ("sts.eu-west-1.amazonaws.com", "sts.eu-west-1.amazonaws.com"),
        ("myshop.workers.dev, db.internal, nas.local", "api-1.workers.dev, host-1.example, host-2.example"),
        ("Reference #18.2d351ab8.1557333295.a4e16ab", "Reference #request-1"),
        ("why req_01HZX5K3Q2V9J8R7T6W5Y4N3M2", "why request-1"),
        ("deny 81.2.69.0/24;", "deny 192.0.2.1/24;"),
        ("server_name acme.io www.acme.io;", "server_name host-1.example host-2.example;"),
    ],
)
def test_each_kind_of_name_has_its_stand_in(text: str, told: str) -> None:
    """One example of each."""
    assert shared(text) == told


def test_a_stand_in_that_was_there_before_is_not_given_again() -> None:
    """Two hosts must not become one."""
    answer = shareable(Answer(Verdict.CLEAN, checked=("host-1.example asks shop.acme.io at 192.0.2.1 from 10.9.8.7",)))
    assert answer.checked == ("host-1.example asks host-2.example at 192.0.2.1 from 192.0.2.2",)


def test_the_verdict_and_the_codes_stay() -> None:
    """A shared report says the same about the fault."""
    answer = shareable(FAULT)
    finding, original = answer.findings[0], FAULT.findings[0]
    assert (answer.verdict, finding.cause, finding.layer, finding.status) == (
        FAULT.verdict, original.cause, original.layer, original.status,
    )  # fmt: skip
    assert finding.culprit == original.culprit


def test_many_addresses_stay_apart() -> None:
    """More than the ranges for documentation hold."""
    texts = tuple(f"from 10.{number // 250}.{number % 250}.1" for number in range(1_000))
    told = shareable(replace(PRIVATE, checked=texts)).checked
    assert len(set(told)) == len(set(texts))


def test_a_huge_answer_is_shared_as_well() -> None:
    """Ten thousand findings and texts far too long."""
    assert len(shareable(HUGE).findings) == 10_001


_PIECES: Final = (
    "10.1.2.3", "alice", "/home/alice", "acme.io", "a@b.co", "http://x.io:80", "host-1.example", ".", "-", "user=",
    "::1", "fe80::1%eth0", "/24", "host:", "arn:aws:s3:::mine", "8a1b2c3d4e5f6071-FRA", "request-1", "192.0.2.1",
    "2001:db8::1", "d1.cloudfront.net", "(len 8)", "https://u:p@h", "user 'bob'", "request id: x1y2z3", "server_name",
    ";", "10.1.0.0/16",
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(_PIECES), max_size=12), st.sampled_from([" ", ", ", "\n"]))
def test_twice_is_once_for_any_mixture(pieces: list[str], between: str) -> None:
    """Names in whatever company."""
    once = shareable(evil_answer(between.join(pieces)))
    assert shareable(once) == once
