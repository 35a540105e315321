"""The whole table of API Gateway's 403 answers: each row as a transcript, as a HAR and as a line of the access log.

The texts are the service's own. For each form the doctor must name the row's cause and its layer, list the causes that
look alike as merely possible with what tells them apart, and say what to run next.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from mattegate.doctor.answer import Answer, Certainty, Finding
from mattegate.doctor.attribution import Evidence, join
from mattegate.doctor.aws.refining import refine
from mattegate.doctor.clue import Clue
from mattegate.doctor.observation import Observation
from mattegate.doctor.readers.curl import CurlReader
from mattegate.doctor.readers.har import HarReader
from mattegate.doctor.readers.logs import LOG_READERS
from mattegate.doctor.readers.protocol import Reader
from mattegate.doctor.signatures import Matcher

API = "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"
DOMAIN = "api.example.com"
ENDPOINT = "vpce-0123456789abcdef0-abcd1234.execute-api.eu-central-1.vpce.amazonaws.com"
RESOURCE = "arn:aws:execute-api:eu-central-1:********9012:a1b2c3d4e5/prod/POST/v1/remove-bg"
POSSIBLE, LIKELY, PROVEN = Certainty.POSSIBLE, Certainty.LIKELY, Certainty.PROVEN

NOT_SIGNED = (
    "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. "
    "Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a "
    "'X-Amz-Date' or a 'Date' header. Authorization=allow"
)
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260313/eu-central-1/execute-api/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024"
)
ON_API = ("aws.api_key_refused", "aws.waf_blocked", "aws.private_api_name", "aws.public_api_via_endpoint")
ON_DOMAIN = ("aws.api_key_refused", "aws.waf_blocked", "aws.domain_mapping")


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    name: str
    cause: str
    layer: str
    kind: str
    message: str
    logged: str = "ACCESS_DENIED"
    """``$context.error.responseType``."""
    key: str = "message"
    alike: tuple[str, ...] = ()
    """Causes that the answer cannot tell from it."""
    alike_in_log: tuple[str, ...] | None = None
    """The same of the log, where it decides more."""
    certainty: Certainty = PROVEN
    certainty_in_log: Certainty | None = None
    host: str = API
    path: str = "/prod/v1/remove-bg"
    sent: dict[str, str] = field(default_factory=dict)
    handshake: str = ""
    excluded: tuple[str, ...] = ()
    """Causes that must not be named."""

    @property
    def body(self) -> str:
        """The answer's body, as the service writes it."""
        return json.dumps({self.key: self.message})


ROWS = (
    Row(
        "explicit deny of a Lambda authorizer",
        "aws.authorizer_explicit_deny",
        "authorizer",
        "AccessDeniedException",
        "User is not authorized to access this resource with an explicit deny",
        sent={"Authorization": "Bearer t0ps3cret-t0ken-0123456789"},
    ),
    Row(
        "explicit deny of IAM or the resource policy",
        "aws.policy_explicit_deny",
        "policy",
        "AccessDeniedException",
        "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: execute-api:Invoke on resource: "
        f"{RESOURCE} with an explicit deny",
        key="Message",
        sent={"Authorization": SIGNED},
    ),
    Row(
        "no allow for an unsigned caller",
        "aws.anonymous_not_allowed",
        "policy",
        "AccessDeniedException",
        f"User: anonymous is not authorized to perform: execute-api:Invoke on resource: {RESOURCE}",
        key="Message",
    ),
    Row(
        "invalid IAM keys",
        "aws.token_invalid",
        "signature",
        "AccessDeniedException",
        "The security token included in the request is invalid.",
        sent={"Authorization": SIGNED},
    ),
    Row(
        "no token",
        "aws.missing_token",
        "signature",
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
        "MISSING_AUTHENTICATION_TOKEN",
        alike=("aws.no_such_route",),
        certainty=POSSIBLE,
    ),
    Row(
        "signature expired",
        "aws.signature_expired",
        "signature",
        "InvalidSignatureException",
        "Signature expired: 20260313T095000Z is now earlier than 20260313T100000Z (20260313T100500Z - 5 min.)",
        "EXPIRED_TOKEN",
        sent={"Authorization": SIGNED, "x-amz-date": "20260313T095000Z"},
        excluded=("aws.token_expired",),
    ),
    Row(
        "invalid API key",
        "aws.api_key_refused",
        "api-key",
        "ForbiddenException",
        "Invalid API Key identifier specified",
        "INVALID_API_KEY",
        certainty=LIKELY,
        certainty_in_log=PROVEN,
        sent={"x-api-key": "0123456789abcdefghijklmnopqrstuvwxyz0123"},
    ),
    Row(
        "signature that does not fit",
        "aws.signature_mismatch",
        "signature",
        "InvalidSignatureException",
        MISMATCH,
        "INVALID_SIGNATURE",
        sent={"Authorization": SIGNED},
    ),
    Row(
        "filtered by AWS WAF",
        "aws.waf_blocked",
        "waf",
        "ForbiddenException",
        "Forbidden",
        "WAF_FILTERED",
        alike=(*[cause for cause in ON_API if cause != "aws.waf_blocked"], "aws.default_endpoint_disabled"),
        alike_in_log=(),
        certainty=POSSIBLE,
        certainty_in_log=PROVEN,
        excluded=("aws.mtls_refused", "aws.domain_mapping"),
    ),
    Row(
        "missing route without Authorization",
        "aws.no_such_route",
        "route",
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
        "MISSING_AUTHENTICATION_TOKEN",
        alike=("aws.missing_token",),
        certainty=POSSIBLE,
        path="/v1/remove-bg",
    ),
    Row(
        "missing route with Authorization",
        "aws.no_such_route",
        "route",
        "IncompleteSignatureException",
        NOT_SIGNED,
        "INVALID_SIGNATURE",
        alike=("aws.not_a_signature",),
        certainty=POSSIBLE,
        path="/v1/remove-bg",
        sent={"Authorization": "allow"},
    ),
    Row(
        "private API by a public name",
        "aws.private_api_name",
        "host",
        "ForbiddenException",
        "Forbidden",
        alike=("aws.api_key_refused", "aws.waf_blocked"),
        alike_in_log=("aws.public_api_via_endpoint", "aws.default_endpoint_disabled"),
        certainty=LIKELY,
        certainty_in_log=POSSIBLE,
        host=ENDPOINT,
    ),
    Row(
        "default endpoint disabled",
        "aws.default_endpoint_disabled",
        "host",
        "ForbiddenException",
        "Forbidden",
        alike=ON_API,
        alike_in_log=("aws.private_api_name", "aws.public_api_via_endpoint"),
        certainty=POSSIBLE,
        excluded=("aws.mtls_refused", "aws.domain_mapping"),
    ),
    Row(
        "client certificate that the domain does not trust",
        "aws.mtls_refused",
        "tls-mtls",
        "ForbiddenException",
        "Forbidden",
        alike=ON_DOMAIN,
        alike_in_log=("aws.private_api_name", "aws.domain_mapping"),
        certainty=POSSIBLE,
        host=DOMAIN,
        path="/v1/remove-bg",
        excluded=("aws.default_endpoint_disabled", "aws.public_api_via_endpoint"),
    ),
)


def _transcript(row: Row) -> str:
    sent = {"Host": row.host, "User-Agent": "curl/8.5.0", "Accept": "*/*", **row.sent}
    return "\n".join(
        (
            f"$ curl -X POST -v 'https://{row.host}{row.path}'",
            f"* Host {row.host}:443 was resolved.",
            "*   Trying 203.0.113.10:443...",
            f"* Connected to {row.host} (203.0.113.10) port 443",
            "* TLSv1.3 (OUT), TLS handshake, Client hello (1):",
            "* TLSv1.3 (IN), TLS handshake, Server hello (2):",
            *([row.handshake] if row.handshake else []),
            "* SSL connection using TLSv1.3 / TLS_AES_128_GCM_SHA256",
            "* using HTTP/2",
            f"> POST {row.path} HTTP/2",
            *(f"> {name}: {value}" for name, value in sent.items()),
            ">",
            "< HTTP/2 403 ",
            "< content-type: application/json",
            f"< content-length: {len(row.body)}",
            "< date: Fri, 13 Mar 2026 10:05:00 GMT",
            "< x-amz-apigw-id: QZFY0GF8PHcEDJg=",
            "< x-amzn-requestid: 58831b0a-0d67-41b1-bc04-4b83051ce458",
            f"< x-amzn-errortype: {row.kind}",
            "< ",
            "* Connection #0 to host left intact",
            row.body,
            "",
        )
    )


def _har(row: Row) -> str:
    entry = {
        "startedDateTime": "2026-03-13T10:04:59.900Z",
        "time": 41,
        "serverIPAddress": "203.0.113.10",
        "request": {
            "method": "POST",
            "url": f"https://{row.host}{row.path}",
            "httpVersion": "h2",
            "headers": [{"name": name, "value": value} for name, value in {":authority": row.host, **row.sent}.items()],
        },
        "response": {
            "status": 403,
            "statusText": "",
            "httpVersion": "h2",
            "headers": [
                {"name": "content-type", "value": "application/json"},
                {"name": "date", "value": "Fri, 13 Mar 2026 10:05:00 GMT"},
                {"name": "x-amzn-requestid", "value": "58831b0a-0d67-41b1-bc04-4b83051ce458"},
                {"name": "x-amzn-errortype", "value": row.kind},
            ],
            "content": {"size": len(row.body), "mimeType": "application/json", "text": row.body},
        },
    }
    return json.dumps({"log": {"version": "1.2", "creator": {"name": "WebInspector"}, "entries": [entry]}})


def _log(row: Row) -> str:
    return json.dumps(
        {
            "requestId": "58831b0a-0d67-41b1-bc04-4b83051ce458",
            "extendedRequestId": "QZFY0GF8PHcEDJg=",
            "apiId": "a1b2c3d4e5",
            "stage": "prod",
            "domainName": row.host,
            "ip": "203.0.113.7",
            "requestTime": "13/Mar/2026:10:05:00 +0000",
            "httpMethod": "POST",
            "path": row.path,
            "protocol": "HTTP/1.1",
            "status": "403",
            "errorMessage": row.message,
            "errorResponseType": row.logged,
        }
    )


_CURL, _HAR = CurlReader(), HarReader()
_ACCESS = next(reader for reader in LOG_READERS if reader.name == "aws-apigw-access")
_MATCHER = Matcher()


def _read(reader: Reader, text: str, name: str) -> list[Observation]:
    assert reader.recognises(text, name)
    return list(reader.read(io.BytesIO(text.encode()), name))


def _clues(seen: Observation) -> Iterator[Clue]:
    yield from refine(seen)
    yield from _MATCHER.clues(seen)


def _answer(observations: list[Observation]) -> Answer:
    return join(Evidence(clues=[clue for seen in observations for clue in _clues(seen)]))


def _named(answer: Answer, cause: str) -> Finding:
    return next(finding for finding in answer.findings if finding.cause == cause)


def _judge(answer: Answer, row: Row, *, certainty: Certainty, alike: tuple[str, ...]) -> None:
    causes = {finding.cause for finding in answer.findings}
    mine = _named(answer, row.cause)
    assert (mine.layer, mine.certainty) == (row.layer, certainty)
    assert mine.status == 403
    assert mine.request == f"POST {row.path}"
    assert mine.evidence
    assert mine.remedy
    assert mine.next
    assert causes.issuperset(alike)
    assert not causes.intersection(row.excluded)
    for other in alike:
        assert _named(answer, other).certainty is POSSIBLE
        assert _named(answer, other).tell_apart
        assert _named(answer, other).next
    if certainty is POSSIBLE:
        assert mine.tell_apart
    else:
        assert answer.findings[0].cause == row.cause


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_transcript_of_curl_is_recognised(row: Row) -> None:
    """A ``curl -v`` transcript of each row leads to the row's cause."""
    _judge(_answer(_read(_CURL, _transcript(row), "curl.txt")), row, certainty=row.certainty, alike=row.alike)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_har_is_recognised(row: Row) -> None:
    """A HAR entry of each row leads to the row's cause."""
    _judge(_answer(_read(_HAR, _har(row), "403.har")), row, certainty=row.certainty, alike=row.alike)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_line_of_the_access_log_is_recognised(row: Row) -> None:
    """A JSON line of the access log of each row leads to the row's cause, and decides where its type does."""
    alike = row.alike if row.alike_in_log is None else row.alike_in_log
    seen = _read(_ACCESS, _log(row) + "\n", "access.log")
    _judge(_answer(seen), row, certainty=row.certainty_in_log or row.certainty, alike=alike)


def test_the_table_is_whole() -> None:
    """Fourteen rows, as the document has them."""
    assert len(ROWS) == 14


def test_a_request_for_a_certificate_in_the_handshake_makes_mutual_tls_likely() -> None:
    """Of the causes of a plain Forbidden on a custom domain the handshake singles one out."""
    row = ROWS[13]
    asked = Row(**{**{name: getattr(row, name) for name in row.__dataclass_fields__}, "handshake": _ASKED})
    answer = _answer(_read(_CURL, _transcript(asked), "curl.txt"))
    assert answer.findings[0].cause == "aws.mtls_refused"
    assert answer.findings[0].certainty is LIKELY
    assert _named(answer, "aws.waf_blocked").certainty is POSSIBLE


_ASKED = "* TLSv1.3 (IN), TLS handshake, Request CERT (13):"


def test_the_secrets_of_the_request_never_show() -> None:
    """What the transcripts carry in Authorization and x-api-key stands nowhere in the answers."""
    for row in ROWS:
        for reader, text in ((_CURL, _transcript(row)), (_HAR, _har(row))):
            shown = json.dumps(_answer(list(reader.read(io.BytesIO(text.encode()), "x"))).as_json())
            assert "t0ps3cret" not in shown
            assert "0123456789abcdefghij" not in shown
            assert "fe5f80f77d5fa3be" not in shown


def test_the_har_tells_that_a_right_clock_sent_an_old_signature() -> None:
    """The browser's own time agrees with AWS's, so the signature was made long before it was sent."""
    row = ROWS[5]
    finding = _named(_answer(_read(_HAR, _har(row), "403.har")), row.cause)
    assert "900 s behind" in " ".join(finding.evidence)
    assert "clock was right when it sent" in " ".join(finding.evidence)
    assert "needs no change" in finding.remedy
    assert datetime(2026, 3, 13, 10, 5, tzinfo=UTC).strftime("%H:%M:%S") in " ".join(finding.evidence)
