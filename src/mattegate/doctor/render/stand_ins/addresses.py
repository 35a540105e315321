"""IP addresses: which tell somebody apart, and what stands in for them."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from mattegate.doctor.render.stand_ins.book import Book

Address = IPv4Address | IPv6Address

_V4: Final = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?:/\d{1,2})?(?!\w|\.\d)")
_V6: Final = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{2,39}(?:(?:\d{1,3}\.){3}\d{1,3})?(?:/\d{1,3})?(?![\w:]|\.\d)")
_NOBODY: Final = tuple(
    map(
        ip_network,
        ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "127.0.0.0/8", "0.0.0.0/8", "::1/128",
         "::/128", "169.254.169.254/32", "255.255.255.255/32"),
    )
)  # fmt: skip
_NETWORKS: Final = frozenset(
    {"0.0.0.0/0", "::/0", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16",
     "100.64.0.0/10", "fc00::/7", "fd00::/8", "fe80::/10"}
)  # fmt: skip
"""Everybody's: as networks they tell nobody apart."""
_BLOCKS: Final = ("192.0.2", "198.51.100", "203.0.113")


def hide_addresses(text: str, book: Book) -> str:
    """``text`` with stand-ins for IPv6 and IPv4 addresses; the length of a network stays."""
    if ":" in text:
        text = _V6.sub(lambda found: _shown(found[0], book), text)
    return _V4.sub(lambda found: _shown(found[0], book), text)


def _shown(text: str, book: Book) -> str:
    bare, slash, length = text.partition("/")
    try:
        address = ip_address(bare)
    except ValueError:
        return text
    if text.lower() in _NETWORKS or any(address in network for network in _NOBODY):
        return text
    return _stand_in_for(address, book) + slash + length


def _stand_in_for(address: Address, book: Book) -> str:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    if mapped is not None:
        return f"::ffff:{_shown(str(mapped), book)}"
    about = f"a {_reach(address)} IPv{address.version} address"
    return book.stand_in(f"v{address.version}", str(address), about, _v4 if address.version == 4 else _v6)


def _reach(address: Address) -> str:
    """As far as a diagnosis may turn on it."""
    if address.is_link_local:
        return "link-local"
    return "private" if address.is_private else "public"


def _v4(number: int) -> str:
    block, last = divmod(number - 1, 254)
    return f"{_BLOCKS[block]}.{last + 1}" if block < len(_BLOCKS) else f"address-{number}.example"


def _v6(number: int) -> str:
    return f"2001:db8::{number:x}"
