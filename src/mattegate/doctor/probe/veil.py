"""The secrets of one run, and how they are kept out of everything that is shown.

:mod:`mattegate.doctor.redact` hides what looks like a secret; this hides what is known to be one, in whatever form a
server may repeat it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from mattegate.doctor.observation import Headers
from mattegate.doctor.redact import safe, safe_headers

HIDDEN = "[hidden]"


class Veil:
    """Hides the given secrets, and whatever else looks like one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets if secret for form in _forms(secret)}
        self._forms = sorted(forms, key=len, reverse=True)

    def text(self, text: str) -> str:
        """``text`` without secrets and control characters."""
        return safe(self.known(text))

    def headers(self, headers: Headers) -> Headers:
        """Names in lower case, values without secrets."""
        hinted = safe_headers(tuple((name.lower(), value) for name, value in headers))
        return tuple((name, self.known(value)) for name, value in hinted)

    def known(self, text: str) -> str:
        """``text`` without the secrets that are known, and otherwise untouched."""
        for form in self._forms:
            text = text.replace(form, HIDDEN)
        return text


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    for user in ("", "key:", "user:", "api:"):
        yield b64encode(f"{user}{secret}".encode()).decode().rstrip("=")
    yield b64encode(f"{secret}:".encode()).decode().rstrip("=")
