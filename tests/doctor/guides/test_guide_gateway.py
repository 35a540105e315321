"""The table of API Gateway's 403 answers as it is printed in the published document, and the steps that it advises.

The rows with the service's own texts are in ``test_aws_rows``; here stand the texts as the document prints them, which
has lost the blanks between some sentences and has words in angle brackets in place of names.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mattegate.doctor.causes import causes
from tests.doctor.guides.consulting import consult, transcript

API = "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"
PATH = "/prod/v1/remove-bg"
NOT_SIGNED = (
    "Authorization header requires 'Credential' parameter.Authorization header requires 'Signature' parameter."
    "Authorization header requires 'SignedHeaders' parameter.Authorization header requires existence of either a "
    "'X-Amz-Date' or a 'Date' header.Authorization=allow"
)
UNKNOWN_PRINCIPAL = "is not authorized to perform: execute-api:Invoke on resource: <api-resource-arn>"
PRINTED = [
    (
        "AccessDeniedException",
        "User is not authorized to access this resource with an explicit deny",
        "aws.authorizer_explicit_deny",
        "authorizer",
    ),
    (
        "AccessDeniedException",
        f"User: <user-arn> {UNKNOWN_PRINCIPAL} with an explicit deny",
        "aws.policy_explicit_deny",
        "policy",
    ),
    ("AccessDeniedException", f"User: anonymous {UNKNOWN_PRINCIPAL}", "aws.anonymous_not_allowed", "policy"),
    (
        "AccessDeniedException",
        "The security token included in the request is invalid.",
        "aws.token_invalid",
        "signature",
    ),
    ("MissingAuthenticationTokenException", "Missing Authentication Token", "aws.missing_token", "signature"),
    ("InvalidSignatureException", "Signature expired", "aws.signature_expired", "signature"),
    ("ForbiddenException", "Invalid API Key identifier specified", "aws.api_key_refused", "api-key"),
    (
        "InvalidSignatureException",
        (
            "The request signature we calculated does not match the signature you provided.Check your AWS Secret "
            "Access Key and signing method."
        ),
        "aws.signature_mismatch",
        "signature",
    ),
    ("ForbiddenException", "Forbidden", "aws.waf_blocked", "waf"),
    ("MissingAuthenticationTokenException", "Missing Authentication Token", "aws.no_such_route", "route"),
    ("IncompleteSignatureException", NOT_SIGNED, "aws.no_such_route", "route"),
    ("ForbiddenException", "Forbidden", "aws.private_api_name", "host"),
    ("ForbiddenException", "Forbidden", "aws.default_endpoint_disabled", "host"),
    ("ForbiddenException", "Forbidden", "aws.mtls_refused", "tls-mtls"),
]


def _answered(kind: str, message: str, host: str = API, path: str = PATH, *sent: str) -> str:
    got = [f"x-amzn-ErrorType: {kind}", "Content-Type: application/json"]
    return transcript(f"POST {path}", host, sent, "403 Forbidden", got, json.dumps({"message": message}))


@pytest.mark.parametrize(
    ("kind", "message", "cause", "layer"), PRINTED, ids=[f"{c}-{m[:12]}" for _, m, c, _ in PRINTED]
)
def test_each_row_as_printed_names_its_cause(kind: str, message: str, cause: str, layer: str) -> None:
    """Header and message of a row lead to its cause and layer; where others fit, all are possible and told apart."""
    sent = ["Authorization: allow"] if message == NOT_SIGNED else []
    host = "api.example.com" if cause == "aws.mtls_refused" else API
    told = consult("-", given=_answered(kind, message, host, PATH, *sent))
    finding = told.finding(cause)
    assert (finding["layer"], finding["status"]) == (layer, 403)
    assert finding["next"]
    if len(told.causes) > 1:
        assert finding["certainty"] == "possible"
        assert finding["tell_apart"]


def test_a_status_alone_proves_nothing_of_aws() -> None:
    """Gateway responses can be made to say anything: a 403 of such a host without their marks is left undecided."""
    told = consult("-", given=transcript(f"POST {PATH}", API, [], "403 Forbidden", [], "no"))
    assert all(finding["certainty"] != "proven" for finding in told.answer["findings"])


def test_a_missing_route_is_not_a_valid_url_with_no_right() -> None:
    """By the document's own table 403 also means a path that does not exist: the route comes before the token."""
    told = consult("-", given=_answered("MissingAuthenticationTokenException", "Missing Authentication Token"))
    assert told.first["cause"] == "aws.no_such_route"
    assert told.causes == {"aws.no_such_route", "aws.missing_token"}


def test_a_path_without_its_stage_is_told() -> None:
    """``/v1/remove-bg`` asks for a stage named v1; the command that the document gives has the stage first."""
    told = consult(
        "-", given=_answered("MissingAuthenticationTokenException", "Missing Authentication Token", API, "/v1/x")
    )
    assert "stage" in told.words("aws.no_such_route")


def test_a_refusal_in_a_browser_may_be_the_proxys() -> None:
    """A forward proxy answers CONNECT with 403: AWS was never reached, and nothing of AWS is blamed."""
    said = (
        f"> CONNECT {API}:443 HTTP/1.1\n> Host: {API}:443\n>\n< HTTP/1.1 403 Forbidden\n< Server: squid/5.7\n"
        "< X-Squid-Error: ERR_ACCESS_DENIED 0\n<\n* CONNECT tunnel failed, response 403\n"
        "curl: (56) CONNECT tunnel failed, response 403\n"
    )
    told = consult("-", given=said)
    assert told.first["layer"] == "forward-proxy"
    assert not [cause for cause in told.causes if cause.startswith("aws.")]


def test_a_refusal_may_be_cloudfronts() -> None:
    """Another service in front leaves its own marks, and is told from the gateway."""
    got = [
        "X-Cache: Error from cloudfront",
        "Via: 1.1 abc.cloudfront.net (CloudFront)",
        "X-Amz-Cf-Id: x",
        "Server: CloudFront",
    ]
    page = "<H1>403 ERROR</H1><H2>The request could not be satisfied.</H2>Request blocked."
    told = consult("-", given=transcript(f"POST {PATH}", "cdn.example.com", [], "403 Forbidden", got, page))
    assert told.layers <= {"cdn", "waf"}
    assert told.answer["findings"]


ROUTES = """openapi: 3.0.1
info: {title: remove-bg, version: '1'}
servers:
  - url: https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/prod
paths:
  /v1/remove-bg:
    post: {responses: {'200': {description: ok}}}
"""


def test_the_definition_says_whether_the_resource_is_there(tmp_path: Path) -> None:
    """Against the exported definition: another method, and a path without the stage, are found to be no routes."""
    described, seen = tmp_path / "api.yaml", tmp_path / "curl.txt"
    described.write_text(ROUTES)
    missing = ("MissingAuthenticationTokenException", "Missing Authentication Token", API)
    for path, cause in (("/v1/remove-bg", "route.prefix_missing"), ("/prod/v1/nothing", "route.not_described")):
        seen.write_text(_answered(*missing, path))
        assert cause in consult(str(described), str(seen)).causes
    seen.write_text(_answered(*missing, PATH).replace("> POST", "> GET"))
    assert "route.method_missing" in consult(str(described), str(seen)).causes
    seen.write_text(_answered(*missing, PATH))
    assert not {cause for cause in consult(str(described), str(seen)).causes if cause.startswith("route.")}


def test_the_access_log_says_whether_the_gateway_was_reached_and_why_it_refused() -> None:
    """``$context.error.responseType`` decides where the answer itself leaves several causes."""
    line = {"requestId": "x", "ip": "192.0.2.1", "httpMethod": "POST", "path": PATH, "status": "403",
            "domainName": API, "error": {"message": "Forbidden", "responseType": "WAF_FILTERED"}}  # fmt: skip
    told = consult("-", "--as", "aws-apigw-access", given=json.dumps(line) + "\n")
    assert told.causes == {"aws.waf_blocked"}
    line["error"] = {"message": "Forbidden", "responseType": "INVALID_API_KEY"}
    told = consult("-", "--as", "aws-apigw-access", given=json.dumps(line) + "\n")
    assert told.causes == {"aws.api_key_refused"}


def test_how_an_http_api_is_looked_into_is_told() -> None:
    """It has no execution log: a test REST API is mapped to the domain for a while, and back again."""
    cause = causes()["aws.mtls_refused"]
    assert "map a test REST API to the domain for a while and read its execution log" in cause.remedy
    assert "HTTP API 没有执行日志" in cause.remedy_zh
    assert "之后再改回" in cause.remedy_zh


def test_the_key_belongs_into_x_api_key() -> None:
    """Authorization alone is Forbidden, and the remedy names the header that was not sent."""
    sent = "Authorization: Bearer t0ps3cret-t0ken-0123456789"
    told = consult("-", given=_answered("ForbiddenException", "Forbidden", API, PATH, sent))
    assert "x-api-key" in told.words("aws.api_key_refused")
    assert "t0ps3cret" not in str(told.answer)


def test_what_an_interface_endpoint_needs_is_listed() -> None:
    """Name or header, private DNS, the resource policy, the endpoint: each has its word and its command."""
    private, public = causes()["aws.private_api_name"], causes()["aws.public_api_via_endpoint"]
    assert "x-apigw-api-id" in private.remedy
    assert "resource policy allows this endpoint" in private.remedy
    assert "dig +short" in private.check
    assert "private DNS" in public.remedy
    assert "PrivateDnsEnabled" in public.check
