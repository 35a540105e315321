"""Finds names that say secret, and where the values behind them begin and end: headers, JSON, queries, logs, code.

A text is walked once from name to name; what was hidden is never looked at again, so that time grows with the text.
"""

from __future__ import annotations

import re
from typing import Final

from mattegate.doctor.concealment import MARK, hide_literals, looks_secret
from mattegate.doctor.secret_kinds import WORDS, hide_cookies, kind_of

_QUOTE: Final = r"(?:\\{0,4}[\"'`]|\^\"|&quot;|&#34;|&#39;|%(?:25)?2[27])"
_MEMBER: Final = re.compile(
    rf"(?P<word>{WORDS})(?P<more>[\w\[\]-]{{0,40}}?)"
    rf"(?: header)?(?: line)?(?: value)?"
    rf"(?:(?:(?P<close>{_QUOTE})\]?|\}}(?=[ \t]*[=!]=))?[ \t]{{0,40}}"
    rf"(?P<sep>[!=]?==?>?|[!=]?~\*?(?!\*)|:|%(?:25)?3[ADad]|,\s{{0,80}}(?=[bfr]?[\"'`]))[ \t]{{0,40}}"
    rf"|(?P<gap>[ \t]{{1,40}})(?={_QUOTE}|(?i:bearer|basic|token) )"
    rf"|(?P<tag>>))"
    rf"(?:[bfr](?=[\"'])|\s{{0,40}}string\(\d{{1,9}}\) |(?:\[\]string)?\{{ ?(?=\"[^\"\n]{{0,400}}\" ?[,}}]))?"
    rf"(?P<open>{_QUOTE})?",
    re.IGNORECASE,
)
_NAME_BEFORE: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")
_LINE_START: Final = re.compile(r"(?:\A|\n)[ \t]{0,40}(?:[<>*+-] {0,4}|[0-9a-f]{4}: |export |set |ENV |- )?\Z")
_QUOTE_BEFORE: Final = re.compile(rf"{_QUOTE}\Z")
_IN_DOUBLE_QUOTES: Final = re.compile(r"[^\"\\\n]*(?:\\.[^\"\\\n]*)*")
_LIST: Final = re.compile(r"\[[^\[\]{}]{0,4096}\]")
_QUERY_VALUE: Final = re.compile(rf"(?:{MARK}|[^&\s\"'<>#\\%;]|;(?!\s|\Z)|%(?!(?:25)?26)|\\(?![nrtu\"']))*")
_LOOSE_VALUE: Final = re.compile(
    rf"(?:{MARK}|[^\s,;&\"'`<>)(}}{{\]\[|\\%]|%(?!(?:25)?(?:2[26C]|7D))|\\(?![nrtu\"']))++", re.IGNORECASE
)
_PAIRS_VALUE: Final = re.compile(rf"(?:[\w!#$%&*+.^|~-]{{1,128}}=(?:{MARK}|[^\s;,\"'\]])*+(?:; ?)?)++")
_CONDITION: Final = re.compile(r"[^;{}\n]{0,400}?(?=\)? holds|\)? does not hold|\) *[{\n]|[;{}\n]|\Z)|[^\s;]*")
"""A pattern of nginx, which the model quotes without its quotes."""
_WORD_VALUE: Final = re.compile(rf"{MARK}|\S+")
_SAID: Final = re.compile(
    r"invalid|expired|missing|mismatch|required|revoked|unknown|denied|not|is|was|no|failed|rejected|"
    r"malformed|must|cannot|empty|wrong|bad|the|of|for|and|or|in|include|omit|same-origin|"
    r"verification|does|validation|error"
)
"""What a sentence says about a secret (``token: expired``), or the fetch option ``credentials``: no secret itself."""


_HEADER: Final = re.compile(
    r"(?i)accept(?:-\w{1,20})*|access-control-[\w-]+|authorization|cache-control|content-[\w-]+|cookie|date|dnt|etag|expect"
    r"|forwarded|from|host|if-[\w-]+|keep-alive|location|origin|pragma|proxy-[\w-]+|range|referer|sec-[\w-]+|server"
    r"|set-cookie|te|traceparent|trailer|transfer-encoding|upgrade|user-agent|vary|via|www-authenticate|x-[a-z][a-z-]*|\*"
)
"""A header's name: what stands beside another in a list of them."""


_AROUND: Final = 256
"""How far before a pair of strings the bracket is looked for that they stand in."""
_INDENT: Final = re.compile(r"[ \t]*")
_STRING_KIND: Final = re.compile(r"(?<!\w)[bfr]\Z")


def hide_members(text: str) -> str:
    """``text`` with the value of every member hidden whose name says secret."""
    return _Walk(text).hidden()


class _Walk:
    """One text, and where the line ends that is being read: a huge line is measured once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._line_end = -1

    def hidden(self) -> str:
        parts: list[str] = []
        at = 0
        while (found := _MEMBER.search(self._text, at)) is not None:
            start, end, value = self._member(found)
            parts += (self._text[at:start], value)
            at = end
        return "".join(parts) + self._text[at:]

    def _member(self, found: re.Match[str]) -> tuple[int, int, str]:
        """From where to where the text is replaced, and by what; a name that says no secret is stepped over."""
        past = found.end("word")
        before = self._text[max(0, found.start() - 64) : found.start()]
        head = _NAME_BEFORE.search(before)
        name = f"{head[0] if head else ''}{found['word']}{found['more']}"
        before = before[: head.start()] if head else before
        kind = kind_of(name)
        if (
            kind is None
            or not _names_a_member(name, before, found)
            or (_is_beside(found) and not self._is_argument(name, before, found))
        ):
            return past, past, ""
        end = self._end(before, found, pairs=kind is hide_cookies)
        value = self._text[found.end() : end]
        if found["tag"] is not None and " " in value and not self._text.startswith("</", end):  # <key> in a sentence
            return past, past, ""
        if "~" in (found["sep"] or ""):
            return found.end(), end, hide_literals(value)
        if _is_new(value, self._text, end) or (_is_beside(found) and _HEADER.fullmatch(value)):
            return past, past, ""
        if _says_something(value, found) or _of_a_file(before, value, found):
            return past, past, ""
        return found.end(), end, kind(value)

    def _is_argument(self, name: str, before: str, found: re.Match[str]) -> bool:
        """Whether a quoted name and the string after it are a pair: in a call, in brackets or on a line of their own.

        In a list the string after a name is another name, as in ``["x-api-key", "content-type"]``.
        """
        quote = _QUOTE_BEFORE.search(before)
        if quote is None:
            return False
        start = found.start() - len(name.removesuffix(f"{found['word']}{found['more']}")) - len(quote[0])
        around = _STRING_KIND.sub("", self._text[max(0, start - _AROUND) : start])
        if around.rstrip().endswith("("):
            return True
        own = around.rstrip().endswith(("{", "[[", "([", ", [", ",["))
        alone = _INDENT.fullmatch(around.rpartition("\n")[2]) is not None and "\n" not in found["sep"]
        if not _is_compound(name) or own or alone:
            return _is_compound(name)
        value = self._text[found.end() : self._end(before, found, pairs=False)]
        return _last_opening(around) == "(" and kind_of(value) is None

    def _end(self, before: str, found: re.Match[str], *, pairs: bool) -> int:
        """Where the value ends that begins where ``found`` ends."""
        start = found.end()
        if found["open"]:
            return self._closing(found["open"], start)
        if found["tag"] is not None:
            return self._closing("<", start)
        if "~" in (found["sep"] or ""):
            return _matched(_CONDITION, self._text, start)
        opening = _QUOTE_BEFORE.search(before)
        if opening and not found["close"]:
            return self._closing(opening[0], start)
        return self._unquoted_end(before, found, pairs=pairs)

    def _unquoted_end(self, before: str, found: re.Match[str], *, pairs: bool) -> int:
        start = found.end()
        if before.endswith("["):
            return self._end_of_line(start, "]")
        if before.endswith(("?", "&", "%26", "%3F", "%3f")):
            return _matched(_QUERY_VALUE, self._text, start)
        if _LINE_START.search(before) and not found["close"] and "%" not in (found["sep"] or ""):
            return self._end_of_line(start) if found["sep"] == ":" else _with_scheme(_WORD_VALUE, self._text, start)
        if listed := _LIST.match(self._text, start):
            return start if listed[0] == "[]" or re.search(r"[:=]", listed[0]) else listed.end()
        return _with_scheme(_PAIRS_VALUE if pairs else _LOOSE_VALUE, self._text, start)

    def _end_of_line(self, start: int, closing: str = "") -> int:
        end = self._line(start)
        while end > start and self._text[end - 1].isspace():
            end -= 1
        if closing and self._text.endswith(closing, start, end):
            return end - len(closing)
        return end

    def _closing(self, opening: str, start: int) -> int:
        """Where the quote ends; at the latest where the line does."""
        if opening == '"':
            end = _matched(_IN_DOUBLE_QUOTES, self._text, start)
            return end - 1 if end > start and self._text.startswith('^"', end - 1) else end
        end = self._text.find(opening, start, self._line(start))
        return self._line(start) if end < 0 else end

    def _line(self, start: int) -> int:
        if start > self._line_end:
            end = self._text.find("\n", start)
            self._line_end = len(self._text) if end < 0 else end
        return self._line_end


def _names_a_member(name: str, before: str, found: re.Match[str]) -> bool:
    """Whether name and separator go together: ``("key", "value")`` but no list of names, ``?key=`` but not ``key:``."""
    if found["tag"] is not None:
        return before.endswith(("<", ":"))
    if _is_beside(found):
        return found["close"] is not None
    if found["gap"] is not None:
        return _is_compound(name)
    return name.lower() not in _PLAIN or before.endswith(("?", "&", "%26", "%3F"))


_PLAIN: Final = frozenset({"key", "keys", "session", "sessions"})
"""Words of every day, which name a secret only in a query."""


def _is_beside(found: re.Match[str]) -> bool:
    """Whether the value is the next string after the name's: ``"x-api-key", "value"``."""
    return (found["sep"] or "").startswith(",")


def _is_compound(name: str) -> bool:
    return "-" in name or "_" in name or name.lower().startswith("auth")


def _last_opening(text: str) -> str:
    """The last bracket that is not closed again; empty where there is none."""
    opened = {
        text.rfind(opening): opening for opening, closing in ("()", "[]", "{}") if _is_open(text, opening, closing)
    }
    return opened[max(opened)] if opened else ""


def _is_open(text: str, opening: str, closing: str) -> bool:
    return text.rfind(opening) > text.rfind(closing)


def _is_new(value: str, text: str, end: int) -> bool:
    """Whether it is the keyword, or the function, that makes the value; what it takes is looked at by itself."""
    return value == "new" and text.startswith(" ", end)


def _says_something(value: str, found: re.Match[str]) -> bool:
    bare = value.strip(" \t,;.\"'")
    return _SAID.fullmatch(bare.lower()) is not None or (
        bare.isdigit() and f"{found['word']}{found['more']}".lower() == "tokens"
    )


def _of_a_file(before: str, value: str, found: re.Match[str]) -> bool:
    """Whether it is the last part of a path, of which something is said (``/etc/passwd: denied``), or of nginx's
    ``zone=name:10m``. What a search in files prints has no space behind the colon."""
    if found["sep"] != ":" or (found["close"] is not None and "/" not in before):
        return False
    if before.endswith("zone="):
        return True
    spaced = found[0].endswith((" ", "\t"))
    return spaced and before.endswith("/") and not looks_secret(value.partition(" ")[0].strip(".,;'\""))


_SCHEME_BEFORE: Final = re.compile(r"(?i)(?:bearer|basic|digest|token|negotiate|ntlm|aws4-[a-z0-9-]+|apikey|hmac) +")


def _with_scheme(values: re.Pattern[str], text: str, start: int) -> int:
    scheme = _SCHEME_BEFORE.match(text, start)
    return _matched(values, text, scheme.end() if scheme else start)


def _matched(values: re.Pattern[str], text: str, start: int) -> int:
    value = values.match(text, start)
    return value.end() if value else start
