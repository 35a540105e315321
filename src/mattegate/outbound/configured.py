"""From settings to the rules of each purpose: what an operator allows himself is not what he allows strangers.

Addresses that stand in the settings (webhooks, authorizers, key sets) may lead into ``outbound.allow_networks`` under
any name. An address that a caller names may not, because whoever owns a name can point it anywhere: it is led inside
only by a name that the operator has put on both lists, ``outbound.allow_hosts`` and ``upload.url_hosts``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mattegate.config.networks import read_network
from mattegate.outbound.guard_rules import WEB_PORTS, OutboundRules

if TYPE_CHECKING:
    from mattegate.config.settings import OutboundSettings, UploadSettings


def rules_of(outbound: OutboundSettings) -> OutboundRules:
    """For addresses that the operator set."""
    return OutboundRules(
        allow_networks=tuple(map(read_network, outbound.allow_networks)),
        allow_hosts=host_names(outbound.allow_hosts),
        ports=frozenset(outbound.ports) or WEB_PORTS,
        connect_s=outbound.connect_s,
        stall_s=outbound.stall_s,
        total_s=outbound.total_s,
    )


def image_rules(outbound: OutboundSettings, upload: UploadSettings) -> OutboundRules:
    """For addresses of images that callers name."""
    rules = OutboundRules(
        allow_hosts=host_names(outbound.allow_hosts) if upload.url_hosts else (),
        ports=frozenset(outbound.ports) or WEB_PORTS,
        max_bytes=upload.max_bytes,
        connect_s=outbound.connect_s,
        stall_s=min(outbound.stall_s, upload.stall_s),
        total_s=min(outbound.total_s, upload.total_s),
    )
    return rules.only(host_names(upload.url_hosts)) if upload.url_hosts else rules


def host_names(texts: Iterable[str]) -> tuple[str, ...]:
    """Names and patterns in the one spelling that targets have: small letters, no last dot, no brackets."""
    return tuple(text.lower().removesuffix(".").strip("[]") for text in texts)
