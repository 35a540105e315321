"""The one rule, told as stories: what is an alarm, and what only looks like one."""

from __future__ import annotations

import pytest

from mattegate.doctor.answer import Finding
from mattegate.doctor.watch.report import Incident, answer, incidents
from mattegate.doctor.watch.rising import Kind, Rule, Seen, Watch
from tests.doctor.watch.history import DAY, HOUR, START, burst, only, quiet, refused, told, watched

LATER = START + 26 * HOUR


def only_incident(watch: Watch, now: float) -> Incident:
    """The only one there is."""
    (incident,) = incidents(watch.rises(now))
    return incident


def only_finding(watch: Watch, now: float) -> Finding:
    """The same, told."""
    (found,) = answer(watch, (), now=now).findings
    return found


def test_a_quiet_log_is_clean() -> None:
    """Refusals at their usual pace are no rise, and the answer says so."""
    watch = watched(quiet(48))
    assert watch.rises(START + 2 * DAY) == ()
    assert answer(watch, (), now=START + 2 * DAY).verdict == "clean"


def test_a_leaked_key_hammered_from_one_address_is_one_incident_told_by_its_key() -> None:
    """The reason and the address would not have risen without it, so they stand beside it."""
    watch = watched(quiet(28), burst(LATER, 240, key="C1oNWm8t3TpF"))
    incident = only_incident(watch, LATER + HOUR)
    assert (incident.lead.kind, incident.lead.name) == (Kind.KEY, "C1oNWm8t3TpF")
    assert {rise.kind for rise in incident.also} == {Kind.ADDRESS, Kind.REASON}
    assert (incident.lead.count, incident.lead.total, incident.lead.new) == (240, 240, True)
    assert incident.lead.began_at == LATER
    assert incident.lead.over_at is not None
    assert LATER + 240 <= incident.lead.over_at <= LATER + 300


def test_a_release_that_breaks_cors_is_told_by_its_reason() -> None:
    """Many callers get it, and it lies on this side: no caller is blamed."""
    watch = watched(quiet(28), burst(LATER, 120, reason="origin.not_allowed", status=403, address="203.0.113.*"))
    found = only_finding(watch, LATER + 100)
    assert (found.cause, found.layer, found.status) == ("gate.origin", "cors-response", 403)
    assert found.title.endswith("(origin.not_allowed): 120 in 5 min, none before")
    assert found.next == f"mattegate why req_{int((LATER + 119) * 1000)}"
    assert any("first seen 2026-03-03T02:00:00Z" in line and "it goes on" in line for line in found.evidence)


def test_a_release_that_breaks_cors_for_the_one_caller_there_is_still_blames_the_reason() -> None:
    """A rise of one address is told by the reason where that lies on this side."""
    watch = watched(quiet(28), burst(LATER, 120, reason="origin.not_allowed", status=403))
    incident = only_incident(watch, LATER + 100)
    assert incident.lead.name == "origin.not_allowed"
    assert [rise.kind for rise in incident.also] == [Kind.ADDRESS]


@pytest.mark.parametrize("late", [-1_500.0, 0.0, 2_000.0])
def test_a_batch_of_every_night_is_usual(late: float) -> None:
    """The days before at this time are asked, give or take an hour; the first night itself is news."""
    night = [burst(START + 2 * HOUR + day * DAY, 300, key="batch") for day in (1, 2)]
    tonight = burst(START + 2 * HOUR + 3 * DAY + late, 300, key="batch")
    watch = watched(quiet(80), *night, tonight)
    assert {rise.began_at // DAY * DAY for rise in watch.rises(START + 4 * DAY)} == {START + DAY}


def test_a_batch_four_times_its_size_is_news() -> None:
    """Usual is a size, and no licence."""
    watch = watched(quiet(60), burst(START + 26 * HOUR, 60, key="batch"), burst(START + 50 * HOUR, 250, key="batch"))
    newest = watch.rises(START + 3 * DAY)[-1]
    assert (newest.began_at, newest.usual.same_time, newest.limit) == (START + 50 * HOUR, 60, 181)


def test_what_is_always_high_is_usual() -> None:
    """A scanner that never stops is no news after the first day; three times as much of it is."""
    steady = burst(START, int(28 * HOUR / 5), every=5, reason="route.unknown", status=404)
    watch = watched(quiet(28), steady)
    assert told(watch, START + 28 * HOUR) == []
    more = watched(quiet(28), burst(START, int(28 * HOUR / 5), every=5), burst(LATER, 600, every=0.5))
    rise = only(rise for rise in more.rises(LATER + 300) if rise.kind is Kind.REASON)
    assert (rise.usual.most, rise.limit, rise.new) == (60, 181, False)


def test_a_burst_is_seen_wherever_the_windows_meet() -> None:
    """Twenty-five within ten seconds around a boundary are twenty-five."""
    for shift in range(0, 300, 25):
        watch = watched(quiet(28), burst(LATER + shift - 5, 25, every=0.4, reason="upload.bad_image", status=422))
        assert (Kind.REASON, "upload.bad_image") in told(watch, LATER + 400), shift


def test_nothing_is_judged_before_anything_can_be_usual() -> None:
    """A log of half an hour is undecided, whatever is in it; it says how much is missing."""
    watch = watched(quiet(0.5), burst(START + 600, 500))
    found = answer(watch, (), now=START + HOUR)
    assert (found.verdict, found.findings) == ("undecided", ())
    assert "1 h are needed" in found.not_checked[0]


def test_a_clock_that_goes_back_neither_alarms_nor_blinds() -> None:
    """An hour is lived through twice: usual refusals stay usual, and a burst in the second one is seen."""
    watch = Watch(Rule())
    for part in (quiet(27), quiet(1, begin=START + 26 * HOUR, seed=2), burst(START + 26.5 * HOUR, 60)):
        for seen in part:
            watch.see(seen)
    assert {kind for kind, _ in told(watch, START + 28 * HOUR)} == {"reason", "address"}
    calm = Watch(Rule())
    for seen in (*quiet(27), *quiet(2, begin=START + 26 * HOUR, seed=2)):
        calm.see(seen)
    assert told(calm, START + 28 * HOUR) == []


def test_a_straggler_does_not_hide_a_burst() -> None:
    """Lines an hour late among the others take nothing away from the window that is counted."""
    watch = watched(quiet(28))
    for number, seen in enumerate(burst(LATER + 2 * HOUR, 40)):
        watch.see(seen)
        if number % 5 == 0:
            watch.see(seen._replace(at=seen.at - HOUR, address="192.0.2.1"))
    assert (Kind.REASON, "credential.revoked") in told(watch, LATER + 2 * HOUR + 60)


def test_a_rise_is_over_once_and_may_come_again() -> None:
    """A pause of a whole window ends it; what comes then is another one."""
    watch = watched(quiet(30), burst(LATER, 100), burst(LATER + HOUR, 400))
    reasons = [rise for rise in watch.rises(LATER + 2 * HOUR) if rise.kind is Kind.REASON]
    assert [rise.began_at for rise in reasons] == [LATER, LATER + HOUR]
    assert [rise.new for rise in reasons] == [True, False]
    assert all(rise.over_at for rise in reasons)


def test_what_stays_for_longer_than_the_baseline_has_become_usual() -> None:
    """One incident, ended by habit, and no second one."""
    watch = watched(quiet(60), burst(LATER, int(30 * HOUR / 5), every=5))
    rise = only(rise for rise in watch.rises(START + 56 * HOUR) if rise.kind is Kind.REASON)
    assert rise.settled
    assert rise.over_at is not None


def test_one_address_that_everybody_comes_from_is_told_as_a_proxy_and_not_blamed() -> None:
    """Behind an undeclared proxy an address says nothing."""
    everyone = [seen._replace(address="10.0.0.7") for seen in (*quiet(27), *burst(LATER, 100, address="10.0.0.7"))]
    watch = watched(everyone)
    found = answer(watch, (), now=LATER + 100)
    assert [finding.cause for finding in found.findings] == ["gate.credential"]
    assert any("every request comes from 10.0.0.7" in line for line in found.not_checked)


def test_a_status_without_a_reason_is_told_with_what_was_asked() -> None:
    """Another server's log: 502 rises, on one path."""
    down = [Seen(LATER + n, 502, "", "", f"203.0.113.{n % 40}", "POST /v1/remove-bg") for n in range(80)]
    found = only_finding(watched(quiet(27), down), LATER + 100)
    assert (found.cause, found.status, found.request) == ("watch.status_rises", 502, "POST /v1/remove-bg")
    assert any("answers 502 POST /v1/remove-bg: 80" in line for line in found.evidence)


def test_one_path_may_rise_where_its_status_is_always_high() -> None:
    """A rare path is not lost among the 404 that a scanner makes."""
    noise = [Seen(START + n * 2, 404, "", "", f"192.0.2.{n % 90}", f"GET /x{n}") for n in range(int(27 * HOUR / 2))]
    lost = [Seen(LATER + n, 404, "", "", f"203.0.113.{n % 40}", "POST /v1/remove-bg") for n in range(60)]
    rise = only(watched(noise, lost).rises(LATER + 60))
    assert (rise.kind, rise.name) == (Kind.REQUEST, "404 POST /v1/remove-bg")


def test_two_incidents_at_once_are_two_findings() -> None:
    """Neither explains the other; the one that goes on stands before the one that is over."""
    second = burst(LATER + 3_000, 100, key="K2", reason="quota.exceeded", status=429, address="198.51.100.2")
    watch = watched(quiet(28), burst(LATER, 100, key="K1", address="198.51.100.1"), second)
    assert [one.lead.name for one in incidents(watch.rises(LATER + 3_110))] == ["K2", "K1"]


def test_memory_is_bounded_however_many_callers_there_are() -> None:
    """Twenty thousand addresses and paths: tables stay full and no fuller, and the answer says what was let go."""
    watch = watched(quiet(26))
    for number in range(20_000):
        at = LATER + number / 100
        watch.see(Seen(at, 404, "", f"K{number}", f"2001:db8::{number:x}", f"GET /{number:x}/x"))
        watch.see(refused(at, "flood.address", status=429, address="192.0.2.66"))
    assert {kind: len(table) for kind, table in watch._tables.items() if table.let_go} == {
        Kind.KEY: 2_048, Kind.ADDRESS: 4_096, Kind.REQUEST: 2_048,
    }  # fmt: skip
    assert (Kind.ADDRESS, "192.0.2.66") in told(watch, LATER + 200)  # whoever is busy is never let go
    assert any("were let go" in line for line in answer(watch, (), now=LATER + 200).not_checked)
