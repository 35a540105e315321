"""A plain Forbidden: the name, the address and the request's own headers speak for some of its causes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from shlex import quote
from typing import Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.aws.clues import clue_of
from mattegate.doctor.aws.names import ApiHost, api_host
from mattegate.doctor.clue import Clue
from mattegate.doctor.observation import Observation


def forbidden(seen: Observation) -> Iterator[Clue]:
    """One clue for each cause that the request speaks for; none is proven."""
    name = api_host(seen.host)
    if name is not None:
        yield from _by_name(seen, name)
    elif seen.host and "certificate_requested" in seen.fields:
        evidence = f"the server asked for a client certificate in the handshake of {seen.host}"
        yield clue_of(seen, "aws.mtls_refused", Certainty.LIKELY, evidence)
    if seen.request_headers:
        yield _by_key(seen)
        yield from _by_size(seen)


def _by_name(seen: Observation, name: ApiHost) -> Iterator[Clue]:
    address, facts = seen.fields.get("address", ""), {"api_id": name.api, "region": name.region}
    if name.endpoint and not name.api and not seen.request_header("x-apigw-api-id"):
        evidence = f"the host is the endpoint {name.endpoint} itself, and no x-apigw-api-id names an API"
        yield clue_of(seen, "aws.private_api_name", Certainty.LIKELY, evidence, facts=facts)
    elif _is_private(address):
        yield clue_of(
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
    return clue_of(
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
        yield clue_of(
            seen,
            "aws.waf_body_size",
            Certainty.POSSIBLE,
            f"the body of {int(length)} bytes is over the 8 KB that WAF's core rule set allows",
            tell_apart="the same call with a body under 8 KB passes, and the WAF's log names SizeRestrictions_BODY.",
        )
