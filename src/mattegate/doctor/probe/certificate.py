"""Three facts of an X.509 certificate: from when, until when, and for which names.

The standard library tells them only of certificates that it trusts; the interesting ones are those that it does not.
This walks DER far enough for that and no further (RFC 5280 §4.1, X.690 §8).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Final

_SEQUENCE: Final = 0x30
_OID: Final = 0x06
_OCTETS: Final = 0x04
_UTC_TIME: Final = 0x17
_GENERAL_TIME: Final = 0x18
_VERSION: Final = 0xA0
_EXTENSIONS: Final = 0xA3
_SUBJECT_ALT_NAME: Final = bytes.fromhex("551d11")
_COMMON_NAME: Final = bytes.fromhex("550403")
_DNS_NAME: Final = 0x82
_IP_ADDRESS: Final = 0x87


class BadCertificate(ValueError):  # noqa: N818 - what a server sent
    """These bytes are not a certificate that can be read here."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server's own certificate says."""

    not_before: datetime
    not_after: datetime
    names: tuple[str, ...]
    """The subject's alternative names; the common name where there are none."""

    @property
    def validity(self) -> str:
        """``2026-01-01 to 2026-04-01``."""
        return f"{self.not_before:%Y-%m-%d %H:%M} to {self.not_after:%Y-%m-%d %H:%M} UTC"


_Item = tuple[int, bytes]


def parse_certificate(der: bytes) -> Certificate:
    """Read one. Raises :class:`BadCertificate`."""
    try:
        return _parse(der)
    except (ValueError, IndexError, StopIteration) as error:
        raise BadCertificate("the server's certificate cannot be read") from error


def _parse(der: bytes) -> Certificate:
    _, certificate = next(_items(der))
    _, to_be_signed = next(_items(certificate))
    members = [item for item in _items(to_be_signed) if item[0] != _VERSION]
    _, _, _, validity, subject = members[:5]
    start, end = (_time(item) for item in list(_items(validity[1]))[:2])
    names = tuple(name for item in members if item[0] == _EXTENSIONS for name in _alternative_names(item[1]))
    return Certificate(start, end, names or tuple(_common_names(subject[1])))


def _items(data: bytes) -> Iterator[_Item]:
    at = 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            width = length & 0x7F
            if not 1 <= width <= 4:
                raise BadCertificate("a length that DER does not allow")
            length, at = int.from_bytes(data[at : at + width]), at + width
        if at + length > len(data):
            raise BadCertificate("cut short")
        yield tag, data[at : at + length]
        at += length


def _time(item: _Item) -> datetime:
    tag, text = item[0], item[1].decode("ascii")
    if tag == _UTC_TIME:
        century = "19" if int(text[:2]) >= 50 else "20"  # RFC 5280 §4.1.2.5.1
        text = century + text
    elif tag != _GENERAL_TIME:
        raise BadCertificate("a time that is none")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _alternative_names(extensions: bytes) -> Iterator[str]:
    _, listed = next(_items(extensions))
    for _, extension in _items(listed):
        parts = list(_items(extension))
        if parts[0] != (_OID, _SUBJECT_ALT_NAME) or parts[-1][0] != _OCTETS:
            continue
        _, names = next(_items(parts[-1][1]))
        for tag, value in _items(names):
            if tag == _DNS_NAME:
                yield value.decode("latin-1")
            elif tag == _IP_ADDRESS and len(value) in (4, 16):
                yield str(ip_address(value))


def _common_names(subject: bytes) -> Iterator[str]:
    for _, relative in _items(subject):
        for tag, pair in _items(relative):
            parts = list(_items(pair))
            if tag == _SEQUENCE and parts[0] == (_OID, _COMMON_NAME):
                yield parts[1][1].decode("utf-8", "replace")
