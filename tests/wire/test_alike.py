"""What an outsider cannot tell apart: there and not there, known and unknown, somebody else's and nobody's."""

from __future__ import annotations

import base64
import statistics
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from mattegate.serving import routes
from mattegate.signing.keys import checksum
from mattegate.vocabulary.facts import KeyState
from tests.wire.wired import ALLOWED, Wire, bearer, unknown_key, wrong_secret

if TYPE_CHECKING:
    from collections.abc import Callable

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
PROTECTED = (
    *routes.CUTOUT_PATHS,
    *("/v1/whoami", "/v1/usage", "/v1/keys", "/v1/keys/K", "/v1/keys/K/rotate", "/v1/decisions/req_1"),
)
NOWHERE = "/v1/there-is-nothing"
OUTSIDERS: tuple[dict[str, str], ...] = (
    {},
    {"Authorization": "Bearer"},
    {"Authorization": "Token x"},
    {"X-API-Key": "nonsense"},
    {"Origin": ALLOWED},
    {"Origin": "https://evil.example"},
    {"Content-Type": "text/plain", "Content-Length": "0"},
    {"Content-Type": "multipart/form-data", "Content-Encoding": "gzip"},
    {"Access-Control-Request-Method": "POST", "Origin": ALLOWED, "Access-Control-Request-Headers": "x-api-key"},
)


@pytest.fixture(scope="module")
def key(wire: Wire) -> str:
    """A key of somebody."""
    return wire.key("alike")


@pytest.mark.parametrize("method", METHODS)
def test_a_route_that_exists_looks_like_one_that_does_not(wire: Wire, key: str, method: str) -> None:
    """Whoever has no key sees the same for every path and method: status, headers, order of headers, body."""
    shown = [*OUTSIDERS, bearer(unknown_key(key)), bearer(wrong_secret(key)), bearer(unknown_key(key), Origin=ALLOWED)]
    for headers in shown:
        nowhere = wire.ask(method, NOWHERE, headers).without_ids(NOWHERE)
        for path in PROTECTED:
            assert wire.ask(method, path, headers).without_ids(path) == nowhere, (method, path, headers)


def test_a_body_and_options_tell_no_path_from_another(wire: Wire, key: str) -> None:
    """Neither a bad option nor a body too large nor an unknown model tells an outsider that a path is read."""
    for headers in ({}, bearer(wrong_secret(key)), {"Content-Length": "99999999"}):
        for query in ("?format=bad", "?model=nope", "?x=%ff", "?image_url=http://x"):
            body = b"" if "Content-Length" in headers else b"x" * 200_000
            nowhere = wire.ask("POST", NOWHERE + query, headers, body).without_ids(NOWHERE)
            there = wire.ask("POST", "/v1/remove-bg" + query, headers, body).without_ids("/v1/remove-bg")
            assert there == nowhere


def test_a_key_id_that_is_known_looks_like_one_that_is_not(wire: Wire, key: str) -> None:
    """With a wrong secret, a good key, a revoked, an expired and a disabled one answer as one that never was."""
    revoked, expired, disabled = wire.key("gone"), wire.key("late", expires_at=time.time() + 0.2), wire.key("off")
    with wire.accounts() as accounts:
        accounts.desk.revoke_key(revoked[8:20], actor="cli:test")
        accounts.desk.update_identity("off", state=KeyState.DISABLED, actor="cli:test")
    time.sleep(0.3)
    for path in ("/v1/whoami", "/v1/remove-bg", NOWHERE):
        never = wire.ask("GET", path, bearer(unknown_key(key))).without_ids(path)
        assert never[0] == 403
        for each in (key, revoked, expired, disabled):
            assert wire.ask("GET", path, bearer(wrong_secret(each))).without_ids(path) == never
    assert wire.ask("GET", "/v1/whoami", bearer(revoked)).reason == "credential.revoked"
    assert wire.ask("GET", "/v1/whoami", bearer(expired)).reason == "credential.expired"
    assert wire.ask("GET", "/v1/whoami", bearer(disabled)).reason == "credential.identity_disabled"


def test_a_decision_of_somebody_else_looks_like_none(wire: Wire, key: str) -> None:
    """With a good key, another's decision, a missing, a malformed and an outsider's one are the same 404."""
    other = wire.key("other")
    foreign = wire.ask("GET", "/v1/whoami", bearer(other)).request_id
    outsiders = wire.ask("GET", "/v1/whoami").request_id
    own = wire.ask("GET", "/v1/nothing", bearer(key)).request_id
    missing, malformed, odd = "req_01ARZ3NDEKTSV4RRFFQ69G5FAV", "x", "%F0%9F%90%88%00"
    assert wire.ask("GET", f"/v1/decisions/{own}", bearer(key)).status == 200
    answers = []
    for each in (missing, foreign, outsiders, malformed, odd):
        answer = wire.ask("GET", f"/v1/decisions/{each}", bearer(key))
        decoded = each.replace(odd, "\N{CAT}\\u0000")
        answers.append(answer.without_ids(each, f"'{decoded}'", decoded))
        assert wire.explained(answer).reason == "record.not_found"
    assert answers[0][0] == 404
    assert all(answer[:2] == answers[0][:2] for answer in answers)
    assert answers[1] == answers[0]
    assert answers[2] == answers[0]


def test_an_anonymous_caller_owns_no_decision(start: Callable[..., Wire]) -> None:
    """Where nobody needs a key, everybody is the same nobody, and reads nobody's decisions."""
    wire = start({"keys": {"unsafe_anonymous": "vip"}})
    own = wire.ask("GET", "/v1/whoami")
    assert own.status == 200
    assert wire.ask("GET", f"/v1/decisions/{own.request_id}").status == 404


def test_identities_cannot_be_probed_by_names(wire: Wire, key: str) -> None:
    """A Basic user name is nobody's business: with a wrong key it changes nothing."""

    def basic(user: str) -> dict[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(f"{user}:{wrong_secret(key)}".encode()).decode()}

    known = wire.ask("GET", "/v1/whoami", basic("alike")).without_ids()
    assert wire.ask("GET", "/v1/whoami", basic("nobody")).without_ids() == known
    assert known[0] == 403


def ratio_of_medians(one: Callable[[], object], other: Callable[[], object], pairs: int) -> float:
    """How many times as long ``one`` takes as ``other``, asked in turns."""
    taken: tuple[list[float], list[float]] = ([], [])
    for pair in range(pairs):
        for which in (0, 1) if pair % 2 else (1, 0):
            began = time.perf_counter()
            (one, other)[which]()
            taken[which].append(time.perf_counter() - began)
    return statistics.median(taken[0]) / statistics.median(taken[1])


@pytest.mark.long
@pytest.mark.timeout(600)
def test_time_tells_no_more_than_the_answer_does(wire: Wire, key: str) -> None:
    """A known path, a known key id and a foreign decision take about as long as ones that do not exist."""
    foreign = wire.ask("GET", "/v1/whoami", bearer(wire.key("elsewhere"))).request_id
    missing = foreign[:-4] + ("0000" if foreign[-4:] != "0000" else "1111")
    pairs = {
        "path": (("POST", "/v1/remove-bg", {}), ("POST", NOWHERE, {})),
        "key": (("GET", "/v1/whoami", bearer(wrong_secret(key))), ("GET", "/v1/whoami", bearer(unknown_key(key)))),
    }
    for name, (there, nowhere) in pairs.items():
        ratio = ratio_of_medians(partial(wire.ask, *there), partial(wire.ask, *nowhere), 1_500)
        print(f"\n{name}: {ratio:.3f}")
        assert 0.8 < ratio < 1.25, name
    ratio = ratio_of_medians(
        lambda: wire.ask("GET", f"/v1/decisions/{foreign}", bearer(key)),
        lambda: wire.ask("GET", f"/v1/decisions/{missing}", bearer(key)),
        500,
    )
    print(f"decision: {ratio:.3f}")
    assert 0.6 < ratio < 1.6


def test_a_checksum_is_no_oracle(wire: Wire, key: str) -> None:
    """A mistyped key is told by its checksum alone, in the same words whether its id is known or not."""
    typo = key[:-1] + ("x" if key[-1] != "x" else "y")
    stranger = unknown_key(key)
    strange_typo = stranger[:-1] + ("x" if stranger[-1] != "x" else "y")
    assert checksum(key[:-6]) == key[-6:]
    answers = [wire.ask("GET", "/v1/whoami", bearer(each)) for each in (typo, strange_typo)]
    assert answers[0].without_ids() == answers[1].without_ids()
    assert answers[0].reason == "credential.checksum"
