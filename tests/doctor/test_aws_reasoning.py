"""What a pattern cannot read out of AWS's answers: times, names, paths, and which of two causes fits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from shlex import split as words

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.doctor.answer import Certainty
from mattegate.doctor.attribution import Evidence, join
from mattegate.doctor.aws.names import ApiHost, Split, api_host, invoked, split
from mattegate.doctor.aws.refining import refine
from mattegate.doctor.aws.routes import missing_parts
from mattegate.doctor.aws.times import skew
from mattegate.doctor.causes import causes
from mattegate.doctor.clue import Clue
from mattegate.doctor.observation import Headers, Observation, Place
from mattegate.doctor.signatures import Matcher, signatures

API = "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"
ERROR: Headers = (("x-amzn-errortype", "ForbiddenException"),)
EXPIRED = "Signature expired: 20260313T095000Z is now earlier than 20260313T100000Z (20260313T100500Z - 5 min.)"
EARLY = "Signature not yet current: 20170424T013926Z is still later than 20170424T013832Z (20170424T013332Z + 5 min.)"
ARN = "arn:aws:execute-api:eu-central-1:********9012:a1b2c3d4e5/prod/POST/v1/remove-bg"


def _seen(
    body: str,
    *,
    host: str = API,
    path: str = "/prod/v1/remove-bg",
    method: str = "POST",
    sent: Headers = (("user-agent", "curl/8.5.0"),),
    headers: Headers = (),
    at: float | None = None,
    fields: dict[str, str] | None = None,
) -> Observation:
    return Observation(
        "exchange",
        Place("trace.txt", 3),
        at=at,
        method=method,
        host=host,
        path=path,
        request_headers=sent,
        status=403,
        response_headers=headers,
        body=body,
        fields=fields or {},
    )


def _causes(seen: Observation) -> dict[str, Clue]:
    return {clue.cause: clue for clue in refine(seen)}


# --- times


@pytest.mark.parametrize(
    ("text", "seconds", "window"),
    [
        (EXPIRED, 900, 5),
        (
            "Signature expired: 20130301T000000Z is now earlier than 20130609T094515Z (20130609T100015Z - 15 min.)",
            8676015,
            15,
        ),
        ("Signature expired: 20260911T230000Z is now earlier than 20260911T230400Z", 240, None),
        (
            EARLY,
            -354,
            5,
        ),
    ],
)
def test_the_skew_is_counted_in_seconds(text: str, seconds: int, window: int | None) -> None:
    """AWS's own time stands in parentheses; without it the edge of the window is the least that is known."""
    found = skew(text)
    assert found is not None
    assert (found.seconds, found.window) == (seconds, window)


@pytest.mark.parametrize(
    "text", ["Signature expired", "Signature expired: 20269999T999999Z is now earlier than 20260313T100000Z", ""]
)
def test_times_that_are_none_give_no_skew(text: str) -> None:
    """The document's short wording, and digits that are no date."""
    assert skew(text) is None


@given(st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)), st.integers(-10_000_000, 10_000_000))  # noqa: DTZ001
@settings(deadline=None, max_examples=60)
def test_the_skew_is_the_difference_of_the_stamps(signed: datetime, apart: int) -> None:
    """Whatever the two times are."""
    form, signed = "%Y%m%dT%H%M%SZ", signed.replace(microsecond=0)
    server = signed + timedelta(seconds=apart)
    text = f"Signature expired: {signed:{form}} is now earlier than {signed:{form}} ({server:{form}} - 5 min.)"
    found = skew(text)
    assert found is not None
    assert found.seconds == apart


def test_a_slow_clock_of_the_client_is_told_from_a_stale_signature() -> None:
    """A HAR's own time decides: near the signature's it is the clock, near AWS's it is the signature."""
    signed, server = (datetime(2026, 3, 13, *clock, tzinfo=UTC).timestamp() for clock in ((9, 50), (10, 5)))
    slow = _causes(_seen(EXPIRED, at=signed))["aws.signature_expired"]
    stale = _causes(_seen(EXPIRED, at=server))["aws.signature_expired"]
    unknown = _causes(_seen(EXPIRED))["aws.signature_expired"]
    assert "the client's own clock was 900 s slow" in " ".join(slow.evidence)
    assert "NTP" in slow.remedy
    assert "900 s after it had signed" in " ".join(stale.evidence)
    assert "clock needs no change" in stale.remedy
    assert unknown.remedy == ""
    assert "900 s behind AWS's 10:05:00 UTC; 5 minutes are allowed (trace.txt:3)" in unknown.evidence[0]


def test_the_date_of_the_answer_clears_the_clock_of_aws() -> None:
    """Where the answer's Date agrees with the time that AWS names, AWS's clock is not at fault."""
    dated = _causes(_seen(EXPIRED, headers=(("date", "Fri, 13 Mar 2026 10:05:01 GMT"),)))
    odd = _causes(_seen(EXPIRED, headers=(("date", "yesterday"),)))
    assert "AWS's clock is not at fault" in " ".join(dated["aws.signature_expired"].evidence)
    assert "not at fault" not in " ".join(odd["aws.signature_expired"].evidence)


# --- names


@pytest.mark.parametrize(
    ("host", "parts"),
    [
        (API, ApiHost("eu-central-1", "a1b2c3d4e5")),
        (API.upper() + ":443", ApiHost("eu-central-1", "a1b2c3d4e5")),
        ("a1b2c3d4e5.execute-api.cn-north-1.amazonaws.com.cn", ApiHost("cn-north-1", "a1b2c3d4e5")),
        (
            "a1b2c3d4e5-vpce-0123456789abcdef0.execute-api.us-east-1.amazonaws.com",
            ApiHost("us-east-1", "a1b2c3d4e5", "vpce-0123456789abcdef0"),
        ),
        (
            "vpce-0123456789abcdef0-abcd1234.execute-api.us-east-1.vpce.amazonaws.com",
            ApiHost("us-east-1", endpoint="vpce-0123456789abcdef0-abcd1234"),
        ),
        (
            "vpce-0123456789abcdef0-abcd1234-us-east-1a.execute-api.us-east-1.vpce.amazonaws.com",
            ApiHost("us-east-1", endpoint="vpce-0123456789abcdef0-abcd1234"),
        ),
        ("api.example.com", None),
        ("a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com.evil.example", None),
        ("", None),
    ],
)
def test_an_execute_api_name_is_taken_apart(host: str, parts: ApiHost | None) -> None:
    """API, region and endpoint, in every form that the service gives."""
    assert api_host(host) == parts


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("/prod/v1/remove-bg?size=4", Split("prod", "/v1/remove-bg")),
        ("/prod", Split("prod", "/")),
        ("/", Split("", "/")),
        ("", Split("", "/")),
        ("//prod//x", Split("prod", "//x")),
    ],
)
def test_the_first_segment_is_the_stage(path: str, parts: Split) -> None:
    """The rest is the resource."""
    assert split(path) == parts


def test_the_arn_of_a_refusal_is_taken_apart() -> None:
    """Region, account, API, stage, method and path, however much of it is there."""
    whole = invoked(f"... on resource: {ARN} with an explicit deny")
    assert whole is not None
    assert (whole.region, whole.account, whole.api, whole.stage) == (
        "eu-central-1",
        "********9012",
        "a1b2c3d4e5",
        "prod",
    )
    assert (whole.method, whole.path, whole.arn) == ("POST", "/v1/remove-bg", ARN)
    short = invoked("arn:aws-cn:execute-api:cn-north-1:123456789012:a1b2c3d4e5/*")
    assert short is not None
    assert (short.api, short.stage, short.path) == ("a1b2c3d4e5", "*", "")
    assert invoked("arn:aws:s3:::bucket/key") is None


def test_the_missing_parts_of_a_signature_are_listed_once() -> None:
    """In the order in which AWS names them."""
    text = (
        "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. "
        "Authorization header requires 'Credential' parameter. Authorization header requires existence of either a "
        "'X-Amz-Date' or a 'Date' header. Authorization=Bearer"
    )
    assert missing_parts(text) == ("Credential", "Signature", "X-Amz-Date or Date")
    assert missing_parts("Missing Authentication Token") == ()


# --- which cause


def test_a_token_that_was_sent_and_never_came_was_dropped_on_the_way() -> None:
    """Then neither the route nor the client is at fault, but what stands between."""
    found = _causes(
        _seen('{"message":"Missing Authentication Token"}', sent=(("authorization", "Bearer ********(len 9)"),))
    )
    assert list(found) == ["aws.authorization_dropped"]
    assert found["aws.authorization_dropped"].certainty is Certainty.LIKELY


def test_an_execute_api_path_without_a_stage_is_no_route() -> None:
    """``/`` alone can only be a missing stage; any other first segment is named as the stage that it was taken for."""
    bare = _causes(_seen('{"message":"Missing Authentication Token"}', path="/"))["aws.no_such_route"]
    named = _causes(_seen('{"message":"Missing Authentication Token"}', path="/v1/remove-bg"))["aws.no_such_route"]
    assert bare.certainty is Certainty.LIKELY
    assert named.certainty is Certainty.POSSIBLE
    assert "takes 'v1' for the stage and '/remove-bg' for the resource" in named.evidence[0]
    assert named.facts["api_id"] == "a1b2c3d4e5"
    assert "--rest-api-id a1b2c3d4e5 --region eu-central-1" in named.next


def test_a_refused_preflight_lacks_its_own_method() -> None:
    """A browser never signs OPTIONS, so the resource needs one without authorization."""
    found = _causes(_seen('{"message":"Missing Authentication Token"}', method="OPTIONS"))["aws.no_such_route"]
    assert found.certainty is Certainty.LIKELY
    assert "OPTIONS method without authorization" in found.remedy


def test_a_log_that_names_the_resource_leaves_only_the_token() -> None:
    """resourcePath is there only where the route is."""
    seen = Observation(
        "aws-apigw-access",
        Place("access.log", 1),
        method="POST",
        host=API,
        path="/prod/v1/remove-bg",
        status=403,
        fields={"error.responseType": "MISSING_AUTHENTICATION_TOKEN", "resourcePath": "/v1/remove-bg"},
    )
    assert _causes(seen)["aws.missing_token"].certainty is Certainty.LIKELY


@pytest.mark.parametrize(
    ("sent", "body", "cause", "says"),
    [
        (
            "Bearer ********(len 9)",
            "requires 'Credential' parameter. Authorization=x",
            "aws.not_a_signature",
            "a Bearer credential",
        ),
        ("********(len 5)", "requires 'Credential' parameter. Authorization=x", "aws.not_a_signature", "no signature"),
        (
            "AWS4-HMAC-SHA256 SignedHeaders=host",
            "requires 'Credential' parameter.",
            "aws.signature_incomplete",
            "Credential",
        ),
        ("", "requires 'Signature' parameter. Authorization=Bearer ", "aws.not_a_signature", "a Bearer credential"),
    ],
)
def test_what_was_sent_in_place_of_a_signature_is_named(sent: str, body: str, cause: str, says: str) -> None:
    """A bearer token at an IAM method, a bare word, a signature that was cut, and what only the answer repeats."""
    headers: Headers = (("authorization", sent),) if sent else ()
    found = _causes(_seen(f'{{"message":"Authorization header {body}"}}', sent=headers))
    assert says in " ".join(found[cause].evidence)


def test_a_denied_caller_of_another_account_needs_both_policies() -> None:
    """AWS shows the last four digits of the API's account: enough to see that they differ."""
    text = (
        "User: arn:aws:sts::{}:assumed-role/ci/run is not authorized to perform: execute-api:Invoke on resource: " + ARN
    )
    other = _causes(_seen(text.format("210987654321")))["aws.policy_no_allow"]
    same = _causes(_seen(text.format("123456789012")))["aws.policy_no_allow"]
    assert "both the caller's IAM policy and the API's resource policy" in " ".join(other.evidence)
    assert "account" not in " ".join(same.evidence)
    assert "POST /v1/remove-bg of stage prod of API a1b2c3d4e5 in eu-central-1" in same.evidence[0]


def test_the_kind_of_policy_is_told_where_aws_says_it() -> None:
    """Newer messages end with it."""
    text = (
        f"User: arn:aws:iam::123456789012:user/ci is not authorized to perform: execute-api:Invoke on resource: {ARN}"
    )
    found = _causes(_seen(f"{text} with an explicit deny in an identity-based policy"))["aws.policy_explicit_deny"]
    assert "identity-based policy" in " ".join(found.evidence)


def test_a_private_address_behind_a_public_name_is_the_endpoint() -> None:
    """Only addresses that a VPC is made of count: 203.0.113.0/24 is reserved, but no VPC's."""
    inside = _causes(_seen('{"message":"Forbidden"}', headers=ERROR, fields={"address": "10.0.1.5"}))
    outside = _causes(_seen('{"message":"Forbidden"}', headers=ERROR, fields={"address": "203.0.113.10"}))
    assert inside["aws.public_api_via_endpoint"].certainty is Certainty.LIKELY
    assert "aws.public_api_via_endpoint" not in outside


def test_an_endpoint_name_that_names_an_api_by_header_is_not_blamed() -> None:
    """x-apigw-api-id says which API is meant."""
    host = "vpce-0123456789abcdef0-abcd1234.execute-api.us-east-1.vpce.amazonaws.com"
    named = _causes(
        _seen('{"message":"Forbidden"}', host=host, headers=ERROR, sent=(("x-apigw-api-id", "a1b2c3d4e5"),))
    )
    bare = _causes(_seen('{"message":"Forbidden"}', host=host, headers=ERROR))
    assert "aws.private_api_name" not in named
    assert bare["aws.private_api_name"].certainty is Certainty.LIKELY


def test_a_large_body_points_to_the_size_rule_without_certainty() -> None:
    """The core rule set stops at 8 KB; an image is larger."""
    large = _causes(_seen('{"message":"Forbidden"}', headers=ERROR, sent=(("content-length", "3145728"),)))
    small = _causes(_seen('{"message":"Forbidden"}', headers=ERROR, sent=(("content-length", "512"),)))
    assert large["aws.waf_body_size"].certainty is Certainty.POSSIBLE
    assert "aws.waf_body_size" not in small


# --- what must not happen


def test_an_application_that_says_forbidden_is_not_taken_for_aws() -> None:
    """The same body without x-amzn-errortype is nobody's in particular."""
    assert not list(refine(_seen('{"message":"Forbidden"}', host="api.example.com")))


def test_reading_the_same_answer_twice_makes_nothing_surer() -> None:
    """A clue that only explains carries its signature's origin, so that one answer is not two witnesses."""
    known = {signature.id for signature in signatures()}
    explained = ("missing_token", "no_route", "not_a_signature", "no_route_with_header", "forbidden.key")
    assert {f"aws_apigw.{log}{name}" for name in explained for log in ("", "log.")} <= known
    for seen in (
        _seen('{"message":"Forbidden"}', headers=ERROR),
        _seen('{"message":"Missing Authentication Token"}'),
        _seen("Authorization header requires 'Credential' parameter.", sent=(("authorization", "allow"),)),
    ):
        answer = join(Evidence(clues=[*refine(seen), *Matcher().clues(seen)]))
        assert answer.findings
        assert {finding.certainty for finding in answer.findings} == {Certainty.POSSIBLE}


def test_what_is_copied_into_a_command_cannot_leave_it() -> None:
    """Names come from outside: only those that are an API's get into a command at all."""
    hostile = "a1b2c3d4e5;reboot.execute-api.eu-central-1.amazonaws.com"
    for host in (API, hostile, "$(reboot).execute-api.eu-central-1.amazonaws.com"):
        for clue in refine(_seen('{"message":"Missing Authentication Token"}', host=host)):
            assert "reboot" not in clue.next
            assert words(clue.next) is not None


@given(st.text(max_size=300), st.text(max_size=60), st.text(max_size=60))
@settings(deadline=None, max_examples=150)
def test_any_text_is_answered_without_an_error(body: str, host: str, path: str) -> None:
    """And every clue names a cause of the catalogue."""
    for start in (
        "",
        "Signature expired: ",
        "execute-api:Invoke arn:aws:execute-api:",
        "Authorization header requires ",
        EXPIRED,
    ):
        for clue in refine(_seen(start + body, host=host, path=path, headers=ERROR, sent=(("content-length", body),))):
            assert clue.cause in causes()


def test_a_huge_text_is_read_in_one_walk() -> None:
    """16 KiB of what almost fits ends as quickly as any other."""
    for piece in (
        "Signature expired: 20260313T",
        "execute-api:Invoke arn:aws:execute-api:a:",
        "Authorization header requires '",
    ):
        assert not [
            clue for clue in refine(_seen(piece * (16_384 // len(piece)))) if clue.certainty is Certainty.PROVEN
        ]
