"""What a run is given and what it gives back, and the request that the given comes to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

from mattegate.doctor.clue import Clue
from mattegate.doctor.observation import Headers, Observation
from mattegate.doctor.probe.axes import ALL_AXES, Axis
from mattegate.doctor.probe.credential import Credential
from mattegate.doctor.probe.exchange import Ask, Limits
from mattegate.doctor.probe.sending import Bounds
from mattegate.doctor.probe.target import Target
from mattegate.doctor.probe.tls import ClientCertificate

if TYPE_CHECKING:
    from pathlib import Path


USER_AGENT: Final = "mattegate-doctor/1 (a diagnosis that the operator asked for)"
_VARIED: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST"})
_SECRET_QUERY: Final = 12
"""From this length a value in the query may be a key, and is kept out of what a server repeats."""
_KEY_HEADER: Final = re.compile(r"(?:x[-_]?)?(?:api|auth|access)?[-_]?(?:key|token)|authorization", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """What to ask, and how far to go."""

    url: str
    """The address as clients use it, through every proxy."""
    direct: str = ""
    """The server itself, past the proxy: ``http://127.0.0.1:8000``; its path only where it differs."""
    method: str = "GET"
    headers: Headers = ()
    """Besides ``User-Agent``, ``Accept`` and ``Content-Length``; one that carries a credential is recognised."""
    body: bytes = b""
    credential: Credential | None = None
    page: str = ""
    """The origin of the page whose script calls, where one does."""
    axes: frozenset[Axis] = ALL_AXES
    vary: frozenset[str] = _VARIED
    """Methods whose requests may be repeated."""
    burst: int = 0
    """So many identical requests at the end, at most 30: consent to run into the rate limit. 0: none."""
    echo_tickets: tuple[str, ...] = ()
    """Tickets of ``mattegate echo``: the first for the address, the second for the direct one."""
    echo_prefix: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
    """Where the proxy variables are looked up."""
    client_certificate: ClientCertificate | None = None
    ca: Path | None = None
    """A file of authorities to trust besides this machine's own."""
    limits: Limits = field(default_factory=Limits)
    bounds: Bounds = field(default_factory=Bounds)
    allow_metadata: bool = False
    send_credential_unverified: bool = False
    """Send the credential even where the certificate proves nothing; on loopback that is done anyway."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a run found out."""

    observations: tuple[Observation, ...] = ()
    clues: tuple[Clue, ...] = ()
    checked: tuple[str, ...] = ()
    not_checked: tuple[str, ...] = ()


def parted(plan: ProbePlan) -> tuple[Headers, Credential | None]:
    """The headers without the one that carries the credential, and the credential."""
    if plan.credential:
        name = plan.credential.header.lower()
        return tuple(pair for pair in plan.headers if pair[0].lower() != name), plan.credential
    at = next((at for at, (name, _) in enumerate(plan.headers) if _KEY_HEADER.fullmatch(name)), None)
    if at is None:
        return plan.headers, None
    name, value = plan.headers[at]
    scheme, _, secret = value.partition(" ") if name.lower() == "authorization" else ("", "", value)
    credential = Credential(secret, name, scheme) if secret else Credential(value, name, "")
    return (*plan.headers[:at], *plan.headers[at + 1 :]), credential


def secrets(plan: ProbePlan, credential: Credential | None) -> Iterator[str]:
    """What must stand in no observation."""
    yield from (value for name, value in plan.headers if name.lower() in ("cookie", "proxy-authorization"))
    yield from plan.echo_tickets
    yield from (value for _, value in parse_qsl(urlsplit(plan.url).query) if len(value) >= _SECRET_QUERY)
    if credential:
        yield credential.secret


def base_ask(plan: ProbePlan, target: Target, headers: Headers, credential: Credential | None) -> Ask:
    """The request as given, with the few headers that every client adds."""
    own = (("Host", target.authority), ("User-Agent", USER_AGENT), ("Accept", "*/*"))
    named = {name.lower() for name, _ in headers}
    added = tuple(pair for pair in own if pair[0].lower() not in named)
    line = (credential.line,) if credential else ()
    return Ask(plan.method.upper(), target.path, (*added, *headers, *line, ("Connection", "close")), plan.body)
