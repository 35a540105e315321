"""Stories of the request that a proxy asks about: what each proxy says of it, and nothing that another would."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.serving.original import ASKING, original
from mattegate.vocabulary.admission import Proxy


def _scope(path: str, *headers: tuple[str, str], method: str = "GET", query: bytes = b"") -> dict[str, Any]:
    pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": pairs,
    }


def _meant(proxy: Proxy, scope: dict[str, Any]) -> tuple[str, bytes, bytes, bytes]:
    found = original(scope, ASKING[proxy], "/authz")
    hosts = [value for name, value in found["headers"] if name == b"host"]
    assert len(hosts) == 1
    return found["method"], found["raw_path"], found["query_string"], hosts[0]


_EVERYTHING = (
    ("Host", "host.test"),
    ("X-Forwarded-Host", "forwarded.test"),
    ("X-Original-Method", "PUT"),
    ("X-Original-URI", "/original?a=%2F"),
    ("X-Forwarded-Method", "PATCH"),
    ("X-Forwarded-Uri", "/forwarded"),
)


@pytest.mark.parametrize(
    ("proxy", "meant"),
    [
        (Proxy.NGINX, ("PUT", b"/original", b"a=%2F", b"host.test")),
        (Proxy.CADDY, ("PATCH", b"/forwarded", b"", b"host.test")),
        (Proxy.TRAEFIK, ("PATCH", b"/forwarded", b"", b"forwarded.test")),
        (Proxy.ENVOY, ("DELETE", b"/behind", b"q=1", b"host.test")),
    ],
)
def test_each_proxy_is_believed_in_its_own_fields_alone(proxy: Proxy, meant: tuple[str, bytes, bytes, bytes]) -> None:
    """A client of one proxy can write the fields of another; those are not read."""
    scope = _scope("/authz/behind", *_EVERYTHING, method="DELETE", query=b"q=1")
    assert _meant(proxy, scope) == meant


def test_the_path_is_decoded_once() -> None:
    """As the server does it with a request of its own."""
    headers = (("Host", "x"), ("X-Original-Method", "GET"), ("X-Original-URI", "/a%20b%252e?c=%20"))
    found = original(_scope("/authz", *headers), ASKING[Proxy.NGINX], "/authz")
    assert (found["path"], found["raw_path"], found["query_string"]) == ("/a b%2e", b"/a%20b%252e", b"c=%20")


def test_envoys_question_about_the_root_is_about_the_root() -> None:
    """The path ends where the prefix does."""
    assert _meant(Proxy.ENVOY, _scope("/authz", ("Host", "x"))) == ("GET", b"/", b"", b"x")


@given(method=st.text(max_size=40), target=st.text(max_size=60), proxy=st.sampled_from(Proxy))
def test_whatever_is_said_is_a_request_or_a_value_error(method: str, target: str, proxy: Proxy) -> None:
    """Never another error, and never a target that is no path."""
    lines = (("x-original-method", method), ("x-original-uri", target), ("x-forwarded-method", method))
    headers = [("Host", "x"), ("X-Forwarded-Host", "x"), ("X-Forwarded-Uri", target)]
    with suppress(ValueError, UnicodeEncodeError):
        scope = _scope("/authz/x", *headers, *lines)
        assert _meant(proxy, scope)[1].startswith(b"/")
