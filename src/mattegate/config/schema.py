"""What can be set: every setting by its dotted name, with its type, its spelling in each source, and an example."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from mattegate.config.settings import Settings

ENVIRONMENT_PREFIX: Final = "MATTEGATE_"

OTHER_VARIABLES: Final = frozenset({"MATTEGATE_TEST_CACHE", "MATTEGATE_ADMIN_TOKEN"}) | {
    f"MATTEGATE_{name}{ending}" for name in ("PEPPER", "KEK", "TOKEN_SEED") for ending in ("", "_FILE")
}
"""Environment variables with our prefix that are no settings; ``MATTEGATE_HOME`` is the setting ``home``."""

TIERS: Final = "tiers"
ISSUERS: Final = "tokens.issuers"
TABLES: Final = (TIERS, ISSUERS)
"""The settings that are spelled as tables, one a tier, one an issuer."""


def _walk(kind: type, path: str) -> Iterator[tuple[str, Any]]:
    hints = get_type_hints(kind)
    for field in fields(kind):
        hint = hints[field.name]
        if is_dataclass(hint) and isinstance(hint, type):
            yield from _walk(hint, f"{path}{field.name}.")
        else:
            yield f"{path}{field.name}", hint


SETTINGS: Final[Mapping[str, Any]] = MappingProxyType(dict(_walk(Settings, "")))
"""The type of every setting by its dotted name."""

SECTIONS: Final = frozenset(name.partition(".")[0] for name in SETTINGS if "." in name)

VARIABLES: Final[Mapping[str, str]] = MappingProxyType(
    {ENVIRONMENT_PREFIX + name.replace(".", "_").upper(): name for name in SETTINGS if name not in TABLES}
)
"""The setting that each environment variable is for."""

_EXAMPLES: Final[Mapping[str, object]] = MappingProxyType(
    {
        "models.offered": ("u2netp", "isnet-general-use"),
        "models.base_url": "https://mirror.example.com/models",
        "server.prefix": "/api",
        "server.tls_certificate": "/etc/mattegate/tls/chain.pem",
        "server.tls_key": "/etc/mattegate/tls/key.pem",
        "authz.paths": ("/api",),
        "certificates.trust_store": "/etc/mattegate/tls/clients-ca.pem",
        "certificates.revocation_lists": ("/etc/mattegate/tls/clients-crl.pem",),
        "certificates.header": "client-cert",
        "network.trusted_proxies": ("127.0.0.1", "10.0.0.0/8"),
        "network.allow": ("203.0.113.0/24", "2001:db8::/32"),
        "network.deny": ("203.0.113.7",),
        "network.shadow_allow": ("203.0.113.0/24",),
        "network.shadow_deny": ("203.0.113.7",),
        "hosts.names": ("api.example.com", "*.example.com"),
        "hosts.private_names": ("internal.example.com",),
        "cors.allowed_origins": ("https://app.example.com", "http://localhost:*"),
        "cors.public_urls": ("https://api.example.com",),
        "policies.folder": "policies",
        "keys.unsafe_anonymous": "free",
        "signatures.tag": "mattegate",
        "require.cutout": ("key", "signature"),
        "require.whoami": ("key",),
        "require.decision": ("key",),
        "require.usage": ("key", "certificate"),
        "require.keys": ("key", "signature"),
        "require.browser_tokens": ("key", "certificate"),
        "require.app": ("signature",),
        "require.authz": ("key",),
        "upload.url_hosts": ("images.example.com", "*.cdn.example.com"),
        "authorizer.callable": "authorizer:decide",
        "authorizer.url": "http://127.0.0.1:9000/authorize",
        "authorizer.except_routes": ("whoami", "usage"),
        "outbound.allow_networks": ("10.20.0.0/16",),
        "outbound.allow_hosts": ("hooks.internal.example.com",),
        "tokens.issuer": "https://api.example.com",
        "tokens.scopes": ("cutout",),
        "tokens.binding": "dpop",
        "limits.redis_url": "redis://127.0.0.1:6379/0",
        "notices.webhook_url": "https://hooks.example.com/mattegate",
        "notices.mail_to": ("operator@example.com",),
        "notices.smtp_host": "mail.example.com",
        "log.file": "/var/log/mattegate/access.log",
        "api_keys": ("ACME-20-random-characters",),
    }
)


def table_of(setting: str) -> str:
    """Which of :data:`TABLES` the table ``setting`` (``tiers.NAME``) belongs to; empty: to none."""
    return next((table for table in TABLES if setting.startswith(f"{table}.")), "")


def default_of(setting: str) -> object:
    """The value of a setting that nobody sets."""
    return value_of(Settings(), setting)


def value_of(settings: Settings, setting: str) -> object:
    """The value of the setting with a dotted name."""
    value: object = settings
    for name in setting.split("."):
        value = getattr(value, name)
    return value


def example_of(setting: str) -> object:
    """A right value: the default where that shows what is meant."""
    return _EXAMPLES.get(setting, "/srv/mattegate" if setting == "home" else default_of(setting))


def spelled(setting: str, value: object, syntax: str) -> str:
    """How ``value`` is written for a setting in ``toml``, ``yaml``, ``environment`` or as a ``flag``."""
    section, _, name = setting.rpartition(".")
    match syntax:
        case "toml":
            return f"{name} = {literal(value)}" + (f" under [{section}]" if section else "")
        case "yaml":
            return f"{name}: {literal(value)}" + (f" under {section}:" if section else "")
        case "environment":
            return f"{variable_of(setting)}={_bare(value)}"
    return f"{flag_of(setting)} {_bare(value)}"


def literal(value: object) -> str:
    """``value`` as TOML writes it; YAML reads it alike."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {literal(item)}" for key, item in value.items()) + " }"
    if isinstance(value, int | float):
        return str(value)
    text = value.value if isinstance(value, Enum) else value
    return json.dumps("" if text is None else str(text), ensure_ascii=False).replace("\x7f", "\\u007f")


def _bare(value: object) -> str:
    match value:
        case tuple():
            return '"' + ",".join(map(_bare, value)) + '"'
        case bool():
            return str(value).lower()
    return "" if value is None else str(value)


def variable_of(setting: str) -> str:
    """The environment variable of a setting."""
    return ENVIRONMENT_PREFIX + setting.replace(".", "_").upper()


def flag_of(setting: str) -> str:
    """The flag of a setting: ``--port`` for ``server.port``, ``--admin-port`` for ``admin.port``."""
    return "--" + setting.removeprefix("server.").replace(".", "-").replace("_", "-")


def alike(name: str) -> str | None:
    """The setting that was probably meant by ``name``."""
    close = get_close_matches(name, SETTINGS, n=1, cutoff=0.75)
    last = name.rpartition(".")[2]
    namesakes = [setting for setting in SETTINGS if setting.rpartition(".")[2] == last]
    loose = get_close_matches(name, SETTINGS, n=1)
    near = get_close_matches(last, [setting.rpartition(".")[2] for setting in SETTINGS], n=1, cutoff=0.75)
    cousins = [setting for setting in SETTINGS if setting.rpartition(".")[2] in near]
    return next(iter([*close, *namesakes, *loose, *cousins]), None)


def alike_variable(name: str) -> str | None:
    """The environment variable that was probably meant by ``name``."""
    setting = alike(name.removeprefix(ENVIRONMENT_PREFIX).lower().replace("_", ".", 1))
    close = get_close_matches(name, VARIABLES, n=1, cutoff=0.85)
    last = "_" + name.removeprefix(ENVIRONMENT_PREFIX)
    namesakes = [variable for variable in VARIABLES if variable.endswith(last)]
    meant = [variable_of(setting)] if setting and setting not in TABLES else []
    return next(iter([*close, *namesakes, *meant]), None)


def is_list(setting: str) -> bool:
    """Whether a setting holds any number of values."""
    return get_origin(SETTINGS[setting]) is tuple


class UnfitError(ValueError):
    """A value cannot be one of its setting; each problem comes with the index of the element that is to blame."""

    def __init__(self, *problems: tuple[str, int | None]) -> None:
        self.problems = problems
        super().__init__("; ".join(problem for problem, _ in problems))


def coerce(setting: str, value: object) -> object:
    """``value`` in the type of its setting; texts are read as numbers, truth values and paths where those are due.

    Raises :class:`UnfitError`; what is said quotes nothing of the value.
    """
    kind = SETTINGS[setting]
    if value == "" and type(None) in get_args(kind):
        return None
    if isinstance(value, bool) and kind in {int, float}:
        raise UnfitError(("a number is wanted here, not true or false", None))
    try:
        result: object = TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        raise UnfitError(*_problems(error)) from None
    return result.expanduser() if isinstance(result, Path) else result


_WANTED: Final = {
    "int": "it must be a whole number",
    "float": "it must be a number",
    "bool": "it must be true or false",
    "string": "it must be text, in quotes",
    "path": "it must be a path, in quotes",
    "none": "it must be a path, in quotes",
}


def _problems(error: ValidationError) -> Iterator[tuple[str, int | None]]:
    """One problem for the whole value, or for each element that has one; a union objects once a member."""
    said: dict[int | None, str] = {}
    for detail in error.errors(include_url=False, include_input=False):
        at = next((part for part in detail["loc"] if isinstance(part, int)), None)
        message = _WANTED.get(detail["type"].partition("_")[0], detail["msg"])
        said.setdefault(at, message.replace("Input should be", "it must be"))
    return ((problem, at) for at, problem in said.items())


def build(values: Mapping[str, object]) -> Settings:
    """The settings with ``values`` in place of the defaults; every value has its setting's type."""
    settings: Settings = _build(Settings, values, "")
    return settings


def _build(kind: type[Any], values: Mapping[str, object], path: str) -> Any:
    hints = get_type_hints(kind)
    given: dict[str, object] = {}
    for field in fields(kind):
        hint, setting = hints[field.name], f"{path}{field.name}"
        if is_dataclass(hint) and isinstance(hint, type):
            given[field.name] = _build(hint, values, f"{setting}.")
        elif setting in values:
            given[field.name] = values[setting]
    return kind(**given)
