"""Answers to render: one of each kind, written down whole, so that what the readers learn changes no golden file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from mattegate.doctor.answer import Answer, Certainty, Culprit, Finding, Layer, Verdict


def walk(request: str, **members: Any) -> dict[str, Any]:
    """A request of the nginx model, as it stands in an answer."""
    base: dict[str, Any] = {"request": request, "host": "cut.example.com", "client": "192.0.2.10", "steps": []}
    return base | {"status": None, "decided_by": None, "mechanism": "", "unknown": []} | members


_DENIED_BY: Final = {"file": "site.conf", "line": 12, "text": "deny all;"}
_PROXIED_BY: Final = {"file": "site.conf", "line": 20, "text": "proxy_pass http://127.0.0.1:8000/;"}
DENIED_WALK: Final = walk(
    "POST /v1/remove-bg",
    outcome="answers",
    status=403,
    mechanism="access",
    decided_by=_DENIED_BY,
    steps=["location: location /v1/ { … }", "realip: X-Forwarded-For makes the client 203.0.113.7, was 192.0.2.10"],
)
PASSED_WALK: Final = walk(
    "GET /health",
    outcome="forwards",
    mechanism="proxy_pass",
    decided_by=_PROXIED_BY,
    upstream={"address": "http://127.0.0.1:8000/", "uri": "/health", "headers": [["Host", "cut.example.com"]]},
    steps=["location: location / { … }", "access: access lets it pass"],
)

DENY: Final = Finding(
    layer=Layer.NGINX_ACCESS,
    cause="access.rule_denies",
    certainty=Certainty.PROVEN,
    title="`deny all;` refuses 203.0.113.7",
    request="POST /v1/remove-bg",
    status=403,
    culprit=(Culprit("site.conf", 12, "deny all;"),),
    evidence=(
        "location: location /v1/ { … } (site.conf:9)",
        "decided by deny all; (site.conf:12)",
        "error.log:4711: access forbidden by rule, client: 203.0.113.7, server: cut.example.com",
        "the access log has 40 of these since 03:00",
        "no answer came from upstream",
    ),
    remedy="If 203.0.113.7 should get in, put an `allow` for its network above site.conf:12. "
    "Leave the rest of the list as it is.",
    next="grep 'access forbidden by rule' /var/log/nginx/error.log | tail",
    tell_apart="A `return 403` writes no line to the error log; this rule does.",
    verified_by=("real nginx: 403 → 200",),
    facts={"rule": "deny all;", "client": "203.0.113.7", "place": "site.conf:12", "path": "/v1/remove-bg"},
)
SIZE: Final = Finding(
    layer=Layer.UPLOAD,
    cause="body.too_large",
    certainty=Certainty.LIKELY,
    title="A body of 9000000 bytes is over `client_max_body_size` (1m, the default)",
    request="POST /v1/remove-bg (9 MB upload)",
    status=413,
    culprit=(Culprit("site.conf", 9, "location /v1/ { … }"),),
    evidence=("location: location /v1/ { … } (site.conf:9)",),
    remedy="Set `client_max_body_size 12m;` in the location of the upload.",
    next="grep 'client intended to send too large body' /var/log/nginx/error.log | tail -3",
)
WAF: Final = Finding(
    layer=Layer.WAF,
    cause="waf.cloudflare",
    certainty=Certainty.POSSIBLE,
    title="A rule of the firewall in front may have refused it",
    status=403,
    evidence=("cf-ray is there, and a body of Cloudflare's own",),
)

FAULT: Final = Answer(
    Verdict.FAULT,
    findings=(DENY, SIZE),
    checked=("POST /v1/remove-bg", "GET /health", "clock: the server's is 2 s ahead"),
    not_checked=("modsecurity is on here, and its rules were not read (site.conf:3)",),
    requests=(DENIED_WALK, PASSED_WALK),
)
SEEN: Final = Answer(
    Verdict.FAULT,
    findings=(WAF, replace(DENY, certainty=Certainty.LIKELY, verified_by=())),
    checked=("DNS: cut.example.com is 192.0.2.80", "TCP: 192.0.2.80:443 is open."),
)
CLEAN: Final = Answer(
    Verdict.CLEAN, checked=("GET /health", "preflight: a browser sends none"), requests=(PASSED_WALK,)
)
MEANT: Final = Answer(Verdict.CLEAN, checked=("POST /v1/remove-bg",), requests=(DENIED_WALK, PASSED_WALK))
UNDECIDED: Final = Answer(
    Verdict.UNDECIDED,
    checked=("GET /health",),
    not_checked=("GET /health: if ($lua_said) depends on a variable that nobody here knows",),
    requests=(
        walk("GET /health", outcome="undecided", unknown=["if ($lua_said)"], steps=["location: location / { … }"]),
    ),
)
NOTHING: Final = Answer(Verdict.UNDECIDED)
EVERY: Final = {
    "fault": FAULT, "seen": SEEN, "clean": CLEAN, "meant": MEANT, "undecided": UNDECIDED, "nothing": NOTHING,
}  # fmt: skip
