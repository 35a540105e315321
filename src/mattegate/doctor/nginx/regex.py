"""Regular expressions of a configuration, which are PCRE's, matched by Python's ``re``.

What cannot be translated, or could take time that grows beyond measure with the text, is refused rather than guessed.
"""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from importlib import import_module
from typing import Any, Final

_constants: Any = import_module("re._constants")
_parser: Any = import_module("re._parser")
"""Python's own reader of patterns: there is no public one."""

_NAMED: Final = re.compile(r"\(\?<(?![=!])")
_POSIX: Final = {
    "[:alpha:]": "a-zA-Z", "[:digit:]": "0-9", "[:alnum:]": "a-zA-Z0-9", "[:upper:]": "A-Z", "[:lower:]": "a-z",
    "[:space:]": r"\s", "[:xdigit:]": "0-9a-fA-F", "[:word:]": r"\w", "[:punct:]": r"!-/:-@\[-`{-~",
}  # fmt: skip
_UNTRANSLATED: Final = re.compile(r"\\[KRXCpPgQEGh]|\(\?[R0-9&|]|\(\*|\(\?\(")
_LONGEST_RISKY: Final = 32
"""Characters that a pattern with repeats inside repeats may be tried on."""


class Untranslated(Exception):  # noqa: N818 - the state of a pattern
    """A pattern cannot be judged here."""


def search(pattern: str, text: str, *, ignore_case: bool = False) -> re.Match[str] | None:
    """Where ``pattern`` matches in ``text`` (one byte a character). Raises :class:`Untranslated`."""
    compiled, risky = _compiled(pattern, ignore_case=ignore_case)
    if risky and len(text) > _LONGEST_RISKY:
        raise Untranslated(f"the pattern {pattern} has repeats inside repeats")
    return compiled.search(text)


@lru_cache(maxsize=4_096)
def _compiled(pattern: str, *, ignore_case: bool) -> tuple[re.Pattern[str], bool]:
    if _UNTRANSLATED.search(pattern):
        raise Untranslated(f"the pattern {pattern} uses what only PCRE has")
    text = _NAMED.sub("(?P<", pattern).replace(r"\z", r"\Z" if r"\Z" not in pattern else r"\z")
    for name, meaning in _POSIX.items():
        text = text.replace(name, meaning)
    flags = re.ASCII | (re.IGNORECASE if ignore_case else 0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(text, flags), _risky(_parser.parse(text, flags), inside=False)
    except (re.error, RecursionError, OverflowError) as error:
        raise Untranslated(f"the pattern {pattern} cannot be read: {error}") from error


_REPEATS: Final = frozenset({_constants.MAX_REPEAT, _constants.MIN_REPEAT})


def _risky(parsed: Any, *, inside: bool) -> bool:
    """Whether a repeat without end stands inside another."""
    for operation, argument in parsed:
        if operation in _REPEATS:
            least, most, body = argument
            many = most is _constants.MAXREPEAT and most != least
            if (many and inside) or _risky(body, inside=inside or many):
                return True
        elif operation is _constants.SUBPATTERN:
            if _risky(argument[-1], inside=inside):
                return True
        elif operation is _constants.BRANCH and any(_risky(branch, inside=inside) for branch in argument[1]):
            return True
    return False
