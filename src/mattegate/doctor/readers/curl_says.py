"""What curl says of itself in the lines that begin with a star: where it connected, through what, what failed."""

from __future__ import annotations

import re
from typing import Final

from mattegate.doctor.readers.http_message import Target, target_of
from mattegate.doctor.redact import safe

GLUED: Final = re.compile(r"\* (?:Connection #\d|Closing connection|Issue another request|Excess found|shutting down)")
"""What may stand behind a body that ends without a line end."""
_TELLING: Final = re.compile(
    r"refused|reset|timed out|timeout|empty reply|could not|couldn't|unable|failed|fail\b|alert|error|problem|mismatch"
    r"|does not match|expired|self.signed|stop sending|unexpected|no alternative|denied|too large|was aborted",
    re.IGNORECASE,
)
_MOST_NOTES: Final = 2_048

_FACTS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"Trying \[?(?P<address>[0-9A-Fa-f.:]{2,45}?)\]?:(?P<port>\d{1,5})\.\.\.",
        r"Trying (?P<address>[0-9A-Fa-f.:]{2,45})\.\.\.",
        r"connect to (?P<address>[0-9A-Fa-f.:]{2,45}) port (?P<port>\d{1,5}) (?:from \S{1,60} port \d{1,5} )?failed",
        r"Connected to (?P<host>\S{1,255}) \((?P<address>[0-9A-Fa-f.:]{2,45})\) port (?P<port>\d{1,5})",
        r"Established connection to (?P<host>\S{1,255}) \((?P<address>[0-9A-Fa-f.:]{2,45}) port (?P<port>\d{1,5})\)",
        r"Could not resolve (?:host|proxy): (?P<unresolved>\S{1,255})",
        r"Uses proxy env variable (?P<proxy_variable>\w{1,40}) == '(?P<proxy>[^']{1,400})'",
        r"Connected to proxy|Establish HTTP proxy tunnel to (?P<tunnel_to>\S{1,255})",
        r"CONNECT tunnel failed, response (?P<proxy_status>\d{3})",
        r"Received HTTP code (?P<proxy_status>\d{3}) from proxy after CONNECT",
        r"SSL connection using (?P<tls>TLSv?[\d.]{1,4})",
        r"ALPN:? (?:server accepted(?: to use)?|server accepted:) (?P<alpn>\S{1,20})",
        r"\s*subject: (?P<certificate_subject>.{1,400})",
        r"\s*issuer: (?P<certificate_issuer>.{1,400})",
        r"\s*expire date: (?P<certificate_expires>.{1,60})",
        r"SSL certificate verify (?:result: )?(?P<certificate_verify>.{1,200})",
        r"SSL certificate problem: (?P<certificate_verify>.{1,200})",
        r"TLSv?[\d.]{1,4} \(IN\), TLS alert, (?P<tls_alert>.{1,120})",
        r"TLSv?[\d.]{1,4} \(IN\), TLS handshake, Request CERT(?P<certificate_requested>.?)",
        r"Issue another request to this URL: '(?P<redirected_to>[^']{1,2000})'",
        r"(?:\[HTTP/[23]\] \[\d+\] |h2h?3? )\[:(?P<pseudo>method|path|authority|scheme): (?P<value>.{0,4000})\]",
        r"\[HTTP/[23]\] \[\d+\] OPENED stream for (?P<stream_url>\S{1,4000})",
        r"(?P<stopped_upload>HTTP error before end of send)",
    )
)
_CURL_SAYS: Final = re.compile(
    r"Connection |Closing |Re-using |Found bundle |Host |Could not|Recv failure|TLSv|Ignoring |Mark bundle|OpenSSL "
    r"|schannel|Maximum|Curl_|transfer closed|Operation timed out|Please rewind|Switched from|Uses proxy"
    r"|Hostname |Server auth"
)


def is_curls(text: str) -> bool:
    """Whether a line with a star between lines of a body is curl's word, and no line of the body."""
    mine = GLUED.match(f"* {text}") or _CURL_SAYS.match(text)
    return mine is not None or any(pattern.match(text) for pattern in _FACTS)


class Said:
    """What was said so far, of the connection that is in use and of what is asked over it."""

    def __init__(self) -> None:
        self.connection: dict[str, str] = {}
        self.asked: Target | None = None
        """What the command, or HTTP/2's pseudo headers, ask for."""
        self.notes: list[str] = []
        """What sounds like trouble, word for word."""

    def hear(self, text: str) -> None:
        """One line behind its star."""
        for pattern in _FACTS:
            if (found := pattern.match(text)) is not None:
                self._learn({name: value for name, value in found.groupdict().items() if value is not None})
                break
        if _TELLING.search(text) and sum(map(len, self.notes)) < _MOST_NOTES:
            self.notes.append(safe(text.strip())[:400])

    def scheme(self, *, sent: bool) -> str:
        """What the connection was opened with, where nothing else told the scheme."""
        if "tls" in self.connection or "tls_alert" in self.connection:
            return "https"
        return "http" if sent and "address" in self.connection else ""

    def _learn(self, facts: dict[str, str]) -> None:
        if "pseudo" in facts:
            self._pseudo(facts["pseudo"], facts["value"])
            return
        if "stream_url" in facts:
            self.asked = target_of(facts["stream_url"])
            return
        if "address" in facts:
            self.connection = {name: fact for name, fact in self.connection.items() if name.startswith("proxy")}
        if "certificate_requested" in facts:
            facts["certificate_requested"] = "yes"
        self.connection |= {name: safe(value.strip()) for name, value in facts.items()}

    def _pseudo(self, name: str, value: str) -> None:
        asked = self.asked or Target()
        if name == "scheme":
            self.asked = asked._replace(scheme=safe(value))
        elif name == "authority":
            self.asked = asked._replace(host=safe(value).lower())
        elif name == "path":
            self.asked = asked._replace(path=safe(value))
