"""A policy that says no: which one, to whom, and on what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from shlex import quote
from typing import Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.aws.clues import clue_of
from mattegate.doctor.aws.names import Invoked, invoked
from mattegate.doctor.clue import Clue
from mattegate.doctor.observation import Observation

_CALLER_ACCOUNT: Final = re.compile(r"arn:aws[a-z-]{0,10}:(?:iam|sts)::(\d{12}):")
_POLICY_KIND: Final = re.compile(
    r"(?:in an?|because no) ((?:identity|resource)-based policy|[a-z ]{3,30}boundary|[a-z ]{3,30}policy)"
)


def denied(seen: Observation, said: str) -> Iterator[Clue]:
    """The policy, the resource it was asked for, and where caller and API are of different accounts."""
    resource = invoked(said)
    if resource is None:
        return
    where = f"{resource.method} {resource.path or '/'}".strip()
    yield clue_of(
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


def _policy_kind(said: str) -> Iterator[str]:
    if kind := _POLICY_KIND.search(said):
        yield f"AWS names the kind of policy: {kind[1]}"
