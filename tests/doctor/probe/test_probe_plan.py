"""Stories of whole runs: a real nginx before a real application, one fault planted, and the run must find that one."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from mattegate.doctor.answer import Certainty
from mattegate.doctor.causes import causes as catalogue
from mattegate.doctor.clue import Clue
from mattegate.doctor.observation import Observation
from mattegate.doctor.probe.axes import Axis
from mattegate.doctor.probe.plan import BadTarget, Bounds, ProbePlan, ProbeResult, probe
from tests.doctor.probe.houses import (
    KEY,
    QUICK,
    Papers,
    Rule,
    app,
    blackhole,
    free_port,
    key_needed,
    nginx,
    speaking,
)

BEARER = ("Authorization", f"Bearer {KEY}")


def behind_nginx(
    folder: Path, block: str, *rules: Rule, paths: tuple[str, ...] = (), http: str = "", **more: Any
) -> ProbeResult:
    """Probe an application with these rules through an nginx with this in its server block, and straight.

    ``@APP@`` stands for the application's address. Whatever comes out has no secret in it, and only known causes.
    """
    port = free_port()
    with app(*rules, paths=paths) as running:
        block = block.replace("@APP@", f"http://127.0.0.1:{running.port}")
        with nginx(folder, f"{http} server {{ listen 127.0.0.1:{port}; {block} }}"):
            result = look(f"http://127.0.0.1:{port}", direct=f"http://127.0.0.1:{running.port}", **more)
    return result


def look(base: str, *, path: str = "/v1/x", **more: Any) -> ProbeResult:
    """Probe an address."""
    watched: list[Observation] = []
    given = {"limits": QUICK, **more}
    result = probe(ProbePlan(base + path, **given), watched.append)
    assert tuple(watched) == result.observations
    assert KEY not in repr(result)
    for clue in result.clues:
        said = catalogue()[clue.cause].said("title", clue.facts) + catalogue()[clue.cause].said("remedy", clue.facts)
        assert "<" not in said, f"{clue.cause} lacks a fact: {said}"
    return result


def found(result: ProbeResult) -> dict[str, Clue]:
    """The clues by their cause."""
    return {clue.cause: clue for clue in result.clues}


PASS = "location / { proxy_pass @APP@; proxy_set_header Host $http_host; }"


def test_a_sound_way_gets_no_clue(tmp_path: Path) -> None:
    """Every axis is walked, and nothing is found; an 11 MB body is refused, which is what a limit is for."""
    block = f"client_max_body_size 10m; {PASS}"
    result = behind_nginx(tmp_path, block, key_needed, headers=(BEARER,), method="POST", body=b"abc")
    assert not result.clues
    assert any(line.startswith("size:") and "11 MB: 413" in line for line in result.checked)
    assert len(result.observations) <= 60


def test_a_rule_of_nginx_is_told_from_the_application(tmp_path: Path) -> None:
    """403 with nginx's own page through it, 200 straight: nginx refuses, and nothing the proxy changes explains it."""
    result = behind_nginx(tmp_path, f"location /v1/ {{ deny all; }} {PASS}", key_needed, headers=(BEARER,))
    clue = found(result)["differential.nginx_refuses"]
    assert (clue.certainty, clue.status, clue.facts["direct"]) == (Certainty.LIKELY, 403, "200")
    assert "differential.app_refuses_both" not in found(result)


def test_a_refusal_of_the_application_is_not_blamed_on_the_proxy(tmp_path: Path) -> None:
    """The same 403 both ways; and 401 without a key says that this one was read."""
    result = behind_nginx(tmp_path, PASS, key_needed, headers=(("Authorization", "Bearer wrong-key-of-mine"),))
    assert found(result)["differential.app_refuses_both"].certainty is Certainty.LIKELY
    assert "differential.credential_judged" in found(result)
    assert not set(found(result)) & {"differential.nginx_refuses", "differential.refused_before_app"}
    assert "wrong-key-of-mine" not in repr(result)


def test_a_credential_that_the_proxy_takes_away_is_found_by_experiment(tmp_path: Path) -> None:
    """Straight and without the key the application says exactly what comes through the proxy."""
    block = 'location / { proxy_pass @APP@; proxy_set_header Host $http_host; proxy_set_header Authorization ""; }'
    result = behind_nginx(tmp_path, block, key_needed, headers=(BEARER,))
    assert found(result)["differential.credential_lost"].certainty is Certainty.LIKELY


def test_a_host_that_the_proxy_changes_is_found_by_experiment(tmp_path: Path) -> None:
    """nginx sends its upstream's name; the application knows the public one only."""

    def public_only(handler: BaseHTTPRequestHandler) -> tuple[int, dict[str, str]] | None:
        return (400, {}) if handler.headers.get("Host") != "shop.test" else None

    block = "location / { proxy_pass @APP@; }"
    result = behind_nginx(tmp_path, block, public_only, headers=(("Host", "shop.test"),))
    assert found(result)["differential.app_host_rule"].certainty is Certainty.LIKELY


def test_a_rule_on_the_forwarded_address_is_found_by_experiment(tmp_path: Path) -> None:
    """The application refuses whoever is forwarded; straight nobody is."""

    def nobody_forwarded(handler: BaseHTTPRequestHandler) -> tuple[int, dict[str, str]] | None:
        return (403, {}) if handler.headers.get("X-Forwarded-For") else None

    block = PASS.replace("}", "proxy_set_header X-Forwarded-For $remote_addr; }")
    result = behind_nginx(tmp_path, block, nobody_forwarded)
    assert found(result)["differential.app_forwarded_rule"].certainty is Certainty.LIKELY


def test_a_path_that_the_proxy_cuts_is_found_by_experiment(tmp_path: Path) -> None:
    """proxy_pass with a slash strips the prefix: the 404 is the application's for the shorter path."""
    block = "location ^~ /v1/ { proxy_pass @APP@/; }"
    result = behind_nginx(tmp_path, block, paths=("/v1/remove-bg",), path="/v1/remove-bg")
    clue = found(result)["differential.path_stripped"]
    assert (clue.certainty, clue.facts["path"]) == (Certainty.LIKELY, "/remove-bg")


def test_a_dead_server_behind_a_proxy(tmp_path: Path) -> None:
    """502 and nobody at the direct address: the server is down."""
    port, dead = free_port(), free_port()
    with nginx(tmp_path, f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{dead}; }} }}"):
        result = look(f"http://127.0.0.1:{port}", direct=f"http://127.0.0.1:{dead}", axes=frozenset())
    clue = found(result)["differential.direct_unreachable"]
    assert (clue.certainty, clue.status) == (Certainty.PROVEN, 502)


def test_the_scheme_of_the_credential_is_found(tmp_path: Path) -> None:
    """Token is refused, Bearer passes: the key is good. A header name with an underscore likewise."""
    result = behind_nginx(tmp_path, PASS, key_needed, headers=(("Authorization", f"Token {KEY}"),))
    clue = found(result)["differential.credential_scheme"]
    assert clue.certainty is Certainty.PROVEN
    assert clue.facts["works"] == "Authorization: Bearer …"


def test_an_underscore_is_found(tmp_path: Path) -> None:
    """nginx drops X_API_KEY; with hyphens it arrives."""

    def x_api_key(handler: BaseHTTPRequestHandler) -> tuple[int, dict[str, str]] | None:
        return None if handler.headers.get("X-API-KEY") == KEY else (401, {})

    result = behind_nginx(tmp_path, PASS, x_api_key, headers=(("X_API_KEY", KEY),))
    assert found(result)["differential.underscore_header"].certainty is Certainty.PROVEN


@pytest.mark.parametrize(
    ("condition", "named"),
    [("$http_user_agent ~ ^python", "python-requests"), ("$http_user_agent !~ Mozilla", "browser")],
)
def test_a_rule_on_the_client_is_found(condition: str, named: str, tmp_path: Path) -> None:
    """Whichever way round: what passes and what does not differ in the User-Agent alone."""
    block = f"location / {{ if ({condition}) {{ return 403; }} proxy_pass @APP@; }}"
    clue = found(behind_nginx(tmp_path, block, axes=frozenset({Axis.USER_AGENT, Axis.PROFILE})))
    assert named in clue["differential.user_agent_rule"].facts["agents"]
    assert "differential.client_profile" not in clue


def test_an_origin_that_is_refused_and_its_preflight(tmp_path: Path) -> None:
    """curl and Postman get through, the page does not."""

    def no_pages(handler: BaseHTTPRequestHandler) -> tuple[int, dict[str, str]] | None:
        return (403, {}) if handler.headers.get("Origin") else None

    result = behind_nginx(tmp_path, PASS, no_pages, headers=(BEARER,), page="https://shop.example")
    assert found(result)["differential.origin_rule"].certainty is Certainty.PROVEN
    assert found(result)["differential.preflight_refused"].status == 403


def test_a_foreign_origin_that_is_refused_is_no_fault(tmp_path: Path) -> None:
    """That is what the rule is for."""

    def own_page(handler: BaseHTTPRequestHandler) -> tuple[int, dict[str, str]] | None:
        return (403, {}) if "foreign" in (handler.headers.get("Origin") or "") else None

    result = behind_nginx(tmp_path, PASS, own_page)
    assert not result.clues


def test_a_method_that_is_refused(tmp_path: Path) -> None:
    """limit_except lets GET through."""
    block = "location / { limit_except GET { deny all; } proxy_pass @APP@; }"
    result = behind_nginx(tmp_path, block, method="POST", body=b"abc")
    assert found(result)["differential.method_rule"].facts["method"] == "POST"


def test_a_size_that_is_refused(tmp_path: Path) -> None:
    """nginx's own default of 1 MB, told by whoever answered; small bodies pass."""
    result = behind_nginx(tmp_path, PASS, method="POST", body=b"abc", axes=frozenset({Axis.SIZE}))
    clue = found(result)["differential.size_limit"]
    assert (clue.certainty, clue.facts["size"]) == (Certainty.LIKELY, "1.5 MB")


def test_a_forged_address_that_opens_is_a_hole(tmp_path: Path) -> None:
    """set_real_ip_from everybody: whoever sends the header gets in."""
    block = f"set_real_ip_from 0.0.0.0/0; real_ip_header X-Forwarded-For; allow 203.0.113.0/24; deny all; {PASS}"
    clue = found(behind_nginx(tmp_path, block))["differential.forwarded_for_trusted"]
    assert (clue.certainty, clue.facts["works"]) == (Certainty.PROVEN, "somebody")


def test_a_path_that_is_written_otherwise(tmp_path: Path) -> None:
    """Without its prefix it is known."""
    result = behind_nginx(tmp_path, PASS, paths=("/remove-bg",), path="/v1/remove-bg", axes=frozenset({Axis.PATH}))
    assert found(result)["differential.path_rule"].facts["works"] == "without prefix"


def test_a_redirect_that_costs_method_and_credential(tmp_path: Path) -> None:
    """It is reported; another host is not asked."""
    block = "location / { return 301 http://elsewhere.invalid$request_uri; }"
    result = behind_nginx(tmp_path, block, headers=(BEARER,), method="POST", body=b"x")
    assert {"differential.redirect_credentials", "differential.redirect_method"} <= set(found(result))
    assert any("another host" in line for line in result.not_checked)
    assert not any(seen.host.startswith("elsewhere") for seen in result.observations)


def test_http2_is_asked_through_curl(certificates: Papers, tmp_path: Path) -> None:
    """A rule against HTTP/2 alone is found; the key goes to curl unseen."""
    port = free_port()
    block = f"listen 127.0.0.1:{port} ssl http2; {certificates.lines('server')}"
    rule = "location / { if ($server_protocol = HTTP/2.0) { return 403; } return 200; }"
    with nginx(tmp_path, f"server {{ {block} {rule} }}"):
        axes = frozenset({Axis.HTTP_VERSION})
        result = look(f"https://localhost:{port}", ca=certificates.ca, headers=(BEARER,), axes=axes)
    assert found(result)["differential.http_version"].facts["works"] == "2"


def test_what_changes_by_itself_proves_nothing(tmp_path: Path) -> None:
    """A server that fails now and then makes every difference merely possible."""
    asked = iter(range(1_000))

    def moody(_: BaseHTTPRequestHandler) -> tuple[int, dict[str, str]] | None:
        return (403, {}) if next(asked) > 0 else None

    with app(moody) as running:
        result = look(f"http://127.0.0.1:{running.port}")
    assert result.clues
    assert all(clue.certainty is Certainty.POSSIBLE for clue in result.clues)


def test_a_run_ends_where_the_server_begins_to_slow_it(tmp_path: Path) -> None:
    """The first 429 on an axis is the last request of it; and it keeps to its bounds."""
    asked = iter(range(1_000))

    def limited(_: BaseHTTPRequestHandler) -> tuple[int, dict[str, str]] | None:
        return (429, {"Retry-After": "60"}) if next(asked) > 5 else None

    with app(limited) as running:
        result = look(f"http://127.0.0.1:{running.port}")
        assert len(running.seen) == 7
        assert any("429" in line for line in result.not_checked)
    with app() as running:
        bounded = look(f"http://127.0.0.1:{running.port}", bounds=Bounds(requests=4), burst=9)
    assert len(bounded.observations) == 4
    assert any("allowance of 4 requests" in line for line in bounded.not_checked)


def test_what_may_act_is_asked_once(tmp_path: Path) -> None:
    """A DELETE is sent as given, and neither repeated nor varied."""
    result = behind_nginx(tmp_path, "location / { return 403; }", method="DELETE")
    assert [seen.method for seen in result.observations] == ["DELETE"]
    assert any("not repeated" in line for line in result.not_checked)


def test_no_answer_at_all_is_told_by_its_kind() -> None:
    """Dropped, silent and hung up are three things; none of them is a status."""
    with blackhole() as dark:
        assert set(found(look(f"http://127.0.0.1:{dark}", limits=QUICK))) == {"tcp.timed_out"}
    with speaking(lambda sock: sock.recv(9_999) and None) as port:
        assert set(found(look(f"http://127.0.0.1:{port}"))) == {"transport.empty_reply"}
    with speaking(lambda sock: sock.sendall(b"220 mail ESMTP\r\n")) as port:
        assert set(found(look(f"http://127.0.0.1:{port}"))) == {"port.not_http"}


@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "metadata.google.internal"])
def test_metadata_services_are_not_asked_by_accident(host: str) -> None:
    """Neither as the address nor as the direct one."""
    with pytest.raises(BadTarget, match="metadata"):
        look(f"http://{host}")
    with app() as running, pytest.raises(BadTarget, match="metadata"):
        look(f"http://127.0.0.1:{running.port}", direct=f"http://{host}")
