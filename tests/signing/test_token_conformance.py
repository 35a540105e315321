"""Published vectors: none that is invalid is accepted, and every valid one is whose algorithm is meant for its key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mattegate.signing.tokens.conformance import EVERY, Report, run
from tests.signing.token_makers import Signer, b64, ec_signer, ed_signer, hmac_token, rsa_signer, segment

PLACES = [parent / "shared" / "conformance" / "wycheproof" for parent in Path(__file__).parents[2:4]]
KEPT = next(filter(Path.is_dir, PLACES), PLACES[0])
"""The published files, in the project or beside it, where somebody has put them; everything else works without."""

JWS = "json_web_signature_schema_v1.json"


def vector(text: str, result: str) -> dict[str, Any]:
    """One vector as the files have it."""
    return {"tcId": 1, "jws": text, "result": result}


def document(*groups: dict[str, Any], schema: str = JWS) -> bytes:
    """A file of vectors."""
    return json.dumps({"schema": schema, "testGroups": list(groups)}).encode()


def group(signer: Signer, comment: str, *vectors: dict[str, Any], **of_key: object) -> dict[str, Any]:
    """Vectors under one key."""
    return {"type": "JsonWebSignature", "comment": comment, "public": {**signer.jwk, **of_key}, "tests": list(vectors)}


def families(signer: Signer) -> list[str]:
    """Invalid texts of the families that the files have, made from a key of our own."""
    good = signer.token("foo", {"typ": ...})
    first, second, third = good.split(".")
    spaced = segment({"alg": signer.algorithm, "kid": signer.kid}) + "    "
    return [
        "", first, f"{first}.{second}", f"{first}.{second}.", f"{first}..{third}", f".{second}.{third}", f"{good}.",
        f"{good}.{third}", f"{first}.{second}.{third}=", f"{first}.{second}. {third}", f"{first}.{second}.?{third}",
        signer.signed(spaced, second), signer.signed(first + "####", second), signer.signed(first, second + "?"),
        signer.signed(first, "AB"), signer.signed(segment({"alg": "none"}), second), signer.signed(segment({}), second),
        f"{segment({'alg': 'none', 'kid': signer.kid})}.{second}.",
        hmac_token(signer.jwk.get("n", signer.jwk.get("x", "")).encode(), kid=signer.kid),
        *(signer.token("foo", extra) for extra in ({"jwk": signer.jwk}, {"kid": "other"}, {"crit": ["x"]})),
        json.dumps({"payload": second, "protected": first, "signature": third}),
        f"{first}.{second}.{b64(bytes(64))}", f"{first}.{second}.{b64(bytes(256))}",
    ]  # fmt: skip


@pytest.mark.parametrize("signer", [rsa_signer(), rsa_signer("PS256"), ec_signer(), ec_signer("ES512"), ed_signer()])
def test_vectors_of_our_own_making(signer: Signer) -> None:
    """The good one passes, every spoiled one and every known attack does not."""
    good = signer.token("foo", {"typ": ...})
    empty = signer.token("", {"typ": ...})
    invalid = [vector(text, "invalid") for text in families(signer)]
    report = run(
        {
            "made_test.json": document(
                group(signer, "good", vector(good, "valid"), vector(empty, "valid"), *invalid),
                group(signer, "use", vector(good, "invalid"), use="enc"),
                group(signer, "key_ops", vector(good, "invalid"), key_ops=["encrypt"]),
            )
        }
    )
    assert report["made/good"] == {
        "valid": {"accepted": 2, "refused": 0},
        "invalid": {"accepted": 0, "refused": len(invalid)},
    }
    assert report["made/use"]["invalid"]["accepted"] == report["made/key_ops"]["invalid"]["accepted"] == 0
    assert report["mutations"]["accepted"] == 0
    assert report["mutations"]["refused"] == len(good) + len(empty)


def test_algorithms_that_are_not_asked_for_are_refused() -> None:
    """The list that is given decides, for valid vectors too."""
    signer = ec_signer()
    vectors = {"x.json": document(group(signer, "g", vector(signer.token(), "valid")))}
    assert run(vectors, ("RS256",))["x/g"]["valid"] == {"accepted": 0, "refused": 1}
    assert run(vectors, ("ES256",))["x/g"]["valid"] == {"accepted": 1, "refused": 0}


def test_files_of_other_kinds_are_passed_over() -> None:
    """A folder may hold vectors for what is not done here; a file that is broken is an error."""
    assert list(
        run({"hmac_test.json": document({"type": "MacTest", "tests": []}, schema="mac_test_schema_v1.json")})
    ) == ["mutations"]
    with pytest.raises(ValueError, match="Expecting"):
        run({"broken.json": b"{"})


if KEPT.is_dir():  # where nobody has put them there is nothing to run, and nothing to skip

    @pytest.fixture(scope="module")
    def published_report() -> Report:
        """What comes of the published files."""
        return run({path.name: path.read_bytes() for path in sorted(KEPT.glob("*.json"))})

    def test_no_published_invalid_vector_is_accepted(published_report: Report) -> None:
        """Nor is any that was spoiled by one letter."""
        groups = {name: counts for name, counts in published_report.items() if name != "mutations"}
        assert sum(counts["invalid"]["refused"] for counts in groups.values()) > 400
        assert {name for name, counts in groups.items() if counts["invalid"]["accepted"]} == set()
        assert published_report["mutations"]["accepted"] == 0
        assert published_report["mutations"]["refused"] > 10_000

    SHARED_SECRETS = {"hs256", "jws_keyset", "HS256", "HS384", "HS512", "base64"}
    """Groups of algorithms that do not exist here."""

    def test_published_valid_vectors_are_accepted(published_report: Report) -> None:
        """All but those with a shared secret, and those whose key is published for another algorithm.

        Among the latter are ``PS384`` under a key for ``PS256``, and ``ES512`` under one for ``ES521``, which is none;
        the same files have such pairs as invalid, too.
        """
        refused = {
            name.partition("/")[2]: counts["valid"]["refused"]
            for name, counts in published_report.items()
            if name != "mutations" and counts["valid"]["refused"]
        }
        assert {name: count for name, count in refused.items() if name not in SHARED_SECRETS} == {
            "rfc7520": 4,
            "rfc7520WithKeyOps": 2,
        }
        assert len(EVERY) == 11
