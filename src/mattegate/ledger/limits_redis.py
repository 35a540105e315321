"""Limits counted in Redis: one script, run atomically, for several gate processes on several machines.

* The arithmetic is that of :mod:`mattegate.ledger.limits_algorithms`, repeated in Lua. The script returns the counters
  as it found them, and the answers are made from those here. Every number stays far below 2**53, where Lua's doubles
  are exact.
* The clock is Redis' own ``TIME``, so that machines need not agree; with ``server_clock=False`` it is the caller's
  ``at``.
* Every key that the script writes gets its time to live in the same script. Nothing is immortal.
* The keys of one subject share a hash tag, so that a cluster keeps them in one place.
* Nothing is retried: redis-py's own retries would charge twice without a token, and hide how long Redis takes. A token
  takes only once, and one that was voided takes nothing even when its take arrives later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final, cast

from redis import BlockingConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry

from mattegate.ledger.limits_algorithms import (
    CLOCK_SLACK_US,
    Slot,
    counted_only,
    decide,
    micros,
    slot,
    standing,
)
from mattegate.ledger.limits_memory import TOKEN_S
from mattegate.ledger.protocols import Unavailable
from mattegate.vocabulary.facts import ClaimFact, LimitKind
from mattegate.vocabulary.rulebook import Limit

SCRIPT: Final = """
-- KEYS: the token, then one counter a limit. ARGV: act, now or 0, token's life in ms, slack,
-- then for every limit: kind, step, room, cost or total, shadow, name.
-- A rate's counter is a string, the counters of windows are a hash by window. A token is a hash: 'mark' is 1 for taken
-- and 0 for voided, every other field is a counter's name with 'window:cost'.
local act, now, life, slack = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
if now == 0 then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local function text(number) return string.format('%.0f', number) end
local function live(key, until_us)
  redis.call('PEXPIRE', key, text(math.max(1000, math.ceil((until_us - now) / 1000) + 1000)))
end

local limits = {}
for i = 2, #KEYS do
  local p = 4 + (i - 2) * 6
  local limit = {key = KEYS[i], rate = ARGV[p + 1] == 'rate', step = tonumber(ARGV[p + 2]),
    room = tonumber(ARGV[p + 3]), cost = tonumber(ARGV[p + 4]), shadow = ARGV[p + 5] == '1', name = ARGV[p + 6]}
  if limit.rate then
    limit.window = 0
    limit.found = tonumber(redis.call('GET', limit.key) or 0)
  else
    limit.window = now - now % limit.step
    limit.found = tonumber(redis.call('HGET', limit.key, text(limit.window)) or 0)
  end
  limits[i - 1] = limit
end

local function keep(limit, window, value)
  if limit.rate then
    redis.call('SET', limit.key, text(value))
    live(limit.key, value)
  else
    redis.call('HSET', limit.key, text(window), text(value))
    for _, field in ipairs(redis.call('HKEYS', limit.key)) do
      if tonumber(field) + 2 * limit.step < now then redis.call('HDEL', limit.key, field) end
    end
    live(limit.key, limit.window + 2 * limit.step)
  end
end

local function amend(limit, total)
  local held = redis.call('HGET', KEYS[1], limit.name)
  if not held then return end
  local window, cost = string.match(held, '(%d+):(%d+)')
  window, cost = tonumber(window), tonumber(cost)
  local value
  if limit.rate then
    value = limit.found + (total - cost) * limit.step
  else
    value = tonumber(redis.call('HGET', limit.key, text(window)) or 0) + total - cost
  end
  keep(limit, window, math.max(0, value))
  redis.call('HSET', KEYS[1], limit.name, text(window) .. ':' .. text(total))
end

local mark = redis.call('HGET', KEYS[1], 'mark')
local status = 'seen'
if act == 'take' then
  if mark == '0' then status = 'voided'
  elseif mark == '1' then status = 'again'
  else
    status = 'taken'
    for _, limit in ipairs(limits) do
      local asked = math.max(limit.cost, 1)
      limit.value = limit.found
      if limit.rate then
        local full = now + limit.step * limit.room
        if limit.value > full + slack then limit.value = full end
        limit.fits = asked <= limit.room and math.max(limit.value, now) + (asked - limit.room) * limit.step <= now
      else
        limit.fits = limit.value + asked <= limit.room
      end
      if not limit.fits and not limit.shadow then status = 'refused' end
    end
    for _, limit in ipairs(limits) do
      local cost = 0
      if status == 'taken' and limit.fits then cost = limit.cost end
      local value = limit.value
      if cost > 0 and limit.rate then value = math.max(value, now) + cost * limit.step
      elseif cost > 0 then value = value + cost end
      if value ~= limit.found then keep(limit, limit.window, value) end
      if status == 'taken' and (cost > 0 or not limit.rate) then
        redis.call('HSET', KEYS[1], limit.name, text(limit.window) .. ':' .. text(cost))
      end
    end
    if status == 'taken' then redis.call('HSET', KEYS[1], 'mark', '1') end
  end
elseif act == 'amend' and mark == '1' then
  for _, limit in ipairs(limits) do if not limit.rate then amend(limit, limit.cost) end end
elseif act == 'void' and mark ~= '0' then
  for _, limit in ipairs(limits) do amend(limit, 0) end
  redis.call('HSET', KEYS[1], 'mark', '0')
end
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('PEXPIRE', KEYS[1], life) end

local reply = {status, text(now)}
for i, limit in ipairs(limits) do reply[i + 2] = text(limit.found) end
return reply
"""


class RedisLimitStore:
    """A :class:`~mattegate.ledger.protocols.LimitStore` at ``url``; every call ends within a few ``timeout_s``.

    ``connections``: how many there may be; who finds none free waits ``timeout_s`` for one. Wrap it in a
    :class:`~mattegate.ledger.limits_fallback.FallbackLimitStore`, which also undoes takes whose answer was lost.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 0.025,
        prefix: str = "mattegate",
        connections: int = 16,
        server_clock: bool = True,
    ) -> None:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=connections,
            timeout=timeout_s,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            protocol=2,  # RESP3's pool does not replace a connection that the server closed unless it may retry
            retry=Retry(NoBackoff(), 0),
        )
        self._redis = Redis(connection_pool=pool)
        self._sha = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
        self._prefix = prefix
        self._server_clock = server_clock

    def take(self, subject: str, limits: Sequence[Limit], costs: Sequence[int], at: float, token: str) -> ClaimFact:
        """Take of every limit or of none. Raises ``Unavailable``, also for a voided token."""
        status, now, found = self._run("take", subject, limits, costs, at, token)
        places = [slot(limit, now) for limit in limits]
        if status == "voided":
            raise Unavailable("limits", "this take was given up")
        if status == "again":
            return ClaimFact(limits=standing(places, found, now), reserved=True)
        return ClaimFact(limits=decide(places, found, costs, now).answers, reserved=status == "taken")

    def give_back(self, subject: str, limits: Sequence[Limit], costs: Sequence[int], at: float, token: str) -> None:
        """Amend what ``token`` holds to nothing."""
        self.amend(subject, limits, [0] * len(costs), at, token)

    def amend(self, subject: str, limits: Sequence[Limit], totals: Sequence[int], at: float, token: str) -> None:
        """Make what ``token`` holds of each quota ``totals[i]``."""
        self._run("amend", subject, limits, totals, at, token)

    def void(self, subject: str, limits: Sequence[Limit], at: float, token: str) -> None:
        """Undo the take of ``token`` wholly and let it take nothing any more."""
        self._run("void", subject, limits, [0] * len(limits), at, token)

    def glance(self, subject: str, limits: Sequence[Limit], at: float) -> ClaimFact:
        """Where the limits stand."""
        _, now, found = self._run("glance", subject, limits, [0] * len(limits), at, "")
        return ClaimFact(limits=standing([slot(limit, now) for limit in limits], found, now))

    def close(self) -> None:
        """Close every connection."""
        self._redis.close()
        self._redis.connection_pool.disconnect()

    def _run(
        self, act: str, subject: str, limits: Sequence[Limit], costs: Sequence[int], at: float, token: str
    ) -> tuple[str, int, list[int]]:
        counted_only(limits)
        places = [slot(limit, micros(at)) for limit in limits]
        keys = [f"{self._prefix}:{{{subject}}}:{name}" for name in (f"t:{token}", *(p.terms.name for p in places))]
        now = 0 if self._server_clock else micros(at)
        arguments: list[str | int] = [act, now, TOKEN_S * 1000, CLOCK_SLACK_US]
        for place, cost in zip(places, costs, strict=True):
            arguments += _arguments(place, cost)
        status, time, *found = self._evaluate(keys, arguments)
        return status.decode(), int(time), [int(value) for value in found]

    def _evaluate(self, keys: list[str], arguments: list[str | int]) -> list[Any]:
        try:
            return self._by_hash(keys, arguments)
        except (RedisError, OSError) as error:
            raise Unavailable("limits", f"redis: {error}") from error

    def _by_hash(self, keys: list[str], arguments: list[str | int]) -> list[Any]:
        """Run the script by its hash, and by its text where Redis does not know it, as after a restart."""
        try:
            reply = self._redis.evalsha(self._sha, len(keys), *keys, *arguments)
        except NoScriptError:
            reply = self._redis.eval(SCRIPT, len(keys), *keys, *arguments)
        return cast("list[Any]", reply)


def _arguments(place: Slot, cost: int) -> list[str | int]:
    kind = "rate" if place.terms.kind is LimitKind.RATE else "window"
    return [kind, place.terms.step, place.terms.room, cost, int(place.limit.shadow), place.terms.name]
