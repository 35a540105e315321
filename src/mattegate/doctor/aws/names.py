"""The names that API Gateway gives its parts, taken apart: hosts, paths and ARNs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

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
