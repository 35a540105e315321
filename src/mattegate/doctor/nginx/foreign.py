"""Directives of modules that the model does not know, and what they may do to a request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.scope import Scope

_DECIDES: Final = re.compile(
    r"^(?:(?:server_rewrite|rewrite|access|content|set|ssl_certificate|precontent)_by_lua\w*|js_content|js_set|perl|"
    r"perl_set|auth_jwt\w*|auth_digest\w*|auth_pam\w*|auth_ldap\w*|auth_oidc\w*|auth_gssapi?\w*|access_by_\w+|testcookie\w*)$"
)
"""May refuse or answer whatever it likes."""

_NOTES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "modsecurity": "ModSecurity is on here: its rules may refuse what nginx itself lets pass",
        "SecRulesEnabled": "NAXSI is on here: its rules may refuse what nginx itself lets pass",
        "waf": "a WAF module is on here: its rules may refuse what nginx itself lets pass",
        "app_protect_enable": "App Protect is on here: its policy may refuse what nginx itself lets pass",
    }
)


def deciding(scope: Scope) -> Iterator[Directive]:
    """The lines that hold here and may decide by themselves."""
    for level in scope.upwards():
        for line in level.directive.children:
            if _DECIDES.match(line.name) and not (line.args and line.args[0] == "off"):
                yield line


def notes(scope: Scope) -> Iterator[tuple[str, Directive]]:
    """What else may refuse here, and by which line."""
    for name, says in _NOTES.items():
        lines = scope.inherited(name)
        if lines and lines[-1].args[:1] != ("off",):
            yield says, lines[-1]
