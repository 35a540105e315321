"""Webhooks go out by the guard: where they may go is what the operator wrote, and no more."""

from __future__ import annotations

import pytest

from mattegate.outbound.fetch import GuardedHttp
from mattegate.outbound.guard_rules import OutboundRules
from mattegate.outbound.posting import HttpPost, Posted, Unreachable
from tests.outbound.receivers import receiver, status
from tests.outbound.upstreams import Names, inside

INNER = Names({"hooks.example": ["127.0.0.1"]})


async def post(url: str, rules: OutboundRules | None = None) -> Posted:
    """One post, by a resolver that leads a public name inside."""
    http = GuardedHttp(resolve=INNER)
    return await HttpPost(http, rules or OutboundRules())(url, headers={"x": "y"}, body=b"{}")


async def test_a_name_that_leads_inside_is_not_posted_to() -> None:
    """The operator's log says where it led; the path of the address is told nowhere."""
    with inside() as inner:
        with pytest.raises(Unreachable) as refused:
            await post(f"http://hooks.example:{inner.port}/very-secret-path")
        assert inner.hits() == 0
    assert str(refused.value) == (
        "no answer (address: hooks.example leads to 127.0.0.1 (loopback), which may not be asked)"
    )


async def test_a_name_that_leads_inside_is_posted_to_where_the_rules_name_it() -> None:
    """An inner receiver by its name."""
    with receiver(status(204)) as server:
        url = server.url.replace("127.0.0.1", "hooks.example")
        assert (await post(url, OutboundRules(allow_hosts=("hooks.example",)))).status == 204


async def test_a_number_that_the_operator_wrote_is_posted_to_on_its_port() -> None:
    """No name server can change what it means."""
    with receiver(status(204)) as server:
        assert (await post(server.url)).status == 204


@pytest.mark.parametrize("url", ["http://169.254.169.254/x", "http://[::ffff:169.254.169.254]/", "http://0.0.0.0:9/"])
async def test_what_no_rule_allows_is_not_posted_to_though_the_operator_wrote_it(url: str) -> None:
    """A metadata service takes no webhooks."""
    with pytest.raises(Unreachable, match="may not be asked"):
        await post(url)
