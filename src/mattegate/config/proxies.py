"""Configurations of proxies that ask the gate at ``/authz`` before they pass a request on.

Rules of this file: what names a caller to the upstream is taken from the client in any case, whether the gate says
something or not, and in any spelling that an upstream may take for it (servers that read headers as variables of CGI
take ``_`` for ``-``: RFC 3875, section 4.1.18; nginx drops such headers by itself). What the gate reads of the original
request is written by the proxy in any case. nginx passes 401 and 403 on and nothing else (its auth_request module), so
its refusals are put together again from headers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from string import Template
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from mattegate.vocabulary.admission import PROBLEM, REASON, STATUS, TOLD, Proxy

_ADDRESS: Final = re.compile(r"https?://(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?/?")
_NAME: Final = re.compile(r"[A-Za-z0-9.*_-]{1,253}")

RESTORED: Final = (400, 401, 404, 405, 409, 422, 429, 500, 503)
"""Statuses that nginx is told how to give back; every other refusal stays 403."""


@dataclass(frozen=True, slots=True)
class Front:
    """What a proxy stands between; addresses are ``http://HOST:PORT``."""

    gate: str
    prefix: str
    """Of the gate's own paths."""
    upstream: str
    port: int = 8080
    """Where the proxy listens."""
    name: str = "_"
    """The host that it serves; ``_`` for any."""


def rendered(proxy: Proxy, front: Front) -> str:
    """The configuration. Raises ``ValueError`` for addresses and names that cannot stand in one."""
    for address in (front.gate, front.upstream):
        if not _ADDRESS.fullmatch(address):
            raise ValueError(f"{address[:80]!r} is not an address like http://127.0.0.1:7000, without a path")
    if not _NAME.fullmatch(front.name):
        raise ValueError(f"{front.name[:80]!r} is not the name of a host")
    return _RENDERERS[proxy](front)


class _Text(Template):
    delimiter = "~"
    """Neither of the four syntaxes uses it."""


_NGINX: Final = _Text("""\
# nginx in front of ~{upstream}, with the gate at ~{gate}. It goes into http { }.
# The gate needs [authz] enabled = true, proxy = "nginx", and this machine in network.trusted_proxies.
server {
    listen ~{port};
    server_name ~{name};
    client_max_body_size 20m;

    location / {
        auth_request /_mattegate;
~{taken}
        auth_request_set $mattegate_status $upstream_http_~{status};
        auth_request_set $mattegate_problem $upstream_http_~{problem};
        auth_request_set $mattegate_reason $upstream_http_~{reason};
        auth_request_set $mattegate_retry_after $upstream_http_retry_after;
        auth_request_set $mattegate_origin $upstream_http_access_control_allow_origin;
        auth_request_set $mattegate_exposed $upstream_http_access_control_expose_headers;
        auth_request_set $mattegate_id $upstream_http_x_request_id;
        error_page 401 403 = @mattegate_refused;
        error_page 500 = @mattegate_away;

        proxy_pass ~{upstream};
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
~{given}
    }

    location = /_mattegate {
        internal;
        proxy_pass ~{gate}~{prefix}/authz;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Original-Method $request_method;
        proxy_set_header X-Original-URI $request_uri;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header Forwarded "";
        proxy_buffer_size 16k;
        proxy_buffers 4 16k;
        proxy_connect_timeout 2s;
        proxy_read_timeout 10s;
    }

    # What nginx made 401 or 403 is what it was again, with its explanation; WWW-Authenticate it keeps by itself.
    location @mattegate_refused {
        default_type application/problem+json;
        add_header X-Request-Id $mattegate_id always;
        add_header X-Mattegate-Reason $mattegate_reason always;
        add_header Retry-After $mattegate_retry_after always;
        add_header Access-Control-Allow-Origin $mattegate_origin always;
        add_header Access-Control-Expose-Headers $mattegate_exposed always;
        add_header Cache-Control no-store always;
        if ($mattegate_status = "") {
            return 403 '{"title": "Refused by nginx itself", "status": 403}';
        }
~{restored}
        return 403 $mattegate_problem;
    }

    location @mattegate_away {
        default_type application/problem+json;
        if ($mattegate_id != "") {
            return 500 '{"title": "nginx failed behind the gate: see its error log", "status": 500}';
        }
        add_header Retry-After 5 always;
        return 503 '{"title": "The gate does not answer", "status": 503}';
    }
}
""")

_CADDY: Final = _Text("""\
# Caddy in front of ~{upstream}, with the gate at ~{gate}.
# The gate needs [authz] enabled = true, proxy = "caddy", and this machine in network.trusted_proxies.
~{site} {
	route {
		request_header -Forwarded
		request_header -*Mattegate*
		forward_auth ~{gate_address} {
			uri ~{prefix}/authz
			copy_headers ~{names}
		}
		reverse_proxy ~{upstream_address}
	}
}
""")

_TRAEFIK: Final = _Text("""\
# Traefik in front of ~{upstream}, with the gate at ~{gate}: dynamic configuration.
# The gate needs [authz] enabled = true, proxy = "traefik", and Traefik's address in network.trusted_proxies.
http:
  middlewares:
    mattegate:
      forwardAuth:
        address: "~{gate}~{prefix}/authz"
        trustForwardHeader: false
        authResponseHeaders:
~{names}
  routers:
    behind-mattegate:
      rule: "~{rule}"
      middlewares: [mattegate]
      service: behind-mattegate
  services:
    behind-mattegate:
      loadBalancer:
        servers:
          - url: "~{upstream}"
""")

_ENVOY: Final = _Text("""\
# Envoy in front of ~{upstream}, with the gate at ~{gate}.
# The gate needs [authz] enabled = true, proxy = "envoy", and Envoy's address in network.trusted_proxies.
static_resources:
  listeners:
    - name: front
      address: { socket_address: { address: 0.0.0.0, port_value: ~{port} } }
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": ~{types}.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: front
                use_remote_address: true
                normalize_path: true
                path_with_escaped_slashes_action: REJECT_REQUEST
                common_http_protocol_options: { headers_with_underscores_action: DROP_HEADER }
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["~{domain}"]
                      routes: [{ match: { prefix: "/" }, route: { cluster: upstream } }]
                http_filters:
                  - name: envoy.filters.http.ext_authz
                    typed_config:
                      "@type": ~{types}.http.ext_authz.v3.ExtAuthz
                      failure_mode_allow: false
                      status_on_error: { code: ServiceUnavailable }
                      allowed_headers: { patterns: [{ safe_regex: { regex: ".+" } }] }
                      http_service:
                        server_uri: { uri: "~{gate}", cluster: mattegate, timeout: 2s }
                        path_prefix: "~{prefix}/authz"
                        authorization_response:
                          allowed_upstream_headers: { patterns: [{ prefix: "x-mattegate-" }] }
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": ~{types}.http.router.v3.Router
  clusters:
    - name: mattegate
      type: STRICT_DNS
      connect_timeout: 2s
      load_assignment:
        cluster_name: mattegate
        endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: ~{gate_socket} } } }] }]
    - name: upstream
      type: STRICT_DNS
      connect_timeout: 2s
      load_assignment:
        cluster_name: upstream
        endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: ~{upstream_socket} } } }] }]
""")

_ENVOY_TYPES: Final = "type.googleapis.com/envoy.extensions.filters"


def _nginx(front: Front) -> str:
    variables = {name: f"$mattegate_{name.removeprefix('X-Mattegate-').lower().replace('-', '_')}" for name in TOLD}
    taken = (f"auth_request_set {variable} $upstream_http_{_field(name)};" for name, variable in variables.items())
    given = (f"proxy_set_header {name} {variable};" for name, variable in variables.items())
    restored = (_restored(status) for status in RESTORED)
    return _NGINX.substitute(
        _common(front),
        taken=_indented(taken, " " * 8),
        given=_indented(given, " " * 8),
        restored="\n".join(restored),
        status=_field(STATUS),
        problem=_field(PROBLEM),
        reason=_field(REASON),
        name=front.name,
    )


def _restored(status: int) -> str:
    return f"        if ($mattegate_status = {status}) {{ return {status} $mattegate_problem; }}"


def _caddy(front: Front) -> str:
    site = f"http://:{front.port}" if front.name == "_" else f"http://{front.name}:{front.port}"
    return _CADDY.substitute(
        _common(front),
        site=site,
        names=" ".join(TOLD),
        gate_address=_bare(front.gate),
        upstream_address=_bare(front.upstream),
    )


def _traefik(front: Front) -> str:
    rule = "PathPrefix(`/`)" if front.name == "_" else f"Host(`{front.name}`)"
    return _TRAEFIK.substitute(_common(front), names=_indented((f"- {name}" for name in TOLD), " " * 10), rule=rule)


def _envoy(front: Front) -> str:
    domain = "*" if front.name == "_" else front.name
    sockets = {"gate_socket": _socket(front.gate), "upstream_socket": _socket(front.upstream)}
    return _ENVOY.substitute(_common(front), domain=domain, types=_ENVOY_TYPES, **sockets)


_RENDERERS: Final[Mapping[Proxy, Callable[[Front], str]]] = MappingProxyType(
    {Proxy.NGINX: _nginx, Proxy.CADDY: _caddy, Proxy.TRAEFIK: _traefik, Proxy.ENVOY: _envoy}
)


def _common(front: Front) -> dict[str, str]:
    gate, upstream = front.gate.rstrip("/"), front.upstream.rstrip("/")
    return {"gate": gate, "upstream": upstream, "prefix": front.prefix, "port": str(front.port)}


def _field(name: str) -> str:
    """A header as nginx names it in a variable."""
    return name.lower().replace("-", "_")


def _indented(lines: Iterable[str], by: str) -> str:
    return "\n".join(by + line for line in lines)


def _bare(address: str) -> str:
    """An address as Caddy takes it: the scheme only where it is not HTTP."""
    return address.rstrip("/").removeprefix("http://")


def _socket(address: str) -> str:
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{{ address: {parts.hostname}, port_value: {port} }}"
