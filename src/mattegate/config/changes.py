"""What a new configuration changes beside a running server: at once, or at its next start."""

from __future__ import annotations

from typing import Final

from mattegate.config.schema import SETTINGS, value_of
from mattegate.config.settings import Settings

_SECTIONS_AT_ONCE: Final = frozenset(
    {"network", "hosts", "flood", "cors", "policies", "signatures", "require", "authorizer"}
)

AT_ONCE: Final = frozenset(
    {setting for setting in SETTINGS if setting.partition(".")[0] in _SECTIONS_AT_ONCE}
    | {
        "server.require_tls",
        "certificates.header",
        "keys.prefix_prod",
        "keys.prefix_test",
        "keys.environments",
        "keys.unknown_status",
        "keys.unsafe_anonymous",
        "keys.import_tier",
        "tiers",
        "tokens.scopes",
        "tokens.binding",
        "tokens.proof_nonce",
        "tokens.issuers",
        "api_keys",
    }
)
"""Settings that live in the rulebook or the keyring, which are replaced whole between two requests.

All others are held by what was built from them: sockets, worker processes, stores, schedules.
"""


def changed(old: Settings, new: Settings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The dotted names of what differs: those that take effect at once, and those that need a restart."""
    names = [setting for setting in SETTINGS if value_of(old, setting) != value_of(new, setting)]
    at_once = tuple(name for name in names if name in AT_ONCE)
    return at_once, tuple(name for name in names if name not in AT_ONCE)
