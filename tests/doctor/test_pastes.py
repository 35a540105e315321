"""What people paste: its secrets go from every report, and every other word of it stays."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from functools import partial
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.doctor.answer import Answer, Certainty, Culprit, Finding, Layer, Verdict
from mattegate.doctor.causes import causes
from mattegate.doctor.command.run import main
from mattegate.doctor.concealment import MARK
from mattegate.doctor.redact import safe
from mattegate.doctor.render import as_json, as_markdown, as_page, as_svg, as_text, shareable

_PASTES: Final = tomllib.loads((Path(__file__).parent / "pastes.toml").read_text("utf-8"))
_RENDERED: Final[dict[str, Callable[[Answer], str]]] = {
    "text": partial(as_text, width=120, colour=False, verbose=True),
    "json": as_json,
    "html": partial(as_page, title="x"),
    "markdown": as_markdown,
    "picture": as_svg,
}


def _cases() -> list[Any]:
    return [
        pytest.param(text, id=f"{group}.{name}") for group, pastes in _PASTES.items() for name, text in pastes.items()
    ]


def _pieces(text: str) -> list[str]:
    """What stands around the secrets and the secrets, in turns."""
    return re.split("[«»]", text)


@pytest.mark.parametrize("text", _cases())
def test_a_secret_goes_and_every_other_word_stays(text: str) -> None:
    """The scheme, the user, the address and the punctuation are the evidence: they are told to the letter."""
    pieces = _pieces(text)
    told = safe("".join(pieces))
    wanted = (rf"(?:{MARK} ?)+" if number % 2 else re.escape(piece) for number, piece in enumerate(pieces))
    assert re.fullmatch("".join(wanted), told), told
    assert safe(told) == told


@pytest.mark.parametrize("text", _cases())
def test_no_report_shows_it(text: str) -> None:
    """Whatever part of an answer it got into, in every format and in the one that is safe to post."""
    plain = "".join(_pieces(text))
    answer = _answer(plain)
    for shown in (answer, shareable(answer)):
        for kind, render in _RENDERED.items():
            told = render(shown)
            assert not [secret for secret in _secrets(text) if secret in told], kind


@pytest.mark.parametrize("text", _cases())
def test_the_doctor_does_not_repeat_it(text: str, tmp_path: Path) -> None:
    """Given as an input, in a fence, or in a file with another name, the whole way through the readers."""
    plain = "".join(_pieces(text)).strip("\n")
    for given_text in (plain, f"It answers 403:\n\n```\n{plain}\n```\n\nand I see 401 as well."):
        page, note = tmp_path / "page.html", tmp_path / "page.md"
        for options in (["--json"], ["--verbose", "--html", str(page), "--markdown", str(note)], ["--share", "--json"]):
            out, problems = StringIO(), StringIO()
            main(["-", *options], BytesIO(given_text.encode()), out, problems, {})
            told = out.getvalue() + problems.getvalue()
            told += "".join(file.read_text("utf-8") for file in (page, note) if file.exists())
            assert not [secret for secret in _secrets(text) if secret in told], told


def _secrets(text: str) -> list[str]:
    """The secrets that could not stand in a report by chance, as ``v`` could."""
    return [secret for secret in _pieces(text)[1::2] if len(secret) > 5]


def _answer(text: str) -> Answer:
    finding = Finding(
        layer=Layer.APP,
        cause="app.refused",
        certainty=Certainty.PROVEN,
        title=text,
        request=text,
        culprit=(Culprit("site.conf", 1, text),),
        evidence=(text,),
        remedy=text,
        change=text,
        next=text,
        tell_apart=text,
        verified_by=(text,),
        facts={"line": text},
    )
    return Answer(
        Verdict.FAULT, (finding,), (text,), (text,), ({"request": text, "status": 403, "line": text},), (text,)
    )


@pytest.mark.parametrize(
    "text",
    [
        'Access-Control-Allow-Headers: ["authorization", "x-api-key", "content-type"]',
        'app.use(cors({ allowedHeaders: ["Authorization", "X-Api-Key", "Content-Type"] }))',
        'allow_headers=["authorization", "x-api-key", "x-request-id"], allow_credentials=True',
        'config.setAllowedHeaders(List.of("Authorization", "Content-Type"));',
        'header names: "x-api-key", "authorization" and "cookie"',
        'required = ["api_key", "image_file"]',
        "docker run -p 8000:8000 -u 1000:1000 rmbg:1.2",
        "docker run -p '127.0.0.1:8000:8000/tcp' rmbg:1.2",
        "ssh -p 2222 deploy@host.example.com",
        "mkdir -p /var/www/html && nginx -p /srv/nginx -t",
        "docker compose -p gate up -d",
        "nginx -T | grep -n proxy_set_header",
        "proxy_set_header X-Api-Key $http_x_api_key;",
        "proxy_set_header Authorization $backend_authorization;",
        "proxy_set_header X-Api-Key $api_key;",
        'if ($http_authorization ~* "^Bearer .+$") { return 204; }',
        "if ($http_x_api_key ~ '^[A-Za-z0-9]{32}$') { return 204; }",
        'if ($http_authorization = "") { return 401; }',
        "map $http_origin $cors_origin { default ''; https://app.example.com $http_origin; }",
        "RequestHeader unset Authorization",
        "http-request set-header X-Api-Key %[req.hdr(x-api-key)]",
        "- name: RMBG_API_KEY\n  valueFrom:\n    secretKeyRef:\n      name: gate",
        "- name: PORT\n  value: '8000'",
        "kind: ConfigMap\ndata:\n  nginx.conf: server_tokens",
        "type: Secret is mounted at /run/secrets/gate",
        'auth="basic" failed with 401',
        "auth: required",
        'auth_basic "Members only";',
        "auth_request /auth;",
        "GET /oauth/authorize?response_type=code&scope=email&state=open HTTP/1.1",
        "GET /callback?code=403&state=CA HTTP/1.1",
        "GET /reset-password/ HTTP/1.1",
        "GET /bot/123 HTTP/1.1",
        'slog.Warn("refused", "status", 403, "path", "/v1/me")',
        "-ssl_session_cache shared:SSL:10m;\n-ssl_session_tickets off;",
        "user alice is in no group; login alice failed",
        'The header Authorization does not reach the upstream: `proxy_set_header Authorization "";`',
        "`curl --cert C --key K`",
        '{"directive": "proxy_pass", "args": ["http://127.0.0.1:8000"]}',
        "rmbg:1.2@sha256:0a1b2c3d.example",
        "san:email:ops@example.com",
    ],
)
def test_what_looks_like_a_secret_place_stays(text: str) -> None:
    """Lists of names, ports, users by number, variables, patterns and states: a diagnosis needs them."""
    assert safe(text) == text


def test_the_catalogue_of_causes_is_told_to_the_letter() -> None:
    """Not a word of our own titles, remedies and commands is taken for a secret."""
    names = ("title", "remedy", "check", "title_zh", "remedy_zh")
    sentences = [cause.said(name, {}) for cause in causes().values() for name in names]
    sentences += [cause.meaning for cause in causes().values()]
    assert [sentence for sentence in sentences if safe(sentence) != sentence] == []


_PIECES: Final = (
    '"x-api-key", ', "'authorization', ", '("x-api-key", ', "-p '", "-p ", "-u a:", "--password ", "-b a=", "-E a:",
    "auth=(", 'auth: ["a", "', "cookies={'a': '", "map $token $a {", "kind: Secret\ndata:\n a: b\n", "data:\n", "---\n",
    "name: token\n value: ", "key: token, ", "proxy_set_header X-Token ", "set $token ", "hdr(x-token) -i ", "mysql ",
    "login ", "redis-cli ", "login a password ", "$apr1$", "-----BEGIN PRIVATE KEY-----\nab", "?code=aaaaaaaaaaaaaa",
    "/confirm/", "token !~ \"^[", 'token: []string{"', "token string(1) ", "token,\n", "({[", "token: new ",
    '"kind":"Secret"', '"data":{', "inline_string: ", "{SHA}", 'password("', "stats auth a:", "%{HTTP:x-token} ",
)  # fmt: skip


@pytest.mark.parametrize("piece", _PIECES)
def test_a_huge_paste_of_one_piece_is_done_at_once(piece: str) -> None:
    """No pattern looks at the same place again and again, so that twice the text takes twice the time."""
    assert isinstance(safe(piece * (400_000 // len(piece))), str)


@given(st.lists(st.sampled_from((*_PIECES, '"', "'", "\n", " ", "hunter-seven", "}", ")", "]", ";")), max_size=10))
@settings(max_examples=400, deadline=None)
def test_pieces_in_any_order_are_safe_at_once(pieces: list[str]) -> None:
    """What was made safe stays as it is, whatever stood before and behind."""
    once = safe("".join(pieces))
    assert safe(once) == once
