"""Under which address this server is reached, as far as that may be shown to whoever asks.

What ``Host`` says is the caller's word, and people paste what a page shows, with their keys in it. So it is shown only
where it is one of ours: a public URL, a name that is served, this machine. Otherwise it is the public URL, or else the
address that the connection came in on, which no caller chooses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mattegate.config.origins import OriginSpellingError, normal_origin
from mattegate.gate.address import host_of, proto_of
from mattegate.gate.hosts import plain_host
from mattegate.gate.networks import is_loopback, parse_address

if TYPE_CHECKING:
    from mattegate.gate.rules import Rules
    from mattegate.vocabulary.attempt import Attempt


def reached_at(scope: Mapping[str, Any], attempt: Attempt, rules: Rules) -> str:
    """The origin, as browsers spell it: ``https://api.example.com``, without the prefix of the paths."""
    scheme, host = proto_of(attempt, rules), host_of(attempt, rules)
    public_urls = rules.rulebook.cors.public_urls
    listening = _listening(scope)
    try:
        asked = normal_origin(f"{scheme}://{host}", patterns=False)
    except OriginSpellingError:
        asked = ""
    for url in public_urls:
        if asked and _authority(url) == _authority(asked):
            return url  # whose scheme is known, also behind a proxy that does not tell it
    if asked and _is_ours(plain_host(host), listening, rules):
        return asked
    return next(iter(public_urls), "") or normal_origin(f"{scheme}://{listening}")


def _is_ours(name: str, listening: str, rules: Rules) -> bool:
    """Whether a plain host is a name that is served, or, where bare addresses are, this machine's own."""
    if rules.names.hold(name) or rules.private_names.hold(name):
        return True
    mine = name == "localhost" or name == plain_host(listening) or (bool(name) and is_loopback(name))
    return mine and rules.rulebook.host.default_endpoint


def _listening(scope: Mapping[str, Any]) -> str:
    """Host and port that the connection came in on; over a Unix socket, as good as any: this machine."""
    host, port = scope.get("server") or ("localhost", None)
    if port is None:
        return "localhost"
    address = parse_address(host)
    name = address.text if address else host
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def _authority(origin: str) -> str:
    return origin.partition("://")[2]
