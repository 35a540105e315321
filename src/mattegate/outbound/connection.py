"""One connection to an address that was checked, with TLS where the scheme says so.

The name is never resolved here; it serves for the certificate alone. No proxy of the environment is asked.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv6Address
from typing import Final

from mattegate.outbound.blocked import Blocked, Cause
from mattegate.outbound.guard_url import Address, Target

_TRIED: Final = 4
"""Addresses of one name that are tried, one after the other, at most."""

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connected(
    target: Target, addresses: Sequence[Address], *, tls: ssl.SSLContext | None, timeout_s: float
) -> AsyncIterator[Stream]:
    """A connection for as long as the block lasts; cut, not wound up, at its end. Without ``tls`` it is plain.

    Raises :class:`~mattegate.outbound.blocked.Blocked` with ``connect``, ``tls`` or ``timeout``.
    """
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await _opened(target, addresses[:_TRIED], tls, timeout_s)
    except TimeoutError:
        raise Blocked(
            Cause.TIMEOUT, f"{target.authority} takes no connection in time", host=target.host, stage="connect"
        ) from None
    try:
        yield reader, writer
    finally:
        writer.transport.abort()  # a peer that does not answer to a polite end would keep the socket


async def _opened(target: Target, addresses: Sequence[Address], tls: ssl.SSLContext | None, timeout_s: float) -> Stream:
    plain = await _first(target, addresses, timeout_s / len(addresses))
    if tls is None:
        return await asyncio.open_connection(sock=plain)
    try:
        return await asyncio.open_connection(sock=plain, ssl=tls, server_hostname=target.host)
    except ssl.SSLError as error:
        why = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else error.reason
        raise Blocked(Cause.TLS, f"{target.authority}: {why}", host=target.host) from error
    except OSError as error:
        raise Blocked(
            Cause.CONNECT, f"{target.authority} broke off during TLS ({type(error).__name__})", host=target.host
        ) from error


async def _first(target: Target, addresses: Sequence[Address], share_s: float) -> socket.socket:
    """A socket connected to the first address that takes one."""
    cause, problem = Cause.CONNECT, ""
    for address in addresses:
        try:
            async with asyncio.timeout(share_s):
                return await _dialled(address, target.port)
        except TimeoutError:
            cause, problem = Cause.TIMEOUT, f"{address}: no connection in time"
        except OSError as error:
            cause, problem = Cause.CONNECT, f"{address}: {error.strerror}"
    raise Blocked(cause, f"{target.authority} cannot be reached ({problem})", host=target.host, stage="connect")


async def _dialled(address: Address, port: int) -> socket.socket:
    family = socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
    dialling = socket.socket(family, socket.SOCK_STREAM)
    try:
        dialling.setblocking(False)
        await asyncio.get_running_loop().sock_connect(dialling, (str(address), port))
    except BaseException:
        dialling.close()
        raise
    return dialling
