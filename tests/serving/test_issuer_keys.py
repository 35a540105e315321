"""Keys of issuers as the prover gets them: rotated, kept through an outage for a bounded time, and then not had."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import pytest

from mattegate.ledger.protocols import Unavailable
from mattegate.outbound.jwks import KeepingRules
from mattegate.serving.proving.issuer_keys import IssuerKeys
from mattegate.signing.tokens.key_set import KeySet
from mattegate.signing.tokens.stated import StatedToken
from mattegate.vocabulary.rulebook_of_tokens import TokenIssuer
from tests.signing.token_makers import Signer, ec_signer, rsa_signer
from tests.whole.token_clients import OwnIssuer, own_issuer

RSA, ELLIPTIC = rsa_signer(), ec_signer()
KEEPING = KeepingRules(shortest=60, usual=600, again=30)


@dataclass
class Clock:
    """Seconds that pass when a test says so."""

    now: float = 1_000.0

    def __call__(self) -> float:
        """Now."""
        return self.now


def stated(issuer: OwnIssuer, signer: Signer) -> StatedToken:
    """What a token of the signer says of itself."""
    return StatedToken(issuer.url, signer.kid, signer.algorithm, "at+jwt")


def kids(keys: KeySet) -> list[str]:
    """Which keys there are."""
    return sorted(key.kid for key in keys.keys)


def played(story: Callable[[IssuerKeys, TokenIssuer, Clock], Awaitable[None]], issuer: OwnIssuer) -> None:
    """A story in an event loop of its own."""

    async def play() -> None:
        clock = Clock()
        table = TokenIssuer("own", issuer.url, ("https://api.test",), stale_s=100.0)
        await story(IssuerKeys(clock=clock, keeping=KEEPING), table, clock)

    asyncio.run(play())


def test_a_new_key_is_found_when_a_token_names_it() -> None:
    """Rotation at the issuer costs one more request, and no more than one in half a minute."""
    with own_issuer(RSA) as issuer:

        async def story(keys: IssuerKeys, table: TokenIssuer, clock: Clock) -> None:
            assert kids(await keys.of(table, stated(issuer, RSA))) == [RSA.kid]
            issuer.keys.append(ELLIPTIC.jwk)
            assert kids(await keys.of(table, stated(issuer, ELLIPTIC))) == [RSA.kid]
            clock.now += 31
            assert kids(await keys.of(table, stated(issuer, ELLIPTIC))) == sorted([RSA.kid, ELLIPTIC.kid])
            assert issuer.asked.count("/jwks") == 2

        played(story, issuer)


def test_a_key_that_was_taken_back_is_gone_with_the_next_renewal() -> None:
    """What the issuer no longer publishes verifies nothing once the copy is over."""
    with own_issuer(RSA, ELLIPTIC) as issuer:

        async def story(keys: IssuerKeys, table: TokenIssuer, clock: Clock) -> None:
            await keys.of(table, stated(issuer, RSA))
            del issuer.keys[0]
            clock.now += 601
            assert kids(await keys.of(table, stated(issuer, ELLIPTIC))) == [ELLIPTIC.kid]

        played(story, issuer)


def test_a_key_that_changed_under_its_name_is_asked_for_too() -> None:
    """After a signature that did not fit, no more often than for unknown keys; an outage then changes nothing."""
    old, new = ec_signer(), ec_signer(secret=8)
    assert old.kid == new.kid
    with own_issuer(old) as issuer:

        async def story(keys: IssuerKeys, table: TokenIssuer, clock: Clock) -> None:
            first = await keys.of(table, stated(issuer, old))
            issuer.keys[:] = [new.jwk]
            assert await keys.newer(table, first) is None  # asked a moment ago
            clock.now += 31
            second = await keys.newer(table, first)
            assert second is not None
            assert second.keys[0].thumbprint != first.keys[0].thumbprint
            clock.now += 31
            assert await keys.newer(table, second) is None  # the same as before
            issuer.status = 500
            clock.now += 31
            assert await keys.newer(table, second) is None
            assert kids(await keys.of(table, stated(issuer, new))) == [new.kid]

        played(story, issuer)


def test_an_outage_is_bridged_for_as_long_as_the_operator_says() -> None:
    """Stale keys serve for ``stale_s``; after that nobody knows, until the issuer is back."""
    with own_issuer(RSA) as issuer:

        async def story(keys: IssuerKeys, table: TokenIssuer, clock: Clock) -> None:
            await keys.of(table, stated(issuer, RSA))
            issuer.status = 503
            clock.now += 650
            assert kids(await keys.of(table, stated(issuer, RSA))) == [RSA.kid]
            clock.now += 51
            with pytest.raises(Unavailable) as caught:
                await keys.of(table, stated(issuer, RSA))
            assert (caught.value.dependency, caught.value.problem[:5]) == ("keyset", "own: ")
            issuer.status = 200
            clock.now += 31
            assert kids(await keys.of(table, stated(issuer, RSA))) == [RSA.kid]

        played(story, issuer)


async def test_at_the_end_no_issuer_is_asked_any_more() -> None:
    """A request that an issuer leaves without an answer ends with the keys, and who waited for it is told."""
    asked, over = asyncio.Event(), asyncio.Event()

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await over.wait()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        keys, table = IssuerKeys(keeping=KEEPING), TokenIssuer("own", url, ("https://api.test",))
        waiting = asyncio.create_task(keys.of(table, StatedToken(url, RSA.kid, "RS256", "at+jwt")))
        await asked.wait()
        await keys.aclose()
        await asyncio.wait([waiting], timeout=1)
        assert waiting.cancelled()
        over.set()


def test_another_configuration_begins_anew() -> None:
    """Keys that were fetched from one place say nothing about another."""
    with own_issuer(RSA) as issuer:

        async def story(keys: IssuerKeys, table: TokenIssuer, _: Clock) -> None:
            await keys.of(table, stated(issuer, RSA))
            moved = replace(table, jwks_uri=f"{issuer.url}/nothing")
            with pytest.raises(Unavailable):
                await keys.of(moved, stated(issuer, RSA))

        played(story, issuer)


def test_a_document_that_names_another_issuer_speaks_for_nobody() -> None:
    """What lies below an address does not make an issuer of it (RFC 8414, section 3.3)."""
    with own_issuer(RSA) as issuer:

        async def story(keys: IssuerKeys, table: TokenIssuer, _: Clock) -> None:
            issuer.url = "https://id.example"
            with pytest.raises(Unavailable, match="names the issuer"):
                await keys.of(table, StatedToken(table.issuer, RSA.kid, "RS256", "at+jwt"))

        played(story, issuer)
