"""Every format's lines, as its documentation has them: recognised by one reader, and told by the usual names."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.doctor.readers.logs.reading import one, read, recognising

AT = 1767323045.0
"""2026-01-02T03:04:05Z."""
_TAIL = ', client: 192.0.2.1, server: s, request: "POST /a?b=c HTTP/1.1"'


@pytest.mark.parametrize(
    ("level", "message", "tail", "fields"),
    [
        ("error", "access forbidden by rule", ', host: "h"', {}),
        ("error", 'open() "/srv/x" failed (13: Permission denied)', ', host: "h"', {"errno": "13", "file": "/srv/x"}),
        ("error", 'directory index of "/srv/" is forbidden', ', host: "h"', {"file": "/srv/"}),
        ("error", 'openat() "/srv/l" failed (40: Too many levels of symbolic links)', ', host: "h"', {"errno": "40"}),
        ("error", "auth request unexpected status: 404 while sending to client", ', host: "h"', {}),
        ("info", "no user/password was provided for basic authentication", ', host: "h"', {}),
        ("error", 'user "u": password mismatch', ', host: "h"', {}),
        ("error", 'user "x" was not found in "/etc/p"', ', host: "h"', {}),
        ("error", 'limiting requests, excess: 1.000 by zone "api"', ', host: "h"', {"zone": "api"}),
        ("warn", 'delaying request, excess: 0.200, by zone "api"', ', host: "h"', {"zone": "api"}),
        ("error", 'limiting connections by zone "c"', ', host: "h"', {"zone": "c"}),
        ("error", "client intended to send too large body: 12345678 bytes", ', host: "h"', {}),
        ("error", "client intended to send too large chunked body: 1048576+32768 bytes", ', host: "h"', {}),
        ("info", "client sent no required SSL certificate while reading client request headers", ', host: "h"', {}),
        ("info", "client SSL certificate verify error: (18:self-signed certificate)", ', host: "h"', {}),
        (
            "crit",
            "connect() to unix:/run/a.sock failed (13: Permission denied) while connecting to upstream",
            ', upstream: "http://unix:/run/a.sock:/a?b=c", host: "h", referrer: "https://r.example/"',
            {"upstream": "http://unix:/run/a.sock:/a?b=c", "referrer": "https://r.example/"},
        ),
        (
            "error",
            "connect() failed (111: Connection refused)",
            ', subrequest: "/auth", upstream: "http://a:1/", host: "h"',
            {},
        ),
    ],
    ids=range(17),
)
def test_nginx_error_messages(level: str, message: str, tail: str, fields: dict[str, str]) -> None:
    """Every message of a refusal, with what follows it."""
    seen = one(f"2026/01/02 03:04:05 [{level}] 31#7: *12 {message}{_TAIL}{tail}\n")
    assert (seen.format, seen.message, seen.client, seen.request, seen.host, seen.at) == (
        "nginx-error",
        message,
        "192.0.2.1",
        "POST /a",
        "h",
        None,
    )
    told = {"level": level, "pid": "31", "tid": "7", "connection": "12", "server": "s", "time": "2026/01/02 03:04:05"}
    assert seen.fields.items() >= (told | fields).items()


def test_a_header_line_that_nginx_quotes_loses_its_secret() -> None:
    """At level info nginx writes what it could not read; the secret in it stays here."""
    seen = one(
        '2026/01/02 03:04:05 [info] 31#7: *12 client sent invalid header line: "X_API_KEY:'
        ' sk_live_0123456789abcdef" while '
        "reading client request headers, client: 192.0.2.1, server: , "
        'request: "GET / HTTP/1.1", host: "h"\n'
    )
    assert "0123456789abcdef" not in repr(seen)
    assert "X_API_KEY" in seen.message


def test_dull_lines_are_no_observations() -> None:
    """Starts, rewrites and connections that were closed say nothing of a refusal."""
    assert not read(
        "2026/01/02 03:04:05 [notice] 1#1: signal process started\n"
        '2026/01/02 03:04:05 [notice] 1#1: *1 "^/a" matches "/a/b", client: 192.0.2.1, server: , '
        'request: "GET /a/b HTTP/1.1"\n'
        "2026/01/02 03:04:05 [info] 1#1: *1 client 192.0.2.1 closed keepalive connection\n"
        '2026/01/02 03:04:05 [debug] 1#1: *1 http header: "Authorization: Bearer denied"\n',
        "nginx-error",
    )


@pytest.mark.parametrize(
    ("behind", "fields"),
    [
        ("", {}),
        (' "10.0.0.1, 10.0.0.2"', {"http_x_forwarded_for": "10.0.0.1, 10.0.0.2"}),
        (' rt=0.004 uct="-" us="-" ua="-"', {"request_time": "0.004", "upstream_status": "-"}),
        (" 0.004 upstream_status=502", {"request_time": "0.004", "upstream_status": "502"}),
        (
            " 512 0.004 [default-api-80] [] 10.2.0.7:8000 0 0.003 403 0123456789abcdef0123456789abcdef",
            {"proxy_upstream_name": "default-api-80", "upstream_addr": "10.2.0.7:8000", "upstream_status": "403"},
        ),
    ],
)
def test_access_lines_and_what_sites_put_behind(behind: str, fields: dict[str, str]) -> None:
    """The combined line with the usual additions, those of nginx's own example and of ingress-nginx among them."""
    text = (
        f'192.0.2.1 - bob [02/Jan/2026:04:04:05 +0100] "POST /a?b=c HTTP/2.0" 403 153 "https://r/" "curl/8"{behind}\n'
    )
    seen = one(text, "nginx-access")
    assert (seen.client, seen.status, seen.request, seen.http_version, seen.at) == (
        "192.0.2.1",
        403,
        "POST /a",
        "2.0",
        AT,
    )
    assert seen.request_headers == (("referer", "https://r/"), ("user-agent", "curl/8"))
    assert seen.fields.items() >= ({"remote_user": "bob", "body_bytes_sent": "153"} | fields).items()


def test_what_arrives_in_place_of_a_request() -> None:
    """A TLS handshake on a port for plain HTTP, nothing at all, and a client that went away."""
    head = "192.0.2.1 - - [02/Jan/2026:03:04:05 +0000]"
    seen = read(
        f'{head} "\\x16\\x03\\x01\\x02" 400 150 "-" "-"\n{head} "-" 400 0 "-" "-"\n{head} "GET /'
        f' HTTP/1.1" 499 0 "-" "curl"\n'
    )
    assert [(one.format, one.status, one.request, one.message) for one in seen] == [
        ("access", 400, "", "a TLS handshake on a port for plain HTTP"),
        ("access", 400, "", ""),
        ("nginx-access", 499, "GET /", ""),
    ]
    assert [one.fields.get("request") for one in seen] == ["\\x16\\x03\\x01\\x02", "-", None]


_JSON_LINES: dict[str, tuple[str, dict[str, Any]]] = {
    "nginx": (
        "nginx-access",
        {
            "time_iso8601": "2026-01-02T03:04:05+00:00",
            "remote_addr": "192.0.2.1",
            "request": "GET /a?b=c HTTP/1.1",
            "status": 403,
            "upstream_status": "",
            "http_host": "h",
        },
    ),
    "caddy": (
        "caddy-log",
        {
            "level": "error",
            "ts": AT,
            "logger": "http.log.access.log0",
            "msg": "handled request",
            "request": {
                "remote_ip": "10.0.0.9",
                "client_ip": "192.0.2.1",
                "method": "GET",
                "host": "h",
                "uri": "/a?b=c",
                "headers": {},
            },
            "status": 403,
        },
    ),
    "traefik": (
        "traefik-log",
        {
            "ClientHost": "192.0.2.1",
            "DownstreamStatus": 403,
            "OriginStatus": 0,
            "RequestHost": "h",
            "RequestMethod": "GET",
            "RequestPath": "/a?b=c",
            "RouterName": "api@docker",
            "StartUTC": "2026-01-02T03:04:05.0Z",
            "time": "2026-01-02T03:04:05Z",
        },
    ),
    "istio": (
        "envoy-log",
        {
            "authority": "h",
            "method": "GET",
            "path": "/a?b=c",
            "response_code": 403,
            "response_code_details": "rbac_access_denied_matched_policy[none]",
            "response_flags": "-",
            "start_time": "2026-01-02T03:04:05.000Z",
            "x_forwarded_for": "192.0.2.1",
            "upstream_host": None,
        },
    ),
    "waf": (
        "aws-waf",
        {
            "timestamp": int(AT * 1000),
            "terminatingRuleId": "Core",
            "action": "BLOCK",
            "responseCodeSent": 403,
            "ruleGroupList": [
                {"ruleGroupId": "g", "terminatingRule": {"ruleId": "SizeRestrictions_BODY", "action": "BLOCK"}}
            ],
            "httpRequest": {
                "clientIp": "192.0.2.1",
                "headers": [{"name": "Host", "value": "h"}],
                "uri": "/a",
                "args": "b=c",
                "httpMethod": "GET",
            },
            "labels": [{"name": "awswaf:managed:x"}],
        },
    ),
    "cloudfront v2": (
        "aws-cloudfront",
        {
            "date": "2026-01-02",
            "time": "03:04:05",
            "c-ip": "192.0.2.1",
            "cs-method": "GET",
            "x-host-header": "h",
            "cs-uri-stem": "/a",
            "cs-uri-query": "b=c",
            "sc-status": "403",
        },
    ),
    "api gateway": (
        "aws-apigw-access",
        {
            "requestId": "c6",
            "apiId": "x",
            "ip": "192.0.2.1",
            "requestTime": "02/Jan/2026:03:04:05 +0000",
            "httpMethod": "GET",
            "path": "/a?b=c",
            "domainName": "h",
            "routeKey": "GET /a",
            "status": "403",
            "authorizerError": "The client is not authorized",
        },
    ),
    "mattegate": (
        "mattegate-access",
        {
            "time": "2026-01-02T03:04:05.000Z",
            "address": "192.0.2.1",
            "method": "GET",
            "path": "/a?b=c",
            "status": 403,
            "reason": "origin.denied",
            "key": "abcdefghijkl",
            "identity": "bob",
            "bytes_in": 0,
            "request_id": "req_1",
        },
    ),
    "kong": (
        "app-log",
        {
            "client_ip": "192.0.2.1",
            "timestamp": AT,
            "request": {"method": "GET", "uri": "/a?b=c"},
            "response": {"status": 403},
        },
    ),
}
_NO_HOST = {"mattegate", "kong"}


@pytest.mark.parametrize("case", _JSON_LINES)
def test_json_lines(case: str) -> None:
    """Nine programs' JSON, one and the same request."""
    name, document = _JSON_LINES[case]
    seen = one(json.dumps(document, separators=(",", ":")) + "\n")
    assert (seen.format, seen.status, seen.client, seen.request, seen.path) == (
        name,
        403,
        "192.0.2.1",
        "GET /a",
        "/a?b=c",
    )
    assert seen.at == AT
    assert seen.host == ("" if case in _NO_HOST else "h")


def test_what_json_lines_explain() -> None:
    """A managed group's rule, the authorizer's error under ``$context``'s name, and a hyphen that was left out."""
    told = {case: one(json.dumps(document) + "\n").fields for case, (_, document) in _JSON_LINES.items()}
    assert (told["waf"]["rule"], told["waf"]["labels"]) == ("SizeRestrictions_BODY", "awswaf:managed:x")
    assert told["api gateway"]["authorizer.error"] == "The client is not authorized"
    assert told["api gateway"]["routeKey"] == "GET /a"
    assert told["nginx"]["upstream_status"] == "-"
    assert told["mattegate"]["key_id"] == "abcdefghijkl"


def test_traefiks_access_line_with_the_entry_point_of_its_log() -> None:
    """Traefik's access lines name the entry point, as the lines of its own log do."""
    members = {"ClientHost": "192.0.2.1", "DownstreamStatus": 403, "OriginStatus": 0, "RequestMethod": "GET"}
    members |= {"RequestPath": "/a", "RouterName": "api@docker", "entryPointName": "websecure", "level": "info"}
    seen = one(json.dumps(members | {"msg": "", "time": "2026-01-02T03:04:05Z"}) + "\n")
    assert (seen.format, seen.status, seen.request, seen.client) == ("traefik-log", 403, "GET /a", "192.0.2.1")


_UUID = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
_LINES = {
    "apache 2.2": (
        "apache-error",
        "[Fri Jan 02 03:04:05 2026] [error] [client 192.0.2.1] client denied by server configuration: /x",
    ),
    "haproxy tcp": ("haproxy-log", "192.0.2.1:5 [02/Jan/2026:03:04:05.123] f b/<NOSRV> -1/-1/0 0 PR 1/1/0/0/0 0/0"),
    "haproxy handshake": ("haproxy-log", "192.0.2.1:5 [02/Jan/2026:03:04:05.123] f/1: SSL handshake failure"),
    "traefik": (
        "traefik-log",
        '192.0.2.1 - - [02/Jan/2026:03:04:05 +0000] "GET /a HTTP/1.1" 403 9 "-" "-" 5 "api@docker" "-" 0ms',
    ),
    "traefik 2": (
        "traefik-log",
        (
            'time="2026-01-02T03:04:05Z" level=debug msg="Rejecting IP 192.0.2.1: \\"192.0.2.1\\"'
            " matched none of the trusted "
            'IPs" '
            "middlewareName=a@docker middlewareType=IPAllowLister"
        ),
    ),
    "traefik 3": (
        "traefik-log",
        (
            "2026-01-02T03:04:05Z DBG github.com/traefik/traefik/v3/pkg/middlewares/ipallowlist/ip_allowlist.go:80 > "
            "Rejecting IP 192.0.2.1: not in list middlewareName=a@file middlewareType=IPAllowLister"
        ),
    ),
    "envoy": (
        "envoy-log",
        '[2026-01-02T03:04:05.000Z] "GET /a HTTP/1.1" 403 UAEX 0 19 0 - "192.0.2.1" "curl" "r" "h" "-"',
    ),
    "istio": (
        "envoy-log",
        (
            '[2026-01-02T03:04:05.000Z] "GET /a HTTP/1.1" 403 -'
            ' rbac_access_denied_matched_policy[none] - "-" 0 19 0 - "-" "curl" '
            '"r" "h" "-" outbound|80||x - 10.0.0.1:80 192.0.2.1:5555 - default'
        ),
    ),
    "squid": (
        "squid-access",
        "1767323045.000    921 192.0.2.1 TCP_DENIED/403 3846 GET http://h/a - HIER_NONE/- text/html",
    ),
    "alb": (
        "aws-alb",
        (
            "https 2026-01-02T03:04:05.000000Z app/l/5 192.0.2.1:2817 - -1 -1 -1 403 - 34 366 "
            '"GET https://h:443/a HTTP/1.1" "curl" - - - "Root=1" "h" "-" 0'
            ' 2026-01-02T03:04:05.000000Z "waf" "-" "-" "-" "-" "-" "-"'
        ),
    ),
    "api gateway": (
        "aws-apigw-access",
        f'192.0.2.1 - - [02/Jan/2026:03:04:05 +0000]"GET /a HTTP/1.1" 403 23 {_UUID} X=',
    ),
    "cloudfront": (
        "aws-cloudfront",
        (
            "2026-01-02\t03:04:05\tLAX1\t392\t192.0.2.1\tGET\td.cloudfront.net\t/a\t403\t-\tcurl\t-\t"
            "-\tError\tid==\th\thttps\t23\t0.001\t"
            "-\tTLSv1.2\tX\tError\tHTTP/2.0\t-\t-\t11040\t0.001\tError\ttext/html\t78\t-\t-"
        ),
    ),
    "cloudfront realtime": (
        "aws-cloudfront",
        (
            "1767323045.000\t192.0.2.1\t0.001\t403\t391\tGET\thttps\th\t/a\t50\tDEN50\tid==\th\t0.001\tHTTP/2.0"
            "\tIPv4\tcurl\t-\t-\t-\tError"
        ),
    ),
    "uvicorn": ("app-log", 'INFO:     192.0.2.1:5 - "GET /a HTTP/1.1" 403 Forbidden'),
    "blocked": ("app-log", "2026-01-02 03:04:05,123 - rmbg - WARNING - Request from blocked IP: 192.0.2.1"),
}
_WITHOUT_STATUS = {"apache 2.2", "haproxy tcp", "haproxy handshake", "traefik 2", "traefik 3", "blocked"}
_WITHOUT_ZONE = {"apache 2.2", "haproxy tcp", "haproxy handshake", "uvicorn", "blocked"}


@pytest.mark.parametrize("case", _LINES)
def test_text_lines(case: str) -> None:
    """Fifteen spellings of one client's refusal."""
    name, line = _LINES[case]
    seen = one(line + "\n")
    assert (seen.format, seen.client) == (name, "192.0.2.1")
    assert (seen.status, seen.request) == ((None, "") if case in _WITHOUT_STATUS else (403, "GET /a"))
    assert seen.at == (None if case in _WITHOUT_ZONE else AT)


def test_what_text_lines_explain() -> None:
    """The facts by the sources' own names."""
    told = {case: one(line + "\n").fields for case, (_, line) in _LINES.items()}
    assert (told["haproxy tcp"]["termination_state"], told["haproxy tcp"]["server"]) == ("PR", "<NOSRV>")
    assert (told["traefik"]["RouterName"], told["traefik"]["ServiceURL"]) == ("api@docker", "-")
    assert told["traefik 2"]["middlewareType"] == told["traefik 3"]["middlewareType"] == "IPAllowLister"
    assert told["envoy"]["response_flags"] == "UAEX"
    assert told["istio"]["response_code_details"] == "rbac_access_denied_matched_policy[none]"
    assert (told["alb"]["actions_executed"], told["alb"]["target_status_code"]) == ("waf", "-")
    assert told["cloudfront"]["x-edge-detailed-result-type"] == "Error"


def test_cloudfront_columns_are_those_of_its_head() -> None:
    """With ``#Fields:`` the columns may be any, in any order."""
    seen = one(
        "#Version: 1.0\n#Fields: c-ip sc-status cs-method cs-uri-stem cs-uri-query x-edge-result-type a b c\n"
        "192.0.2.1\t403\tGET\t/a\tb=c\tError\t1\t2\t3\n"
    )
    assert (seen.status, seen.client, seen.path, seen.fields["x-edge-result-type"]) == (
        403,
        "192.0.2.1",
        "/a?b=c",
        "Error",
    )


def test_execution_log() -> None:
    """API Gateway says who was refused what; its other lines are dull."""
    seen = read(
        f"({_UUID}) Starting execution for request: {_UUID}\n"
        f"({_UUID}) User: anonymous is not authorized to perform: execute-api:Invoke on resource: "
        "arn:aws:execute-api:a:1:b/p/GET/x\n"
        f"({_UUID}) Method response headers: {{x-error=Invalid}}\n"
        f"({_UUID}) Method completed with status: 403\n"
    )
    assert [(one.place.line, one.status) for one in seen] == [(2, None), (4, 403)]
    assert seen[0].fields["resource"] == "arn:aws:execute-api:a:1:b/p/GET/x"
    assert seen[0].fields["requestId"] == _UUID


@pytest.mark.parametrize(
    "wrap", ["{}", "[  123.456789] {}", "Jan  2 03:04:05 h kernel: [  123.456] {}", "----\ntime->Fri Jan  2\n{}"]
)
def test_mandatory_access(wrap: str) -> None:
    """SELinux's and AppArmor's denials, from audit.log, dmesg, the journal and ausearch."""
    avc = (
        'type=AVC msg=audit(1767323045.000:24287): avc:  denied  { name_connect } for  pid=2107 comm="nginx" dest=8000 '
        "scontext=system_u:system_r:httpd_t:s0 tcontext=system_u:object_r:soundd_port_t:s0"
        " tclass=tcp_socket permissive=0"
    )
    seen = one(wrap.format(avc) + "\n")
    assert (seen.format, seen.at, seen.message) == ("selinux", AT, "avc: denied { name_connect } for nginx on 8000")
    assert (
        seen.fields.items()
        >= {"permission": "name_connect", "comm": "nginx", "dest": "8000", "permissive": "0"}.items()
    )
    armor = (
        'audit: type=1400 audit(1767323045.000:45): apparmor="DENIED" operation="open" class="file"'
        ' profile="/usr/sbin/nginx" '
        'name="/srv/x" pid=1 comm="nginx" requested_mask="r" denied_mask="r" fsuid=33 ouid=0'
    )
    seen = one(wrap.format(armor) + "\n")
    assert (seen.format, seen.at) == ("apparmor", AT)
    assert seen.fields.items() >= {"operation": "open", "name": "/srv/x", "denied_mask": "r"}.items()


def test_guides_sentences() -> None:
    """The three sentences that published guides have servers log."""
    head = "2026-01-02 03:04:05,123 - rmbg - WARNING - "
    seen = read(
        f"{head}Invalid API key format\n{head}Origin not allowed: https://a.example\n{head}Request"
        f" from blocked IP: 192.0.2.1\n"
    )
    assert [(one.fields["says"], one.fields.get("origin"), one.client) for one in seen] == [
        ("key format", None, ""),
        ("origin", "https://a.example", ""),
        ("address", None, "192.0.2.1"),
    ]


@pytest.mark.parametrize("indent", [None, 2])
def test_records(indent: int | None) -> None:
    """What ``why --json`` prints, on one line or on many, and a problem document."""
    record = {
        "request_id": "req_1",
        "at": "2026-01-02T03:04:05Z",
        "decision": "deny",
        "status": 403,
        "reason": "origin.denied",
        "layer": "origin",
        "operator": "not on the list",
        "checks": [{"layer": "origin", "effect": "EXPLICIT_DENY", "reason": "origin.denied", "detail": "https://b"}],
    }
    seen = one(json.dumps(record, indent=indent))
    assert (seen.format, seen.status, seen.message, seen.at) == ("mattegate-record", 403, "not on the list", AT)
    assert (seen.fields["reason"], seen.fields["refused_by"]) == ("origin.denied", "origin")
    problem = {
        "type": "/docs#x",
        "title": "No",
        "status": 401,
        "detail": "d",
        "reason": "credential.missing",
        "request_id": "r",
    }
    assert one(json.dumps(problem, indent=indent)).fields["reason"] == "credential.missing"
    assert recognising(json.dumps([record])) == []


@pytest.mark.parametrize(
    ("line", "status", "path", "message"),
    [
        ("Forbidden (CSRF cookie not set.): /api/x", None, "/api/x", "Forbidden (CSRF cookie not set.): /api/x"),
        ('[02/Jan/2026 03:04:05] "POST /api/x HTTP/1.1" 403 2870', 403, "/api/x", '"POST /api/x HTTP/1.1" 403 2870'),
        ("WARNING Invalid HTTP_HOST header: 'a.example'. You may need to add it", None, "", None),
        (
            "2026-01-02T03:04:05.123Z  WARN 1 --- [exec-1] CsrfFilter : Invalid CSRF token found for http://h/x",
            None,
            "",
            None,
        ),
        ('level=warning msg="Attempted access with non-existent key." code=403', 403, "", None),
        ("2026-01-02 03:04:05 ERROR open /models/u2net.onnx: permission denied", None, "", None),
    ],
)
def test_application_lines(line: str, status: int | None, path: str, message: str | None) -> None:
    """Frameworks' lines; a status is taken only from where one is meant."""
    seen = one(line + "\n", "app-log")
    assert (seen.format, seen.status, seen.path) == ("app-log", status, path)
    assert message is None or seen.message == message


def test_applications_numbers_are_no_statuses() -> None:
    """A request that took 403 ms, port 4031 and the 401st item are nobody's refusal."""
    assert not read(
        "2026-01-02 03:04:05 INFO took=4031ms port:4031\n2026-01-02 03:04:05 INFO item#401 saved\n", "app-log"
    )
