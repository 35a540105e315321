"""The first guide's tool box: what is read first, who made a status, and what is never advised."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mattegate.doctor.answer import Layer
from mattegate.doctor.causes import causes
from mattegate.doctor.command.run import main
from mattegate.doctor.probe.axes import Axis, Scene, variations
from mattegate.doctor.probe.credential import Credential
from mattegate.doctor.probe.exchange import Ask
from mattegate.doctor.probe.target import parse_target
from mattegate.doctor.signatures import signatures
from tests.doctor.guides.consulting import ANSWERS_OPTIONS, DENIES_HOME, KEY, ROUTE, ask_nginx, consult, transcript
from tests.doctor.nginx.rig import Rig, standing_rig
from tests.doctor.prove.laboratory import asking

# --- what is never said --------------------------------------------------------------------------------------------


def _sentences() -> Iterator[tuple[str, str]]:
    """Every sentence of the catalogue and of the signatures, with where it stands."""
    for cause in causes().values():
        told = (cause.title, cause.meaning, cause.remedy, cause.check, cause.title_zh, cause.remedy_zh)
        yield from ((cause.code, text) for text in told)
    for entry in signatures():
        yield from ((entry.id, text) for text in (entry.says, entry.remedy, entry.next, entry.tell_apart))


_SHARE = re.compile(
    r"\d ?[%％](?![0-9A-Fa-f]{2})|\d+ (?:percent|per cent)\b|\b(?:most|half|a third|\d in \d) of (?:all )?(?:403|cases)"
    r"|百分之|[一二三四五六七八九]成[^功为]"
)


def test_nobody_knows_what_share_of_refusals_is_whose() -> None:
    """No sentence has a share: that nearly 60 % are nginx's is nowhere, because nobody counted."""
    assert [(where, text) for where, text in _sentences() if _SHARE.search(text)] == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_answer_gives_a_share(language: str) -> None:
    """Certainty is one of three words, never a number."""
    out = io.StringIO()
    words = ["nginx", "-", "--request", f"POST {ROUTE}", "--client-ip", "192.168.1.9", "--language", language]
    assert main(words, io.BytesIO(DENIES_HOME.encode()), out, io.StringIO(), {}) == 3
    assert "%" not in out.getvalue()
    certainties = {finding["certainty"] for finding in ask_nginx(ANSWERS_OPTIONS).answer["findings"]}
    assert certainties <= {"proven", "likely", "possible"}


_NEVER = (
    r"setenforce",
    r"permissive mode",
    r"(?:stop|disable|mask)\b[^.;]{0,24}\b(?:apparmor|selinux|firewalld|ufw|modsecurity)",
    r"aa-(?:teardown|disable)",
    r"SecRuleEngine Off|modsecurity off",
    r"chmod\b[^.;]{0,12}(?:-R|777)|\b777\b",
    r"chown\b[^.;]{0,24}(?:www-data|nginx|nobody)",
    r"0\.0\.0\.0/0|::/0",
    r"--network[ =]host|--privileged",
    r"verif(?:y|ication)[^.;]{0,16}\boff\b|--insecure|curl[^.;\n]{0,40} -k\b",
)
_NOT = re.compile(r"\b(?:never|not|no|without|instead of)\b|不要|不必|切勿|绝不|不得|而不是")


@pytest.mark.parametrize("pattern", _NEVER)
def test_no_protection_is_ever_taken_away(pattern: str) -> None:
    """SELinux, AppArmor, a firewall, permissions, address rules: a sentence that names the cure-all forbids it."""
    advice = [
        (where, clause)
        for where, text in _sentences()
        for clause in re.split(r"(?<=[.;:!?。；：])\s*|\n", text)
        if re.search(pattern, clause, re.IGNORECASE) and not _NOT.search(clause)
    ]
    assert advice == []


def test_the_change_for_a_refusal_opens_one_address() -> None:
    """What is inserted before a ``deny`` names the one client that was asked about, IPv4 or IPv6."""
    for client in ("192.168.1.9", "2001:db8::9"):
        block = "location / { allow 127.0.0.1; deny all; proxy_pass http://127.0.0.1:8000; }"
        change = ask_nginx(block, client=client).first["change"]
        assert f"+allow {client};" in change
        assert "allow all" not in change


# --- one family ----------------------------------------------------------------------------------------------------

SERVER = """{{head}} http { {{http_head}} limit_req_zone $binary_remote_addr zone=api:1m rate=1r/m;
  server { listen 127.0.0.1:{{port}}; server_name a.example; root {{root}};
    location /basic { auth_basic x; auth_basic_user_file {{htpasswd}}; proxy_pass http://{{upstream}}; }
    location /deny { deny all; proxy_pass http://{{upstream}}; }
    location /large { client_max_body_size 10; proxy_pass http://{{upstream}}; }
    location /often { limit_req zone=api; limit_req_status 429; proxy_pass http://{{upstream}}; }
    location /often503 { limit_req zone=api; proxy_pass http://{{upstream}}; }
    location /down { proxy_pass http://127.0.0.1:1; }
    location /app { proxy_pass http://{{upstream}}; }
  } }"""


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """nginx with one way to refuse in each location."""
    with standing_rig() as standing:
        standing.start(standing.filled(SERVER))
        yield standing


BY_NGINX = [
    ("/basic", 401, "nginx-auth"),
    ("/deny", 403, "nginx-access"),
    ("/missing.txt", 404, "nginx-location"),
    ("/large", 413, "upload"),
    ("/often", 429, "rate-limit"),
    ("/often503", 503, "rate-limit"),
    ("/down", 502, "upstream-connect"),
]


@pytest.mark.parametrize(("path", "status", "layer"), BY_NGINX)
def test_every_status_of_nginx_has_its_layer(rig: Rig, path: str, status: int, layer: str) -> None:
    """401, 403, 404, 413, 429, 502, 503: whatever the number, what a real nginx logs and answers names who made it."""
    (rig.site.folder / "error.log").write_text("")
    request = asking(method="GET" if status == 404 else "POST", target=path, client="127.0.0.1", body_bytes=100)
    reply = next(reply for reply in (rig.send(request) for _ in range(3)) if reply.status == status)
    got = [f"{name}: {value}" for name, value in reply.headers]
    seen = transcript(f"{request.method} {path}", "a.example", [], f"{status} X", got, reply.body.decode())
    log = (rig.site.folder / "error.log").read_text()
    told = {finding["layer"] for given in (seen, log) for finding in consult("-", given=given).answer["findings"]}
    assert layer in told
    assert told.isdisjoint({Layer.API_KEY, Layer.APP, Layer.POLICY})


@pytest.mark.parametrize("status", [401, 403, 404, 405, 413, 429, 500])
def test_no_status_of_the_application_is_laid_on_nginx(rig: Rig, status: int) -> None:
    """The same numbers from behind: JSON through nginx was made there, and no layer of nginx's is blamed for sure."""
    reply = rig.send(asking(target="/app", client="127.0.0.1", headers=(("X-Stub-Status", str(status)),)))
    assert reply.status == status
    got = [f"{name}: {value}" for name, value in reply.headers]
    told = consult("-", given=transcript("GET /app", "a.example", [], f"{status} X", got, reply.body.decode()))
    blamed = {f["layer"] for f in told.answer["findings"] if f["certainty"] != "possible" and f["status"] == status}
    assert not {layer for layer in blamed if layer.startswith("nginx")} | (blamed & {"rate-limit", "upload"})


def test_a_server_may_say_403_for_what_is_not_there() -> None:
    """403 is not always found and refused: AWS says it of a path that does not exist, and the doctor says so."""
    got = ["x-amzn-errortype: MissingAuthenticationTokenException", "content-type: application/json"]
    body = '{"message":"Missing Authentication Token"}'
    api = "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"
    told = consult("-", given=transcript("GET /prod/nothing", api, [], "403 Forbidden", got, body))
    assert told.finding("aws.no_such_route")["layer"] == "route"


# --- logs ------------------------------------------------------------------------------------------------------------

LINES = [
    ("Invalid API key format", "auth.key_malformed", "api-key"),
    ("Origin not allowed: https://evil.com", "app.origin_not_allowed", "app"),
    ("Request from blocked IP: 203.0.113.5", "app.address_blocked", "policy"),
]
WRAPPED = {
    "a file": "2026-02-17 01:26:59,123 ERROR {}\n",
    "docker logs": "ERROR:    {}\n",
    "docker logs -t": "2026-02-17T01:26:59.123456789Z ERROR {}\n",
    "docker's json-file": '{{"log":"ERROR {}\\n","stream":"stderr","time":"2026-02-17T01:26:59.1Z"}}\n',
    "docker compose logs": "rmbg-1  | 2026-02-17 01:26:59 ERROR {}\n",
    "journalctl -u rmbg-2.0": "Feb 17 01:26:59 gpu-1 rmbg-2.0[812]: ERROR {}\n",
}


@pytest.mark.parametrize("wrapping", WRAPPED.values(), ids=WRAPPED.keys())
@pytest.mark.parametrize(("line", "cause", "layer"), LINES, ids=[cause for _, cause, _ in LINES])
def test_the_lines_of_the_guide_are_read_wherever_they_stand(line: str, cause: str, layer: str, wrapping: str) -> None:
    """From a file, from docker in four shapes, from the journal: each of the three lines names its layer and cause."""
    told = consult("-", given=wrapping.format(line))
    assert (told.first["cause"], told.first["layer"]) == (cause, layer)


@pytest.mark.parametrize(("line", "cause", "layer"), LINES, ids=[cause for _, cause, _ in LINES])
def test_a_line_alone_is_read_when_its_kind_is_said(line: str, cause: str, layer: str) -> None:
    """As the guide prints them, without time or level, in the journal too."""
    for given in (f"{line}\n", f"Feb 17 01:26:59 gpu-1 rmbg-2.0[812]: {line}\n"):
        told = consult("-", "--as", "app-log", given=given)
        assert (told.first["cause"], told.first["layer"]) == (cause, layer)


def test_the_first_line_is_found_among_thousands(tmp_path: Path) -> None:
    """Listening to the log first: one refusal among ten thousand lines that are fine is the answer, with its line."""
    log = tmp_path / "rmbg.log"
    fine = [f"2026-02-17 01:26:{n % 60:02} INFO request {n} done in {n % 90} ms" for n in range(10_000)]
    log.write_text("\n".join([*fine[:7000], "2026-02-17 01:26:59 ERROR Invalid API key format", *fine[7000:]]))
    told = consult(str(log), "--as", "app-log")
    assert told.causes == {"auth.key_malformed"}
    assert "rmbg.log:7001" in told.words("auth.key_malformed")


# --- from the outside in, one thing at a time ----------------------------------------------------------------------


def test_what_is_seen_is_joined_and_told_from_the_outside_in(tmp_path: Path) -> None:
    """Transcript, log and configuration of one refusal are one finding; of equals the outermost layer comes first."""
    seen, log, conf = tmp_path / "curl.txt", tmp_path / "error.log", tmp_path / "site.conf"
    page = "<html>\n<head><title>403 Forbidden</title></head>\n<body>\n<center><h1>403 Forbidden</h1></center>\n"
    page += "<hr><center>nginx/1.22.1</center>\n</body>\n</html>"
    got = ["Server: nginx/1.22.1", "Content-Type: text/html"]
    seen.write_text(transcript(f"POST {ROUTE}", "a.example", [], "403 Forbidden", got, page))
    log.write_text(
        "2026/02/17 01:26:59 [error] 31#31: *5 access forbidden by rule, client: 192.168.1.9, server: a.example, "
        'request: "POST /v1/remove-bg HTTP/1.1", host: "a.example"\n'
    )
    conf.write_text(f"server {{ listen 80; server_name a.example; {DENIES_HOME} }}")
    told = consult(str(seen), "--error-log", str(log), "--nginx", str(conf))
    assert (told.first["cause"], told.first["certainty"]) == ("access.rule_denies", "proven")
    assert told.first["culprit"][0]["text"] == "deny 192.168.0.0/16;"
    assert {"curl.txt", "error.log", "site.conf"} <= set(
        re.findall(r"[\w-]+\.(?:txt|log|conf)", told.words("access.rule_denies"))
    )
    depth = [list(Layer).index(f["layer"]) for f in told.answer["findings"] if f["certainty"] == "possible"]
    assert depth == sorted(depth)


BASE = Ask(target=ROUTE, method="POST", headers=(("Host", "a.example"), ("Authorization", f"Bearer {KEY}")))
SCENE = Scene(parse_target("http://a.example/v1/remove-bg"), BASE, Credential(KEY), page="https://your-app.com",
              address="192.0.2.1")  # fmt: skip


@pytest.mark.parametrize("axis", [axis for axis in Axis if axis is not Axis.PROFILE])
def test_each_try_varies_one_thing(axis: Axis) -> None:
    """Host, origin, path, method, key, address: what else is the same cannot be what made the difference."""
    tried = list(variations(SCENE, axis))
    assert tried
    for variant in tried:
        ask = variant.ask
        differs = {
            "target": ask.target != BASE.target,
            "method": ask.method != BASE.method,
            "version": ask.http_version != BASE.http_version,
            "size": (ask.body, ask.padding) != (BASE.body, BASE.padding),
        }
        names = {name.lower().replace("_", "-") for name, _ in {*ask.headers} ^ {*BASE.headers}}
        if axis in {Axis.CREDENTIAL, Axis.SPELLING}:  # the same key under another name
            names = {"credential"} if names <= {"authorization", "x-api-key", "api-key"} else names
        if axis is Axis.SIZE:  # a body has a type
            names -= {"content-type"}
        assert sum(differs.values()) + len(names) == 1, (variant.value, names, differs)
