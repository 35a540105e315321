"""What requests present as credentials, and every way in which people get it slightly wrong."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import shake_256
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.signing.credentials import MOST, NOTHING, Presentation, present
from mattegate.signing.keys import BODY_LENGTH, mint
from mattegate.signing.shape import judge
from mattegate.vocabulary.attempt import Channel, Flaw, Presented
from mattegate.vocabulary.rulebook import CredentialRules

MINTED = mint("sk_prod_", lambda count: shake_256(b"prod").digest(count))
KEY = MINTED.text
TEST_KEY = mint("sk_test_", lambda count: shake_256(b"test").digest(count)).text
BODY = KEY[-BODY_LENGTH:]
GUIDE = "RMBG-PROD-abc123XYZ"
"""The key of the published guide."""

OURS = CredentialRules()
"""Keys of our own making only."""
PROD = CredentialRules(environments=("prod",))
IMPORTED = CredentialRules(foreign_prefixes=("RMBG-PROD-",), environments=("prod",))
"""The keys of the published guide were brought along."""
ANY = CredentialRules(foreign_keys=True)
"""Keys without any common beginning were brought along."""
EVERY_RULES = (OURS, PROD, IMPORTED, ANY)


def asked(value: str | bytes, rules: CredentialRules = OURS, *, name: bytes = b"authorization") -> Presented:
    """What one header presents; its secret is handed out only where nothing is wrong with it."""
    raw = value.encode() if isinstance(value, str) else value
    presentation = present([(b"host", b"x"), (name, raw), (b"accept", b"*/*")], b"", rules)
    (one,), (secret,) = presentation.presented, presentation.secrets
    assert bool(secret) == (one.flaw is Flaw.NONE)
    return one


def basic(user: str, password: str) -> str:
    """The header that curl -u makes."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def test_a_request_without_a_credential_presents_nothing() -> None:
    """Other headers and an ordinary query are none."""
    assert present([(b"host", b"x"), (b"cookie", b"key=1")], b"model=u2net&format=png", OURS) is NOTHING
    assert present([], b"", OURS) is NOTHING


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
@pytest.mark.parametrize("rules", EVERY_RULES)
def test_a_bearer_key_is_read_under_every_spelling_of_the_scheme(scheme: str, rules: CredentialRules) -> None:
    """RFC 9110, section 11.1: a scheme is the same in capitals and small letters."""
    presentation = present([(b"authorization", f"{scheme} {KEY}".encode())], b"", rules)
    assert presentation.presented == (
        Presented(Channel.BEARER, Flaw.NONE, "sk_prod_", "prod", MINTED.id, scheme, len(KEY)),
    )
    assert presentation.secrets == (KEY,)


@pytest.mark.parametrize(
    ("name", "value", "channel"),
    [
        (b"x-api-key", KEY, Channel.API_KEY),
        (b"authorization", basic("", KEY), Channel.BASIC),
        (b"authorization", basic("me", KEY), Channel.BASIC),
        (b"authorization", basic(KEY, ""), Channel.BASIC),
        (b"authorization", basic("me", KEY).replace("Basic", "basic"), Channel.BASIC),
    ],
)
def test_other_channels(name: bytes, value: str, channel: Channel) -> None:
    """X-API-Key, and Basic with the key as password or alone."""
    one = asked(value, name=name)
    assert (one.channel, one.flaw, one.key_id, one.length) == (channel, Flaw.NONE, MINTED.id, len(KEY))


@pytest.mark.parametrize(
    ("value", "flaw", "prefix"),
    [
        (f"Bearer {GUIDE}", Flaw.NONE, "RMBG-PROD-"),
        (f"bearer {GUIDE}", Flaw.NONE, "RMBG-PROD-"),
        ("Bearer rmbg-prod-abc123xyz", Flaw.CASE, "RMBG-PROD-"),
        ("Bearer Rmbg-Prod-abc123XYZ", Flaw.CASE, "RMBG-PROD-"),
        ("Bearer abc123XYZ", Flaw.PREFIX, "RMBG-PROD-"),
        ("Bearer PROD-abc123XYZ", Flaw.PREFIX, "RMBG-PROD-"),
        ("Bearer RMBG-LIVE-abc123XYZ", Flaw.PREFIX, "RMBG-PROD-"),
        ("Bearer RMBG-TEST-abc123XYZ", Flaw.ENVIRONMENT, "RMBG-PROD-"),
        ("Bearer RMBG-PROD-", Flaw.MALFORMED, "RMBG-PROD-"),
        ("Token abc123XYZ", Flaw.SCHEME, ""),
        (f"Token {GUIDE}", Flaw.SCHEME, ""),
        (f"Bearer  {GUIDE}", Flaw.SPACES, ""),
        (f"Bearer {GUIDE} x", Flaw.SPACES, ""),
        (f"Bearer {GUIDE} ", Flaw.SPACES, ""),
        (f"Bearer\t{GUIDE}", Flaw.SPACES, ""),
        (f'Bearer "{GUIDE}"', Flaw.QUOTES, ""),
        ("Bearer", Flaw.EMPTY, ""),
        ("Bearer ", Flaw.EMPTY, ""),
        (f"Bearer {KEY}", Flaw.NONE, "sk_prod_"),
    ],
)
def test_every_near_miss_of_the_published_guide_gets_its_own_hint(value: str, flaw: Flaw, prefix: str) -> None:
    """Small letters, a missing prefix, the wrong scheme, spaces, quotes: each is told apart."""
    one = asked(value, IMPORTED)
    assert (one.flaw, one.prefix) == (flaw, prefix)


@pytest.mark.parametrize(
    ("text", "flaw", "prefix", "environment"),
    [
        (KEY.upper(), Flaw.CASE, "sk_prod_", "prod"),
        ("SK_PROD_" + BODY, Flaw.CASE, "sk_prod_", "prod"),
        (BODY, Flaw.PREFIX, "sk_prod_", "prod"),
        ("_" + BODY, Flaw.PREFIX, "sk_prod_", "prod"),
        ("prod_" + BODY, Flaw.PREFIX, "sk_prod_", "prod"),
        ("sk_prd_" + BODY, Flaw.PREFIX, "sk_prod_", "prod"),
        (TEST_KEY[-BODY_LENGTH:], Flaw.PREFIX, "sk_test_", "test"),
        (KEY[:-1], Flaw.CHECKSUM, "sk_prod_", "prod"),
        (KEY + "a", Flaw.CHECKSUM, "sk_prod_", "prod"),
        (KEY[:-6] + "000000", Flaw.CHECKSUM, "sk_prod_", "prod"),
        (KEY.lower(), Flaw.CHECKSUM, "sk_prod_", "prod"),
        ("sk_test_" + BODY, Flaw.CHECKSUM, "sk_test_", "test"),
        ("sk_prod_", Flaw.MALFORMED, "sk_prod_", "prod"),
        (KEY[:30], Flaw.MALFORMED, "sk_prod_", "prod"),
        (KEY + KEY, Flaw.MALFORMED, "sk_prod_", "prod"),
        ("sk_staging_" + BODY, Flaw.PREFIX, "sk_prod_", "prod"),
        ("sk_dev_abc", Flaw.ENVIRONMENT, "sk_prod_", "dev"),
        ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", Flaw.PREFIX, "sk_prod_", ""),
        ("abc123XYZ", Flaw.MALFORMED, "", ""),
        ("$API_KEY", Flaw.MALFORMED, "", ""),
        ("ключ", Flaw.MALFORMED, "", ""),
        ("sk_prod_\u0663" + KEY[9:], Flaw.CHECKSUM, "sk_prod_", "prod"),
    ],
)
def test_what_can_be_wrong_with_a_key_of_ours(text: str, flaw: Flaw, prefix: str, environment: str) -> None:
    """The hint names the prefix that the key has or should have; the checksum proves which one it lost."""
    for name, value in (
        (b"authorization", f"Bearer {text}"),
        (b"x-api-key", text),
        (b"authorization", basic("", text)),
    ):
        one = asked(value, name=name)
        assert (one.flaw, one.prefix, one.environment) == (flaw, prefix, environment)
        assert (one.key_id, one.length) == ("", len(text))


@pytest.mark.parametrize(
    ("text", "environment"), [(TEST_KEY, "test"), ("sk_staging_abc", "staging"), ("sk_SANDBOX_abcdefgh", "sandbox")]
)
def test_a_key_of_another_environment_is_told_where_it_belongs(text: str, environment: str) -> None:
    """Staging's key sent to production: the answer names both."""
    one = judge(text, PROD)
    assert (one.flaw, one.prefix, one.environment) == (Flaw.ENVIRONMENT, "sk_prod_", environment)


def test_a_key_from_elsewhere_may_be_of_another_environment_too() -> None:
    """Both of its prefixes are known, one environment is served."""
    rules = CredentialRules(foreign_prefixes=("RMBG-TEST-", "RMBG-PROD-"), environments=("prod",))
    assert judge("RMBG-TEST-abc", rules).flaw is Flaw.ENVIRONMENT
    assert judge("RMBG-TEST-abc", rules).prefix == "RMBG-PROD-"
    assert judge("abc123XYZ", rules).prefix == "RMBG-PROD-"
    assert judge("RMBG-PROD-abc", rules).flaw is Flaw.NONE


def test_words_for_the_same_environment_are_one() -> None:
    """A key that says live belongs to production, whatever production is called here."""
    rules = CredentialRules(prefixes=(("sk_live_", "live"),), foreign_prefixes=("X-PROD-",), environments=("live",))
    assert judge("X-PROD-abc", rules) == judge("X-PROD-def", rules)
    assert (judge("X-PROD-abc", rules).flaw, judge("X-PROD-abc", rules).environment) == (Flaw.NONE, "live")


@pytest.mark.parametrize("text", ["abc123XYZ", "correct-horse", "a" * 512, "!~/+=", KEY[:30], "sk_live_51Habc", GUIDE])
def test_where_any_key_was_brought_along_a_strange_one_may_be_it(text: str) -> None:
    """Such a key has no shape to judge by, so it is looked up."""
    presentation = present([(b"x-api-key", text.encode())], b"", ANY)
    assert presentation.presented[0].flaw is Flaw.NONE
    assert presentation.presented[0].key_id == ""
    assert presentation.secrets == (text,)


@pytest.mark.parametrize("text", ["a" * 513, "ключ", "a\x00b", "\xff\xfe"])
def test_what_cannot_be_a_key_anywhere_is_not_looked_up(text: str) -> None:
    """Control characters, other scripts and novels."""
    assert asked(text, ANY, name=b"x-api-key").flaw is Flaw.MALFORMED


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        (KEY[:-1] + ("a" if KEY[-1] != "a" else "b"), Flaw.CHECKSUM),
        (KEY[:-1], Flaw.CHECKSUM),
        (BODY, Flaw.PREFIX),
        ("sk_prpd_" + BODY, Flaw.PREFIX),
        ("SK_PROD_" + BODY, Flaw.CASE),
    ],
)
def test_mistakes_in_our_own_keys_are_told_even_among_strange_ones(text: str, flaw: Flaw) -> None:
    """The checksum and the shape are proof enough that it was one of ours."""
    assert judge(text, ANY).flaw is flaw


def test_one_prefix_may_serve_our_keys_and_those_brought_along() -> None:
    """Who imports sk_prod_ keys goes on making sk_prod_ keys: the checksum tells them apart."""
    rules = CredentialRules(foreign_prefixes=("sk_prod_",))
    assert judge(KEY, rules).key_id == MINTED.id
    assert judge("sk_prod_" + "a" * BODY_LENGTH, rules).flaw is Flaw.NONE
    assert judge(KEY[:-1], rules).flaw is Flaw.CHECKSUM


def test_a_mistake_in_the_prefix_is_told_under_a_foreign_prefix_too() -> None:
    """A short prefix from elsewhere hides no mistake in ours: the checksum proves it."""
    look = judge("sk_prpd_" + BODY, CredentialRules(foreign_prefixes=("sk_",)))
    assert (look.flaw, look.prefix) == (Flaw.PREFIX, "sk_prod_")


def test_the_longest_prefix_counts() -> None:
    """One prefix may begin with another."""
    rules = CredentialRules(prefixes=(("sk_", "prod"), ("sk_test_", "test")))
    for prefix, environment in rules.prefixes:
        minted = mint(prefix)
        look = judge(minted.text, rules)
        assert (look.flaw, look.prefix, look.environment) == (Flaw.NONE, prefix, environment)
        assert judge(minted.text[:-1], rules).environment == environment


@pytest.mark.parametrize(
    "wrapped",
    [
        '"{}"', "'{}'", "`{}`", "“{}”", "‘{}’", "„{}“", "«{}»", '"{}', "{}'", "%22{}%22", "%27{}%27", "&quot;{}&quot;",
        '\\"{}\\"', "\\u0022{}\\u0022", "%E2%80%9C{}%E2%80%9D", ' "{}" ', '" {} "',
    ],
)  # fmt: skip
@pytest.mark.parametrize("text", [KEY, GUIDE])
def test_quotation_marks_of_every_kind(wrapped: str, text: str) -> None:
    """Straight, curly, backticks, encoded; left there by a shell, an .env file or a word processor."""
    value = wrapped.format(text)
    for rules in EVERY_RULES:
        assert asked(value, rules, name=b"x-api-key").flaw is Flaw.QUOTES
        assert asked(f"Bearer {value}", rules).flaw in {Flaw.QUOTES, Flaw.SPACES}
        assert asked(basic("", value), rules).flaw is Flaw.QUOTES
        assert asked(wrapped.strip().format(f"Bearer {text}"), rules).flaw in {Flaw.QUOTES, Flaw.SCHEME}


@pytest.mark.parametrize(
    "wrapped",
    [" {}", "{} ", "{}\t", "{}\r\n", "\u00a0{}", "{}\u00a0", "{}\u200b", "\ufeff{}", "%20{}", "{}%0A", "{} {}", "a {}"],
)
def test_spaces_of_every_kind(wrapped: str) -> None:
    """Blanks, tabs, line ends, non-breaking and zero-width ones, and encoded ones."""
    value = wrapped.format(KEY, KEY)
    for rules in EVERY_RULES:
        assert asked(value, rules, name=b"x-api-key").flaw is Flaw.SPACES
        assert asked(f"Bearer {value}", rules).flaw is Flaw.SPACES
        assert asked(value.encode("utf-8"), rules, name=b"x-api-key").flaw is Flaw.SPACES


def test_a_latin_1_space_is_a_space() -> None:
    """Some clients send the non-breaking space as one byte."""
    assert asked(b"Bearer \xa0" + KEY.encode()).flaw is Flaw.SPACES


@pytest.mark.parametrize(
    "value", ["", " ", "Bearer", "bearer ", "Bearer   ", "Basic", "Basic ", basic("", ""), 'Bearer ""']
)
def test_nothing_after_the_scheme(value: str) -> None:
    """The variable that should hold the key is not set."""
    assert asked(value).flaw is Flaw.EMPTY


@pytest.mark.parametrize(("value", "flaw"), [("", Flaw.EMPTY), ("  ", Flaw.EMPTY), ("''", Flaw.EMPTY)])
def test_an_empty_api_key_header(value: str, flaw: Flaw) -> None:
    """The header is there and says nothing."""
    assert asked(value, name=b"x-api-key").flaw is flaw


@pytest.mark.parametrize(
    ("value", "scheme"),
    [
        (f"Token {KEY}", "Token"),
        (f"ApiKey {KEY}", "ApiKey"),
        (f"Api-Key: {KEY}", "Api-Key:"),
        (f"Bearer: {KEY}", "Bearer:"),
        (f"Bearer:{KEY}", "Bearer:"),
        (f"ApiKey={KEY}", "ApiKey="),
        (f"Bearer Bearer {KEY}", "Bearer Bearer"),
        (f"Baerer {KEY}", "Baerer"),
        ("Digest username=x", "Digest"),
        ("Token", "Token"),
        (KEY, ""),
        (f"{KEY} x", ""),
        (f"x {KEY}", ""),
        (BODY, ""),
        (GUIDE, ""),
        ("abc123XYZ", ""),
        ("hunter two", ""),
        ("Tokenabc123XYZ", ""),
        ("key-abc123XYZ", ""),
    ],
)
def test_other_schemes_are_named_and_bare_keys_are_not(value: str, scheme: str) -> None:
    """The hint repeats a scheme only where it is one for sure; a bare key goes nowhere."""
    one = asked(value, IMPORTED)
    assert (one.channel, one.flaw, one.scheme) == (Channel.AUTHORIZATION, Flaw.SCHEME, scheme)


@pytest.mark.parametrize("value", [f"Bearer{KEY}", f"Bearer%20{KEY}", f"bearer+{KEY}", f"Bearer\u00a0{KEY}"])
def test_a_missing_or_encoded_space_after_the_scheme(value: str) -> None:
    """The space was forgotten, encoded, or copied from a web page."""
    assert asked(value).flaw is Flaw.SPACES


@pytest.mark.parametrize("value", ["Basic !!!", "Basic a", "Basic " + b64encode(KEY.encode()).decode(), "Basic é"])
def test_basic_that_is_not_basic(value: str) -> None:
    """Not base 64, or no colon in it (RFC 7617, section 2)."""
    assert (asked(value).channel, asked(value).flaw) == (Channel.BASIC, Flaw.MALFORMED)


def test_two_spaces_after_basic() -> None:
    """The same rule as for Bearer."""
    assert asked(basic("", KEY).replace(" ", "  ")).flaw is Flaw.SPACES


@pytest.mark.parametrize(
    "name", ["api_key", "apikey", "key", "token", "access_token", "x-api-key", "API_KEY", "api%5Fkey"]
)
def test_a_key_in_the_address_is_leaked(name: str) -> None:
    """It is never accepted, but told apart so that the key can be replaced; the text is there to find whose it is."""
    for text in (KEY, TEST_KEY, GUIDE, "abc123XYZ"):
        query = f"size=4k&{name}={quote(text)}&x"
        presentation = present([], query.encode(), IMPORTED)
        assert [(one.channel, one.flaw) for one in presentation.presented] == [(Channel.QUERY, Flaw.IN_QUERY)]
        assert presentation.secrets == (text,)
        assert presentation.presented[0].key_id == (MINTED.id if text is KEY else presentation.presented[0].key_id)


@pytest.mark.parametrize("query", [f"{KEY}", f"q={KEY}", f"q={quote(KEY).replace('_', '%5f')}", f"q={GUIDE}"])
def test_a_key_in_the_address_is_seen_under_any_name(query: str) -> None:
    """A known prefix is enough."""
    (one,) = present([], query.encode(), IMPORTED).presented
    assert one.flaw is Flaw.IN_QUERY


@pytest.mark.parametrize("query", ["key=", "token", "monkey=1&keyboard=2", "model=key", "&&=&=x", "size=4k;key=x"])
def test_other_queries_hold_no_key(query: str) -> None:
    """An empty parameter or a longer name is no credential."""
    assert present([], query.encode(), OURS) is NOTHING


def test_two_credentials_are_two() -> None:
    """Nothing is guessed: both channels, both headers of a doubled one (alike or not), and the address."""
    bearer, api_key = (b"authorization", f"Bearer {KEY}".encode()), (b"x-api-key", TEST_KEY.encode())
    headers: Sequence[tuple[bytes, bytes]] = (bearer, bearer, api_key, api_key)
    presentation = present(headers, b"token=" + GUIDE.encode(), IMPORTED)
    channels = [Channel.BEARER, Channel.BEARER, Channel.API_KEY, Channel.API_KEY, Channel.QUERY]
    assert [one.channel for one in presentation.presented] == channels
    assert presentation.secrets == (KEY, KEY, "", "", GUIDE)


def test_a_thousand_credentials_are_a_few() -> None:
    """What is stored of a hostile request stays small."""
    for headers, query in (([(b"x-api-key", b"a")] * 1000, b""), ([], b"key=a&" * 5000)):
        presentation = present(headers, query, OURS)
        assert len(presentation.presented) == len(presentation.secrets) == MOST


def test_the_secrets_of_a_presentation_are_not_printed() -> None:
    """A log line or a traceback that shows the value shows no key."""
    presentation = present([(b"x-api-key", KEY.encode())], b"", OURS)
    assert presentation.secrets == (KEY,)
    assert KEY[22:27] not in repr(presentation)


@given(st.binary(max_size=8), st.integers(0, 200), st.characters(exclude_categories=["Cs"]))
def test_one_wrong_character_is_always_some_flaw(seed: bytes, at: int, wrong: str) -> None:
    """Whatever single character of a key is changed, it is refused by its looks, without a look-up."""
    text = mint("sk_prod_", lambda count: shake_256(seed + bytes([count])).digest(count)).text
    at %= len(text)
    if text[at] != wrong:
        look = judge(text[:at] + wrong + text[at + 1 :], OURS)
        assert look.flaw is not Flaw.NONE
        if at >= 8 and wrong.isascii() and wrong.isalnum():
            assert look.flaw is Flaw.CHECKSUM


_PIECES = st.sampled_from(
    [
        *(
            "Bearer",
            "Basic",
            "Token",
            "key",
            "authorization",
            " ",
            "  ",
            "\t",
            ":",
            "=",
            "&",
            '"',
            "'",
            "%22",
            "%20",
            "+",
        ),
        *(
            KEY,
            BODY,
            KEY[:30],
            KEY[30:],
            KEY[22:27],
            KEY[21:33],
            KEY.upper(),
            "sk_prod_",
            "RMBG-TEST-",
            MINTED.id,
            "é",
            "\x00",
        ),
        *(
            b64encode(f":{KEY}".encode()).decode(),
            b64encode(KEY.encode()).decode(),
            KEY[21:],
            "sk_test_" + KEY[21:33] + "_",
        ),
    ]
)
_TEXTS = st.lists(_PIECES, max_size=6).map("".join)
_HEADERS = st.lists(
    st.tuples(
        st.sampled_from([b"authorization", b"x-api-key", b"host"]),
        st.one_of(st.binary(max_size=80), _TEXTS.map(str.encode), _TEXTS.map(lambda text: b"Bearer " + text.encode())),
    ),
    max_size=4,
)
_QUERIES = st.one_of(st.binary(max_size=80), _TEXTS.map(str.encode), _TEXTS.map(lambda text: b"token=" + text.encode()))


@given(_HEADERS, _QUERIES, st.sampled_from(EVERY_RULES))
def test_whatever_is_sent_nothing_is_raised_and_nothing_secret_is_kept(
    headers: list[tuple[bytes, bytes]], query: bytes, rules: CredentialRules
) -> None:
    """Random bytes, and the key in pieces at every wrong place: five characters of its secret are never kept."""
    presentation = present(headers, query, rules)
    assert len(presentation.presented) == len(presentation.secrets) <= MOST
    secret, shown = KEY[21:], repr(presentation.presented).casefold()
    encoded = b64encode(f":{KEY}".encode()).decode()
    for text in (secret, encoded):
        assert all(text[at : at + 5].casefold() not in shown for at in range(len(text) - 4))
    assert all(len(one.scheme) <= 32 for one in presentation.presented)
    _no_secret_where_it_is_flawed(presentation)


def _no_secret_where_it_is_flawed(presentation: Presentation) -> None:
    for one, secret in zip(presentation.presented, presentation.secrets, strict=True):
        assert bool(secret) == (one.flaw in {Flaw.NONE, Flaw.IN_QUERY})
        assert one.flaw is not Flaw.NONE or secret.isascii()


@given(st.text("abcdefghijklmnop0123456789XYZ", min_size=12, max_size=40), _TEXTS)
def test_a_key_without_shape_is_not_kept_either(secret: str, around: str) -> None:
    """The whole of a key from elsewhere is secret, wherever in the header it stands."""
    for value in (
        secret,
        f"{secret} x",
        f"x {secret}",
        f"Bearer {secret}",
        f"{secret}{around}",
        f"Bearer {around}{secret}",
    ):
        shown = repr(present([(b"authorization", value.encode())], value.encode(), ANY).presented)
        assert secret[:12] not in shown


@pytest.mark.parametrize(
    ("headers", "query", "channel", "scheme"),
    [
        ([(b"authorization", b"Bearer eyJhbGciOiJFUzI1NiJ9.e30.AA")], b"", Channel.TOKEN, "Bearer"),
        ([(b"authorization", b"dpop eyJhbGciOiJFUzI1NiJ9.e30.AA")], b"", Channel.DPOP, "dpop"),
        (
            [(b"authorization", b"AWS4-HMAC-SHA256 Credential=a/20260101/r/s/aws4_request")],
            b"",
            Channel.SIGNATURE,
            "sigv4",
        ),
        ([(b"x-key-id", b"k"), (b"x-signature", b"v1=00")], b"", Channel.SIGNATURE, "hmac"),
        ([(b"signature-input", b"a=()"), (b"signature", b"a=::")], b"", Channel.SIGNATURE, "rfc9421"),
        ([], b"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00", Channel.PRESIGNED, "sigv4"),
    ],
)
def test_strong_credentials_are_told_by_where_they_stand(
    headers: list[tuple[bytes, bytes]], query: bytes, channel: Channel, scheme: str
) -> None:
    """One signature or token is one credential, however many headers it takes, and nothing of it is kept here."""
    (one,) = present(headers, query, CredentialRules()).presented
    assert (one.channel, one.scheme, one.flaw, one.key_id) == (channel, scheme, Flaw.NONE, "")
