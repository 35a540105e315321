"""Policies in force: taken over when their files change, and kept when the new ones are not sound."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mattegate.config.faults import ConfigurationError
from mattegate.config.policies import changed_at, stamp_of
from mattegate.config.settings import PolicySettings, Settings
from mattegate.serving.policykeeper import LOOK_S, REST_S, PolicyKeeper
from tests.serving.gates import memory_gate

ALL = "permit (principal, action, resource);"
NONE = 'permit (principal in Tier::"nobody", action, resource);'


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home with one policy."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "all.cedar").write_text(ALL)
    return Settings(home=tmp_path, policies=PolicySettings(Path("policies")))


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def later() -> float:
    """A minute from now, when everything that is written now has come to rest."""
    return time.time() + 60


def ids(keeper: PolicyKeeper) -> list[str]:
    """The policies in force."""
    return [text.id for text in keeper()]


def test_a_change_of_the_files_is_taken_over_by_itself(settings: Settings) -> None:
    """At the first question a second later, not before; what did not change is the very same object."""
    clock, folder = Clock(), settings.home / "policies"
    keeper = PolicyKeeper(settings, clock, now=later)
    first = keeper()
    (folder / "more.cedar").write_text(NONE)
    assert keeper() is first
    clock.now += LOOK_S
    assert ids(keeper) == ["all", "more"]
    assert keeper() is keeper()
    (folder / "all.cedar").unlink()
    clock.now += LOOK_S
    assert ids(keeper) == ["more"]


@pytest.mark.parametrize(
    "broken",
    [
        "permit (",
        "permit (principal, action, resource) when { context.x };",
        "",
        "permit (principal, action, resource) when { " + "(" * 20_000 + "true" + ")" * 20_000 + " };",
    ],
)
def test_bad_policies_leave_the_good_ones_in_force(
    settings: Settings, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says once what is wrong and where; a mended file is taken over."""
    clock, file = Clock(), settings.home / "policies" / "all.cedar"
    keeper = PolicyKeeper(settings, clock, now=later)
    file.write_text(broken)
    for _ in range(3):
        clock.now += LOOK_S
        assert ids(keeper) == ["all"]
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(told) == 1
    assert "the policies were not taken over, the old ones stay in force" in told[0]
    assert str(file.parent) in told[0]
    file.write_text('@id("mended") ' + ALL)
    clock.now += LOOK_S
    assert ids(keeper) == ["mended"]


def test_a_pipe_is_not_waited_for(settings: Settings) -> None:
    """Nobody may ever write to it."""
    clock = Clock()
    keeper = PolicyKeeper(settings, clock, now=later)
    os.mkfifo(settings.home / "policies" / "b.cedar")
    clock.now += LOOK_S
    assert ids(keeper) == ["all"]


def test_a_folder_that_is_gone_opens_nothing(settings: Settings) -> None:
    """A share that is not mounted for a while is no reason to forget what was forbidden."""
    clock = Clock()
    keeper = PolicyKeeper(settings, clock, now=later)
    (settings.home / "policies").rename(settings.home / "away")
    clock.now += LOOK_S
    assert ids(keeper) == ["all"]


def test_half_a_file_is_not_taken_for_the_whole(settings: Settings) -> None:
    """A slow writer gets as far as what is permitted; what is forbidden comes later. Nobody is let in meanwhile."""
    clock, at, file = Clock(), Clock(), settings.home / "policies" / "all.cedar"
    file.write_text(NONE)
    keeper = PolicyKeeper(settings, clock, at)

    def looked(seconds: float) -> str:
        """What is in force once the files have rested for so long."""
        at.now = changed_at(stamp_of(file.parent)) + seconds
        clock.now += LOOK_S
        return keeper()[-1].text

    with file.open("w") as writing:
        for part in (ALL, "\nforbid (principal, action, resource)\n", "when { context.hour > 30 };"):
            writing.write(part)
            writing.flush()
            assert looked(REST_S - 0.1) == NONE
    assert looked(REST_S) == "forbid (principal, action, resource)\nwhen { context.hour > 30 };"


def test_a_clock_that_was_set_back_keeps_no_change_away(settings: Settings) -> None:
    """Files of the future have come to rest."""
    clock, file = Clock(), settings.home / "policies" / "all.cedar"
    keeper = PolicyKeeper(settings, clock, now=lambda: time.time() - 3_600)
    file.write_text(NONE)
    clock.now += LOOK_S
    assert keeper()[0].text == NONE


def test_a_file_that_was_copied_with_its_old_date_is_seen(settings: Settings) -> None:
    """Of the same length too: what counts is when the file system changed, not what the copy says."""
    clock, file = Clock(), settings.home / "policies" / "all.cedar"
    before = file.stat()
    keeper = PolicyKeeper(settings, clock, now=later)
    file.write_text(ALL.replace("permit", "forbid"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    clock.now += LOOK_S
    assert keeper()[0].text.startswith("forbid")


def test_policies_that_are_not_sound_stop_the_start(settings: Settings) -> None:
    """Every fault at once, with its file and line."""
    (settings.home / "policies" / "b.cedar").write_text('forbid (principal == User::"x", action, resource);\nforbid (')
    with pytest.raises(ConfigurationError) as raised:
        PolicyKeeper(settings)
    assert [(Path(fault.origin).name, fault.line) for fault in raised.value.faults] == [("b.cedar", 1), ("b.cedar", 2)]


def test_without_a_folder_there_are_none(tmp_path: Path) -> None:
    """And nothing is looked at."""
    assert PolicyKeeper(Settings(home=tmp_path))() == ()


def test_the_rules_and_their_revision_follow_the_files(settings: Settings) -> None:
    """Every record names the rulebook it was decided by; each rulebook is kept, with its policies' texts."""
    file = settings.home / "policies" / "all.cedar"
    with memory_gate(settings) as gate:
        before = gate.gatehouse.rules()
        assert before.policies is not None
        assert before is gate.gatehouse.rules()
        file.write_text(NONE)
        os.utime(file, ns=(1, 1))
        time.sleep(LOOK_S + 0.1)
        after = gate.gatehouse.rules()
        assert after.revision != before.revision
        for rules, text in ((before, ALL), (after, NONE)):
            kept = gate.records.rulebook(rules.revision)
            assert kept is not None
            assert [policy.text for policy in kept.policies] == [text]


def test_settings_that_are_read_again_bring_their_policies(settings: Settings, tmp_path: Path) -> None:
    """Another folder, then none; a bad one changes nothing."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "b.cedar").write_text(ALL)
    with memory_gate(settings) as gate:
        keeper = gate.gatehouse._parts.rules
        keeper.change(replace(settings, policies=PolicySettings(Path("other"))))  # type: ignore[attr-defined]
        assert [policy.id for policy in gate.gatehouse.rules().rulebook.policies] == ["b"]
        with pytest.raises(ConfigurationError):
            keeper.change(replace(settings, policies=PolicySettings(Path("nowhere"))))  # type: ignore[attr-defined]
        assert [policy.id for policy in gate.gatehouse.rules().rulebook.policies] == ["b"]
        keeper.change(replace(settings, policies=PolicySettings()))  # type: ignore[attr-defined]
        assert gate.gatehouse.rules().policies is None
