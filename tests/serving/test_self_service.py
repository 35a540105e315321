"""Callers look after themselves: they see their own, they narrow and revoke, and they never get more than they have."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from time import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mattegate.ledger.audit import first_break
from mattegate.serving import account_keys
from mattegate.signing.keys import id_of
from tests.serving.planes import Planes


def _id(text: str) -> str:
    found = id_of(text)
    assert found is not None
    return found


def _same_but_for_the_id(answer: Any, key_id: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    """An answer without what tells one request from another."""
    document = json.loads(answer.text.replace(key_id, "ID"))
    document.pop("request_id")
    headers = {name: value for name, value in answer.headers.items() if name not in {"x-request-id", "content-length"}}
    return answer.status_code, document, headers


# --- usage --------------------------------------------------------------------------------------------------


def test_a_caller_sees_what_was_used(planes: Planes, png: bytes) -> None:
    """Two cut-outs later the sums, the balance and the limits say so, and a neighbour's say nothing of it."""
    key, other = planes.key("alice", tier="free"), planes.key("bob")
    for _ in range(2):
        assert planes.call(key, "POST", "/v1/remove-bg", content=png).status_code == 200
    told = planes.call(key, "GET", "/v1/usage", params={"by": "key"}).json()
    assert told["totals"]["requests"] == told["totals"]["images"] == 2
    assert [group["key"] for group in told["groups"]] == [_id(key)]
    assert {limit["name"]: limit["remaining"] for limit in told["limits"]}["hourly"] == 98
    assert told["credits"] == 0
    assert planes.call(other, "GET", "/v1/usage").json()["totals"]["requests"] == 0


def test_a_period_without_work_is_empty(planes: Planes, png: bytes) -> None:
    """Days, offsets and Unix seconds are understood; what lies outside them is not counted."""
    key = planes.key()
    planes.call(key, "POST", "/v1/remove-bg", content=png)
    today = datetime.now(UTC).date().isoformat()
    for period, expected in (
        ({"since": today}, 1),
        ({"until": today}, 0),
        ({"since": f"{today}T00:00:00+00:00"}, 1),
        ({"since": str(int(time()) + 60)}, 0),
    ):
        assert planes.call(key, "GET", "/v1/usage", params=period).json()["totals"]["requests"] == expected


@pytest.mark.parametrize(
    "query", ["since=yesterday", "since=-1", "until=99999999999999999999", "by=week", "form=day", "by=day&by=key"]
)
def test_a_question_that_means_nothing_is_refused(quick: Planes, query: str) -> None:
    """No value is guessed."""
    answer = quick.call(quick.key(), "GET", f"/v1/usage?{query}")
    assert (answer.status_code, answer.json()["reason"]) == (422, "account.invalid")


# --- why ----------------------------------------------------------------------------------------------------


def test_a_refusal_names_whoever_refused(planes: Planes) -> None:
    """What the keys or the records said no to is told in their name, in the answer, on record and in the figures."""
    key = planes.key()
    for path, layer in (("/v1/keys/unknown", "account"), ("/v1/decisions/req_0", "record")):
        refused = planes.call(key, "GET", path).json()
        told = planes.call(key, "GET", f"/v1/decisions/{refused['request_id']}").json()
        [refusing] = [check["layer"] for check in told["checks"] if check["reason"]]
        assert refused["layer"] == told["layer"] == refusing == layer
        figures = planes.admin.get("/metrics", headers=planes.bearer).text
        assert f'layer="{layer}",plane="data",reason="{refused["reason"]}"' in figures


# --- seeing keys --------------------------------------------------------------------------------------------


def test_keys_are_listed_without_secrets(planes: Planes) -> None:
    """State, expiry and bounds are told; neither text nor digest is, and keys of others are not there."""
    key, other = planes.key("alice", models=["u2netp"]), planes.key("bob")
    told = planes.call(key, "GET", "/v1/keys")
    assert [(one["id"], one["models"]) for one in told.json()["keys"]] == [(_id(key), ["u2netp"])]
    assert told.headers["cache-control"] == "no-store"
    digest = planes.control.key(_id(key))
    assert digest is not None
    for secret in (key.rsplit("_", 1)[1], digest.stored.digest.hex(), _id(other)):
        assert secret not in told.text


def test_the_last_use_is_told_to_the_minute(planes: Planes) -> None:
    """Noted when the key proves good, shown once it is written, and never finer than a minute."""
    key = planes.key()
    planes.control.touch({_id(key): time() // 60 * 60})
    used = planes.call(key, "GET", f"/v1/keys/{_id(key)}").json()["used_at"]
    assert datetime.fromisoformat(used).second == 0


@pytest.mark.parametrize(
    ("method", "tail", "body"),
    [("GET", "", None), ("PATCH", "", {"name": "mine"}), ("DELETE", "", None), ("POST", "/rotate", {})],
)
def test_a_foreign_key_is_as_unknown_as_no_key(planes: Planes, method: str, tail: str, body: Any) -> None:
    """Whoever tries ids of others learns nothing, and changes nothing."""
    key, other = planes.key("alice"), planes.key("bob")
    foreign, unknown = _id(other), "A" * len(_id(other))
    answers = [planes.call(key, method, f"/v1/keys/{one}{tail}", json=body) for one in (foreign, unknown)]
    assert _same_but_for_the_id(answers[0], foreign) == _same_but_for_the_id(answers[1], unknown)
    assert (answers[0].status_code, answers[0].json()["reason"]) == (404, "account.not_found")
    assert planes.call(other, "GET", "/v1/whoami").status_code == 200


def test_without_the_scope_nothing_is_answered(quick: Planes) -> None:
    """A key that only makes cut-outs can neither see nor make keys."""
    key = quick.key("alice", scopes=("cutout", "self"))
    for method, path in (("GET", "/v1/keys"), ("POST", "/v1/keys"), ("GET", "/v1/usage"), ("DELETE", "/v1/keys/x")):
        answer = quick.call(key, method, path)
        assert (answer.status_code, answer.json()["reason"]) == (403, "policy.scope")


@pytest.mark.parametrize("path", ["/v1/usage", "/v1/keys", "/v1/keys/x", "/v1/keys/x/rotate"])
def test_without_a_key_every_path_answers_the_same(quick: Planes, path: str) -> None:
    """Nobody learns which paths there are."""
    for method in ("GET", "POST", "PATCH", "DELETE"):
        answer = quick.api.request(method, path)
        assert (answer.status_code, answer.json()["reason"]) == (401, "credential.missing")


# --- making keys --------------------------------------------------------------------------------------------


def test_a_new_key_is_like_the_one_that_asks(planes: Planes) -> None:
    """Where nothing is said nothing is widened, and the text is told in that one answer."""
    key = planes.key("alice", expires_at=time() + 3_600, models=["u2netp"])
    answer = planes.call(key, "POST", "/v1/keys", json={"name": "child"})
    child = answer.json()
    assert answer.status_code == 201
    assert (child["models"], child["name"], child["state"]) == (["u2netp"], "child", "active")
    assert child["expires_at"] is not None
    assert planes.call(child["key"], "GET", "/v1/whoami").json()["identity"]["name"] == "alice"
    assert child["key"] not in planes.call(key, "GET", "/v1/keys").text
    newest = list(planes.control.audit())[-1]
    assert (newest.actor, newest.act, newest.subject) == (f"key:{_id(key)}", "key.create", child["id"])


@pytest.mark.parametrize(
    "wider",
    [
        {"scopes": ["*"]},
        {"scopes": ["usage"]},
        {"scopes": None},
        {"origins": []},
        {"origins": ["https://evil.example"]},
        {"origins": ["https://*.example"]},
        {"models": []},
        {"models": ["birefnet"]},
        {"expires_at": None},
        {"expires_at": "2100-01-02"},
        {"environment": "test"},
    ],
    ids=str,
)
def test_no_key_makes_or_becomes_more_than_it_is(quick: Planes, wider: dict[str, Any]) -> None:
    """Each bound holds for what a key makes and for what becomes of it; a sibling does not help either."""
    quick.desk.create_identity("alice", tier="vip", scopes=("*",), actor="cli:test")
    bound = quick.desk.create_key(
        "alice", actor="cli:test", scopes=["keys", "cutout"], origins=["https://shop.example"],
        models=["u2netp"], expires_at=datetime(2100, 1, 1, tzinfo=UTC).timestamp(),
    )  # fmt: skip
    before = quick.control.head()
    attempts = [("POST", "/v1/keys")]
    if "environment" not in wider:
        attempts.append(("PATCH", f"/v1/keys/{bound.id}"))
    for method, path in attempts:
        answer = quick.call(bound.text, method, path, json=wider)
        assert (answer.status_code, answer.json()["reason"]) == (403, "account.wider"), (method, answer.json())
    assert quick.control.head() == before


def test_a_narrow_key_cannot_take_over_a_wider_sibling(planes: Planes) -> None:
    """Rotating it would hand out its rights, so that is refused; narrowing and revoking it take rights away only."""
    wide = planes.key("alice")
    narrow = planes.desk.create_key("alice", actor="cli:test", scopes=["keys"]).text
    rotated = planes.call(narrow, "POST", f"/v1/keys/{_id(wide)}/rotate", json={})
    assert (rotated.status_code, rotated.json()["reason"]) == (403, "account.wider")
    widened = planes.call(narrow, "PATCH", f"/v1/keys/{_id(narrow)}", json={"scopes": ["keys", "cutout"]})
    assert widened.json()["reason"] == "account.wider"
    assert planes.call(narrow, "PATCH", f"/v1/keys/{_id(wide)}", json={"scopes": ["self"]}).status_code == 200
    assert planes.call(wide, "GET", "/v1/keys").status_code == 403


def test_an_account_does_not_fill_up_with_keys(planes: Planes, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a bound to keys at a time, and to keys a day, which revoking does not reset."""
    monkeypatch.setattr(account_keys, "MOST_KEYS", 3)
    monkeypatch.setattr(account_keys, "MADE_A_DAY", 5)
    key = planes.key()
    made = [planes.call(key, "POST", "/v1/keys", json={}) for _ in range(3)]
    assert [answer.status_code for answer in made] == [201, 201, 409]
    assert made[-1].json()["reason"] == "account.many_keys"
    for _ in range(2):
        for one in planes.call(key, "GET", "/v1/keys").json()["keys"]:
            if one["id"] != _id(key):
                planes.call(key, "DELETE", f"/v1/keys/{one['id']}")
        last = planes.call(key, "POST", "/v1/keys", json={})
        planes.call(key, "POST", "/v1/keys", json={})
    assert last.json()["reason"] == "account.many_keys"
    assert len(planes.control.keys()) == 5


# --- changing keys ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "tail", "body", "refused"),
    [
        ("DELETE", "", None, "credential.revoked"),
        ("PATCH", "", {"scopes": ["keys"]}, "policy.scope"),
        ("PATCH", "", {"origins": ["https://shop.example"]}, "policy.origin"),
        ("PATCH", "", {"addresses": ["192.0.2.1"]}, "policy.address"),
        ("POST", "/rotate", {"overlap_s": 0}, "credential.expired"),
    ],
)
def test_a_change_holds_on_the_very_next_request(
    planes: Planes, method: str, tail: str, body: Any, refused: str
) -> None:
    """Nothing is remembered of how the key was."""
    key, hand = planes.key(), planes.key()
    assert (
        planes.api.get("/v1/whoami", headers={"X-API-Key": key, "Origin": "https://other.example"}).status_code == 200
    )
    assert planes.call(hand, method, f"/v1/keys/{_id(key)}{tail}", json=body).status_code in {200, 201}
    answer = planes.api.get("/v1/whoami", headers={"X-API-Key": key, "Origin": "https://other.example"})
    assert (answer.status_code, answer.json()["reason"]) == (403, refused)


def test_a_rotated_key_works_on_for_its_overlap(planes: Planes) -> None:
    """Both work until then; the old one names its successor, and is not rotated twice."""
    key = planes.key()
    rotated = planes.call(key, "POST", f"/v1/keys/{_id(key)}/rotate", json={"overlap_s": 600})
    new = rotated.json()
    assert (rotated.status_code, new["replaces"]) == (201, _id(key))
    assert planes.call(key, "GET", "/v1/whoami").json()["key"]["replaced_by"] == new["id"]
    assert planes.call(new["key"], "GET", "/v1/whoami").status_code == 200
    again = planes.call(key, "POST", f"/v1/keys/{_id(key)}/rotate")
    assert (again.status_code, again.json()["reason"]) == (422, "account.invalid")


def test_a_revoked_key_stays_revoked(planes: Planes) -> None:
    """Revoking twice is revoking once, and nothing brings it back."""
    key, hand = planes.key(), planes.key()
    path = f"/v1/keys/{_id(key)}"
    assert [planes.call(hand, "DELETE", path).json()["state"] for _ in range(2)] == ["revoked"] * 2
    assert planes.call(hand, "PATCH", path, json={"name": "back"}).json()["reason"] == "account.invalid"
    assert planes.call(key, "GET", "/v1/keys").json()["reason"] == "credential.revoked"


def test_keys_made_at_once_are_all_in_the_log(planes: Planes) -> None:
    """Eight at a time from one account: eight keys, eight entries, one chain."""
    key = planes.key()
    with ThreadPoolExecutor(8) as crowd:
        made = list(crowd.map(lambda _: planes.call(key, "POST", "/v1/keys", json={}).json(), range(8)))
    assert len({one["key"] for one in made}) == 8
    entries = list(planes.control.audit())
    assert {one["id"] for one in made} <= {entry.subject for entry in entries}
    assert first_break(entries, last=planes.control.head()) is None


# --- bodies -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "content_type", "status", "reason"),
    [
        (b"{", "application/json", 400, "account.malformed"),
        (b"\xff\xfe", "application/json", 400, "account.malformed"),
        (b"[" * 30_000, "application/json", 400, "account.malformed"),
        (b"{" + b" " * 70_000 + b"}", "application/json", 413, "account.malformed"),
        (b"{}", "text/plain", 415, "account.malformed"),
        (b"name=x", "application/x-www-form-urlencoded", 415, "account.malformed"),
        (b"[]", "application/json", 422, "account.invalid"),
        (b'{"scope": ["*"]}', "application/json", 422, "account.invalid"),
        (b'{"name": 5}', "application/json", 422, "account.invalid"),
        (b'{"name": "\\u0000"}', "application/json", 422, "account.invalid"),
        (b'{"name": "\\ud800"}', "application/json", 400, "account.malformed"),
        (b'{"expires_at": 1e999}', "application/json", 422, "account.invalid"),
        (b'{"expires_at": true}', "application/json", 422, "account.invalid"),
        (b'{"expires_at": "2001-01-01"}', "application/json", 422, "account.invalid"),
        (b'{"scopes": "keys"}', "application/json", 422, "account.invalid"),
        (b'{"scopes": []}', "application/json", 422, "account.invalid"),
        (b'{"addresses": ["300.1.1.1"]}', "application/json", 422, "account.invalid"),
        (b'{"origins": ["shop.example"]}', "application/json", 422, "account.invalid"),
        (b'{"identity": "bob"}', "application/json", 422, "account.invalid"),
        (b'{"kind": "certificate"}', "application/json", 422, "account.invalid"),
        (b'{"schemes": ["hmac"]}', "application/json", 422, "account.invalid"),
        (b'{"public_key": ""}', "application/json", 422, "account.invalid"),
        (b'{"kind": "signing", "schemes": ["rot13"]}', "application/json", 422, "account.invalid"),
        (b'{"kind": "signing", "schemes": ["hmac", "compat-hmac"]}', "application/json", 422, "account.invalid"),
        (b'{"kind": "signing", "public_key": "\\u00e9"}', "application/json", 422, "account.invalid"),
        (b'{"require": ["luck"]}', "application/json", 422, "account.invalid"),
    ],
    ids=lambda value: repr(value[:24]) if isinstance(value, bytes) else None,
)
def test_a_body_that_is_wrong_is_explained(
    quick: Planes, sent: bytes, content_type: str, status: int, reason: str
) -> None:
    """Each fault has its reason, and no key comes of it."""
    key = quick.key()
    answer = quick.api.post(
        "/v1/keys", content=sent, headers={"X-API-Key": key, "Content-Type": content_type}
    )  # fmt: skip
    assert (answer.status_code, answer.json()["reason"]) == (status, reason), answer.text
    assert len(quick.control.keys()) == 1


def test_a_compressed_body_is_not_unpacked(planes: Planes) -> None:
    """A small body that would become a large one is not read at all."""
    headers = {"X-API-Key": planes.key(), "Content-Encoding": "gzip", "Content-Type": "application/json"}
    answer = planes.api.post("/v1/keys", content=b"\x1f\x8b", headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (415, "account.malformed")


def test_a_key_sent_in_the_wrong_member_is_not_told_back(planes: Planes) -> None:
    """What may be a secret stands neither in the answer nor in the record."""
    key = planes.key()
    for body in ({"key": key}, {"token": [key]}, {key: 1}):
        answer = planes.call(key, "POST", "/v1/keys", json=body)
        assert answer.status_code == 422
        if key not in body:
            assert key not in answer.text
            assert key not in str(planes.records.find(answer.headers["x-request-id"]))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    ["name", "environment", "expires_at", "scopes", "addresses", "origins", "models", "overlap_s", "x"]
)
OF_NEW_KEYS = st.sampled_from(["kind", "public_key", "schemes", "require"])
BODIES = JSON | st.dictionaries(MEMBERS | OF_NEW_KEYS, JSON, max_size=5)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=BODIES, route=st.sampled_from(["", "/ID", "/ID/rotate"]))
def test_no_body_breaks_anything(quick: Planes, document: Any, route: str) -> None:
    """Whatever JSON can hold is answered, and never with our own fault."""
    key = quick.key(f"fuzz {len(quick.control.identities())}")
    method = "PATCH" if route == "/ID" else "POST"
    text = json.dumps(document)
    answer = quick.api.request(
        method, "/v1/keys" + route.replace("ID", _id(key)), content=text.encode("utf-8", "surrogatepass"),
        headers={"X-API-Key": key, "Content-Type": "application/json"},
    )  # fmt: skip
    assert answer.status_code < 500, answer.text


@pytest.mark.parametrize("sent", ["..%2f..", "%00", "%ff%fe", "a" * 5_000, "%0d%0aX: y", "'%20OR%201=1--"])
def test_strange_ids_are_only_unknown(quick: Planes, sent: str) -> None:
    """An id is never more than a text that is looked up, and is told back short."""
    answer = quick.call(quick.key(), "GET", f"/v1/keys/{sent}")
    assert answer.status_code == 404
    assert answer.json()["reason"] in {"account.not_found", "route.unknown"}
    assert len(answer.content) < 1_000
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", answer.text.rstrip("\n"))
