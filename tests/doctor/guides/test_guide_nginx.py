"""The first guide's chapter on nginx: every block through the doctor and a real nginx."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from mattegate.doctor.prove.proof import Shown
from tests.doctor.guides.consulting import (
    ALLOWS_NETWORKS,
    DENIES_HOME,
    ROUTE,
    STRIPS_API,
    STRIPS_V1,
    ask_nginx,
    consult,
    transcript,
    with_line_ends,
)
from tests.doctor.prove.laboratory import asking, shown

PROXIED_HOME = DENIES_HOME.replace("allow all;", "allow all; proxy_pass http://127.0.0.1:8000;")
STRANGER = "203.0.113.7"
BRIDGE = "172.17.0.1"
"""Under which docker's bridge shows every caller."""


def _real(block: str, target: str = ROUTE, **more: object) -> Shown:
    """What a real nginx does with a request."""
    return shown(
        f"server {{ listen 80; listen [::]:80; {block} }}", asking(target=target, method="POST", **more)
    ).before


def _arrives(block: str, target: str = ROUTE) -> str:
    """The path that the backend sees, by the doctor and by a real nginx alike."""
    told = ask_nginx(block, f"POST {target}").request["upstream"]["uri"]
    real = _real(block, target).upstream
    assert real is not None
    assert told == real.uri
    return real.uri


def test_the_path_that_the_backend_sees_is_shown() -> None:
    """``location /api/`` with a slash behind ``proxy_pass``: /api/remove-bg arrives as /remove-bg; it may be meant."""
    assert _arrives(STRIPS_API, "/api/remove-bg") == "/remove-bg"
    told = ask_nginx(STRIPS_API, "POST /api/remove-bg")
    assert (told.code, told.causes) == (0, set())


def test_the_recommended_slash_takes_the_version_away() -> None:
    """The guide's better block breaks its own route: /v1/remove-bg arrives as /remove-bg; the better line is told."""
    assert _arrives(STRIPS_V1) == "/remove-bg"
    told = ask_nginx(STRIPS_V1, prove=True)
    finding = told.finding("proxy_pass.prefix_stripped")
    assert told.line("proxy_pass.prefix_stripped") == "proxy_pass http://127.0.0.1:8000/;"
    assert "proxy_pass http://127.0.0.1:8000;" in finding["remedy"]
    assert "-proxy_pass http://127.0.0.1:8000/;\n+proxy_pass http://127.0.0.1:8000;" in finding["change"]
    assert finding["verified_by"] == ["real nginx: 200 both times, the upstream sees /remove-bg → /v1/remove-bg"]
    assert finding["certainty"] == "proven"


def test_without_a_uri_part_the_path_arrives_as_it_was_sent() -> None:
    """What the guide warns of is what works; nothing is found wrong with it."""
    better = STRIPS_V1.replace("8000/;", "8000;")
    assert _arrives(better, f"{ROUTE}?size=auto") == f"{ROUTE}?size=auto"
    assert ask_nginx(better).code == 0


NO_SLASH = STRIPS_API.replace("/api/", "/api")


@pytest.mark.parametrize(
    ("block", "asked", "arrives", "cause"),
    [
        (NO_SLASH, "/api/remove-bg", "//remove-bg", "proxy_pass.double_slash"),
        (NO_SLASH, "/apix", "/x", ""),
        (STRIPS_API, "/api/a%2Fb//c", "/a/b/c", ""),
        ("location /api/ { proxy_pass http://127.0.0.1:8000; }", "/api/a%2Fb//c", "/api/a%2Fb//c", ""),
        (
            "location /v1/ { set $up http://127.0.0.1:8000; proxy_pass $up/other; }",
            f"{ROUTE}?size=auto",
            "/other",
            "proxy_pass.variable_drops_path",
        ),
    ],
)  # fmt: skip
def test_odd_paths_are_computed_not_guessed(block: str, asked: str, arrives: str, cause: str) -> None:
    """Doubled slashes, look-alike prefixes, %2F and variables: the doctor foresees what the backend really gets."""
    assert _arrives(block, asked) == arrives
    found = ask_nginx(block, f"POST {asked}").causes
    assert found == ({cause} if cause else set())


@pytest.mark.parametrize(
    ("path", "status", "cause"), [(f"{ROUTE}/", 307, "app.slash_redirect"), ("/remove-bg", 404, "app.route_missing")]
)
def test_a_framework_does_not_refuse_an_odd_path(path: str, status: int, cause: str) -> None:
    """FastAPI redirects a slash and does not know a cut path: neither is 403, and the doctor names each."""
    app = FastAPI()
    app.post(ROUTE)(lambda: None)
    with TestClient(app, follow_redirects=False) as client:
        answer = client.post(path)
    assert answer.status_code == status
    got = ["server: uvicorn", *(f"{name}: {value}" for name, value in answer.headers.items())]
    text = transcript(f"POST {path}", "127.0.0.1:8000", [], f"{status} {answer.reason_phrase}", got, answer.text)
    assert consult("-", given=text).first["cause"] == cause


PICTURES = r"location ~* \.(png|jpg)$ { root /srv/static; } "


def test_a_marked_prefix_wins_over_regular_expressions() -> None:
    """``^~`` keeps a picture's path at the backend; else a regular expression takes it, and the doctor says so."""
    marked, plain = (PICTURES + f"location {mark}/v1/ {{ proxy_pass http://127.0.0.1:8000; }}" for mark in ("^~ ", ""))
    assert _arrives(marked, "/v1/cat.png") == "/v1/cat.png"
    assert _real(plain, "/v1/cat.png").upstream is None
    told = ask_nginx(plain, "POST /v1/cat.png")
    assert "(png|jpg)$" in told.line("location.shadowed")
    assert "location ^~ /v1/" in told.finding("location.shadowed")["remedy"]
    assert ask_nginx(marked, "POST /v1/cat.png").causes == set()


@pytest.mark.parametrize(
    ("block", "asked", "location"),
    [
        ("location / { return 201; } location = /v1/ { return 202; } location /v1/ { return 203; }", "/v1/", "= /v1/"),
        ("location / { return 201; } location /v1/ { return 203; }", ROUTE, "/v1/"),
        ("location /v1 { return 201; } location /v1/re { return 203; }", ROUTE, "/v1/re"),
        ("location ~ ^/v1 { return 201; } location ~ remove { return 202; }", ROUTE, "~ ^/v1"),
        ("location ~ Remove { return 201; } location ~* Remove { return 202; }", ROUTE, "~* Remove"),
        ("location /v1/ { return 201; location /v1/re { return 202; } }", ROUTE, "/v1/re"),
    ],
)
def test_locations_are_chosen_as_nginx_does(block: str, asked: str, location: str) -> None:
    """Exact, longest prefix, the first regular expression, nested ones: the doctor's choice is nginx's."""
    told = ask_nginx(block, f"POST {asked}").request
    assert told["location"].startswith(f"location {location} ")
    assert told["status"] == _real(block, asked).status


# --- who may come in ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", ["10.1.2.3", "172.17.0.5", STRANGER])
def test_whom_the_deny_does_not_cover_gets_in(client: str) -> None:
    """``deny 192.168.0.0/16; allow all;`` blocks no container: the first rule that fits decides, here ``allow all``."""
    told = ask_nginx(PROXIED_HOME, client=client)
    assert (told.code, told.request["outcome"]) == (0, "forwards")
    assert _real(PROXIED_HOME, client=client).status == 200
    assert ask_nginx(DENIES_HOME, client=client).causes == {"location.not_proxied"}, "let in, and handed to nobody"
    assert _real(DENIES_HOME, client=client).status in (404, 405)


def test_only_the_network_that_is_denied_is_refused() -> None:
    """192.168.1.9 is refused, by that very line, which the error log names as a rule."""
    for block in (DENIES_HOME, PROXIED_HOME):
        told = ask_nginx(block, client="192.168.1.9")
        assert (told.request["status"], told.line("access.rule_denies")) == (403, "deny 192.168.0.0/16;")
    real = _real(PROXIED_HOME, client="192.168.1.9")
    assert real.status == 403
    assert "access forbidden by rule" in real.log[0]


def test_where_no_rule_fits_everybody_gets_in() -> None:
    """Without ``allow all`` nothing changes: nginx declines to judge, and lets pass."""
    block = PROXIED_HOME.replace("allow all; ", "")
    assert ask_nginx(block, client=STRANGER).code == 0
    assert _real(block, client=STRANGER).status == 200


def test_what_a_line_does_is_tried_without_touching_production(tmp_path: Path) -> None:
    """Instead of commenting lines out and restarting: a real nginx beside it shows 403 → 200, and the file stays."""
    conf = tmp_path / "site.conf"
    conf.write_text(f"server {{ listen 80; {PROXIED_HOME} }}")
    before = conf.read_bytes(), conf.stat().st_mtime_ns
    words = ("--request", f"POST {ROUTE}", "--client-ip", "192.168.1.9")
    told = consult("nginx", str(conf), *words, "--prove")
    finding = told.finding("access.rule_denies")
    assert finding["verified_by"] == ["real nginx: 403 → 200"]
    assert "+allow 192.168.1.9;" in finding["change"]
    assert (conf.read_bytes(), conf.stat().st_mtime_ns) == before


def test_the_block_as_printed_ends_in_its_comment() -> None:
    """On one line the ``#`` hides the rest, closing brace included: nginx would not start, and nothing else is said."""
    told = ask_nginx(ALLOWS_NETWORKS)
    assert told.causes == {"config.refused"}
    assert 'expecting "}"' in told.first["title"]
    assert "`#`" in told.first["remedy"]


NETWORKS = with_line_ends(ALLOWS_NETWORKS).replace("8000/;", "8000;")


@pytest.mark.parametrize(
    ("client", "status"),
    [("127.0.0.1", None), ("10.1.2.3", None), ("172.17.0.5", None), ("192.168.1.9", None), (STRANGER, 403)],
)
def test_the_four_networks_get_in_and_nobody_else(client: str, status: int | None) -> None:
    """What the list says is what it does, as far as IPv4 goes."""
    told = ask_nginx(NETWORKS, client=client)
    assert told.request["status"] == status
    assert _real(NETWORKS, client=client).status == (status or 200)
    assert told.causes == ({"access.rule_denies"} if status else set())


@pytest.mark.parametrize("client", ["::1", "2001:db8::9"])
def test_four_networks_of_ipv4_refuse_every_client_of_ipv6(client: str) -> None:
    """Nobody thought of them: that is another finding than a stranger's refusal."""
    told = ask_nginx(NETWORKS, client=client)
    assert (told.request["status"], told.line("access.ipv6_missing")) == (403, "deny all;")
    assert _real(NETWORKS, client="2001:db8::9").status == 403


def test_behind_a_container_bridge_the_list_lets_the_world_in() -> None:
    """nginx sees the bridge, which is on the list, whoever called; the doctor says so and names the line."""
    headers = (("X-Forwarded-For", STRANGER),)
    told = ask_nginx(NETWORKS, client=BRIDGE, headers=[f"X-Forwarded-For: {STRANGER}"])
    assert told.request["outcome"] == "forwards"
    assert told.line("access.proxy_address_seen") == "allow 172.16.0.0/12;"
    assert any(STRANGER in said for said in told.finding("access.proxy_address_seen")["evidence"])
    assert "set_real_ip_from" in told.finding("access.proxy_address_seen")["remedy"]
    assert _real(NETWORKS, client=BRIDGE, headers=headers).status == 200


REAL_IP = "real_ip_header X-Forwarded-For; set_real_ip_from "


@pytest.mark.parametrize(
    ("trusted", "forwarded", "cause", "status"),
    [
        (BRIDGE, STRANGER, "access.rule_denies", 403),
        ("0.0.0.0/0", "10.9.9.9", "realip.trusts_everyone", 200),
        ("172.16.0.0/12", f"{STRANGER}, 172.18.0.2", "realip.not_recursive", 403),
    ],
)
def test_who_is_believed_decides_who_is_judged(trusted: str, forwarded: str, cause: str, status: int) -> None:
    """The bridge alone: the true caller is judged. Everybody: a forged header gets in. Two hops need ``recursive``."""
    rules = NETWORKS.replace("allow 172.16.0.0/12;", f"allow {STRANGER};") if "recursive" in cause else NETWORKS
    block = f"{REAL_IP}{trusted}; {rules}"
    told = ask_nginx(block, client=BRIDGE, headers=[f"X-Forwarded-For: {forwarded}"])
    assert cause in told.causes
    assert (told.request["status"] or 200) == status
    assert _real(block, client=BRIDGE, headers=(("X-Forwarded-For", forwarded),)).status == status


def test_rules_of_an_inner_block_replace_the_outer_ones() -> None:
    """One ``deny`` inside puts the whole list outside out of force: whoever was kept out gets in."""
    block = "allow 10.0.0.0/8; deny all; location /v1/ { deny 10.6.6.6; proxy_pass http://127.0.0.1:8000; }"
    told = ask_nginx(block, client=STRANGER)
    assert told.request["outcome"] == "forwards"
    assert told.line("access.inheritance_lost") == "deny 10.6.6.6;"
    assert _real(block, client=STRANGER).status == 200


# --- modules and files -------------------------------------------------------------------------------------------


def test_the_access_module_refuses_nobody_by_itself() -> None:
    """It is built in and has no rules: a server without any lets every address in, and no rule is suspected."""
    bare = "server { listen 80; location / { proxy_pass http://127.0.0.1:8000; } }"
    for client in ("192.168.1.9", STRANGER):
        assert ask_nginx(bare, client=client).code == 0
        assert _real("location / { proxy_pass http://127.0.0.1:8000; }", client=client).status == 200


FIREWALL = (
    "load_module modules/ngx_http_modsecurity_module.so; events {} http { server { listen 80; %s"
    "location / { proxy_pass http://127.0.0.1:8000; } } }"
)


def test_a_firewall_is_seen_where_it_is_switched_on_and_only_there() -> None:
    """Loading the module does nothing, nor does switching it on without rules; rules that were not read are a doubt."""
    rules = "modsecurity on; modsecurity_rules_file /etc/nginx/modsec/main.conf; "
    loaded, bare, on = (ask_nginx(FIREWALL % line) for line in ("", "modsecurity on; ", rules))
    assert (loaded.code, bare.code, on.code) == (0, 0, 4)
    assert any("ModSecurity is on here" in said for said in on.answer["not_checked"])


def test_modsecurity_only_watches_unless_it_is_told_otherwise() -> None:
    """The recommended file says DetectionOnly, and what such a firewall logs is no refusal."""
    recommended = Path("/etc/modsecurity/modsecurity.conf-recommended")
    if not recommended.exists():
        pytest.skip("ModSecurity is not installed")
    assert "\nSecRuleEngine DetectionOnly\n" in recommended.read_text("utf-8", "replace")
    watched = (
        "2026/02/17 01:26:59 [info] 31#31: *5 ModSecurity: Warning. Matched \"Operator `Rx' with parameter "
        '`^(?i:x)$\' against variable `ARGS:q\' [file "/etc/crs/rules.conf"] [line "42"] [id "920420"] [msg "m"], '
        'client: 192.0.2.1, server: , request: "POST /v1/remove-bg HTTP/1.1", host: "a.example"\n'
    )
    assert "waf.modsecurity_rule" not in consult("-", given=watched).causes


def test_permission_denied_is_told_by_what_was_to_be_opened() -> None:
    """A file of nginx's own is a matter of the file system; a backend's socket is one of reaching the backend."""
    said = 'open() "/srv/a.txt" failed (13: Permission denied)'
    tail = 'client: 192.0.2.1, server: , request: "GET /a.txt HTTP/1.1", host: "a.example"'
    told = consult("-", given=f"2026/02/17 01:26:59 [error] 31#31: *5 {said}, {tail}\n")
    assert told.first["layer"] == "filesystem"
    said = "connect() to unix:/run/rmbg.sock failed (13: Permission denied) while connecting to upstream"
    told = consult("-", given=f"2026/02/17 01:26:59 [crit] 31#31: *5 {said}, {tail}\n")
    assert told.first["cause"] == "upstream.socket_denied"
