"""A missing token or signature, which API Gateway also says where there is no such route."""

from __future__ import annotations

import re
from collections.abc import Iterator
from shlex import quote
from typing import Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.aws.clues import clue_of
from mattegate.doctor.aws.names import ApiHost, api_host, split
from mattegate.doctor.clue import Clue
from mattegate.doctor.observation import Observation


def token_missing(seen: Observation) -> Iterator[Clue]:
    """No token, or no such route: what the request tells of either."""
    resource = seen.fields.get("resourcePath")
    if seen.request_header("authorization"):
        evidence = "the client sent Authorization, and API Gateway says that none came"
        yield clue_of(seen, "aws.authorization_dropped", Certainty.LIKELY, evidence)
    elif resource:
        evidence = f"the log names the resource {resource}, so the route is there"
        yield clue_of(seen, "aws.missing_token", Certainty.LIKELY, evidence)
    else:
        yield from _route(seen, explains="no_route")
        yield from _unsigned(seen)


def _unsigned(seen: Observation) -> Iterator[Clue]:
    if seen.request_headers and seen.format == "exchange":
        yield clue_of(
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
    return clue_of(
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


def no_signature(seen: Observation, said: str) -> Iterator[Clue]:
    """Which parts of a signature miss, and what was sent in its place."""
    parts, scheme = missing_parts(said), _scheme(seen, said)
    misses = f"AWS misses {', '.join(parts)}" if parts else "AWS cannot take the header apart"
    if scheme.upper().startswith("AWS4-"):
        yield clue_of(seen, "aws.signature_incomplete", Certainty.LIKELY, f"a SigV4 header was sent, but {misses}")
        return
    sent = f"a {scheme} credential" if scheme else "a header that is no signature"
    yield clue_of(
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


_MISSING_PART: Final = re.compile(r"Authorization header requires '(Credential|SignedHeaders|Signature)' parameter")


def missing_parts(text: str) -> tuple[str, ...]:
    """The parts of a signature that an ``IncompleteSignature`` misses."""
    parts = dict.fromkeys(_MISSING_PART.findall(text))
    if "'X-Amz-Date' or a 'Date' header" in text:
        parts["X-Amz-Date or Date"] = None
    return tuple(parts)


_ECHO: Final = re.compile(r"Authorization(?: header: '|=)([A-Za-z0-9-]{3,20})[ ']")


def _scheme(seen: Observation, said: str) -> str:
    """The scheme of Authorization: as it was sent, or as the answer repeats it."""
    sent = seen.request_header("authorization")
    if sent:
        word, space, _ = sent.partition(" ")
        return word if space and word.replace("-", "").isalnum() else ""
    echoed = _ECHO.search(said)
    return echoed[1] if echoed else ""
