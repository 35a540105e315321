"""The names of nginx's own directives: of its modules from 1.14 on, the commercial ones and those for scripts included.

Sources: the tables of commands in nginx's sources (``ngx_command_t``), and the alphabetical index of directives in its
documentation. Names that may refuse or answer by themselves stand in ``foreign``.
"""

from __future__ import annotations

from typing import Final

_PLAIN: Final = (
    "absolute_redirect accept_mutex accept_mutex_delay access_log addition_types aio aio_write alias allow "
    "ancient_browser ancient_browser_value api auth_basic auth_basic_user_file auth_delay auth_request "
    "auth_request_set autoindex autoindex_exact_size autoindex_format autoindex_localtime break charset "
    "charset_map charset_types chunked_transfer_encoding connection_pool_size create_full_put_path daemon "
    "dav_access dav_methods debug_connection debug_points default_type degradation degrade deny directio "
    "directio_alignment disable_symlinks early_hints empty_gif env epoll_events error_log error_page etag events "
    "expires f4f f4f_buffer_size flv geo geoip_city geoip_country geoip_org geoip_proxy geoip_proxy_recursive "
    "gunzip gunzip_buffers gzip hash health_check hls http http2 http3 http3_hq http3_max_concurrent_streams "
    "http3_stream_buffer_size if if_modified_since ignore_invalid_headers include index internal ip_hash "
    "keepalive keyval keyval_zone kqueue_changes kqueue_events large_client_header_buffers least_conn least_time "
    "lingering_close lingering_time lingering_timeout listen load_module location lock_file log_format "
    "log_not_found log_subrequest map map_hash_bucket_size map_hash_max_size master_process match max_headers "
    "max_ranges merge_slashes min_delete_depth mirror mirror_request_body modern_browser modern_browser_value mp4 "
    "mp4_buffer_size mp4_max_buffer_size mp4_start_key_frame msie_padding msie_refresh multi_accept ntlm "
    "output_buffers override_charset pcre_jit perl_modules perl_require pid port_in_redirect post_action "
    "postpone_gzipping postpone_output queue quic_active_connection_id_limit quic_bpf quic_gso quic_host_key "
    "quic_retry random random_index read_ahead real_ip_header real_ip_recursive recursive_error_pages "
    "referer_hash_bucket_size referer_hash_max_size request_pool_size reset_timedout_connection resolver "
    "resolver_timeout return rewrite rewrite_log root satisfy secure_link secure_link_md5 secure_link_secret "
    "send_lowat send_timeout sendfile sendfile_max_chunk server session_log session_log_format session_log_zone "
    "set set_real_ip_from slice source_charset split_clients ssi ssl state status status_format status_zone "
    "sticky sticky_cookie_insert stub_status sub_filter sub_filter_last_modified sub_filter_once sub_filter_types "
    "subrequest_output_buffer_size tcp_nodelay tcp_nopush thread_pool timer_resolution try_files types "
    "types_hash_bucket_size types_hash_max_size underscores_in_headers uninitialized_variable_warn upstream "
    "upstream_conf use user userid valid_referers variables_hash_bucket_size variables_hash_max_size "
    "working_directory xml_entities xml_external_entities xslt_last_modified xslt_param xslt_string_param "
    "xslt_stylesheet xslt_types zone zone_sync "
)
_FAMILIES: Final = {
    "add": ("after_body before_body header header_inherit trailer trailer_inherit "),
    "client": (
        "body_buffer_size body_early_read body_in_file_only body_in_single_buffer body_temp_path body_timeout "
        "header_buffer_size header_timeout max_body_size "
    ),
    "fastcgi": (
        "bind buffer_size buffering buffers busy_buffers_size cache cache_background_update cache_bypass cache_key "
        "cache_lock cache_lock_age cache_lock_timeout cache_max_range_offset cache_methods cache_min_uses cache_path "
        "cache_purge cache_revalidate cache_use_stale cache_valid catch_stderr connect_timeout force_ranges "
        "hide_header ignore_client_abort ignore_headers index intercept_errors keep_conn limit_rate "
        "max_temp_file_size next_upstream next_upstream_timeout next_upstream_tries no_cache param pass pass_header "
        "pass_request_body pass_request_headers read_timeout request_buffering send_lowat send_timeout "
        "socket_keepalive socket_rcvbuf socket_sndbuf split_path_info store store_access temp_file_write_size "
        "temp_path "
    ),
    "grpc": (
        "bind buffer_size connect_timeout hide_header ignore_headers intercept_errors next_upstream "
        "next_upstream_timeout next_upstream_tries pass pass_header read_timeout send_timeout set_header "
        "socket_keepalive socket_rcvbuf socket_sndbuf ssl_certificate ssl_certificate_cache ssl_certificate_key "
        "ssl_ciphers ssl_conf_command ssl_crl ssl_name ssl_password_file ssl_protocols ssl_server_name "
        "ssl_session_reuse ssl_trusted_certificate ssl_verify ssl_verify_depth "
    ),
    "gzip": ("buffers comp_level disable hash http_version min_length no_buffer proxied static types vary window "),
    "hls": ("buffers forward_args fragment mp4_buffer_size mp4_max_buffer_size "),
    "http2": (
        "body_preread_size chunk_size idle_timeout max_concurrent_pushes max_concurrent_streams max_field_size "
        "max_header_size max_requests pool_size push push_preload recv_buffer_size recv_timeout streams_index_size "
    ),
    "image": (
        "filter filter_buffer filter_interlace filter_jpeg_quality filter_sharpen filter_transparency "
        "filter_webp_quality "
    ),
    "js": (
        "context_reuse engine fetch_buffer_size fetch_ciphers fetch_max_response_buffer_size fetch_protocols "
        "fetch_timeout fetch_trusted_certificate fetch_verify fetch_verify_depth import path periodic preload_object "
        "shared_dict_zone var "
    ),
    "keepalive": ("disable min_timeout requests time timeout "),
    "limit": (
        "conn conn_dry_run conn_log_level conn_status conn_zone except rate rate_after req req_dry_run req_log_level "
        "req_status req_zone "
    ),
    "memcached": (
        "bind buffer_size connect_timeout gzip_flag next_upstream next_upstream_timeout next_upstream_tries pass "
        "read_timeout send_timeout socket_keepalive "
    ),
    "open": ("file_cache file_cache_errors file_cache_events file_cache_min_uses file_cache_valid log_file_cache "),
    "otel": ("exporter resource_attr service_name span_attr span_name trace trace_context "),
    "proxy": (
        "bind buffer_size buffering buffers busy_buffers_size cache cache_background_update cache_bypass "
        "cache_convert_head cache_key cache_lock cache_lock_age cache_lock_timeout cache_max_range_offset "
        "cache_methods cache_min_uses cache_path cache_purge cache_revalidate cache_use_stale cache_valid "
        "connect_timeout cookie_domain cookie_flags cookie_path force_ranges headers_hash_bucket_size "
        "headers_hash_max_size hide_header http_version ignore_client_abort ignore_headers intercept_errors "
        "limit_rate max_temp_file_size method next_upstream next_upstream_timeout next_upstream_tries no_cache pass "
        "pass_header pass_request_body pass_request_headers pass_trailers read_timeout redirect request_buffering "
        "send_lowat send_timeout set_body set_header socket_keepalive socket_rcvbuf socket_sndbuf ssl_certificate "
        "ssl_certificate_cache ssl_certificate_key ssl_ciphers ssl_conf_command ssl_crl ssl_name ssl_password_file "
        "ssl_protocols ssl_server_name ssl_session_reuse ssl_trusted_certificate ssl_verify ssl_verify_depth store "
        "store_access temp_file_write_size temp_path "
    ),
    "scgi": (
        "bind buffer_size buffering buffers busy_buffers_size cache cache_background_update cache_bypass cache_key "
        "cache_lock cache_lock_age cache_lock_timeout cache_max_range_offset cache_methods cache_min_uses cache_path "
        "cache_purge cache_revalidate cache_use_stale cache_valid connect_timeout force_ranges hide_header "
        "ignore_client_abort ignore_headers intercept_errors limit_rate max_temp_file_size next_upstream "
        "next_upstream_timeout next_upstream_tries no_cache param pass pass_header pass_request_body "
        "pass_request_headers read_timeout request_buffering send_timeout socket_keepalive socket_rcvbuf "
        "socket_sndbuf store store_access temp_file_write_size temp_path "
    ),
    "server": ("name name_in_redirect names_hash_bucket_size names_hash_max_size tokens "),
    "ssi": ("ignore_recycled_buffers last_modified min_file_chunk silent_errors types value_length "),
    "ssl": (
        "buffer_size certificate certificate_cache certificate_compression certificate_key ciphers client_certificate "
        "conf_command crl dhparam early_data ecdh_curve ech_file engine object_cache_inheritable ocsp ocsp_cache "
        "ocsp_responder password_file prefer_server_ciphers protocols reject_handshake session_cache "
        "session_ticket_key session_tickets session_timeout stapling stapling_file stapling_responder stapling_verify "
        "trusted_certificate verify_client verify_depth "
    ),
    "tunnel": (
        "bind buffer_size connect_timeout next_upstream next_upstream_timeout next_upstream_tries read_timeout "
        "send_lowat send_timeout socket_keepalive socket_rcvbuf socket_sndbuf "
    ),
    "userid": ("domain expires flags mark name p3p path service "),
    "uwsgi": (
        "bind buffer_size buffering buffers busy_buffers_size cache cache_background_update cache_bypass cache_key "
        "cache_lock cache_lock_age cache_lock_timeout cache_max_range_offset cache_methods cache_min_uses cache_path "
        "cache_purge cache_revalidate cache_use_stale cache_valid connect_timeout force_ranges hide_header "
        "ignore_client_abort ignore_headers intercept_errors limit_rate max_temp_file_size modifier1 modifier2 "
        "next_upstream next_upstream_timeout next_upstream_tries no_cache param pass pass_header pass_request_body "
        "pass_request_headers read_timeout request_buffering send_timeout socket_keepalive socket_rcvbuf "
        "socket_sndbuf ssl_certificate ssl_certificate_cache ssl_certificate_key ssl_ciphers ssl_conf_command ssl_crl "
        "ssl_name ssl_password_file ssl_protocols ssl_server_name ssl_session_reuse ssl_trusted_certificate "
        "ssl_verify ssl_verify_depth store store_access string temp_file_write_size temp_path "
    ),
    "worker": ("aio_requests connections cpu_affinity priority processes rlimit_core rlimit_nofile shutdown_timeout "),
}
"""What follows the first word and its underscore."""

NAMES: Final = frozenset(_PLAIN.split()) | {
    f"{first}_{rest}" for first, words in _FAMILIES.items() for rest in words.split()
}
