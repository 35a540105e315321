"""Certificate authorities of the tests: real certificates and real revocation lists, made in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER = ExtendedKeyUsageOID.SERVER_AUTH
ANY_DEPTH = x509.BasicConstraints(ca=True, path_length=None)


@dataclass(frozen=True)
class Issued:
    """A certificate with its private key, and the certificates that lead to its authority."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def der(self) -> bytes:
        """The certificate's bytes."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def chain_der(self) -> tuple[bytes, ...]:
        """Those of what leads to the authority."""
        return tuple(each.public_bytes(Encoding.DER) for each in self.chain)

    @property
    def pem(self) -> bytes:
        """The certificate and what leads to the authority, in PEM."""
        return b"".join(each.public_bytes(Encoding.PEM) for each in (self.certificate, *self.chain))

    @property
    def fingerprint(self) -> str:
        """SHA-256 in hex."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """The files of certificate and key."""
        certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
        certificate.write_bytes(self.pem)
        key.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        key.chmod(0o600)
        return certificate, key


@dataclass
class Authority:
    """Issues certificates and revokes them."""

    name: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    issuer: Authority | None = None
    more: tuple[tuple[x509.ExtensionType, bool], ...] = ()
    constraints: x509.BasicConstraints = ANY_DEPTH

    def __post_init__(self) -> None:
        signer = self.issuer or self
        extensions = ((self.constraints, True), *self.more)
        self.certificate = _signed(signer, _name(self.name), self.key, extensions, days=(-40.0, 40.0))

    @property
    def pem(self) -> bytes:
        """Its own certificate."""
        return self.certificate.public_bytes(Encoding.PEM)

    def issue(
        self,
        name: str,
        *,
        alternative: Iterable[x509.GeneralName] = (),
        usage: Iterable[x509.ObjectIdentifier] = (CLIENT,),
        days: tuple[float, float] = (-1.0, 10.0),
        more: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    ) -> Issued:
        """A certificate that is valid from and until so many days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        extensions: list[tuple[x509.ExtensionType, bool]] = list(more)
        if listed := list(alternative):
            extensions.append((x509.SubjectAlternativeName(listed), False))
        if purposes := list(usage):
            extensions.append((x509.ExtendedKeyUsage(purposes), False))
        certificate = _signed(self, _name(name), key, extensions, days)
        return Issued(certificate, key, self._above())

    def server(self) -> Issued:
        """A certificate for localhost."""
        names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
        return self.issue("localhost", alternative=names, usage=(SERVER,))

    def revocations(
        self,
        *revoked: Issued,
        days: tuple[float, float] = (-1.0, 5.0),
        more: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    ) -> bytes:
        """Its revocation list, in PEM."""
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
        builder = builder.last_update(now + timedelta(days[0])).next_update(now + timedelta(days[1]))
        for each in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(each.certificate.serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(now - timedelta(1)).build())
        for extension, critical in more:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def _above(self) -> tuple[x509.Certificate, ...]:
        return (self.certificate, *self.issuer._above()) if self.issuer else ()


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


def _signed(
    signer: Authority,
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    extensions: Iterable[tuple[x509.ExtensionType, bool]],
    days: tuple[float, float],
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(_name(signer.name))
    builder = builder.not_valid_before(now + timedelta(days[0])).not_valid_after(now + timedelta(days[1]))
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(signer.key, hashes.SHA256())
