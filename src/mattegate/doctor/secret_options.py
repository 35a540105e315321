"""Finds the secrets of command lines: the values of options, by the option's name or by the command that takes it.

A short option says too little of itself: ``-p`` is a password, a port, a path or a project. It counts where its command
is known, or where what follows is neither of the others. Files stay, for they are what a diagnosis asks about.
"""

from __future__ import annotations

import re
from typing import Final

from mattegate.doctor.concealment import MARK, hide, looks_drawn
from mattegate.doctor.secret_kinds import hide_cookies, kind_of

_DASH: Final = r"-(?<!\S-)"
"""At the beginning of a word."""
_OPTION: Final = re.compile(rf"{_DASH}[A-Za-z-]|pass(?:in|out) ")
_VALUE: Final = rf"(?P<value>{MARK}|(?<=\")[^\"\n]{{1,400}}|(?<=')[^'\n]{{1,400}}|[^\s\"'`;]{{1,400}})"
_USER: Final = re.compile(
    rf"(?P<before>{_DASH}(?:[a-zA-Z]{{0,6}}u|U|a|-user|-proxy-user|-auth|-http-auth|[AP](?<=\bab -.))[ =]?)"
    rf"(?P<open>\^?[\"']?)(?!\d+:\d+(?:\s|\Z))(?P<user>[^\s:'\"]{{0,200}}:)"
    rf"(?P<value>{MARK}|[^\s'\"]{{1,400}}(?: [^\s'\"]{{1,400}}){{0,9}}(?=[\"'])|[^\s'\"]{{1,400}})"
)
_NAMED: Final = re.compile(
    rf"(?P<before>{_DASH}(?:-(?P<long>[A-Za-z][\w-]{{1,40}})(?:[ \t]{{1,4}}|=(?=[\"']))"
    rf"|(?P<short>[A-Za-z][A-Za-z0-9-]{{1,40}})[ \t]{{1,4}})[\"']?)(?!-){_VALUE}"
)
_BEARER: Final = re.compile(
    rf"(?P<before>{_DASH}(?:-oauth2-bearer[ =]|(?:A|-auth-type)[ =]?(?:bearer|jwt) (?:-a|--auth)[ =]?)[\"']?){_VALUE}"
)
_CERTIFICATE: Final = re.compile(
    rf"(?P<before>{_DASH}(?:E|-(?:proxy-)?cert)[ =][\"']?[^\s:\"']{{1,200}}:)(?![\\/]){_VALUE}"
)
_COMMANDS: Final = re.compile(
    r"(?P<before>(?:sshpass -p ?|(?:mysql|mariadb)\w{0,16} (?:[^\n]{0,200} )?-p(?=\S)|redis-cli (?:[^\n]{0,200} )?-a "
    r"|login (?:[^\n]{0,200} )?-p ?|htpasswd -\w{0,8}b\w{0,8} \S{1,200} \S{1,100} |pass(?:in|out) pass:)[\"']?)"
    + _VALUE
)
_LONE: Final = re.compile(
    rf"(?P<before>{_DASH}p ?)(?P<quote>[\"']?)(?![,;)\]}}])"
    rf"(?P<value>{MARK}|(?<=\")[^\"\n]{{1,400}}|(?<=')[^'\n]{{1,400}}|[^\s\"']{{4,400}})"
)
_OTHER_THAN_SECRET: Final = re.compile(r"[\d.:/-]*(?:(?:/|\b)(?:tcp|udp))?|[/.~$%@].*")
"""A port, an address of one, a file, a variable."""
_COOKIE: Final = re.compile(
    rf"(?P<before>{_DASH}(?:b|-cookie)[ =]?(?:\^?[\"']|(?![\"'])))(?=[^\"'\n=\s]{{1,200}}=)"
    rf"(?P<value>(?<=[\"'])[^\"'\n]{{1,8192}}|(?:{MARK}|[^\s\"']){{1,8192}})"
)
_FORM_KEY: Final = re.compile(rf"(?P<before>{_DASH}(?:d|-data(?:-\w{{1,10}})?)[ =]?[\"']?key=){_VALUE}")
_FILE_NAME: Final = re.compile(
    r"\.(?:pem|key|crt|cer|p12|pfx|jks|txt|conf|json|ya?ml|toml|env|php|html?|example|local|com|net|org)$"
)


def is_file_name(word: str) -> bool:
    """Whether a word is called as files and hosts are."""
    return _FILE_NAME.search(word) is not None


def hide_options(text: str) -> str:
    """``text`` with the values of options hidden that say secret, or whose commands take one there."""
    if _OPTION.search(text) is None:
        return text
    text = _USER.sub(lambda found: f"{found['before']}{found['open']}{found['user']}{hide(found['value'])}", text)
    text = _COOKIE.sub(lambda found: f"{found['before']}{hide_cookies(found['value'])}", text)
    text = _NAMED.sub(_hide_named, text)
    for pattern in (_BEARER, _CERTIFICATE, _COMMANDS, _FORM_KEY):
        text = pattern.sub(lambda found: f"{found['before']}{hide(found['value'])}", text)
    return _LONE.sub(_hide_lone, text)


def _hide_named(found: re.Match[str]) -> str:
    value = found["value"]
    is_file = value.startswith(("/", ".", "@", "~", "$(")) or is_file_name(value)
    return (
        found[0] if is_file or kind_of(found["long"] or found["short"]) is None else f"{found['before']}{hide(value)}"
    )


def _hide_lone(found: re.Match[str]) -> str:
    value = found["value"]
    if _OTHER_THAN_SECRET.fullmatch(value) or not (found["quote"] or looks_drawn(value)):
        return found[0]
    return f"{found['before']}{found['quote']}{hide(value)}"
