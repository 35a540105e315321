"""From settings to rules: what an operator allows himself is not what he allows strangers."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from mattegate.config.settings import OutboundSettings, UploadSettings
from mattegate.outbound.blocked import Blocked, Cause
from mattegate.outbound.configured import host_names, image_rules, rules_of
from mattegate.outbound.fetch import GuardedHttp
from mattegate.outbound.guard import admitted
from mattegate.outbound.guard_rules import PUBLIC_WEB
from mattegate.outbound.guard_url import read_url
from mattegate.outbound.posting import HttpPost, Unreachable
from tests.outbound.receivers import receiver
from tests.outbound.upstreams import Names

INNER = ip_address("10.20.3.4")


def test_by_default_it_is_the_public_web() -> None:
    """Settings that nobody touched open nothing."""
    assert rules_of(OutboundSettings()) == PUBLIC_WEB
    images = image_rules(OutboundSettings(), UploadSettings())
    assert (images.allow_hosts, images.allow_networks, images.host_lists) == ((), (), ())


def test_an_inner_network_is_for_the_operators_own_addresses() -> None:
    """A stranger may own a name that leads into it."""
    outbound = OutboundSettings(allow_networks=("10.20.0.0/16",))
    assert rules_of(outbound).refusal("any.example", INNER) is None
    assert image_rules(outbound, UploadSettings(url_hosts=("any.example",))).refusal("any.example", INNER)


@pytest.mark.parametrize(
    ("allow_hosts", "url_hosts", "asked"),
    [
        ((), (), False),
        (("store.corp.example",), (), False),
        ((), ("store.corp.example",), False),
        (("store.corp.example",), ("store.corp.example",), True),
        (("STORE.corp.example.",), ("*.CORP.example",), True),
        (("store.corp.example",), ("images.example.com",), False),
    ],
)
async def test_images_come_from_inside_only_by_a_name_on_both_lists(
    allow_hosts: tuple[str, ...], url_hosts: tuple[str, ...], *, asked: bool
) -> None:
    """One list is not enough, however the name is spelled."""
    rules = image_rules(OutboundSettings(allow_hosts=allow_hosts), UploadSettings(url_hosts=url_hosts))
    names = Names({"store.corp.example": [str(INNER)]})
    admitting = admitted(read_url("http://store.corp.example/"), rules, names)
    if asked:
        assert await admitting == (INNER,)
        return
    with pytest.raises(Blocked) as refused:
        await admitting
    assert refused.value.cause is (Cause.HOST if "images.example.com" in url_hosts else Cause.ADDRESS)


def test_an_image_is_bounded_as_an_upload_is() -> None:
    """In size, in silence and in time, by whichever bound is narrower."""
    upload = UploadSettings(max_bytes=1_000, stall_s=3.0, total_s=7.0)
    rules = image_rules(OutboundSettings(stall_s=4.0, total_s=5.0, connect_s=1.0, ports=(80, 8080)), upload)
    assert (rules.max_bytes, rules.stall_s, rules.total_s, rules.connect_s) == (1_000, 3.0, 5.0, 1.0)
    assert rules.ports == {80, 8080}


def test_names_have_one_spelling() -> None:
    """That of targets: small letters, no last dot, no brackets."""
    assert host_names(["API.Example.com.", "[::1]", "*.x.Example"]) == ("api.example.com", "::1", "*.x.example")


async def test_a_webhook_by_a_name_that_leads_inside_must_be_allowed() -> None:
    """By its name or by its network; an address that is a number is the operator's word already."""
    with receiver() as hook:
        port = read_url(hook.url).port
        http, url = GuardedHttp(resolve=Names({"hooks.corp.example": ["127.0.0.1"]})), "http://hooks.corp.example"

        async def post(url: str, **outbound: tuple[str, ...]) -> int:
            send = HttpPost(http, rules_of(OutboundSettings(**outbound)))  # type: ignore[arg-type]
            return (await send(url, headers={}, body=b"{}")).status

        with pytest.raises(Unreachable, match="loopback"):
            await post(f"{url}:{port}/")
        assert hook.received == []
        assert await post(f"{url}:{port}/", allow_hosts=("hooks.corp.example",)) == 204
        assert await post(f"{url}:{port}/", allow_networks=("127.0.0.0/8",)) == 204
        assert await post(hook.url) == 204
