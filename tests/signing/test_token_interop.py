"""Our reader against a library that was written by others, in both directions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from mattegate.signing.tokens.claims import TokenClaims
from mattegate.signing.tokens.mint import AccessGrant, mint_access
from mattegate.signing.tokens.signing_keys import SigningKey, SigningKeySet
from mattegate.signing.tokens.verify import verify
from tests.signing.token_makers import AUDIENCE, ISSUER, NOW, RULES, claims, ed_signer, published, rsa_key

RSA = RSAKey.import_key(rsa_key())
THEIRS: list[tuple[str, RSAKey | ECKey | OKPKey]] = [
    ("RS256", RSA),
    ("PS256", RSA),
    ("ES256", ECKey.generate_key("P-256")),
    ("Ed25519", OKPKey.generate_key("Ed25519")),
]


@pytest.mark.parametrize(("algorithm", "key"), THEIRS, ids=[name for name, _ in THEIRS])
def test_their_tokens_verify_here(algorithm: str, key: RSAKey | ECKey | OKPKey) -> None:
    """Signed and published by the other library."""
    text = jwt.encode({"alg": algorithm, "typ": "at+jwt"}, claims(), key, algorithms=[algorithm])
    public: dict[str, Any] = dict(key.as_dict(private=False))
    outcome = verify(text, published(public), RULES, at=NOW)
    assert isinstance(outcome, TokenClaims)
    assert outcome.subject == "user-7"


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("algorithm", ["EdDSA", "Ed25519", "ES256"])
def test_our_tokens_verify_there(algorithm: Any) -> None:
    """Signed by us, verified by the other library with the key set that we publish."""
    key = SigningKey.from_seed(b"\1" * 32, algorithm)
    text = mint_access(key, AccessGrant(ISSUER, AUDIENCE, "id_1", "c", ("cutout",)), at=NOW, token_id="t")
    keys = KeySet.import_key_set({"keys": [dict(one) for one in SigningKeySet(key).public_jwks(NOW)["keys"]]})
    token = jwt.decode(text, keys, algorithms=[algorithm])
    assert token.claims["sub"] == "id_1"
    assert token.header["typ"] == "at+jwt"


@given(st.integers(0, 600), st.sampled_from("AZaz09-_.=+/ \n"))
def test_what_passes_here_passes_there(at: int, letter: str) -> None:
    """With one letter changed to any other, put in, or left as it is: we never take what the other library refuses."""
    signer = ed_signer("Ed25519")
    good = signer.token()
    at %= len(good)
    key = OKPKey.import_key(dict(signer.jwk))
    for text in (good[:at] + letter + good[at + 1 :], good[:at] + letter + good[at:], good):
        if isinstance(verify(text, signer.keys, RULES, at=NOW), TokenClaims):
            jws.deserialize_compact(text.encode(), key, algorithms=["Ed25519"])


def test_why_the_library_alone_would_not_do() -> None:
    """It takes a claim that stands twice, which another reader may read the other way."""
    signer = ed_signer("Ed25519")
    text = signer.token('{"iss": "https://id.example", "sub": "a", "sub": "b"}')
    key = OKPKey.import_key(dict(signer.jwk))
    try:
        read = jwt.decode(text, key, algorithms=["Ed25519"]).claims["sub"]
    except JoseError:  # a later release may refuse it as well
        read = ""
    assert read in {"a", "b", ""}
    assert not isinstance(verify(text, signer.keys, RULES, at=NOW), TokenClaims)
