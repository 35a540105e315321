"""Tokens that are bound to a client certificate (RFC 8705, section 3), on our own TLS port and behind a proxy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mattegate.signing.tokens.binding import thumbprint_of
from tests.serving.bare import until
from tests.signing.authority import SERVER, Issued
from tests.signing.token_makers import ec_signer
from tests.whole.apis import Api, serving
from tests.whole.certified import WHOAMI, House, ask, binary, founded, nginx_for, through
from tests.whole.proxies import Answer, curl, free_port, nginx
from tests.whole.token_clients import CALM, ISSUER, client_id, own_issuer, trusting

TOKEN = "/oauth2/token"
SIGNER = ec_signer()
STOLEN, OTHER = (401, "token.binding_missing"), (401, "token.binding_mismatch")


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Authorities, and a list that revokes nothing yet."""
    return founded(tmp_path)


@contextmanager
def giving(house: House, **more: Any) -> Iterator[Api]:
    """A server that gives tokens, on a TLS port of its own, and looks at certificates where there are any."""
    tokens = {"enabled": True, "issuer": ISSUER} | more
    certificates = house.certificate_settings("optional")
    with serving(
        house.folder / "home", server=house.server_settings(), certificates=certificates, tokens=tokens, flood=CALM
    ) as api:
        yield api


def asking(key: str) -> tuple[str, ...]:
    """curl's options for a client that asks for a token."""
    return ("-u", f"{client_id(key)}:{key}", "-d", "grant_type=client_credentials")


def with_token(token: str) -> tuple[str, ...]:
    """And for one that uses it."""
    return ("-H", f"Authorization: Bearer {token}")


def judged(answer: Answer) -> tuple[int, str]:
    """Status and reason."""
    return answer.status, str(answer.json.get("reason", ""))


# --- our own port -----------------------------------------------------------------------------------------------


def test_a_token_that_was_got_with_a_certificate_is_worth_nothing_without_it(house: House) -> None:
    """Neither alone nor with another certificate, be that of the same name and just as good."""
    alice, again = house.trusted.issue("alice"), house.trusted.issue("alice")
    with giving(house) as api:
        key = api.key("alice")
        answer = ask(house, api, TOKEN, *asking(key), shown=alice)
        assert answer.status == 200, answer
        token = str(answer.json["access_token"])
        assert judged(ask(house, api, WHOAMI, *with_token(token), shown=alice)) == (200, "")
        assert judged(ask(house, api, WHOAMI, *with_token(token))) == STOLEN
        assert judged(ask(house, api, WHOAMI, *with_token(token), shown=again)) == OTHER


def test_a_bound_token_goes_with_its_certificate(house: House) -> None:
    """Revoked, the certificate takes the token along; whoever holds both is refused before the token is looked at."""
    alice = house.trusted.issue("alice")
    with giving(house) as api:
        key = api.key("alice")
        token = str(ask(house, api, TOKEN, *asking(key), shown=alice).json["access_token"])
        house.lists.write_bytes(house.trusted.revocations(alice))
        until(lambda: ask(house, api, WHOAMI, *with_token(token), shown=alice).status == 403)
        assert judged(ask(house, api, WHOAMI, *with_token(token), shown=alice))[1] == "transport.client_cert_revoked"


def test_where_tokens_must_be_bound_those_that_are_not_are_refused(house: House) -> None:
    """One that was given before that was asked for is good for nothing from then on, with a certificate neither."""
    alice = house.trusted.issue("alice")
    with giving(house) as api:
        key = api.key("alice")
        bare = str(ask(house, api, TOKEN, *asking(key)).json["access_token"])
        assert judged(ask(house, api, WHOAMI, *with_token(bare))) == (200, "")
    with giving(house, binding="mtls") as api:
        refused = ask(house, api, WHOAMI, *with_token(bare), shown=alice)
        assert judged(refused) == (401, "token.binding_required")


@pytest.mark.parametrize("binding", ["mtls", "any"])
def test_where_tokens_must_be_bound_no_other_is_given(house: House, binding: str) -> None:
    """Who shows a certificate gets a token that works with it; who shows none is told so, in OAuth's words and ours."""
    alice = house.trusted.issue("alice")
    with giving(house, binding=binding) as api:
        key = api.key("alice")
        bound = str(ask(house, api, TOKEN, *asking(key), shown=alice).json["access_token"])
        assert judged(ask(house, api, WHOAMI, *with_token(bound), shown=alice)) == (200, "")
        refused = ask(house, api, TOKEN, *asking(key))
        assert (refused.status, refused.json["error"]) == (400, "invalid_request")
        assert "client certificate (RFC 8705)" in str(refused.json["error_description"])
        (record,) = (one for one in api.records(0) if one.status == 400)
        assert (record.reason, record.facts.outcome and record.facts.outcome.facts) == (
            "token.binding_required",
            {"required": binding},
        )


def test_tokens_of_another_issuer_are_held_to_what_they_are_bound_to(house: House) -> None:
    """Its ``cnf`` names the certificate; nothing here gave it."""
    alice, eve = house.trusted.issue("alice"), house.trusted.issue("eve")
    with own_issuer(SIGNER) as issuer:
        token = issuer.token(SIGNER, cnf={"x5t#S256": thumbprint_of(alice.fingerprint)})
        with giving(house, **trusting(issuer)) as api:
            answers = [ask(house, api, WHOAMI, *with_token(token), shown=shown) for shown in (alice, eve, None)]
            assert [judged(answer)[0] for answer in answers] == [200, 401, 401]


# --- behind a proxy ---------------------------------------------------------------------------------------------


@contextmanager
def behind(house: House, header: str = "client-cert", proxies: str = "127.0.0.1/32") -> Iterator[Api]:
    """A server that gives tokens, without TLS, and believes proxies of that network."""
    certificates = house.certificate_settings("optional", header=header)
    tokens, network = {"enabled": True, "issuer": ISSUER}, {"trusted_proxies": [proxies]}
    home = house.folder / "home"
    with serving(home, network=network, certificates=certificates, tokens=tokens, flood=CALM) as api:
        yield api


def passed_on(issued: Issued) -> tuple[str, ...]:
    """What a proxy passes on by the standard."""
    return ("-H", f"Client-Cert: {binary(issued)}")


def test_nginx_passes_on_what_the_token_is_bound_to(house: House) -> None:
    """Got and used through it; with another certificate, or none, the token is nothing."""
    port = free_port()
    alice, eve = house.trusted.issue("alice"), house.trusted.issue("eve")
    with (
        behind(house, "x-ssl-client-cert") as api,
        nginx(house.folder, port, nginx_for(house, api, port, "optional")),
    ):
        key = api.key("alice")
        token = str(through(house, port, *asking(key), shown=alice, path=TOKEN).json["access_token"])
        assert judged(through(house, port, *with_token(token), shown=alice)) == (200, "")
        assert judged(through(house, port, *with_token(token), shown=eve)) == OTHER
        assert judged(through(house, port, *with_token(token))) == STOLEN
        assert judged(curl(*with_token(token), api.url + WHOAMI)) == STOLEN


def test_whoever_is_no_proxy_passes_nothing_on(house: House) -> None:
    """A stolen token and the certificate, which is no secret, in a header that anybody can write."""
    alice = house.trusted.issue("alice")
    with behind(house) as api:
        key = api.key("alice")
        got = curl(*passed_on(alice), *asking(key), api.url + TOKEN)
        token = str(got.json["access_token"])
        assert judged(curl(*passed_on(alice), *with_token(token), api.url + WHOAMI)) == (200, "")
    with behind(house, proxies="10.9.8.7/32") as api:
        assert judged(curl(*passed_on(alice), *with_token(token), api.url + WHOAMI)) == STOLEN


@pytest.mark.parametrize("kind", ["stranger", "expired", "young", "for servers"])
def test_no_token_is_bound_to_a_certificate_that_proves_nothing(house: House, kind: str) -> None:
    """The certificate is refused before the token is given, or the token is good for nothing with it."""
    shown = {
        "stranger": house.stranger.issue("alice"),
        "expired": house.trusted.issue("alice", days=(-9, -1)),
        "young": house.trusted.issue("alice", days=(1, 9)),
        "for servers": house.trusted.issue("alice", usage=(SERVER,)),
    }[kind]
    with behind(house) as api:
        key = api.key("alice")
        got = curl(*passed_on(shown), *asking(key), api.url + TOKEN)
        assert got.status == 403, got
        assert str(got.json["reason"]).startswith("transport.client_cert_")
