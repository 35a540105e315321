"""The directives that an experiment may contain, as data: everything else is left out of it.

Rules of this file: a directive is here only if no argument of it can open, write or run something, or if how it is
rendered (its :class:`How`) puts a stand-in in the place of what it would reach. Facts: nginx's own documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class How(StrEnum):
    """How a directive is rendered."""

    PLAIN = "plain"
    """As it is."""
    BLOCK = "block"
    """As it is, with what is allowed of its block."""
    ENTRIES = "entries"
    """A block of table rows (``map``, ``types``): any row but an ``include``."""
    GEO = "geo"
    """A table of networks."""
    CONDITION = "condition"
    """An ``if``."""
    NETWORK = "network"
    """An address or a network that the client's address is compared with."""
    REAL_IP_FROM = "real-ip-from"
    """The same, and a name would be looked up."""
    LISTEN = "listen"
    ZONE = "zone"
    """Has a ``zone=name:size``: the size is bounded."""
    FOLDER = "folder"
    """``root`` and ``alias``: a private folder with placeholders."""
    NAMES = "names"
    """Names of files below the root."""
    URI = "uri"
    """Can lead to another path within the server."""
    PASSWORDS = "passwords"
    CERTIFICATE = "certificate"
    KEY = "key"
    CLIENT_CA = "client-ca"
    PROXY_PASS = "proxy-pass"  # noqa: S105 - no password
    OTHER_PASS = "other-pass"  # noqa: S105 - no password
    """Hands on by another protocol: a stand-in takes the request by HTTP."""
    UPSTREAM = "upstream"
    AUTH_REQUEST = "auth-request"


def _words(names: str) -> frozenset[str]:
    return frozenset(names.split())


def _each(how: How, names: str) -> dict[str, How]:
    return dict.fromkeys(names.split(), how)


ALLOWED: Final[Mapping[str, How]] = MappingProxyType(
    {
        **_each(How.BLOCK, "http server location limit_except"),
        **_each(How.CONDITION, "if"),
        **_each(How.ENTRIES, "map split_clients types"),
        **_each(How.GEO, "geo"),
        **_each(How.UPSTREAM, "upstream"),
        **_each(How.LISTEN, "listen"),
        **_each(How.NETWORK, "allow deny"),
        **_each(How.REAL_IP_FROM, "set_real_ip_from"),
        **_each(How.ZONE, "limit_req_zone limit_conn_zone"),
        **_each(How.FOLDER, "root alias"),
        **_each(How.NAMES, "index try_files"),
        **_each(How.URI, "rewrite error_page"),
        **_each(How.PASSWORDS, "auth_basic_user_file"),
        **_each(How.CERTIFICATE, "ssl_certificate"),
        **_each(How.KEY, "ssl_certificate_key"),
        **_each(How.CLIENT_CA, "ssl_client_certificate ssl_trusted_certificate"),
        **_each(How.PROXY_PASS, "proxy_pass"),
        **_each(How.OTHER_PASS, "fastcgi_pass uwsgi_pass scgi_pass grpc_pass memcached_pass"),
        **_each(How.AUTH_REQUEST, "auth_request"),
        **_each(
            How.PLAIN,
            "server_name server_name_in_redirect port_in_redirect absolute_redirect merge_slashes "
            "ignore_invalid_headers underscores_in_headers large_client_header_buffers client_header_buffer_size "
            "client_max_body_size client_body_buffer_size client_body_in_single_buffer "
            "return break set internal satisfy default_type recursive_error_pages msie_padding "
            "chunked_transfer_encoding server_tokens autoindex stub_status empty_gif charset override_charset "
            "auth_basic auth_request_set real_ip_header real_ip_recursive "
            "valid_referers referer_hash_max_size referer_hash_bucket_size "
            "secure_link secure_link_md5 secure_link_secret "
            "limit_req limit_req_status limit_req_dry_run limit_conn limit_conn_status limit_conn_dry_run "
            "add_header add_trailer expires etag if_modified_since "
            "ssl ssl_verify_client ssl_verify_depth ssl_protocols ssl_ciphers ssl_prefer_server_ciphers "
            "ssl_reject_handshake ssl_ecdh_curve "
            "proxy_set_header proxy_hide_header proxy_pass_header proxy_ignore_headers proxy_method proxy_set_body "
            "proxy_redirect proxy_http_version proxy_pass_request_headers proxy_pass_request_body "
            "proxy_cookie_domain proxy_cookie_path proxy_cookie_flags proxy_intercept_errors "
            "proxy_request_buffering proxy_buffering proxy_buffers proxy_buffer_size proxy_busy_buffers_size "
            "proxy_headers_hash_max_size proxy_headers_hash_bucket_size proxy_ssl_server_name proxy_ssl_name "
            "proxy_ssl_protocols proxy_ssl_ciphers proxy_next_upstream proxy_next_upstream_tries "
            "proxy_connect_timeout proxy_read_timeout proxy_send_timeout "
            "server_names_hash_max_size server_names_hash_bucket_size variables_hash_max_size "
            "variables_hash_bucket_size map_hash_max_size map_hash_bucket_size types_hash_max_size "
            "types_hash_bucket_size",
        ),
    }
)

UPSTREAM_ALLOWED: Final = _words("ip_hash least_conn hash random keepalive keepalive_requests")
"""What an ``upstream`` may hold besides its servers."""

SERVER_OPTIONS: Final = ("weight=", "max_conns=", "max_fails=", "fail_timeout=", "backup", "down")
"""What may stand behind a server of an ``upstream``."""

LISTEN_OPTIONS: Final = frozenset({"default_server", "default", "ssl"})

HARMLESS: Final = _words(
    "access_log error_log log_format log_not_found log_subrequest open_log_file_cache rewrite_log "
    "uninitialized_variable_warn sendfile sendfile_max_chunk tcp_nopush tcp_nodelay aio aio_write directio "
    "output_buffers postpone_output keepalive_timeout keepalive_requests keepalive_time keepalive_disable "
    "send_timeout client_body_timeout client_header_timeout lingering_close lingering_time lingering_timeout "
    "reset_timedout_connection gzip gzip_static gzip_comp_level gzip_types gzip_vary gzip_proxied gzip_disable "
    "gzip_min_length gzip_buffers gzip_http_version gunzip brotli brotli_static brotli_types brotli_comp_level "
    "events worker_connections worker_processes worker_cpu_affinity worker_priority worker_rlimit_nofile "
    "worker_shutdown_timeout multi_accept use accept_mutex pid user daemon master_process timer_resolution "
    "pcre_jit lock_file debug_connection thread_pool http2 http3 quic_retry "
    "ssl_session_cache ssl_session_timeout ssl_session_tickets ssl_session_ticket_key ssl_buffer_size "
    "ssl_stapling ssl_stapling_verify ssl_stapling_file ssl_stapling_responder ssl_dhparam ssl_early_data "
    "resolver resolver_timeout limit_rate limit_rate_after limit_req_log_level limit_conn_log_level "
    "proxy_limit_rate proxy_ssl_session_reuse proxy_temp_path proxy_max_temp_file_size "
    "proxy_temp_file_write_size proxy_socket_keepalive client_body_temp_path connection_pool_size "
    "request_pool_size read_ahead open_file_cache open_file_cache_valid open_file_cache_min_uses "
    "open_file_cache_errors http2_max_concurrent_streams http2_max_requests subrequest_output_buffer_size "
    "ssi_types sub_filter_types sub_filter_once zone"
)
"""Left out as well, but none of them decides how a request is answered."""
