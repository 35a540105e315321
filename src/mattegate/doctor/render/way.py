"""The way of a request, stop by stop from the caller to the application, and how far it got; also as a line of text.

Rules of this file:

1. Only stops that matter are shown: those at fault, those that were looked at, and a few that every reader knows.
2. A stop is marked as passed only where something shows it: a step of the nginx model, a check that says so, or an
   HTTP status that was seen, which takes a name, a connection and (if any) a handshake. A prediction shows nothing of
   the network.
3. A mark is a sign and a word, never a colour alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from mattegate.doctor.answer import Answer, Certainty, Finding, Layer, Verdict
from mattegate.doctor.render.words import CLIENT, GATE, NGINX


class Mark(StrEnum):
    """How a request fared at a stop."""

    SENDS = "sends"
    """The caller itself."""
    PASSED = "passed"
    AT_FAULT = "at-fault"
    UNSURE = "unsure"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop on the way."""

    name: str
    """A layer, or one of ``client``, ``nginx`` and ``gate``, which stand for several."""
    mark: Mark
    status: int | None = None
    """What it answers, where it refuses."""
    place: str = ""
    """``file:line`` of what decides there."""
    text: str = ""
    reached: bool = True
    """Whether a request gets as far as here, for all that is known."""

    @property
    def state(self) -> str:
        """The word for how it fares here, more exact than its mark where it is at fault."""
        if self.mark is Mark.AT_FAULT:
            return "wrong" if self.status is None else "refusing"
        return self.mark

    def with_line(self, place: str, text: str) -> Stop:
        """The same stop with its line as it may be shown."""
        return replace(self, place=place, text=text)


_NGINX_OWN: Final = (Layer.NGINX_LOCATION, Layer.NGINX_ACCESS, Layer.NGINX_RETURN, Layer.NGINX_AUTH)
_GATE_OWN: Final = (Layer.API_KEY, Layer.SIGNATURE, Layer.JWT, Layer.AUTHORIZER, Layer.POLICY, Layer.QUOTA)
_NETWORK: Final = (Layer.DNS, Layer.TCP, Layer.TLS_MTLS)


def _order() -> Iterator[str]:
    yield CLIENT
    for layer in Layer:
        if layer is _NGINX_OWN[0]:
            yield NGINX
        if layer is _GATE_OWN[0]:
            yield GATE
        yield layer


_ORDER: Final = tuple(_order())
_PLACE: Final = MappingProxyType({name: place for place, name in enumerate(_ORDER)})
_AFTER_CONNECTING: Final = _PLACE[Layer.CDN]

_PHASES: Final[Mapping[str, Layer]] = MappingProxyType(
    {
        "location": Layer.NGINX_LOCATION,
        "access": Layer.NGINX_ACCESS,
        "preaccess": Layer.RATE_LIMIT,
    }
)
"""What a step of the nginx model shows to have been passed."""
_MECHANISMS: Final[Mapping[str, Layer]] = MappingProxyType(
    {
        "access": Layer.NGINX_ACCESS,
        "return": Layer.NGINX_RETURN,
        "rewrite": Layer.NGINX_RETURN,
        "auth_basic": Layer.NGINX_AUTH,
        "auth_basic_file": Layer.NGINX_AUTH,
        "auth_request": Layer.NGINX_AUTH,
        "body_size": Layer.UPLOAD,
        "client_certificate": Layer.TLS_MTLS,
        "plain_http": Layer.TLS_MTLS,
        "host_missing": Layer.HOST,
        "host_invalid": Layer.HOST,
        "host_doubled": Layer.HOST,
        "index": Layer.FILESYSTEM,
        "file_permission": Layer.FILESYSTEM,
        "modsecurity_rule": Layer.WAF,
        "modsecurity_body": Layer.WAF,
        "resolver_missing": Layer.UPSTREAM_CONNECT,
        "upstream_invalid": Layer.UPSTREAM_CONNECT,
        "upstream_down": Layer.UPSTREAM_CONNECT,
    }
)
"""Where a mechanism of the nginx model refuses; all others are nginx's choice of a location."""
_SAYS_PASSED: Final[Mapping[str, Layer]] = MappingProxyType({"DNS": Layer.DNS, "TCP": Layer.TCP, "TLS": Layer.TLS_MTLS})
"""How a check begins that went well at a layer."""


def stops(answer: Answer) -> tuple[Stop, ...]:
    """The stops that matter for ``answer``, in the order in which a request comes to them."""
    walked = _walked(answer)
    found = {CLIENT: Stop(CLIENT, Mark.SENDS)}
    for layer in _passed(answer, walked):
        found[layer] = Stop(layer, Mark.PASSED)
    for stop in (*_ended(answer, walked), *_faults(answer.findings)):
        found[stop.name] = stop
    for name in _known_to_all(found, answer):
        found.setdefault(name, Stop(name, Mark.UNSEEN))
    ordered = sorted(found.values(), key=lambda stop: _PLACE[stop.name])
    return tuple(_reached(ordered))


def _walked(answer: Answer) -> Mapping[str, Any] | None:
    """The request of the nginx model that the answer is about: the best finding's, else the first not decided."""
    walks = [request for request in answer.requests if "steps" in request]
    if answer.findings:
        return _walk_of(answer.findings[0].request, walks)
    undecided = (walk for walk in walks if walk.get("outcome") == "undecided")
    first = next(iter(walks), None)
    return next(undecided, first) if answer.verdict is Verdict.UNDECIDED else first


def _walk_of(asked: str, walks: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The walk of the very request; else of one of the same method and path."""
    for wanted in (asked, " ".join(asked.split()[:2])):
        for walk in walks:
            if wanted and walk.get("request") == wanted:
                return walk
    return None


def _passed(answer: Answer, walked: Mapping[str, Any] | None) -> Iterator[Layer]:
    for check in answer.checked:
        layer = _SAYS_PASSED.get(check.partition(":")[0])
        if layer is not None:
            yield layer
    if any(_was_answered(finding) for finding in answer.findings) and not _is_walk(answer):
        yield from _NETWORK
    if (walked or {}).get("outcome") == "undecided":
        return
    for step in _texts(walked, "steps"):
        phase, _, says = step.partition(": ")
        if phase == "access" and says.startswith(("auth_basic", "auth_request")):
            yield Layer.NGINX_AUTH
        elif phase in _PHASES:
            yield _PHASES[phase]


def _was_answered(finding: Finding) -> bool:
    return finding.status is not None and _PLACE[finding.layer] >= _AFTER_CONNECTING


def _is_walk(answer: Answer) -> bool:
    return any("steps" in request for request in answer.requests)


def _texts(request: Mapping[str, Any] | None, name: str) -> Iterable[str]:
    found = (request or {}).get(name)
    return [text for text in found if isinstance(text, str)] if isinstance(found, (list, tuple)) else []


def _ended(answer: Answer, walked: Mapping[str, Any] | None) -> Iterator[Stop]:
    """Where the walk ended in a refusal or in the dark. A finding at the same stop tells it better."""
    if walked is None or answer.findings:
        return
    if walked.get("outcome") == "undecided":
        yield Stop(NGINX, Mark.UNSURE)
    status = walked.get("status")
    if isinstance(status, int) and status >= 400 and walked.get("outcome") == "answers":
        layer = _MECHANISMS.get(str(walked.get("mechanism")), Layer.NGINX_LOCATION)
        line = walked.get("decided_by")
        known = line if isinstance(line, Mapping) else {}
        yield Stop(layer, Mark.AT_FAULT, status, _at(known.get("file"), known.get("line")), str(known.get("text", "")))


def _faults(findings: Sequence[Finding]) -> Iterator[Stop]:
    """One stop for each layer with a finding: its best one."""
    told: set[Layer] = set()
    for finding in findings:
        if finding.layer not in told:
            told.add(finding.layer)
            yield _fault(finding)


def _fault(finding: Finding) -> Stop:
    line = next(iter(finding.culprit), None)
    return Stop(
        name=finding.layer,
        mark=Mark.UNSURE if finding.certainty is Certainty.POSSIBLE else Mark.AT_FAULT,
        status=finding.status if finding.status is not None and finding.status >= 400 else None,
        place=_at(line.file, line.line) if line is not None else "",
        text=line.text if line is not None else "",
    )


def _at(file: object, line: object) -> str:
    return f"{file}:{line}" if file and line else str(file or "")


def _known_to_all(found: Mapping[str, Stop], answer: Answer) -> Iterator[str]:
    """The stops that are shown though nobody looked at them, so that a reader knows where on the way this is."""
    yield from (*_NETWORK, Layer.APP)
    faults = [_PLACE[name] for name, stop in found.items() if stop.mark in {Mark.AT_FAULT, Mark.UNSURE}]
    inside = bool(faults) and min(faults) > _PLACE[Layer.UPSTREAM_CONNECT]
    if not found.keys() & set(_NGINX_OWN) and (not inside or _is_walk(answer)):
        yield NGINX
    if not found.keys() & set(_GATE_OWN):
        yield GATE


def _reached(ordered: Sequence[Stop]) -> Iterator[Stop]:
    """Behind the first stop that surely refuses, nothing is known to arrive."""
    refused = False
    for stop in ordered:
        yield replace(stop, reached=not refused)
        refused = refused or (stop.mark is Mark.AT_FAULT and stop.status is not None)


# --- as text ------------------------------------------------------------------------------------------------------

SIGNS: Final[Mapping[Mark, str]] = MappingProxyType(
    {Mark.SENDS: "", Mark.PASSED: "✓", Mark.AT_FAULT: "✗", Mark.UNSURE: "?", Mark.UNSEEN: "·"}
)
PLAIN_SIGNS: Final[Mapping[Mark, str]] = MappingProxyType(
    {Mark.SENDS: "", Mark.PASSED: "[ok]", Mark.AT_FAULT: "[X]", Mark.UNSURE: "[?]", Mark.UNSEEN: "[ ]"}
)


@dataclass(frozen=True, slots=True)
class Piece:
    """One stop as text: what leads to it, and itself."""

    stop: Stop
    lead: str
    label: str


def pieces(way: Sequence[Stop], *, plain: bool = False) -> tuple[Piece, ...]:
    """The way as text, in pieces that may stand on one line or several."""
    signs = PLAIN_SIGNS if plain else SIGNS
    told = []
    for number, stop in enumerate(way):
        status = f" {stop.status}" if stop.status is not None else ""
        label = f"{signs[stop.mark]} {stop.name}{status}".strip()
        told.append(Piece(stop, _lead(stop, plain=plain) if number else "", label))
    return tuple(told)


def _lead(stop: Stop, *, plain: bool) -> str:
    if stop.reached:
        return "-- " if plain else "── "
    return ".. " if plain else "┄┄ "
