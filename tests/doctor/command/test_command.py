"""The doctor's command line, from words to exit code."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from mattegate.doctor.command.run import main

DENIES = "location / { deny 192.168.0.0/16; allow all; proxy_pass http://127.0.0.1:8000; }"


class _Ran:
    def __init__(self, *argv: str, stdin: str = "", environ: dict[str, str] | None = None) -> None:
        out, err = io.StringIO(), io.StringIO()
        self.code = main(argv, io.BytesIO(stdin.encode()), out, err, environ or {})
        self.out, self.err = out.getvalue(), err.getvalue()

    @property
    def answer(self) -> Any:
        return json.loads(self.out)


def test_a_refused_request_is_a_fault_with_its_line() -> None:
    """One schema, the deciding line, and exit code 3."""
    ran = _Ran("nginx", "-", "--request", "POST /v1/remove-bg", "--client-ip", "192.168.1.9", "--json", stdin=DENIES)
    assert ran.code == 3
    assert set(ran.answer) == {"verdict", "findings", "checked", "not_checked", "requests"}
    finding = ran.answer["findings"][0]
    assert (finding["layer"], finding["status"], finding["certainty"]) == ("nginx-access", 403, "proven")
    assert finding["culprit"] == [{"file": "standard input", "line": 1, "text": "deny 192.168.0.0/16;"}]
    assert "+++ standard input" in finding["change"]


def test_a_request_that_passes_is_clean() -> None:
    """Exit code 0, and what reaches the upstream."""
    ran = _Ran("nginx", "-", "--request", "POST /v1/remove-bg", "--client-ip", "10.1.2.3", "--json", stdin=DENIES)
    assert (ran.code, ran.answer["verdict"], ran.answer["findings"]) == (0, "clean", [])
    assert ran.answer["requests"][0]["upstream"]["uri"] == "/v1/remove-bg"


def test_what_is_not_modelled_is_undecided() -> None:
    """Code in front of the upstream may do anything: exit code 4, and the directive is named."""
    conf = "location / { access_by_lua_file /x.lua; proxy_pass http://127.0.0.1:8000; }"
    ran = _Ran("nginx", "-", "--request", "POST /v1", "--json", stdin=conf)
    assert (ran.code, ran.answer["verdict"]) == (4, "undecided")
    assert "access_by_lua_file" in ran.answer["not_checked"][0]


def test_log_and_configuration_join_into_one_finding(tmp_path: Path) -> None:
    """The refusal that the log shows is asked of the configuration: the line and the log stand together."""
    conf, log = tmp_path / "site.conf", tmp_path / "error.log"
    conf.write_text(
        "server {\n listen 80;\n location /v1/ {\n  deny 203.0.113.9;\n  proxy_pass http://127.0.0.1:8000;\n }\n}\n"
    )
    log.write_text(
        "2026/11/22 10:00:00 [error] 7#7: *1 access forbidden by rule, client: 203.0.113.9, server: , "
        'request: "POST /v1/remove-bg HTTP/1.1", host: "api.example.com"\n'
    )
    ran = _Ran(str(log), "--nginx", str(conf), "--json")
    finding = ran.answer["findings"][0]
    assert (finding["cause"], finding["culprit"][0]["line"]) == ("access.rule_denies", 4)
    assert any("error.log:1" in evidence for evidence in finding["evidence"])
    assert any("deny 203.0.113.9;" in evidence for evidence in finding["evidence"])


def test_nothing_to_look_at_is_wrong_usage() -> None:
    """Exit code 2, and how to do it."""
    ran = _Ran()
    assert ran.code == 2
    assert "nothing to look at" in ran.err


@pytest.mark.parametrize(
    "argv",
    [
        ("nginx", "-", "--request", "nonsense here now"),
        ("nginx", "-", "--request", "GET /", "--client-ip", "999.1.1.1"),
        ("nginx", "-", "--header", "no colon", "--request", "GET /"),
        ("https://x.example", "--cert", "a.pem"),
        ("https://x.example", "--key-env", "NOT_SET"),
        ("nginx",),
        ("causes", "no.such_cause"),
        ("cors", "ftp://x", "--origin", "https://a.example"),
        ("-", "-"),
    ],
)
def test_wrong_words_are_explained(argv: tuple[str, ...]) -> None:
    """Whatever is wrong with a command line: exit code 2 and a sentence."""
    ran = _Ran(*argv, stdin=DENIES)
    assert ran.code == 2
    assert ran.err.startswith("mattegate doctor: ")


def test_a_file_that_is_not_there_fails() -> None:
    """Exit code 1, by name."""
    ran = _Ran("/no/such/file.har")
    assert (ran.code, "No such file" in ran.err) == (1, True)


def test_help_and_the_list_of_causes_are_there() -> None:
    """Every command has its help with examples; every cause can be read."""
    assert _Ran("causes").code == 0
    assert "proxy_pass" in _Ran("causes", "proxy_pass.prefix_stripped").out
    assert "上游" in _Ran("causes", "proxy_pass.prefix_stripped", "--language", "zh").out


def test_a_piece_pasted_with_secrets_gives_none_back() -> None:
    """A key that stands in the configuration or the request is in no output."""
    conf = (
        'location / { proxy_set_header Authorization "Bearer sk_prod_abcdefghijklmnopqrstuvwxyz0123456789"; deny all; }'
    )
    header = "Authorization: Bearer sk_prod_zyxwvutsrqponmlkjihgfedcba9876543210"
    for extra in (("--json",), (), ("--share",), ("--verbose",)):
        ran = _Ran("nginx", "-", "--request", "GET /", "--header", header, *extra, stdin=conf)
        assert "abcdefghijklmnop" not in ran.out + ran.err
        assert "zyxwvutsrqponm" not in ran.out + ran.err


def test_a_page_and_a_document_are_written(tmp_path: Path) -> None:
    """--html and --markdown write beside the terminal's text."""
    page, document = tmp_path / "a.html", tmp_path / "a.md"
    _Ran(
        "nginx",
        "-",
        "--request",
        "GET /",
        "--client-ip",
        "192.168.1.1",
        "--html",
        str(page),
        "--markdown",
        str(document),
        stdin=DENIES,
    )
    assert "<svg" in page.read_text("utf-8")
    assert "deny 192.168.0.0/16" in document.read_text("utf-8")


def test_a_line_that_is_too_long_is_said_not_to_have_been_read(tmp_path: Path) -> None:
    """What may stand in it is unknown, which is not the same as nothing; a packed log is read as it is."""
    log = tmp_path / "access.log.gz"
    line = '192.0.2.1 - - [02/Jan/2026:03:04:05 +0100] "GET /v1 HTTP/1.1" 200 153 "-" "curl/8"\n'
    log.write_bytes(gzip.compress((line * 3 + '{"status":403,"x":"' + "y" * 600_000 + '"}\n').encode()))
    ran = _Ran(str(log), "--json")
    assert any(f"{log}:4: not read to their end: 1 lines" in said for said in ran.answer["not_checked"])


def test_the_size_that_a_log_complains_of_is_tried_on_the_configuration(tmp_path: Path) -> None:
    """A thread with a configuration and its error log: the line that sets the limit is named."""
    log = (
        "2026/11/22 10:00:00 [error] 31#31: *7 client intended to send too large body: 2411724 bytes, client: "
        '192.0.2.7, server: a.example, request: "POST /v1/remove-bg HTTP/2.0", host: "a.example"'
    )
    site = "server {\n  listen 80;\n  client_max_body_size 2m;\n  location / { proxy_pass http://127.0.0.1:8000; }\n}"
    thread = tmp_path / "thread.md"
    thread.write_text(f"Uploads fail.\n\n```nginx\n{site}\n```\nand\n```\n{log}\n```\n", "utf-8")
    (finding,) = _Ran(str(thread), "--json").answer["findings"]
    assert (finding["layer"], finding["certainty"]) == ("upload", "proven")
    assert [(culprit["line"], culprit["text"]) for culprit in finding["culprit"]] == [(6, "client_max_body_size 2m;")]


def test_a_request_without_its_answer_is_no_proof_of_health() -> None:
    """Copied out of a browser and nothing else: nobody knows what became of it, and the report says what to add."""
    ran = _Ran(
        "-", "--json", stdin="curl 'https://api.example.com/v1/remove-bg' -X POST -H 'Authorization: Bearer KEY'\n"
    )
    assert (ran.code, ran.answer["verdict"], ran.answer["findings"]) == (4, "undecided", [])
    assert "holds no answer and no configuration" in ran.answer["not_checked"][0]


def test_a_list_of_routes_is_no_proof_of_health(tmp_path: Path) -> None:
    """An OpenAPI document says what is on offer, not whether anybody gets it."""
    document = tmp_path / "openapi.json"
    document.write_text('{"openapi": "3.1.0", "paths": {"/v1/remove-bg": {"post": {"responses": {}}}}}', "utf-8")
    ran = _Ran(str(document), "--json")
    assert (ran.code, ran.answer["verdict"], ran.answer["findings"]) == (4, "undecided", [])


class _Guarded(BaseHTTPRequestHandler):
    """Serves whoever shows a key, and no page of another origin: the order in which the gate asks."""

    def do_GET(self) -> None:
        foreign = "foreign" in (self.headers.get("Origin") or "")
        known = self.headers.get("Authorization") == "Bearer K-for-tests-1"
        if foreign:
            self._answer(403, "origin.not_allowed")
        elif known:
            self._answer(200, "")
        else:
            self._answer(401, "credential.missing")

    do_HEAD = do_OPTIONS = do_GET  # noqa: N815 - the standard library's names

    def _answer(self, status: int, reason: str) -> None:
        self.send_response(status)
        self.send_header("X-Request-Id", "req_01M811EN4M7SXMWKN0G36DD4P8")
        if reason:
            self.send_header("X-Mattegate-Reason", reason)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Say nothing."""


@pytest.fixture
def guarded() -> Iterator[str]:
    """The address of such a service."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Guarded) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/whoami"
        server.shutdown()


def test_that_an_odd_request_of_the_doctor_is_refused_is_no_fault(guarded: str) -> None:
    """A service that works, and rightly refuses the page of a stranger that the doctor tries: nothing is wrong."""
    ran = _Ran(guarded, "--key-env", "KEY", "--json", environ={"KEY": "K-for-tests-1"})
    assert (ran.code, ran.answer["findings"]) == (0, [])
    assert any("foreign: 403" in line for line in ran.answer["checked"])


def test_the_request_as_given_is_the_one_that_is_explained(guarded: str) -> None:
    """Without a key it is the key that is missing, whatever else the doctor's odd requests would be refused for."""
    ran = _Ran(guarded, "--json")
    assert [finding["cause"] for finding in ran.answer["findings"]] == ["gate.credential"]
