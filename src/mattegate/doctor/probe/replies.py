"""What one answer tells by itself, beyond what signatures know: the wrong protocol on a port, and redirects."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urljoin

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.observation import Observation
from mattegate.doctor.probe.axes import Scene
from mattegate.doctor.probe.target import DEFAULT_PORTS, BadTarget, Target, parse_target

REDIRECTS = (301, 302, 303, 307, 308)
_TLS_ALERT = r"b'\x15\x03"
_KINDS = {
    "not_http": ("port.not_http", Certainty.PROVEN),
    "empty": ("transport.empty_reply", Certainty.POSSIBLE),
    "cut": ("transport.empty_reply", Certainty.POSSIBLE),
    "reset": ("transport.empty_reply", Certainty.POSSIBLE),
    "no_answer": ("port.no_answer", Certainty.POSSIBLE),
    "client_certificate_rejected": ("client_cert.rejected", Certainty.PROVEN),
    "client_certificate": ("client_cert.required", Certainty.PROVEN),
}


def reply_clues(target: Target, seen: Observation) -> Iterator[Clue]:
    """A port that speaks something else, or nothing."""
    facts = {"host": target.host, "port": str(target.port)}
    if seen.status == 400 and "plain HTTP request was sent to HTTPS port" in seen.body:
        text = "the answer says that plain HTTP was sent to an HTTPS port"
        yield _clue("tls.plain_http_on_tls_port", Certainty.PROVEN, text, facts, seen)
    elif seen.status is None:
        cause, certainty = _KINDS.get(seen.fields.get("kind", ""), ("", Certainty.POSSIBLE))
        if cause == "port.not_http" and _TLS_ALERT in seen.message:
            cause = "tls.plain_http_on_tls_port"
        if cause:
            yield _clue(cause, certainty, f"{target.host} port {target.port}: {seen.message}", facts, seen)


def plain_http_clue(target: Target, seen: Observation) -> Clue | None:
    """A port that was to speak TLS and answers plain HTTP."""
    if seen.status is None:
        return None
    facts = {"host": target.host, "port": str(target.port)}
    text = f"{target.host} port {target.port} does not speak TLS, but answers plain HTTP with {seen.status}"
    return _clue("transport.tls_to_plain", Certainty.PROVEN, text, facts, seen)


def redirect_target(target: Target, seen: Observation, location: str) -> Target | None:
    """Where a redirect leads; ``None`` where it is none, or leads nowhere one could go."""
    if seen.status not in REDIRECTS or not location:
        return None
    try:
        return parse_target(urljoin(target.origin + target.path, location).partition("#")[0])
    except (BadTarget, ValueError):
        return None


def may_follow(target: Target, other: Target) -> bool:
    """Whether a redirect stays with the same host and does not give up encryption."""
    return other.host == target.host and not (target.tls and not other.tls)


def redirect_clues(scene: Scene, seen: Observation, other: Target) -> Iterator[Clue]:
    """What clients do with such a redirect: they drop credentials, and they change the method."""
    target, status = scene.target, seen.status or 0
    facts = {"status": str(status), "location": other.bare, "method": scene.ask.method, "host": target.host}
    said = f"{scene.ask.method} {target.bare} is answered {status} with Location: {other.bare}"
    if scene.credential and other.origin != target.origin:
        upgrade = target.host == other.host and _default_ports(target, other)
        certainty = Certainty.POSSIBLE if upgrade else Certainty.LIKELY
        yield _clue("differential.redirect_credentials", certainty, said, facts, seen)
    if status in (301, 302, 303) and scene.ask.method not in ("GET", "HEAD"):
        yield _clue("differential.redirect_method", Certainty.LIKELY, said, facts, seen)


def _default_ports(target: Target, other: Target) -> bool:
    """From http on 80 to https on 443: requests keeps the credential there, curl and browsers do not."""
    ports = (DEFAULT_PORTS["http"], DEFAULT_PORTS["https"])
    return (target.port, other.port) == ports


def _clue(cause: str, certainty: Certainty, text: str, facts: dict[str, str], seen: Observation) -> Clue:
    return Clue(cause, certainty, "probe", (text,), facts, seen.request, seen.status)
