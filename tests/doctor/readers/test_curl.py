"""Transcripts of the real curl, and of ones that cannot be had here, word for word as curl writes them."""

from __future__ import annotations

import io
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.doctor.observation import Observation
from mattegate.doctor.readers.curl import CurlReader


def _read(text: str | bytes) -> list[Observation]:
    raw = text.encode() if isinstance(text, str) else text
    return list(CurlReader().read(io.BytesIO(raw), "curl.txt"))


class _Refusing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        moved = self.path == "/moved"
        body = b"" if moved else b'{"message":"Forbidden"}'
        self.send_response(302 if moved else 403)
        if moved:
            self.send_header("Location", "/v1/x")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _answer  # noqa: N815 - the names the library calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[int]:
    """A server that refuses everything but the one address that moved."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Refusing) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield httpd.server_port
        httpd.shutdown()


def _curl(*arguments: str) -> list[Observation]:
    program = shutil.which("curl")
    if program is None:
        pytest.skip("curl is not installed")
    command = [program, "--noproxy", "*", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=20)
    text = done.stdout.decode()
    assert CurlReader().recognises(text, "x.txt")
    return _read(text)


@pytest.mark.parametrize("how", [["-v"], ["-sv"], ["-s", "--trace-ascii", "-", "-o", "/dev/null"], ["-s", "-v", "-i"]])
def test_a_refusal_is_read_whatever_the_verbosity(server: int, how: list[str]) -> None:
    """Method, path, host, status and both heads are there; the key is not."""
    long_key = "sk_prod_" + "a1" * 60
    seen = _curl(*how, f"http://127.0.0.1:{server}/v1/x?a=b", "-d", "x=y", "-H", f"Authorization: Bearer {long_key}")
    assert [(one.format, one.status, one.request) for one in seen] == [("exchange", 403, "POST /v1/x")]
    assert (seen[0].scheme, seen[0].host, seen[0].http_version) == ("http", f"127.0.0.1:{server}", "1.1")
    assert seen[0].request_header("authorization") == "Bearer sk_prod_********(len 128)"
    assert (seen[0].header("content-length"), seen[0].fields["address"]) == ("23", "127.0.0.1")
    if "-o" not in how:
        assert seen[0].body == '{"message":"Forbidden"}'


def test_a_plain_answer_with_its_head(server: int) -> None:
    """``-i`` shows the answer alone; the command above it tells the request."""
    seen = _curl("-si", f"http://127.0.0.1:{server}/v1/x")
    assert [(one.status, one.body) for one in seen] == [(403, '{"message":"Forbidden"}')]
    typed = _read(f"$ curl -i \\\n  -X PUT https://api.example.com/v1/x?token=abc\n{_PLAIN_403}")
    assert [(one.request, one.host, one.path) for one in typed] == [
        ("PUT /v1/x", "api.example.com", "/v1/x?token=********(len 3)")
    ]


_PLAIN_403 = "HTTP/1.1 403 Forbidden\r\nServer: nginx\r\n\r\n<html>\r\n"


def test_a_redirect_is_two_exchanges(server: int) -> None:
    """Each hop stands alone, in its order."""
    seen = _curl("-svL", f"http://127.0.0.1:{server}/moved")
    assert [(one.status, one.request) for one in seen] == [(302, "GET /moved"), (403, "GET /v1/x")]


def test_a_refused_connection() -> None:
    """No answer: what curl said, where it tried, and its code."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        seen = _curl("-sSv", f"http://127.0.0.1:{port}/v1")
    assert [one.format for one in seen] == ["client-error"]
    assert seen[0].status is None
    assert (seen[0].fields["curl_code"], seen[0].fields["address"], seen[0].fields["port"]) == (
        "7",
        "127.0.0.1",
        str(port),
    )
    assert "refused" in seen[0].fields["notes"]


def test_an_empty_reply() -> None:
    """The request was sent and nothing came: its method and path are known, a status is not."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_hang_up, args=(listener,), daemon=True).start()
        seen = _curl("-sSv", f"http://127.0.0.1:{listener.getsockname()[1]}/v1/x")
    assert [(one.format, one.request, one.fields["curl_code"]) for one in seen] == [("client-error", "GET /v1/x", "52")]
    assert "Empty reply from server" in seen[0].message


def _hang_up(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    connection.recv(65_536)
    connection.close()


def test_a_proxy_that_denies_the_tunnel() -> None:
    """CONNECT and its 403 are one exchange, curl's complaint another; neither claims that the host was reached."""
    seen = _read(
        "* Uses proxy env variable https_proxy == 'http://bob:hunter2@proxy.corp:3128'\n"
        "*   Trying 10.1.1.1:3128...\n* Connected to proxy.corp (10.1.1.1) port 3128 (#0)\n"
        "* allocate connect buffer\n* Establish HTTP proxy tunnel to api.example.com:443\n"
        "> CONNECT api.example.com:443 HTTP/1.1\n> Host: api.example.com:443\n> \n"
        "< HTTP/1.1 403 Forbidden\n< Server: squid/5.7\n< X-Squid-Error: ERR_ACCESS_DENIED 0\n< \n"
        "* CONNECT tunnel failed, response 403\n* Closing connection 0\n"
        "curl: (56) CONNECT tunnel failed, response 403\n"
    )
    assert [(one.format, one.method, one.status) for one in seen] == [
        ("exchange", "CONNECT", 403),
        ("client-error", "CONNECT", 403),
    ]
    exchange = next(one for one in seen if one.format == "exchange")
    assert exchange.header("x-squid-error") == "ERR_ACCESS_DENIED 0"
    assert exchange.fields["proxy"] == "http://bob:********(len 7)@proxy.corp:3128"


def test_http2_with_tls_and_a_body_that_ends_without_a_line_end() -> None:
    """The pseudo headers, the certificate and curl's last word are not mistaken for the body."""
    seen = _read(
        "* Host api.example.com:443 was resolved.\n*   Trying 192.0.2.7:443...\n"
        "* Connected to api.example.com (192.0.2.7) port 443\n"
        "* SSL connection using TLSv1.3 / TLS_AES_128_GCM_SHA256 / X25519 / RSASSA-PSS\n"
        "* ALPN: server accepted h2\n*  subject: CN=api.example.com\n*  issuer: C=US; O=Amazon; CN=Amazon M01\n"
        "* using HTTP/2\n* [HTTP/2] [1] OPENED stream for https://api.example.com/prod/x\n"
        "* [HTTP/2] [1] [:method: POST]\n* [HTTP/2] [1] [authorization: Bearer abc123def456]\n"
        "> POST /prod/x HTTP/2\n> Host: api.example.com\n> authorization: Bearer abc123def456\n> \n"
        "< HTTP/2 403 \n< x-amzn-errortype: ForbiddenException\n< \n"
        '{"message":"Forbidden"}* Connection #0 to host api.example.com left intact\n'
    )
    assert len(seen) == 1
    assert (seen[0].scheme, seen[0].http_version, seen[0].status) == ("https", "2", 403)
    assert seen[0].body == '{"message":"Forbidden"}'
    assert seen[0].fields["alpn"] == "h2"
    assert "abc123def456" not in repr(seen)


@pytest.mark.parametrize(
    ("line", "code", "word"),
    [
        ("curl: (60) SSL certificate problem: unable to get local issuer certificate", "60", "issuer"),
        ("curl: (28) Connection timed out after 5001 milliseconds", "28", "timed out"),
        ("curl: (35) OpenSSL/3.0.2: error:0A00045C:SSL routines::tlsv13 alert certificate required", "35", "alert"),
        ("curl: (56) Received HTTP code 403 from proxy after CONNECT", "56", "proxy"),
        ("curl: (22) The requested URL returned error: 403", "22", "403"),
    ],
)
def test_an_error_line_alone(line: str, code: str, word: str) -> None:
    """With ``-sS`` that line is all there is."""
    (seen,) = _read(f"$ curl -sS https://h.example/v1\n{line}\n")
    assert (seen.format, seen.fields["curl_code"], seen.host) == ("client-error", code, "h.example")
    assert word in seen.message
    assert seen.status == (403 if "403" in line else None)


def test_a_continue_before_the_refusal() -> None:
    """An interim answer is no answer."""
    (seen,) = _read(
        "> POST /v1 HTTP/1.1\n> Host: h\n> Expect: 100-continue\n> \n< HTTP/1.1 100 Continue\n< \n"
        "< HTTP/1.1 413 Request Entity Too Large\n< Server: nginx\n< \n"
        "* HTTP error before end of send, stop sending\n<html>\n"
    )
    assert (seen.status, seen.fields["interim"], seen.header("server")) == (413, "100", "nginx")


@given(
    st.lists(
        st.sampled_from(
            [
                "> POST / HTTP/1.1\n",
                "> a: b\n",
                "> \n",
                "< HTTP/2 403 \n",
                "< \n",
                "<\n",
                "* x\n",
                "body",
                "\x00",
                "\x1b[1m",
                "HTTP/1.1 200 OK\n",
                "\n",
                "curl: (7) x\n",
                "== Info: y\n",
                "=> Send header, 3 bytes (0x3)\n",
                "0000: abc\n",
                "$ curl 'x\n",
                "\\\n",
                "\r",
                "* Trying 1.2.3.4:80...\n",
                "Authorization: Bearer qwert12345\n",
            ]
        ),
        max_size=20,
    )
)
@settings(max_examples=200, deadline=None)
def test_no_transcript_is_too_broken(pieces: list[str]) -> None:
    """Cut, doubled and shuffled lines are read as far as they go."""
    for one in _read("".join(pieces).encode("utf-8", "replace")):
        assert one.format in ("exchange", "client-error")
        assert "qwert12345" not in repr(one)


@pytest.mark.parametrize(
    "text", ["2024/01/01 12:00:00 [error] 1#1: *1 access forbidden", "{}", "curl https://x -H 'a: b'"]
)
def test_other_inputs_are_not_taken_for_transcripts(text: str) -> None:
    """A log, a document and a mere command are somebody else's."""
    assert not CurlReader().recognises(text, "x.txt")
