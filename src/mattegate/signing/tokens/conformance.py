"""Holding the verifier to published vectors: Wycheproof's JSON Web Signatures, key sets and Ed25519.

The same reader, keys and algorithms as for tokens; only the claims do not count. Every accepted vector is then spoiled,
one character at a time, and must be refused. Algorithms with a shared secret do not exist here, so their vectors are
refused, the valid ones as well; so are valid ones whose key says it is for another algorithm (RFC 7517, section 4.4).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from mattegate.signing.tokens import base64url
from mattegate.signing.tokens.algorithms import ALGORITHMS
from mattegate.signing.tokens.causes import Refused
from mattegate.signing.tokens.compact import allow_algorithm, prove, unpack
from mattegate.signing.tokens.jwk import Unusable, read_key
from mattegate.signing.tokens.key_set import KeySet, read_key_set

Report = dict[str, dict[str, Any]]
"""``{"<group>": {"valid": {"accepted", "refused"}, "invalid": {…}}, "mutations": {"accepted", "refused"}}``"""

EVERY: Final = tuple(ALGORITHMS)
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_NEXT: Final = MappingProxyType({".": "A", **dict(zip(_LETTERS, _LETTERS[1:] + "A", strict=True))})
"""Another letter for each."""


class Trial(NamedTuple):
    """One vector, and who judges it and what becomes of it when it is spoiled."""

    text: str
    accepts: Callable[[str], bool]
    valid: bool


def run(documents: Mapping[str, bytes], algorithms: tuple[str, ...] = EVERY) -> Report:
    """Judge every vector of ``documents`` under ``algorithms``: files by name, those without a judge are passed over.

    Raises ``ValueError`` or ``KeyError`` for a document that is not laid out as Wycheproof's are.
    """
    report: Report = {}
    mutations = _outcomes()
    for title, trial in _trials(documents, algorithms):
        counts = report.setdefault(title, {"valid": _outcomes(), "invalid": _outcomes()})
        accepted = trial.accepts(trial.text)
        counts["valid" if trial.valid else "invalid"][_word(accepted)] += 1
        for spoiled in _spoiled(trial.text) if accepted else ():
            mutations[_word(trial.accepts(spoiled))] += 1
    return {**report, "mutations": mutations}


def accepts(text: str, keys: KeySet, algorithms: tuple[str, ...]) -> bool:
    """Whether ``text`` is signed by the one of ``keys`` that it means."""
    try:
        token = unpack(text)
        allow_algorithm(token, algorithms)
        prove(token, keys.pick(token.algorithm, token.key_id))
    except Refused:
        return False
    return True


def _trials(documents: Mapping[str, bytes], algorithms: tuple[str, ...]) -> Iterator[tuple[str, Trial]]:
    for name, document in documents.items():
        parsed = json.loads(document)
        trials = _TRIALS.get(parsed.get("schema", ""), _no_trials)
        for group in parsed["testGroups"]:
            title = f"{name.removesuffix('.json').removesuffix('_test')}/{group.get('comment') or group['type']}"
            for trial in trials(group, algorithms):
                yield title, trial


def _signatures(group: dict[str, Any], algorithms: tuple[str, ...]) -> Iterator[Trial]:
    """Signed texts, with one key or a set of them."""
    published = group.get("public") or group["private"]
    keys = read_key_set(json.dumps(published if "keys" in published else {"keys": [published]}).encode())
    for vector in group["tests"]:
        text = vector["jws"]
        judged = text if isinstance(text, str) else json.dumps(text)
        yield Trial(judged, lambda text: accepts(text, keys, algorithms), vector["result"] == "valid")


def _edwards(group: dict[str, Any], algorithms: tuple[str, ...]) -> Iterator[Trial]:
    """Bare signatures; as base64url, so that they are spoiled alike."""
    if "Ed25519" not in algorithms:
        return
    for vector in group["tests"]:
        judge = _edwards_judge(group["publicKeyJwk"], bytes.fromhex(vector["msg"]))
        yield Trial(base64url.encode(bytes.fromhex(vector["sig"])), judge, vector["result"] == "valid")


def _edwards_judge(published: dict[str, str], signed: bytes) -> Callable[[str], bool]:
    def judge(text: str) -> bool:
        signature = base64url.decode(text)
        try:
            key = read_key(published)
        except Unusable:
            return False
        return signature is not None and ALGORITHMS["Ed25519"].verifies(key.public, signature, signed)

    return judge


def _no_trials(_group: dict[str, Any], _algorithms: tuple[str, ...]) -> Iterator[Trial]:
    return iter(())


_TRIALS: Final[Mapping[str, Callable[[dict[str, Any], tuple[str, ...]], Iterator[Trial]]]] = MappingProxyType(
    {
        "json_web_signature_schema_v1.json": _signatures,
        "json_web_key_schema_v1.json": _signatures,
        "eddsa_verify_schema_v1.json": _edwards,
    }
)
"""By the schema of the file."""


def _spoiled(text: str) -> Iterator[str]:
    for at, letter in enumerate(text):
        yield text[:at] + _NEXT[letter] + text[at + 1 :]


def _outcomes() -> dict[str, int]:
    return {"accepted": 0, "refused": 0}


def _word(accepted: bool) -> str:
    return "accepted" if accepted else "refused"
