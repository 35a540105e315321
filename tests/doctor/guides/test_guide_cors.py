"""The first guide's chapter on CORS: its nginx block, its fetch(), and what browser, HAR and Postman really show."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.doctor.guides.consulting import (
    ANSWERS_OPTIONS,
    KEY,
    PAGE,
    ROUTE,
    ask_nginx,
    consult,
    transcript,
)
from tests.doctor.nginx.rig import Rig, standing_rig
from tests.doctor.prove.laboratory import asking

API = "https://api.example.com"
ORIGIN = f"Origin: {PAGE}"
BEARER = f"Authorization: Bearer {KEY}"
BLOCK = ANSWERS_OPTIONS.replace("8000/;", "8000;")
STAR = 'add_header Access-Control-Allow-Origin "*"'


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """nginx between a page and a stub."""
    with standing_rig() as standing:
        yield standing


def _start(rig: Rig, block: str) -> str:
    """nginx with this block; its address."""
    block = block.replace("127.0.0.1:8000", "{{upstream}}")
    server = f"server {{ listen 127.0.0.1:{{{{port}}}}; {block} }}"
    rig.start(rig.filled(f"{{{{head}}}} http {{ {{{{http_head}}}} {server} }}"))
    return f"http://127.0.0.1:{rig.ports[0]}{ROUTE}"


def _send(rig: Rig, method: str, *headers: tuple[str, str]) -> Any:
    return rig.send(asking(method=method, target=ROUTE, client="127.0.0.1", headers=(("Origin", PAGE), *headers)))


# --- the block -----------------------------------------------------------------------------------------------------


def test_the_block_answers_the_preflight_and_hides_the_answer(rig: Rig) -> None:
    """The POST's own answer lacks Access-Control-Allow-Origin: the line in the ``if`` is blamed, the change proven."""
    _start(rig, BLOCK)
    assert _send(rig, "OPTIONS", ("Access-Control-Request-Method", "POST")).all("Access-Control-Allow-Origin") == ["*"]
    assert _send(rig, "POST").all("Access-Control-Allow-Origin") == []
    told = ask_nginx(BLOCK, headers=[ORIGIN, BEARER], prove=True)
    finding = told.finding("cors.only_in_preflight")
    assert told.line("cors.only_in_preflight") == "add_header Access-Control-Allow-Origin *;"
    assert "+add_header Access-Control-Allow-Origin * always;" in finding["change"]
    assert "access-control-allow-origin: absent → *" in finding["verified_by"][0]


def test_what_else_is_wrong_with_its_preflight_is_told_beside(rig: Rig) -> None:
    """A memory that no browser keeps so long, and a Content-Length that a 204 must not have."""
    _start(rig, BLOCK)
    preflight = _send(rig, "OPTIONS")
    assert (preflight.status, preflight.all("Content-Length"), preflight.all("Content-Type")) == (
        204,
        ["0"],
        ["text/plain; charset=utf-8"],
    )
    evidence = ask_nginx(BLOCK, headers=[ORIGIN, BEARER]).words("cors.only_in_preflight")
    assert "1728000 is more than browsers keep: Chromium 7200 s, Firefox 86400 s" in evidence
    assert "204 carries Content-Length" in evidence


def test_a_live_page_meets_the_same(rig: Rig) -> None:
    """Asked for real as a page would, the running block gives the same finding."""
    url = _start(rig, BLOCK)
    told = consult(
        "cors", url, "--origin", "http://app.example", "--method", "POST", "--header", "Authorization: Bearer x"
    )
    assert told.first["cause"] == "cors.only_in_preflight"


def test_a_key_in_its_own_header_is_not_on_the_list() -> None:
    """X-API-Key is missing among the allowed headers, so the request itself is never sent."""
    told = ask_nginx(BLOCK, headers=[ORIGIN, f"X-API-Key: {KEY}"])
    assert "x-api-key" in told.finding("cors.header_not_allowed")["title"]
    assert told.line("cors.header_not_allowed").startswith("add_header Access-Control-Allow-Headers DNT,")


def test_without_always_a_refusal_cannot_be_read(rig: Rig) -> None:
    """Moved beside the ``if`` the line works for 200 and not for 401 and 403: ``always`` is missing."""
    beside = BLOCK.replace("} proxy_pass", "} add_header Access-Control-Allow-Origin *; proxy_pass")
    _start(rig, beside)
    assert _send(rig, "POST").all("Access-Control-Allow-Origin") == ["*"]
    assert _send(rig, "POST", ("X-Stub-Status", "403")).all("Access-Control-Allow-Origin") == []
    told = ask_nginx(beside, headers=[ORIGIN, BEARER])
    assert told.causes == {"cors.not_always"}
    assert "+add_header Access-Control-Allow-Origin * always;" in told.first["change"]
    _start(rig, beside.replace("*; proxy", "* always; proxy"))
    assert _send(rig, "POST", ("X-Stub-Status", "403")).all("Access-Control-Allow-Origin") == ["*"]
    assert ask_nginx(beside.replace("*; proxy", "* always; proxy"), headers=[ORIGIN, BEARER]).code == 0


def test_a_line_in_a_location_drops_the_headers_of_its_server(rig: Rig) -> None:
    """``add_header`` inside takes the outer ones out of force, CORS among them."""
    block = f"{STAR} always; location /v1/ {{ add_header X-Frame-Options DENY; proxy_pass http://127.0.0.1:8000; }}"
    _start(rig, block)
    assert _send(rig, "POST").all("Access-Control-Allow-Origin") == []
    told = ask_nginx(block, headers=[ORIGIN])
    assert told.line("cors.add_header_lost") == "add_header X-Frame-Options DENY;"


def test_two_layers_with_cors_are_one_too_many(rig: Rig) -> None:
    """Where the application answers CORS as well, the header stands there twice and no browser takes it."""
    url = _start(
        rig, f"location /v1/ {{ {STAR} always; proxy_pass http://127.0.0.1:8000; proxy_set_header X-Stub-Origin *; }}"
    )
    assert _send(rig, "POST").all("Access-Control-Allow-Origin") == ["*", "*"]
    told = consult("cors", url, "--origin", "http://app.example")
    assert told.first["cause"] == "cors.doubled_allow_origin"


def test_an_answer_in_the_if_comes_before_every_rule(rig: Rig) -> None:
    """``return`` passes by deny and password: OPTIONS is 204 although nobody may in; POST is refused all the same."""
    guarded = BLOCK.replace("} proxy_pass", "} deny all; proxy_pass")
    _start(rig, guarded)
    assert (_send(rig, "OPTIONS").status, _send(rig, "POST").status) == (204, 403)
    requests = [ask_nginx(guarded, f"{method} {ROUTE}").request["status"] for method in ("OPTIONS", "POST")]
    assert requests == [204, 403]
    opened = "location /v1/ { if ($http_x_debug) { return 200; } deny all; proxy_pass http://127.0.0.1:8000; }"
    assert ask_nginx(opened, headers=["X-Debug: 1"]).line("if.bypasses_access") == "return 200;"


def test_the_origin_line_is_not_needed() -> None:
    """nginx hands Origin on by itself: with and without the line the backend gets the same headers."""
    lines = (BLOCK, BLOCK.replace(" proxy_set_header Origin $http_origin;", ""))
    sent = [sorted(ask_nginx(block, headers=[ORIGIN]).request["upstream"]["headers"]) for block in lines]
    assert sent[0] == sent[1]


GOOD = (
    "location /v1/ { add_header Access-Control-Allow-Origin https://your-app.com always; "
    "add_header Vary Origin always; "
    "if ($request_method = OPTIONS) { add_header Access-Control-Allow-Origin https://your-app.com always; "
    'add_header Access-Control-Allow-Methods "GET, POST"; add_header Access-Control-Max-Age 7200; '
    'add_header Access-Control-Allow-Headers "Authorization, X-API-Key, Content-Type"; return 204; } '
    "proxy_pass http://127.0.0.1:8000; }"
)


def test_a_correct_block_is_found_correct(rig: Rig) -> None:
    """One origin, every header listed, ``always``, outside and inside the ``if``: nothing is said, and it works."""
    url = _start(rig, GOOD)
    for header in (BEARER, f"X-API-Key: {KEY}"):
        assert ask_nginx(GOOD, headers=[ORIGIN, header]).code == 0
    assert consult("cors", url, "--origin", PAGE, "--method", "POST", "--header", "X-API-Key: x").code == 0
    assert _send(rig, "POST", ("X-Stub-Status", "401")).all("Access-Control-Allow-Origin") == [PAGE]


# --- the star and credentials ----------------------------------------------------------------------------------------


def _always(value: str, more: str = "") -> str:
    lines = f"add_header Access-Control-Allow-Origin {value} always; {more}"
    listed = 'add_header Access-Control-Allow-Headers "Authorization, Content-Type" always;'
    return (
        f"location /v1/ {{ {lines} if ($request_method = OPTIONS) {{ {lines} {listed} return 204; }} "
        "proxy_pass http://127.0.0.1:8000; }"
    )


def test_a_star_is_refused_for_cookies_and_not_for_a_key() -> None:
    """A cookie is a credential of the browser's; an Authorization header that script sets is none, and passes."""
    assert ask_nginx(_always('"*"'), headers=[ORIGIN, BEARER]).code == 0
    told = ask_nginx(_always('"*"'), headers=[ORIGIN, "Cookie: session=1"])
    assert told.first["cause"] == "cors.star_with_credentials"


def test_the_two_lines_of_the_guide_let_cookies_through() -> None:
    """The exact origin with Allow-Credentials; without the second line that one is missing."""
    allowed = 'add_header Access-Control-Allow-Credentials "true" always;'
    cookie = [ORIGIN, "Cookie: session=1"]
    assert ask_nginx(_always(f'"{PAGE}"', allowed), headers=cookie).code == 0
    assert ask_nginx(_always(f'"{PAGE}"'), headers=cookie).causes == {"cors.credentials_missing"}


FETCH = (
    "fetch('/v1/remove-bg', { method: 'POST', credentials: 'include', // 这行要求Origin不能为*\n"
    " headers: { 'Authorization': 'Bearer ...' } })"
)


def test_the_fetch_of_the_guide_is_read_and_asks_its_own_origin() -> None:
    """A path without a host is the page's own origin: no CORS applies to it, whatever its credentials."""
    told = consult("-", "--as", "copied", given=FETCH)
    assert (told.code, told.layers) == (4, set())


# --- what a page is shown ------------------------------------------------------------------------------------------

BLOCKED = f"Access to fetch at '{API}{ROUTE}' from origin '{PAGE}' has been blocked by CORS policy: "
PREFLIGHT = "Response to preflight request doesn't pass access control check: "
SENTENCES = [
    ("No 'Access-Control-Allow-Origin' header is present on the requested resource.", "cors.no_allow_origin"),
    (f"{PREFLIGHT}It does not have HTTP ok status.", "cors.preflight_status"),
    (f"{PREFLIGHT}Redirect is not allowed for a preflight request.", "cors.preflight_redirect"),
    (
        (
            f"{PREFLIGHT}The 'Access-Control-Allow-Origin' header contains multiple values '*, *', but only one is "
            "allowed."
        ),
        "cors.doubled_allow_origin",
    ),
    (
        (
            f"{PREFLIGHT}The value of the 'Access-Control-Allow-Origin' header in the response must not be the "
            "wildcard '*' when the request's credentials mode is 'include'."
        ),
        "cors.star_with_credentials",
    ),
    (
        "Request header field content-type is not allowed by Access-Control-Allow-Headers in preflight response.",
        "cors.header_not_allowed",
    ),
]


@pytest.mark.parametrize(("said", "cause"), SENTENCES, ids=[cause for _, cause in SENTENCES])
def test_the_console_is_not_silent(said: str, cause: str) -> None:
    """Script sees ``Failed to fetch``; the line above it in the console names the reason, and the doctor reads it."""
    told = consult("-", given=f"{BLOCKED}{said}\nUncaught (in promise) TypeError: Failed to fetch\n")
    assert told.first["cause"] == cause
    assert told.first["certainty"] == "proven"


def test_failed_to_fetch_alone_is_no_403() -> None:
    """Without that line only a possibility is left, no status is claimed, and what would tell is said."""
    told = consult("-", given="Uncaught (in promise) TypeError: Failed to fetch\n")
    assert (told.first["cause"], told.first["certainty"], told.first["status"]) == (
        "browser.answer_hidden",
        "possible",
        None,
    )
    assert "console" in told.first["tell_apart"]


def _entry(method: str, status: int, sent: Mapping[str, str], got: Mapping[str, str], **more: str) -> dict[str, Any]:
    def headers(of: Mapping[str, str]) -> list[dict[str, str]]:
        return [{"name": name, "value": value} for name, value in of.items()]

    asked = {"method": method, "url": f"{API}{ROUTE}", "httpVersion": "HTTP/1.1", "headers": headers(sent)}
    answered = {"status": status, "statusText": "", "httpVersion": "HTTP/1.1", "headers": headers(got), **more}
    filled = {"queryString": [], "cookies": [], "headersSize": -1, "bodySize": -1}
    answer = {**filled, "content": {"size": 0, "mimeType": ""}, "redirectURL": "", **answered}
    times = {"startedDateTime": "2026-02-17T01:26:59.000Z", "time": 3, "cache": {}, "timings": {"send": 0, "wait": 3}}
    return {**times, "request": {**filled, **asked}, "response": answer}


def _har(folder: Path, *entries: dict[str, Any]) -> str:
    path = folder / "page.har"
    log = {"version": "1.2", "creator": {"name": "WebInspector", "version": "1"}, "pages": [], "entries": entries}
    path.write_text(json.dumps({"log": log}))
    return str(path)


ASKS = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


@pytest.mark.parametrize("status", [401, 403, 404, 405, 500])
def test_a_refused_preflight_in_the_network_panel_is_told(tmp_path: Path, status: int) -> None:
    """The guide's symptom: an OPTIONS with 403 and a POST without a status. The POST was never sent."""
    blocked = _entry("POST", 0, {"Origin": PAGE}, {}, _error="net::ERR_FAILED")
    told = consult(_har(tmp_path, _entry("OPTIONS", status, ASKS, {"Server": "nginx"}), blocked))
    assert (told.first["cause"], told.first["status"]) == ("cors.preflight_status", status)
    assert "never sends the request" in told.first["title"]
    assert all(finding["status"] != 0 for finding in told.answer["findings"])


def test_a_preflight_that_is_let_through_is_no_finding(tmp_path: Path) -> None:
    """204 and every header: nothing to say, not even of headers that have no bearing on CORS."""
    granted = {"Access-Control-Allow-Origin": PAGE, "Access-Control-Allow-Headers": "authorization"}
    guarded = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Access-Control-Allow-Origin": PAGE}
    told = consult(
        _har(tmp_path, _entry("OPTIONS", 204, ASKS, granted), _entry("POST", 200, {"Origin": PAGE}, guarded))
    )
    assert told.code == 0


@pytest.mark.parametrize("header", ["X-Content-Type-Options: nosniff", "X-Frame-Options: DENY"])
def test_security_headers_for_pages_are_blamed_for_nothing(header: str) -> None:
    """What the guide tells to look at in Postman changes no API call: with and without it the doctor says the same."""
    for status in ("200 OK", "403 Forbidden"):
        seen = [transcript(f"POST {ROUTE}", "api.example.com", [BEARER], status, got) for got in ([], [header])]
        without, with_it = (consult("-", given=text) for text in seen)
        assert (with_it.code, with_it.causes) == (without.code, without.causes)


def test_postman_passes_where_a_page_is_stopped(tmp_path: Path) -> None:
    """Postman's 200 with a foreign Origin is no proof that pages get through; the console's line decides."""
    request = {"method": "POST", "url": f"{API}{ROUTE}", "header": [{"key": "Origin", "value": PAGE}]}
    saved = {"name": "ok", "status": "OK", "code": 200, "header": [], "body": "{}", "originalRequest": request}
    schema = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
    item = {"name": "cut", "request": request, "response": [saved]}
    postman, console = tmp_path / "collection.json", tmp_path / "console.txt"
    postman.write_text(json.dumps({"info": {"name": "x", "schema": schema}, "item": [item]}))
    console.write_text(f"{BLOCKED}{SENTENCES[0][0]}\n")
    assert consult(str(postman)).code == 0
    assert consult(str(postman), str(console)).first["cause"] == "cors.no_allow_origin"


NOT_CORS = [
    (
        (f"Mixed Content: The page at '{PAGE}/' was loaded over HTTPS, but requested an insecure resource "
        f"'http://api.example.com{ROUTE}'. This request has been blocked; the content must be served over HTTPS.\n"),
        "cors.mixed_content",
    ),
    (transcript(f"POST {ROUTE}", "a.example", [ORIGIN], "403 Forbidden", ["content-type: text/html"],
                "<p>CSRF verification failed. Request aborted.</p><p>Origin checking failed - "
                f"{PAGE} does not match any trusted origins.</p>"), "app.csrf_origin"),
    ("2026-02-17 01:26:59 ERROR Origin not allowed: https://your-app.com\n", "app.origin_not_allowed"),
    (transcript(f"POST {ROUTE}", "a.example", [ORIGIN, "User-Agent: Mozilla/5.0"], "403 Forbidden",
                ["server: cloudflare", "cf-ray: 8f0-FRA", "cf-mitigated: challenge"]), "cdn.cloudflare_challenge"),
    ("POST https://api.example.com/v1/remove-bg net::ERR_BLOCKED_BY_CLIENT\n", "browser.blocked_by_client"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "cause"), NOT_CORS, ids=[cause for _, cause in NOT_CORS])
def test_postman_and_not_the_page_need_not_be_cors(given: str, cause: str) -> None:
    """Mixed content, CSRF, a rule on the origin, a firewall that judges clients: each is told from CORS."""
    assert consult("-", given=given).first["cause"] == cause
