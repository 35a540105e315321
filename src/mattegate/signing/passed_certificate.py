"""A client's certificate as a proxy passes it on, in either of two spellings.

``client-cert`` is RFC 9440: ``Client-Cert`` is one byte sequence, the certificate in DER (section 2.2), and
``Client-Cert-Chain`` a list of them without the certificate itself (section 2.3). ``x-ssl-client-cert`` is what nginx
can make without any module: ``$ssl_client_escaped_cert``, PEM with percent-encoding; it has no room for a chain. Whose
headers are believed is not this module's business, nor what the certificate is worth.
"""

from __future__ import annotations

import binascii
import ssl
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote_to_bytes

import http_sf

FIELDS: Final[Mapping[str, tuple[bytes, ...]]] = MappingProxyType(
    {"client-cert": (b"client-cert", b"client-cert-chain"), "x-ssl-client-cert": (b"x-ssl-client-cert",)}
)
"""The header fields of each spelling, the certificate's own first."""

MOST_BYTES: Final = 16_384
"""Of one field."""
MOST_CHAIN: Final = 8

Headers = Iterable[tuple[bytes, bytes]]


def passed_certificate(headers: Headers, spelling: str) -> tuple[bytes, ...]:
    """The certificate and what leads to its issuer, in DER; nothing where the field does not stand there or is empty.

    Raises ``ValueError`` with what is wrong.
    """
    own, *others = FIELDS[spelling]
    lines = [value for name, value in headers if name == own]
    if not lines or lines == [b""]:
        return ()
    if len(lines) > 1:
        raise ValueError(f"{own.decode()} stands there {len(lines)} times")
    _check_length(lines[0], own)
    if spelling == "x-ssl-client-cert":
        return (_escaped(lines[0]),)
    chain = [value for name, value in headers if name in others]
    return (_binary(lines[0]), *_list(b", ".join(chain)))


def _check_length(value: bytes, name: bytes) -> None:
    if len(value) > MOST_BYTES:
        raise ValueError(f"{name.decode()} is longer than {MOST_BYTES} bytes")


def _binary(value: bytes) -> bytes:
    try:
        item = http_sf.parse(value, tltype="item")
    except http_sf.StructuredFieldError:
        raise ValueError("client-cert is no byte sequence, which is base64 between colons (RFC 9440, 2.2)") from None
    return _bytes(item, "client-cert")


def _list(value: bytes) -> tuple[bytes, ...]:
    if not value:
        return ()
    _check_length(value, b"client-cert-chain")
    try:
        members = http_sf.parse(value, tltype="list")
    except http_sf.StructuredFieldError:
        raise ValueError("client-cert-chain is no list of byte sequences (RFC 9440, 2.3)") from None
    if not isinstance(members, list) or len(members) > MOST_CHAIN:
        raise ValueError(f"client-cert-chain has more than {MOST_CHAIN} members")
    return tuple(_bytes(member, "client-cert-chain") for member in members)


def _bytes(item: object, name: str) -> bytes:
    value = item[0] if isinstance(item, tuple) else item
    if not isinstance(value, bytes) or not value:
        raise ValueError(f"{name} holds something else than a byte sequence")
    return value


def _escaped(value: bytes) -> bytes:
    text = unquote_to_bytes(value).decode("ascii", "replace").strip()
    try:
        return ssl.PEM_cert_to_DER_cert(text)
    except (ValueError, binascii.Error):
        raise ValueError("x-ssl-client-cert is no certificate in PEM with percent-encoding") from None
