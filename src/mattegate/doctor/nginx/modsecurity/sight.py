"""What a rule can look at: the request in one phase, the variables that rules have set, and texts made of both."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.modsecurity.asked import Asked, Seen, values_of
from mattegate.doctor.nginx.modsecurity.store import Store
from mattegate.doctor.nginx.modsecurity.values import ANYTHING, Value, Values
from mattegate.doctor.nginx.regex import Untranslated, search

if TYPE_CHECKING:
    from mattegate.doctor.nginx.modsecurity.engine import Engine

REQUEST_HEADERS: Final = 1
REQUEST_BODY: Final = 2
_MACRO: Final = re.compile(r"%\{([^}]*)\}")


@dataclass(slots=True)
class Sight:
    """Mutable: the phase goes on, and rules set variables and what reads the body."""

    engine: Engine
    asked: Asked
    phase: int = 0
    processor: Value = field(init=False)
    """What reads the body: ``MULTIPART``, ``JSON`` …; empty where nothing does."""
    store: Store = field(default_factory=Store)

    def __post_init__(self) -> None:
        self.processor = self.asked.kind

    def cut_off(self) -> None:
        """The body was thrown away; of one that nginx holds in memory, only what goes beyond the limit may be."""
        whole = self.asked.in_file or self.processor in {"", "URLENCODED"}
        self.asked = replace(self.asked, body_bytes=0)
        self.processor = self.processor if whole and self.processor != "XML" else None

    def values(self, collection: str, key: str) -> Values:
        """What a variable stands for now."""
        if "%{" in key:
            return ANYTHING
        if collection == "TX" and key and not key.startswith("/"):
            return self.store.named(key.lower())
        found = self.store.all() if collection == "TX" else values_of(collection, self._seen())
        if not key:
            return found
        return Values(tuple(pair for pair in found.known if _named(pair[0], key) is not False), found.more)

    def _seen(self) -> Seen:
        return Seen(self.asked, self.phase, self.processor, self._error())

    def _error(self) -> Value:
        """``REQBODY_ERROR``: only where a body is too large for what reads it."""
        if self.phase < REQUEST_BODY:
            return ""
        limit = self.engine.limit("secrequestbodynofileslimit")
        if self.processor in {"JSON", "XML", "URLENCODED"} and limit is not None and self.asked.body_bytes > limit:
            return "1"
        return None if self.processor is None else "0"

    def expanded(self, text: str) -> Value:
        """A text with its ``%{…}``."""
        names = _MACRO.findall(text)
        found = {name: self._macro(name) for name in names}
        if len(names) == 1 and text == f"%{{{names[0]}}}":
            return found[names[0]]
        if not all(isinstance(value, str) for value in found.values()):
            return None
        return _MACRO.sub(lambda name: str(found[name[1]]), text)

    def _macro(self, name: str) -> Value:
        collection, _, key = name.partition(".")
        values = self.values(collection.upper(), key.lower())
        if values.more and not values.known:
            return None
        return values.known[0][1] if values.known else ""


def _named(name: str, key: str) -> bool | None:
    """Whether a value has the name that a rule asks for."""
    if not (key.startswith("/") and key.endswith("/") and len(key) > 1):
        return name.lower() == key.lower()
    try:
        return search(key[1:-1], name, ignore_case=True) is not None
    except Untranslated:
        return None
