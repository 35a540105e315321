"""Access logs as a gate or an nginx would have written them, made from a story told in seconds."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from mattegate.doctor.watch.rising import Rise, Rule, Seen, Watch

START = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
HOUR = 3_600.0
DAY = 86_400.0


def quiet(hours: float, *, begin: float = START, every: float = 20.0, seed: int = 1) -> Iterator[Seen]:
    """Requests that pass from forty addresses, one in twenty of them refused for want of a key."""
    dice = random.Random(seed)
    for number in range(int(hours * HOUR / every)):
        at, address = begin + number * every + dice.random(), f"203.0.113.{dice.randrange(40)}"
        if dice.random() < 0.05:
            yield refused(at, "credential.missing", address=address)
        else:
            yield Seen(at, 200, address=address)


def burst(begin: float, count: int, *, every: float = 1.0, reason: str = "credential.revoked", status: int = 401,
          key: str = "", address: str = "198.51.100.7") -> Iterator[Seen]:  # fmt: skip
    """The same refusal again and again; an address with a star in it is another one each time."""
    for number in range(count):
        yield refused(
            begin + number * every, reason, status=status, key=key, address=address.replace("*", str(number % 200))
        )


def refused(at: float, reason: str, *, status: int = 401, key: str = "", address: str = "198.51.100.7") -> Seen:
    """One refusal."""
    return Seen(at, status, reason, key, address, "POST /v1/remove-bg", f"req_{int(at * 1000)}", "why", "log", 1)


def watched(*parts: Iterable[Seen], rule: Rule | None = None) -> Watch:
    """A watch that has seen all of it in the order of its times."""
    watch = Watch(rule or Rule())
    for seen in sorted((seen for part in parts for seen in part), key=lambda seen: seen.at):
        watch.see(seen)
    return watch


def told(watch: Watch, now: float) -> list[tuple[str, str]]:
    """What rose, without the figures."""
    return [(str(rise.kind), rise.name) for rise in watch.rises(now)]


def only(rises: Iterable[Rise]) -> Rise:
    """The only rise there is."""
    (rise,) = rises
    return rise


def spelled(seen: Seen) -> bytes:
    """The gate's access line of it."""
    time = datetime.fromtimestamp(seen.at, UTC).isoformat(timespec="milliseconds")
    problem = ',"problem":"why it was refused"' if seen.reason else ""
    return (
        f'{{"time":"{time}","address":"{seen.address}","method":"POST","path":"/v1/remove-bg","status":{seen.status},'
        f'"reason":"{seen.reason}","key":"{seen.key}","identity":"","bytes_in":10,"bytes_out":20,"ms":1.5,'
        f'"request_id":"{seen.request_id or "req_x"}","client_request_id":""{problem}}}\n'
    ).encode()


def log_of(*parts: Iterable[Seen]) -> bytes:
    """The gate's access log of it."""
    return b"".join(spelled(seen) for seen in sorted((s for part in parts for s in part), key=lambda seen: seen.at))
