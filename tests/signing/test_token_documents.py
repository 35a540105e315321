"""What OAuth publishes and answers: metadata, errors, challenges."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.signing.message import Verdict
from mattegate.signing.tokens.causes import Cause
from mattegate.signing.tokens.challenge import TOLD, described, description_of, token_challenge
from mattegate.signing.tokens.oauth import (
    AUTHORIZATION_SERVER,
    PROTECTED_RESOURCE,
    OAuthError,
    Resource,
    Server,
    error_answer,
    metadata_address,
    resource_metadata,
    server_metadata,
    token_answer,
)
from mattegate.vocabulary.facts import Plain

SERVER = Server("https://api.example", "https://api.example/oauth2/token", "https://api.example/jwks", ("cutout",))


def test_the_token_endpoint_describes_itself() -> None:
    """RFC 8414, section 2: what is required stands there, and nothing that is not done here."""
    document = server_metadata(SERVER)
    assert json.loads(json.dumps(document)) == document
    assert document["issuer"] == SERVER.issuer
    assert document["response_types_supported"] == []
    assert document["grant_types_supported"] == ["client_credentials"]
    assert "service_documentation" not in document
    named = {
        name for key, names in document.items() if "alg_values" in key and isinstance(names, list) for name in names
    }
    assert not named & {"none", "HS256"}


def test_the_api_describes_itself() -> None:
    """RFC 9728, section 2: whom to ask for tokens, and how to send them."""
    document = resource_metadata(Resource("https://api.example", (SERVER.issuer,), ("cutout",), proofs_required=True))
    assert json.loads(json.dumps(document)) == document
    assert document["authorization_servers"] == [SERVER.issuer]
    assert document["bearer_methods_supported"] == ["header"]
    assert document["dpop_bound_access_tokens_required"] is True


@pytest.mark.parametrize(
    ("identifier", "name", "address"),
    [
        ("https://a.example", AUTHORIZATION_SERVER, "https://a.example/.well-known/oauth-authorization-server"),
        ("https://a.example/", AUTHORIZATION_SERVER, "https://a.example/.well-known/oauth-authorization-server"),
        ("https://a.example/t/1", PROTECTED_RESOURCE, "https://a.example/.well-known/oauth-protected-resource/t/1"),
        ("https://a.example:8443?x=1", PROTECTED_RESOURCE, "https://a.example:8443/.well-known/oauth-protected-resource?x=1"),
    ],
)  # fmt: skip
def test_documents_lie_between_host_and_path(identifier: str, name: str, address: str) -> None:
    """RFC 8414, section 3.1; RFC 9728, section 3.1."""
    assert metadata_address(identifier, name) == address


@pytest.mark.parametrize("identifier", ["", "a.example", "https://a.example/#x", "/x"])
def test_identifiers_are_whole_addresses(identifier: str) -> None:
    """Without fragment."""
    with pytest.raises(ValueError, match="identifier"):
        metadata_address(identifier, PROTECTED_RESOURCE)


@pytest.mark.parametrize("error", list(OAuthError))
def test_errors_of_the_token_endpoint(error: OAuthError) -> None:
    """RFC 6749, section 5.2: 401 for a client that is not known, with a challenge where it came by Basic; else 400."""
    answer = error_answer(error, 'No "such"\nclient', basic=True, page="https://docs.example")
    unknown = error is OAuthError.INVALID_CLIENT
    assert answer.status == (401 if unknown else 400)
    assert answer.body == {"error": error, "error_description": "No 'such''client", "error_uri": "https://docs.example"}
    assert dict(answer.headers)["Cache-Control"] == "no-store"
    assert ("WWW-Authenticate" in dict(answer.headers)) is unknown
    assert "WWW-Authenticate" not in dict(error_answer(error, "x").headers)


def test_a_token_is_answered_with_its_scheme() -> None:
    """RFC 6749, section 5.1; RFC 9449, section 5."""
    assert token_answer("t", 600, ("a", "b")).body == {
        "access_token": "t", "token_type": "Bearer", "expires_in": 600, "scope": "a b",
    }  # fmt: skip
    assert token_answer("t", 600, (), bound=True).body["token_type"] == "DPoP"


class Anything(dict[str, Plain]):
    """Facts of every name."""

    def __missing__(self, name: str) -> str:
        return f'"{name}" \\ é'


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_is_told(cause: Cause) -> None:
    """Each has its status, its error of the standards, and a sentence that may stand in a header whatever its facts."""
    told = TOLD[cause]
    assert told.status == (403 if cause in {Cause.INSUFFICIENT_SCOPE, Cause.IDENTITY, Cause.ORIGIN} else 401)
    verdict = Verdict(cause, Anything())
    assert re.fullmatch(r"[ !#-\[\]-~]+", description_of(verdict))
    value = token_challenge(verdict)
    assert re.fullmatch(r'Bearer (\w+="[^"\\]*"(, )?)+', value)
    assert (f'error="{told.error}"' in value) is bool(told.error)


def test_challenges_of_the_standards() -> None:
    """Nothing presented: no error (RFC 6750, section 3.1). A missing scope is named, and the algorithms of proofs."""
    page = "https://api.example/.well-known/oauth-protected-resource"
    assert token_challenge() == 'Bearer realm="mattegate"'
    assert token_challenge(resource_metadata=page) == f'Bearer realm="mattegate", resource_metadata="{page}"'
    lacking = token_challenge(Verdict(Cause.INSUFFICIENT_SCOPE, {"scope": "cutout"}))
    assert 'error="insufficient_scope"' in lacking
    assert 'scope="cutout"' in lacking
    nonce = token_challenge(Verdict(Cause.PROOF_NONCE), scheme="DPoP", algorithms="ES256 EdDSA")
    assert nonce.startswith('DPoP realm="mattegate", error="use_dpop_nonce"')
    assert 'algs="ES256 EdDSA"' in nonce


@given(st.text())
def test_no_sentence_breaks_a_header(sentence: str) -> None:
    """Quotation marks, line ends and other alphabets are replaced."""
    assert re.fullmatch(r"[ !#-\[\]-~]*", described(sentence))
