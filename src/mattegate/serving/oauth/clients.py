"""Which key a client of the token endpoint has proven to hold: an API key as its secret, or a signing key by assertion.

The client's id is the id of the key; with an API key, the id or the name of its identity will do as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mattegate.gate.networks import bound_networks, parse_address
from mattegate.serving.oauth.granting import client_denied, verdict_denied
from mattegate.signing.key_material import KeyMaterialError, load_public_key
from mattegate.signing.message import Verdict
from mattegate.signing.shape import judge
from mattegate.signing.tokens.assertion import AssertionRules, verify_assertion
from mattegate.signing.tokens.client_auth import SecretClient
from mattegate.signing.tokens.jwk import Unusable, key_of
from mattegate.signing.tokens.key_set import KeySet
from mattegate.signing.tokens.oauth import OAuthError
from mattegate.vocabulary.attempt import Channel, Presented
from mattegate.vocabulary.facts import KeyKind, KeyState, Uses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mattegate.ledger.protocols import Snapshot, StoredKey
    from mattegate.serving.proving.keys import KeyProver
    from mattegate.serving.walk import Walk
    from mattegate.signing.tokens.client_auth import AssertingClient
    from mattegate.vocabulary.facts import KeyView

_LATER_S: Final = 10.0
_NOTHING: Final[tuple[Uses, ...]] = ()


class Clients:
    """Proves clients."""

    def __init__(self, keys: KeyProver) -> None:
        self._keys = keys

    def proven(
        self, client: SecretClient | AssertingClient, walk: Walk, keys: Snapshot, audiences: tuple[str, ...]
    ) -> tuple[KeyView, tuple[Uses, ...]]:
        """The client's key, and what its proof uses up. Raises ``Denied``, and ``Unavailable`` as key look-ups do.

        ``audiences``: what an assertion may be for.
        """
        if isinstance(client, SecretClient):
            key, uses = self._by_secret(client, walk, keys), _NOTHING
        else:
            key, uses = _by_assertion(client, walk, keys, audiences)
        if problem := next(_objections(key, walk), ""):
            raise client_denied(problem, OAuthError.UNAUTHORIZED_CLIENT)
        return key, uses

    def _by_secret(self, client: SecretClient, walk: Walk, keys: Snapshot) -> KeyView:
        look = judge(client.secret, walk.rules.rulebook.credential)
        if look.flaw:
            raise client_denied(f"its secret is no API key ({look.flaw})")
        fact = self._keys.prove(Presented(Channel.BASIC, key_id=look.key_id), client.secret, keys)
        if not fact.proven or fact.key is None:
            raise client_denied(f"its secret is not that of key {look.key_id or '(without an id)'}")
        if client.client_id not in {fact.key.id, fact.key.identity.id, fact.key.identity.name}:
            raise client_denied(f"its secret is that of key {fact.key.id}, which is another client")
        return fact.key


def _by_assertion(
    client: AssertingClient, walk: Walk, keys: Snapshot, audiences: tuple[str, ...]
) -> tuple[KeyView, tuple[Uses, ...]]:
    stored = keys.keys.get(client.client_id)
    rules = AssertionRules(audiences)
    verdict = verify_assertion(client.assertion, client.client_id, _key_set(stored), rules, at=walk.attempt.at)
    if isinstance(verdict, Verdict):
        raise verdict_denied(verdict)
    assert stored is not None  # without it there is no key that could have signed
    subject = f"assertion:{client.client_id}"
    return stored.view, (Uses(subject, verdict.replay_key, verdict.keep_until + _LATER_S, reason="token.replayed"),)


def _key_set(stored: StoredKey | None) -> KeySet:
    """The one public key of a client that may sign assertions; a key that is for some schemes alone is not for them."""
    if stored is None or stored.view.kind is not KeyKind.SIGNING or stored.kek_version or stored.view.schemes:
        return KeySet()
    try:
        return KeySet((key_of(load_public_key(stored.material).key, stored.view.id),))
    except (KeyMaterialError, Unusable):
        return KeySet()


def _objections(key: KeyView, walk: Walk) -> Iterator[str]:
    """Why a key that was proven gets no token."""
    at = walk.attempt.at
    if key.state is not KeyState.ACTIVE:
        yield f"the key {key.id} is {key.state}"
    if key.expires_at is not None and at >= key.expires_at:
        yield f"the key {key.id} expired"
    if key.identity.state is not KeyState.ACTIVE:
        yield f"the account {key.identity.id} is {key.identity.state}"
    if key.environment not in walk.rules.environments:
        yield f"the key {key.id} is for the environment {key.environment}"
    if key.addresses and not bound_networks(key.addresses).find(parse_address(walk.address)):
        yield f"the key {key.id} may not be used from {walk.address or 'an unknown address'}"
    if "signature" in key.require:
        yield f"requests with the key {key.id} must be signed, which no token can stand for"
