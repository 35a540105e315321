"""Finds secrets that stand in code as arguments: behind what takes them, or beside their header.

A name that stands before its value is :mod:`mattegate.doctor.secret_members`' business. Here the name is the function's
(``basic_auth``), or it stands behind the value, or there is none but the user's (``auth=("user", "password")``).
"""

from __future__ import annotations

import re
from typing import Final

from mattegate.doctor.concealment import hide
from mattegate.doctor.secret_kinds import kind_of

_QUOTES: Final = ('"', "'", "`")
_HINTS: Final = ("(", "auth", "cookies", "credential", "userpwd", "securestring")
_QUOTED: Final = r"(?P<quote>\\{0,4}[\"'`])(?P<value>(?:(?!(?P=quote))[^\\\n]|\\[^\"'\n]){1,4096})(?P=quote)"
_USER: Final = r"[\"'`][^\"'`\n]{0,100}[\"'`]\s{0,20},\s{0,20}(?:Some\()?"
_SCHEME: Final = (
    r"(?:basic|bearer|digest|jwt|negotiate|none|ntlm|oauth2?|token|api[_-]?key|hmac|mtls|optional|required|off|on)"
)
_TAKER: Final = r"(?:bearer_?(?:auth|token)|(?:api|access)_?(?:key|token)|auth_?token|password|(?:azure)?keycredential)"
_TAKEN: Final = tuple(
    re.compile(f"(?P<before>{before}){_QUOTED}", re.IGNORECASE)
    for before in (
        rf"(?:auth(?:entication)?|credentials?(?:\.basic)?)[\"']?[\s=>:]{{0,6}}[\[( ]\s{{0,20}}{_USER}",
        rf"\([\"']{_SCHEME}[\"'],\s{{0,20}}(?![\"']{_SCHEME}[\"'])",
        rf"(?<![a-z0-9])(?:(?:set|with|use)_?)?{_TAKER}\(\s{{0,20}}",
        r"(?<![a-z0-9])(?:set|with|use)_?token\(\s{0,20}",
        r"securestring (?:-string )?",
        rf"(?<![\w.-])auth(?:\\{{0,4}}[\"'])?\s{{0,4}}[=:]\s{{0,4}}(?!\\{{0,4}}[\"']{_SCHEME}\\{{0,4}}[\"'])",
        r"userpwd[\"']?\s{0,4}[,=:>]{1,2}\s{0,4}(?=[\"'`][^\"'`:\n]{0,100}:)",
    )
)
_NAME_BEHIND: Final = re.compile(
    rf"(?P<before>){_QUOTED}(?=\s{{0,20}},\s{{0,20}}forHTTPHeaderField:\s{{0,4}}\"(?P<name>[\w-]{{1,64}})\")"
)
_COOKIES: Final = re.compile(r"(cookies[\"']?\s{0,4}[=:]>?\s{0,4}\{)([^{}]{1,4096})(?=\})", re.IGNORECASE)
_COOKIE: Final = re.compile(rf"(?P<before>[\"'`]\s{{0,4}}(?::|=>)\s{{0,4}}){_QUOTED}")


def hide_arguments(text: str) -> str:
    """``text`` with the secrets hidden that are handed to a function, or to a keyword called ``auth``."""
    if not _has_any(text, _QUOTES) or not _has_any(text.lower(), _HINTS):
        return text
    for taken in _TAKEN:
        text = taken.sub(_hide_argument, text)
    if "forHTTPHeaderField" in text:
        text = _NAME_BEHIND.sub(_hide_named, text)
    return _COOKIES.sub(lambda found: f"{found[1]}{_COOKIE.sub(_hide_argument, found[2])}", text)


def _has_any(text: str, words: tuple[str, ...]) -> bool:
    return any(word in text for word in words)


def _hide_argument(found: re.Match[str]) -> str:
    user, colon, password = found["value"].partition(":")
    if colon and "userpwd" in found["before"].lower():
        return _put(found, f"{user}:{hide(password)}")
    return _put(found, hide(found["value"]))


def _hide_named(found: re.Match[str]) -> str:
    kind = kind_of(found["name"])
    return found[0] if kind is None else _put(found, kind(found["value"]))


def _put(found: re.Match[str], value: str) -> str:
    return f"{found['before']}{found['quote']}{value}{found['quote']}"
