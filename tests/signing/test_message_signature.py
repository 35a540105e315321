"""HTTP Message Signatures of requests: what must be covered and stated, which one counts, and what each refusal is."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from mattegate.signing import content_digest
from mattegate.signing.content_digest import BodyDigester
from mattegate.signing.key_material import Algorithm, HmacSecret, PrivateKey, PublicKey
from mattegate.signing.message import BodyCover, Message, Stated, Verdict
from mattegate.signing.message_signature import SignatureRules, accept_signature, read, sign, verify

AT = 1_700_000_000.0
NONCE = "a nonce of many letters"
BODY = b"\xff\xd8 a picture"
HEADERS = ((b"host", b"api.example.com"), (b"content-type", b"image/jpeg"), (b"content-length", b"12"))
POST = Message(
    "POST", b"/v1/cut", b"model=u2netp&size=auto", (*HEADERS, content_digest.field(BODY)), "https", "api.example.com"
)
GET = Message("GET", b"/v1/whoami", b"", HEADERS[:1], "https", "api.example.com")
ED25519 = PrivateKey(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32))), Algorithm.ED25519)
SECRET = HmacSecret(b"a secret of thirty-two bytes ...")


@cache
def keys() -> dict[str, HmacSecret | PrivateKey]:
    """One key of each algorithm."""
    return {
        "hmac": SECRET,
        "ed25519": ED25519,
        "p256": PrivateKey(ec.derive_private_key(12345, ec.SECP256R1()), Algorithm.ECDSA_P256_SHA256),
        "rsa": PrivateKey(rsa.generate_private_key(65537, 2048), Algorithm.RSA_PSS_SHA512),
    }


def verifying(key: HmacSecret | PrivateKey) -> HmacSecret | PublicKey:
    """What the server has of ``key``."""
    return key if isinstance(key, HmacSecret) else key.public


def with_headers(message: Message, *headers: tuple[bytes, bytes]) -> Message:
    """``message`` with more headers."""
    return replace(message, headers=(*message.headers, *headers))


def signed(message: Message = POST, key: HmacSecret | PrivateKey = ED25519, **more: object) -> Message:
    """``message`` with its signature, as a client sends it."""
    given: dict[str, object] = {"at": AT, "nonce": NONCE, **more}
    return with_headers(message, *sign(message, "key-1", key, **given))  # type: ignore[arg-type]


def presented(inner: str, message: Message = GET, signature: str = "sig1=:AAAA:") -> Message:
    """``message`` with this ``Signature-Input`` and a signature that means nothing."""
    return with_headers(message, (b"signature-input", inner.encode()), (b"signature", signature.encode()))


def judged(
    message: Message,
    key: HmacSecret | PublicKey | None = ED25519.public,
    at: float = AT,
    rules: SignatureRules = SignatureRules(),  # noqa: B008 - frozen
) -> Verdict:
    """What comes of reading and then verifying."""
    stated = read(message, rules)
    assert stated is not None
    return verify(message, stated, key, at=at, rules=rules) if isinstance(stated, Stated) else stated


@pytest.mark.parametrize("name", ["hmac", "ed25519", "p256", "rsa"])
def test_whatever_is_signed_is_verified(name: str) -> None:
    """Each algorithm, with and without a body; and no other key of any kind accepts it."""
    key = keys()[name]
    for message in (POST, GET):
        assert judged(signed(message, key), verifying(key)).good
        for other in keys().values():
            assert judged(signed(message, key), verifying(other)).good is (other is key)


def test_what_a_signature_states() -> None:
    """Everything but the bytes of the signature, read without any secret."""
    stated = read(signed(tag="mattegate", expires=AT + 60))
    assert isinstance(stated, Stated)
    assert (stated.scheme, stated.key_id, stated.nonce, stated.algorithm) == ("rfc9421", "key-1", NONCE, "ed25519")
    assert (stated.created, stated.expires) == (AT, AT + 60)
    assert stated.covered == ('"@method"', '"@authority"', '"@path"', '"@query"', '"content-digest"')
    assert stated.body is BodyCover.DIGEST
    assert stated.particulars == {"label": "sig1", "tag": "mattegate"}
    digester = BodyDigester(stated)
    digester.update(BODY)
    assert digester.verdict().good


def test_sha_512_alone_binds_a_body() -> None:
    """It stands among the particulars, and is compared like the other."""
    message = replace(POST, headers=(*HEADERS, content_digest.field(BODY, ["sha-512"])))
    stated = read(signed(message))
    assert isinstance(stated, Stated)
    assert stated.digest == ""
    digester = BodyDigester(stated)
    digester.update(BODY)
    assert digester.verdict().good
    digester.update(b" and more")
    assert digester.verdict().code == "signature.digest"


def test_without_an_announced_body_none_may_come() -> None:
    """What streams in nevertheless is not what was signed."""
    stated = read(signed(GET))
    assert isinstance(stated, Stated)
    digester = BodyDigester(stated)
    assert digester.verdict().good
    digester.update(b"x")
    assert digester.verdict().code == "signature.digest"


def test_other_requests_have_no_signature() -> None:
    """None at all, or those of others, known by their tag or label."""
    assert read(POST) is None
    assert read(signed(), SignatureRules(tag="mattegate")) is None
    assert read(signed(), SignatureRules(label="ours")) is None
    assert judged(signed(label="ours"), rules=SignatureRules(label="ours")).good


def test_of_several_signatures_exactly_one_is_ours() -> None:
    """A crawler's may stand beside it; two of ours are one too many, whichever is right."""
    rules = SignatureRules(tag="mattegate")
    ours = signed(tag="mattegate")
    beside = with_headers(ours, (b"signature-input", b'bot=();tag="web-bot-auth"'), (b"signature", b"bot=:AAAA:"))
    assert judged(beside, rules=rules).good
    twice = with_headers(ours, *sign(POST, "key-2", SECRET, at=AT, nonce=NONCE, tag="mattegate", label="sig2"))
    assert judged(twice, rules=rules) == Verdict("signature.ambiguous", {"what": "signature (sig1, sig2)"})
    assert judged(beside).code == "signature.ambiguous"


@pytest.mark.parametrize(
    ("lines", "missing"),
    [
        ([(b"signature", b"sig1=:AAAA:")], "Signature-Input"),
        ([(b"signature-input", b'sig1=("@method");keyid="k"')], "Signature"),
        ([(b"signature-input", b'sig1=("@method");keyid="k"'), (b"signature", b"sig2=:AAAA:")], "Signature sig1"),
    ],
)
def test_half_a_signature_is_named(lines: list[tuple[bytes, bytes]], missing: str) -> None:
    """Fields and labels come in pairs."""
    assert judged(with_headers(GET, *lines)) == Verdict("signature.incomplete", {"missing": missing})


COVER = '("@method" "@authority" "@path")'


@pytest.mark.parametrize(
    ("inner", "missing"),
    [
        (f"{COVER};created=1700000000", "keyid"),
        (f'{COVER};keyid="k"', "created"),
    ],
)
def test_a_missing_parameter_is_named(inner: str, missing: str) -> None:
    """Who signed, and when."""
    assert judged(presented(f"sig1={inner}")) == Verdict("signature.incomplete", {"missing": missing})


def test_writing_needs_a_nonce() -> None:
    """Reading does not: repeated, it changes nothing."""
    assert judged(signed(nonce="")) == Verdict("signature.incomplete", {"missing": "nonce"})
    assert judged(signed(GET, nonce="")).good


@pytest.mark.parametrize("method", ["MOVE", "PURGE", "get", "QUERY"])
def test_a_method_that_nobody_here_knows_needs_a_nonce(method: str) -> None:
    """What an upstream does for it, it would do again."""
    assert judged(signed(replace(GET, method=method), nonce="")) == Verdict(
        "signature.incomplete", {"missing": "nonce"}
    )


@pytest.mark.parametrize(
    ("value", "part"),
    [
        (f'sig1={COVER};created="1700000000";keyid="k"', "created"),
        (f'sig1={COVER};created=1700000000.0;keyid="k"', "created"),
        (f'sig1={COVER};created;keyid="k"', "created"),
        (f'sig1={COVER};created=@1700000000;keyid="k"', "created"),
        (f"sig1={COVER};created=1700000000;keyid=k", "keyid"),
        (f"sig1={COVER};created=1700000000;keyid=:AAAA:", "keyid"),
        (f'sig1={COVER};created=1700000000;keyid="{"k" * 129}"', "keyid"),
        (f'sig1={COVER};created=1700000000;keyid="k";nonce="short"', "nonce"),
        (f'sig1={COVER};created=1700000000;keyid="k";nonce=12345678901234', "nonce"),
        (f'sig1={COVER};created=-5;keyid="k"', "time of signing"),
        (f'sig1={COVER};created=999999999999999;keyid="k"', "time of signing"),
        (f'sig1={COVER};created=1700000000;expires=999999999999999;keyid="k"', "expires"),
        ('sig1="@method"', "Signature-Input"),
        ("sig1=(", "Signature-Input"),
        ("sig1=(), sig1=()", "Signature-Input"),
        ("sig1=(" + " ".join(f'"x-{n}"' for n in range(33)) + ")", "Signature-Input"),
        ('sig1=("@method");a=1;a=2', "Signature-Input"),
        ("sig1=(" + " " * 9000 + ")", "Signature-Input"),
    ],
)
def test_a_malformed_input_says_where(value: str, part: str) -> None:
    """Types, lengths, numbers beyond the calendar, doubled keys."""
    verdict = judged(presented(value))
    assert verdict.code == "signature.malformed"
    assert verdict.facts["part"] == part


@pytest.mark.parametrize(
    "value", ["sig1=AAAA", 'sig1="AAAA"', "sig1=(:AAAA:)", "sig1=:A:", "sig1=:AAB=:", "sig1=:AAA:"]
)
def test_a_signature_has_one_spelling(value: str) -> None:
    """Base 64 between colons, padded, its unused bits zero: otherwise one signature could pass for two."""
    verdict = judged(presented(f'sig1={COVER};created=1700000000;keyid="k"', signature=value))
    assert verdict.code == "signature.malformed"
    assert verdict.facts["part"] == "Signature"


def test_everything_that_is_not_covered_is_named() -> None:
    """Query and digest where they are there; one component may cover several."""
    assert judged(signed(covering=("@method",))) == Verdict(
        "signature.not_covered", {"components": "@authority @path @query content-digest"}
    )
    assert judged(signed(covering=("@method", "@target-uri", "content-digest"))).good
    assert judged(signed(covering=("@method", "@authority", "@request-target", "content-digest"))).good
    assert judged(signed(GET, covering=("@method", "@authority", "@path"))).good
    part = ("@method", "@target-uri", '"content-digest";key="sha-256"')
    assert judged(signed(covering=part)).facts["components"] == "content-digest"
    rules = SignatureRules(required=("@method", "@target-uri", "content-type"))
    assert judged(signed(), rules=rules).facts["components"] == "@target-uri content-type"


def test_age_is_measured_and_has_a_direction() -> None:
    """Both ends of the window, and the signer's own end."""
    assert judged(signed(), at=AT + 300).good
    assert judged(signed(), at=AT + 301).code == "signature.expired"
    assert judged(signed(), at=AT - 301).code == "signature.not_yet_current"
    assert judged(signed(), at=AT + 301, rules=SignatureRules(window_s=600)).good
    assert judged(signed(expires=AT + 60), at=AT + 60).good
    lapsed = judged(signed(expires=AT + 60), at=AT + 61.5)
    assert lapsed.code == "signature.lapsed"
    assert lapsed.facts["over_s"] == 1.5


def test_an_unknown_key_looks_like_a_wrong_one() -> None:
    """The same verdict to the letter for each algorithm, and a told base without foreign values."""
    message = signed(
        with_headers(POST, (b"cookie", b"secret=1")), covering=(*SignatureRules().components_for(POST), "cookie")
    )
    wrong = judged(message, PrivateKey(ed25519.Ed25519PrivateKey.generate(), Algorithm.ED25519).public)
    assert wrong.code == "signature.mismatch"
    assert wrong == judged(message, None)
    assert '"cookie": <present, 8 bytes>' in wrong.told
    assert '"@query": ?model=<present, 6 bytes>&size=<present, 4 bytes>' in wrong.told
    assert '"content-digest": sha-256=:' in wrong.told
    for key in keys().values():
        assert judged(signed(POST, key), None).code == "signature.mismatch"


def test_nobody_has_the_keys_that_stand_in() -> None:
    """What stands in for a key that does not exist opens nothing, even to whoever knows it."""
    stand_ins: list[HmacSecret | PrivateKey] = [
        HmacSecret(bytes(32)),
        PrivateKey(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)), Algorithm.ED25519),
        PrivateKey(ec.derive_private_key(1, ec.SECP256R1()), Algorithm.ECDSA_P256_SHA256),
    ]
    for key in stand_ins:
        assert judged(signed(POST, key), None).code == "signature.mismatch"


def test_the_algorithm_is_that_of_the_key() -> None:
    """Stating another is refused; so is one that nobody takes; stating none is fine."""
    verdict = judged(signed(POST, SECRET), ED25519.public)
    assert verdict.code == "signature.algorithm_of_key"
    assert verdict.facts == {"stated": "hmac-sha256", "expected": "ed25519", "differs": "", "hint": ""}
    unknown = judged(presented(f'sig1={COVER};created=1700000000;keyid="k";alg="rsa-v1_5-sha256"'))
    assert unknown.code == "signature.algorithm"
    only = SignatureRules(algorithms=frozenset({Algorithm.ED25519}))
    assert judged(signed(POST, SECRET), SECRET, rules=only).facts["expected"] == "ed25519"


def test_a_public_key_is_never_a_secret() -> None:
    """The classic confusion: a MAC made with the bytes of the public key."""
    assert isinstance(ED25519.key, ed25519.Ed25519PrivateKey)
    forged = HmacSecret(ED25519.key.public_key().public_bytes_raw())
    assert not judged(signed(POST, forged), ED25519.public).good


def test_clients_cannot_sign_what_nobody_verifies() -> None:
    """Absent headers, unknown components, labels that are no keys."""
    for more in ({"covering": ("x-absent",)}, {"covering": ("@status",)}, {"label": "Sig"}, {"nonce": "ö" * 16}):
        with pytest.raises(ValueError, match=r"component|label|disallowed"):
            signed(**more)


def test_we_ask_for_what_we_require() -> None:
    """The head of our 401 names the components for that very request; whoever follows it passes."""
    rules = SignatureRules(tag="mattegate")
    asked = accept_signature(rules, POST, nonce=NONCE)
    assert asked == (
        f'sig1=("@method" "@authority" "@path" "@query" "content-digest");created;nonce="{NONCE}";tag="mattegate"'
    )
    assert accept_signature(SignatureRules(window_s=None, label="ours"), GET) == 'ours=("@method" "@authority" "@path")'
    assert judged(signed(tag="mattegate", rules=rules), rules=rules).good


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"window_s": 0}, "window_s"),
        ({"required": ("@nothing",)}, "component"),
        ({"required": ('"@query-param";name="a"',)}, "without parameters"),
    ],
)
def test_rules_are_checked_when_they_are_made(more: dict[str, object], words: str) -> None:
    """A rule that nobody could meet is a mistake of the operator."""
    with pytest.raises(ValueError, match=words):
        SignatureRules(**more)  # type: ignore[arg-type]


PIECES = st.sampled_from(
    [
        *'()";=:,? ',
        "sig1",
        "@method",
        "content-digest",
        "created",
        "keyid",
        "1700000000",
        "AAAA",
        ";sf",
        ";key=",
        ";bs",
        "\\",
        "é",
    ]
)


@given(st.lists(PIECES, max_size=25), st.lists(PIECES, max_size=9), st.binary(max_size=60))
def test_reading_and_verifying_never_raise(inner: list[str], signature: list[str], junk: bytes) -> None:
    """Whatever stands in the two fields and in what they cover."""
    for line in ("".join(inner).encode(), b'sig1=("@method" "x-a";' + "".join(inner).encode(), junk):
        for proof in ("".join(signature).encode(), b"sig1=:AAAA:", junk):
            message = with_headers(GET, (b"signature-input", line), (b"signature", proof), (b"x-a", junk))
            stated = read(message)
            assert not isinstance(stated, Stated) or not verify(message, stated, None, at=AT).good


@given(
    st.from_regex(rb"/[!-~]{0,30}", fullmatch=True),
    st.from_regex(rb"[!-~]{0,30}", fullmatch=True),
    st.binary(max_size=99),
    st.from_regex(rb"[!-~]([ -~]{0,20}[!-~])?", fullmatch=True),
    st.data(),
)
def test_every_covered_byte_counts(path: bytes, query: bytes, body: bytes, value: bytes, data: st.DataObject) -> None:
    """Round trip over any address, body and header; then one bit of any covered value is changed, and it is refused."""
    headers = ((b"content-length", b"%d" % len(body)), content_digest.field(body), (b"x-note", value))
    message = Message("POST", path, query, headers, "https", "api.example.com")
    covering = (*SignatureRules().components_for(message), "x-note")
    good = signed(message, SECRET, covering=covering)
    assert judged(good, SECRET).good
    whole = [path, query, value]
    at = data.draw(st.sampled_from([n for n, part in enumerate(whole) if part]))
    bit = data.draw(st.integers(0, 8 * len(whole[at]) - 1))
    whole[at] = flipped(whole[at], bit)
    changed = tuple((name, whole[2] if name == b"x-note" else old) for name, old in good.headers)
    assert not judged(replace(good, path=whole[0], query=whole[1], headers=changed), SECRET).good


def flipped(value: bytes, bit: int) -> bytes:
    """``value`` with one bit changed."""
    at, shift = divmod(bit, 8)
    return value[:at] + bytes([value[at] ^ 1 << shift]) + value[at + 1 :]
