"""Where a request may go: names are resolved once, every address is checked, and only checked addresses are handed on.

A name whose answers differ from one look-up to the next gains nothing, because there is one look-up and the connection
is made to its answer. One forbidden address among several refuses them all. No packet goes to an address before it is
checked.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv6Address, ip_address
from typing import Final, Protocol

from mattegate.outbound.blocked import Blocked, Cause
from mattegate.outbound.guard_rules import OutboundRules
from mattegate.outbound.guard_url import Address, Target

_MOST_ADDRESSES: Final = 64
"""Of one name; more is no server's doing."""
_DISCARD_PORT: Final = 9
"""Any port would do: nothing is sent to it."""


class Resolver(Protocol):
    """Finds the addresses of a name."""

    async def __call__(self, host: str, /) -> Sequence[str]:
        """Addresses as text, the best first. Raises ``OSError`` where there is none."""


class SystemResolver:
    """As this machine resolves names, in threads of its own, so that a slow name server delays nothing else."""

    def __init__(self, *, at_once: int = 8) -> None:
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="resolve")

    async def __call__(self, host: str) -> Sequence[str]:
        """Ask ``getaddrinfo``; each address once."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host)


def _look_up(host: str) -> tuple[str, ...]:
    found = socket.getaddrinfo(host.encode("ascii"), None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(place[0]) for *_, place in found))


async def admitted(
    target: Target, rules: OutboundRules, resolve: Resolver, *, own: Callable[[Address], bool] | None = None
) -> tuple[Address, ...]:
    """The addresses of ``target`` to connect to, all of them checked; at least one. ``own``: see :func:`is_own`.

    Raises :class:`~mattegate.outbound.blocked.Blocked` with ``scheme``, ``port``, ``host``, ``resolve``, ``timeout``
    or ``address``.
    """
    rules.check_target(target)
    addresses = (target.address,) if target.address else await _resolved(target.host, rules.connect_s, resolve)
    for address in addresses:
        if kind := rules.refusal(target.host, address, own=(own or is_own)(address)):
            problem = f"{target.host} leads to {address} ({kind}), which may not be asked"
            raise Blocked(Cause.ADDRESS, problem, host=target.host, address=str(address), kind=kind.value)
    return addresses


async def _resolved(host: str, timeout_s: float, resolve: Resolver) -> tuple[Address, ...]:
    try:
        async with asyncio.timeout(timeout_s):
            addresses = tuple(map(ip_address, await resolve(host)))
    except TimeoutError:
        raise Blocked(Cause.TIMEOUT, f"no name server told where {host} is", host=host, stage="resolve") from None
    except (OSError, ValueError) as error:
        raise Blocked(Cause.RESOLVE, f"{host} has no address ({error})", host=host) from error
    if not 0 < len(addresses) <= _MOST_ADDRESSES:
        raise Blocked(Cause.RESOLVE, f"{host} has {len(addresses)} addresses", host=host)
    return addresses


def is_own(address: Address) -> bool:
    """Whether ``address`` is one of this machine's.

    Connecting a datagram socket sends nothing; it only asks which address the machine would speak from, and to itself
    it speaks from the address that is spoken to.
    """
    family = socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.connect((str(address), _DISCARD_PORT))
            return ip_address(asking.getsockname()[0]) == address
    except OSError:  # no way leads there, so it is not here either
        return False
