"""How Chromium words what it blocks, as data: for judging an exchange and for reading a console alike.

Nothing else belongs here. Sentences and names are those of Chromium 156; older ones may go on with a hint at no-cors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

BLOCKED: Final = "has been blocked by CORS policy: "
IN_PREFLIGHT: Final = "Response to preflight request doesn't pass access control check: "
_RESEND: Final = " Have the server send the header with a valid value."
_XHR: Final = (
    " The credentials mode of requests initiated by the XMLHttpRequest is controlled by the withCredentials attribute."
)
_ALLOW_ORIGIN: Final = "The 'Access-Control-Allow-Origin' header "

_CHECKS: Final[Mapping[str, str]] = {
    "MissingAllowOriginHeader": "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
    "MultipleAllowOriginValues": _ALLOW_ORIGIN + "contains multiple values '{hint}', but only one is allowed.",
    "InvalidAllowOriginValue": _ALLOW_ORIGIN + "contains the invalid value '{hint}'.",
    "AllowOriginMismatch": _ALLOW_ORIGIN + "has a value '{hint}' that is not equal to the supplied origin.",
    "WildcardOriginNotAllowed": "The value of the 'Access-Control-Allow-Origin' header in the response must not be the "
    "wildcard '*' when the request's credentials mode is 'include'.",
    "InvalidAllowCredentials": "The value of the 'Access-Control-Allow-Credentials' header in the response is '{hint}' "
    "which must be 'true' when the request's credentials mode is 'include'.",
}

CHROMIUM: Final[Mapping[str, str]] = MappingProxyType(
    {
        **_CHECKS,
        **{f"Preflight{name}": IN_PREFLIGHT + sentence for name, sentence in _CHECKS.items()},
        "PreflightInvalidStatus": IN_PREFLIGHT + "It does not have HTTP ok status.",
        "PreflightDisallowedRedirect": IN_PREFLIGHT + "Redirect is not allowed for a preflight request.",
        "InvalidAllowMethodsPreflightResponse": "Cannot parse Access-Control-Allow-Methods response header field in "
        "preflight response.",
        "InvalidAllowHeadersPreflightResponse": "Cannot parse Access-Control-Allow-Headers response header field in "
        "preflight response.",
        "MethodDisallowedByPreflightResponse": "Method {hint} is not allowed by Access-Control-Allow-Methods in "
        "preflight response.",
        "HeaderDisallowedByPreflightResponse": "Request header field {hint} is not allowed by "
        "Access-Control-Allow-Headers in preflight response.",
        "RedirectContainsCredentials": "Redirect location '{hint}' contains a username and password, which is "
        "disallowed for cross-origin requests.",
        "LocalNetworkAccessPermissionDenied": "Permission was denied for this request to access the `{hint}` address "
        "space.",
    }
)
"""What stands behind :data:`BLOCKED`, by the name that the DevTools protocol gives it (``Network.CorsError``)."""

_WITH_CREDENTIALS: Final = frozenset({"WildcardOriginNotAllowed", "InvalidAllowCredentials"})
_WITH_A_VALUE: Final = frozenset({"MultipleAllowOriginValues", "InvalidAllowOriginValue", "AllowOriginMismatch"})


def sentence(name: str, hint: str = "", *, xhr: bool = False) -> str:
    """Why a request was blocked, as the console has it behind :data:`BLOCKED`."""
    about = name.removeprefix("Preflight")
    tail = ""
    if xhr and about in _WITH_CREDENTIALS:
        tail = _XHR
    elif not xhr and about in _WITH_A_VALUE:
        tail = _RESEND
    return CHROMIUM[name].replace("{hint}", hint) + tail


@dataclass(frozen=True, slots=True)
class Blocked:
    """What one sentence of a console says."""

    name: str
    """A key of :data:`CHROMIUM`."""
    hint: str
    """The value it names: a header, a method, an origin; empty where it names none."""


def recognise(text: str) -> Blocked | None:
    """What a console's line says of CORS; ``None`` where it is no such line or a sentence that is not known."""
    _, found, said = text.partition(BLOCKED)
    if not found:
        return None
    # The sentences of preflights begin with a marker, and no other sentence is the beginning of another.
    return next((one for name, wording in CHROMIUM.items() if (one := _read(name, wording, said))), None)


def _read(name: str, wording: str, said: str) -> Blocked | None:
    before, hinted, after = wording.partition("{hint}")
    if not said.startswith(before):
        return None
    if not hinted:
        return Blocked(name, "")
    hint, found, _ = said[len(before) :].partition(after)
    return Blocked(name, hint) if found else None
