"""The doctor's guides say what is so: their commands parse, their nginx is run on a real one, their languages agree."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest

from mattegate.doctor.answer import Answer as DoctorsAnswer
from mattegate.doctor.answer import Certainty, Culprit, Finding, Layer, Verdict
from mattegate.doctor.causes import causes
from mattegate.doctor.command.arguments import COMMANDS, headers_of, parser, wanted_of
from mattegate.doctor.command.run import FAILED, USAGE, main
from mattegate.doctor.cors.fetch import Credentials, Dialect, PageRequest, preflight_headers
from mattegate.doctor.cors.judge import Answer, Judgement, judge_exchange
from mattegate.doctor.nginx.request import Headers, Request
from mattegate.doctor.readers import READERS, by_name
from tests.docs.test_guides import Block, _blocks_of, anchors, calls, prose, quoted
from tests.doctor.nginx.rig import NotStarted, Reply, Rig, standing_rig

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide"
ENGLISH = GUIDE / "403-in-ten-minutes.md"
CHINESE = GUIDE / "403-in-ten-minutes.zh-CN.md"
DOCTOR = GUIDE / "doctor.md"
PAGES = [ENGLISH, CHINESE, DOCTOR]

LINE = re.compile(
    r"(?:(?P<client>[0-9a-f.:]+) )?(?P<method>[A-Z]+) (?P<path>/\S*)(?: \((?P<megabytes>\d+) MB\))?"
    r"(?: (?P<name>[\w-]+): (?P<value>.+?))? → "
    r"(?:(?P<status>\d{3}) ?)?(?:upstream (?P<uri>\S+) ?)?"
    r"(?:with (?P<arrives>\S+)|without (?P<lost>\S+)|no (?P<lacks>\S+)|(?P<answers>[\w-]+): (?P<says>.+))?"
)
"""``[client] METHOD path [(n MB)] [Name: value] → [status] [upstream uri] [with|without|no Name | Name: value]``.

``with`` and ``without`` are about the request that arrives at the application, the rest is about the answer.
"""
REFUSED_TO_START = "nginx -t → "
PROXY = "10.0.0.5"
"""The guide's load balancer, played by this machine."""


def blocks(page: Path, *kinds: str) -> list[Block]:
    """A page's blocks of these kinds."""
    return [block for block in _blocks_of(page) if block.kind in kinds]


# --- commands --------------------------------------------------------------------------------------------------------


def doctor_calls() -> list[Any]:
    """The words behind ``mattegate doctor`` of every call in the pages' shell blocks."""
    found = [(block, words[2:]) for page in PAGES for block in blocks(page, "sh") for words in calls(block)
             if words[1:2] == ["doctor"]]  # fmt: skip
    return [pytest.param(words, id=f"{block}-{' '.join(words)}") for block, words in found]


@pytest.mark.parametrize("words", doctor_calls())
def test_a_command_can_be_pasted(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor's own parser takes it, and what it means is a plan that can be carried out."""
    monkeypatch.chdir(tmp_path)
    Path("photo.jpg").write_bytes(b"a picture")
    command = words[0] if words[0] in COMMANDS else ""
    options = parser(command).parse_args(words[1:] if command else words)
    if command == "causes":
        assert options.code in {"", *causes()}
    elif command == "watch":
        assert options.logs
    elif command == "cors":
        PageRequest(options.url, options.origin, options.method, headers_of(options.header))
    else:
        wanted = wanted_of(options, {"API_KEY": "sk_prod_example"})
        assert wanted.sources or wanted.probes
        assert wanted.as_name in {"", "nginx"} or by_name(wanted.as_name).name == wanted.as_name


def test_there_are_commands_of_every_kind() -> None:
    """Nothing here passes for want of anything to look at."""
    assert len(doctor_calls()) > 20
    assert {call.values[0][0] for call in doctor_calls()} >= {*COMMANDS}


def test_the_guide_of_the_doctor_names_everything_there_is() -> None:
    """Each option, kind of input, certainty, verdict, exit code and member of the answer."""
    text = DOCTOR.read_text("utf-8")
    options = {option for command in ("", *COMMANDS) for option in _options(command)}
    assert {option for option in options if f"{option}" not in text} == set()
    named = {word for words in quoted(DOCTOR) for word in re.findall(r"[\w-]+", words)}
    assert {reader.name for reader in READERS} - named == set()
    assert {*Certainty} | {*Verdict} <= named
    assert {f"| {code} |" for code in (0, FAILED, USAGE, 3, 4)} <= set(re.findall(r"^\| \d \|", text, re.MULTILINE))


def _options(command: str) -> Iterator[str]:
    hidden = {"--help", "--har", "--curl", "--compose", "--log"}
    for action in parser(command)._actions:
        yield from (option for option in action.option_strings if option.startswith("--") and option not in hidden)


def test_the_answer_that_is_shown_is_the_answer(tmp_path: Path) -> None:
    """The very configuration and command of the guide, on a real nginx; and the schema has no member more or less."""
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed (Debian: apt-get install nginx)")
    conf = tmp_path / "nginx.conf"
    conf.write_text(blocks(DOCTOR, "nginx")[0].text, "utf-8")
    asked = ["nginx", str(conf), "--request", "POST /v1/remove-bg", "--client-ip", "203.0.113.9", "--prove", "--json"]
    out = StringIO()
    assert main(asked, BytesIO(), out, StringIO(), {}) == 3
    real = json.loads(out.getvalue().replace(str(conf), "/etc/nginx/nginx.conf"))
    shown = json.loads(blocks(DOCTOR, "json")[0].text)
    assert {name: real[name] for name in ("verdict", "findings", "checked")} == {
        name: shown[name] for name in ("verdict", "findings", "checked")
    }
    finding = Finding(Layer.APP, "x", Certainty.LIKELY, "x", culprit=(Culprit("f", 1, "t"),))
    schema = DoctorsAnswer(Verdict.FAULT, (finding,)).as_json()
    assert shown.keys() == schema.keys()
    assert shown["findings"][0].keys() == schema["findings"][0].keys()


def test_the_same_request_from_elsewhere_arrives_without_its_prefix(tmp_path: Path) -> None:
    """As the guide says below its example."""
    conf = tmp_path / "nginx.conf"
    conf.write_text(blocks(DOCTOR, "nginx")[0].text, "utf-8")
    out = StringIO()
    main(["nginx", str(conf), "--request", "POST /v1/remove-bg", "--client-ip", "198.51.100.1", "--json"],
         BytesIO(), out, StringIO(), {})  # fmt: skip
    [request] = json.loads(out.getvalue())["requests"]
    assert request["upstream"]["uri"] == "/remove-bg"


# --- nginx, for real -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    """A configuration of the guide, and what the lines below it say it does."""

    block: Block
    outcomes: tuple[str, ...]

    def __str__(self) -> str:
        return str(self.block)


def shown() -> list[Shown]:
    """Every configuration of the English guide, with the block of outcomes right behind it."""
    found = list(_blocks_of(ENGLISH))
    behind = dict(zip(found, [*found[1:], None], strict=True))
    return [Shown(block, _outcomes(block, behind[block])) for block in found if block.kind == "nginx"]


def _outcomes(block: Block, behind: Block | None) -> tuple[str, ...]:
    adjoins = behind is not None and behind.line - block.line - block.text.count("\n") == 3
    return tuple(behind.text.splitlines()) if behind and behind.kind == "text" and adjoins else ()


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """nginx between two stubs."""
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed (Debian: apt-get install nginx)")
    with standing_rig() as standing:
        yield standing


def played(rig: Rig, text: str) -> str:
    """A configuration of the guide as this machine can run it: its ports, its folders, its application, its clients."""
    exchanged = {
        "listen 80;": f"listen 127.0.0.1:{rig.ports[0]};",
        "127.0.0.1:8000": f"127.0.0.1:{rig.upstream.port}",
        "/var/log/nginx/": f"{rig.site.folder}/",
        "/etc/nginx/htpasswd": f"{rig.site.folder}/htpasswd",
        PROXY: "127.0.0.1",
    }
    for theirs, ours in exchanged.items():
        text = text.replace(theirs, ours)
    if not re.search(r"^server \{", text, re.MULTILINE):
        text = f"server {{ listen 127.0.0.1:{rig.ports[0]};\n{text}\n}}"
    client = "" if "set_real_ip_from" in text else "set_real_ip_from 127.0.0.1; real_ip_header X-Played-By;"
    return f"{rig.head} http {{ {rig.http_head} {client}\n{text}\n}}\n"


def test_every_configuration_says_what_it_does() -> None:
    """But for the format of a log, each has lines below it that are tried, and every line is understood."""
    without = [one for one in shown() if not one.outcomes]
    assert [one.block.text.split()[0] for one in without] == ["log_format"]
    assert len(shown()) >= 14
    lines = [line for one in shown() for line in one.outcomes if not line.startswith(REFUSED_TO_START)]
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert len(lines) > 35


@pytest.mark.parametrize("one", shown(), ids=str)
def test_a_configuration_does_what_the_guide_says(one: Shown, rig: Rig) -> None:
    """It is loaded by a real nginx, and each request gets what stands below it, one after the other."""
    text = played(rig, one.block.text)
    if one.outcomes and one.outcomes[0].startswith(REFUSED_TO_START):
        with pytest.raises(NotStarted, match=re.escape(one.outcomes[0].removeprefix(REFUSED_TO_START))):
            rig.start(text)
        return
    rig.start(text)
    for line in one.outcomes:
        _try(rig, line, behind_a_proxy=PROXY in one.block.text)


def _try(rig: Rig, line: str, *, behind_a_proxy: bool) -> None:
    said = LINE.fullmatch(line)
    assert said is not None
    reply = rig.send(_request(said, behind_a_proxy=behind_a_proxy))
    assert reply.status == int(said["status"] or 200), line
    arrival = rig.upstream.arrivals[0] if rig.upstream.arrivals else None
    assert (arrival.target if arrival else None) == said["uri"], line
    arrived = {name.lower() for name, _ in arrival.headers} if arrival else set()
    assert not said["arrives"] or said["arrives"].lower() in arrived, line
    assert not said["lost"] or said["lost"].lower() not in arrived, line
    assert not said["lacks"] or reply.all(said["lacks"]) == [], line
    assert not said["answers"] or reply.all(said["answers"]) == [said["says"]], line


def _request(said: re.Match[str], *, behind_a_proxy: bool) -> Request:
    headers = [(said["name"], said["value"])] if said["name"] else []
    source = "127.0.0.1"
    if behind_a_proxy:
        source = "127.0.0.1" if said["client"] == PROXY else "127.0.0.9"
    elif said["client"]:
        headers.append(("X-Played-By", said["client"]))
    return Request(
        method=said["method"],
        target=said["path"],
        host="api.example.com",
        headers=tuple(headers),
        client=source,
        body_bytes=int(said["megabytes"] or 0) * 1_000_000,
    )


@pytest.mark.parametrize("one", [one for one in shown() if "limit_req" not in one.block.text], ids=str)
def test_the_doctor_foretells_what_the_guide_says(one: Shown, tmp_path: Path) -> None:
    """Asked about the same requests, from the same addresses, without running anything."""
    conf = tmp_path / "nginx.conf"
    conf.write_text(one.block.text, "utf-8")
    for line in one.outcomes:
        said = LINE.fullmatch(line)
        assert said is not None
        [request] = _foretold(conf, said)["requests"]
        assert (request["status"] or 200) == int(said["status"] or 200), line
        assert (request["upstream"] or {}).get("uri") == said["uri"], line


def _foretold(conf: Path, said: re.Match[str]) -> Any:
    words = ["nginx", str(conf), "--json", "--no-files", "--host", "api.example.com"]
    words += ["--request", f"{said['method']} {said['path']}", "--client-ip", said["client"] or "198.51.100.1"]
    words += ["--body-bytes", str(int(said["megabytes"] or 0) * 1_000_000)]
    words += ["--header", f"{said['name']}: {said['value']}"] if said["name"] else []
    out = StringIO()
    main(words, BytesIO(), out, StringIO(), {})
    return json.loads(out.getvalue())


# --- the block for CORS ----------------------------------------------------------------------------------------------

PAGE = "https://app.example.com"
URL = "https://api.example.com/v1/remove-bg"
ASKED = [
    PageRequest(URL, PAGE, "POST", body_type="multipart/form-data"),
    PageRequest(URL, PAGE, "POST", (("Authorization", "Bearer k"), ("Content-Type", "application/json"))),
    PageRequest(URL, PAGE, "POST", (("X-API-Key", "k"), ("Content-Type", "image/png")), upload_listener=True),
    PageRequest(URL, PAGE, "GET", (("Authorization", "Bearer k"),)),
    PageRequest(URL, PAGE, "PUT"),
    PageRequest(URL, PAGE, "DELETE", (("X-API-Key", "k"),)),
    PageRequest(URL, "https://admin.example.com", "POST", (("Authorization", "Bearer k"),)),
]


def cors_block(rig: Rig, *more: str) -> str:
    """The guide's configuration for CORS, with more lines in its location."""
    [one] = [one for one in shown() if one.block.text.startswith("map $http_origin")]
    text = one.block.text.replace("client_max_body_size 14m;", "client_max_body_size 14m; " + " ".join(more))
    return played(rig, text)


def sent(rig: Rig, method: str, headers: Headers) -> Reply:
    """A real nginx's answer."""
    return rig.send(Request(method, "/v1/remove-bg", "api.example.com", headers, client="127.0.0.1"))


def judged(rig: Rig, request: PageRequest, dialect: Dialect, *, stub: tuple[tuple[str, str], ...] = ()) -> Judgement:
    """What a browser makes of a real nginx's answers."""
    preflight = sent(rig, "OPTIONS", preflight_headers(request, dialect))
    assert rig.upstream.arrivals == []
    actual = sent(rig, request.method, (*request.headers, ("Origin", request.origin), *stub))
    assert preflight.status is not None
    assert actual.status is not None
    return judge_exchange(
        request, Answer(preflight.status, preflight.headers), Answer(actual.status, actual.headers), dialect=dialect
    )


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("request_", ASKED, ids=lambda asked: f"{asked.method}-{len(asked.headers)}-{asked.origin}")
def test_the_block_lets_the_pages_that_are_listed_read_every_answer(
    request_: PageRequest, dialect: Dialect, rig: Rig
) -> None:
    """Good ones and refusals, with the status; even where the application adds CORS headers of its own."""
    rig.start(cors_block(rig))
    for status in (200, 401, 403, 404, 413, 429, 502, 503):
        doubled = (("X-Stub-Status", str(status)), ("X-Stub-Origin", "*"))
        seen = judged(rig, request_, dialect, stub=doubled)
        assert (seen.allowed, seen.sent, seen.status, seen.code) == (True, True, status, ""), seen.says
        assert seen.remarks == ()


def test_the_block_lets_no_other_page_in(rig: Rig) -> None:
    """Neither a stranger nor a look-alike nor a page without an origin."""
    rig.start(cors_block(rig))
    for origin in ("https://evil.example", "https://app.example.com.evil.example", "http://app.example.com", "null"):
        request = PageRequest(URL, origin, "POST", (("Authorization", "Bearer k"),))
        assert not judged(rig, request, Dialect.STANDARD).allowed


def test_the_block_tells_pages_of_nginxs_own_refusals(rig: Rig) -> None:
    """An address rule and a backend that is down keep their status; only the preflight passes."""
    request = PageRequest(URL, PAGE, "POST", (("Authorization", "Bearer k"),))
    rig.start(cors_block(rig, "deny all;"))
    assert judged(rig, request, Dialect.STANDARD).status == 403
    rig.start(cors_block(rig).replace(f"127.0.0.1:{rig.upstream.port}", "127.0.0.1:1"))
    assert judged(rig, request, Dialect.STANDARD).status == 502


def test_the_block_serves_cookies_with_the_line_that_the_guide_names(rig: Rig) -> None:
    """Without it a request with credentials is refused; with it the answer is readable."""
    [line] = [line for line in quoted(ENGLISH) if line.startswith("add_header Access-Control-Allow-Credentials")]
    request = PageRequest(URL, PAGE, "POST", (("X-API-Key", "k"),), Credentials.INCLUDE)
    rig.start(cors_block(rig))
    assert judged(rig, request, Dialect.STANDARD).code == "cors.credentials_missing"
    rig.start(cors_block(rig, line))
    assert judged(rig, request, Dialect.STANDARD).allowed


def test_a_preflight_needs_nothing_that_the_other_methods_need(rig: Rig) -> None:
    """The application is not asked, and gets no request that nginx refused."""
    rig.start(cors_block(rig))
    reply = sent(rig, "OPTIONS", (("Origin", PAGE),))
    assert (reply.status, reply.body, rig.upstream.arrivals) == (204, b"", [])
    assert reply.all("Content-Type") == []


# --- pages in two languages ------------------------------------------------------------------------------------------


def test_both_languages_show_the_same() -> None:
    """The same blocks in the same order, so that what is tried for one holds for the other."""
    assert [(b.kind, b.text) for b in _blocks_of(CHINESE)] == [(b.kind, b.text) for b in _blocks_of(ENGLISH)]


@pytest.mark.parametrize("pattern", [r"^#+ ", r"^\|", r"^- ", r"^\d\. "], ids=["headings", "rows", "points", "steps"])
def test_both_languages_have_the_same_parts(pattern: str) -> None:
    """As many headings, rows, points and steps."""
    counts = [len(re.findall(pattern, prose(page), re.MULTILINE)) for page in (ENGLISH, CHINESE)]
    assert counts[0] == counts[1] > 2


def test_both_languages_name_the_same_things() -> None:
    """Statuses, directives, messages: whatever stands between backticks."""
    assert sorted(quoted(CHINESE)) == sorted(quoted(ENGLISH))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_leads_somewhere(page: Path) -> None:
    """To a file of the repository, and to a heading of it where one is named."""
    for target in re.findall(r"\]\(([^)]+)\)", prose(page)):
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


# --- the README ------------------------------------------------------------------------------------------------------

README = ROOT / "README.md"
README_CHINESE = ROOT / "README.zh-CN.md"


def _code(page: Path) -> list[str]:
    """The commands of a README, without the remarks behind them."""
    lines = re.findall(r"^ {4}(\S.*)$", page.read_text("utf-8"), re.MULTILINE)
    return [re.sub(r"\s+#.*", "", line).rstrip() for line in lines]


def _figures(page: Path) -> list[str]:
    text = re.sub(r"\]\([^)]*\)", "]", page.read_text("utf-8"))
    return sorted(re.findall(r"\d+(?:[.,]\d+)*", text))


def test_both_readmes_name_the_same_commands() -> None:
    """In the same order; remarks are translated."""
    assert _code(README_CHINESE) == _code(README) != []


def test_both_readmes_name_the_same_figures() -> None:
    """Nothing is promised in one language that is not in the other."""
    assert _figures(README_CHINESE) == _figures(README)


def test_both_readmes_name_the_same_things() -> None:
    """Options, formats, codes: whatever stands between backticks."""
    assert set(quoted(README_CHINESE)) == set(quoted(README))


def test_both_readmes_lead_to_the_same_pages_and_to_each_other() -> None:
    """A page that has a Chinese version is linked in Chinese."""
    english, chinese = (set(re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8"))) for page in (README, README_CHINESE))
    assert "README.zh-CN.md" in english
    assert "README.md" in chinese
    translated = {str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.zh-CN.md")}
    wanted = {_in_chinese(link, translated) for link in english - {"README.zh-CN.md"}}
    assert chinese - {"README.md"} == wanted
    assert [link for link in chinese if not (ROOT / link.partition("#")[0]).exists()] == []


def _in_chinese(link: str, translated: set[str]) -> str:
    own = link.removesuffix(".md") + ".zh-CN.md"
    return own if own in translated else link
