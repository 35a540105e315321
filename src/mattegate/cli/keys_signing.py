"""``mattegate keys create-signing`` and ``create-certificate``: credentials that never travel with a request."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Final

import typer

from mattegate.cli.context import invocation_of
from mattegate.cli.finding import owner_facts, owner_of
from mattegate.cli.handing import handing
from mattegate.cli.homes import tell_home, warn_of_another
from mattegate.cli.key_options import Addresses, Json, Models, Require, Scopes, SecretFile, UrlHosts
from mattegate.cli.ledger import actor, changing
from mattegate.cli.moments import moment_or_none, read_end
from mattegate.cli.rendering import write_json
from mattegate.cli.tables import print_facts
from mattegate.config.settings import Settings
from mattegate.ledger.desk_keys import Terms
from mattegate.vocabulary.refusal import Refusal

Name = Annotated[str, typer.Option(help="What the key is called; its identity too, unless --identity names one.")]
Tier = Annotated[str, typer.Option(help="The tier of an identity that is new.", show_default=False)]
Identity = Annotated[str, typer.Option(help="The identity that pays, by name or id.", show_default=False)]
Environment = Annotated[str, typer.Option(help="What it is for: prod or test.")]
Expires = Annotated[str, typer.Option(help="90d, or a date; left out: never.", show_default=False)]

_MOST_PEM: Final = 16_384


def create_signing(
    ctx: typer.Context,
    name: Name,
    tier: Tier = "",
    identity: Identity = "",
    public_key: Annotated[
        Path | None,
        typer.Option("--public-key", help="A PEM file (Ed25519, P-256 or RSA); the private key stays with its owner."),
    ] = None,
    scheme: Annotated[
        list[str] | None,
        typer.Option(
            help="How requests may be signed; repeatable: hmac, sigv4, rfc9421, compat-hmac. Else: all but the last."
        ),
    ] = None,
    environment: Environment = "prod",
    expires: Expires = "",
    scope: Scopes = None,
    address: Addresses = None,
    model: Models = None,
    url_host: UrlHosts = None,
    require: Require = None,
    file: SecretFile = None,
    as_json: Json = False,
) -> None:
    """Make a key that requests are signed with. An HMAC secret is printed once and kept sealed.

    The secret is not an API key and never travels: X-Key-Id (or the AWS access key id) is the id, the secret signs.
    """
    settings = invocation_of(ctx).settings()
    terms = _terms(name, environment, expires, scope, address, model, url_host, require)
    pem = _read_pem(public_key) if public_key else b""
    with handing("secret", file, as_json=as_json) as place, changing(settings) as accounts:
        minted = accounts.desk.create_signing_key(
            owner_of(accounts, identity or name, tier=tier, scopes=tuple(scope or ())),
            actor=actor(),
            terms=terms,
            public_key=pem,
            schemes=scheme or (),
        )
        facts = {"id": minted.id, **owner_facts(accounts, minted.id)}
        facts |= {"name": name, "expires_at": moment_or_none(terms.expires_at)}
        if minted.text:
            place.give(minted.text, facts)
        else:
            _tell(facts, settings, as_json=as_json)
    warn_of_another(settings)


def create_certificate(
    ctx: typer.Context,
    name: Name,
    match: Annotated[
        str, typer.Option(help="sha256:FINGERPRINT, san:dns:NAME, san:uri:URI, san:email:ADDRESS or subject:CN=…")
    ],
    tier: Tier = "",
    identity: Identity = "",
    environment: Environment = "prod",
    expires: Expires = "",
    scope: Scopes = None,
    address: Addresses = None,
    model: Models = None,
    url_host: UrlHosts = None,
    require: Require = None,
    as_json: Json = False,
) -> None:
    """Let a client certificate stand for an identity. Who may issue such certificates is certificates.trust_store."""
    settings = invocation_of(ctx).settings()
    terms = _terms(name, environment, expires, scope, address, model, url_host, require)
    with changing(settings) as accounts:
        owner = owner_of(accounts, identity or name, tier=tier, scopes=tuple(scope or ()))
        key_id = accounts.desk.create_certificate_key(owner, actor=actor(), match=match, terms=terms)
        facts = {"id": key_id, **owner_facts(accounts, key_id)}
        facts |= {"name": name, "match": match, "expires_at": moment_or_none(terms.expires_at)}
        _tell(facts, settings, as_json=as_json)
    warn_of_another(settings)


def _terms(
    name: str,
    environment: str,
    expires: str,
    scope: list[str] | None,
    address: list[str] | None,
    model: list[str] | None,
    url_host: list[str] | None,
    require: list[str] | None,
) -> Terms:
    return Terms(
        name=name,
        environment=environment,
        expires_at=read_end(expires, time.time(), "--expires") if expires else None,
        scopes=scope or None,
        addresses=address or (),
        models=model or (),
        url_hosts=url_host or (),
        require=require or (),
    )


def _tell(facts: dict[str, object], settings: Settings, *, as_json: bool) -> None:
    if as_json:
        write_json(facts)
    else:
        print_facts(facts)
        tell_home(settings)


def _read_pem(file: Path) -> bytes:
    """A small file. Raises :class:`Refusal` ``file.unreadable``."""
    try:
        with file.open("rb") as pem:
            return pem.read(_MOST_PEM + 1)
    except OSError as error:
        raise Refusal("file.unreadable", path=str(file), problem=error.strerror) from error
