"""Hashes of a body that stand in its head: which are believed, and that all of them must be right."""

from __future__ import annotations

import hashlib
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.signing.content_digest import BodyDigester, Digests, bound_digests, field, read
from mattegate.signing.message import BodyCover, Message, Stated, Verdict

BODY = b'{"hello": "world"}'
SHA256 = b64encode(hashlib.sha256(BODY).digest()).decode()
SHA512 = b64encode(hashlib.sha512(BODY).digest()).decode()


def message(*lines: str) -> Message:
    """A request with these lines of the field."""
    return Message("POST", b"/", b"", tuple((b"content-digest", line.encode("latin-1")) for line in lines))


def judged(body: bytes, *lines: str) -> Verdict:
    """What comes of the whole way."""
    digests = read(message(*lines))
    assert digests is not None
    if isinstance(digests, Verdict):
        return digests
    digester = BodyDigester(digests)
    for at in range(len(body)):
        digester.update(body[at : at + 1])
    return digester.verdict()


def test_the_published_digest_is_that_of_its_body() -> None:
    """The example of RFC 9530, appendix B.1, and of RFC 9421."""
    assert SHA256 == "X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="
    assert SHA512.startswith("WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX")
    assert judged(BODY, f"sha-256=:{SHA256}:").good
    assert judged(BODY, f"sha-512=:{SHA512}:").good


def test_every_digest_must_be_right() -> None:
    """Two lines or one; a wrong one beside a right one is refused."""
    assert judged(BODY, f"sha-256=:{SHA256}:", f"sha-512=:{SHA512}:").good
    assert judged(BODY, f"sha-256=:{SHA256}:, sha-512=:{SHA512}:").good
    wrong = b64encode(hashlib.sha512(b"").digest()).decode()
    assert judged(BODY, f"sha-256=:{SHA256}:, sha-512=:{wrong}:").code == "signature.digest"
    assert judged(BODY + b" ", f"sha-256=:{SHA256}:").code == "signature.digest"


def test_unknown_algorithms_are_passed_over_unless_alone() -> None:
    """As the RFC asks; but a digest that nobody checks protects nothing."""
    assert judged(BODY, f"md5=:AAAA:, blake9=tokens, sha-256=:{SHA256}:").good
    alone = judged(BODY, "md5=:AAAA:, unixsum=:AAA=:")
    assert alone == Verdict("signature.digest_algorithm", {"found": "md5, unixsum", "accepted": "sha-256, sha-512"})


@pytest.mark.parametrize(
    "line",
    [
        f"sha-256={SHA256}",
        f"SHA-256=:{SHA256}:",
        f"sha-256=:{SHA256}",
        "sha-256=:AAAA:",
        "sha-256",
        "sha-256=1",
        f'sha-256="{SHA256}"',
        f"sha-256=(:{SHA256}:)",
        f"sha-256=:{SHA256}:, sha-256=:{SHA256}:",
        f"sha-256=:{SHA256}:,",
        "sha-256=:" + "A" * 9000 + ":",
        "sha-256=:é:",
    ],
)
def test_a_malformed_field_is_refused(line: str) -> None:
    """Without colons, in capitals, cut, of the wrong length, twice: each is told, none is guessed at."""
    assert judged(BODY, line).code == "signature.malformed"


def test_the_old_field_is_not_looked_at() -> None:
    """``Digest`` of RFC 3230 is another thing."""
    old = Message("POST", b"/", b"", ((b"digest", f"SHA-256={SHA256}".encode()),))
    assert read(old) is None


def test_a_signature_hands_on_what_it_bound() -> None:
    """SHA-256 in its own place, SHA-512 among the particulars; both are compared."""
    both = {"sha-256": hashlib.sha256(BODY).hexdigest(), "sha-512": hashlib.sha512(BODY).hexdigest()}
    stated = Stated(
        "rfc9421", "k", body=BodyCover.DIGEST, digest=both["sha-256"], particulars={"sha-512": both["sha-512"]}
    )
    assert bound_digests(stated) == both
    digester = BodyDigester(stated)
    digester.update(BODY)
    assert digester.verdict().good
    digester.update(b"!")
    assert digester.verdict() == Verdict(
        "signature.digest", {"stated": both["sha-256"], "computed": hashlib.sha256(BODY + b"!").hexdigest()}
    )


@given(st.binary(), st.sets(st.sampled_from(["sha-256", "sha-512"]), min_size=1))
def test_what_is_made_is_read(body: bytes, algorithms: set[str]) -> None:
    """Round trip, and a bit more of the body is another one."""
    name, value = field(body, sorted(algorithms))
    digests = read(Message("POST", b"/", b"", ((name, value),)))
    assert isinstance(digests, Digests)
    assert set(digests.by_algorithm) == algorithms
    assert judged(body, value.decode()).good
    assert not judged(body + b"\0", value.decode()).good


@given(st.lists(st.binary(max_size=60), max_size=3), st.text("sha-256=:,;()?@%\"' \t1A*.", max_size=40))
def test_reading_never_raises(lines: list[bytes], text: str) -> None:
    """Whatever the field holds."""
    headers = tuple((b"content-digest", line) for line in (*lines, text.encode()))
    assert isinstance(read(Message("POST", b"/", b"", headers)), Digests | Verdict)
