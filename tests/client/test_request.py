"""A request is bytes from the beginning, and nothing that could be read in two ways gets into it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.client.request import Server, cutout_request, encoded, outgoing
from mattegate.serving.texts import query_texts


@pytest.mark.parametrize(
    ("url", "authority", "prefix"),
    [
        ("https://api.example.com", "api.example.com", ""),
        ("https://api.example.com:443/", "api.example.com", ""),
        ("http://api.example.com:443/v/", "api.example.com:443", "/v"),
        ("http://[::1]:8000/cut", "[::1]:8000", "/cut"),
    ],
)
def test_a_server_is_named_as_host_names_it(url: str, authority: str, prefix: str) -> None:
    """Without the scheme's own port, with brackets around IPv6."""
    server = Server.of(url)
    assert (server.authority, server.prefix) == (authority, prefix)
    asked = outgoing(server, "GET", "/v1/whoami")
    assert asked.address == f"{server.scheme}://{authority}{prefix}/v1/whoami"
    assert asked.message.values(b"host") == (authority.encode(),)


@pytest.mark.parametrize(
    "url", ["api.example.com", "ftp://x", "https://u:p@x", "https://x?a=1", "https://", "http://x#a"]
)
def test_what_names_no_server_is_refused(url: str) -> None:
    """Passwords and queries in an address do not get into signatures and logs."""
    with pytest.raises(ValueError, match="a server's address"):
        Server.of(url)


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=8).filter(lambda name: name != "image_url"), st.text(max_size=12), max_size=4
    )
)
def test_options_arrive_as_they_were_given(options: dict[str, str]) -> None:
    """Every character, spaces and plus signs among them, is read by the server as it was meant."""
    assert query_texts(encoded(options)) == options


def test_numbers_and_truth_values_are_spelled_for_the_api() -> None:
    """As the API reads them."""
    asked = cutout_request(Server.of("https://x"), b"abc", {"crop": True, "quality": 90, "size": "10x10"})
    assert asked.query == b"crop=true&quality=90&size=10x10"
    assert asked.message.values(b"content-length") == (b"3",)


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\n", " a", "a ", "a\0"])
def test_a_header_is_one_line(value: str) -> None:
    """A value with a line break would be another header."""
    with pytest.raises(ValueError, match="cannot be sent"):
        outgoing(Server.of("https://x"), "GET", "/", headers={"X-Note": value})
