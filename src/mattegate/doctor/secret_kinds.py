"""Which names say that a value is secret, and how each kind of value is hidden.

Where a name and its value stand in a text is :mod:`mattegate.doctor.secret_members`' business.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from mattegate.doctor.concealment import MARK, hide

Hide = Callable[[str], str]
"""How the value of a member is hidden."""

WORDS: Final = (
    r"authori[sz]ation|keys?|tokens?|secrets?|passw(?:or)?ds?|passphrase|pwd|pass|signatures?|sig"
    r"|sess(?:ion)?(?:[_-]?id)?|sid|cookies?|credentials?|jwt"
)
STEMS: Final = "auth|key|token|secret|pass|pwd|sig|sess|sid|cookie|credential|jwt"
"""What each of them begins with, in lower case."""
_SECRET_WORD: Final = re.compile(
    r"\w*(?:tokens?|secrets?|passw(?:or)?ds?|passphrase|pwd|signatures?|cookies?|credentials?|session|sess(?:ion)?id)"
    r"|pass|sig|sess|sid|jwt"
    r"|(?:api|access|secret|auth|private|signing|shared|master|encryption|subscription|license|app|user|client)?keys?"
)
_OPEN_KEY: Final = re.compile(r"public|pub|cache|surrogate|primary|foreign|sort|partition|idempotency|bucket|host|sec")
"""``cache_key`` and ``Sec-WebSocket-Key`` open nothing."""
_HARMLESS_LAST: Final = re.compile(
    r"name|file|path|endpoint|url|uri|type|alg|algorithm|input|expires|expiry|expiration|ttl|count|"
    r"header|headers|length|len|size|age|version|scope|scopes|status|issuer|format|region|enabled|"
    r"required|mode|domain|use|prefix|location|method|policy|limit|usage|source|sources|required|"
    r"present|valid|policies|errors?"
)
_HANDLER: Final = re.compile(r"(?:proxy|fastcgi|uwsgi|scgi|grpc|memcached)_pass$")
"""Of nginx: where a request is passed on to."""
_PARTS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@lru_cache(maxsize=1_024)
def kind_of(name: str) -> Hide | None:
    """How the value of a member called ``name`` is hidden; ``None`` where the name says no secret."""
    words = [word.lower() for word in _PARTS.findall(name)]
    if not words or _HARMLESS_LAST.fullmatch(words[-1]) or words[:2] == ["access", "control"] or _HANDLER.search(name):
        return None
    if words[-1] in ("key", "keys") and any(_OPEN_KEY.fullmatch(word) for word in words):
        return None
    if words[-1] in ("id", "ids") and not any(word.startswith(("sess", "token", "secret")) for word in words):
        return None
    if words[-1] in ("authorization", "authorisation"):
        return hide_authorization
    if words[-1] == "cookie":
        return _hide_set_cookie if "set" in words[-2:-1] else hide_cookies
    return hide if any(_SECRET_WORD.fullmatch(word) for word in words) else None


# --- values ------------------------------------------------------------------------------------------------------

_SCHEMES: Final = re.compile(
    r"(?i)(?:bearer|basic|digest|token|api[-_]?key|key|negotiate|ntlm|aws4?(?:-[a-z0-9-]{1,30})?|hawk|hmac(?:-[a-z0-9]{1,12})?"
    r"|signature|oauth|gnap|dpop|jwt|mutual|vapid|hoba|concealed|privatetoken|scram-[a-z0-9-]{1,12}"
    r"|shared(?:key|keylite|accesssignature)|[a-z][a-z-]{0,15})[:=]?"
)
_PARAMETERS: Final = re.compile(r'([A-Za-z][\w*-]{0,40})(\s{0,4}=\s{0,4})("[^"]*"?|' + MARK + r"|[^,\s\"]+)")
_OPEN_PARAMETERS: Final = re.compile(r"signedheaders|headers|realm|algorithm|qop|nc|uri|ts|created|expires")
_CLOSED_PARAMETERS: Final = re.compile(
    r"credential|signature|username|nonce|oauth_\w+|cnonce|response|opaque|keyid|id|mac|hash|ext|app|token|"
    r"key|client|sig|sr|se|skn"
)
_TOKEN: Final = re.compile(rf"[\"'“”‘’`]?{MARK}[\"'“”‘’`,]?|\S+")
_QUOTED_TOKEN: Final = re.compile(r"([\"'“”‘’`]?)(.*?)([\"'“”‘’`,]?)", re.DOTALL)


def hide_authorization(value: str) -> str:
    """The scheme and the spaces stay as they were written; everything else is hidden, word by word."""
    words = list(_TOKEN.finditer(value))
    if not words:
        return value
    behind = 1 if len(words) > 1 and _SCHEMES.fullmatch(words[0][0]) else 0
    start = words[behind].start()
    if value.startswith("$(", start):  # a command that says it when it runs
        return value
    if behind and _has_parameters(value[start:]):
        return value[:start] + _PARAMETERS.sub(_hide_parameter, value[start:])
    if not behind and words[0][0].lower() in ("bearer", "basic", "token"):
        return value
    return value[:start] + _TOKEN.sub(lambda word: _hide_quoted(word[0]), value[start:])


def _has_parameters(value: str) -> bool:
    """Whether all of it is ``name=value`` with names that schemes use: base64 that ends in ``==`` is none."""
    names = [found[1].lower() for found in _PARAMETERS.finditer(value)]
    known = all(_OPEN_PARAMETERS.fullmatch(name) or _CLOSED_PARAMETERS.fullmatch(name) for name in names)
    return bool(names) and known and not _PARAMETERS.sub("", value).strip(" ,;")


def _hide_parameter(found: re.Match[str]) -> str:
    name, equals, value = found.groups()
    return found[0] if _OPEN_PARAMETERS.fullmatch(name.lower()) else f"{name}{equals}{_hide_quoted(value)}"


def _hide_quoted(word: str) -> str:
    quoted = _QUOTED_TOKEN.fullmatch(word)
    return hide(word) if quoted is None or hide(word) == word else f"{quoted[1]}{hide(quoted[2])}{quoted[3]}"


_COOKIE_NAME: Final = re.compile(r"\s{0,8}[\w!#$%&'*+.^`|~-]{1,128}=")


_ATTRIBUTE: Final = re.compile(r"(?i)\s{0,8}(?:path=/|domain=\.?[a-z]|expires=|max-age=\d|samesite=[lns])")
"""Of a cookie that a script sets."""


def hide_cookies(value: str) -> str:
    """The names of the cookies stay; a set one keeps its attributes as well."""
    return ";".join(_hide_cookie(pair) for pair in value.split(";"))


def _hide_set_cookie(value: str) -> str:
    pair, semicolon, attributes = value.partition(";")
    return f"{_hide_cookie(pair)}{semicolon}{attributes}"


def _hide_cookie(pair: str) -> str:
    if _ATTRIBUTE.match(pair):
        return pair
    named = _COOKIE_NAME.match(pair)
    return f"{named[0]}{hide(pair[named.end() :])}" if named else hide(pair)
