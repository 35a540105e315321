"""The settings of every part, as frozen values with their defaults; this file is the index of all of them.

Rules of this file and of its parts: standard library only, because worker processes import it; no setting is read
anywhere else; units stand in the name; settings that are rules already, as they stand, are the rulebook's own values.
How files, environment and flags become these values is :mod:`mattegate.config.load`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from mattegate.config.settings_of_access import (
    AuthorizerSettings,
    KeySettings,
    PolicySettings,
    RequireSettings,
    TokenSettings,
)
from mattegate.config.settings_of_images import (
    MB,
    CutoutSettings,
    EngineSettings,
    ModelSettings,
    UploadSettings,
)
from mattegate.config.settings_of_listening import (
    AdminSettings,
    AuthzSettings,
    CertificateSettings,
    CorsSettings,
    HostSettings,
    NetworkSettings,
    ServerSettings,
)
from mattegate.config.settings_of_upkeep import (
    ENTERPRISE,
    FREE,
    VIP,
    LimitSettings,
    LogSettings,
    NoticeSettings,
    OutboundSettings,
    RecordSettings,
)
from mattegate.vocabulary.rulebook import FloodRules, SignatureRules, Tier

__all__ = [
    "ENTERPRISE",
    "FREE",
    "MB",
    "VIP",
    "AdminSettings",
    "AuthorizerSettings",
    "AuthzSettings",
    "CertificateSettings",
    "CorsSettings",
    "CutoutSettings",
    "EngineSettings",
    "HostSettings",
    "KeySettings",
    "LimitSettings",
    "LogSettings",
    "ModelSettings",
    "NetworkSettings",
    "NoticeSettings",
    "OutboundSettings",
    "PolicySettings",
    "RecordSettings",
    "RequireSettings",
    "ServerSettings",
    "Settings",
    "TokenSettings",
    "UploadSettings",
    "default_home",
]


def default_home() -> Path:
    """``MATTEGATE_HOME``, or the user's data folder by the XDG rules."""
    if home := os.environ.get("MATTEGATE_HOME"):
        return Path(home).expanduser()
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "mattegate"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set."""

    home: Path = field(default_factory=default_home)
    """The folder that everything an installation writes lies under."""
    models: ModelSettings = field(default_factory=ModelSettings)
    upload: UploadSettings = field(default_factory=UploadSettings)
    cutout: CutoutSettings = field(default_factory=CutoutSettings)
    engine: EngineSettings = field(default_factory=EngineSettings)
    server: ServerSettings = field(default_factory=ServerSettings)
    certificates: CertificateSettings = field(default_factory=CertificateSettings)
    authz: AuthzSettings = field(default_factory=AuthzSettings)
    admin: AdminSettings = field(default_factory=AdminSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    hosts: HostSettings = field(default_factory=HostSettings)
    flood: FloodRules = field(default_factory=FloodRules)
    cors: CorsSettings = field(default_factory=CorsSettings)
    policies: PolicySettings = field(default_factory=PolicySettings)
    keys: KeySettings = field(default_factory=KeySettings)
    signatures: SignatureRules = field(default_factory=SignatureRules)
    tokens: TokenSettings = field(default_factory=TokenSettings)
    require: RequireSettings = field(default_factory=RequireSettings)
    authorizer: AuthorizerSettings = field(default_factory=AuthorizerSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    records: RecordSettings = field(default_factory=RecordSettings)
    notices: NoticeSettings = field(default_factory=NoticeSettings)
    outbound: OutboundSettings = field(default_factory=OutboundSettings)
    log: LogSettings = field(default_factory=LogSettings)
    tiers: tuple[Tier, ...] = (FREE, ENTERPRISE, VIP)
    """The tiers; one given under [tiers.NAME] replaces or joins these."""
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    """Plain keys from elsewhere, hashed when they are loaded; `mattegate keys import` keeps them out of the file."""

    @property
    def models_dir(self) -> Path:
        """Where verified weights and their licence acknowledgements lie."""
        return self.home / "models"

    @property
    def ledger_dir(self) -> Path:
        """Where the databases and the spool of records lie."""
        return self.home / "ledger"

    @property
    def policies_dir(self) -> Path | None:
        """Where the policies lie; ``None`` where there are none."""
        return None if self.policies.folder is None else self.home / self.policies.folder

    @property
    def secrets_dir(self) -> Path:
        """Where the peppers lie, readable by the owner alone."""
        return self.home / "secrets"
