"""Finds the secrets of configurations whose lines or blocks say what is one: of nginx, Apache, HAProxy, Caddy, Envoy,
Kubernetes, and of password files.

A variable, an empty word and a pattern's marks stay: whether a proxy sends a name, nothing or a value is the diagnosis.
"""

from __future__ import annotations

import re
from typing import Final

from mattegate.doctor.concealment import MARK, hide, hide_literals
from mattegate.doctor.secret_kinds import hide_authorization, kind_of

_NAME: Final = r"(?P<name>\$?[\w.-]{1,64})"
_WORD: Final = rf"(?P<value>{MARK}|[^\s;\"'{{}}$%\[\]][^\s;\"']{{0,400}})"
_DIRECTIVE: Final = re.compile(
    r"(?P<before>(?:(?:(?:proxy|grpc|more)_set(?:_input)?_headers?|(?:fastcgi|uwsgi|scgi)_param|add_header"
    r"|set(?<![\w-]set)(?=[ \t]{1,8}\$)|SetEnv"
    r"|(?:RequestHeader|Header)(?: always)? (?:set|add|append|merge|setifempty)"
    r"|header_up|@\w{1,40} header"
    rf"|http-re(?:quest|sponse) (?:set|add)-header)[ \t]{{1,8}}){_NAME}[ \t]{{1,20}}){_WORD}"
)
_COMPARED: Final = re.compile(
    r"(?P<before>(?:hdr\((?P<name>[\w-]{1,64})\)(?: -i| -m \w{3,8}){1,3} |%\{HTTP:(?P<other>[\w-]{1,64})\}[\"']? ))"
    rf"(?P<value>(?:{MARK}|[^\s\"'=])(?:{MARK}|[^\s\"']){{0,400}})"
)
_SAID: Final = re.compile(
    r"(?P<before>(?:AuthLDAPBindPassword |stats auth [^\s:]{1,100}:|user \S{1,100} insecure-password "
    r"|user \S{1,100} password (?=\$)|login \S{1,100}\s{1,8}password )[\"']?)"
    rf"(?P<value>{MARK}|[^\s\"']{{1,400}})"
)
_PAIR: Final = re.compile(
    r"(?P<before>(?:name|key|header)\"?[:=][ \t]{0,8}[\"']?(?P<name>[\w.-]{1,64})[\"']?"
    r"(?:[ \t]{0,8},|[ \t]{0,8}\r?\n|[ \t])"
    r"\s{0,60}(?:string_match: ?\{ ?)?(?:value|exact|exact_match)\"?[:=][ \t]{0,8})"
    rf"(?P<value>{MARK}|\"[^\"\n]{{1,4096}}|'[^'\n]{{1,4096}}|[^\s\"',}}]{{1,4096}})"
)
_UNDER: Final = re.compile(
    r"(?P<before>\b(?P<name>[\w-]{1,64}):[ \t]{0,8}\n[ \t]{0,40}(?:inline_(?:string|bytes)|- key):[ \t]{1,8}[\"']?)"
    rf"(?P<value>{MARK}|[^\s\"']{{1,4096}})"
)
_MAP: Final = re.compile(
    r"(\bmap[ \t]{1,8}[\"']?\$\{?(\w{1,64})\}?[\"']?[ \t]{1,8}\$\w{1,64}\s{0,40}\{)([^{}]{0,65536})(?=\})"
)
_MAPPED: Final = re.compile(
    r"(^|;)(?P<space>\s{0,80})(?!default\b|hostnames\b|include\b|volatile\b|#)(?P<quote>[\"']?)"
    rf"(?P<value>{MARK}|(?<=\")[^\"\n]{{1,400}}|(?<=')[^'\n]{{1,400}}|[^\s\"';]{{1,400}})(?=[\"']?[ \t])"
)
_DOCUMENTS: Final = re.compile(r"(?m)(^---[ \t]*$)")
_KIND: Final = re.compile(r"(?m)^[ \t]{0,20}kind: {0,4}[\"']?Secret\b|\\?\"kind\\?\": {0,4}\\?\"Secret\\?\"")
_DATA: Final = re.compile(
    r"(?m)^(?P<indent>[ \t]{0,20})(?:data|stringData):[ \t]{0,8}\r?\n(?:(?P=indent)[ \t]{1,20}\S[^\n]*\n?)+"
)
_ENTRY: Final = re.compile(r"(?m)^([ \t]{1,40}[\w.\"'-]{1,253}:[ \t]{1,8}[\"']?)([^\s\"'|>][^\n\"']{0,65536})")
_JSON_DATA: Final = re.compile(r"(\\{0,4}\"(?:data|stringData)\\{0,4}\":\s{0,8}\{)([^{}]{0,65536})(?=\})")
_JSON_ENTRY: Final = re.compile(r"(\\{0,4}\":\s{0,8}\\{0,4}\")([^\"\\]{1,65536})")
_HASH: Final = re.compile(
    r"\${1,2}(?:apr1|2[abxy]|[156y]|argon2(?:id|i|d))\${1,2}[A-Za-z0-9./$=,+]{8,400}|(?<=:)\{S?SHA\}[A-Za-z0-9+/=]{20,60}"
)


def hide_lines(text: str) -> str:
    """``text`` with the secrets of configurations hidden."""
    if any(word in text for word in ("eader", "_param", "set", "SetEnv")):
        text = _DIRECTIVE.sub(_hide_found, text)
    for pattern in (_COMPARED, _SAID):
        text = pattern.sub(_hide_found, text)
    text = _HASH.sub(lambda found: hide(found[0]), text) if "$" in text or "SHA}" in text else text
    text = _PAIR.sub(_hide_pair, text)
    return _hide_blocks(text)


def _hide_blocks(text: str) -> str:
    """What stands below a name or within a block; a line of a log has neither."""
    if "\n" in text and ("inline_" in text or "- key:" in text):
        text = _UNDER.sub(_hide_found, text)
    text = _MAP.sub(_hide_map, text) if "map" in text else text
    return "".join(map(_hide_document, _DOCUMENTS.split(text))) if "Secret" in text else text


def _hide_found(found: re.Match[str]) -> str:
    """By its name where there is one; what has none was found by what its line says."""
    names = found.groupdict()
    name = names.get("name") or names.get("other")
    kind = kind_of(name) if name else hide
    if kind is None or (found["value"].startswith("$") and name):
        return found[0]
    hidden = hide_literals(found["value"]) if "other" in names else kind(found["value"])
    return f"{found['before']}{hidden}"


def _hide_pair(found: re.Match[str]) -> str:
    kind, value = kind_of(found["name"]), found["value"]
    if kind is None:
        return found[0]
    opening = value[:1] if value[:1] in "\"'" else ""
    return f"{found['before']}{opening}{kind(value[len(opening) :])}"


def _hide_map(found: re.Match[str]) -> str:
    if kind_of(found[2]) is None:
        return found[0]
    return found[1] + _MAPPED.sub(_hide_mapped, found[3])


def _hide_mapped(entry: re.Match[str]) -> str:
    value = entry["value"]
    hidden = hide_literals(value) if value.startswith("~") else hide_authorization(value)
    return f"{entry[1]}{entry['space']}{entry['quote']}{hidden}"


def _hide_document(text: str) -> str:
    """A Secret of Kubernetes: all of its data, whatever the members are called."""
    if _KIND.search(text) is None:
        return text
    text = _DATA.sub(lambda block: _ENTRY.sub(lambda entry: f"{entry[1]}{hide(entry[2])}", block[0]), text)
    return _JSON_DATA.sub(lambda data: data[1] + _JSON_ENTRY.sub(lambda one: f"{one[1]}{hide(one[2])}", data[2]), text)
