"""The third step: the handshake. Whose certificate, trusted or not, for which name, until when; what the server wants.

A fault here does not end the examination: what lies behind is looked at over an unverified connection, and said so.
The private ``_msg_callback`` of :class:`ssl.SSLContext` is the one way to see that a server asks for a certificate
without insisting; where it is missing, that is not known.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.observation import Observation
from mattegate.doctor.probe.certificate import BadCertificate, Certificate, parse_certificate
from mattegate.doctor.probe.target import Target, is_literal

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any

_CERTIFICATE_REQUEST: Final = 13
"""The handshake message of that type (RFC 8446 §4.3.2, RFC 5246 §7.4.4)."""
_HANDSHAKE: Final = 22
_FAULTS: Final = {
    9: "tls.not_yet_valid",
    10: "tls.expired",
    18: "tls.self_signed",
    62: "tls.name_mismatch",
    64: "tls.name_mismatch",
}
"""OpenSSL's X509_V_ERR numbers; every other one is a chain that ends in nobody who is trusted here."""


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """What the person shows to the server."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Handshake:
    """What became of one handshake."""

    failure: str = ""
    """``untrusted``, ``plain_http``, ``protocol_version``, ``client_certificate``, ``refused``, ``other``, or a
    connection's failure (``timed_out``, ``reset``); empty where it succeeded."""
    message: str = ""
    fault: str = ""
    """The cause that an untrusted certificate comes down to."""
    version: str = ""
    alpn: str = ""
    certificate: Certificate | None = None
    asked_for_certificate: bool | None = None
    """Whether the server asked for a client certificate; ``None`` where that cannot be seen."""


class _Asked:
    """Notices a CertificateRequest."""

    def __init__(self) -> None:
        self.seen = False

    def __call__(self, _sock: object, direction: str, _version: object, content: Any, kind: Any, _data: bytes) -> None:
        if direction == "read" and int(content) == _HANDSHAKE and int(kind) == _CERTIFICATE_REQUEST:
            self.seen = True


def context(
    *,
    verify: bool,
    alpn: tuple[str, ...] = ("http/1.1",),
    shown: ClientCertificate | None = None,
    ca: Path | None = None,
) -> ssl.SSLContext:
    """A client's context. ``verify=False`` is for looking behind a fault that has been reported. Raises OSError."""
    made = ssl.create_default_context(cafile=str(ca) if ca else None)
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    made.set_alpn_protocols(list(alpn))
    if shown:
        made.load_cert_chain(shown.certificate, shown.key)
    return made


def handshake(
    connect: Callable[[], socket.socket], name: str, base: ssl.SSLContext, *, version: ssl.TLSVersion | None = None
) -> Handshake:
    """Shake hands over a new connection and hang up."""
    asked = _watch(base)
    if version:
        base.minimum_version = base.maximum_version = version
    try:
        with connect() as plain, base.wrap_socket(plain, server_hostname=name) as sock:
            return Handshake(
                version=sock.version() or "",
                alpn=sock.selected_alpn_protocol() or "",
                certificate=_certificate(sock),
                asked_for_certificate=asked.seen if asked else None,
            )
    except OSError as error:
        return failed_handshake(error)


def _watch(base: ssl.SSLContext) -> _Asked | None:
    asked = _Asked()
    with contextlib.suppress(AttributeError, TypeError, ValueError):
        setattr(base, "_msg_callback", asked)  # noqa: B010 - private, and perhaps not there
        return asked
    return None


def _certificate(sock: ssl.SSLSocket) -> Certificate | None:
    der = sock.getpeercert(binary_form=True)
    try:
        return parse_certificate(der) if der else None
    except BadCertificate:
        return None


def failed_handshake(error: OSError) -> Handshake:
    """What a failed handshake tells."""
    if isinstance(error, ssl.SSLCertVerificationError):
        said = str(error.verify_message or error.reason)
        return Handshake("untrusted", said, fault=_FAULTS.get(error.verify_code, "tls.untrusted_chain"))
    if isinstance(error, ssl.SSLError):
        return Handshake(_alert(f"{error.reason or ''} {error}".upper()), str(error.reason or error))
    if isinstance(error, TimeoutError):
        return Handshake("timed_out", "the TLS handshake timed out")
    if isinstance(error, ConnectionResetError):
        return Handshake("reset", "the connection was reset in the TLS handshake")
    return Handshake("other", str(error))


def _alert(reason: str) -> str:
    for word, kind in (
        ("CERTIFICATE_REQUIRED", "client_certificate"),
        ("UNKNOWN_CA", "client_certificate_rejected"),
        ("BAD_CERTIFICATE", "client_certificate_rejected"),
        ("HTTP_REQUEST", "plain_http"),
        ("WRONG_VERSION_NUMBER", "plain_http"),
        ("PACKET_LENGTH", "plain_http"),
        ("RECORD_LAYER_FAILURE", "plain_http"),
        ("PROTOCOL_VERSION", "protocol_version"),
        ("UNSUPPORTED_PROTOCOL", "protocol_version"),
        ("NO_PROTOCOLS", "unsupported_here"),
        ("HANDSHAKE_FAILURE", "refused"),
        ("UNRECOGNIZED_NAME", "unrecognized_name"),
        ("EOF", "closed"),
    ):
        if word in reason:
            return kind
    return "other"


def tls_clues(target: Target, checked: Handshake, seen: Handshake) -> Iterator[Clue]:
    """What the handshakes tell: ``checked`` with verification, ``seen`` without (the same one where it succeeded)."""
    facts = {"host": target.host, "port": str(target.port), **_told(seen.certificate)}
    if checked.fault:
        yield _untrusted(target, checked, seen, facts)
    final = seen if checked.fault else checked
    if final.failure and final.failure in _HANDSHAKE_CAUSES:
        said = f"the TLS handshake with {target.host} port {target.port} failed: {final.message}"
        certainty = Certainty.POSSIBLE if final.failure in ("refused", "closed") else Certainty.PROVEN
        yield Clue(_HANDSHAKE_CAUSES[final.failure], certainty, "probe tls", (said,), facts)


_HANDSHAKE_CAUSES: Final = {
    "protocol_version": "tls.protocol_version",
    "client_certificate": "client_cert.required",
    "client_certificate_rejected": "client_cert.rejected",
    "unrecognized_name": "tls.name_not_served",
    "refused": "tls.handshake_refused",
    "closed": "tls.handshake_refused",
    "reset": "tls.handshake_refused",
    "timed_out": "tls.handshake_refused",
    "other": "tls.handshake_refused",
}


def _told(certificate: Certificate | None) -> dict[str, str]:
    if not certificate:
        return {}
    names = ", ".join(certificate.names[:8]) or "no name"
    return {"names": names, "validity": certificate.validity, "until": f"{certificate.not_after:%Y-%m-%d}"}


def _untrusted(target: Target, checked: Handshake, seen: Handshake, facts: dict[str, str]) -> Clue:
    evidence = [f"the certificate of {target.host} port {target.port} is not accepted here: {checked.message}"]
    if seen.certificate:
        evidence.append(f"it is for {facts['names']}, valid {facts['validity']}")
        if checked.fault == "tls.name_mismatch" and is_literal(target.host):
            evidence.append("the address given is an IP address; certificates are mostly for names")
    return Clue(checked.fault, Certainty.PROVEN, "probe tls", tuple(evidence), facts)


def asked_clue(target: Target, shaken: Handshake, seen: Observation) -> Clue | None:
    """A server that asks for a certificate, and then refuses who has none or hangs up on them."""
    if not shaken.asked_for_certificate:
        return None
    asked = f"{target.host} asks for a client certificate in the TLS handshake, none was shown"
    facts = {"host": target.host, "port": str(target.port)}
    if seen.status in (400, 401, 403):
        cause, text = "client_cert.required", f"{asked}, and {seen.status} came"
    elif seen.status is None and seen.fields.get("kind") in ("reset", "empty", "cut", "closed"):
        cause, text = "client_cert.required", f"{asked}, and the connection ended without an answer"
    else:
        return None
    return Clue(cause, Certainty.LIKELY, "probe tls", (text,), facts, seen.request, seen.status)
