"""What a refusal of AWS says that a pattern alone cannot read. Pure: an observation in, clues out.

What belongs here: arithmetic on the times of a signature, the parts of an execute-api name, of a path and of an ARN,
and what the request itself tells of causes that AWS words alike. How a refusal is recognised is the signatures' data.

Rules of this file:

1. A clue names what it saw, and a text that is hostile gets no further than its pattern allows.
2. What goes into a command is quoted for a shell.
3. A clue that makes nothing surer carries the origin of the signature that it explains: the same answer read twice is
   no second witness.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address, ip_network
from shlex import quote
from typing import Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.observation import Observation

_ORIGIN: Final = "reading of the AWS answer"
EXPLAINED: Final = ("missing_token", "no_route", "not_a_signature", "no_route_with_header", "forbidden.key")
"""Signatures of API Gateway that clues of this file explain, each of an answer; of a log with ``log.`` before it."""
_AGREE: Final = 120
"""Seconds within which two clocks are taken to agree."""

# --- names -------------------------------------------------------------------------------------------------------

_API_HOST: Final = re.compile(
    r"(?P<api>[a-z0-9]{6,20})(?:-(?P<endpoint>vpce-[0-9a-f]{8,20}))?\.execute-api\.(?P<region>[a-z0-9-]{6,25})"
    r"\.amazonaws\.com(?:\.cn)?(?::\d{1,5})?"
)
_ENDPOINT_HOST: Final = re.compile(
    r"(?P<endpoint>vpce-[0-9a-f]{8,20}-[a-z0-9]{4,12})(?:-[a-z0-9-]{3,25})?\.execute-api\.(?P<region>[a-z0-9-]{6,25})"
    r"\.vpce\.amazonaws\.com(?:\.cn)?(?::\d{1,5})?"
)


@dataclass(frozen=True, slots=True)
class ApiHost:
    """An execute-api name, taken apart."""

    region: str
    api: str = ""
    """Empty where the name is an interface endpoint's own: then Host or x-apigw-api-id must name the API."""
    endpoint: str = ""
    """The VPC endpoint that the name leads to, if it names one."""


def api_host(host: str) -> ApiHost | None:
    """The parts of an execute-api name; ``None`` for any other."""
    name = host.lower()
    if found := _API_HOST.fullmatch(name):
        return ApiHost(found["region"], found["api"], found["endpoint"] or "")
    if found := _ENDPOINT_HOST.fullmatch(name):
        return ApiHost(found["region"], endpoint=found["endpoint"])
    return None


@dataclass(frozen=True, slots=True)
class Split:
    """A path as API Gateway reads it on an execute-api name."""

    stage: str
    resource: str


def split(path: str) -> Split:
    """The first segment is the stage and the rest the resource. A stage named ``$default`` is not in the path."""
    stage, _, rest = path.partition("?")[0].lstrip("/").partition("/")
    return Split(stage, f"/{rest}")


_RESOURCE: Final = re.compile(
    r"arn:aws[a-z-]{0,10}:execute-api:(?P<region>[a-z0-9-]{1,25}):(?P<account>[\d*]{1,12}):(?P<api>[a-z0-9*]{1,20})"
    r"(?:/(?P<stage>[^/\s\"]{1,128})(?:/(?P<method>[A-Z*]{1,10})(?P<path>/[^\s\"]{0,1024})?)?)?"
)
_CALLER_ACCOUNT: Final = re.compile(r"arn:aws[a-z-]{0,10}:(?:iam|sts)::(\d{12}):")


@dataclass(frozen=True, slots=True)
class Invoked:
    """The resource that an execute-api:Invoke was refused on."""

    arn: str
    region: str
    account: str
    """AWS hides all but its last four digits."""
    api: str
    stage: str = ""
    method: str = ""
    path: str = ""


def invoked(text: str) -> Invoked | None:
    """The first ARN of an API in ``text``."""
    found = _RESOURCE.search(text)
    if found is None:
        return None
    parts = {name: value or "" for name, value in found.groupdict().items()}
    return Invoked(found[0], **parts)


# --- times -------------------------------------------------------------------------------------------------------

_STAMP: Final = r"\d{8}T\d{6}Z"
_SKEWED: Final = re.compile(
    rf"Signature (?P<kind>expired|not yet current): (?P<signed>{_STAMP}) is (?:now earlier|still later) than "
    rf"(?P<edge>{_STAMP})(?: \((?P<server>{_STAMP}) [-+] (?P<window>\d{{1,4}}) min)?"
)


@dataclass(frozen=True, slots=True)
class Skew:
    """What a refusal for its time says."""

    signed: datetime
    server: datetime
    """AWS's own time; where it does not say it, the edge of the window, so that the skew is at least so much."""
    window: int | None
    """Minutes that were allowed."""

    @property
    def seconds(self) -> int:
        """How much older the signature is than AWS's time; negative where it is of the future."""
        return int((self.server - self.signed).total_seconds())


def skew(text: str) -> Skew | None:
    """The times in a ``Signature expired`` or ``Signature not yet current``; ``None`` where they are not there."""
    found = _SKEWED.search(text)
    if found is None:
        return None
    try:
        signed, server = _stamp(found["signed"]), _stamp(found["server"] or found["edge"])
    except ValueError:  # digits that are no date
        return None
    return Skew(signed, server, int(found["window"]) if found["window"] else None)


def _stamp(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


_MISSING_PART: Final = re.compile(r"Authorization header requires '(Credential|SignedHeaders|Signature)' parameter")


def missing_parts(text: str) -> tuple[str, ...]:
    """The parts of a signature that an ``IncompleteSignature`` misses."""
    parts = dict.fromkeys(_MISSING_PART.findall(text))
    if "'X-Amz-Date' or a 'Date' header" in text:
        parts["X-Amz-Date or Date"] = None
    return tuple(parts)


# --- clues -------------------------------------------------------------------------------------------------------


def refine(observation: Observation) -> Iterator[Clue]:
    """Clues beyond those of the signatures, where the answer is one of AWS's that needs more than a pattern."""
    said = observation.message if observation.format.startswith("aws-") else observation.body
    if "Signature expired" in said or "Signature not yet current" in said:
        yield from _out_of_time(observation, said)
    elif "execute-api:Invoke" in said:
        yield from _denied(observation, said)
    elif "Missing Authentication Token" in said or _response_type(observation) == "MISSING_AUTHENTICATION_TOKEN":
        yield from _token_missing(observation)
    elif "Authorization header requires" in said or "not a valid key=value pair" in said:
        yield from _no_signature(observation, said)
    elif observation.format == "exchange" and (observation.header("x-amzn-errortype") or "").startswith("Forbidden"):
        yield from _forbidden(observation)


def _response_type(seen: Observation) -> str:
    return seen.fields.get("error.responseType", "")


# --- time --------------------------------------------------------------------------------------------------------


def _out_of_time(seen: Observation, said: str) -> Iterator[Clue]:
    """The skew in seconds, and, where the time of sending is known, whose fault it is."""
    times = skew(said)
    if times is None:
        return
    allowed = f"; {times.window} minutes are allowed" if times.window else ""
    way = "behind" if times.seconds >= 0 else "ahead of"
    made, now = f"{times.signed:%H:%M:%S} UTC", f"{times.server:%H:%M:%S} UTC"
    fault, remedy = _whose(seen, times)
    yield _clue(
        seen,
        "aws.signature_expired",
        Certainty.PROVEN,
        f"the signature was made at {made}, {abs(times.seconds)} s {way} AWS's {now}{allowed}",
        *_date_agrees(seen, times),
        *fault,
        facts={"skew_seconds": str(times.seconds)},
        remedy=remedy,
        tell_apart="date -u on the client: wrong against the Date of any answer means the clock, right means that the "
        "request was signed long before it was sent.",
    )


def _date_agrees(seen: Observation, times: Skew) -> Iterator[str]:
    dated = _http_date(seen.header("date"))
    if dated is None or times.window is None:
        return
    if abs((dated - times.server).total_seconds()) <= _AGREE:
        yield "the answer's Date agrees with the time that AWS names, so AWS's clock is not at fault"


def _http_date(value: str | None) -> datetime | None:
    if not value:
        return None
    try:
        found = parsedate_to_datetime(value[:64])
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else None


def _whose(seen: Observation, times: Skew) -> tuple[tuple[str, ...], str]:
    """Evidence and remedy. Only a HAR tells when the client believed to be sending: a log's time is the server's."""
    if seen.format != "exchange" or seen.at is None:
        return (), ""
    if abs(seen.at - times.server.timestamp()) <= _AGREE:
        waited = int(seen.at - times.signed.timestamp())
        return (f"the client's clock was right when it sent, {waited} s after it had signed",), _SIGN_AGAIN
    if abs(seen.at - times.signed.timestamp()) <= _AGREE:
        way = "slow" if times.seconds > 0 else "fast"
        return (f"the client's own clock was {abs(times.seconds)} s {way} when it sent",), _SET_CLOCK
    return (), ""


_SIGN_AGAIN: Final = (
    "Sign each attempt right before it is sent: this one was signed earlier, as from a queue, a retry, a cache or a "
    "presigned URL. The clock needs no change."
)
_SET_CLOCK: Final = "Set the client's clock by NTP (timedatectl set-ntp true), then sign again."

# --- policies ----------------------------------------------------------------------------------------------------


def _denied(seen: Observation, said: str) -> Iterator[Clue]:
    resource = invoked(said)
    if resource is None:
        return
    where = f"{resource.method} {resource.path or '/'}".strip()
    yield _clue(
        seen,
        _denial(said),
        Certainty.PROVEN,
        f"refused: {where} of stage {resource.stage or '?'} of API {resource.api} in {resource.region}",
        *_across(said, resource),
        *_policy_kind(said),
        facts={
            "api_id": resource.api,
            "region": resource.region,
            "stage": resource.stage,
            "resource": resource.arn,
        },
        command=f"aws apigateway get-rest-api --rest-api-id {quote(resource.api)} --region {quote(resource.region)} "
        "--query policy --output text",
    )


def _denial(said: str) -> str:
    if "explicit deny" in said:
        return "aws.policy_explicit_deny"
    return "aws.anonymous_not_allowed" if "User: anonymous" in said else "aws.policy_no_allow"


def _across(said: str, resource: Invoked) -> Iterator[str]:
    caller, ends = _CALLER_ACCOUNT.search(said), resource.account[-4:]
    if caller and ends.isdigit() and not caller[1].endswith(ends):
        yield (
            f"the caller is of account {caller[1]}, the API of one that ends in {ends}: both the caller's IAM policy "
            "and the API's resource policy must allow the call"
        )


_POLICY_KIND: Final = re.compile(
    r"(?:in an?|because no) ((?:identity|resource)-based policy|[a-z ]{3,30}boundary|[a-z ]{3,30}policy)"
)


def _policy_kind(said: str) -> Iterator[str]:
    if kind := _POLICY_KIND.search(said):
        yield f"AWS names the kind of policy: {kind[1]}"


# --- tokens and routes -------------------------------------------------------------------------------------------


def _token_missing(seen: Observation) -> Iterator[Clue]:
    """No token, or no such route: what the request tells of either."""
    resource = seen.fields.get("resourcePath")
    if seen.request_header("authorization"):
        evidence = "the client sent Authorization, and API Gateway says that none came"
        yield _clue(seen, "aws.authorization_dropped", Certainty.LIKELY, evidence)
    elif resource:
        evidence = f"the log names the resource {resource}, so the route is there"
        yield _clue(seen, "aws.missing_token", Certainty.LIKELY, evidence)
    else:
        yield from _route(seen, explains="no_route")
        yield from _unsigned(seen)


def _unsigned(seen: Observation) -> Iterator[Clue]:
    if seen.request_headers and seen.format == "exchange":
        yield _clue(
            seen,
            "aws.missing_token",
            Certainty.POSSIBLE,
            "the request carried no Authorization header",
            explains="missing_token",
            tell_apart="get-method says AWS_IAM for a route that is deployed; if the route is not there, nothing is "
            "wrong with the token.",
        )


def _route(seen: Observation, *, explains: str) -> Iterator[Clue]:
    """What of the path API Gateway takes for stage and resource."""
    name, where = api_host(seen.host), split(seen.path)
    if seen.method == "OPTIONS":
        evidence = "the refused request is a preflight: the resource has no OPTIONS method of its own"
        yield _no_route(seen, Certainty.LIKELY, evidence, remedy=_PREFLIGHT)
    elif name is not None and not where.stage:
        yield _no_route(seen, Certainty.LIKELY, "the path is empty, and an execute-api name wants the stage first")
    elif name is not None:
        evidence = (
            f"API Gateway takes {where.stage!r} for the stage and {where.resource!r} for the resource; if no stage has "
            "that name, the stage is missing from the path"
        )
        yield _no_route(seen, Certainty.POSSIBLE, evidence, explains=explains)


_PREFLIGHT: Final = (
    "Enable CORS for the resource: add an OPTIONS method without authorization and deploy the stage. Where ANY with "
    "IAM authorization takes OPTIONS too, a browser's preflight can never be signed."
)


def _no_route(seen: Observation, certainty: Certainty, evidence: str, *, remedy: str = "", explains: str = "") -> Clue:
    name, where = api_host(seen.host), split(seen.path)
    return _clue(
        seen,
        "aws.no_such_route",
        certainty,
        evidence,
        explains=explains,
        facts={"api_id": name.api, "region": name.region, "stage": where.stage} if name else None,
        remedy=remedy,
        command=_listing(name),
        tell_apart="get-stages lists the names that may stand first, get-resources the paths that may follow.",
    )


def _listing(name: ApiHost | None) -> str:
    if name is None or not name.api:
        return ""
    which = f"--rest-api-id {quote(name.api)} --region {quote(name.region)}"
    return (
        f"aws apigateway get-stages {which} --query 'item[].stageName'; "
        f"aws apigateway get-resources {which} --query 'items[].path'"
    )


def _no_signature(seen: Observation, said: str) -> Iterator[Clue]:
    """Which parts of a signature miss, and what was sent in its place."""
    parts, scheme = missing_parts(said), _scheme(seen, said)
    misses = f"AWS misses {', '.join(parts)}" if parts else "AWS cannot take the header apart"
    if scheme.upper().startswith("AWS4-"):
        yield _clue(seen, "aws.signature_incomplete", Certainty.LIKELY, f"a SigV4 header was sent, but {misses}")
        return
    sent = f"a {scheme} credential" if scheme else "a header that is no signature"
    yield _clue(
        seen,
        "aws.not_a_signature",
        Certainty.POSSIBLE,
        f"{misses}, because {sent} was sent",
        explains="not_a_signature",
        command=_listing(api_host(seen.host)),
        tell_apart="get-method says AWS_IAM for a route that is deployed; if the route is not there, the header is not "
        "what is wrong.",
    )
    yield from _route(seen, explains="no_route_with_header")


_ECHO: Final = re.compile(r"Authorization(?: header: '|=)([A-Za-z0-9-]{3,20})[ ']")


def _scheme(seen: Observation, said: str) -> str:
    """The scheme of Authorization: as it was sent, or as the answer repeats it."""
    sent = seen.request_header("authorization")
    if sent:
        word, space, _ = sent.partition(" ")
        return word if space and word.replace("-", "").isalnum() else ""
    echoed = _ECHO.search(said)
    return echoed[1] if echoed else ""


# --- Forbidden ---------------------------------------------------------------------------------------------------


def _forbidden(seen: Observation) -> Iterator[Clue]:
    """A plain Forbidden: the name, the address and the request's own headers speak for some of its causes."""
    name = api_host(seen.host)
    if name is not None:
        yield from _by_name(seen, name)
    elif seen.host and "certificate_requested" in seen.fields:
        evidence = f"the server asked for a client certificate in the handshake of {seen.host}"
        yield _clue(seen, "aws.mtls_refused", Certainty.LIKELY, evidence)
    if seen.request_headers:
        yield _by_key(seen)
        yield from _by_size(seen)


def _by_name(seen: Observation, name: ApiHost) -> Iterator[Clue]:
    address, facts = seen.fields.get("address", ""), {"api_id": name.api, "region": name.region}
    if name.endpoint and not name.api and not seen.request_header("x-apigw-api-id"):
        evidence = f"the host is the endpoint {name.endpoint} itself, and no x-apigw-api-id names an API"
        yield _clue(seen, "aws.private_api_name", Certainty.LIKELY, evidence, facts=facts)
    elif _is_private(address):
        yield _clue(
            seen,
            "aws.public_api_via_endpoint",
            Certainty.LIKELY,
            f"{seen.host} led to the private address {address}, a VPC endpoint's",
            facts=facts,
            command=f"aws apigateway get-rest-api --rest-api-id {quote(name.api)} --region {quote(name.region)} "
            "--query endpointConfiguration",
            tell_apart="endpointConfiguration says PRIVATE: then the API is not associated with this endpoint, or the "
            "call went through another one. REGIONAL or EDGE: then it is this cause.",
        )


_VPC: Final = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")))
"""What a VPC's addresses are made of. ``is_private`` says yes to much more: documentation, loopback, link-local."""


def _is_private(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in _VPC)


def _by_key(seen: Observation) -> Clue:
    keyed = seen.request_header("x-api-key") is not None
    return _clue(
        seen,
        "aws.api_key_refused",
        Certainty.POSSIBLE,
        f"the request carried {'an' if keyed else 'no'} x-api-key",
        explains="forbidden.key",
        tell_apart="INVALID_API_KEY in error.responseType of the access log; a method whose apiKeyRequired is false "
        "excludes it.",
    )


_INSPECTED: Final = 8_192
"""Bytes that the core rule set of AWS WAF allows a body."""


def _by_size(seen: Observation) -> Iterator[Clue]:
    length = seen.request_header("content-length") or ""
    if re.fullmatch(r"[0-9]{1,15}", length) and int(length) > _INSPECTED:
        yield _clue(
            seen,
            "aws.waf_body_size",
            Certainty.POSSIBLE,
            f"the body of {int(length)} bytes is over the 8 KB that WAF's core rule set allows",
            tell_apart="the same call with a body under 8 KB passes, and the WAF's log names SizeRestrictions_BODY.",
        )


def _clue(
    seen: Observation,
    cause: str,
    certainty: Certainty,
    *evidence: str,
    explains: str = "",
    facts: Mapping[str, str] | None = None,
    remedy: str = "",
    command: str = "",
    tell_apart: str = "",
) -> Clue:
    """Each sentence of evidence with the place it was read at."""
    known = {"host": seen.host, "path": seen.path, "method": seen.method, **(facts or {})}
    return Clue(
        cause=cause,
        certainty=certainty,
        origin=f"signature aws_apigw.{'' if seen.format == 'exchange' else 'log.'}{explains}" if explains else _ORIGIN,
        evidence=tuple(f"{sentence} ({seen.place})" for sentence in evidence),
        facts={name: value for name, value in known.items() if value},
        request=seen.request,
        status=seen.status,
        remedy=remedy,
        next=command,
        tell_apart=tell_apart,
    )
