"""What a hidden secret looks like, and which texts are secrets by their very shape.

Nothing here knows where in a text a secret stands; :mod:`mattegate.doctor.redact` does. What stays visible is what a
diagnosis needs: a usual prefix, the length, a token's algorithm and expiry; never enough to guess the rest.
"""

from __future__ import annotations

import re
from base64 import b64decode, urlsafe_b64decode
from binascii import Error as BadBase64
from typing import Final

_ENVIRONMENT: Final = r"(?:production|prod|live|testing|test|sandbox|development|dev|staging|stage)"
_PREFIX: Final = (
    rf"(?i:(?:[a-z][a-z0-9]{{0,7}}[_-])?{_ENVIRONMENT}[_-]"  # sk_prod_, RMBG-PROD-, pk_live_
    r"|[srp]k[_-](?:proj-|ant-)?|github_pat_|gh[oprsu]_|glpat-|xox[a-z]-|hf_|npm_|pypi-|shp[a-z]{2}_|AIza|(?:bearer|basic|token)(?:%20|[+:=])+|bearer(?=.))"
)
_SHOWN_PREFIX: Final = re.compile(_PREFIX)
_SCOPE: Final = r"(?:/|%2[Ff])\d{8}(?:/|%2[Ff])[a-z0-9-]{1,40}(?:/|%2[Ff])[a-z0-9-]{1,40}(?:/|%2[Ff])aws4_request"
MARK: Final = (
    rf"(?:{_PREFIX}|eyJ|A[A-Z]{{3}})?\*{{8}}[A-Z0-9]{{0,4}}\(len \d{{1,9}}(?:, [A-Za-z0-9 .-]{{1,80}})?\)(?:{_SCOPE})?"
)
"""A secret that is hidden already: hiding twice changes nothing."""
_HIDDEN: Final = re.compile(MARK)

JWT: Final = re.compile(r"(eyJ[A-Za-z0-9_=-]*+)((?:\.[A-Za-z0-9_=-]*+)++)")
_AWS_ID: Final = re.compile(r"A(?:KI|SI|GP|ID|RO|IP|NP|NV)A[A-Z0-9]{12,124}")
_SCOPED: Final = re.compile(rf"([A-Za-z0-9_-]{{4,128}})({_SCOPE})")
_PLACEHOLDER: Final = re.compile(
    r"\$(?:http|arg|cookie|sent_http|upstream|ssl|proxy|remote|auth|jwt|request|secure_link)_\w+|\$[A-Z][A-Z0-9_]{2,}"
    r"|[A-Z]|…|(?:KEY|TOKEN)\.?|APPCODE|\$\{[A-Za-z_]\w*\}"
    r"|\$?\{\{\s*[\w.$-]{1,64}\s*\}\}|\{[A-Za-z_][\w.]*\}|<[A-Za-z][\w -]{0,40}>|%[A-Z_]{3,40}%"
    r"|(?i:undefined|absent|null|none|nil|true|false|nan|your[_-]?(?:api[_-]?)?(?:key|token)(?:[_-]here)?|\.{3}|x{3,8}|\*{3,12})"
)
"""A name where a value was meant, or a value that a program made of nothing: the finding itself, and no secret."""

_LEFT: Final = r"(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f][0-9A-Fa-f]))"
_SHAPES: Final = re.compile(
    rf"{_LEFT}(?:"
    rf"(?i:[sp]k_(?:{_ENVIRONMENT}_)?)[A-Za-z0-9_-]{{8,}}+"
    rf"|(?i:rmbg[_-]{_ENVIRONMENT}[_-])[A-Za-z0-9_-]{{4,}}+"
    rf"|[A-Za-z]{{2,12}}[_-](?i:{_ENVIRONMENT})[_-][A-Za-z0-9_]{{20,}}+"
    r"|sk-(?=[A-Za-z0-9_-]{0,40}\d)[A-Za-z0-9_-]{20,}+"
    r"|github_pat_\w{20,}+|gh[oprsu]_[A-Za-z0-9]{16,}+|glpat-[\w-]{16,}+|xox[a-z]-[\w-]{10,}+|hf_[A-Za-z0-9]{16,}+"
    r"|AIza[A-Za-z0-9_-]{30,}+|A(?:KI|SI)A[A-Z0-9]{12,124}+"
    r")(?![*A-Za-z0-9_-])"
)


def hide(secret: str) -> str:
    """``secret`` reduced to its hints; what is hidden already, empty, or a mere placeholder stays."""
    if not secret or _HIDDEN.fullmatch(secret) or _PLACEHOLDER.fullmatch(secret):
        return secret
    if jwt := JWT.fullmatch(secret):
        return f"eyJ{_mark(secret, _about(jwt))}"
    if scoped := _SCOPED.fullmatch(secret):
        return f"{hide(scoped[1])}{scoped[2]}"
    if _AWS_ID.fullmatch(secret):
        return f"{secret[:4]}********{secret[-4:]}(len {len(secret)})"
    prefix = _SHOWN_PREFIX.match(secret)
    shown = prefix[0] if prefix and len(secret) > prefix.end() else ""
    return f"{shown}{_mark(secret)}"


def _mark(secret: str, about: str = "") -> str:
    note = about or ("" if secret.isascii() else "not ASCII")
    return f"********(len {len(secret)}, {note})" if note else f"********(len {len(secret)})"


def _about(jwt: re.Match[str]) -> str:
    """The algorithm and the expiry of a token: a refusal turns on them, and neither helps to forge one."""
    algorithm = re.search(r'"alg"\s{0,9}:\s{0,9}"([A-Za-z0-9-]{1,12})"', _decoded(jwt[1]))
    expiry = re.search(r'"exp"\s{0,9}:\s{0,9}(\d{1,12})', _decoded(jwt[2].split(".")[1]))
    said = ["JWT", f"alg {algorithm[1]}" if algorithm else "", f"exp {expiry[1]}" if expiry else ""]
    return " ".join(word for word in said if word)


def _decoded(part: str) -> str:
    try:
        return urlsafe_b64decode(part[:16_384] + "=" * (-len(part[:16_384]) % 4)).decode("utf-8", "replace")
    except (BadBase64, ValueError):
        return ""


def hide_shapes(text: str) -> str:
    """``text`` without what is a secret wherever it stands: JSON web tokens, keys with a usual prefix, AWS key ids."""
    if "eyJ" in text:
        text = _RUNS.sub(_hide_token, text)
    return _SHAPES.sub(lambda found: hide(found[0]), text)


_RUNS: Final = re.compile(r"[A-Za-z0-9_.=-]{16,}+")
"""Whole runs, so that a text of nothing but ``eyJeyJ`` is walked once."""


def _hide_token(run: re.Match[str]) -> str:
    start = run[0].find("eyJ")
    jwt = JWT.match(run[0], start) if start >= 0 else None
    return f"{run[0][:start]}{hide(jwt[0])}" if jwt else run[0]


def is_basic(value: str) -> bool:
    """Whether ``value`` is what the Basic scheme sends: base64 of ``user:password``."""
    try:
        return b":" in b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (BadBase64, ValueError):
        return False


_LITERAL: Final = re.compile(rf"{MARK}|\[(?:\\.|[^\]\\]){{0,400}}\]|\\.|\{{[\d,]{{1,9}}\}}|(?P<literal>[\w-]{{3,400}})")
_SCHEME: Final = re.compile(r"(?i)bearer|basic|digest|token")


def hide_literals(pattern: str) -> str:
    """A regular expression without the words it asks for: its anchors, classes and counts, and a scheme, stay."""

    def hidden(found: re.Match[str]) -> str:
        literal = found["literal"]
        return found[0] if literal is None or _SCHEME.fullmatch(literal) else hide(literal)

    return _LITERAL.sub(hidden, pattern)


_TURNS: Final = re.compile(r"(?<=[A-Za-z])\d|(?<=\d)[A-Za-z]")
_LEAST_TURNS: Final = 3


def looks_drawn(word: str) -> bool:
    """Whether a word has letters and digits as only what was drawn by chance has: in turns."""
    return len(_TURNS.findall(word)) >= _LEAST_TURNS


def looks_secret(value: str) -> bool:
    """Whether a word behind the name of a scheme is a credential, and not the next word of a sentence."""
    mixed = any(char.isdigit() for char in value) and any(char.isalpha() for char in value)
    return (mixed and len(value) >= 8) or len(value) >= 24
