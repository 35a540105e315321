"""``POST /oauth2/token``: an access token for a client (RFC 6749, section 4.4), with no more than its key may.

It is a public route, so the client is proven here and not by the gate, and what comes of it is recorded like any other
decision: under the client's key where it proved one. Whoever tries without a secret is counted by the flood meter,
wherever the secret would stand: a prefix that guesses is limited here as it is everywhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from mattegate.gate.address import host_of, proto_of
from mattegate.gate.wording import untellable
from mattegate.ledger.protocols import Unavailable
from mattegate.serving.bookkeeping import unavailable
from mattegate.serving.exchange import Exchange
from mattegate.serving.oauth.granting import Denied, lifetime_s, new_token_id, request_denied, verdict_denied
from mattegate.serving.problem import encode_json
from mattegate.serving.proving.tokens import PROOF_RULES, possession_of, proof_use
from mattegate.serving.routes import TOKEN_PATH
from mattegate.serving.small_body import SmallBodies
from mattegate.signing.message import Message, Verdict
from mattegate.signing.tokens.binding import Possession, meets
from mattegate.signing.tokens.causes import Cause
from mattegate.signing.tokens.challenge import description_of
from mattegate.signing.tokens.client_auth import presented_client, read_form
from mattegate.signing.tokens.dpop import Proof, verify_proof
from mattegate.signing.tokens.mint import AccessGrant, mint_access
from mattegate.signing.tokens.oauth import OAuthAnswer, OAuthError, error_answer, token_answer
from mattegate.signing.tokens.rules import Binding
from mattegate.vocabulary.facts import Outcome
from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from mattegate.config.settings import Settings
    from mattegate.gate.rules import Rules
    from mattegate.serving.gatehouse import Gatehouse
    from mattegate.serving.oauth.clients import Clients
    from mattegate.serving.proving.own_keys import OwnKeys
    from mattegate.serving.walk import Walk
    from mattegate.vocabulary.facts import KeyView

_FORM: Final = "application/x-www-form-urlencoded"
_GRANT: Final = "client_credentials"
_HOW_TO_BIND: Final = {
    Binding.DPOP: "Send a proof in the header DPoP (RFC 9449).",
    Binding.MTLS: "Connect with a client certificate (RFC 8705).",
    Binding.ANY: "Send a proof in the header DPoP (RFC 9449), or connect with a client certificate (RFC 8705).",
}


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """The endpoint and what it rests on."""

    settings: Settings
    gatehouse: Gatehouse
    keys: OwnKeys
    clients: Clients
    bodies: SmallBodies

    async def token(self, request: Request) -> Response:
        """Answer one request; raises :class:`Refusal` only for what is no matter of OAuth, such as a body too slow."""
        exchange = Exchange.of(request.scope)
        walk = exchange.walk
        assert walk is not None
        body = await self.bodies.read(request.scope, request.receive)
        try:
            return _response(await self._granted(request, walk, body))
        except Denied as denied:
            return await self._denied(denied, exchange, basic="authorization" in request.headers)
        except Unavailable as error:
            raise unavailable(error) from error

    async def _granted(self, request: Request, walk: Walk, body: bytes) -> OAuthAnswer:
        form = _form(request, body)
        key = await self._client(request, walk, form)
        scopes = _scopes(form.get("scope", ""), key, walk)
        issuer = walk.rules.tokens.own
        if form.get("resource", issuer) != issuer:
            raise request_denied(OAuthError.INVALID_TARGET, f"tokens are for {issuer} alone")
        bound = await self._possession(request, walk, key)
        _require_binding(bound, walk.rules)
        life_s = lifetime_s(key, self.settings.tokens.minutes, walk.attempt.at)
        grant = AccessGrant(issuer, issuer, key.identity.id, key.id, scopes, life_s, bound)
        token = mint_access(self.keys.signing, grant, at=walk.attempt.at, token_id=new_token_id())
        return token_answer(token, life_s, scopes, bound=bool(bound.key))

    async def _client(self, request: Request, walk: Walk, form: Mapping[str, str]) -> KeyView:
        """The key that the client has proven; known to the record from then on."""
        if walk.keys is None:
            raise Unavailable("control", "keys cannot be read")
        client = presented_client(request.headers.getlist("authorization"), form)
        if isinstance(client, Verdict):
            raise verdict_denied(client)
        self.gatehouse.look_in(walk, client.client_id)
        audiences = (walk.rules.tokens.own, walk.rules.tokens.own + TOKEN_PATH)
        try:
            key, uses = self.clients.proven(client, walk, walk.keys, audiences)
        except Denied as denied:
            if denied.error is OAuthError.INVALID_CLIENT:
                self.gatehouse.doubt(walk)
            raise
        if uses and (await self.gatehouse.bookkeeper.use_up(walk, key, uses)).conflict:
            raise verdict_denied(Verdict(Cause.REPLAYED))
        self.gatehouse.vouch(walk, key)
        return key

    async def _possession(self, request: Request, walk: Walk, key: KeyView) -> Possession:
        """What the token is bound to: the key of a proof (RFC 9449, section 5), a client certificate (RFC 8705, 3)."""
        if "dpop" not in request.headers:
            return possession_of(walk, None)
        proof = self._proof(request, walk)
        if (await self.gatehouse.bookkeeper.use_up(walk, key, (proof_use(proof),))).conflict:
            raise verdict_denied(Verdict(Cause.REPLAYED), OAuthError.INVALID_DPOP_PROOF)
        return possession_of(walk, proof)

    def _proof(self, request: Request, walk: Walk) -> Proof:
        scope, attempt, rules = request.scope, walk.attempt, walk.rules
        path = scope.get("raw_path") or scope["path"].encode()
        message = Message(
            attempt.method, path, scope["query_string"], tuple(scope["headers"]), proto_of(attempt, rules),
            host_of(attempt, rules),
        )  # fmt: skip
        nonces = self.keys.nonces(attempt.at) if rules.rulebook.tokens.proof_nonce else None
        proof = verify_proof(message, None, PROOF_RULES, at=attempt.at, nonces=nonces)
        if isinstance(proof, Verdict):
            raise verdict_denied(proof, OAuthError.INVALID_DPOP_PROOF)
        return proof

    async def _denied(self, denied: Denied, exchange: Exchange, *, basic: bool) -> Response:
        answer = error_answer(denied.error, denied.description, basic=basic)
        facts = dict(denied.facts)
        if problem := untellable(denied.code, facts):
            raise Refusal("internal.error", problem=problem)
        exchange.reason, exchange.problem = denied.code, Refusal(denied.code, **facts).operator_detail
        await self.gatehouse.conclude(exchange, Outcome(denied.code, facts, answer.status))
        walk = exchange.walk
        nonce = denied.error is OAuthError.USE_DPOP_NONCE and walk is not None and self.keys.nonces(walk.attempt.at)[0]
        return _response(answer, {"DPoP-Nonce": nonce} if nonce else {})


def _form(request: Request, body: bytes) -> dict[str, str]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise request_denied(OAuthError.INVALID_REQUEST, f"the body is not {_FORM}")
    form = read_form(body)
    if isinstance(form, Verdict):
        raise request_denied(OAuthError.INVALID_REQUEST, str(form.facts["problem"]))
    if "grant_type" not in form:
        raise request_denied(OAuthError.INVALID_REQUEST, "grant_type is missing")
    if form["grant_type"] != _GRANT:
        raise request_denied(OAuthError.UNSUPPORTED_GRANT_TYPE, f"only {_GRANT} is granted")
    return form


def _scopes(asked: str, key: KeyView, walk: Walk) -> tuple[str, ...]:
    """What is asked for, if the key may; without a wish, everything that tokens can give and the key may."""
    offered = tuple(scope for scope in walk.rules.rulebook.tokens.scopes if key.allows_scope(scope))
    wanted = tuple(dict.fromkeys(asked.split())) or offered
    beyond = " ".join(scope for scope in wanted if scope not in offered)
    if beyond or not wanted:
        given = " ".join(offered)
        told = f"The key gives {given or 'no scope that a token can have'}."
        facts = {"scope": beyond[:200] or "(any)", "given": given}
        raise Denied(OAuthError.INVALID_SCOPE, told, Cause.INSUFFICIENT_SCOPE.value, dict(facts))
    return wanted


def _require_binding(bound: Possession, rules: Rules) -> None:
    """Raise ``Denied`` for a token that would be taken nowhere: it is not bound as the operator asks.

    Neither RFC 8705 nor RFC 9449 has a code for a proof that is missing here; it is a request that lacks something
    (RFC 6749, section 5.2).
    """
    required = Binding(rules.rulebook.tokens.binding)
    if meets(bound, required):
        return
    verdict = Verdict(Cause.BINDING_REQUIRED, {"required": required.value})
    told = f"{description_of(verdict)} {_HOW_TO_BIND[required]}"
    raise Denied(OAuthError.INVALID_REQUEST, told, verdict.code, verdict.facts)


def _response(answer: OAuthAnswer, more: Mapping[str, str] | None = None) -> Response:
    headers = dict(answer.headers) | dict(more or {})
    return Response(encode_json(answer.body), answer.status, media_type="application/json", headers=headers)
