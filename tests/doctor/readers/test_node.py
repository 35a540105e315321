"""What Node.js prints of answers: read as exchanges, from within whatever stands around them."""

from __future__ import annotations

from io import BytesIO

import pytest

from mattegate.doctor.observation import Observation
from mattegate.doctor.readers import recognise
from mattegate.doctor.readers.node import NodeReader

_FETCHED = """Here is what the log of our function shows:
{
  status: 403,
  statusText: 'Forbidden',
  headers: Headers {
    date: 'Mon, 05 Feb 2024 10:00:00 GMT',
    'content-type': 'text/html; charset=UTF-8',
    'cf-mitigated': 'challenge',
    server: 'cloudflare'
"""
_AXIOS = r"""AxiosError: Request failed with status code 413
    at settle (/app/node_modules/axios/dist/node/axios.cjs:2019:12) {
  code: 'ERR_BAD_REQUEST',
  config: {
    method: 'post',
    url: 'https://api.example.com/v1/remove-bg',
    headers: Object [AxiosHeaders] { Authorization: 'Bearer sk_live_1234567890abcdef' },
  },
  response: {
    status: 413,
    statusText: 'Request Entity Too Large',
    headers: Object [AxiosHeaders] { server: 'nginx/1.24.0', 'content-type': 'text/html' },
    data: '<html>\r\n' +
      '<head><title>413 Request Entity Too Large</title></head>\r\n' +
      '</html>\r\n'
  },
  status: 413
}
"""


def _read(text: str) -> list[Observation]:
    return list(NodeReader().read(BytesIO(text.encode()), "said.txt"))


@pytest.mark.parametrize("text", [_FETCHED, _AXIOS, "```\n" + _FETCHED + "```"])
def test_it_is_known_within_prose(text: str) -> None:
    """By the status, its text and the headers, wherever they stand."""
    reader = recognise(text, "said.txt")
    assert reader is not None
    assert reader.name == "node"


def test_an_answer_of_fetch_may_end_in_its_headers() -> None:
    """Whoever pastes it leaves the rest out."""
    (seen,) = _read(_FETCHED)
    assert (seen.status, seen.reason_phrase, seen.place.line) == (403, "Forbidden", 3)
    assert (seen.header("cf-mitigated"), seen.header("server")) == ("challenge", "cloudflare")


def test_axios_tells_the_request_too() -> None:
    """The method and the address stand in its ``config``; a long body is a sum of short texts; the key is not kept."""
    (seen,) = _read(_AXIOS)
    assert (seen.method, seen.host, seen.path, seen.status) == ("POST", "api.example.com", "/v1/remove-bg", 413)
    assert "<title>413 Request Entity Too Large</title></head>\n</html>" in seen.body
    assert "sk_live" not in repr(seen)


def test_json_is_not_node_s() -> None:
    """Names in quotes are another reader's."""
    assert not NodeReader().recognises('{"status": 403, "statusText": "Forbidden", "headers": {}}', "a.json")
