"""Our own tokens: minted, verified, bound, rotated; and never taken for another kind."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.signing.message import Verdict
from mattegate.signing.tokens.binding import Possession
from mattegate.signing.tokens.causes import Cause
from mattegate.signing.tokens.claims import TokenClaims
from mattegate.signing.tokens.mapping import Bearer, bearer_of
from mattegate.signing.tokens.mint import AccessGrant, BrowserGrant, mint_access, mint_browser
from mattegate.signing.tokens.own import BrowserAllowance, browser_allowance, browser_rules, check_origin, own_rules
from mattegate.signing.tokens.rules import Binding, IdentityRules
from mattegate.signing.tokens.signing_keys import Retired, SigningKey, SigningKeySet
from mattegate.signing.tokens.stated import StatedToken, looks_like_token, read, rules_for
from mattegate.signing.tokens.verify import verify
from tests.signing.token_makers import AUDIENCE, ISSUER, NOW, RULES, b64, claims, ed_signer, segment

ED = SigningKey.from_seed(b"\1" * 32)
ES = SigningKey.from_seed(b"\1" * 32, "ES256")
KEYS = SigningKeySet(ED).verifying(NOW)
ACCESS = own_rules(ISSUER, AUDIENCE, ("cutout", "self"))
BROWSER = browser_rules(ISSUER, AUDIENCE)
GRANT = AccessGrant(ISSUER, AUDIENCE, "id_1", "client-1", ("cutout",))
PAGE = BrowserGrant(ISSUER, AUDIENCE, "id_1", "key-1", "https://shop.example", 20, 50_000_000)


def good(outcome: TokenClaims | Verdict) -> TokenClaims:
    """The claims of a token that must have passed."""
    assert isinstance(outcome, TokenClaims), outcome
    return outcome


@pytest.mark.parametrize("key", [ED, ES, SigningKey.from_seed(b"\1" * 32, "Ed25519")], ids=lambda k: k.public.algorithm)
def test_an_access_token_of_ours_says_what_was_granted(key: SigningKey) -> None:
    """In the shape of RFC 9068, section 2.2, signed by a key that is named by its thumbprint."""
    text = mint_access(key, GRANT, at=NOW + 0.7, token_id="t-1")
    assert text == mint_access(key, GRANT, at=NOW + 0.7, token_id="t-1")
    token = good(verify(text, SigningKeySet(key).verifying(NOW), ACCESS, at=NOW + 1))
    assert dict(token.members) == {
        "iss": ISSUER, "sub": "id_1", "aud": AUDIENCE, "exp": NOW + 600, "iat": NOW, "jti": "t-1",
        "client_id": "client-1", "scope": "cutout",
    }  # fmt: skip
    assert (token.typ, token.key_id) == ("at+jwt", key.public.thumbprint)
    assert bearer_of(token, ACCESS.identity) == Bearer("id_1", "", ("cutout",))


def test_a_bound_token_of_ours_is_held_to_it() -> None:
    """Bound to a key when it is minted, and worth nothing without it."""
    key = b64(sha256(b"key").digest())
    text = mint_access(ED, replace(GRANT, bound_to=Possession(key=key)), at=NOW, token_id="t")
    rules = own_rules(ISSUER, AUDIENCE, ("cutout",), binding=Binding.DPOP)
    assert good(verify(text, KEYS, rules, at=NOW, possession=Possession(key=key))).confirmation.key == key
    bare = verify(text, KEYS, ACCESS, at=NOW)
    assert isinstance(bare, Verdict)
    assert bare.code == Cause.BINDING_MISSING


def test_a_browser_token_of_ours_allows_what_was_bought() -> None:
    """From one page, for so many images and pixels, for ten minutes at most."""
    token = good(verify(mint_browser(ED, PAGE, at=NOW, token_id="b-1"), KEYS, BROWSER, at=NOW))
    allowance = browser_allowance(token)
    expected = BrowserAllowance("b-1", "id_1", "key-1", "https://shop.example", 20, 50_000_000, NOW + 600)
    assert allowance == expected
    assert check_origin(expected, "https://shop.example").good
    for origin in ("", "null", "https://shop.example.evil.example", "http://shop.example", "https://SHOP.example"):
        assert check_origin(expected, origin).code == Cause.ORIGIN


def test_no_kind_of_token_passes_for_another() -> None:
    """Access token, browser token, ID token and assertion, signed by the same key."""
    access, browser = mint_access(ED, GRANT, at=NOW, token_id="a"), mint_browser(ED, PAGE, at=NOW, token_id="b")
    for text, rules in ((browser, ACCESS), (access, BROWSER)):
        outcome = verify(text, KEYS, rules, at=NOW)
        assert isinstance(outcome, Verdict)
        assert outcome.code == Cause.TYP
    assert isinstance(browser_allowance(good(verify(access, KEYS, ACCESS, at=NOW))), Verdict)


@pytest.mark.parametrize(
    "wrong",
    [{"images": 0}, {"pixels": 0}, {"pixels": 2**53}, {"lifetime_s": 0}, {"lifetime_s": 601}, {"origin": "*"},
     {"origin": "null"}, {"origin": ""}, {"origin": "https://shop.example/"}, {"origin": "https://Shop.example"}],
    ids=str,
)  # fmt: skip
def test_a_browser_token_always_has_bounds(wrong: dict[str, object]) -> None:
    """Nothing that bounds nothing is minted."""
    with pytest.raises(ValueError, match=r"."):
        mint_browser(ED, replace(PAGE, **wrong), at=NOW, token_id="b")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changed", [{"mg_images": 0}, {"mg_images": True}, {"mg_pixels": "9"}, {"mg_origin": 1}, {"jti": ...}]
)
def test_a_browser_token_without_bounds_allows_nothing(changed: dict[str, object]) -> None:
    """Even one that our own key signed."""
    signer = ed_signer()
    particulars = {"mg_origin": "https://a.example", "mg_images": 1, "mg_pixels": 1, **changed}
    text = signer.token(claims(**particulars), {"typ": "mattegate-browser+jwt"})
    assert isinstance(browser_allowance(good(verify(text, signer.keys, BROWSER, at=NOW))), Verdict)


@pytest.mark.parametrize("lifetime_s", [0, -1, 3601])
def test_an_access_token_lives_an_hour_at_most(lifetime_s: int) -> None:
    """And at least a second."""
    with pytest.raises(ValueError, match="lifetime"):
        mint_access(ED, replace(GRANT, lifetime_s=lifetime_s), at=NOW, token_id="t")


def test_keys_change_without_a_gap() -> None:
    """The new one signs, the old one is retired: a token of either verifies, until the old key is gone."""
    second = SigningKey.from_seed(b"\2" * 32, "ES256")
    rotated = SigningKeySet(second, (Retired(ED.public, NOW + 700),))
    assert [key["kid"] for key in rotated.public_jwks(NOW)["keys"]] == [second.public.kid, ED.public.kid]
    old = mint_access(ED, GRANT, at=NOW - 1, token_id="old")
    assert good(verify(old, rotated.verifying(NOW + 598), ACCESS, at=NOW + 598)).token_id == "old"
    gone = verify(old, rotated.verifying(NOW + 701), replace(ACCESS, leeway_s=999), at=NOW + 701)
    assert isinstance(gone, Verdict)
    assert gone.code == Cause.UNKNOWN_KEY
    assert len(rotated.public_jwks(NOW + 701)["keys"]) == 1


def test_nothing_private_is_published_or_shown() -> None:
    """Neither in the key set nor in any text of the values."""
    keys = SigningKeySet(ED, (Retired(ES.public, NOW + 1),))
    for published in keys.public_jwks(NOW)["keys"]:
        assert not published.keys() & {"d", "k", "p", "q"}
        assert published["use"] == "sig"
    assert (b"\1" * 32).hex() not in repr(keys)
    assert "PrivateKey" not in repr(keys)
    with pytest.raises(ValueError, match="32 bytes"):
        SigningKey.from_seed(b"short")


GOOD = ed_signer().token()
OURS = "sk_prod_0123456789AB_0123456789abcdefghijklmnopqrstuvWXYZ01"


@pytest.mark.parametrize(
    ("text", "token"),
    [
        (GOOD, True), (f"{segment({'alg': 'none'})}.e30.", True), ("eyJhbGciOiI.e30.", True), (OURS, False),
        ("SG.ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf", False), (f" {GOOD}", False), (f"{GOOD} x", False),
        ("e30.e30.", False), ("eyJhbGc.e30.", False), ("", False),
    ],
)  # fmt: skip
def test_tokens_are_parted_from_api_keys(text: str, token: bool) -> None:
    """By their looks: three segments, the first of which is a header, or the beginning of one."""
    assert looks_like_token(text) is token


@given(st.text())
def test_looking_never_raises(text: str) -> None:
    """Whatever stands in the header; and it is no token by chance."""
    assert looks_like_token(text) is False
    assert isinstance(read(text), Verdict)


def test_what_a_token_states_is_cut_and_printable() -> None:
    """It goes into the record, so it is bounded and cannot forge lines of a log; no other claim is kept."""
    stated = read(ed_signer().token(claims(iss="a\n\x1b" + "b" * 400, exp="soon"), {"kid": "k" * 400}))
    assert isinstance(stated, StatedToken)
    assert stated == StatedToken("a\ufffd\ufffd" + "b" * 253, "k" * 256, "EdDSA", "at+jwt")
    late = read(ed_signer().token())
    assert isinstance(late, StatedToken)
    assert late.expires == NOW + 300
    for strange in (True, 1e300, None, [1]):
        other = read(ed_signer().token(claims(exp=strange)))
        assert isinstance(other, StatedToken)
        assert other.expires is None


def test_the_issuer_and_the_type_choose_the_rules() -> None:
    """An issuer that is not trusted has none."""
    trusted = [RULES, ACCESS, BROWSER]
    for typ, rules in (("at+jwt", RULES), ("mattegate-browser+jwt", BROWSER), ("other", RULES)):
        assert rules_for(StatedToken(ISSUER, "", "EdDSA", typ), trusted) is rules
    unknown = rules_for(StatedToken("https://evil.example", "", "EdDSA", "at+jwt"), trusted)
    assert isinstance(unknown, Verdict)
    assert unknown.code == Cause.ISSUER


MAPPED = IdentityRules(
    known={"user-7": "id_7"},
    prefix="idp:",
    default_tier="free",
    scopes={"bg.cutout": ("cutout",), "bg.all": ("cutout", "self")},
    role_claims=("roles", "realm_access.roles", "https://x.example/roles"),
    tiers=(("gold", "enterprise"), ("silver", "pro")),
)
MAPPINGS: list[tuple[dict[str, object], Bearer]] = [
    ({}, Bearer("id_7", "free", ("cutout",))),
    ({"sub": "user-8"}, Bearer("idp:user-8", "free", ("cutout",))),
    ({"scope": "bg.all admin *"}, Bearer("id_7", "free", ("cutout", "self"))),
    ({"scope": ..., "scp": ["bg.all", 7]}, Bearer("id_7", "free", ("cutout", "self"))),
    ({"scope": {"bg.all": 1}}, Bearer("id_7", "free", ())),
    ({"roles": ["silver", "gold"]}, Bearer("id_7", "enterprise", ("cutout",), ("silver", "gold"))),
    ({"realm_access": {"roles": ["silver"]}}, Bearer("id_7", "pro", ("cutout",), ("silver",))),
    ({"https://x.example/roles": "gold"}, Bearer("id_7", "enterprise", ("cutout",), ("gold",))),
    ({"realm_access": "roles"}, Bearer("id_7", "free", ("cutout",))),
]


@pytest.mark.parametrize(("changed", "bearer"), MAPPINGS, ids=str)
def test_the_words_of_an_issuer_become_ours(changed: dict[str, object], bearer: Bearer) -> None:
    """By the rules and by nothing else: a scope, tier or identity that no rule names does not come about."""
    signer = ed_signer()
    assert bearer_of(good(verify(signer.token(claims(**changed)), signer.keys, RULES, at=NOW)), MAPPED) == bearer


def test_whom_nobody_knows_is_nobody() -> None:
    """Without a prefix for strangers, and where the claim that tells who is missing or no text."""
    signer = ed_signer()
    token = good(verify(signer.token(claims(email=7)), signer.keys, RULES, at=NOW))
    for rules, reason in (
        (IdentityRules(), Cause.IDENTITY),
        (IdentityRules("missing", prefix="a:"), Cause.IDENTITY),
        (IdentityRules("email", prefix="a:"), Cause.MALFORMED),
    ):
        outcome = bearer_of(token, rules)
        assert isinstance(outcome, Verdict)
        assert outcome.code == reason
    for prefix in ("idp", ":"):
        with pytest.raises(ValueError, match="colon"):
            IdentityRules(prefix=prefix)
