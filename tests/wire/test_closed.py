"""Closed by default, open only where it was said, and never talkative: shadow rules, pages, preflights, secrets."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from tests.wire.wired import ALLOWED, CALM, Answered, Wire, bearer, unknown_key, wired, wrong_secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PATHS = (
    *(
        "/v1/remove-bg",
        "/remove-bg",
        "/remove",
        "/remove-background",
        "/v1/whoami",
        "/v1/usage",
        "/v1/keys",
        "/v1/keys/K",
    ),
    *("/v1/keys/K/rotate", "/v1/decisions/req_1", "/v1/echo/ticket", "/metrics", "/admin", "/v1/jobs", "/nowhere"),
)
PUBLIC = ("/", "/health", "/ready", "/docs", "/docs/reasons", "/openapi.json")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
EVIL = "https://evil.example"


@pytest.fixture(scope="module")
def key(wire: Wire) -> str:
    """A key of somebody."""
    return wire.key("closed")


def test_a_fresh_home_lets_nobody_in(start: Callable[..., Wire]) -> None:
    """Without a single key, public pages answer and nothing else does, whatever is shown."""
    wire = start({"flood": CALM})
    shown: tuple[dict[str, str], ...] = (
        {}, bearer("sk_prod_" + "0" * 12 + "_" + "0" * 38), {"X-API-Key": "anonymous"}, bearer("anonymous"), bearer(""),
    )  # fmt: skip
    for number, path in enumerate(PATHS):
        for method in METHODS:
            for headers in shown if number < 3 else shown[:2]:
                answer = wire.ask(method, path, headers)
                assert answer.status in {401, 403}, (method, path, headers)
                assert not answer.header("access-control-allow-origin")
    for path in PUBLIC:
        assert wire.ask("GET", path).status == 200, path


def test_anonymous_callers_are_served_only_where_that_is_said(start: Callable[..., Wire], png: bytes) -> None:
    """With ``unsafe_anonymous`` a caller without a key is served; one with a bad key is refused all the same."""
    wire = start({"keys": {"unsafe_anonymous": "free"}, "flood": CALM})
    sent = {"Content-Type": "image/png"}
    assert wire.ask("POST", "/v1/remove-bg", sent, png).status == 200
    assert wire.ask("GET", "/v1/whoami").problem["identity"]["id"] == "anonymous"
    key = wire.key("anybody")
    for each in (unknown_key(key), wrong_secret(key), "x", ""):
        answer = wire.ask("POST", "/v1/remove-bg", sent | {"X-API-Key": each}, png)
        assert answer.status in {401, 403}, each
        wire.explained(answer)
    for path in ("/v1/keys", "/v1/usage"):
        assert wire.ask("GET", path).status in {403, 404}, path
    assert wire.ask("POST", "/v1/keys").status in {403, 404}


def test_asking_what_a_path_does_costs_nothing(wire: Wire, png: bytes) -> None:
    """``OPTIONS`` with a key is answered without taking from its quota, however often."""
    narrow = bearer(wire.key("asks a lot", tier="narrow"))
    for _ in range(5):
        assert wire.ask("OPTIONS", "/v1/remove-bg", narrow).status == 204
    sent = narrow | {"Content-Type": "image/png"}
    assert [wire.ask("POST", "/v1/remove-bg", sent, png).status for _ in range(3)] == [200, 200, 429]


def test_shadow_rules_judge_and_never_refuse(start: Callable[..., Wire], png: bytes) -> None:
    """On trial, networks, origins and limits find what they would refuse, and let everything through."""
    wire = start(
        {
            "flood": CALM,
            "network": {"shadow_deny": ["127.0.0.0/8"], "shadow_allow": ["203.0.113.1"]},
            "cors": {"allowed_origins": [ALLOWED], "shadow": True},
            "tiers": {"tried": [{"name": "day", "kind": "quota", "amount": 1, "window_s": 86_400, "shadow": True}]},
        }
    )
    headers = bearer(wire.key("tried", tier="tried"), Origin=EVIL) | {"Content-Type": "image/png"}
    for _ in range(3):
        answer = wire.ask("POST", "/v1/remove-bg", headers, png)
        assert answer.status == 200
    record = wire.found(answer.request_id)
    tried = {finding.layer for finding in record.findings if finding.shadow}  # type: ignore[union-attr]
    assert tried == {"network", "origin", "quota"}
    assert wire.replayed(record) == "same"  # type: ignore[arg-type]


@pytest.mark.parametrize("origin", [ALLOWED, EVIL, "null"])
@pytest.mark.parametrize("asked", ["", "authorization,content-type", "x-evil"])
def test_a_preflight_is_answered_alike_for_every_path(wire: Wire, origin: str, asked: str) -> None:
    """What a preflight says tells nothing about which paths there are, public ones among them."""
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": asked}
    answers = {wire.ask("OPTIONS", path, headers).without_ids() for path in (*PATHS, *PUBLIC, "/x?format=bad")}
    (first,) = answers
    assert (first[0] == 204) == (origin == ALLOWED and asked != "x-evil")


def every_status(wire: Wire, key: str, narrow: str, png: bytes, origin: str) -> dict[int, Answered]:
    """One answer of every refusing status that a page can get."""
    sent = {"Content-Type": "image/png", "Origin": origin}
    asked = {
        400: wire.ask("POST", "/v1/remove-bg?format=bad", bearer(key) | sent, png),
        401: wire.ask("GET", "/v1/whoami", {"Origin": origin}),
        403: wire.ask("GET", "/v1/whoami", bearer(unknown_key(key)) | {"Origin": origin}),
        404: wire.ask("GET", "/v1/nothing", bearer(key) | {"Origin": origin}),
        405: wire.ask("DELETE", "/v1/whoami", bearer(key) | {"Origin": origin}),
        413: wire.ask("POST", "/v1/remove-bg", bearer(key) | sent, bytes(200_000)),
        415: wire.ask("POST", "/v1/remove-bg", bearer(key) | sent | {"Content-Type": "text/plain"}, png),
        422: wire.ask("POST", "/v1/remove-bg", bearer(key) | sent, png[:40]),
    }
    limited = [wire.ask("POST", "/v1/remove-bg", bearer(narrow) | sent, png) for _ in range(3)]
    return asked | {429: limited[-1]}


def test_a_page_may_read_every_refusal(wire: Wire, key: str, png: bytes) -> None:
    """Whatever an allowed page is refused for, it can read status, reason and id."""
    narrow = wire.key("narrow page", tier="narrow")
    for status, answer in every_status(wire, key, narrow, png, ALLOWED).items():
        assert answer.status == status, answer
        assert answer.header("access-control-allow-origin") == ALLOWED, status
        exposed = answer.header("access-control-expose-headers").lower()
        assert all(name in exposed for name in ("x-request-id", "x-mattegate-reason", "retry-after")), status
        assert "origin" in answer.header("vary").lower()
        wire.explained(answer)


def test_no_other_page_may_read_anything(wire: Wire, key: str, png: bytes) -> None:
    """A page that is not allowed gets 403 with a good key as with none, and no CORS header on it."""
    for answer in every_status(wire, key, key, png, EVIL).values():
        assert answer.status == 403, answer
        assert answer.reason == "origin.not_allowed"
        assert not any(name.startswith("access-control-") for name, _ in answer.headers)
        wire.explained(answer)
    public = wire.ask("GET", "/health", {"Origin": EVIL})
    assert not any(name.startswith("access-control-") for name, _ in public.headers)


@pytest.mark.parametrize(
    "engine", [{"crash": "boom"}, {"queue": 0}, {"refusal": ["engine.time_limit", {"seconds": 1.0}]}]
)
def test_a_page_may_read_faults_of_ours(start: Callable[..., Wire], png: bytes, engine: dict[str, object]) -> None:
    """A worker that dies, a queue that is full and an image that takes too long are told to the page as well."""
    wire = start({"flood": CALM, "cors": {"allowed_origins": [ALLOWED]}}, **engine)
    answer = wire.ask("POST", "/v1/remove-bg", bearer(wire.key("page"), Origin=ALLOWED, Content_Type="image/png"), png)
    assert answer.status >= 422
    assert answer.header("access-control-allow-origin") == ALLOWED
    wire.explained(answer)


def test_an_origin_that_is_cut_matches_nothing(start: Callable[..., Wire]) -> None:
    """A host so long that only its beginning is kept does not pass for the allowed name that it begins with."""
    wire = start(
        {
            "cors": {"allowed_origins": ["https://*.shop.example"]},
            "hosts": {"names": ["*.shop.example"], "default_endpoint": False},
        }
    )
    key = wire.key("long")
    good = bearer(key, Origin="https://a.shop.example", Host="a.shop.example")
    assert wire.ask("GET", "/v1/whoami", good).status == 200
    for length in (255, 256, 257):
        tail = ".shop.example"
        origin = "https://" + "a" * (length - len("https://" + tail)) + tail + ".e.co"
        answer = wire.ask("GET", "/v1/whoami", good | {"Origin": origin})
        assert wire.explained(answer).reason == "origin.not_allowed"
        host = "a" * (length - len(tail)) + tail + ".e.co"
        answer = wire.ask("GET", "/v1/whoami", good | {"Host": host})
        assert wire.explained(answer).reason == "host.unknown"


def strewn(key: str) -> list[tuple[str, str, dict[str, str], bytes]]:
    """A key in every place where people leave one."""
    basic = base64.b64encode(f"u:{key}".encode()).decode()
    asking = {"Access-Control-Request-Method": "GET"}
    everywhere = dict.fromkeys(("User-Agent", "X-Request-Id", "Idempotency-Key", "X-Forwarded-For", "X-Real-IP"), key)
    form = f'--b\r\nContent-Disposition: form-data; name="api_key"\r\n\r\n{key}\r\n--b--\r\n'.encode()
    json_body = json.dumps({"api_key": key, "image_base64": "AAAA"}).encode()
    return [
        ("GET", f"/v1/{key}", {}, b""),
        ("GET", f"/v1/decisions/{key}", bearer(key), b""),
        ("GET", f"/assets/{key}", {}, b""),
        ("GET", f"/{key.replace('_', '%5F')}", {}, b""),
        ("GET", f"/v1/whoami?api_key={key}", {}, b""),
        ("POST", f"/v1/remove-bg?api_key={key}", {}, b""),
        ("POST", f"/v1/remove-bg?format={key}", bearer(key), b"x"),
        ("POST", f"/v1/remove-bg?model={key}", bearer(key), b"x"),
        ("POST", "/v1/remove-bg", bearer(key) | {"Content-Type": "multipart/form-data; boundary=b"}, form),
        ("POST", "/v1/remove-bg", bearer(key) | {"Content-Type": "application/json"}, json_body),
        ("POST", "/v1/remove-bg", bearer(key) | {"Content-Type": key}, b"x"),
        ("POST", "/v1/remove-bg", bearer(key) | {"Content-Encoding": key}, b"x"),
        ("GET", "/v1/whoami", everywhere, b""),
        ("GET", "/v1/whoami", bearer(key) | everywhere, b""),
        ("GET", "/v1/whoami", {"Origin": f"https://{key}"}, b""),
        ("GET", "/v1/whoami", {"Authorization": key}, b""),
        ("GET", "/v1/whoami", {"Authorization": f"{key} {key}"}, b""),
        ("GET", "/v1/whoami", {"Authorization": f"Bearer{key}"}, b""),
        ("GET", "/v1/whoami", {"Authorization": f"Basic {basic} {key}"}, b""),
        ("GET", "/v1/whoami", {"Authorization": f"Basic {basic}", "X-API-Key": key}, b""),
        ("OPTIONS", "/", {"Origin": ALLOWED, "Access-Control-Request-Method": key}, b""),
        ("OPTIONS", "/", {"Origin": ALLOWED, "Access-Control-Request-Headers": key, **asking}, b""),
    ]  # fmt: skip


def test_no_answer_log_or_record_holds_a_key(start: Callable[..., Wire]) -> None:
    """Good, wrong, unknown, clipped, recased: wherever a key stood, nothing that is sent back or kept holds it."""
    wire = start({"flood": CALM, "cors": {"allowed_origins": [ALLOWED]}, "network": {"trusted_proxies": ["127.0.0.1"]}})
    good, hexes = wire.key("loser"), bytes.hex
    answers = b""
    keys = [good, wrong_secret(good), unknown_key(good), good[:-3], good[:-1] + "!", good[8:], good.upper()]
    for key in keys:
        for method, path, headers, body in strewn(key):
            answer = wire.ask(method, path, headers, body)
            answers += answer.body + repr(answer.headers).encode()
    kept = wire.everything_kept()
    for key in keys:
        secret = key.rpartition("_")[2][4:24].encode()
        for shape in (secret, base64.b64encode(f"u:{key}".encode())[16:40], hexes(secret).encode()):
            assert shape not in answers
            assert shape not in kept


def test_the_home_of_keys_says_who_without_saying_what(wire: Wire, key: str) -> None:
    """The access log names the id of the proven key, never for one that is only claimed."""
    proven = wire.ask("GET", "/v1/whoami", bearer(key)).request_id
    claimed = wire.ask("GET", "/v1/whoami", bearer(wrong_secret(key))).request_id
    assert wire.line(proven)["key"] == key[8:20]
    assert wire.line(claimed).get("key", "") == ""


def test_keys_that_cannot_be_read_refuse_on_record(tmp_path: Path) -> None:
    """While the store of keys is broken, whoever shows one gets 503 with an id; everybody else is answered as ever."""
    with wired(tmp_path, {"flood": CALM, "cors": {"allowed_origins": [ALLOWED]}}) as wire:
        headers = bearer(wire.key("before"), Origin=ALLOWED)
        assert wire.ask("GET", "/v1/whoami", headers).status == 200
        control = wire.settings.ledger_dir / "control.db"
        wire.key("changes the store")  # so that it has to be read again
        for file in (control, control.with_name("control.db-wal")):
            with file.open("r+b") as damaged:
                damaged.write(b"\xff" * file.stat().st_size)
        answer = wire.ask("GET", "/v1/whoami", headers)
        assert answer.status == 503
        assert answer.reason == "dependency.unavailable"
        assert answer.header("retry-after")
        assert answer.header("access-control-allow-origin") == ALLOWED
        assert wire.explained(answer).reason == "dependency.control"
        assert wire.ask("GET", "/v1/whoami").status == 401
        assert wire.ask("GET", "/health").status == 200
