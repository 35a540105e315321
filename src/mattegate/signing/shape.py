"""Judges a text by its looks: whether it may be a key of this installation, and if not, what its owner did to it.

What is looked at, in this order; the first that fits is told:

1. a key of ours, whole and with the right checksum
2. nothing at all, quotation marks, spaces
3. a known prefix: a key of ours with a mistake, or a key that was brought from elsewhere
4. a known prefix in the wrong case
5. a key of ours without its prefix, which the checksum proves
6. the prefix of another environment
7. anything else: perhaps a key from elsewhere, perhaps no key

Nothing of a text goes into the outcome but a whole public id under a right checksum: prefixes and environments are
taken from the rules, or from a list of words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

from mattegate.signing.keys import BODY, BODY_LENGTH, id_of
from mattegate.vocabulary.attempt import Flaw
from mattegate.vocabulary.rulebook import CredentialRules

FOREIGN_LENGTH: Final = 512
"""The most characters of a key that was brought from elsewhere."""

QUOTES: Final = (
    *"\"'`´‘’‚‛“”„‟«»‹›",
    *("%22", "%27", "%60", "%e2%80%9c", "%e2%80%9d", "%e2%80%98", "%e2%80%99"),
    *("&quot;", "&#34;", "&#39;", "&apos;", "\\u0022", "\\u0027", '\\"', "\\'"),
)
"""Quotation marks, and what becomes of them on the way; lower case."""

_INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
QUERY_NAMES: Final = frozenset(
    {
        *("api_key", "api-key", "apikey", "key", "token", "access_token", "access-token", "auth_token"),
        *("authorization", "bearer", "x-api-key", "x_api_key"),
    }
)
"""What keys are called in addresses, lower case."""

_ENCODED_SPACE = r"(?:%20|%09|%0a|%0d|%c2%a0)"
_SPACE_AT_END = re.compile(rf"^{_ENCODED_SPACE}|{_ENCODED_SPACE}$", re.IGNORECASE)
_VISIBLE = re.compile(r"[!-~]+")
_WORD = re.compile(r"[0-9A-Za-z_-]{1,128}")

_NEAR = 8
"""A known prefix and so many characters more or less than a key has: a mistake, not another thing."""
_NEARLY_BODY = re.compile(r"[0-9A-Za-z]{9,15}_[0-9A-Za-z]{32,44}")

_SAME: Final = (
    frozenset({"prod", "production", "live"}),
    frozenset({"test", "testing", "sandbox"}),
    frozenset({"dev", "development"}),
    frozenset({"stage", "staging"}),
)
_WORDS: Final = "|".join(sorted({word for words in _SAME for word in words}, key=len, reverse=True))
_USUAL_PREFIX = re.compile(rf"((?:[A-Za-z][0-9A-Za-z]{{0,11}}[_-])?)({_WORDS})[_-]", re.IGNORECASE | re.ASCII)


class Look(NamedTuple):
    """How a text looks; fields as in :class:`~mattegate.vocabulary.attempt.Presented`."""

    flaw: Flaw = Flaw.NONE
    prefix: str = ""
    environment: str = ""
    key_id: str = ""


def judge(text: str, rules: CredentialRules) -> Look:
    """What is wrong with ``text`` as a key, if anything; never raises."""
    known = Known.of(rules)
    if known.own.get(text[:-BODY_LENGTH]) is not None and (key_id := id_of(text)):
        return known.whole(text[:-BODY_LENGTH], key_id)
    if flaw := _wrapping(text):
        return Look(flaw)
    for prefix in known.prefixes:
        if text.startswith(prefix):
            return _prefixed(text, prefix, known)
    lower = text[:64].casefold()
    for prefix in known.prefixes:
        if lower.startswith(prefix.casefold()):
            return Look(Flaw.CASE, prefix, known.environment_of(prefix))
    return _unprefixed(text, known)


@dataclass(frozen=True, slots=True)
class Known:
    """The rules, prepared for looking at many texts."""

    own: MappingProxyType[str, str]
    """Environments by prefix."""
    foreign: tuple[str, ...]
    prefixes: tuple[str, ...]
    """All of them, the longest first."""
    served: tuple[str, ...]
    foreign_keys: bool
    expected: str
    """How keys of ours begin."""
    in_query: re.Pattern[bytes]
    """What a query string with a key in it holds, once decoded."""
    brands: re.Pattern[str] | None
    """A known maker's word and that for any environment."""

    @staticmethod
    def of(rules: CredentialRules) -> Known:
        """Prepared once for each rulebook."""
        return _known(rules)

    def whole(self, prefix: str, key_id: str) -> Look:
        """A key of ours with nothing wrong but, perhaps, where it was sent to."""
        environment = self.own[prefix]
        if environment in self.served:
            return Look(Flaw.NONE, prefix, environment, key_id)
        return Look(Flaw.ENVIRONMENT, self.expected, environment, key_id)

    @property
    def expected_foreign(self) -> str:
        """How keys from elsewhere begin; empty where they have nothing in common."""
        return next((prefix for prefix in self.foreign if self.environment_of(prefix) in ("", *self.served)), "")

    def sibling(self, brand: str) -> str:
        """The known prefix of the same maker for an environment that is served."""
        alike = [prefix for prefix in self.prefixes if prefix.casefold().startswith(brand.casefold())]
        return next((prefix for prefix in alike if self.environment_of(prefix) in self.served), self.expected)

    def environment_of(self, prefix: str) -> str:
        """What a known prefix stands for; empty where it cannot be told."""
        if prefix in self.own:
            return self.own[prefix]
        found = _USUAL_PREFIX.fullmatch(prefix)
        return self.environment_named(found[2]) if found else ""

    def environment_named(self, word: str) -> str:
        """The served environment that a word stands for (``live`` is ``prod``), or the word itself."""
        word = word.lower()
        alike = next((words for words in _SAME if word in words), frozenset({word}))
        return next((served for served in self.served if served in alike), word)


@lru_cache(maxsize=16)
def _known(rules: CredentialRules) -> Known:
    own = {prefix: environment for prefix, environment in rules.prefixes if prefix}
    foreign = tuple(prefix for prefix in rules.foreign_prefixes if prefix)
    prefixes = tuple(sorted({*own, *foreign}, key=lambda prefix: (-len(prefix), prefix)))
    served_first = [prefix for prefix, environment in own.items() if environment in rules.environments]
    return Known(
        own=MappingProxyType(own),
        foreign=foreign,
        prefixes=prefixes,
        served=rules.environments,
        foreign_keys=rules.foreign_keys,
        expected=next(iter([*served_first, *own]), ""),
        in_query=re.compile("|".join(map(re.escape, (*QUERY_NAMES, *prefixes))).encode(), re.IGNORECASE),
        brands=_brands(prefixes),
    )


def _brands(prefixes: Iterable[str]) -> re.Pattern[str] | None:
    brands = {found[1] for prefix in prefixes if (found := _USUAL_PREFIX.fullmatch(prefix))}
    spelled = "|".join(re.escape(brand) for brand in sorted(brands, key=lambda brand: (-len(brand), brand)))
    return re.compile(rf"({spelled})({_WORDS})[_-]", re.IGNORECASE | re.ASCII) if brands else None


def _wrapping(text: str) -> Flaw:
    """What stands around the key that is no part of it."""
    bare = text.strip().strip(_INVISIBLE)
    lower = bare.casefold()
    if lower.startswith(QUOTES) or lower.endswith(QUOTES):
        return Flaw.QUOTES if _WORD.search(bare) else Flaw.EMPTY
    if not bare:
        return Flaw.EMPTY
    return Flaw.SPACES if len(text.split()) > 1 or bare != text or _SPACE_AT_END.search(text) else Flaw.NONE


def _prefixed(text: str, prefix: str, known: Known) -> Look:
    """A text under a known prefix that is no whole key of ours."""
    rest = text[len(prefix) :]
    environment = known.environment_of(prefix)
    if prefix not in known.own and (proof := _lost_prefix(text, known)):
        return proof
    may_be_foreign = prefix in known.foreign or known.foreign_keys
    if prefix in known.own and _mistyped(rest, strictly=may_be_foreign):
        return Look(Flaw.CHECKSUM, prefix, environment)
    if not may_be_foreign or not rest or not _may_be_foreign(text):
        return Look(Flaw.MALFORMED, prefix, environment)
    if environment and environment not in known.served:
        found = _USUAL_PREFIX.fullmatch(prefix)
        return Look(Flaw.ENVIRONMENT, known.sibling(found[1] if found else prefix), environment)
    return Look(Flaw.NONE, prefix, environment)


def _mistyped(rest: str, *, strictly: bool) -> bool:
    """Whether it was a key of ours; ``strictly`` where a sound key from elsewhere could look much like one."""
    return bool(_NEARLY_BODY.fullmatch(rest)) if strictly else abs(len(rest) - BODY_LENGTH) <= _NEAR


def _unprefixed(text: str, known: Known) -> Look:
    if proof := _lost_prefix(text, known):
        return proof
    if known.brands and (found := known.brands.match(text)):
        environment = known.environment_named(found[2])
        if environment not in known.served:
            return Look(Flaw.ENVIRONMENT, known.sibling(found[1]), environment)
        if not known.foreign_keys:
            return Look(Flaw.PREFIX, known.sibling(found[1]))
    if known.foreign_keys and _may_be_foreign(text):
        return Look()
    expected = known.expected if BODY.fullmatch(text[-BODY_LENGTH:]) else known.expected_foreign
    if expected and _WORD.fullmatch(text):
        return Look(Flaw.PREFIX, expected, known.environment_of(expected))
    return Look(Flaw.MALFORMED)


def _lost_prefix(text: str, known: Known) -> Look | None:
    """A key of ours whose prefix was lost or mistyped; the checksum tells which one it had."""
    body = text[-BODY_LENGTH:]
    if BODY.fullmatch(body):
        for prefix, environment in known.own.items():
            if id_of(prefix + body):
                return Look(Flaw.PREFIX, prefix, environment)
    return None


def _may_be_foreign(text: str) -> bool:
    return len(text) <= FOREIGN_LENGTH and bool(_VISIBLE.fullmatch(text))
