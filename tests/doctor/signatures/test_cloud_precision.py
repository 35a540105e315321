"""What the cloud signatures must keep quiet about, and hostile texts that must neither hang nor hurt them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.doctor.observation import Headers, Observation, Place
from mattegate.doctor.signatures import Matcher, signatures

CLOUDY = ("aws", "cdn", "cloud", "china")
MATCHER = Matcher()


def _causes(seen: Observation) -> set[str]:
    return {clue.cause for clue in MATCHER.clues(seen) if clue.cause.split(".")[0] in CLOUDY}


def _seen(status: int, body: str = "", headers: Headers = (), *, host: str = "img.example.com") -> Observation:
    return Observation(
        "exchange",
        Place("x"),
        method="POST",
        host=host,
        path="/v1/x",
        status=status,
        response_headers=headers,
        body=body,
    )


@pytest.mark.parametrize(
    "seen",
    [
        _seen(403, '{"message":"Forbidden"}'),
        _seen(403, '{"message":"Unauthorized"}'),
        _seen(401, '{"detail":"Not authenticated"}', (("www-authenticate", "Bearer"), ("server", "uvicorn"))),
        _seen(
            403, "<center><h1>403 Forbidden</h1></center>\n<hr><center>nginx/1.22.1</center>", (("server", "nginx"),)
        ),
        _seen(405, '{"detail":"Method Not Allowed"}', (("allow", "POST"),)),
        _seen(413, "<center><h1>413 Request Entity Too Large</h1></center>\n<hr><center>nginx</center>"),
        _seen(429, "Too Many Requests", (("retry-after", "3"),)),
        _seen(503, "<center><h1>503 Service Temporarily Unavailable</h1></center>\n<hr><center>nginx</center>"),
        _seen(418, "I'm a teapot"),
        _seen(406, '{"error":"not acceptable"}'),
        _seen(403, "<Error><Code>AccessDenied</Code></Error>"),
        _seen(404, '{"message":"Not Found"}'),
    ],
    ids=lambda seen: f"{seen.status} {seen.body[:24]}",
)
def test_an_answer_without_a_mark_of_a_cloud_is_nobodys(seen: Observation) -> None:
    """Bodies that anybody writes name no service."""
    assert not _causes(seen)


@pytest.mark.parametrize(
    "headers",
    [
        (("server", "cloudflare"), ("cf-ray", "9a1b2c3d4e5f6789-FRA")),
        (("x-cache", "Hit from cloudfront"), ("via", "1.1 x.cloudfront.net (CloudFront)")),
        (("x-azure-ref", "20260313T100500Z-r1f8b879b596nkrk47cy335nug000000016000000000h6te"),),
        (("eo-log-uuid", "4225735494395586037"),),
        (("server", "AkamaiGHost"),),
        (("x-amzn-requestid", "1"), ("apigw-requestid", "YvEEXF3JrPEFiEw=")),
        (("x-vercel-id", "fra1::1"), ("server", "Vercel")),
    ],
    ids=lambda headers: headers[0][0],
)
def test_a_success_through_a_cloud_is_no_refusal(headers: Headers) -> None:
    """A 200 that passed through a network has nothing to explain."""
    assert not _causes(_seen(200, '{"ok":true}', headers))


def test_a_refusal_that_passed_through_cloudflare_is_not_blamed_on_it() -> None:
    """cf-ray without a page of Cloudflare's: the origin, as a possibility, and never the firewall."""
    seen = _seen(403, '{"detail":"forbidden"}', (("server", "cloudflare"), ("cf-ray", "9a1b2c3d4e5f6789-FRA")))
    assert _causes(seen) == {"cdn.cloudflare_passed_on"}


def test_an_http_api_is_not_suspected_of_api_keys_or_waf() -> None:
    """HTTP APIs have neither."""
    seen = _seen(403, '{"message":"Forbidden"}', (("apigw-requestid", "YvEEXF3JrPEFiEw="),), host="api.example.com")
    assert _causes(seen) == {"aws.mtls_refused", "aws.domain_mapping"}


def test_the_filing_page_wins_over_everything_on_the_machine() -> None:
    """Server: Beaver is the provider's interception, with the host in the sentence."""
    seen = _seen(403, "<title>Non-compliance ICP Filing</title>", (("server", "Beaver"),), host="img.example.cn")
    assert _causes(seen) == {"china.icp_aliyun"}


_MARKS = [
    "Reference #18.",
    "Reference&#32;&#35;18&#46;",
    "User: arn:aws:iam::1:user/x is not authorized to perform: execute-api:Invoke on resource: ",
    "The requested URL was rejected. Please consult with your administrator",
    "<h2>The request is blocked.</h2>",
    "<!-- event_id: ",
    '"error_code":"APIG.0301","error_msg":"',
    "error code: 10",
    "No required SSL certificate was sent",
    "Bad request.",
    "API Key not authorized because method 'GET /' requires API Key and API Key is not associated with a usage plan",
    "Access denied. Reason: ",
]


@pytest.mark.parametrize("mark", _MARKS)
@pytest.mark.parametrize("filler", ["", "a", " ", "<span>", "&#46;", "certificate ", "\x00", "\n"])
def test_a_huge_body_of_half_fitting_text_is_walked_in_bounded_time(mark: str, filler: str) -> None:
    """16 KiB of a beginning that never ends."""
    for body in (mark + filler * 16_384, (mark + filler) * (16_384 // (len(mark) + len(filler)))):
        seen = _seen(403, body[:16_384], (("server", "cloudflare"),))
        log = Observation("app-log", Place("x"), message=body[:16_384])
        assert isinstance(_causes(seen) | _causes(log), set)


@given(
    st.text(max_size=400),
    st.dictionaries(st.sampled_from(["server", "x-tengine-error", "deny-reason", "via"]), st.text(max_size=60)),
)
@settings(deadline=None, max_examples=100)
def test_any_answer_is_looked_at_without_an_error(body: str, headers: dict[str, str]) -> None:
    """And every sentence has its facts."""
    for clue in MATCHER.clues(_seen(403, body, tuple(headers.items()))):
        assert clue.evidence


def test_no_pattern_repeats_a_repetition() -> None:
    """Nested quantifiers are where a pattern's time explodes: none of the patterns has one."""
    for entry in signatures():
        if entry.cause.split(".")[0] in CLOUDY:
            for pattern in (*entry.match.patterns, *entry.match.none):
                text = pattern.regex.pattern
                assert ")+" not in text, (entry.id, text)
                assert ")*" not in text, (entry.id, text)
