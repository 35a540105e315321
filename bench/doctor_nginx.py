"""How long the doctor takes over a large nginx configuration.

A configuration of 5,000 lines as of a host of many sites (an nginx.conf, 40 files of servers, shared snippets; maps,
geo, limits, upstreams; 80 servers with ten locations each) is asked about one request. What is timed is the whole
command, `python -m mattegate.doctor nginx nginx.conf --request 'POST /v1/remove-bg' --json`, from its start to its
end; the median of the runs after one that does not count.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

from bench.context import Bench, Outcome
from bench.pairs import Spread
from bench.problems import Unmeasurable

NAME: Final = "doctor_nginx"
FIGURES: Final = ("doctor_nginx_5000_s",)
LINES: Final = 5_000
_SITES: Final = 80
_PER_FILE: Final = 2
_ANSWERED: Final = frozenset({0, 3, 4})
"""Nothing wrong, a fault, undecided: the command's exit codes where it could say anything."""

_MAIN: Final = """\
worker_processes auto;
events {{
    worker_connections 4096;
}}
http {{
    server_tokens off;
    client_max_body_size 20m;
    log_format main '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
                    '"$http_referer" "$http_user_agent" us=$upstream_status';
    access_log /var/log/nginx/access.log main;
    limit_req_zone $binary_remote_addr zone=api:10m rate=10r/s;
    limit_conn_zone $binary_remote_addr zone=each:10m;
    set_real_ip_from 10.0.0.0/8;
    real_ip_header X-Forwarded-For;
{maps}
    include conf.d/*.conf;
}}
"""
_PROXY: Final = """\
proxy_http_version 1.1;
proxy_set_header Host $host;
proxy_set_header X-Real-IP $remote_addr;
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
proxy_set_header X-Forwarded-Proto $scheme;
proxy_set_header Authorization $http_authorization;
proxy_read_timeout 120s;
"""
_SITE: Final = """\
upstream backend{n} {{
    server 10.1.{n}.1:8000 max_fails=3;
    server 10.1.{n}.2:8000 backup;
    keepalive 16;
}}
server {{
    listen 80;
    listen [::]:80;
    server_name site{n}.example www.site{n}.example;
    set $tenant "tenant{n}";
    root /srv/site{n};
    location / {{
        try_files $uri $uri/ /index.html;
    }}
    location /v1/ {{
        limit_req zone=api burst=20 nodelay;
        limit_conn each 10;
        include snippets/proxy.conf;
        proxy_set_header X-Tenant $tenant;
        proxy_pass http://backend{n};
    }}
    location = /v1/remove-bg {{
        client_max_body_size 15m;
        if ($allowed{m} = 0) {{
            return 403;
        }}
        if ($request_method = OPTIONS) {{
            add_header Access-Control-Allow-Origin $origin{m} always;
            add_header Access-Control-Allow-Headers "Authorization, X-Api-Key, Content-Type" always;
            return 204;
        }}
        add_header Access-Control-Allow-Origin $origin{m} always;
        include snippets/proxy.conf;
        proxy_pass http://backend{n};
    }}
{locations}
    location ~* \\.(?:php|env|git)(?:/|$) {{
        deny all;
    }}
    location ~ ^/files/(?<name>[\\w-]+)\\.png$ {{
        alias /srv/site{n}/files/$name.png;
        expires 1h;
    }}
    location /admin/ {{
        satisfy any;
        allow 192.0.2.0/24;
        deny all;
        auth_basic "admin";
        auth_basic_user_file /etc/nginx/htpasswd;
        proxy_pass http://backend{n};
    }}
    error_page 500 502 503 504 /50x.html;
    location = /50x.html {{
        internal;
    }}
}}
"""
_LOCATION: Final = """\
    location /part{k}/ {{
        proxy_pass http://backend{n}/app{k}/;
    }}
"""
_MAP: Final = """\
    map $http_origin $origin{m} {{
        default "";
        "~^https://[a-z]+\\.app{m}\\.example$" $http_origin;
{names}
    }}
    geo $allowed{m} {{
        default 1;
        198.51.{m}.0/24 0;
        203.0.113.{m} 0;
    }}
"""


def write(folder: Path, lines: int = LINES) -> Path:
    """A configuration of that many lines in all; returns its first file."""
    (folder / "conf.d").mkdir(parents=True)
    (folder / "snippets").mkdir()
    (folder / "snippets" / "proxy.conf").write_text(_PROXY, "utf-8")
    maps = "".join(_MAP.format(m=m, names=_names(m)) for m in range(10))
    sites, written = [], f"{_MAIN.format(maps=maps)}{_PROXY}".count("\n")
    for n in range(_SITES):
        left = (lines - written) // (_SITES - n)
        sites.append(_site(n, left))
        written += sites[-1].count("\n")
    for at in range(0, _SITES, _PER_FILE):
        (folder / "conf.d" / f"{at:03}.conf").write_text("".join(sites[at : at + _PER_FILE]), "utf-8")
    first = folder / "nginx.conf"
    first.write_text(_MAIN.format(maps=maps), "utf-8")
    return first


def _names(m: int) -> str:
    return "\n".join(f'        "https://shop{k}.app{m}.example" $http_origin;' for k in range(6))


def _site(n: int, lines: int) -> str:
    """A site, filled up with locations and then with comments to so many lines."""
    bare = _SITE.format(n=n, m=n % 10, locations="").count("\n") - 1
    parts = max(lines - bare, 0) // 3
    text = _SITE.format(n=n, m=n % 10, locations="".join(_LOCATION.format(n=n, k=k) for k in range(parts)).rstrip("\n"))
    return "#\n" * (lines - text.count("\n")) + text


def measure(bench: Bench) -> Outcome:
    """The figure ``doctor_nginx_5000_s``."""
    runs = bench.effort.doctor_runs
    told = bench.steps(NAME, runs + 1)
    times = []
    with TemporaryDirectory(dir=bench.scratch) as folder:
        first = write(Path(folder))
        for number in range(runs + 1):
            times.append(_timed(first))
            told(number + 1)
    spread = Spread.of(times[1:])
    return Outcome({FIGURES[0]: spread.median}, __doc__ or "", {"lines": LINES, "seconds": spread.as_json(3)})


def _timed(first: Path) -> float:
    command = [
        sys.executable,
        "-m",
        "mattegate.doctor",
        "nginx",
        str(first),
        "--request",
        "POST /v1/remove-bg",
        "--json",
    ]
    begin = perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    took = perf_counter() - begin
    if done.returncode not in _ANSWERED:
        raise Unmeasurable(f"the doctor failed: {done.stderr.strip()[-400:]}")
    return took
