"""The image of a request from an address that its caller names: fetched behind the claim, by the guard, within bounds.

Rules of this file: a few at a time, and of one account fewer, so that slow servers of one caller's keep nobody else
waiting; never more bytes than an upload may have. What an inner network is like is nobody's business who only named an
address: that it leads inside, that nobody is there and that no such name exists are one answer to him
(``upload.url_refused``), and three on record.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from functools import reduce
from typing import TYPE_CHECKING, Final

from mattegate.gate.case import proven_keys
from mattegate.outbound.blocked import Blocked, Cause
from mattegate.outbound.configured import host_names, image_rules
from mattegate.outbound.fetch import GuardedHttp
from mattegate.outbound.images import fetch_image
from mattegate.serving.body import too_large
from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mattegate.config.settings import Settings
    from mattegate.outbound.guard_rules import OutboundRules
    from mattegate.serving.walk import Walk
    from mattegate.vocabulary.facts import KeyView

AT_ONCE: Final = 32
"""Images that are fetched at a time."""
OF_ONE: Final = 8
"""Of these, for one account."""
_BY_CAUSE: Final = {
    Cause.URL: "upload.url_redirect",
    Cause.SCHEME: "upload.url_redirect",
    Cause.REDIRECT: "upload.url_redirect",
    Cause.HOST: "upload.url_not_allowed",
    Cause.PORT: "upload.url_not_allowed",
    Cause.TYPE: "upload.url_type",
    Cause.ENCODING: "upload.url_type",
}
"""Reasons of what is wrong with a hop; everything that is neither here nor below is ``upload.url_refused``."""
_SPELLING: Final = frozenset({Cause.URL, Cause.SCHEME, Cause.HOST, Cause.PORT})
_BEFORE: Final = frozenset({"resolve", "connect"})
"""Stages of which the caller learns no more than that they led nowhere."""


class ImageFetcher:
    """Fetches images; one for a server.

    ``http`` is one of its own, so that what strangers name takes nothing from what operators set; ``rules`` are those
    of the settings unless told.
    """

    def __init__(
        self, settings: Settings, http: GuardedHttp | None = None, *, rules: OutboundRules | None = None
    ) -> None:
        self._upload = settings.upload
        self._rules = rules or image_rules(settings.outbound, settings.upload)
        self._http = http or GuardedHttp()
        self._open: Counter[str] = Counter()

    async def fetch(self, url: str, walk: Walk, *, room: int) -> bytes:
        """The bytes at ``url``, at most ``room``; whether they are an image, whoever decodes them finds out.

        Raises :class:`Refusal` ``upload.url_*``, ``upload.too_large`` or ``capacity.fetches``.
        """
        assert walk.caller is not None
        rules = reduce(_narrowed, proven_keys(walk.facts) or (walk.caller,), self._rules)
        with self._one_more(walk.caller.identity.id):
            try:
                return (await fetch_image(self._http, url, rules, max_bytes=room)).body
            except Blocked as blocked:
                raise self._refusal(blocked) from blocked

    @contextmanager
    def _one_more(self, account: str) -> Iterator[None]:
        if self._open.total() >= AT_ONCE or self._open[account] >= OF_ONE:
            raise Refusal("capacity.fetches", limit=OF_ONE if self._open[account] >= OF_ONE else AT_ONCE)
        self._open[account] += 1
        try:
            yield
        finally:
            self._open[account] -= 1
            if not self._open[account]:
                del self._open[account]

    def _refusal(self, blocked: Blocked) -> Refusal:
        if blocked.cause is Cause.TOO_LARGE:
            return too_large(self._upload, read=0, declared=None)
        if blocked.cause in _SPELLING and "hop" not in blocked.facts:  # the caller's own text, not yet asked about
            return Refusal("upload.url_malformed", problem=blocked.problem)
        facts: dict[str, object] = {"cause": blocked.cause.value, "problem": blocked.problem}
        if blocked.cause is Cause.STATUS:
            return Refusal("upload.url_status", found=blocked.facts["status"], **facts)
        if blocked.cause is Cause.TIMEOUT and blocked.facts.get("stage") not in _BEFORE:
            return Refusal("upload.url_timeout", **facts)
        return Refusal(_BY_CAUSE.get(blocked.cause, "upload.url_refused"), **facts)


def _narrowed(rules: OutboundRules, key: KeyView) -> OutboundRules:
    return rules.only(host_names(key.url_hosts)) if key.url_hosts else rules
