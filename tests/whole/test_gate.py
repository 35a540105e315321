"""The gate as its users meet it: the product as a process, real HTTP, a real model, one home for all these stories."""

from __future__ import annotations

import json
import os
import re
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bench.inputs import MP_1P5, MP_12, large_jpeg
from bench.service import REMOVE
from mattegate.ledger.desk import Desk
from mattegate.ledger.meter_sqlite import SqliteMeter
from mattegate.ledger.opening import USAGE_FILE
from mattegate.ledger.usage_database import UsageDatabase
from mattegate.signing.keys import mint
from mattegate.vocabulary.facts import KeyState
from tests.prove.gate_process import fast
from tests.whole.gate_users import ACTOR, NO_PICTURE, Gate, bearer, left, not_across, png, reason, running, told

CONFIG = """
[keys]
environments = ["prod"]

[network]
trusted_proxies = ["127.0.0.1"]
deny = ["203.0.113.0/24"]

[cors]
allowed_origins = ["https://app.example"]

[limits]
legacy_headers = true

[engine]
workers = 1

[tiers.megapixels]
quota = "4/300 days"
unit = "megapixels"

[tiers.volume]
bytes = "1 MB/300 days"
"""
GUIDE = """
# as the published guide has it
api_keys:
  - "RMBG-PROD-abc123XYZ"
"""
LISTED = "RMBG-PROD-abc123XYZ"


@pytest.fixture(scope="module")
def gate(u2netp_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """The product, for every story that makes identities of its own."""
    with running(tmp_path_factory.mktemp("gate"), u2netp_home / "models", CONFIG) as gate:
        yield gate


@pytest.fixture(scope="module")
def guided(u2netp_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """The product with nothing but the published guide's configuration file."""
    with running(tmp_path_factory.mktemp("guided"), u2netp_home / "models", GUIDE, suffix="yaml") as gate:
        gate.minted.append(LISTED)
        yield gate


@pytest.fixture(scope="module")
def good(gate: Gate) -> str:
    """A key that may do everything its holder wants."""
    return gate.key("good").text


# --- keys: who may come in --------------------------------------------------------------------------------------


def test_the_right_key_works_however_it_is_sent(gate: Gate, good: str) -> None:
    """Bearer in any case (RFC 9110), X-API-Key, and HTTP Basic with the key as user or password."""
    basic = ("Basic " + b64encode(text.encode()).decode() for text in (f"me:{good}", f"{good}:"))
    for value in (f"Bearer {good}", f"bearer {good}", f"BEARER {good}", *basic):
        assert gate.get("/v1/whoami", Authorization=value).status_code == 200
    assert gate.get("/v1/whoami", X_API_Key=good).status_code == 200
    answer = gate.post(good)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")


NEAR_MISSES = [
    ("Bearer {upper}", "credential.case"),
    ("Bearer {body}", "credential.prefix"),
    ("Bearer {other}", "credential.environment"),
    ("Token {key}", "credential.scheme"),
    ("{key}", "credential.scheme"),
    ("Bearer", "credential.empty"),
    ("Bearer  {key}", "credential.spaces"),
    ("Bearer {key} x", "credential.spaces"),
    ("Bearer{key}", "credential.spaces"),
    ('Bearer "{key}"', "credential.quotes"),
    ("Bearer {typo}", "credential.checksum"),
    ("Bearer {short}", "credential.checksum"),
    ("Bearer hunter2", "credential.malformed"),
    ("Basic !!!", "credential.malformed"),
]


@pytest.mark.parametrize(("header", "expected"), NEAR_MISSES)
def test_every_near_miss_is_told_what_is_wrong(gate: Gate, good: str, header: str, expected: str) -> None:
    """401 with a challenge and the one hint that helps, and nothing of the key in the answer."""
    typo = good[:-1] + ("A" if good[-1] != "A" else "B")
    body = good.removeprefix("sk_prod_")
    other = mint("sk_test_", os.urandom).text
    value = header.format(key=good, upper=good.swapcase(), body=body, other=other, typo=typo, short=good[:-1])
    answer = gate.get("/v1/whoami", Authorization=value, X_Forwarded_For="10.1.0.1")
    assert told(answer) == (401, expected)
    assert answer.headers["www-authenticate"].startswith('Bearer realm="mattegate", error="invalid_token"')
    assert body[13:30] not in answer.text
    assert answer.json()["remedy"]


def test_no_key_is_401_with_a_challenge_and_an_unknown_key_is_403(gate: Gate) -> None:
    """Who showed nothing is asked for a key, without an error code; who showed a well-formed stranger is refused."""
    missing = gate.post(X_Forwarded_For="10.2.0.1")
    assert told(missing) == (401, "credential.missing")
    assert missing.headers["www-authenticate"] == 'Bearer realm="mattegate"'
    unknown = gate.post(mint("sk_prod_", lambda count: bytes(range(7, 7 + count))).text, X_Forwarded_For="10.2.0.1")
    assert told(unknown) == (403, "credential.unknown")
    assert "www-authenticate" not in unknown.headers
    assert unknown.headers["x-mattegate-error-type"] == "AccessDeniedException"


def test_two_credentials_and_keys_in_the_address_are_not_guessed_at(gate: Gate, good: str) -> None:
    """Which of two is meant is not guessed; a key in an address is taken as leaked, whoever's it is."""
    both = gate.get("/v1/whoami", good, X_API_Key=good, X_Forwarded_For="10.3.0.1")
    assert told(both) == (400, "request.ambiguous_credentials")
    address = gate.get(f"/v1/whoami?api_key={good}", X_Forwarded_For="10.3.0.1")
    assert told(address) == (401, "credential.in_query")
    assert good not in json.dumps(gate.line(address))


def test_changes_beside_the_server_hold_at_the_very_next_request(gate: Gate) -> None:
    """Made, taken back, rested, rotated, expired, moved to another tier: each at once, from another process."""
    desk = gate.accounts.desk
    first = gate.key("changing")
    identity = gate.get("/v1/whoami", first.text).json()["identity"]["id"]
    desk.disable_key(first.id, actor=ACTOR)
    assert told(gate.get("/v1/whoami", first.text)) == (403, "credential.disabled")
    desk.enable_key(first.id, actor=ACTOR)
    assert gate.get("/v1/whoami", first.text).status_code == 200
    second = desk.rotate_key(first.id, overlap_s=3600, actor=ACTOR)
    gate.minted.append(second.text)
    assert [gate.get("/v1/whoami", key).status_code for key in (first.text, second.text)] == [200, 200]
    third = desk.rotate_key(second.id, overlap_s=0, actor=ACTOR)
    gate.minted.append(third.text)
    assert told(gate.get("/v1/whoami", second.text)) == (403, "credential.expired")
    desk.revoke_key(third.id, actor=ACTOR, why="leaked")
    assert told(gate.get("/v1/whoami", third.text)) == (403, "credential.revoked")
    last = gate.another(identity)
    desk.update_identity(identity, state=KeyState.DISABLED, actor=ACTOR)
    assert told(gate.get("/v1/whoami", last.text)) == (403, "credential.identity_disabled")
    desk.update_identity(identity, state=KeyState.ACTIVE, tier="free", actor=ACTOR)
    assert gate.get("/v1/whoami", last.text).json()["identity"]["tier"] == "free"


def test_a_key_expires_by_itself(gate: Gate) -> None:
    """Nobody has to do anything: past its time it is refused, and its holder is told when that was."""
    accounts = gate.accounts
    earlier = Desk(
        accounts.control,
        peppers=accounts.secrets.peppers,
        rules=accounts.desk._rules,
        tiers={"vip"},
        clock=lambda: time.time() - 7200,
    )
    identity = earlier.create_identity("expiring", tier="vip", actor=ACTOR).view.id
    key = earlier.create_key(identity, expires_at=time.time() - 3600, actor=ACTOR)
    gate.minted.append(key.text)
    answer = gate.post(key.text)
    assert told(answer) == (403, "credential.expired")
    assert datetime.fromtimestamp(time.time() - 3600).astimezone().isoformat()[:4] in answer.json()["detail"]


def test_a_key_bound_to_less_is_refused_for_the_rest(gate: Gate, good: str) -> None:
    """Address, model and scope of a key each have their own refusal, told to whoever proved the key."""
    identity = gate.get("/v1/whoami", good).json()["identity"]["id"]
    elsewhere = gate.another(identity, addresses=["198.51.100.0/24"])
    assert told(gate.post(elsewhere.text)) == (403, "policy.address")
    assert gate.post(elsewhere.text, X_Forwarded_For="198.51.100.77").status_code == 200
    narrow = gate.another(identity, models=["isnet-general-use"])
    assert told(gate.post(narrow.text)) == (403, "policy.model")
    reading = gate.another(identity, scopes=["self"])
    assert told(gate.post(reading.text)) == (403, "policy.scope")


def test_whoami_shows_the_caller_to_themselves(gate: Gate) -> None:
    """Identity, tier, key, address and where each limit stands; no key and no digest."""
    key = gate.key("curious", "free")
    answer = gate.get("/v1/whoami", key.text, X_Forwarded_For="192.0.2.44")
    shown = answer.json()
    assert (shown["identity"]["name"], shown["identity"]["tier"], shown["key"]["id"]) == ("curious", "free", key.id)
    assert shown["address"] == "192.0.2.44"
    assert [(limit["name"], limit["limit"], limit["window_s"]) for limit in shown["limits"]] == [
        ("burst", 20, 60),
        ("hourly", 100, 3600),
    ]
    assert key.text[-30:] not in answer.text


# --- limits: how often ------------------------------------------------------------------------------------------


def test_the_free_tier_is_twenty_a_minute_and_refused_uploads_cost_no_quota(gate: Gate) -> None:
    """What is no picture spends the rate, so that probing is bounded, and gives the quota back; then 429 tells when."""
    not_across(3600)
    key, began, statuses = gate.key("probing", "free").text, time.monotonic(), []
    while (answer := gate.post(key, NO_PICTURE)).status_code != 429:
        statuses.append(told(answer))
        assert left(answer, "hourly") == 100
    assert set(statuses) == {(415, "upload.type")}
    assert 20 <= len(statuses) <= 20 + (time.monotonic() - began) / 3 + 1
    assert reason(answer) == "rate.exceeded"
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.headers["ratelimit-policy"] == '"burst";q=20;w=60, "hourly";q=100;w=3600'
    assert (left(answer, "burst"), left(answer, "hourly")) == (0, 100)
    assert answer.headers["x-ratelimit-limit"] == "20"
    assert answer.headers["x-ratelimit-remaining"] == "0"
    assert int(answer.headers["x-ratelimit-reset"]) >= time.time() - 1
    assert answer.headers["x-mattegate-error-type"] == "ThrottlingException"


def test_ten_a_minute_lets_six_quick_requests_pass(gate: Gate) -> None:
    """A burst below the limit is nobody's crime: the sixth of a free caller's requests is not limited either."""
    key = gate.key("quick", "free").text
    assert [told(gate.post(key, NO_PICTURE)) for _ in range(5)] == [(415, "upload.type")] * 5
    assert gate.post(key).status_code == 200


def test_quotas_count_down_and_an_unlimited_tier_says_nothing(gate: Gate, good: str) -> None:
    """The headers of every answer say what is left; for vip there is nothing to say."""
    not_across(86_400)
    key = gate.key("steady", "enterprise").text
    answers = [gate.post(key) for _ in range(3)]
    assert [left(answer, "daily") for answer in answers] == [9_999, 9_998, 9_997]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"daily";q=10000;w=86400'}
    assert "ratelimit" not in gate.post(good).headers


def test_a_quota_over_megapixels_weighs_every_image(gate: Gate) -> None:
    """Three megapixels cost three; what does not fit takes nothing, and what does may still come."""
    key = gate.key("weighed", "megapixels").text
    large = png(2000, 1500)
    first, second, third = gate.post(key, large), gate.post(key, large), gate.post(key)
    assert (first.status_code, left(first, "300-days")) == (200, 1)
    assert told(second) == (429, "quota.exceeded")
    assert (third.status_code, left(third, "300-days")) == (200, 0)
    assert gate.get("/v1/whoami", key).json()["limits"][0]["remaining"] == 0


def test_a_quota_over_bytes_counts_both_ways(gate: Gate) -> None:
    """What went in and what came out, to the byte."""
    key, sent = gate.key("volume", "volume").text, png(400, 300)
    answer = gate.post(key, sent)
    assert answer.status_code == 200
    assert 'qu="content-bytes"' in answer.headers["ratelimit-policy"]
    remaining = gate.get("/v1/whoami", key).json()["limits"][0]["remaining"]
    assert remaining == left(answer, "300-days-bytes") == 1_000_000 - len(sent) - len(answer.content)


def test_an_idempotency_key_pays_once(gate: Gate) -> None:
    """Again without a charge, three times and no more; another payload is refused; time forgives no replay."""
    not_across(86_400)
    key = gate.key("once", "enterprise").text
    answers = [gate.post(key, Idempotency_Key="order-1") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({answer.content for answer in answers}) == 1
    assert [answer.headers.get("idempotency-replayed") for answer in answers] == [None, "true", "true", "true"]
    assert told(gate.post(key, Idempotency_Key="order-1")) == (409, "idempotency.exhausted")
    _sweep(gate, in_s=700)
    assert told(gate.post(key, Idempotency_Key="order-1")) == (409, "idempotency.exhausted")
    assert gate.get("/v1/whoami", key).json()["limits"][0]["remaining"] == 9_999
    gate.post(key, Idempotency_Key="order-2")
    other = gate.post(key, png(50, 50), Idempotency_Key="order-2")
    assert told(other) == (422, "idempotency.mismatch")
    assert gate.get("/v1/whoami", key).json()["limits"][0]["remaining"] == 9_998


def test_a_replay_that_fails_is_not_counted(gate: Gate) -> None:
    """Ten attempts with another payload, each refused, use up none of the three times that the answer can be had."""
    key = gate.key("failing", "enterprise").text
    assert gate.post(key, Idempotency_Key="k").status_code == 200
    for _ in range(5):
        assert told(gate.post(key, NO_PICTURE, Idempotency_Key="k")) == (415, "upload.type")
        assert told(gate.post(key, png(9, 9), Idempotency_Key="k")) == (422, "idempotency.mismatch")
    assert [gate.post(key, Idempotency_Key="k").status_code for _ in range(4)] == [200, 200, 200, 409]


def test_an_idempotency_key_in_use_is_409_with_a_time_to_wait(gate: Gate) -> None:
    """Of two requests under one key at once, one works and the other is told to wait; together they pay once."""
    not_across(86_400)
    key, picture = gate.key("twice", "enterprise").text, large_jpeg("coffee", MP_12)
    with ThreadPoolExecutor(3) as pool:
        sent = [pool.submit(_patient, gate, key, picture) for _ in range(3)]
        answers = [each.result() for each in sent]
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    waiting = next(answer for answer in answers if answer.status_code == 409)
    assert reason(waiting) == "idempotency.in_progress"
    assert int(waiting.headers["retry-after"]) >= 1
    assert gate.get("/v1/whoami", key).json()["limits"][0]["remaining"] == 9_999


def _patient(gate: Gate, key: str, picture: bytes) -> httpx2.Response:
    headers = bearer(key) | {"Content-Type": "image/jpeg", "Idempotency-Key": "both"}
    return gate.noted(httpx2.post(str(gate.web.base_url.join(REMOVE)), content=picture, headers=headers, timeout=60))


def _sweep(gate: Gate, *, in_s: float) -> None:
    """What the server does every half minute, at a later time."""
    database = UsageDatabase(gate.settings.ledger_dir / USAGE_FILE)
    SqliteMeter(database).sweep(time.time() + in_s)
    database.close()


def test_vip_goes_before_free_in_the_queue(gate: Gate) -> None:
    """While the one worker is busy, whoever came last with a higher class is served first."""
    vip, free, done = gate.key("first class", "vip").text, gate.key("third class", "free").text, []

    def send(name: str, key: str, picture: bytes, media_type: str) -> None:
        headers = bearer(key) | {"Content-Type": media_type}
        answer = httpx2.post(str(gate.web.base_url.join(REMOVE)), content=picture, headers=headers, timeout=60)
        assert answer.status_code == 200
        done.append(name)

    with ThreadPoolExecutor(6) as pool:
        sent = [pool.submit(send, "busy", vip, large_jpeg("coffee", MP_12), "image/jpeg")]
        _until(gate, "busy", 1)
        sent += [pool.submit(send, "free", free, large_jpeg("coffee", MP_1P5), "image/jpeg") for _ in range(3)]
        _until(gate, "waiting", 2)
        sent.append(pool.submit(send, "vip", vip, png(), "image/png"))
        for each in sent:
            each.result()
    later = [place for place, name in enumerate(done) if name == "free"][1:]  # the first may have been begun already
    assert done.index("vip") < min(later)


def _until(gate: Gate, word: str, count: int) -> None:
    deadline = time.monotonic() + 30
    while gate.web.get("/ready").json()[word] < count:
        assert time.monotonic() < deadline, f"there were never {count} {word}"
        time.sleep(0.005)


# --- attacks ----------------------------------------------------------------------------------------------------


def test_guessing_keys_is_slowed_before_anything_is_looked_up(gate: Gate, good: str) -> None:
    """A network that keeps failing is refused with 429; a key that was proved from there goes on working."""
    assert gate.get("/v1/whoami", good, X_Forwarded_For="198.18.7.1").status_code == 200
    for number in range(200):
        guess = mint("sk_prod_", lambda count, n=number: bytes([n]) * count).text  # type: ignore[misc]
        answer = gate.get("/v1/whoami", guess, X_Forwarded_For=f"198.18.7.{number % 250}")
        if answer.status_code == 429:
            break
    assert told(answer) == (429, "flood.failed_credentials")
    assert int(answer.headers["retry-after"]) >= 1
    assert gate.get("/v1/whoami", good, X_Forwarded_For="198.18.7.1").status_code == 200
    assert told(gate.get("/v1/whoami", X_Forwarded_For="198.18.8.1")) == (401, "credential.missing")


def test_asking_without_a_key_is_bounded_by_network(gate: Gate) -> None:
    """A flood of requests that prove nothing ends in 429 for its network alone."""
    answers = (gate.get("/v1/whoami", X_Forwarded_For="198.19.1.1") for _ in range(400))
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert reason(refused) == "flood.unauthenticated"
    assert gate.get("/health", X_Forwarded_For="198.19.2.1").status_code == 200


def test_without_a_key_nothing_tells_which_paths_exist(gate: Gate, good: str) -> None:
    """Unknown and known paths answer alike to strangers; who proved a key is told what is there and what is not."""
    known, unknown = (gate.get(path, X_Forwarded_For="10.4.0.1") for path in ("/v1/whoami", "/v1/admin"))
    assert told(known) == told(unknown) == (401, "credential.missing")
    assert set(known.headers) == set(unknown.headers)
    assert told(gate.get("/v1/admin", good)) == (404, "route.unknown")
    assert told(gate.get(REMOVE, good)) == (405, "route.method")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"MZ\x90\x00" + bytes(200), (415, "upload.type")),
        (b"<?php system($_GET['c']); ?>", (415, "upload.type")),
        (b"\x89PNG\r\n\x1a\n" + bytes(10_000_001), (413, "upload.too_large")),
        (png()[:40], (422, "upload.truncated")),
    ],
)
def test_what_is_no_picture_costs_nothing(gate: Gate, data: bytes, expected: tuple[int, str]) -> None:
    """Programs, scripts and floods of bytes are refused by what they are, and their sender's quota stays whole."""
    not_across(86_400)
    key = gate.key(f"attacker {expected[1]} {len(data)}", "enterprise").text
    assert told(gate.post(key, data)) == expected
    assert gate.get("/v1/whoami", key).json()["limits"][0]["remaining"] == 10_000


def test_a_stranger_s_body_is_never_asked_for(gate: Gate) -> None:
    """A megabyte from somebody without a key is refused by its head, before any of it counts."""
    answer = gate.post(data=bytes(1_000_000), X_Forwarded_For="10.5.0.1")
    assert told(answer) == (401, "credential.missing")
    assert gate.line(answer)["bytes_in"] <= 1 << 20


# --- explanations -----------------------------------------------------------------------------------------------


def test_a_decision_is_shown_to_its_own_caller_and_to_nobody_else(gate: Gate, good: str) -> None:
    """Foreign ids and ids that never were get one and the same 404."""
    own = gate.key("owner").text
    refused = gate.post(own, NO_PICTURE).headers["x-request-id"]
    shown = gate.get(f"/v1/decisions/{refused}", own)
    assert (shown.json()["decision"], shown.json()["reason"]) == ("deny", "upload.type")
    assert shown.json()["checks"][0]["layer"] == "request"
    never = "req_" + "0" * 26
    foreign, invented = (gate.get(f"/v1/decisions/{found}", good) for found in (refused, never))
    assert told(foreign) == (404, "record.not_found")
    assert _without_ids(foreign) == _without_ids(invented)
    assert set(foreign.headers) == set(invented.headers)
    assert told(gate.get(f"/v1/decisions/{refused}", X_Forwarded_For="10.6.0.1")) == (401, "credential.missing")


def _without_ids(answer: httpx2.Response) -> str:
    return re.sub(r"req_[0-9A-Z]{26}", "ID", answer.text)


def test_pages_read_every_answer_of_an_allowed_origin(gate: Gate, good: str) -> None:
    """Refusals too carry the headers that let a page read them; other origins are refused by name."""
    allowed = gate.post(good, NO_PICTURE, Origin="https://app.example")
    assert told(allowed) == (415, "upload.type")
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"
    assert told(gate.post(good, Origin="https://evil.example")) == (403, "origin.not_allowed")


def test_the_words_that_operators_grep_for_are_in_the_log(gate: Gate, good: str) -> None:
    """Each refusal's line has the sentence that the published guide greps for, with what was refused in it."""
    stories: list[tuple[dict[str, Any], str]] = [
        ({"Authorization": f"Token {good}", "X_Forwarded_For": "10.7.0.1"}, "Invalid API key format: scheme 'Token'"),
        ({"Authorization": f"Bearer {good}", "Origin": "https://evil.example"}, "Origin not allowed: https://evil"),
        ({"X_Forwarded_For": "203.0.113.9"}, "Request from blocked IP: 203.0.113.9"),
    ]
    for headers, words in stories:
        line = gate.line(gate.post(**headers))
        assert words in line["problem"]
        assert re.search("forbidden|auth|deny|403|access denied", line["problem"], re.IGNORECASE)


def test_every_request_is_logged_with_who_and_what_and_never_a_key(gate: Gate) -> None:
    """Time, address, key id, identity, status and reason; of an admitted and of a refused request alike."""
    key = gate.key("logged")
    served = gate.post(key.text, X_Forwarded_For="192.0.2.7")
    refused = gate.post(key.text, NO_PICTURE, X_Forwarded_For="192.0.2.7")
    for answer, why in ((served, ""), (refused, "upload.type")):
        line = gate.line(answer)
        assert abs(datetime.fromisoformat(line["time"]).timestamp() - time.time()) < 60
        assert (line["address"], line["key"], line["identity"]) == ("192.0.2.7", key.id, "logged")
        assert (line["status"], line.get("reason", "")) == (answer.status_code, why)


def test_why_explains_every_refusal_of_this_file(gate: Gate, good: str) -> None:
    """Whatever was refused until now: its trace is found by its id, says the same reason, and is decided so again."""
    for value in (f"Token {good}", f"Bearer {good[8:]}", f'"{good}"'):
        gate.get("/v1/whoami", Authorization=value, X_Forwarded_For="10.8.0.1")
    gate.post(good, NO_PICTURE)
    asked = gate.command("why", *gate.refused, "--json")
    explained: list[dict[str, Any]] = [json.loads(line) for line in asked.stdout.splitlines()]
    assert asked.returncode == 0, asked.stderr
    assert {one["request_id"]: one["public_code"] for one in explained} == gate.refused
    assert {str(one["replayed"]) for one in explained} == {"same"}
    assert all(one["checks"] and one["operator"] for one in explained)


def test_no_key_is_ever_printed(gate: Gate, good: str) -> None:
    """Neither the start-up log nor the access log holds any key, whole or in its secret part."""
    gate.get("/v1/whoami", good)
    output = gate.process.output()
    assert "auth initialized: " in output
    assert [key for key in gate.minted if key in output or key[-24:] in output] == []


# --- the published guide's configuration ------------------------------------------------------------------------


def test_the_guide_s_key_file_is_served_unmodified(guided: Gate) -> None:
    """``serve --config FILE`` with the published list: the key works as printed, and is nowhere in the log."""
    assert guided.post(LISTED).status_code == 200
    whoami = guided.get("/v1/whoami", LISTED).json()
    assert whoami["identity"]["tier"] == "free"
    output = guided.process.output()
    assert f"api key loaded: {whoami['key']['id']}" in output
    assert "auth initialized: 1 API keys, from /" in output
    assert "abc123XYZ" not in output


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Bearer rmbg-prod-abc123xyz", (401, "credential.case")),
        ("Bearer abc123XYZ", (401, "credential.prefix")),
        ("Token RMBG-PROD-abc123XYZ", (401, "credential.scheme")),
        ("bearer RMBG-PROD-abc123XYZ", (200, "")),
    ],
)
def test_the_guide_s_near_misses_are_told_apart(guided: Gate, header: str, expected: tuple[int, str]) -> None:
    """What the guide calls one 403 are three mistakes with three hints, and one that is none (RFC 9110, 11.1)."""
    assert told(guided.get("/v1/whoami", Authorization=header)) == expected


def test_last_use_is_written_behind_the_requests(u2netp_home: Path, tmp_path: Path) -> None:
    """A key that was used has the minute of it when the server has stopped; one that was not has none."""
    with running(tmp_path, u2netp_home / "models", "", command=fast) as gate:
        used, unused = gate.key("used"), gate.key("unused")
        before = time.time()
        assert gate.get("/v1/whoami", used.text).status_code == 200
        gate.process.stop()
        rows = [gate.accounts.control.key(key.id) for key in (used, unused)]
    written, never = (row.used_at if row else -1.0 for row in rows)
    assert never is None
    assert written is not None
    assert before // 60 * 60 <= written <= time.time()
