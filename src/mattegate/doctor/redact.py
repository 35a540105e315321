"""Makes a text safe to show: no control character, no secret. Everything that is read passes here once.

Rules:

1. This is the order in which places are looked at. Which names say secret is :mod:`mattegate.doctor.secret_kinds`', and
   what a hidden secret looks like :mod:`mattegate.doctor.concealment`'s.
2. Safe twice is safe once, and the time grows with the text and no faster: every pattern is bounded or walks on.
3. What a diagnosis turns on stays: the scheme and its case, doubled spaces, quotes, emptiness, prefix and length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from mattegate.doctor.concealment import MARK, hide, hide_shapes, is_basic, looks_drawn, looks_secret
from mattegate.doctor.observation import Headers
from mattegate.doctor.secret_calls import hide_arguments
from mattegate.doctor.secret_kinds import STEMS, hide_authorization, kind_of
from mattegate.doctor.secret_lines import hide_lines
from mattegate.doctor.secret_members import hide_members
from mattegate.doctor.secret_options import hide_options, is_file_name

# --- control characters ------------------------------------------------------------------------------------------

_ESCAPES: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]{0,4096}(?:\x07|\x1b\\|\x9c)"  # OSC, DCS, SOS, PM, APC
    r"|\x1b[ -/]{0,8}[0-~]"
)
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_ODD: Final = str.maketrans({"\u2028": " ", "\u2029": " "})


def clean(text: str) -> str:
    """``text`` without what steers a terminal or turns its order round; line ends and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    bare = _CONTROLS.sub("", _ESCAPES.sub("", text)).translate(_ODD)
    return bare.encode("utf-8", "replace").decode("utf-8") if not bare.isascii() else bare


def redact(text: str) -> str:
    """``text`` with its secrets hidden, each reduced to the hints that a diagnosis needs."""
    if _TRIGGER.search(text.casefold()) is None:
        return text
    for _ in range(_MOST_PASSES):
        hidden = _hide_once(text)
        if hidden == text:
            break
        text = hidden
    return text


_MOST_PASSES: Final = 4
"""What is hidden may bring a name and a value together that stood apart; mostly the second look finds nothing."""


def _hide_once(text: str) -> str:
    for hide_some in _HIDING:
        text = hide_some(text)
    return text


def safe(text: str) -> str:
    """``text`` with neither control characters nor secrets."""
    return redact(clean(text))


def safe_headers(headers: Iterable[tuple[str, str]]) -> Headers:
    """``headers``, names in lower case, with safe values; a name that says secret hides its whole value."""
    return tuple((clean(name).strip().lower(), safe_header(name, value)) for name, value in headers)


def safe_header(name: str, value: str) -> str:
    """One header's value, made safe by its name."""
    bare = clean(value).replace("\n", " ").strip()
    kind = kind_of(name)
    return redact(bare) if kind is None else hide_shapes(kind(bare))


# --- other places ------------------------------------------------------------------------------------------------

_PEM: Final = re.compile(
    r"(-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----)((?:[A-Za-z0-9+/=:,.() \t\r\n\\]|-(?!----))*+)"
)
_NAME_VALUE: Final = re.compile(
    r"(\\?\"(?i:name|key|header|id)\\?\"\s{0,20}:\s{0,20}\\?\"(?P<name>[\w.-]{1,64})\\?\"\s{0,20},\s{0,20}"
    r"\\?\"(?i:value)\\?\"\s{0,20}:\s{0,20}\\?\")(?P<value>(?:[^\"\\]|\\[^\"])*+)"
)
_VALUE_NAME: Final = re.compile(
    r"(\"value\"\s{0,20}:\s{0,20}\")(?P<value>(?:[^\"\\]|\\.)*+)"
    r"(?=\"\s{0,20},\s{0,20}\"(?:name|key)\"\s{0,20}:\s{0,20}\"(?P<name>[\w.-]{1,64})\")"
)
_FORM_PART: Final = re.compile(
    r"(name=\"(?P<name>[\w.-]{1,64})\"[^\n]{0,200}\n(?:[A-Za-z-]{1,40}:[^\n]{0,200}\n){0,4}\r?\n)(?P<value>[^\r\n]+)"
)
_PATH: Final = re.compile(
    rf"(hooks\.slack\.com/(?:services|workflows)/(?:\w{{1,40}}/){{1,3}}|bot(?<=/bot)(?=\d{{5,20}}:)|webhooks/\d{{1,30}}/)({MARK}|[\w:-]{{8,400}})"
)
"""Addresses that are secrets as a whole: of web hooks."""
_DRAWN: Final = re.compile(
    r"(?i)([?&](?:code|state|nonce|ticket|assertion|saml(?:request|response))="
    r"|/(?:reset(?:-password)?|password-reset|confirm|activate)/)"
    rf"({MARK}|(?:\d/)?[^\s&\"'<>#/?;,]{{12,4096}})"
)
"""What opens something once, where it looks drawn: ``?code=403`` is none."""
_URL: Final = re.compile(rf"(://)([^\s/:@?#\"'<>]{{0,256}})(:?)({MARK}|[^\s/@\"'<>]{{0,512}})@")
_SPOKEN: Final = re.compile(
    r"(?i)((?:api[ _-]?keys?|access[ _-]?keys?|tokens?|secrets?|passw(?:or)?ds?|requirepass|passphrase|credentials?)"
    r"[ \t]{0,4}(?:[:=][ \t]{0,4}|[ \t](?:is|was|value|for user \S{1,64}:)[ \t]{1,4}|[ \t]|(?=[\"'`]))[\"'`]?)"
    rf"({MARK}|[a-z0-9_.+~=-]{{16,400}}+)(?![*/(])"
)
"""A secret in a sentence, which is known by its look as well: ``the token "…" is expired``."""
_USER_INFO: Final = re.compile(
    rf"(?<![\w./@:])(?!(?:acct|e?mail|git|mailto|sips?|ssh|urn|xmpp):)([A-Za-z0-9][\w.+-]{{0,63}}:)({MARK}|[^\s/@:\"'<>,;]{{1,256}})(?=@(?!sha\d)[\w-]+\.[\w.-]+)"
)
"""What stands before a host without its scheme, as nginx sends it on."""
_ECHOED: Final = re.compile(rf"(')({MARK}|[^'\n]{{1,8192}})(?=' not a valid key=value pair)")
_SECURE_LINK: Final = re.compile(r"(secure_link_(?:md5|secret)[ \t]+)([^;\n]{1,400})")
_CLEAR_WORD: Final = re.compile(rf"\$\w+|{MARK}|[^\s\"'$]+")
_SCHEME_VALUE: Final = re.compile(
    r"(?i)\b(bearer|basic|negotiate|ntlm)((?:\\? |\t|%20|%2520|\+)+)(?!realm=)"
    r"((?:[a-z0-9._~+/=-]|%[0-9a-f]{2}){6,}+)(?!\*)"
)
_TRIGGER: Final = re.compile(
    rf"{STEMS}|aiza|activate/|assertion=|bot\d|code=|confirm/|nonce=|reset/|saml|state=|ticket=|\$|sha}}|akia|asia|bearer|basic|dev|eyj|gh[oprsu]_|glpat|hf_|live|negotiate|ntlm|private|prod|pk[_-]|rk[_-]"
    r"|rmbg|sk[_-]|secure_link|test|user|xox|://|@|-(?<=\s-)[puabe]"
)
"""Most lines hold none of these, and are done after one look at them in lower case. Every alternative begins with a
plain character: that is what makes the look a short one."""


def _hide_key_blocks(text: str) -> str:
    return _PEM.sub(lambda block: f"{block[1]}{_pem_body(block[2])}", text) if "PRIVATE KEY" in text else text


def _pem_body(body: str) -> str:
    """One line; a key that stands in a string keeps to its line."""
    bare = body.strip()
    if body.startswith("\\n"):
        bare = body.removeprefix("\\n").rstrip("\\n")
        return f"\\n{hide(bare)}\\n"
    return f"\n{hide(bare)}\n" if bare else body


def _hide_pairs(text: str) -> str:
    for pattern in (_NAME_VALUE, _FORM_PART):
        text = pattern.sub(lambda pair: f"{pair[1]}{_hide_named(pair)}", text)
    return _VALUE_NAME.sub(lambda pair: f"{pair[1]}{_hide_named(pair)}", text)


def _hide_named(pair: re.Match[str]) -> str:
    kind = kind_of(pair["name"])
    return pair["value"] if kind is None else kind(pair["value"])


def _hide_urls(text: str) -> str:
    """Passwords in URLs, and what their paths and queries say without a name."""
    text = _URL.sub(lambda url: f"{url[1]}{url[2]}{url[3]}{hide(url[4])}@", text)
    text = _PATH.sub(lambda path: f"{path[1]}{hide(path[2])}", text)
    text = _DRAWN.sub(lambda drawn: f"{drawn[1]}{hide(drawn[2])}" if looks_secret(drawn[2]) else drawn[0], text)
    text = _USER_INFO.sub(lambda user: f"{user[1]}{hide(user[2])}", text) if "@" in text else text
    text = _ECHOED.sub(lambda echo: f"{echo[1]}{hide_authorization(echo[2])}", text)
    return _SECURE_LINK.sub(lambda line: f"{line[1]}{_CLEAR_WORD.sub(_hide_unless_variable, line[2])}", text)


def _hide_spoken(text: str) -> str:
    return _SPOKEN.sub(lambda said: f"{said[1]}{hide(said[2])}" if _drawn_by_chance(said[2]) else said[0], text)


def _drawn_by_chance(word: str) -> bool:
    return looks_drawn(word) and not is_file_name(word)


def _hide_unless_variable(word: re.Match[str]) -> str:
    return word[0] if word[0].startswith("$") else hide(word[0])


def _hide_schemes(text: str) -> str:
    return _SCHEME_VALUE.sub(_hide_scheme, text)


def _hide_scheme(found: re.Match[str]) -> str:
    scheme, gap, value = found.groups()
    secret = is_basic(value) if scheme.lower() == "basic" else looks_secret(value)
    return f"{scheme}{gap}{hide(value)}" if secret else found[0]


_HIDING: Final = (
    _hide_key_blocks,
    _hide_pairs,
    hide_arguments,
    hide_lines,
    hide_members,
    _hide_urls,
    hide_options,
    _hide_schemes,
    hide_shapes,
    _hide_spoken,
)
"""In this order: what is known by its name comes before what is known by its look."""
