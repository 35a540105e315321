"""Keys of our own making: what they look like, that a mistake shows, and that they prove themselves."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from hashlib import sha256, shake_256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.signing.keys import ALPHABET, BODY_LENGTH, checksum, digest_key, id_of, matches, mint
from mattegate.vocabulary.secrets import Pepper, Peppers

PEPPER = Pepper(1, sha256(b"pepper").digest())
PREFIXES = st.sampled_from(["sk_prod_", "sk_test_", "RMBG-PROD-", "a_", "x-y_z-"])
SEEDS = st.binary(max_size=8)


def seeded(seed: bytes) -> Callable[[int], bytes]:
    """The same bytes for the same seed, other ones at every call."""
    calls: list[int] = []

    def draw(count: int) -> bytes:
        calls.append(count)
        return shake_256(seed + bytes([len(calls)])).digest(count)

    return draw


@given(PREFIXES, SEEDS)
def test_a_minted_key_reads_back_as_its_own_id(prefix: str, seed: bytes) -> None:
    """What is minted has the published shape and the checksum finds nothing to object to."""
    minted = mint(prefix, seeded(seed))
    assert re.fullmatch(re.escape(prefix) + r"[0-9A-Za-z]{12}_[0-9A-Za-z]{38}", minted.text)
    assert minted.text.startswith(f"{prefix}{minted.id}_")
    assert id_of(minted.text) == minted.id


@given(SEEDS, st.integers(0, 200), st.characters())
def test_one_wrong_character_is_always_seen(seed: bytes, at: int, wrong: str) -> None:
    """Whatever character is changed to whatever other, in prefix, id, secret or checksum."""
    text = mint("sk_prod_", seeded(seed)).text
    at %= len(text)
    if text[at] != wrong:
        assert id_of(text[:at] + wrong + text[at + 1 :]) is None


@given(SEEDS, st.integers(0, 200))
def test_swapped_lost_and_doubled_characters_are_seen(seed: bytes, at: int) -> None:
    """The mistakes that people make when they type a key off."""
    text = mint("sk_prod_", seeded(seed)).text
    at %= len(text) - 1
    lost, doubled = text[:at] + text[at + 1 :], text[:at] + text[at] + text[at:]
    swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    assert id_of(lost) is None
    assert id_of(doubled) is None
    assert swapped == text or id_of(swapped) is None


@pytest.mark.parametrize("text", ["", "_", "sk_prod_", "٣" * BODY_LENGTH, "a" * 10_000, "\ud800" * 60])
def test_other_texts_have_no_id(text: str) -> None:
    """Digits of other alphabets, lone surrogates and plain nonsense are no keys, and nothing is raised."""
    assert id_of(text) is None


def test_digits_of_other_alphabets_are_not_digits() -> None:
    """An Arabic three in the place of a three is refused before any checksum is counted."""
    text = "sk_prod_" + "3" * 12 + "_" + "3" * 32
    text += checksum(text)
    assert id_of(text) == "3" * 12
    assert id_of(text.replace("3", "٣", 1)) is None
    assert id_of("é" + text) is None


def test_the_checksum_is_crc32_in_six_digits() -> None:
    """Anybody can write a scanner for these keys: 0xCBF43926 is the published check value of CRC-32."""
    spelled = 0
    for digit in checksum("123456789"):
        spelled = spelled * 62 + ALPHABET.index(digit)
    assert spelled == 0xCBF43926
    assert checksum("") == "000000"


def test_bytes_beyond_the_last_whole_alphabet_are_never_used() -> None:
    """Were 248 taken modulo 62, zero would come up more often; it is left out instead."""
    stream = iter(b"\xff\xf8" * 100 + bytes(range(248)) * 2)
    assert mint("a_", lambda count: bytes(next(stream) for _ in range(count))).text.startswith("a_0123456789AB_CDEF")


def test_a_source_that_runs_dry_is_an_error() -> None:
    """A key is never made from fewer random bytes than it needs."""
    with pytest.raises(ValueError, match="too few bytes"):
        mint("sk_prod_", lambda count: bytes(count - 1))


@pytest.mark.parametrize("prefix", ["", "_", "sk", "1_", "sk prod_", "sk_prod", "ключ_", "a" * 40 + "_", "sk_\n_"])
def test_prefixes_that_cannot_be_told_from_the_key_are_refused(prefix: str) -> None:
    """A prefix is ASCII, begins with a letter and ends where the id begins."""
    with pytest.raises(ValueError, match="prefix"):
        mint(prefix)


def test_two_keys_are_never_alike() -> None:
    """Without a source of its own, the system's randomness is used."""
    assert len({mint("sk_prod_").text for _ in range(200)}) == 200


def test_a_key_proves_itself_and_no_other() -> None:
    """The kept digest answers yes to the whole key under the same pepper alone."""
    text = mint("sk_prod_", seeded(b"1")).text
    digest = digest_key(text, PEPPER)
    assert digest == hmac.new(PEPPER.secret, text.encode(), "sha256").digest()
    assert matches(text, digest, PEPPER)
    assert not matches(text[:-1], digest, PEPPER)
    assert not matches(text, digest, Pepper(2, sha256(b"other").digest()))
    assert not matches(text, digest[:-1], PEPPER)


def test_the_digest_covers_the_whole_key() -> None:
    """Prefix, id and checksum are under the hash too: a key cannot be moved to another environment or id."""
    text = mint("sk_prod_", seeded(b"1")).text
    for other in (text.replace("prod", "test"), text[:-1] + "?", text.swapcase()):
        assert not matches(other, digest_key(text, PEPPER), PEPPER)


def test_an_unknown_key_is_hashed_and_compared_like_a_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """One HMAC and one comparison of 32 bytes in constant time, whether there is such a key or not."""
    done: list[tuple[str, int]] = []

    def update(self: hmac.HMAC, message: bytes, real: Callable[..., None] = hmac.HMAC.update) -> None:
        done.append(("hmac", len(message)))
        real(self, message)

    def compare(one: bytes, other: bytes, real: Callable[..., bool] = hmac.compare_digest) -> bool:
        done.append(("compare", len(one) + len(other)))
        return real(one, other)

    text = mint("sk_prod_", seeded(b"1")).text
    kept = digest_key(mint("sk_prod_", seeded(b"2")).text, PEPPER)
    monkeypatch.setattr(hmac.HMAC, "update", update)
    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert not matches(text, kept, PEPPER)
    known = done.copy()
    done.clear()
    assert not matches(text, None, PEPPER)
    assert done == known == [("hmac", len(text)), ("compare", 64)]
    monkeypatch.setattr(hmac, "compare_digest", lambda one, other: True)
    assert not matches(text, None, PEPPER), "a key that does not exist is no key, whatever it is compared with"


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_can_be_hashed(text: str) -> None:
    """Imported keys and arguments of the command line may hold anything, lone surrogates among it."""
    assert len(digest_key(text, PEPPER)) == 32


def test_secrets_are_not_printed() -> None:
    """Neither a key nor a pepper shows in a log line or a traceback that prints its value."""
    minted = mint("sk_prod_", seeded(b"1"))
    assert minted.text[-20:] not in repr(minted)
    assert repr(PEPPER) == "VersionedSecret(version=1)"
    assert repr(Peppers((PEPPER,))) == "VersionedSecrets(all=(VersionedSecret(version=1),))"


def test_the_newest_pepper_is_current_and_old_ones_stay() -> None:
    """Keys kept under an old pepper go on working after a rotation."""
    second = Pepper(2, b"2" * 32)
    peppers = Peppers((second, PEPPER))
    assert peppers.current is second
    assert peppers.of(1) is PEPPER
    with pytest.raises(KeyError, match="version 3"):
        peppers.of(3)


@pytest.mark.parametrize("peppers", [(), (PEPPER, Pepper(1, b""))])
def test_there_is_one_pepper_of_a_version(peppers: tuple[Pepper, ...]) -> None:
    """No pepper, or two that claim to be the same one, is a bug of whoever put them together."""
    with pytest.raises(ValueError, match="secret"):
        Peppers(peppers)
