"""Secrets and control characters never leave; what a diagnosis turns on does."""

from __future__ import annotations

import base64
import json
import re
import string
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.doctor.redact import clean, redact, safe, safe_headers
from mattegate.doctor.secret_kinds import STEMS, WORDS

_KEY = "sk_prod_qTo25NPKdGby_nsWjJmFHWl08kCFbMpB67WPQSGajeNn62nGsaA"
_SIGV4 = (
    "Authorization: AWS4-HMAC-SHA256 Credential={id}/20240101/eu-west-1/execute-api/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature={signature}"
)

_CONTEXTS = (
    "> Authorization: Bearer {s}",
    "authorization: {s}",
    "Proxy-Authorization: Basic {basic}",
    'client sent too long header line: "Authorization: Bearer {s}" while reading headers, client: ::1',
    'client sent invalid header line: "X_API_KEY: {s}" while reading client request headers',
    "* [HTTP/2] [1] [authorization: Bearer {s}]",
    "* [HTTP/2] [1] [x-api-key: {s}]",
    "x-api-key: {s}\nAccept: */*",
    "Cookie: theme=dark; sid={s}",
    "< Set-Cookie: __Host-session={s}; Path=/; Secure; HttpOnly; SameSite=None",
    '{{"user": "u", "api_key": "{s}", "n": 1}}',
    '{{"a": "{{\\"clientSecret\\": \\"{s}\\"}}"}}',
    '{{"name": "X-Api-Key", "value": "{s}"}}',
    '{{"value": "{s}", "name": "Authorization"}}',
    "GET /v1/x?size=1&access_token={s}&a=b HTTP/1.1",
    "GET /v1/x?key={s} HTTP/1.1",
    "https://bucket/o?X-Amz-Credential=AKIAIOSFODNN7EXAMPLE&X-Amz-Signature={s}",
    "https://blob/o?sv=2024&sig={s}&se=2030",
    "next=%2Fcb%3Ftoken%3D{s}%26a%3D1",
    "%22session_token%22%3A%22{s}%22",
    "https://user:{s}@host/path",
    "export API_KEY={s}",
    "docker run -e DB_PASSWORD={s} image",
    'proxy_set_header X-API-Key "{s}";',
    "proxy_set_header Authorization Bearer {s};",
    'if ($http_x_api_key != "{s}") {{ return 403; }}',
    "curl -u user:{s} https://host/",
    "curl -H 'X-Auth-Token: {s}' https://host/",
    'curl -H ^"x-api-key: {s}^" https://host/',
    "curl -b 'sid={s}' https://host/",
    "headers={{'X-API-Key': '{s}', 'Accept': '*/*'}}",
    "[(b'x-api-key', b'{s}'), (b'accept', b'*/*')]",
    "<SecretAccessKey>{s}</SecretAccessKey>",
    "'{s}' not a valid key=value pair (missing equal-sign) in Authorization header: 'Bearer {s}'.",
    "Authorization header requires 'Credential' parameter. Authorization=Bearer {s}",
    'Content-Disposition: form-data; name="api_key"\r\n\r\n{s}\r\n--x',
    "-----BEGIN RSA PRIVATE KEY-----\n{s}\n-----END RSA PRIVATE KEY-----",
    "the key is sk_live_{s} as said",
    "http://h/?t={jwt}",
    "Illegal header value b'Bearer {s}'",
)


def _jwt(secret: str) -> str:
    parts = ('{"alg":"RS256"}', json.dumps({"exp": 1700000000, "sub": secret}))
    return ".".join([*(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts), secret])


def _planted(context: str, secret: str) -> str:
    basic = base64.b64encode(f"u:{secret}".encode()).decode()
    return context.format(s=secret, basic=basic, jwt=_jwt(secret))


_SECRETS = st.text(string.ascii_letters + string.digits, min_size=12, max_size=48).filter(
    lambda text: any(char.isdigit() for char in text) and any(char.isalpha() for char in text)
)


@pytest.mark.parametrize("context", _CONTEXTS)
@given(secret=_SECRETS)
@settings(max_examples=12, deadline=None)
def test_no_planted_secret_survives(context: str, secret: str) -> None:
    """Wherever a secret is planted it is gone, in the plain and in the percent-encoded text."""
    for text in (_planted(context, secret), _planted(context, quote(f"{secret}+/=", safe=""))):
        hidden = redact(text)
        assert secret not in hidden
        assert base64.b64encode(f"u:{secret}".encode()).decode() not in hidden
        assert redact(hidden) == hidden


@given(
    st.lists(
        st.sampled_from(
            [
                *(_planted(context, "aB3dE6gH9kL2") for context in _CONTEXTS),
                '"',
                "'",
                "\\",
                "\n",
                " ",
                ":",
                "=",
                "&",
                "%22",
                "%3D",
                "token",
                "Authorization",
                "Bearer ",
                "cookie: a=",
                "[",
                "]",
                "eyJ",
                ".",
                "://",
                "@",
                "key",
                "********(len 5)",
                "********(len ",
                "sk_prod_",
                "AKIA",
                "-u ",
                "b'",
                "(",
                ",",
            ]
        ),
        max_size=8,
    ).map("".join)
)
@settings(max_examples=300, deadline=None)
def test_redacting_twice_is_redacting_once(text: str) -> None:
    """What was made safe stays as it is."""
    once = safe(text)
    assert safe(once) == once


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_text_is_made_safe(text: str) -> None:
    """No text is too odd, surrogates included, and nothing that steers a terminal is left."""
    once = safe(text)
    assert safe(once) == once
    assert not any(ord(char) < 32 and char not in "\n\t" for char in once)
    once.encode("utf-8")


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (f"> Authorization: Bearer {_KEY}", "> Authorization: Bearer sk_prod_********(len 59)"),
        ("> authorization: bearer  RMBG-PROD-abcdef", "> authorization: bearer  RMBG-PROD-********(len 16)"),
        ('Authorization: Bearer "abcdef1"', 'Authorization: Bearer "********(len 7)"'),
        ("Authorization: Bearer k x", "Authorization: Bearer ********(len 1) ********(len 1)"),
        ("Authorization: Bearer ", "Authorization: Bearer "),
        ("Authorization:", "Authorization:"),
        ("Authorization: Bearer undefined", "Authorization: Bearer undefined"),
        ("Authorization: Bearer {{token}}", "Authorization: Bearer {{token}}"),
        ("X-Api-Key: clé123", "X-Api-Key: ********(len 6, not ASCII)"),
        (
            _SIGV4.format(id="AKIAIOSFODNN7EXAMPLE", signature="0123456789abcdef"),
            _SIGV4.format(id="AKIA********MPLE(len 20)", signature="********(len 16)"),
        ),
        ("Set-Cookie: sid=abc; Path=/; SameSite=None", "Set-Cookie: sid=********(len 3); Path=/; SameSite=None"),
    ],
)
def test_the_hints_that_a_diagnosis_needs_stay(text: str, hidden: str) -> None:
    """Scheme, case, spaces, quotes, emptiness, a usual prefix and the length are still told."""
    assert redact(text) == hidden


def test_a_token_keeps_its_algorithm_and_expiry() -> None:
    """A refusal of a JSON web token turns on these two, and neither helps to forge one."""
    assert redact(f"Authorization: Bearer {_jwt('s3cret')}").endswith(", JWT alg RS256 exp 1700000000)")


@pytest.mark.parametrize(
    "text",
    [
        'WWW-Authenticate: Bearer realm="x", error="invalid_token", error_description="The access token expired"',
        "Access-Control-Allow-Credentials: true",
        "Access-Control-Allow-Headers: authorization, x-api-key, cookie",
        "Vary: Authorization, Cookie\nContent-Type: text/html",
        "Request header field x-api-key is not allowed by Access-Control-Allow-Headers in preflight response.",
        'no user/password was provided for basic authentication, client: 10.0.0.9, server: , request: "GET / HTTP/1.1"',
        'user "u": password mismatch, client: 10.0.0.9',
        "proxy_set_header Authorization $http_authorization;",
        'proxy_set_header Authorization "";',
        "ssl_certificate_key /etc/ssl/private/x.key;",
        'proxy_cache_key "$scheme$host$request_uri";',
        "fetch('/v1', { credentials: 'include' })",
        "The security token included in the request is invalid.",
        '{"message":"Missing Authentication Token"}',
        '{"allowed_headers": ["X-API-Key", "Content-Type"]}',
        "GET /monkey?keyword=fish&max_tokens=100 HTTP/1.1",
        "api-prod-eu-west-1.example.com answered 403 at https://example.com:8443/a@b",
        "a key must begin with sk_prod_ or RMBG-PROD-",
        "Keep-Alive: timeout=5\nKey: value",
        "-proxy_pass http://127.0.0.1:8000/;\n+proxy_pass http://127.0.0.1:8000;",
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    """A name that only looks like one, a challenge, a configuration line: these are the evidence."""
    assert redact(text) == text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;http://evil\x07link\x1b]8;;\x1b\\", "link"),
        ("a\x00b\x08c\x7fd\x85e", "abcde"),
        ("a\r\nb\tc\n", "a\nb\tc\n"),
        ("\u202eabc\u2066", "abc"),
        ("\x1b]0;no end", "0;no end"),
        ("lone \ud800 half", "lone ? half"),
    ],
)
def test_control_characters_go(text: str, cleaned: str) -> None:
    """Escape sequences go whole; line ends and tabs stay."""
    assert clean(text) == cleaned


def test_headers_are_judged_by_their_names() -> None:
    """A value alone says nothing; its header's name does."""
    given_headers = [("X-API-Key", "abc"), ("Server", "nginx\x1b[0m"), ("Cookie", "a=b"), ("Location", "/x?token=abc")]
    assert safe_headers(given_headers) == (
        ("x-api-key", "********(len 3)"),
        ("server", "nginx"),
        ("cookie", "a=********(len 1)"),
        ("location", "/x?token=********(len 3)"),
    )


@pytest.mark.parametrize(
    "piece",
    ["eyJ", "token", 'token":"', "key=", "a", "://", "sk_", "Authorization: ", "'", "\\", "%22", "\x1b]", 'name="'],
)
def test_a_huge_text_of_one_piece_is_done_at_once(piece: str) -> None:
    """No pattern looks at the same place again and again."""
    assert isinstance(safe(piece * (600_000 // len(piece))), str)


def test_every_word_that_says_secret_begins_as_texts_are_searched() -> None:
    """Texts without one of the stems are passed over, so each of the words must begin with one."""
    beginnings = [re.split(r"[(\[?]", word)[0] for word in WORDS.split("|")]
    assert all(re.match(STEMS, beginning) for beginning in beginnings)


_SPOKEN = (
    'headers["X-API-Key"] = "{s}"',
    "deploy --token {s} --verbose",
    "deploy --api-key '{s}'",
    "tool -password {s}",
    "sshpass -p {s} ssh host",
    "mysql -u root -p{s} app",
    "redis: requirepass {s}",
    'the token "{s}" is expired',
    "Invalid API key: {s}",
    "API key {s} is not known",
    "bad token {s}",
    "password for user admin: {s}",
    "\tx-api-key\t{s}",
    "/run/secrets/db_password:{s}",
    "/run/secrets/db_password: {s}",
)


@pytest.mark.parametrize("sentence", _SPOKEN)
@given(
    st.text(string.ascii_letters, min_size=4, max_size=12),
    st.lists(st.tuples(st.integers(0, 99), st.sampled_from(string.ascii_letters)), min_size=6, max_size=20),
    st.sampled_from(["{}", 'INFO: {} (client "10.0.0.7")', "2026-01-02 03:04:05 ERROR {}", "a | {}"]),
)
@settings(max_examples=12, deadline=None)
def test_a_secret_that_is_spoken_of_goes(sentence: str, start: str, turns: list[tuple[int, str]], around: str) -> None:
    """In a sentence, an option or an assignment: what looks drawn by chance behind a word for a secret is one."""
    secret = start + "".join(f"{digits}{letter}" for digits, letter in turns)
    told = safe(around.format(sentence.format(s=secret)))
    assert secret not in told
    assert safe(told) == told


@pytest.mark.parametrize(
    "text",
    [
        "include /etc/passwd: permission denied",
        "cat: /etc/passwd: Permission denied",
        "/etc/nginx/.htpasswd: No such file or directory",
        "ssh: /home/app/.ssh/authorized_keys: bad permissions",
        "/run/secrets/api_key: no such file",
        "http://a.example/reset-password: 404",
        "GET /api/token: 403 Forbidden",
        'cannot load certificate key "/etc/ssl/a.key": PEM_read_bio_PrivateKey() failed',
        "limit_req_zone $binary_remote_addr zone=token:10m rate=5r/s;",
        "KeyError: 'user'",
        "cookie: missing",
        "curl --key /etc/ssl/client.pem --cacert ca.crt https://a.example/",
        "the token is expired",
        "rate limit exceeded for token bucket api-global",
        "password authentication failed for user postgres",
        "access key rotation is due",
        "token endpoint https://login.example/oauth2/token",
    ],
)
def test_what_only_sounds_secret_stays(text: str) -> None:
    """Files, routes, zones and sentences, of which a diagnosis lives."""
    assert safe(text) == text


def test_our_own_placeholder_is_no_secret() -> None:
    """What a refusal tells its reader to send can still be read in the report."""
    for remedy in (
        "Send 'Authorization: Bearer KEY' or 'X-API-Key: KEY'.",
        "Send Authorization: Bearer KEY, or X-API-Key: KEY.",
    ):
        assert safe(remedy) == remedy
