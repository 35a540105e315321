"""Published vectors on the command line: counts, a table, and an exit code that says whether all is well."""

from __future__ import annotations

import json
from pathlib import Path

from mattegate.cli.conformance import Report, faults
from tests.cli.at_home import At
from tests.signing.test_sigv4_conformance import made

HERE = Path(__file__).parent
SHARED = HERE.parents[2] / "shared" / "conformance"


def _written(folder: Path, names: tuple[str, ...]) -> Path:
    """Cases of botocore's making, as files."""
    for name, texts in made().items():
        if name in names:
            (folder / name).mkdir(parents=True)
            for file, content in texts.items():
                (folder / name / file).write_bytes(content)
    return folder


def test_every_case_is_counted_in_both_forms(at: At, tmp_path: Path) -> None:
    """Valid ones, those with one thing wrong, and those with one bit changed."""
    ended = at("conformance", "sigv4", _written(tmp_path / "suite", ("vanilla", "query")), "--json")
    report = json.loads(ended.out)
    assert ended.code == 0
    assert set(report) == {"header", "query", "mutations"}
    assert report["header"]["valid"] == {"accepted": 2, "refused": 0}
    assert report["header"]["invalid"]["accepted"] == 0
    assert report["mutations"]["accepted"] == 0
    assert report["mutations"]["refused"] > 1_000


def test_a_valid_case_that_is_refused_is_a_failure(at: At, tmp_path: Path) -> None:
    """With exit code 1 and the group in which it is."""
    folder = _written(tmp_path / "suite", ("vanilla",))
    signed = folder / "vanilla" / "header-signed-request.txt"
    signed.write_bytes(signed.read_bytes().replace(b"Signature=", b"Signature=0")[:-1])
    ended = at("conformance", "sigv4", folder)
    assert ended.code == 1
    assert "header: 1 valid vectors were refused, 0 of them for a documented reason" in ended.err
    assert ended.out.splitlines()[0].split() == ["group", "valid", "of", "invalid", "taken", "of"]


def test_the_examples_of_the_rfc_are_judged_from_markdown(at: At, tmp_path: Path) -> None:
    """As they stand in the document."""
    folder = tmp_path / "rfc"
    folder.mkdir()
    (folder / "examples.md").write_bytes((HERE.parent / "signing" / "rfc9421_appendix_b.md").read_bytes())
    report = json.loads(at("conformance", "rfc9421", folder, "--json").out)
    assert report["B.2"]["valid"] == {"accepted": 6, "refused": 0}
    assert report["B.4"]["invalid"] == {"accepted": 0, "refused": 2}
    assert report["mutations"]["accepted"] == 0


def test_a_folder_without_vectors_says_what_it_lacks(at: At, tmp_path: Path) -> None:
    """And no traceback, whatever is in it."""
    ended = at("conformance", "wycheproof", tmp_path)
    assert (ended.code, "There is no file or folder" in ended.err) == (2, True)
    (tmp_path / "hmac_sha256_test.json").write_text('{"schema": "mac_test_schema_v1.json"}')
    ended = at("conformance", "wycheproof", tmp_path)
    assert (ended.code, "not laid out as the published files are" in ended.err) == (1, True)
    (tmp_path / "hmac_sha256_test.json").write_text("{}")
    assert "no vectors for HMAC-SHA-256" in at("conformance", "wycheproof", tmp_path).err
    assert at("conformance", "sigv4", tmp_path / "nowhere").code == 2


def test_what_counts_as_wrong() -> None:
    """Any invalid one accepted, any spoiled one accepted, and valid ones refused beyond what is documented."""

    def group(accepted: int, refused: int, taken: int) -> dict[str, dict[str, int]]:
        return {"valid": {"accepted": accepted, "refused": refused}, "invalid": {"accepted": taken, "refused": 9}}

    sound: Report = {"query": group(37, 1, 0), "f/HS256": group(0, 9, 0), "mutations": {"accepted": 0, "refused": 9}}
    assert list(faults(sound)) == []
    unsound: Report = {"query": group(36, 2, 0), "a/b": group(1, 0, 1), "mutations": {"accepted": 3, "refused": 9}}
    assert [line.partition(":")[0] for line in faults(unsound)] == [
        "query",
        "a/b",
        "3 spoiled vectors were accepted",
    ]


if SHARED.is_dir():  # where the published vectors do not lie next to the project, there is nothing to skip

    def test_published_vectors_beside_the_project_are_all_as_they_should_be(at: At) -> None:
        """Wycheproof's, in one go."""
        ended = at("conformance", "wycheproof", SHARED / "wycheproof", "--json")
        report = json.loads(ended.out)
        assert (ended.code, ended.err) == (0, "")
        assert report["hmac_sha256"] == {
            "valid": {"accepted": 66, "refused": 0},
            "invalid": {"accepted": 0, "refused": 108},
        }
        assert report["ed25519"]["valid"] == {"accepted": 88, "refused": 0}
