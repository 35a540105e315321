"""The first guide's chapter on networks, containers and the kernel's rules: what each of them can and cannot answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mattegate.doctor.answer import Layer
from mattegate.doctor.causes import causes
from tests.doctor.guides.consulting import ROUTE, consult, transcript
from tests.doctor.nginx.rig import Rig, standing_rig
from tests.doctor.prove.laboratory import asking

HTTP_LAYERS = {"waf", "cdn", *(layer for layer in Layer if layer.startswith("nginx")), "rate-limit", "app", "api-key"}
NO_ANSWER = [
    ("curl: (28) Failed to connect to api.example.com port 443 after 130000 ms: Connection timed out", "tcp.timed_out"),
    ("curl: (7) Failed to connect to api.example.com port 80 after 12 ms: Connection refused", "tcp.refused"),
    ("curl: (56) Recv failure: Connection reset by peer", "tcp.reset"),
    (
        (
            "requests.exceptions.ConnectTimeout: HTTPConnectionPool(host='api.example.com', port=80): Max retries "
            "exceeded with url: /v1/remove-bg (Caused by ConnectTimeoutError(<urllib3.connection.HTTPConnection "
            "object at 0x7f>, 'Connection to api.example.com timed out. (connect timeout=5)'))"
        ),
        "tcp.timed_out",
    ),
]


@pytest.mark.parametrize(("said", "cause"), NO_ANSWER)
def test_a_packet_filter_answers_nothing_and_no_status_is_made_of_it(said: str, cause: str) -> None:
    """Dropped, refused and reset are told apart; none is a status, and no HTTP layer is blamed."""
    told = consult("-", given=f"{said}\n")
    assert told.causes == {cause}
    assert all(finding["status"] is None for finding in told.answer["findings"])
    assert told.layers.isdisjoint(HTTP_LAYERS)


def test_it_is_said_that_a_filter_cannot_send_403() -> None:
    """Whoever believes that a security group answers 403 reads here that it cannot."""
    assert "cannot send an HTTP status" in causes()["tcp.timed_out"].meaning
    assert "No HTTP status can come from a refused connection" in causes()["tcp.refused"].meaning


def test_a_403_excludes_the_packet_filter() -> None:
    """An HTTP answer needs a connection: of a 403, whoever made it, no network layer is suspected."""
    for server in (["server: nginx"], ["server: cloudflare", "cf-ray: 8f0-FRA"], ["server: Beaver"], []):
        told = consult("-", given=transcript(f"POST {ROUTE}", "api.example.com", [], "403 Forbidden", server))
        assert told.layers.isdisjoint({"tcp", "dns", "container-port"})


def test_what_the_console_of_a_cloud_is_to_be_looked_through_for() -> None:
    """Inbound rule, this port, the client's network; a firewall's false alarm is excluded for one path, not for all."""
    told = consult("-", given=f"{NO_ANSWER[0][0]}\n").first["remedy"]
    assert "security group" in told
    assert "inbound rule of this port for the client's network" in told
    remedy = causes()["waf.may_refuse"].remedy
    assert "exclude that rule for the upload's path only" in remedy


# --- containers ------------------------------------------------------------------------------------------------------

PUBLISHED = "services:\n  rmbg:\n    image: rmbg-2.0\n    ports:\n      - 80:8000\n"


def _refused(port: int, path: str) -> str:
    said = f"203.0.113.5 port {port}"
    return (
        f"$ curl -v http://203.0.113.5:{port}{path}\n* connect to {said} failed: Connection refused\n"
        f"curl: (7) Failed to connect to {said}: Connection refused\n"
    )


@pytest.mark.parametrize(
    ("composed", "port", "cause"),
    [
        (PUBLISHED + "    expose: ['8001']\n", 8001, "container.port_not_published"),
        (PUBLISHED.replace("80:8000", "127.0.0.1:80:8000"), 80, "container.loopback_only"),
        (PUBLISHED + "    network_mode: host\n", 80, "container.host_network_ports"),
    ],
)
def test_a_port_that_is_not_mapped_is_refused_and_never_403(
    tmp_path: Path, composed: str, port: int, cause: str
) -> None:
    """``-p 80:8000`` alone: 8001 is refused. With ``--network host`` the mapping itself is void."""
    compose, tried = tmp_path / "compose.yml", tmp_path / "tried.txt"
    compose.write_text(composed)
    tried.write_text(_refused(port, "/health"))
    told = consult(str(compose), str(tried))
    assert {"tcp.refused", cause} <= told.causes
    assert all(finding["status"] is None for finding in told.answer["findings"])


def test_a_mapping_as_the_guide_wants_it_explains_nothing(tmp_path: Path) -> None:
    """With both ports published a refusal has another reason, and a mapping alone is no finding."""
    compose, tried = tmp_path / "compose.yml", tmp_path / "tried.txt"
    compose.write_text(f"{PUBLISHED}      - 8001:8001\n")
    tried.write_text(_refused(8001, "/health"))
    assert consult(str(compose)).code == 0
    assert consult(str(compose), str(tried)).causes == {"tcp.refused"}


def test_a_service_behind_the_proxy_that_is_down_is_502() -> None:
    """What an unhealthy container leads to: nginx's 502, with the refused connection in its log."""
    line = (
        "2026/02/17 01:26:59 [error] 31#31: *5 connect() failed (111: Connection refused) while connecting to upstream"
        ', client: 192.0.2.1, server: , request: "POST /v1/remove-bg HTTP/1.1", upstream: "http://127.0.0.1:8000/", '
        'host: "a.example"\n'
    )
    assert consult("-", given=line).first["cause"] == "upstream.refused"


# --- the kernel's rules -----------------------------------------------------------------------------------------------

AVC = (
    'type=AVC msg=audit(1771291619.123:421): avc:  denied  {{ {permission} }} for  pid=812 comm="nginx" {what} '
    "scontext=system_u:system_r:httpd_t:s0 tcontext=system_u:object_r:{label}:s0 tclass={kind} "
    "permissive={permissive}\n"
)
CONNECT = {"permission": "name_connect", "what": "dest=8000", "label": "soundd_port_t", "kind": "tcp_socket"}
OPEN = {
    "permission": "open",
    "what": 'path="/srv/rmbg/model.safetensors" dev="sda1" ino=42',
    "label": "user_home_t",
    "kind": "file",
}
PROFILE = (
    '[ 1234.567890] audit: type=1400 audit(1771291619.1:42): apparmor="DENIED" operation="open" '
    'profile="/usr/sbin/nginx" name="/srv/rmbg/a.png" pid=812 comm="nginx" requested_mask="r" denied_mask="r" '
    "fsuid=33 ouid=0\n"
)


@pytest.mark.parametrize(
    ("facts", "cause"), [(CONNECT, "filesystem.selinux_connect"), (OPEN, "filesystem.selinux_file")]
)
def test_selinux_says_what_it_denied(facts: dict[str, str], cause: str) -> None:
    """``avc: denied`` of a connection is another thing than of a file; what was only watched denied nothing."""
    told = consult("-", given=AVC.format(**facts, permissive=0))
    assert (told.causes, told.first["layer"]) == ({cause}, "mandatory-access")
    assert "nginx" in told.first["title"]
    assert consult("-", given=AVC.format(**facts, permissive=1)).code == 0


def test_a_connection_that_selinux_denies_is_a_502_with_errno_13() -> None:
    """nginx's own line points there without the audit log: ordinary permissions do not bar a TCP connection."""
    line = (
        "2026/02/17 01:26:59 [crit] 31#31: *5 connect() to 127.0.0.1:8000 failed (13: Permission denied) while "
        'connecting to upstream, client: 192.0.2.1, server: , request: "POST /v1/remove-bg HTTP/1.1", '
        'upstream: "http://127.0.0.1:8000/v1/remove-bg", host: "a.example"\n'
    )
    told = consult("-", given=line)
    assert told.first["title"] == "SELinux does not let nginx open network connections"
    assert told.first["certainty"] == "likely"
    assert "httpd_can_network_connect" in told.first["remedy"]
    assert "502" in causes()["filesystem.selinux_connect"].meaning


def test_apparmor_is_found_without_the_word_avc() -> None:
    """``dmesg | grep avc`` would miss it: the line says ``apparmor="DENIED"``."""
    assert "avc" not in PROFILE
    told = consult("-", given=PROFILE)
    assert (told.causes, told.first["layer"]) == ({"filesystem.apparmor"}, "mandatory-access")
    assert "/usr/sbin/nginx" in told.first["title"]


SELINUX = sorted(code for code in causes() if code.startswith("filesystem.selinux"))


@pytest.mark.parametrize("code", SELINUX)
def test_selinux_stays_on(code: str) -> None:
    """Booleans and labels, and it stays enforcing, in both languages."""
    cause = causes()[code]
    assert cause.remedy.endswith("Leave SELinux enforcing.")
    assert cause.remedy_zh.endswith("保持 SELinux 为 enforcing。")


def test_what_is_denied_is_explained_before_a_module_is_written() -> None:
    """audit2why first; a module of one's own only where no boolean and no label will do."""
    for code in SELINUX:
        cause = causes()[code]
        assert "audit2allow" not in f"{cause.remedy} {cause.check}"
        assert "audit2why" in cause.check or "semanage" in cause.check
    remedies = [causes()[code].remedy for code in SELINUX]
    assert sum("module" in remedy for remedy in remedies) == 1
    assert "only if audit2why knows no boolean" in causes()["filesystem.selinux_socket"].remedy


def test_one_profile_is_put_on_trial_and_apparmor_goes_on() -> None:
    """Stopping the service unloads nothing; one profile in complain mode is what a test needs."""
    remedy = causes()["filesystem.apparmor"].remedy
    assert "complain mode for a test (aa-complain)" in remedy
    assert "systemctl" not in remedy


# --- firewalls -----------------------------------------------------------------------------------------------------

TESTS_TAKEN_FOR_A_CRAWLER = [
    (
        ("2026/02/17 01:26:59 [error] 31#31: *5 [client 192.0.2.1] ModSecurity: Access denied with code 403 (phase 1). "
        'Matched "Operator `PmFromFile\' with parameter `scanners-user-agents.data\' against variable '
        '`REQUEST_HEADERS:User-Agent\' [file "/etc/crs/rules/REQUEST-913-SCANNER-DETECTION.conf"] [line "37"] '
        '[id "913100"] [msg "Found User-Agent associated with security scanner"], client: 192.0.2.1, server: , '
        'request: "POST /v1/remove-bg HTTP/1.1", host: "a.example"\n'),
        "waf.crs_client",
    ),
    (
        transcript(f"POST {ROUTE}", "a.example", [], "403 Forbidden", ["server: cloudflare", "cf-ray: 8f0-FRA",
                   "cf-mitigated: challenge"]),
        "cdn.cloudflare_challenge",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("given", "cause"), TESTS_TAKEN_FOR_A_CRAWLER, ids=["CRS", "Cloudflare"])
def test_tests_that_look_like_a_crawler_are_the_firewalls_refusal(given: str, cause: str) -> None:
    """It is the layer in front that takes a client for a robot; neither the key nor the application is blamed."""
    told = consult("-", given=given)
    assert (told.first["cause"], told.first["layer"]) == (cause, "waf")
    assert told.layers == {"waf"}


_MODULE = Path("/usr/lib/nginx/modules/ngx_http_modsecurity_module.so")
_RULE = 'SecRule ARGS:q "@contains attack" "id:1000,phase:2,deny,status:403,log,msg:\'bad q\',severity:2"'


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """nginx before a stub."""
    if not _MODULE.exists():
        pytest.skip("ModSecurity's module for nginx is not installed")
    with standing_rig() as standing:
        yield standing


def _guarded(rig: Rig, exclusion: str) -> dict[str, int | None]:
    """The status of an upload and of another path, both of which the rule takes for an attack."""
    rules = f"SecRuleEngine On\n{exclusion}\n{_RULE}\n"
    http = "modsecurity on; modsecurity_rules_file {{folder}}/rules.conf; server { listen 127.0.0.1:{{port}}; "
    http += "location / { proxy_pass http://{{upstream}}; } }"
    conf = f"load_module {_MODULE}; {{{{head}}}} http {{ {{{{http_head}}}} {http} }}"
    rig.start(rig.filled(conf), others={"rules.conf": rules})
    asked = [asking(target=f"{path}?q=attack", client="127.0.0.1") for path in (ROUTE, "/other")]
    return {request.path: rig.send(request).status for request in asked}


def test_the_exclusion_that_is_advised_opens_one_path_for_one_rule(rig: Rig) -> None:
    """A firewall's false alarm: its own log line gives the layer, and the line to paste lets the upload pass alone."""
    assert _guarded(rig, "") == {ROUTE: 403, "/other": 403}
    log = (rig.site.folder / "error.log").read_text()
    line = next(line for line in log.splitlines() if '[id "1000"]' in line)
    told = consult("-", given=f"{line}\n")
    assert (told.first["cause"], told.first["layer"]) == ("waf.modsecurity_rule", "waf")
    exclusion = told.first["remedy"].partition("`")[2].partition("`")[0]
    assert _guarded(rig, exclusion) == {ROUTE: 200, "/other": 403}
