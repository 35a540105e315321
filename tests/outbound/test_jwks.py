"""Keys of an issuer over time: fresh, expired, rotated, out of reach, and asked for by many at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.outbound.blocked import Blocked, Cause
from mattegate.outbound.discovery import published_keys
from mattegate.outbound.fetch import Fetched, GuardedHttp
from mattegate.outbound.jwks import KeepingRules, KeysUnavailable, RemoteKeys, lifetime
from tests.outbound.upstreams import reply, rules, says, upstream

KEEPING = KeepingRules()


@dataclass
class World:
    """An issuer, its state, and the time."""

    now: float = 1_000.0
    document: bytes = b"k1"
    control: str = "max-age=600"
    down: bool = False
    asked: int = 0
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared: the issuer lets everybody wait."""

    def __post_init__(self) -> None:
        self.answers.set()

    def keys(self) -> RemoteKeys[list[str]]:
        """Its keys, as a reader of ours keeps them."""
        return RemoteKeys(self._load, parsed, clock=lambda: self.now)

    async def _load(self) -> Fetched:
        self.asked += 1
        await self.answers.wait()
        if self.down:
            raise Blocked(Cause.CONNECT, "idp.example cannot be reached")
        return Fetched(self.document, "", "", (("cache-control", self.control),))


def parsed(document: bytes) -> list[str]:
    """A key set document is names with commas between, for these stories."""
    if b"!" in document:
        raise ValueError("a mark\nthat is no key")
    return document.decode().split(",")


async def test_fresh_keys_are_handed_out_without_asking() -> None:
    """Once in ten minutes, however many ask."""
    world = World()
    keys = world.keys()
    for _ in range(100):
        assert await keys.current() == ["k1"]
    world.now += 599
    await keys.current()
    assert world.asked == 1
    world.now += 1
    world.document = b"k2"
    assert await keys.current() == ["k2"]
    assert world.asked == 2


async def test_a_hundred_first_requests_ask_once() -> None:
    """They all wait for the same answer."""
    world = World()
    world.answers.clear()
    keys = world.keys()
    waiting = [asyncio.create_task(keys.current()) for _ in range(100)]
    await asyncio.sleep(0.01)
    world.answers.set()
    assert await asyncio.gather(*waiting) == [["k1"]] * 100
    assert world.asked == 1


async def test_who_gives_up_waiting_spoils_nothing_for_the_others() -> None:
    """A cancelled request is not the end of the one that asks the issuer."""
    world = World()
    world.answers.clear()
    keys = world.keys()
    first, second = asyncio.create_task(keys.current()), asyncio.create_task(keys.current())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    world.answers.set()
    assert await second == ["k1"]
    assert first.cancelled()
    assert world.asked == 1


async def test_an_unknown_key_renews_at_most_every_thirty_seconds() -> None:
    """Tokens with invented keys cost the issuer two requests a minute, and a rotation is seen at once."""
    world = World()
    keys = world.keys()
    await keys.current()
    for _ in range(50):
        assert await keys.after_unknown() == ["k1"]
    assert world.asked == 1
    world.now += 30
    world.document = b"k1,k2"
    assert await asyncio.gather(*(keys.after_unknown() for _ in range(50))) == [["k1", "k2"]] * 50
    assert world.asked == 2
    assert await keys.current() == ["k1", "k2"]


async def test_known_keys_are_served_while_an_unknown_one_is_asked_about() -> None:
    """A slow issuer delays only those whose key is unknown."""
    world = World()
    keys = world.keys()
    await keys.current()
    world.now += 60
    world.answers.clear()
    unknown = asyncio.create_task(keys.after_unknown())
    await asyncio.sleep(0)
    assert await asyncio.wait_for(keys.current(), 0.1) == ["k1"]
    assert not unknown.done()
    world.answers.set()
    assert await unknown == ["k1"]


async def test_a_key_that_was_taken_out_is_gone_with_the_next_answer() -> None:
    """Rotation replaces the set as a whole."""
    world = World(document=b"old,new")
    keys = world.keys()
    assert await keys.current() == ["old", "new"]
    world.now += 600
    world.document = b"new"
    assert await keys.current() == ["new"]


async def test_an_outage_is_bridged_for_an_hour_and_not_longer() -> None:
    """The first after expiry waits for the failure; the others do not, and after the hour there is nothing to serve."""
    world = World()
    keys = world.keys()
    await keys.current()
    world.down = True
    world.now += 600
    assert await keys.current() == ["k1"]
    world.now += 3_599
    assert await keys.current() == ["k1"]
    world.now += 1
    with pytest.raises(KeysUnavailable) as gone:
        await keys.current()
    assert gone.value.problem == "connect: idp.example cannot be reached"
    assert "idp" not in str(gone.value)
    world.down = False
    world.document = b"k3"
    world.now += 30
    assert await keys.current() == ["k3"]


async def test_a_known_outage_makes_nobody_wait() -> None:
    """Tries go on beside the requests, one in thirty seconds, and the first that succeeds is served from then on."""
    world = World()
    keys = world.keys()
    await keys.current()
    world.down = True
    world.now += 600
    await keys.current()
    world.answers.clear()
    asked = world.asked
    for _ in range(100):
        world.now += 1
        assert await asyncio.wait_for(keys.current(), 0.1) == ["k1"]
    await asyncio.sleep(0)
    assert world.asked == asked + 1  # still that one, which the issuer lets wait
    world.down, world.document = False, b"k2"
    world.answers.set()
    await asyncio.sleep(0.01)
    assert await keys.current() == ["k2"]


async def test_without_any_keys_a_failure_is_remembered_for_thirty_seconds() -> None:
    """Requests in an outage are refused at once, and do not add to it."""
    world = World(down=True)
    keys = world.keys()
    for _ in range(20):
        with pytest.raises(KeysUnavailable):
            await keys.current()
    assert world.asked == 1
    world.now += 30
    world.down = False
    assert await keys.current() == ["k1"]


async def test_an_unknown_key_in_an_outage_is_no_forgery() -> None:
    """Nobody knows whether it exists, so it is unavailable; keys that are known serve on."""
    world = World()
    keys = world.keys()
    await keys.current()
    world.down = True
    world.now += 60
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            await keys.after_unknown()
    assert world.asked == 2
    assert await keys.current() == ["k1"]
    world.down = False
    world.now += 30
    assert await keys.after_unknown() == ["k1"]


async def test_a_document_that_cannot_be_read_is_an_outage(caplog: pytest.LogCaptureFixture) -> None:
    """The keys of before serve on, and the log line is one line."""
    world = World()
    keys = world.keys()
    await keys.current()
    world.document = b"!"
    world.now += 600
    assert await keys.current() == ["k1"]
    assert "the key set cannot be read: a mark that is no key" in caplog.text


async def test_at_the_end_nothing_is_left_running() -> None:
    """A request that waits for the issuer ends with its keys."""
    world = World()
    world.answers.clear()
    keys = world.keys()
    waiting = asyncio.create_task(keys.current())
    await asyncio.sleep(0)
    await keys.aclose()
    await asyncio.wait([waiting], timeout=1)
    assert waiting.cancelled()
    await keys.aclose()


async def test_two_issuers_do_not_wait_for_each_other() -> None:
    """One that hangs is its own affair."""
    slow, quick = World(), World()
    slow.answers.clear()
    hanging = asyncio.create_task(slow.keys().current())
    await asyncio.sleep(0)
    assert await asyncio.wait_for(quick.keys().current(), 0.1) == ["k1"]
    slow.answers.set()
    await hanging


async def test_over_the_wire_it_is_the_same() -> None:
    """A real server: kept by its Cache-Control, then renewed."""
    now = [0.0]
    answers = [reply(text, headers=["Cache-Control: public, max-age=900"]) for text in (b"a", b"b")]
    async with upstream(says(*answers)) as server:
        http = GuardedHttp()
        keys = RemoteKeys(
            lambda: published_keys(http, server.url("/jwks"), rules(server.port)), parsed, clock=lambda: now[0]
        )
        assert [await keys.current(), await keys.current()] == [["a"], ["a"]]
        now[0] = 900.0
        assert await keys.current() == ["b"]
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("control", "age", "seconds"),
    [("max-age=600", "", 600), ("public, max-age=600, must-revalidate", "", 600), ("Max-Age = \"600\"", "", 600),
     ("max-age=1", "", 300), ("max-age=9999999999", "", 86_400), ("max-age=99999999999999", "", 86_400),
     ("", "", 3_600), ("public", "", 3_600), ("no-store", "", 300), ("no-cache, max-age=6000", "", 300),
     ("max-age=6000, max-age=600", "", 600), ("max-age=6000", "5000", 1_000), ("max-age=6000", "9999", 300),
     ("max-age=6000", "soon", 6_000), ("max-age=6000", "٣", 6_000), ("max-age=-1", "", 3_600)],
)  # fmt: skip
def test_how_long_an_answer_is_fresh(control: str, age: str, seconds: float) -> None:
    """As it says, between five minutes and a day; an hour where it does not say."""
    assert lifetime(Fetched(b"", "", "", (("cache-control", control), ("age", age))), KEEPING) == seconds


@given(st.text(max_size=40), st.text(max_size=12))
def test_no_header_breaks_the_bounds(control: str, age: str) -> None:
    """Whatever stands there."""
    fetched = Fetched(b"", "", "", (("cache-control", control), ("age", age)))
    assert KEEPING.shortest <= lifetime(fetched, KEEPING) <= KEEPING.longest
