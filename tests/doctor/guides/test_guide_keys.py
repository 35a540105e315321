"""The first guide's chapter on keys: what nginx really does with ``Authorization``, and what a limit really answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mattegate.doctor.causes import causes
from mattegate.doctor.observation import Observation
from mattegate.doctor.probe.plan import ProbePlan, probe
from mattegate.doctor.prove.proof import Shown
from tests.doctor.guides.consulting import (
    KEY,
    LIMITS,
    ROUTE,
    SETS_AUTHORIZATION,
    ask_nginx,
    consult,
    transcript,
    with_line_ends,
)
from tests.doctor.nginx.rig import NotStarted, Rig, standing_rig
from tests.doctor.prove.laboratory import asking, shown

BEARER = f"Authorization: Bearer {KEY}"
SENT = (("Authorization", f"Bearer {KEY}"),)
PASSED_ON = "location /v1/ { proxy_pass http://127.0.0.1:8000; }"
SET = with_line_ends(SETS_AUTHORIZATION).replace("8000/;", "8000;")
UNSET = SET.replace("proxy_set_header Authorization $http_authorization; ", "")


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """nginx between a client that sends exact bytes and a stub."""
    with standing_rig() as standing:
        yield standing


def _real(block: str, headers: tuple[tuple[str, str], ...] = SENT) -> Shown:
    """What a real nginx hands on."""
    request = asking(target=ROUTE, method="POST", headers=headers)
    return shown(f"server {{ listen 80; {block} }}", request).before


def _reaches(block: str) -> bool:
    seen = _real(block).upstream
    assert seen is not None
    return seen.header("authorization") is not None


@pytest.mark.parametrize("block", [SET, UNSET, PASSED_ON], ids=["as advised", "without the line", "bare"])
def test_authorization_is_handed_on_without_a_word(block: str) -> None:
    """The line that the guide calls the most hidden trap changes nothing: with it and without it nothing is wrong."""
    assert _reaches(block)
    told = ask_nginx(block, headers=[BEARER])
    assert (told.code, told.causes) == (0, set())
    assert "authorization" in {name.lower() for name, _ in told.request["upstream"]["headers"]}


def test_its_absence_is_never_reported_of_an_outer_block_either() -> None:
    """A location that puts such a line of its server out of force loses nothing by it."""
    block = f"proxy_set_header Authorization $http_authorization; {PASSED_ON}".replace(
        "{ proxy", "{ proxy_set_header X-Real-IP $remote_addr; proxy"
    )
    assert _reaches(block)
    assert ask_nginx(block, headers=[BEARER]).code == 0


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ('proxy_set_header Authorization "";', "authorization.cleared"),
        ("proxy_pass_request_headers off;", "headers.not_passed"),
    ],
)
def test_what_really_takes_it_away_is_found_and_proven(line: str, cause: str) -> None:
    """Emptied, or all headers held back: each by its own line, and without that line it arrives."""
    block = PASSED_ON.replace("{ proxy", f"{{ {line} proxy")
    assert not _reaches(block)
    told = ask_nginx(block, headers=[BEARER], prove=True)
    assert told.line(cause) == line
    (proof,) = told.finding(cause)["verified_by"]
    assert proof.startswith("real nginx: 200 both times, the upstream's authorization: ")
    assert "→ Bearer RMBG-PROD-" in proof
    assert told.finding(cause)["change"].endswith(f"-{line}")


def test_an_underscore_costs_the_header() -> None:
    """X_API_KEY never arrives; the spelling that does is told."""
    seen = _real(PASSED_ON, (("X_API_KEY", KEY),)).upstream
    assert seen is not None
    assert {"x_api_key", "x-api-key"}.isdisjoint(name.lower() for name, _ in seen.headers)
    told = ask_nginx(PASSED_ON, headers=[f"X_API_KEY: {KEY}"])
    assert "X-API-KEY" in told.words("underscore.dropped")


def test_a_password_of_nginx_stands_in_the_way_of_a_key() -> None:
    """One header cannot be both: with ``auth_basic`` a bearer key is answered 401 by nginx itself."""
    block = PASSED_ON.replace("{ proxy", "{ auth_basic x; auth_basic_user_file /etc/nginx/users; proxy")
    told = ask_nginx(block, headers=[BEARER])
    assert (told.request["status"], told.line("auth_basic.required")) == (401, "auth_basic x;")
    assert _real(block).status == 401


def test_one_line_in_a_location_drops_all_lines_of_its_server() -> None:
    """``Host`` was set outside and is the upstream's own name inside, which the finding says by name."""
    block = f"proxy_set_header Host $host; {PASSED_ON}".replace("{ proxy", "{ proxy_set_header X-Original-URI x; proxy")
    seen = _real(block).upstream
    assert seen is not None
    assert seen.header("host") == "127.0.0.1:8000"
    told = ask_nginx(block, headers=[BEARER])
    assert told.finding("headers.inheritance_lost")["title"].endswith(": Host")


def test_the_path_as_asked_stands_beside_the_path_as_seen() -> None:
    """X-Original-URI carries what was asked; the doctor shows both."""
    upstream = ask_nginx(with_line_ends(SETS_AUTHORIZATION)).request["upstream"]
    assert (upstream["uri"], dict(upstream["headers"])["X-Original-URI"]) == ("/remove-bg", ROUTE)


@pytest.mark.parametrize("status", ["403 Forbidden", "401 Unauthorized"])
def test_what_curl_sent_says_nothing_of_what_arrived(status: str) -> None:
    """``curl -v`` shows the client's half: with and without the header in it, no lost header is claimed."""
    for sent in ([BEARER], []):
        told = consult("-", given=transcript(f"GET {ROUTE}", "your-domain.com", sent, status, ["server: nginx"]))
        assert "header-passthrough" not in told.layers
        assert KEY not in str(told.answer)


def test_no_remedy_asks_for_a_key_in_a_log() -> None:
    """Whoever looks for a key in a log has put it there; what is told instead is the key's id."""
    for cause in causes().values():
        told = f"{cause.remedy} {cause.check}".lower()
        assert "log the key" not in told, cause.code
        assert "$http_authorization" not in told or "log_format" not in told, cause.code


# --- limits ------------------------------------------------------------------------------------------------------

ZONE = "limit_req_zone $binary_remote_addr zone=api:1m rate=10r/m;"


def _limited(line: str, zone: str = ZONE) -> str:
    """A whole configuration with a limit."""
    return (
        f"{{{{head}}}} http {{ {{{{http_head}}}} {zone} server {{ listen 127.0.0.1:{{{{port}}}}; "
        f"location /v1/ {{ {line} proxy_pass http://{{{{upstream}}}}; }} }} }}"
    )


def _statuses(rig: Rig, line: str, count: int) -> list[int | None]:
    rig.start(rig.filled(_limited(line)))
    return [rig.send(asking(target=ROUTE, client="127.0.0.1")).status for _ in range(count)]


def test_a_limit_answers_503_unless_it_is_told_otherwise(rig: Rig) -> None:
    """Neither 403 nor 429: the default is 503, which the doctor foresees; with ``limit_req_status`` it is that."""
    assert _statuses(rig, "limit_req zone=api;", 2) == [200, 503]
    told = ask_nginx(_limited("limit_req zone=api;").replace("{{head}}", "events { }").replace("{{http_head}} ", "")
                     .replace("127.0.0.1:{{port}}", "80").replace("{{upstream}}", "app"))  # fmt: skip
    assert told.finding("limit_req.exceeded")["title"].endswith("more than 10r/m with 503")
    assert _statuses(rig, "limit_req zone=api; limit_req_status 429;", 2) == [200, 429]
    log = (rig.site.folder / "error.log").read_text()
    line = next(line for line in log.splitlines() if "limiting requests" in line)
    assert consult("-", given=f"{line}\n").first["cause"] == "limit_req.exceeded"


@pytest.mark.parametrize("status", [403, 429, 503])
def test_a_limit_is_found_by_asking_in_a_row_whatever_it_answers(rig: Rig, status: int) -> None:
    """Of identical requests some pass and the next is refused: a limit, even where it says 403 like the guide's."""
    rig.start(rig.filled(_limited(f"limit_req zone=api burst=4 nodelay; limit_req_status {status};")))
    plan = ProbePlan(f"http://127.0.0.1:{rig.ports[0]}{ROUTE}", burst=8, axes=frozenset())
    seen: list[Observation] = []
    clues = {clue.cause: clue for clue in probe(plan, seen.append).clues}
    assert clues["differential.rate_limited"].status == status
    assert clues["differential.rate_limited"].certainty == ("proven" if status == 429 else "likely")


def test_a_burst_spreads_a_limit_and_lifts_none(rig: Rig) -> None:
    """Ten a minute with the guide's line: one and twenty at once pass, the next is refused."""
    assert _statuses(rig, LIMITS, 23) == [200] * 21 + [503, 503]


def test_the_bypass_of_the_guide_does_not_start(rig: Rig) -> None:
    """The line alone names a zone that nobody defined: nginx refuses the configuration, and the doctor says why."""
    with pytest.raises(NotStarted, match='zero size shared memory zone "api"'):
        rig.start(rig.filled(_limited(LIMITS, zone="")))
    whole = f"events {{ }} http {{ server {{ listen 80; location /v1/ {{ {LIMITS} proxy_pass http://app; }} }} }}"
    assert ask_nginx(whole).finding("limit_req.zone_undefined")["certainty"] == "proven"
    alone = consult("nginx", "-", given=LIMITS).finding("limit_req.zone_undefined")
    assert alone["certainty"] == "likely"
    assert "limit_req_zone $binary_remote_addr zone=api:10m" in alone["remedy"]
    assert "never lifts one" in causes()["limit_req.zone_undefined"].meaning


def test_the_corrected_limit_starts(rig: Rig) -> None:
    """What the remedy gives is taken by nginx as it stands."""
    remedy = consult("nginx", "-", given=LIMITS).finding("limit_req.zone_undefined")["remedy"]
    rig.start(rig.filled(_limited(LIMITS, zone=remedy.partition("`")[2].partition("`")[0])))
    assert rig.send(asking(target=ROUTE, client="127.0.0.1")).status == 200
