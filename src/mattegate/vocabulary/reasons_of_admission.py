"""The part of the catalogue about proxies that ask on behalf of others.

See :mod:`mattegate.vocabulary.reasons` for its rules.
"""

from __future__ import annotations

from typing import Final

from mattegate.vocabulary.reason import Reason, forbidden, request

ADMISSION: Final[tuple[Reason, ...]] = (
    request("original", "Which request is meant is not said",
            "The proxy that asks here on behalf of others does not say which request it means: {problem}.",
            "The operator has it configured anew: mattegate config render {proxy}.",
            operator="denied: {proxy} does not say which request it asks about: {problem}"),
    forbidden("network.not_a_proxy", "Not a declared proxy",
              "Only declared proxies may ask here on behalf of others.",
              "Call the service itself. The operator of a proxy has it declared in network.trusted_proxies.",
              "forbidden: {peer} asked on behalf of others, and is not in network.trusted_proxies"),
    forbidden("signature.body_unread", "Only the head is seen here",
              "The signature covers the whole body, and the gate in front of this service sees the head alone.",
              "State the hash of the body in the head and sign that (SigV4: x-amz-content-sha256; RFC 9421: "
              "content-digest).",
              "forbidden: the signature of key {key_id} by {scheme} covers a body that {proxy} does not send here"),
)  # fmt: skip
