"""Where a directive may stand: nginx stops at one in a block that its module does not take it in.

The places are those that nginx 1.22.1 gives out when each name is tried in each block; a later version has taken some
into more blocks, never out of one. A directive that is not listed is not judged, and a block that nobody wrote (the
surroundings of a piece) neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.names import NAMES
from mattegate.doctor.nginx.review.stopping import stopped, written

if TYPE_CHECKING:
    from mattegate.doctor.clue import Clue
    from mattegate.doctor.nginx.directive import Directive

_BLOCKS: Final = frozenset({"http", "server", "location", "if", "limit_except"})
_PLACES: Final = {
    "": (
        "daemon debug_points env events http load_module lock_file master_process pid thread_pool timer_resolution "
        "user worker_cpu_affinity worker_priority worker_processes worker_rlimit_core worker_rlimit_nofile "
        "worker_shutdown_timeout working_directory accept_mutex accept_mutex_delay debug_connection multi_accept use "
        "worker_aio_requests worker_connections"
    ),
    "http": (
        "charset_map fastcgi_cache_path geo limit_conn_zone limit_req_zone log_format map map_hash_bucket_size "
        "map_hash_max_size proxy_cache_path scgi_cache_path server server_names_hash_bucket_size "
        "server_names_hash_max_size split_clients upstream uwsgi_cache_path variables_hash_bucket_size "
        "variables_hash_max_size"
    ),
    "http server": (
        "client_header_buffer_size client_header_timeout connection_pool_size ignore_invalid_headers "
        "large_client_header_buffers merge_slashes request_pool_size ssl_buffer_size ssl_certificate "
        "ssl_certificate_key ssl_ciphers ssl_client_certificate ssl_crl ssl_dhparam ssl_early_data ssl_ecdh_curve "
        "ssl_password_file ssl_prefer_server_ciphers ssl_protocols ssl_reject_handshake ssl_session_cache "
        "ssl_session_tickets ssl_session_timeout ssl_stapling ssl_stapling_verify ssl_trusted_certificate "
        "ssl_verify_client ssl_verify_depth underscores_in_headers"
    ),
    "server": "listen server_name",
    "server location": "if location try_files valid_referers",
    "server location if": "break return rewrite set",
    "location": "alias empty_gif internal limit_except",
    "location if": "fastcgi_pass grpc_pass memcached_pass scgi_pass uwsgi_pass",
    "location if limit_except": "proxy_pass",
    "http server location limit_except": "allow auth_basic auth_basic_user_file deny",
    "http server location if": (
        "add_header add_trailer charset error_page expires gzip limit_rate limit_rate_after override_charset root "
        "sendfile source_charset ssi"
    ),
    "http server location if limit_except": "access_log",
    "http server location": (
        "absolute_redirect auth_request auth_request_set autoindex chunked_transfer_encoding client_body_buffer_size "
        "client_body_timeout client_max_body_size default_type etag gzip_types index keepalive_requests "
        "keepalive_timeout limit_conn limit_conn_status limit_req limit_req_status port_in_redirect real_ip_header "
        "real_ip_recursive recursive_error_pages resolver resolver_timeout satisfy secure_link secure_link_md5 "
        "send_timeout server_name_in_redirect server_tokens set_real_ip_from sub_filter tcp_nodelay tcp_nopush"
    ),
}
_FAMILIES: Final = ("proxy_", "fastcgi_", "uwsgi_", "scgi_", "grpc_")
ALLOWED: Final[Mapping[str, frozenset[str]]] = {
    **{name: frozenset(("http", "server", "location")) for name in NAMES if name.startswith(_FAMILIES)},
    **{name: frozenset(places.split()) for places, names in _PLACES.items() for name in names.split()},
}
"""The blocks of each directive; ``if`` is that of a location."""
_IN_A_SERVERS_IF: Final = frozenset({"break", "return", "rewrite", "set", "include"})


def misplaced(http: Directive) -> Iterator[Clue]:
    """The lines that stand where nginx does not take them."""
    for above, block, line in _with_place(http):
        if block.line and block.name in _BLOCKS and not _may_stand(line.name, block, above):
            yield stopped(f'"{line.name}" directive is not allowed here', line)


def _with_place(http: Directive) -> Iterator[tuple[Directive | None, Directive, Directive]]:
    """Each line with the block around it and the block around that."""
    around: dict[int, Directive] = {}
    for block, line in written(http):
        around[id(line)] = block
        yield around.get(id(block)), block, line


def _may_stand(name: str, block: Directive, above: Directive | None) -> bool:
    allowed = ALLOWED.get(name)
    if block.name == "if" and (above is None or not above.line):
        return True
    if allowed is None:
        return True
    if block.name == "if" and above is not None and above.name == "server":
        return name in _IN_A_SERVERS_IF
    return block.name in allowed
