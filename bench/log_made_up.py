"""Logs of any length, made up while they are read: by their names, who reads them and what makes their lines."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping
from typing import Final

from bench import log_lines_clouds as clouds
from bench import log_lines_programs as programs
from bench import log_lines_servers as servers
from bench.log_scenery import NUMBER, WORD

Make = Callable[[int], str]
_LINES: Final = 10_000

LOGS: Final[Mapping[str, tuple[str, Make]]] = {
    "access": ("access", servers.access),
    "access, refused": ("access", servers.access_refused),
    "scan": ("access", servers.scan),
    "nginx error": ("nginx-error", servers.nginx_error),
    "apache error": ("apache-error", servers.apache_error),
    "modsecurity": ("nginx-error", servers.modsecurity),
    "haproxy": ("haproxy-log", servers.haproxy),
    "caddy": ("caddy-log", servers.caddy),
    "traefik": ("traefik-log", servers.traefik),
    "traefik, JSON": ("traefik-log", servers.traefik_json),
    "envoy, JSON": ("envoy-log", servers.envoy),
    "squid": ("squid-access", servers.squid),
    "selinux": ("selinux", servers.selinux),
    "API Gateway, JSON": ("aws-apigw-access", clouds.gateway),
    "API Gateway, execution": ("aws-apigw-execution", clouds.gateway_execution),
    "WAF": ("aws-waf", clouds.waf),
    "load balancer": ("aws-alb", clouds.balancer),
    "CloudFront": ("aws-cloudfront", clouds.cloudfront),
    "uvicorn": ("app-log", programs.uvicorn),
    "application": ("app-log", programs.python),
    "application, quiet": ("app-log", programs.quiet),
    "application, new words": ("app-log", programs.new_words),
    "application, JSON": ("app-log", programs.structured),
    "application, logfmt": ("app-log", programs.logfmt),
    "composition": ("mixed", programs.composition),
    "composition, refused": ("mixed", programs.composition_refused),
    "four programs": ("mixed", programs.mixture),
    "syslog": ("mixed", programs.syslog),
    "journal": ("mixed", programs.journal),
    "journal, JSON": ("nginx-error", programs.journal_json),
    "docker": ("access", programs.container),
    "pod": ("mixed", programs.pod),
}


class MadeUp(io.RawIOBase):
    """A log of which only a piece is in memory."""

    def __init__(self, make: Make, total: int) -> None:
        self._piece = "".join(f"{make(n)}\n" for n in range(_LINES)).encode()
        self.total = self.left = total
        """Bytes of it, and those that are still to be read."""
        self._number = 0
        self._held = memoryview(b"")
        self.took = 0.0
        """Processor time that making it up has taken."""

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most so much of it."""
        begin = time.process_time()
        if not self._held and self.left > 0:
            self._held = memoryview(self._next()[: self.left])
            self.left -= len(self._held)
        cut = len(self._held) if size < 0 else size
        part, self._held = bytes(self._held[:cut]), self._held[cut:]
        self.took += time.process_time() - begin
        return part

    def _next(self) -> bytes:
        self._number += 1
        word = "".join(chr(97 + self._number // 26**place % 26) for place in range(3))
        return self._piece.replace(NUMBER.encode(), b"%d" % self._number).replace(WORD.encode(), word.encode())
