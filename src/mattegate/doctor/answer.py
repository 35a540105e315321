"""The one answer: what every part of the doctor comes down to, whatever it was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Layer(StrEnum):
    """Where on its way a request can be refused, roughly from the outside in."""

    DNS = "dns"
    TCP = "tcp"
    CONTAINER_PORT = "container-port"
    TLS_MTLS = "tls-mtls"
    FORWARD_PROXY = "forward-proxy"
    CDN = "cdn"
    WAF = "waf"
    HOST = "host"
    ROUTE = "route"
    NGINX_LOCATION = "nginx-location"
    NGINX_ACCESS = "nginx-access"
    NGINX_RETURN = "nginx-return"
    NGINX_AUTH = "nginx-auth"
    HEADER_PASSTHROUGH = "header-passthrough"
    CORS_PREFLIGHT = "cors-preflight"
    CORS_RESPONSE = "cors-response"
    RATE_LIMIT = "rate-limit"
    UPLOAD = "upload"
    FILESYSTEM = "filesystem"
    MANDATORY_ACCESS = "mandatory-access"
    UPSTREAM_CONNECT = "upstream-connect"
    API_KEY = "api-key"
    SIGNATURE = "signature"
    JWT = "jwt"
    AUTHORIZER = "authorizer"
    POLICY = "policy"
    QUOTA = "quota"
    APP = "app"


class Certainty(StrEnum):
    """How sure a finding is: never a number, because nobody has one."""

    PROVEN = "proven"
    """The refusing part itself said so, or the rule that decides was evaluated, or an experiment showed it."""
    LIKELY = "likely"
    """The evidence fits this cause better than any other that is known."""
    POSSIBLE = "possible"
    """The evidence fits, and other causes as well."""


class Verdict(StrEnum):
    """What an answer amounts to."""

    FAULT = "fault"
    CLEAN = "clean"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Culprit:
    """The line that decides. ``line`` counts from 1; 0 where a file as a whole is meant."""

    file: str
    line: int
    text: str

    def as_json(self) -> dict[str, Any]:
        """The members of the answer's schema."""
        return {"file": self.file, "line": self.line, "text": self.text}


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause, with everything that speaks for it."""

    layer: Layer
    cause: str
    """A code of the catalogue of causes."""
    certainty: Certainty
    title: str
    """One sentence: what is wrong."""
    request: str = ""
    """``METHOD /path`` of the request it happened to, with a word on the variant; empty where it concerns all."""
    status: int | None = None
    """What that request is answered; ``None`` where there is no answer, or none is known."""
    culprit: tuple[Culprit, ...] = ()
    evidence: tuple[str, ...] = ()
    remedy: str = ""
    change: str = ""
    """The smallest change to a file that mends it, as a unified diff; empty where there is none to give."""
    next: str = ""
    """A command to run next; empty where the remedy is all there is to do."""
    tell_apart: str = ""
    """What would tell it from the causes that look alike."""
    verified_by: tuple[str, ...] = ()
    """Experiments that bore it out: ``real nginx: 403 → 200``."""
    facts: Mapping[str, str] = field(default_factory=dict, compare=False)
    """What fills the cause's sentences, for whoever tells them in another language; no part of the schema."""

    def as_json(self) -> dict[str, Any]:
        """The members of the answer's schema."""
        return {
            "layer": str(self.layer),
            "cause": self.cause,
            "certainty": str(self.certainty),
            "title": self.title,
            "request": self.request,
            "status": self.status,
            "culprit": [culprit.as_json() for culprit in self.culprit],
            "evidence": list(self.evidence),
            "remedy": self.remedy,
            "change": self.change,
            "next": self.next,
            "tell_apart": self.tell_apart,
            "verified_by": list(self.verified_by),
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What the doctor says. Best finding first."""

    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    checked: tuple[str, ...] = ()
    not_checked: tuple[str, ...] = ()
    """What could not be judged, each with the reason."""
    requests: tuple[Mapping[str, Any], ...] = ()
    """What each request that was walked or sent gets, ready for JSON: ``request``, ``status``, ``decided_by``, …"""
    legend: tuple[str, ...] = ()
    """Of a report that is safe to post: what stands in for what, without the originals. No part of the schema."""
    clean_word: str = ""
    """The renderers' word for a clean answer that is not about what refuses a request. No part of the schema."""

    def as_json(self) -> dict[str, Any]:
        """The answer's schema, the same for every input."""
        return {
            "verdict": str(self.verdict),
            "findings": [finding.as_json() for finding in self.findings],
            "checked": list(self.checked),
            "not_checked": list(self.not_checked),
            "requests": [dict(request) for request in self.requests],
        }
