"""TLS on our own listener: which certificate is shown, and how a new one takes its place while connections go on.

Every handshake asks for the context of the newest pair of files that fits together, so a renewed certificate needs no
restart and drops nobody. A new pair that is broken changes nothing but the log and :meth:`TlsKeeper.status`.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import ssl
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

from cryptography.hazmat.primitives.serialization import Encoding

from mattegate.config.load import ConfigurationError, Fault
from mattegate.config.settings import ServerSettings
from mattegate.serving.trust import identity_of
from mattegate.signing.trust import Trust

WATCH_S: Final = 2.0
"""How often it is looked whether the files have changed."""
TLS_KEY: Final = "mattegate.tls"
"""Where a request's scope tells of its encryption: ``version``, ``cipher``, ``protocol`` (ALPN) and ``name`` (SNI)."""
CHAIN_KEY: Final = "mattegate.client_certificates"
"""Where it has what the client showed in the handshake: DER, its own certificate first."""

_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: forward secrecy and authenticated encryption only (RFC 9325, section 4.2)."""
_DAY_S: Final = 86_400
_DER: Final = 2
"""``ENCODING_DER`` of the interpreter's own module beneath :mod:`ssl`."""
_SOON_DAYS: Final = 14

_LOG: Final = logging.getLogger("mattegate.tls")
_NAMES: Final[WeakKeyDictionary[ssl.SSLObject, str]] = WeakKeyDictionary()
"""The server name that each connection asked for."""


@dataclass(frozen=True, slots=True)
class TlsStatus:
    """The certificate that is shown now. Times are Unix seconds."""

    certificate: Path
    fingerprint: str
    """SHA-256 of the certificate, hex."""
    not_before: float
    not_after: float
    problem: str = ""
    """Why the files as they are now are not in use; empty where they are."""

    def days_left(self, at: float) -> float:
        """Days until it expires; negative afterwards."""
        return (self.not_after - at) / _DAY_S


class TlsKeeper:
    """Holds the context for new connections, and replaces it when the files change."""

    def __init__(self, certificate: Path, key: Path, trust: Callable[[], Trust] | None = None) -> None:
        """Load the pair; with ``trust``, clients are asked for a certificate of somebody it trusts.

        Raises :class:`ConfigurationError` where the pair cannot be used.
        """
        self._certificate, self._key, self._trust = certificate, key, trust
        self._seen = self._stamp()
        try:
            self._current, self._status = self._load()
        except (OSError, ValueError) as error:
            raise ConfigurationError([Fault("server.tls_certificate", "serve", self._sentence(error))]) from None
        if stat.S_IMODE(key.stat().st_mode) & stat.S_IROTH:
            _LOG.warning("TLS key %s can be read by every user of this machine; chmod 600 closes it", key)
        self.context = _bare_context()
        """What a listener is given; it hands every handshake to the newest context."""
        if trust is not None:
            _ask_clients(self.context)
        self.context.sni_callback = self._choose
        _tell(self._status)

    @classmethod
    def of(cls, settings: ServerSettings, trust: Callable[[], Trust] | None = None) -> TlsKeeper | None:
        """The keeper of the files in the settings; ``None`` where there are none.

        Raises :class:`ConfigurationError`, also where only one of the two is given.
        """
        if settings.tls_certificate is None and settings.tls_key is None:
            return None
        if settings.tls_certificate is None:
            raise ConfigurationError([Fault("server.tls_certificate", "serve", "is missing; server.tls_key needs it")])
        if settings.tls_key is None:
            raise ConfigurationError([Fault("server.tls_key", "serve", "is missing; server.tls_certificate needs it")])
        return cls(settings.tls_certificate, settings.tls_key, trust)

    def status(self) -> TlsStatus:
        """The certificate in use, and what is wrong with newer files."""
        return self._status

    def refresh(self) -> bool:
        """Take the files' pair, and the trust, if they changed and fit together; whether they were taken."""
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        try:
            current, status = self._load()
        except (OSError, ValueError) as error:
            self._keep(self._sentence(error))
            self._seen = stamp
            return False
        if self._stamp() == stamp:  # else they are being written just now: the next look decides
            self._current, self._status, self._seen = current, status, stamp
            _tell(status)
            return True
        return False

    async def watch(self, every_s: float = WATCH_S) -> None:
        """Refresh until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            self.refresh()

    def _choose(self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
        connection.context = self._current
        if name and isinstance(connection, ssl.SSLObject):
            _NAMES[connection] = name

    def _load(self) -> tuple[ssl.SSLContext, TlsStatus]:
        context = _bare_context()
        context.load_cert_chain(self._certificate, self._key, password=_no_pass_phrase)
        if self._trust is not None:
            _trust_clients(context, self._trust())
        der = _first_certificate(self._certificate)
        not_before, not_after = validity_of(der)
        fingerprint = hashlib.sha256(der).hexdigest()
        return context, TlsStatus(self._certificate, fingerprint, not_before, not_after)

    def _keep(self, problem: str) -> None:
        self._status = replace(self._status, problem=problem)
        _LOG.error("the new TLS certificate is not used and the old one goes on until it expires: %s", problem)

    def _sentence(self, error: OSError | ValueError) -> str:
        """What is wrong with which of the two files; OpenSSL names none."""
        pair = f"certificate {self._certificate} or key {self._key}"
        if isinstance(error, ssl.SSLError):
            if error.reason == "KEY_VALUES_MISMATCH":
                return f"the key {self._key} does not belong to the certificate {self._certificate}"
            return f"{pair} cannot be read as PEM ({error.reason or 'something else stands in it'})"
        if isinstance(error, OSError):
            return f"{_unreadable(self._certificate, self._key) or pair} cannot be read: {error.strerror or error}"
        return str(error)

    def _stamp(self) -> tuple[object, ...]:
        """What changes when one of the two files, or the trust, is another one."""
        return identity_of(self._certificate), identity_of(self._key), self._trust and self._trust()


def tls_view(transport: asyncio.BaseTransport) -> dict[str, str] | None:
    """How a connection is encrypted; ``None`` where it is not."""
    connection = transport.get_extra_info("ssl_object")
    if not isinstance(connection, ssl.SSLObject):
        return None
    cipher = connection.cipher()
    return {
        "version": connection.version() or "",
        "cipher": cipher[0] if cipher else "",
        "protocol": connection.selected_alpn_protocol() or "",
        "name": _NAMES.get(connection, ""),
    }


def shown_chain(transport: asyncio.BaseTransport) -> tuple[bytes, ...]:
    """What the client showed in the handshake, in DER, its own certificate first; nothing where it showed none."""
    connection = transport.get_extra_info("ssl_object")
    own = connection.getpeercert(binary_form=True) if isinstance(connection, ssl.SSLObject) else None
    return (own, *_sent_along(connection)[1:]) if own else ()


def _sent_along(connection: ssl.SSLObject) -> list[bytes]:
    """The whole chain as it was sent; public only from Python 3.13 on, and before that what lies beneath."""
    whole = getattr(connection, "get_unverified_chain", None)
    if whole is not None:
        return list(whole())
    inner: Any = connection._sslobj  # type: ignore[attr-defined]  # noqa: SLF001
    return [each.public_bytes(_DER) for each in inner.get_unverified_chain() or ()]


def validity_of(der: bytes) -> tuple[float, float]:
    """From when until when a certificate holds, in Unix seconds (RFC 5280, section 4.1).

    Raises ``ValueError`` for bytes that are no certificate.
    """
    try:
        _, inside, _ = _element(der, 0)
        _, at, _ = _element(der, inside)
        if der[at] == 0xA0:  # the version, which stands there from version 2 on
            at = _element(der, at)[2]
        for _ in ("serial number", "signature algorithm", "issuer"):
            at = _element(der, at)[2]
        _, begin, _ = _element(der, at)
        _, _, second = _element(der, begin)
        return _moment(der, begin), _moment(der, second)
    except IndexError:
        raise ValueError("the certificate ends too early") from None


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Tag, first byte and end of the DER element at ``at`` (X.690, section 8.1)."""
    length, begin = der[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length, begin = int.from_bytes(der[begin : begin + count], "big"), begin + count
    return der[at], begin, begin + length


def _moment(der: bytes, at: int) -> float:
    """A UTCTime, whose years are of 1950 to 2049, or a GeneralizedTime (RFC 5280, section 4.1.2.5)."""
    tag, begin, end = _element(der, at)
    text = der[begin:end].decode("ascii")
    if tag == 0x17:
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _bare_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    return context


def _ask_clients(context: ssl.SSLContext) -> None:
    """Ask for a certificate, and check one that comes; whether there must be one is the gate's to say, in words.

    Every connection is checked anew: a session that was resumed would rest on what was trusted once. That is settled by
    the context of the listener, since what a handshake asks for is not exchanged with the context (SSL_set_SSL_CTX).
    """
    context.verify_mode = ssl.CERT_OPTIONAL
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0


def _trust_clients(context: ssl.SSLContext, trust: Trust) -> None:
    _ask_clients(context)
    context.load_verify_locations(cadata=b"".join(each.public_bytes(Encoding.DER) for each in trust.authorities))


def _first_certificate(path: Path) -> bytes:
    """The certificate of the server itself, which comes first in a chain, in DER."""
    end = "-----END CERTIFICATE-----"
    _, begin, rest = path.read_text("ascii", "replace").partition("-----BEGIN CERTIFICATE-----")
    body, found, _ = rest.partition(end)
    if not found:
        raise ValueError(f"{path} holds no certificate in PEM")
    return ssl.PEM_cert_to_DER_cert(begin + body + end)


def _no_pass_phrase() -> str:
    raise ValueError("the key is encrypted with a pass phrase; store it without one, readable by this user only")


def _unreadable(*files: Path) -> str:
    """The first file that this user cannot read; empty where there is none."""
    return next((str(file) for file in files if not os.access(file, os.R_OK)), "")


def _tell(status: TlsStatus) -> None:
    until = datetime.fromtimestamp(status.not_after, UTC).date().isoformat()
    left = status.days_left(time.time())
    if left < 0:
        _LOG.error("TLS certificate %s expired on %s: clients refuse it", status.certificate, until)
    elif left < _SOON_DAYS:
        _LOG.warning("TLS certificate %s expires on %s, in %d days", status.certificate, until, left)
    else:
        _LOG.info("TLS certificate %s is valid until %s", status.certificate, until)
