"""Published vectors: those of RFC 9421 lie here, others are used besides where they lie next to the project."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

from mattegate.signing.message_signature.conformance import run_examples
from mattegate.signing.message_signature.examples import read_examples
from mattegate.signing.message_signature.tally import Counts, Report
from mattegate.signing.message_signature.wycheproof import Vectors, run_ed25519, run_hmac_sha256

HERE = Path(__file__).parent
APPENDIX = (HERE / "rfc9421_appendix_b.md").read_text()
BESIDE = HERE.parents[2] / "shared" / "conformance"


def both(valid: tuple[int, int], invalid: tuple[int, int] = (0, 0)) -> dict[str, Counts]:
    """A group of the report; accepted before refused."""
    return {
        kind: {"accepted": counts[0], "refused": counts[1]} for kind, counts in (("valid", valid), ("invalid", invalid))
    }


def test_the_examples_of_rfc_9421() -> None:
    """B.2 to B.4: every base to the letter, every signature judged as meant, no changed bit accepted."""
    report = run_examples(APPENDIX)
    mutations = report.pop("mutations")
    assert report == {
        "B.2": both((6, 0)),
        "B.2 signature base": both((6, 0)),
        "B.3": both((1, 0)),
        "B.3 signature base": both((1, 0)),
        "B.4": both((4, 0), (0, 2)),
        "B.4 signature base": both((4, 0)),
    }
    assert mutations["accepted"] == 0
    assert int(str(mutations["refused"])) > 30_000


def test_the_examples_have_every_kind_of_key() -> None:
    """Five keys, four algorithms."""
    keys = read_examples(APPENDIX).keys
    assert sorted(keys) == [
        "test-key-ecc-p256",
        "test-key-ed25519",
        "test-key-rsa",
        "test-key-rsa-pss",
        "test-shared-secret",
    ]
    assert len({key.algorithm for key in keys.values()}) == 4


def test_the_whole_text_has_the_same_examples() -> None:
    """With its prose and its private keys, where somebody put it beside the project."""
    for path in sorted(BESIDE.glob("rfc9421/*.md")):
        assert read_examples(path.read_text()).cases == read_examples(APPENDIX).cases


def test_another_text_is_not_taken_for_the_appendix() -> None:
    """Without its sections there is nothing to be judged by, and that is no success."""
    with pytest.raises(ValueError, match="Example Keys"):
        run_examples("# Something else\n")


def mac_case(key: bytes, msg: bytes, tag: bytes, result: str) -> dict[str, str]:
    """One vector in Wycheproof's form."""
    return {"key": key.hex(), "msg": msg.hex(), "tag": tag.hex(), "result": result}


def mac(key: bytes, msg: bytes) -> bytes:
    """By another implementation than ours."""
    made = HMAC(key, hashes.SHA256())
    made.update(msg)
    return made.finalize()


RFC_4231 = (
    (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
)
"""Test cases 1 and 2 of sections 4.2 and 4.3."""


def test_macs_are_whole_unless_named_otherwise() -> None:
    """The vectors of RFC 4231 pass, spoiled ones never, and those cut in half only where that was asked for."""
    whole = [mac_case(key, msg, bytes.fromhex(tag), "valid") for key, msg, tag in RFC_4231]
    whole += [mac_case(b"", bytes(n), mac(b"", bytes(n)), "valid") for n in (0, 1, 64, 65)]
    spoiled = [mac_case(b"k", b"m", mac(b"k", b"m")[:31] + b"\0", "invalid"), mac_case(b"k", b"m", b"", "invalid")]
    cut = [mac_case(b"k", b"m", mac(b"k", b"m")[:16], "valid"), mac_case(b"k", b"m", mac(b"k", b"n")[:16], "invalid")]
    groups = [{"tagSize": 256, "tests": whole + spoiled}, {"tagSize": 128, "tests": cut}]
    strict, lenient = (run_hmac_sha256({"testGroups": groups}, unsafe_truncated=flag) for flag in (False, True))
    assert strict["hmac_sha256"] == both((6, 1), (0, 3))
    assert lenient["hmac_sha256"] == both((7, 0), (0, 3))
    assert strict["mutations"] == {"accepted": 0, "refused": 6 * 32}


def test_ed25519_by_its_own_vectors() -> None:
    """RFC 8032, section 7.1, tests 1 and 2; the second signature is not one of the first key."""
    first = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    empty = (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555"
        "fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )
    second = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    letter = (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    groups = [
        {
            "publicKey": {"pk": first},
            "tests": [
                {"msg": "", "sig": empty, "result": "valid"},
                {"msg": "72", "sig": letter, "result": "invalid"},
                {"msg": "", "sig": empty[:-2], "result": "invalid"},
            ],
        },
        {"publicKey": {"pk": second}, "tests": [{"msg": "72", "sig": letter, "result": "valid"}]},
    ]
    report = run_ed25519({"testGroups": groups})
    assert report == {"ed25519": both((2, 0), (0, 2)), "mutations": {"accepted": 0, "refused": 128}}


@pytest.mark.parametrize(
    ("name", "run"),
    [("hmac_sha256_test.json", partial(run_hmac_sha256, unsafe_truncated=True)), ("ed25519_test.json", run_ed25519)],
)
def test_wycheproof_where_it_lies_beside(name: str, run: Callable[[Vectors], Report]) -> None:
    """All vectors of the collection, where it is there: every valid one accepted, no other, none changed."""
    for path in BESIDE.glob(f"wycheproof/{name}"):
        report: Any = run(json.loads(path.read_text()))
        assert report.pop("mutations")["accepted"] == 0
        for group in report.values():
            assert group["valid"]["refused"] == group["invalid"]["accepted"] == 0
            assert group["valid"]["accepted"] > 60
