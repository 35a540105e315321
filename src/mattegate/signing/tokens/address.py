"""Comparing addresses as proofs of possession do (RFC 9449, section 4.3, step 9; RFC 3986, sections 6.2.2 and 6.2.3).

Query and fragment do not count. An address that two readers could take apart differently has no normal form.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

_ADDRESS: Final = re.compile(
    r"(https?)://([A-Za-z0-9.~_-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(/[^?#]*)?(?:[?#].*)?", re.IGNORECASE
)
_PRINTABLE: Final = re.compile(r"[!-~]{1,4096}")
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9._~-]")
_PORTS: Final = MappingProxyType({"http": 80, "https": 443})


def normal_address(address: str) -> str | None:
    """Scheme, authority and path in one spelling; ``None`` for what is no plain ``http`` or ``https`` address.

    Names of users in front of the host, blanks, and characters beyond ASCII have no place in it.
    """
    found = _ADDRESS.fullmatch(address) if _PRINTABLE.fullmatch(address) else None
    if found is None or _BAD_ESCAPE.search(address):
        return None
    scheme, host, path = found[1].lower(), found[2].lower(), found[4] or "/"
    port = int(found[3] or _PORTS[scheme])
    shown_port = "" if port == _PORTS[scheme] else f":{port}"
    return f"{scheme}://{host}{shown_port}{_without_dots(_ESCAPE.sub(_escape, path))}"


def _escape(found: re.Match[str]) -> str:
    letter = chr(int(found[1], 16))
    return letter if _UNRESERVED.fullmatch(letter) else found[0].upper()


def _without_dots(path: str) -> str:
    """RFC 3986, section 5.2.4."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)
