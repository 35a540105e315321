"""The admin plane: nobody comes in by mistake, every act is in the log, and what is changed holds at once."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mattegate.config.settings import ServerSettings
from mattegate.ledger.audit import first_break
from mattegate.serving.site import CONTENT_SECURITY_POLICY
from mattegate.signing.keys import id_of
from tests.serving.planes import Planes, planes_of


def _id(text: str) -> str:
    found = id_of(text)
    assert found is not None
    return found


# --- who comes in -------------------------------------------------------------------------------------------


def test_before_there_is_an_admin_nobody_comes_in(quick: Planes) -> None:
    """Not with a key, not with a made-up token; and again when the last admin is gone."""
    quick.manage("POST", "/admins/root/revoke")
    for headers in ({}, quick.bearer, {"Authorization": f"Bearer {quick.key()}"}):
        answer = quick.admin.get("/admin/v1/keys", headers=headers)
        assert (answer.status_code, answer.json()["reason"]) == (503, "admin.no_admin")
        assert "mattegate admins create" in answer.json()["remedy"]


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer mgadm_xxxxxxxxxxxx_yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"},
        {"Authorization": "Basic {token}"},
        {"Authorization": "{token}"},
        {"X-API-Key": "{token}"},
        {"Authorization": "Bearer {token}x"},
        {"Authorization": "Bearer {cut}"},
        {"Cookie": "token={token}"},
    ],
    ids=str,
)
def test_nothing_but_the_whole_token_is_let_in(quick: Planes, sent: dict[str, str]) -> None:
    """Every other credential gets the same refusal with a challenge, on paths that are and on paths that are not."""
    headers = {
        name: value.replace("{token}", quick.token).replace("{cut}", quick.token[:-1]) for name, value in sent.items()
    }
    answers = [quick.admin.get(path, headers=headers) for path in ("/admin/v1/keys", "/nowhere", "/metrics")]
    for answer in answers:
        assert (answer.status_code, answer.json()["reason"]) == (401, "admin.unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert len({answer.text.replace(answer.json()["request_id"], "") for answer in answers[:1]}) == 1


def test_two_tokens_are_none(quick: Planes) -> None:
    """Where it is not clear which one is meant, neither is."""
    headers = [("Authorization", f"Bearer {quick.token}")] * 2
    assert quick.admin.get("/admin/v1/keys", headers=headers).status_code == 401


def test_a_key_of_the_data_plane_opens_nothing_here_and_a_token_nothing_there(quick: Planes) -> None:
    """The two planes have nothing in common."""
    key = quick.key()
    assert quick.admin.get("/admin/v1/keys", headers={"Authorization": f"Bearer {key}"}).status_code == 401
    assert quick.call(quick.token, "GET", "/v1/whoami").status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "0.0.0.0", ""])
def test_a_page_that_resolves_to_here_gets_nothing(quick: Planes, host: str) -> None:
    """DNS rebinding ends at the Host header, token or not, on every path."""
    for path in ("/admin/v1/keys", "/health", "/metrics", "/admin/v1/openapi.json"):
        answer = quick.admin.get(path, headers=quick.bearer | {"Host": host})
        assert (answer.status_code, answer.json()["reason"]) == (403, "admin.host")


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8001", "127.0.0.1:9", "[::1]:8001", "LOCALHOST", "localhost."]
)
def test_the_names_that_are_set_are_served(quick: Planes, host: str) -> None:
    """With or without a port, in capitals, or with the final dot of the root."""
    assert quick.admin.get("/admin/v1/keys", headers=quick.bearer | {"Host": host}).status_code == 200


@pytest.mark.parametrize("prefix", ["", "/cutouts"])
def test_a_refusal_leads_to_its_explanation_on_the_same_port(tmp_path: Path, prefix: str) -> None:
    """Even where nobody is an admin yet, a browser that follows ``type`` gets the reason, with all that it looks like.

    It is the page of the data plane but for the links to what is not here.
    """
    with planes_of("memory", tmp_path, server=ServerSettings(prefix=prefix)) as planes:
        page, _, anchor = planes.admin.get("/admin/v1/keys").json()["type"].partition("#")
        assert page == f"{prefix}/docs/reasons"
        answer = planes.admin.get(page)
        assert answer.status_code == 200
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert f'id="{anchor}"' in answer.text
        links = re.findall(r'(?:href|src)="?([^" >]+)', answer.text)
        assert {planes.admin.get(link).status_code for link in links if not link.startswith("#")} == {200}
        [main] = re.findall("<main>.*</main>", answer.text)
        assert main in planes.api.get(page).text


def test_the_explanations_open_nothing_else(tmp_path: Path, quick: Planes) -> None:
    """Under the names of this plane only, without a word of CORS; nothing at all where the data plane has no docs."""
    assert quick.admin.get("/docs/reasons", headers={"Host": "evil.example"}).json()["reason"] == "admin.host"
    told = quick.admin.get("/docs/reasons", headers={"Origin": "https://evil.example"})
    assert not [name for name in told.headers if name.startswith("access-control")]
    for path in ("/docs", "/openapi.json", "/", "/docs/reasons/", "/assets/", "/assets/x.css", "/assets/../metrics"):
        assert quick.admin.get(path).status_code == 401
    assert quick.admin.post("/docs/reasons").status_code == 405
    with planes_of("memory", tmp_path, server=ServerSettings(docs=False)) as bare:
        assert bare.admin.get("/docs/reasons").status_code == 401
        assert bare.admin.get("/docs/reasons", headers=bare.bearer).status_code == 404


def test_web_pages_are_granted_nothing(quick: Planes) -> None:
    """No preflight passes, and no answer carries a word of CORS, whatever the data plane allows."""
    headers = {"Origin": "http://localhost:8001", "Access-Control-Request-Method": "GET"}
    for sent in (headers, headers | quick.bearer):
        answer = quick.admin.options("/admin/v1/keys", headers=sent)
        assert answer.status_code in {401, 405}
        assert not [name for name in answer.headers if name.startswith("access-control")]
    granted = quick.admin.get("/admin/v1/keys", headers=quick.bearer | {"Origin": "http://localhost:8001"})
    assert not [name for name in granted.headers if name.startswith("access-control")]


def test_the_process_is_seen_to_live_without_a_token(quick: Planes) -> None:
    """Supervisors need none."""
    assert quick.admin.get("/health").json() == {"status": "ok"}


def test_a_body_without_a_token_is_not_looked_at(quick: Planes) -> None:
    """A megabyte of anything is refused by its head alone."""
    answer = quick.admin.post("/admin/v1/keys", content=b"x" * 1_000_000)
    assert answer.status_code == 401


def test_an_admin_who_was_revoked_is_out_at_once(planes: Planes) -> None:
    """On the very next request; the others stay in."""
    made = planes.manage("POST", "/admins", json={"name": "second"}).json()
    headers = {"Authorization": f"Bearer {made['token']}"}
    assert planes.admin.get("/admin/v1/admins", headers=headers).status_code == 200
    assert planes.manage("POST", f"/admins/{made['id']}/revoke").json()["state"] == "revoked"
    assert planes.admin.get("/admin/v1/admins", headers=headers).status_code == 401
    names = [one["name"] for one in planes.manage("GET", "/admins").json()["admins"]]
    assert names == ["root", "second"]


# --- identities and keys ------------------------------------------------------------------------------------


def test_an_identity_and_its_key_from_beginning_to_end(planes: Planes, png: bytes) -> None:
    """Made, given a key, used, changed, and every act of it in the log under the admin's name."""
    made = planes.manage("POST", "/identities", json={"name": "shop", "tier": "free", "contact": "a@shop.example"})
    assert made.status_code == 201
    key = planes.manage("POST", "/keys", json={"identity": "shop", "name": "web"})
    assert key.status_code == 201
    text = key.json()["key"]
    assert planes.call(text, "POST", "/v1/remove-bg", content=png).status_code == 200
    changed = planes.manage(
        "PATCH", "/identities/shop",
        json={"tier": "vip", "limits": [{"name": "daily", "kind": "quota", "amount": 1, "window_s": 86_400}]},
    ).json()  # fmt: skip
    assert (changed["tier"], changed["limits"][0]["amount"]) == ("vip", 1)
    assert planes.call(text, "POST", "/v1/remove-bg", content=png).status_code == 200
    assert planes.call(text, "POST", "/v1/remove-bg", content=png).json()["reason"] == "quota.exceeded"
    seen = planes.manage("GET", "/identities/shop").json()
    assert (seen["standing"][0]["remaining"], seen["credits"], seen["contact"]) == (0, 0, "a@shop.example")
    acts = [entry for entry in planes.control.audit() if entry.actor.startswith("admin:")]
    assert [entry.act for entry in acts] == ["identity.create", "key.create", "identity.update"]
    assert text not in str(acts)


@pytest.mark.parametrize(
    ("method", "path", "body", "refused"),
    [
        ("POST", "/keys/{id}/revoke", {"why": "lost"}, "credential.revoked"),
        ("POST", "/keys/{id}/revoke", None, "credential.revoked"),
        ("POST", "/keys/revoke-leaked", {"text": "{text}"}, "credential.revoked"),
        ("POST", "/keys/{id}/disable", {}, "credential.disabled"),
        ("POST", "/keys/{id}/rotate", {"overlap_s": 0}, "credential.expired"),
        ("PATCH", "/keys/{id}", {"scopes": ["cutout"]}, "policy.scope"),
        ("PATCH", "/keys/{id}", {"addresses": ["192.0.2.1"]}, "policy.address"),
        ("PATCH", "/keys/{id}", {"origins": ["https://shop.example"]}, "policy.origin"),
        ("PATCH", "/identities/alice", {"state": "disabled"}, "credential.identity_disabled"),
        ("PATCH", "/identities/alice", {"scopes": ["cutout"]}, "policy.scope"),
    ],
)
def test_what_is_changed_holds_on_the_very_next_request(
    planes: Planes, method: str, path: str, body: Any, refused: str
) -> None:
    """Whatever the path by which it changed."""
    key = planes.key()
    headers = {"X-API-Key": key, "Origin": "https://other.example"}
    assert planes.api.get("/v1/whoami", headers=headers).status_code == 200
    sent = json.loads(json.dumps(body).replace("{text}", key))
    assert planes.manage(method, path.format(id=_id(key)), json=sent).status_code in {200, 201}
    answer = planes.api.get("/v1/whoami", headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (403, refused)


def test_a_disabled_key_is_enabled_again_at_once(planes: Planes) -> None:
    """An admin may do what an owner may not; a revoked one stays revoked."""
    key = planes.key()
    for act, status in (("disable", 403), ("enable", 200), ("revoke", 403)):
        assert planes.manage("POST", f"/keys/{_id(key)}/{act}").status_code == 200
        assert planes.call(key, "GET", "/v1/whoami").status_code == status
    assert planes.manage("POST", f"/keys/{_id(key)}/enable").json()["reason"] == "account.invalid"


def test_a_key_from_elsewhere_is_brought(planes: Planes) -> None:
    """It works as it is; its text is in no answer and in no log."""
    text = "legacy-key-0123456789"
    answer = planes.manage("POST", "/keys/import", json={"text": text, "name": "old", "tier": "free"})
    assert (answer.status_code, answer.json()["foreign"]) == (201, True)
    assert planes.call(text, "GET", "/v1/whoami").json()["identity"]["name"] == "old"
    again = planes.manage("POST", "/keys/import", json={"text": text, "name": "older", "tier": "free"})
    assert (again.status_code, again.json()["reason"]) == (409, "account.exists")
    wrong = planes.manage("POST", "/keys/import", json={"text": [text], "name": "x", "tier": "free"})
    assert wrong.status_code == 422
    everything = answer.text + again.text + wrong.text + str(list(planes.control.audit()))
    assert text not in everything


def test_a_leak_that_only_names_a_key_revokes_nothing(planes: Planes) -> None:
    """Who knows an id does not know the key; the text is not told back."""
    key = planes.key()
    for text in (_id(key), key[:-1], key.swapcase(), ""):
        answer = planes.manage("POST", "/keys/revoke-leaked", json={"text": text})
        assert (answer.status_code, answer.json()["reason"]) == (404, "account.not_found")
        assert not text or text not in answer.text
    assert planes.call(key, "GET", "/v1/whoami").status_code == 200


def test_lists_are_paged_and_filtered(quick: Planes) -> None:
    """Every row once, in order, by identity and by state."""
    keys = [quick.key("alice") for _ in range(5)] + [quick.key("bob")]
    quick.manage("POST", f"/keys/{_id(keys[0])}/revoke")
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = quick.manage("GET", "/keys", params={"limit": 2, "after": after}).json()
        seen += [one["id"] for one in page["keys"]]
        after = page["next"]
    assert seen == [_id(key) for key in keys]
    assert len(quick.manage("GET", "/keys?identity=bob").json()["keys"]) == 1
    assert len(quick.manage("GET", "/keys?identity=alice&state=active").json()["keys"]) == 4
    assert quick.manage("GET", "/keys?identity=nobody").status_code == 404
    names = [one["name"] for one in quick.manage("GET", "/identities?limit=1").json()["identities"]]
    assert names == ["alice"]


@pytest.mark.parametrize("path", ["/keys/x", "/keys/x/rotate", "/identities/x", "/rulebook/x", "/decisions/x"])
def test_what_is_not_there_is_a_404_with_its_reason(quick: Planes, path: str) -> None:
    """Every kind of thing says so in the same form."""
    answer = quick.manage("POST" if path.endswith("rotate") else "GET", path)
    assert answer.status_code == 404
    assert answer.json()["reason"] in {"account.not_found", "record.not_found"}


def test_a_wrong_path_or_method_is_explained(quick: Planes) -> None:
    """The framework's own words reach nobody."""
    unknown = quick.manage("GET", "/nowhere")
    assert (unknown.status_code, unknown.json()["reason"]) == (404, "route.unknown")
    wrong = quick.manage("DELETE", "/keys")
    assert (wrong.status_code, wrong.json()["reason"], wrong.headers["allow"]) == (405, "route.method", "GET, POST")


@pytest.mark.parametrize(
    ("reason", "request_line", "sent"),
    [
        ("admin.unauthorized", "GET /keys", {"headers": {"Authorization": "Bearer mgadm_guess"}}),
        ("admin.host", "GET /keys", {"headers": {"Host": "rebound.example"}}),
        ("route.unknown", "GET /nowhere", {}),
        ("route.method", "DELETE /keys", {}),
        ("account.not_found", "GET /keys/none", {}),
        ("account.exists", "POST /identities", {"json": {"name": "alice", "tier": "vip"}}),
        ("account.invalid", "POST /identities", {"json": {"name": "bob", "tier": "gold"}}),
        ("account.malformed", "POST /identities", {"content": b"{", "headers": {"Content-Type": "application/json"}}),
        ("account.invalid", "POST /identities", {"json": {"colour": "red"}}),
    ],
)
def test_the_id_of_a_refusal_is_explained_and_decided_again(
    planes: Planes, reason: str, request_line: str, sent: dict[str, Any]
) -> None:
    """What was asked, from where, by which admin, and why not; never a token."""
    planes.key("alice")
    method, path = request_line.split()
    answer = planes.manage(method, path, **sent)
    assert answer.json()["reason"] == reason
    told = planes.manage("GET", f"/decisions/{answer.headers['x-request-id']}").json()
    assert (told["reason"], told["status"], told["path"]) == (reason, answer.status_code, f"/admin/v1{path}")
    assert [(check["layer"], check["reason"]) for check in told["checks"]] == [("admin", reason)]
    assert (told["replayed"], told["now"]) == ("same", "same")
    assert told["operator"]
    by_admin = not sent.get("headers", {}).keys() & {"Authorization", "Host"}
    assert (told["key"] == _id(planes.token), told["proven"]) == (by_admin, by_admin)
    assert planes.token not in json.dumps(told)


def test_what_an_admin_does_leaves_no_decision_behind(planes: Planes) -> None:
    """The audit log tells of it."""
    planes.manage("GET", "/keys")
    planes.manage("POST", "/identities", json={"name": "acme", "tier": "vip"})
    assert planes.manage("GET", "/decisions").json()["decisions"] == []


# --- usage and credits --------------------------------------------------------------------------------------


def test_credits_are_added_once_for_each_key(planes: Planes) -> None:
    """Tried again they are told, not added; under another sum the key is refused; and the log names the admin."""
    planes.key("alice")
    path, headers = "/identities/alice/credits", {"Idempotency-Key": "invoice-7"}
    answers = [planes.manage("POST", path, json={"units": 50}, headers=headers).json() for _ in range(3)]
    assert [(one["balance"], one["repeated"]) for one in answers] == [(50, False), (50, True), (50, True)]
    other = planes.manage("POST", path, json={"units": 60}, headers=headers)
    assert (other.status_code, other.json()["reason"]) == (422, "account.invalid")
    assert planes.manage("POST", path, json={"units": 60}).status_code == 422
    empty = planes.manage("POST", path, json={"units": 60}, headers={"Idempotency-Key": "two words"})
    assert (empty.status_code, empty.json()["reason"]) == (400, "idempotency.malformed")
    below = planes.manage("POST", path, json={"units": -51}, headers={"Idempotency-Key": "x"})
    assert (below.status_code, below.json()["reason"]) == (422, "account.invalid")
    added = [entry for entry in planes.control.audit() if entry.act == "credits.add"]
    assert [entry.details["units"] for entry in added] == [50]
    assert first_break(planes.control.audit(), last=planes.control.head()) is None


def test_credits_that_are_sent_eight_times_at_once_are_added_once(planes: Planes) -> None:
    """Whoever is impatient pays once."""
    planes.key("alice")
    headers = {"Idempotency-Key": "once"}

    def add(_: int) -> bool:
        answer = planes.manage("POST", "/identities/alice/credits", json={"units": 5}, headers=headers)
        return bool(answer.json()["repeated"])

    with ThreadPoolExecutor(8) as crowd:
        assert sorted(crowd.map(add, range(8))) == [False] + [True] * 7
    assert planes.manage("GET", "/identities/alice").json()["credits"] == 5


def test_usage_is_summed_and_downloaded(planes: Planes, png: bytes) -> None:
    """Of one identity and of all; a name that a spreadsheet would run stays a text."""
    alice, bob = planes.key("alice"), planes.key("bob")
    for key in (alice, alice, bob):
        headers = {"X-API-Key": key, "Idempotency-Key": f"=cmd|{key[-4:]}{planes.usage.totals().settled}"}
        assert planes.api.post("/v1/remove-bg", content=png, headers=headers).status_code == 200
    assert planes.manage("GET", "/usage").json()["totals"]["images"] == 3
    assert planes.manage("GET", "/usage?identity=bob&by=key").json()["groups"][0]["key"] == _id(bob)
    assert planes.manage("GET", "/usage/totals").json()["settled"] == 3
    answer = planes.manage("GET", "/usage/rows.csv?identity=alice")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["key_id"] for row in rows] == [_id(alice)] * 2
    assert all(row["idempotency_key"].startswith("'=") for row in rows)
    assert planes.manage("GET", "/usage?since=never").json()["reason"] == "account.invalid"


# --- decisions ----------------------------------------------------------------------------------------------


def test_a_decision_is_told_whole_and_made_again(planes: Planes) -> None:
    """What the caller does not see, the operator does; no secret is among it."""
    key = planes.key()
    planes.manage("PATCH", f"/keys/{_id(key)}", json={"addresses": ["192.0.2.0/24"]})
    refused = planes.call(key, "GET", "/v1/whoami")
    told = planes.manage("GET", f"/decisions/{refused.headers['x-request-id']}").json()
    assert (told["reason"], told["status"], told["key"], told["proven"]) == ("policy.address", 403, _id(key), True)
    assert (told["replayed"], told["now"], told["sealed"]) == ("same", "same", False)
    assert "192.0.2.0/24" in told["operator"]
    assert [check["layer"] for check in told["checks"]][:2] == ["request", "transport"]
    assert key not in json.dumps(told)


def test_the_newest_decisions_are_searched(planes: Planes) -> None:
    """By reason, layer, identity, key and status; a layer's name finds all its reasons."""
    alice, bob = planes.key("alice"), planes.key("bob")
    for key in (alice, bob):
        planes.call(key, "GET", "/v1/whoami")
        planes.call(key, "GET", "/v1/nowhere")
    planes.api.get("/v1/whoami")
    counts = {
        "": 5,
        "refused=true": 3,
        "reason=route.unknown": 2,
        "reason=credential": 1,
        "layer=route": 2,
        "identity=alice": 2,
        f"key={_id(bob)}&refused=true": 1,
        "status=401": 1,
        "until=2001-01-01": 0,
        "since=2100-01-01": 0,
        "limit=1": 1,
    }
    for query, expected in counts.items():
        assert len(planes.manage("GET", f"/decisions?{query}").json()["decisions"]) == expected, query


def test_an_attempt_is_simulated(quick: Planes) -> None:
    """As it is, as it would be, and what would help: without a request, without a record."""
    key = quick.key()
    quick.manage("PATCH", f"/keys/{_id(key)}", json={"origins": ["https://shop.example"]})
    question = {
        "attempt": {"method": "GET", "path": "/v1/whoami", "origin": "https://other.example"},
        "key_id": _id(key),
        "changes": {"attempt.origin": "none"},
    }
    answer = quick.manage("POST", "/simulations", json=question)
    told = answer.json()
    assert (told["before"]["reason"], told["after"]["decision"]) == ("origin.not_allowed", "allow")
    assert any("Origin" in one["sentence"] for one in told["before"]["remedies"])
    assert quick.manage("GET", "/decisions").json()["decisions"] == []


def test_a_recorded_decision_is_simulated(planes: Planes) -> None:
    """A refusal by scope would be a yes, had the key the scope."""
    key = planes.key()
    planes.manage("PATCH", f"/keys/{_id(key)}", json={"scopes": ["cutout"]})
    request_id = planes.call(key, "GET", "/v1/usage").headers["x-request-id"]
    told = planes.manage("POST", "/simulations", json={"request_id": request_id}).json()
    assert (told["before"]["reason"], told["before"]["remedies"][0]["changes"]) == (
        "policy.scope",
        {"facts.credential.key.scopes+": "usage"},
    )
    changed = {"request_id": request_id, "changes": told["before"]["remedies"][0]["changes"]}
    assert planes.manage("POST", "/simulations", json=changed).json()["after"]["decision"] == "allow"


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"request_id": "req_x", "attempt": {}},
        {"attempt": {"speed": 5}},
        {"attempt": {"at": "soon"}},
        {"attempt": {"credentials": [{"channel": "smoke"}]}},
        {"attempt": {}, "changes": {"weather": "sunny"}},
        {"attempt": {}, "changes": {"rulebook.tiers": "7"}},
        {"attempt": {}, "changes": {"rulebook.network.trusted_proxies+": "0.0.0.0/0"}},
        {"attempt": {}, "facts": {"claim": 3}},
        {"request_id": "req_x", "key_id": "y"},
    ],
    ids=str,
)
def test_a_question_that_cannot_be_asked_is_explained(quick: Planes, question: dict[str, Any]) -> None:
    """What is wrong with it is said."""
    answer = quick.manage("POST", "/simulations", json=question)
    assert (answer.status_code, answer.json()["reason"]) == (422, "account.invalid"), answer.text
    assert len(answer.json()["detail"]) > 20


# --- the house ----------------------------------------------------------------------------------------------


def test_the_rulebook_is_shown_by_its_revision(planes: Planes) -> None:
    """The one in force, and the one that records name."""
    current = planes.manage("GET", "/rulebook").json()
    assert current["rulebook"]["cors"]["origins"] == ["*"]
    assert planes.manage("GET", f"/rulebook/{current['revision']}").json() == current


def test_the_log_is_proven_whole(planes: Planes) -> None:
    """And it is told against what was written down elsewhere."""
    planes.key()
    first = planes.manage("GET", "/audit").json()
    sound = planes.manage("GET", "/audit/verify", params=first["head"]).json()
    assert (sound["sound"], sound["broken_at"]) == (True, None)
    forged = planes.manage("GET", "/audit/verify", params={"seq": 1, "hash": "0" * 64}).json()
    assert (forged["sound"], forged["broken_at"]) == (False, 1)
    assert [entry["seq"] for entry in planes.manage("GET", "/audit?after=1&limit=1").json()["entries"]] == [2]


def test_an_entry_that_was_changed_is_found(tmp_path: Path) -> None:
    """Whoever edits the file by hand breaks the chain at that place."""
    with planes_of("home", tmp_path) as planes:
        planes.key()
        with sqlite3.connect(tmp_path / "ledger" / "control.db") as file:
            triggers = [row[0] for row in file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
            for name in triggers:
                file.execute(f"DROP TRIGGER {name}")
            file.execute("UPDATE audit SET actor = 'cli:nobody' WHERE seq = 2")
        file.close()
        verdict = planes.manage("GET", "/audit/verify").json()
        assert (verdict["sound"], verdict["broken_at"]) == (False, 2)


def test_a_backup_lies_in_the_home_without_secrets(tmp_path: Path) -> None:
    """Only its owner may read it, and what could open keys is not in it, whatever is asked for."""
    with planes_of("home", tmp_path) as planes:
        planes.key()
        made = planes.manage("POST", "/backups")
        assert made.status_code == 201
        path = Path(made.json()["path"])
        assert path.parent == tmp_path / "backups"
        assert path.stat().st_mode & 0o777 == 0o600
        with tarfile.open(path) as tar:
            names = tar.getnames()
        assert "ledger/control.db" in names
        assert not [name for name in names if name.startswith("secrets")]
        assert planes.manage("POST", "/backups", json={"secrets": True}).status_code == 422
        assert [entry.act for entry in planes.control.audit()][-1] == "backup.create"


def test_the_parts_say_how_they_stand(planes: Planes, png: bytes) -> None:
    """Health, tasks and figures; requests of the data plane are counted by route and status."""
    planes.call(planes.key(), "POST", "/v1/remove-bg", content=png)
    planes.api.get("/v1/whoami")
    health = planes.manage("GET", "/health").json()
    assert health["keys"] == 1
    assert planes.manage("GET", "/tasks").json() == {"running": False, "tasks": []}
    figures = planes.admin.get("/metrics", headers=planes.bearer)
    assert figures.headers["content-type"].startswith("text/plain")
    assert 'mattegate_requests_total{route="cutout",status="200"} 1.0' in figures.text
    assert 'mattegate_requests_total{route="whoami",status="401"} 1.0' in figures.text
    assert 'reason="credential.missing"' in figures.text


def test_refusals_of_this_plane_are_counted_as_its_own(quick: Planes) -> None:
    """By the guard, by the desk behind it; and beside those of callers under the same names."""
    quick.admin.get("/admin/v1/keys")
    quick.manage("GET", "/keys/nowhere")
    quick.call(quick.key(), "GET", "/v1/keys/nowhere")
    figures = quick.admin.get("/metrics", headers=quick.bearer).text
    for layer, plane, reason in (
        ("admin", "admin", "admin.unauthorized"),
        ("admin", "admin", "account.not_found"),
        ("account", "data", "account.not_found"),
    ):
        labels = f'effect="EXPLICIT_DENY",layer="{layer}",plane="{plane}",reason="{reason}"'
        assert f"mattegate_decisions_total{{{labels}}} 1.0" in figures
    assert 'mattegate_requests_total{route="admin",status="401"} 1.0' in figures


def test_the_log_line_names_the_admin_and_never_the_token(quick: Planes, caplog: pytest.LogCaptureFixture) -> None:
    """Let in or refused, each request has its line."""
    with caplog.at_level("INFO", logger="mattegate.access"):
        quick.manage("GET", "/keys")
        quick.admin.get("/admin/v1/keys", headers={"Authorization": f"Bearer {quick.token}x"})
    lines = [json.loads(record.getMessage()) for record in caplog.records if record.name == "mattegate.access"]
    assert [(line["status"], line["reason"], line["key"]) for line in lines] == [
        (200, "", _id(quick.token)),
        (401, "admin.unauthorized", ""),
    ]
    assert quick.token not in caplog.text


# --- hostile bodies -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "content_type", "status", "reason"),
    [
        (b"{", "application/json", 400, "account.malformed"),
        (b"\xff", "application/json", 400, "account.malformed"),
        (b"[" * 60_000, "application/json", 400, "account.malformed"),
        (b'{"units": ' + b"9" * 5_000 + b"}", "application/json", 400, "account.malformed"),
        (b" " * 70_000, "application/json", 413, "account.malformed"),
        (b"{}", "text/plain", 415, "account.malformed"),
        (b"{}", "application/json", 422, "account.invalid"),
        (b"null", "application/json", 422, "account.invalid"),
        (b'{"name": "x", "tier": "gold"}', "application/json", 422, "account.invalid"),
        (b'{"name": "x", "tier": "vip", "id": "id_1"}', "application/json", 422, "account.invalid"),
        (b'{"name": "config", "tier": "vip"}', "application/json", 422, "account.invalid"),
        (b'{"name": "\\ud800", "tier": "vip"}', "application/json", 422, "account.invalid"),
        (b'{"name": 1, "tier": "vip"}', "application/json", 422, "account.invalid"),
    ],
    ids=lambda value: repr(value[:24]) if isinstance(value, bytes) else None,
)
def test_a_body_that_is_wrong_is_explained(
    quick: Planes, sent: bytes, content_type: str, status: int, reason: str
) -> None:
    """The same words as on the data plane."""
    answer = quick.manage("POST", "/identities", content=sent, headers={"Content-Type": content_type})
    assert (answer.status_code, answer.json()["reason"]) == (status, reason), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert quick.control.identities() == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    ["name", "tier", "scopes", "state", "limits", "contact", "identity", "expires_at", "addresses", "origins", "models",
     "environment", "overlap_s", "why", "text", "units", "note", "attempt", "facts", "changes", "request_id", "key_id"]
)  # fmt: skip
PLACES = st.sampled_from(
    [("POST", "/identities"), ("PATCH", "/identities/alice"), ("POST", "/identities/alice/credits"), ("POST", "/keys"),
     ("PATCH", "/keys/ID"), ("POST", "/keys/ID/rotate"), ("POST", "/keys/ID/disable"), ("POST", "/keys/import"),
     ("POST", "/keys/revoke-leaked"), ("POST", "/admins"), ("POST", "/simulations"), ("POST", "/backups")]
)  # fmt: skip
CHANGES = st.dictionaries(
    st.sampled_from(
        ["attempt.at", "attempt.origin", "attempt.forwarded_for", "attempt.credentials", "attempt.route.methods",
         "facts.credential.key.expires_at", "facts.claim.limits", "facts.flood", "facts.failed.claim", "facts.outcome",
         "rulebook.tiers", "rulebook.cors.origins+", "rulebook.network.rules+", "rulebook.host.names", "x.", "attempt."]
    ),
    st.text(max_size=20) | JSON.map(json.dumps),
    max_size=3,
)  # fmt: skip


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=JSON | st.dictionaries(MEMBERS, JSON, max_size=5), place=PLACES)
def test_no_body_breaks_anything(quick: Planes, document: Any, place: tuple[str, str]) -> None:
    """Whatever JSON can hold is answered, and never with our own fault."""
    key = _id(quick.key())
    method, path = place
    answer = quick.manage(
        method, path.replace("ID", key), content=json.dumps(document).encode(),
        headers={"Content-Type": "application/json", "Idempotency-Key": "k"},
    )  # fmt: skip
    assert answer.status_code < 500, answer.text


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES, attempt=st.dictionaries(st.sampled_from(["origin", "host", "peer", "path", "at"]), JSON))
def test_no_hypothesis_breaks_anything(quick: Planes, changes: dict[str, str], attempt: dict[str, Any]) -> None:
    """However far-fetched the question is, it is answered or explained."""
    answer = quick.manage(
        "POST", "/simulations", content=json.dumps({"attempt": attempt, "changes": changes}).encode(),
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    assert answer.status_code in {200, 400, 422}, answer.text
