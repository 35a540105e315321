"""Made-up lines of web servers, proxies and the kernel; nearly all of them tell of refusals."""

from __future__ import annotations

import json
from typing import Final

from bench.log_scenery import AGENTS, HOSTS, METHODS, NUMBER, PATHS, REFUSALS, client, clock, number, pick, request

_NGINX: Final = (
    "access forbidden by rule",
    'open() "/srv/www/index{0}.html" failed (13: Permission denied)',
    'limiting requests, excess: {0}.{1:03} by zone "api"',
    "client intended to send too large body: {1} bytes",
    'directory index of "/srv/www/{0}/" is forbidden',
    "connect() failed (111: Connection refused) while connecting to upstream",
    'user "worker{0}" was not found in "/etc/nginx/.htpasswd"',
)
_APACHE: Final = (
    ("authz_core:error", "AH01630: client denied by server configuration: /srv/www/{0}"),
    ("auth_basic:error", "AH01618: user worker{0} not found: /private"),
    ("proxy:error", "AH00940: HTTP: disabled connection for (127.0.0.1)"),
    ("core:error", "(13)Permission denied: AH00035: access to /{0} denied (filesystem path '/srv/www/{0}')"),
    ("ssl:warn", "AH01909: api.example:443:0 server certificate does NOT include an ID which matches the server name"),
)


def access_line(n: int, status: int) -> str:
    """The combined format."""
    time = f"[02/Jan/2026:{clock(n)} +0000]"
    return (
        f'{client(n)} - - {time} "{request(n)}" {status} {number(n, 4, 9_999)} '
        f'"https://{pick(n, 5, HOSTS)}/" "{pick(n, 6, AGENTS)}"'
    )


def access(n: int) -> str:
    """Of an access log, where one request in fifty is refused."""
    return access_line(n, pick(n, 7, REFUSALS) if n % 50 == 0 else 200)


def access_refused(n: int) -> str:
    """Of an access log in which every request is refused."""
    return access_line(n, pick(n, 7, REFUSALS))


def scan(n: int) -> str:
    """Of a scanner that asks for another path each time."""
    return (
        f"10.{n % 256}.{n // 256}.1 - - [02/Jan/2026:03:04:05 +0000] "
        f'"GET /{NUMBER}/{n}.php HTTP/1.1" 404 153 "-" "zgrab/0.x"'
    )


def nginx_error(n: int) -> str:
    """nginx's error log."""
    said = pick(n, 8, _NGINX).format(n % 9, number(n, 9, 1_000))
    upstream = ', upstream: "http://127.0.0.1:8000/v1/remove-bg"' if "upstream" in said else ""
    return (
        f"2026/01/02 {clock(n)} [error] {31 + n % 4}#31: *{n}{NUMBER} {said}, client: {client(n)}, "
        f'server: {pick(n, 5, HOSTS)}, request: "{request(n)}"{upstream}, host: "{pick(n, 5, HOSTS)}"'
    )


def apache_error(n: int) -> str:
    """Apache's error log."""
    module, said = pick(n, 8, _APACHE)
    referer = f", referer: https://{pick(n, 5, HOSTS)}/page?n={n}" if n % 3 == 0 else ""
    return (
        f"[Fri Jan 02 {clock(n)}.{n % 1_000_000:06} 2026] [{module}] [pid {n % 400 + 1_000}:tid {n}{NUMBER}] "
        f"[client {client(n)}:{number(n, 9, 50_000)}] {said.format(n % 9)}{referer}"
    )


def modsecurity(n: int) -> str:
    """ModSecurity's lines in nginx's error log."""
    rule, data = 941_100 + 10 * (n % 9), f"Matched Data: {n}{NUMBER} found within ARGS:q"
    return (
        f"2026/01/02 {clock(n)} [error] 31#31: *{n}{NUMBER} [client {client(n)}] ModSecurity: Access denied with code "
        "403 (phase 2). Matched \"Operator `Ge' with parameter `5' against variable `TX:BLOCKING_INBOUND_ANOMALY_SCORE'"
        f' (Value: `{n % 30}\' ) [file "/etc/modsecurity/REQUEST-{n % 9}.conf"] [line "81"] [id "{rule}"] [rev ""] '
        f'[msg "XSS Attack Detected via libinjection"] [data "{data}"] [severity "2"] [ver "OWASP_CRS/4.0.0"] '
        f'[tag "application-multi"] [tag "attack-xss"] [hostname "127.0.0.1"] [uri "{pick(n, 3, PATHS)}"] '
        f'[unique_id "17673230{n}{NUMBER}"] [ref "v{n},2"], client: {client(n)}, server: {pick(n, 5, HOSTS)}, '
        f'request: "{request(n)}", host: "{pick(n, 5, HOSTS)}"'
    )


def haproxy(n: int) -> str:
    """HAProxy's HTTP format, by syslog."""
    return (
        f"Jan  2 {clock(n)} lb haproxy[{n % 4 + 14_389}]: {client(n)}:{number(n, 9, 50_000)} "
        f"[02/Jan/2026:{clock(n)}.{n % 1_000:03}] in~ {pick(n, 4, ('api', 'web'))}/<NOSRV> 0/-1/-1/-1/{n % 90} "
        f"{pick(n, 7, (403, 429, 503, 413))} 192 - - {pick(n, 7, ('PR--', 'SC--', 'LR--'))} {n % 50}/1/0/0/0 0/0 "
        f'{{{pick(n, 5, HOSTS)}}} "{request(n)}"'
    )


def caddy(n: int) -> str:
    """Caddy's access log."""
    method, _, rest = request(n).partition(" ")
    headers = {"User-Agent": [pick(n, 6, AGENTS)], "Accept": ["*/*"], "Authorization": ["REDACTED"]}
    asked = {
        "remote_ip": client(n), "remote_port": f"{number(n, 9, 50_000)}", "client_ip": client(n), "proto": "HTTP/2.0",
        "method": method, "host": pick(n, 5, HOSTS), "uri": rest.partition(" ")[0], "headers": headers,
        "tls": {"resumed": False, "version": 772, "cipher_suite": 4865, "proto": "h2", "server_name": "api.example"},
    }  # fmt: skip
    return as_json(
        level="info", ts=1_767_323_045.5 + n, logger="http.log.access.log0", msg="handled request", request=asked,
        bytes_read=0, user_id="", duration=number(n, 4, 900) / 1e6, size=0, status=pick(n, 7, REFUSALS),
        resp_headers={"Server": ["Caddy"], "Alt-Svc": ['h3=":443"; ma=2592000']},
    )  # fmt: skip


def traefik(n: int) -> str:
    """Traefik's access log, common format."""
    return (
        f'{client(n)} - - [02/Jan/2026:{clock(n)} +0000] "{request(n)}" {pick(n, 7, REFUSALS)} {number(n, 4, 999)} '
        f'"-" "{pick(n, 6, AGENTS)}" {n}{NUMBER} "{pick(n, 4, ("api@docker", "web@docker", "-"))}" "-" {n % 50}ms'
    )


def traefik_json(n: int) -> str:
    """Traefik's access log as JSON."""
    return as_json(
        ClientAddr=f"{client(n)}:{number(n, 9, 50_000)}", ClientHost=client(n), ClientPort=f"{number(n, 9, 50_000)}",
        ClientUsername="-", DownstreamContentSize=number(n, 4, 999), DownstreamStatus=pick(n, 7, REFUSALS),
        Duration=number(n, 4, 99_999), OriginStatus=0, Overhead=n % 999, RequestContentSize=0,
        RequestCount=n, RequestHost=pick(n, 5, HOSTS), RequestMethod=pick(n, 2, METHODS),
        RequestPath=f"{pick(n, 3, PATHS)}?n={n}{NUMBER}", RequestProtocol="HTTP/2.0", RetryAttempts=0,
        RouterName=pick(n, 4, ("api@docker", "web@docker")), entryPointName="websecure", level="info", msg="",
        StartUTC=f"2026-01-02T{clock(n)}.{n % 1_000_000:06}Z", time=f"2026-01-02T{clock(n)}Z",
    )  # fmt: skip


def envoy(n: int) -> str:
    """Envoy's default format with Istio's additions as JSON."""
    return as_json(
        authority=pick(n, 5, HOSTS), bytes_received=0, bytes_sent=19, duration=n % 90, method=pick(n, 2, METHODS),
        downstream_remote_address=f"{client(n)}:{number(n, 9, 50_000)}", path=f"{pick(n, 3, PATHS)}?n={n}{NUMBER}",
        protocol="HTTP/1.1", request_id=f"{n:08x}-{NUMBER}", requested_server_name=None, response_code=403,
        response_code_details=pick(n, 7, ("rbac_access_denied_matched_policy[none]", "ext_authz_denied")),
        response_flags=pick(n, 7, ("-", "UAEX")), route_name="default", start_time=f"2026-01-02T{clock(n)}.123Z",
        upstream_host=None, upstream_cluster="outbound|8000||api.default.svc.cluster.local",
        user_agent=pick(n, 6, AGENTS), x_forwarded_for=None,
    )  # fmt: skip


def squid(n: int) -> str:
    """Squid's native format."""
    return (
        f"{1_767_323_045 + n}.{n % 1_000:03} {number(n, 4, 999):6} {client(n)} TCP_DENIED/403 {number(n, 4, 4_000)} "
        f"{pick(n, 2, METHODS)} http://{pick(n, 5, HOSTS)}{pick(n, 3, PATHS)}?n={n}{NUMBER} - HIER_NONE/- text/html"
    )


def selinux(n: int) -> str:
    """The kernel's audit of what SELinux denied."""
    return (
        f"type=AVC msg=audit({1_767_323_045 + n}.{n % 1_000:03}:{n}{NUMBER}): avc:  denied  {{ read }} for  "
        f'pid={n % 32_768} comm="nginx" name="index{n % 40}.html" dev="sda1" ino={n}{NUMBER} '
        f"scontext=system_u:system_r:httpd_t:s0 tcontext=unconfined_u:object_r:user_home_t:s0 tclass=file permissive=0"
    )


def kernel(n: int) -> str:
    """The kernel's own lines in a syslog: a packet filter's, AppArmor's denials, and what has nothing to do with it."""
    since = f"[{n * 7 % 999_999}.{n % 1_000_000:06}]"
    if n % 3 == 0:
        return (
            f"{since} [UFW BLOCK] IN=eth0 OUT= MAC=52:54:00:{n % 90:02}:34:56 SRC={client(n)} DST=198.51.100.7 LEN=40 "
            f"TOS=0x00 PREC=0x00 TTL=244 ID={number(n, 4, 65_536)} PROTO=TCP SPT={number(n, 9, 65_536)} DPT=8000 "
            "WINDOW=1024 RES=0x00 SYN URGP=0"
        )
    if n % 3 == 1:
        return (
            f'{since} audit: type=1400 audit({1_767_323_045 + n}.123:{n}{NUMBER}): apparmor="DENIED" operation="open" '
            f'profile="/usr/sbin/nginx" name="/srv/www/index{n % 40}.html" pid={n} comm="nginx" requested_mask="r" '
            'denied_mask="r" fsuid=33 ouid=0'
        )
    return f"{since} eth0: renamed from veth{n:07x}"


def as_json(**members: object) -> str:
    """One object on one line, as programs write it: without spaces."""
    return json.dumps(members, separators=(",", ":"))
