"""The part of the catalogue about where a request comes from and what it calls.

See :mod:`mattegate.vocabulary.reasons` for its rules.
"""

from __future__ import annotations

from typing import Final

from mattegate.vocabulary.reason import Reason, forbidden, limit

SENDERS: Final[tuple[Reason, ...]] = (
    # --- transport, host, network: where it comes from and what it asks for ---------------------------------
    forbidden("transport.insecure", "HTTPS required", "The request came over plain HTTP; HTTPS is required here.",
              "Use the https:// address. Treat the key as read by others if it went over an open network.",
              "forbidden: plain HTTP from {address}"),
    Reason("transport.plain_http", 400, "Plain HTTP on the HTTPS port",
           "This port speaks HTTPS only, and the request came as plain HTTP.",
           "Write https:// in the address. Treat the key as read by others if it went over an open network.",
           "forbidden: plain HTTP sent to the HTTPS port", "BadRequestException"),
    Reason("transport.handshake", 400, "TLS handshake failed", "No encrypted connection came about: {problem}.",
           "Check that the client speaks TLS 1.2 or newer and trusts the certificate.",
           "TLS handshake failed, access denied: {problem}", "BadRequestException"),
    forbidden("host.unknown", "Host not served", "This server does not answer for the host {host!r}.",
              "Use the public name of the service; behind a proxy, the proxy must pass the Host header on "
              "(nginx: proxy_set_header Host $host).",
              "forbidden: Host {host!r} is not among hosts.names"),
    forbidden("host.default_endpoint_disabled", "Not by address",
              "This server answers to its name only, not to {host!r}.",
              "Use the public name of the service.",
              "forbidden: default endpoint {host!r} is disabled (hosts.default_endpoint)"),
    forbidden("host.private", "Private host", "The host {host!r} cannot be called from here.",
              "Call it from the private network, or use the public name.",
              "forbidden: private host {host!r} called from {address}, which is in none of hosts.private_networks"),
    forbidden("network.denied", "Address denied", "Requests from your network are not accepted.",
              "Ask the operator, with the request id.",
              "Request from blocked IP: {address} (deny {rule}), forbidden"),
    forbidden("network.not_allowed", "Address not allowed", "Requests from your network are not accepted.",
              "Ask the operator, with the request id.",
              "Request from blocked IP: {address} (in none of the allowed networks), forbidden"),
    forbidden("network.undeclared_proxy", "Proxy not declared",
              "The server is behind a proxy that it has not been told of, so it cannot tell who is asking.",
              "The operator declares the proxy's address in network.trusted_proxies.",
              "denied: {peer} sends {header} but is not in network.trusted_proxies, while address rules exist",
              status=503),
    forbidden("network.forwarded_unreadable", "Client address unreadable",
              "The address of the client cannot be read from the headers of the proxy.",
              "The operator looks at the {header} header that the proxy sends.",
              "denied: {header} from trusted proxy {peer} is not readable: {value!r}", status=400),
    # --- flood ----------------------------------------------------------------------------------------------
    limit("flood.unauthenticated", "Too many requests without a key",
          "Too many requests without a credential came from your network.",
          "Send an API key, or wait for the time in Retry-After.",
          "forbidden: {prefix} made too many requests without a credential", "TooManyRequestsException"),
    limit("flood.failed_credentials", "Too many failed credentials",
          "Too many credentials that are not valid came from your network.",
          "Check the key, then wait for the time in Retry-After.",
          "auth: {prefix} presented too many bad credentials; not looked at", "TooManyRequestsException"),
    # --- origin ---------------------------------------------------------------------------------------------
    forbidden("origin.not_allowed", "Origin not allowed", "Pages of {origin} may not call this service.",
              "The operator adds the origin to cors.allowed_origins. (A page opened from a file has the origin "
              "'null', which is never allowed.)",
              "Origin not allowed: {origin} (forbidden)"),
    forbidden("origin.header_not_allowed", "Header not allowed for pages",
              "Pages may not send the header {header} to this service.",
              "Leave the header out, or the operator adds it to cors.allowed_headers.",
              "forbidden: preflight from {origin} asks for the header {header}"),
)  # fmt: skip
