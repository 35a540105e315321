"""Holds the primitives against vectors in Wycheproof's form (``mac_test_schema_v1``, ``eddsa_verify_schema_v1``).

The vectors have MACs that were cut to half their length. No request is ever verified by such a one; they are counted as
their authors meant them only where that is asked for by name.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from mattegate.signing.key_material import load_public_key
from mattegate.signing.message_signature.algorithms import verifies, verifies_mac
from mattegate.signing.message_signature.tally import Report, Tally

Vectors = Mapping[str, Any]
"""The parsed file; its values are as JSON has them."""
_Judge = Callable[[bytes, bytes], bool]


def run_hmac_sha256(vectors: Vectors, *, unsafe_truncated: bool = False) -> Report:
    """Every MAC; ``unsafe_truncated`` accepts those cut to the length that their group states."""
    tally = Tally()
    for group, test in _tests(vectors):
        secret = bytes.fromhex(test["key"])
        size = group["tagSize"] // 8 if unsafe_truncated else 32
        judge = partial(_verifies_cut, secret, size) if size < 32 else partial(verifies_mac, secret)
        _count(tally, "hmac_sha256", test, judge, bytes.fromhex(test["tag"]))
    return tally.report()


def run_ed25519(vectors: Vectors) -> Report:
    """Every signature, each with the key of its group."""
    tally = Tally()
    for group, test in _tests(vectors):
        key = load_public_key(bytes.fromhex(group["publicKey"]["pk"]))
        _count(tally, "ed25519", test, partial(verifies, key), bytes.fromhex(test["sig"]))
    return tally.report()


def _tests(vectors: Vectors) -> Iterator[tuple[Vectors, Vectors]]:
    for group in vectors["testGroups"]:
        for test in group["tests"]:
            yield group, test


def _count(tally: Tally, name: str, test: Vectors, judge: _Judge, tag: bytes) -> None:
    """One vector; of an accepted one each byte is then changed in turn."""
    text = bytes.fromhex(test["msg"])
    accepted = judge(text, tag)
    tally.case(name, valid=test["result"] == "valid", accepted=accepted)
    for at in range(len(tag) if accepted else 0):
        mutant = tag[:at] + bytes([tag[at] ^ 1]) + tag[at + 1 :]
        tally.mutation(accepted=judge(text, mutant))


def _verifies_cut(secret: bytes, size: int, text: bytes, tag: bytes) -> bool:
    return hmac.compare_digest(hmac.digest(secret, text, "sha256")[:size], tag)
