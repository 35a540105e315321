"""``mattegate conformance``: the verifiers of signatures and tokens against test vectors that others have published.

The vectors are not part of the product: whoever wants to see for themselves gets them from where they are published,
and names the folder. What is judged is the code that the server runs, and every accepted vector is then spoiled in each
of its bits, or letters, and has to be refused.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final

import typer

from mattegate.cli.rendering import shown, write_error, write_json
from mattegate.cli.tables import print_table
from mattegate.signing.conformance_sigv4 import BITS, run_sigv4
from mattegate.signing.message_signature.conformance import run_examples
from mattegate.signing.message_signature.wycheproof import run_ed25519, run_hmac_sha256
from mattegate.signing.tokens import conformance as tokens
from mattegate.vocabulary.refusal import Refusal

NAME: Final = "conformance"

EXAMPLES: Final = (
    "mattegate conformance sigv4 aws-sig-v4-test-suite/",
    "mattegate conformance rfc9421 rfc9421/ --json",
    "mattegate conformance wycheproof wycheproof/testvectors_v1/",
)

Report = Mapping[str, Mapping[str, Any]]
Watch = Callable[[str], None]


class Suite(StrEnum):
    """Whose vectors."""

    SIGV4 = "sigv4"
    RFC9421 = "rfc9421"
    WYCHEPROOF = "wycheproof"


@dataclass(frozen=True, slots=True)
class Excepted:
    """Valid vectors that are refused here, and why."""

    most: int | None
    """How many; ``None``: all of the group."""
    why: str


_SHARED: Final = Excepted(None, "algorithms with a shared secret do not exist here")
_OTHER_ALGORITHM: Final = "the key is published for another algorithm than the token's"
EXCEPTIONS: Final[Mapping[str, Excepted]] = MappingProxyType(
    {
        "query": Excepted(1, "post-sts-header-after adds the session token to a presigned address after signing"),
        **dict.fromkeys(("hs256", "HS256", "HS384", "HS512", "jws_keyset", "base64"), _SHARED),
        "rfc7520": Excepted(4, f"{_OTHER_ALGORITHM}; {_SHARED.why}"),
        "rfc7520WithKeyOps": Excepted(2, f"{_OTHER_ALGORITHM}; {_SHARED.why}"),
    }
)
"""By the last part of a group's name. Every other valid vector has to be accepted."""


def command(
    suite: Annotated[Suite, typer.Argument(help="sigv4, rfc9421 or wycheproof.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the published files lie.")],
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Hold the verifiers of signatures against published test vectors.

    Every vector that is accepted is then spoiled, bit by bit, and has to be refused.

    sigv4: the folders of AWS's signing suite. rfc9421: the examples of the RFC, as Markdown. wycheproof: the JSON files
    for HMAC-SHA-256, Ed25519, JSON Web Signatures and keys. Exit code 1 where an invalid vector is accepted, or a valid
    one refused without a documented reason.
    """
    try:
        report = _RUNNERS[suite](folder, _progress)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"it is not laid out as the published files are ({error})"
        raise Refusal("file.unreadable", path=str(folder), problem=problem) from error
    _progress("")
    if json_output:
        write_json(report)
    else:
        print_table(("group", "valid", "of", "invalid taken", "of"), _rows(report), none="")
    wrong = tuple(faults(report))
    for line in wrong:
        write_error(line)
    raise typer.Exit(1 if wrong else 0)


def faults(report: Report) -> Iterator[str]:
    """What a verifier got wrong, one sentence each."""
    for name, counts in report.items():
        if name == "mutations":
            if counts["accepted"]:
                yield f"{counts['accepted']} spoiled vectors were accepted"
            continue
        if taken := counts["invalid"]["accepted"]:
            yield f"{name}: {taken} invalid vectors were accepted"
        refused, excepted = counts["valid"]["refused"], EXCEPTIONS.get(name.rpartition("/")[2])
        most = 0 if excepted is None else refused if excepted.most is None else excepted.most
        if refused > most:
            yield f"{name}: {refused} valid vectors were refused, {most} of them for a documented reason"


def _rows(report: Report) -> Iterator[list[object]]:
    for name, counts in report.items():
        if name == "mutations":
            yield ["(spoiled)", 0, 0, counts["accepted"], sum(counts.values())]
        else:
            valid, invalid = counts["valid"], counts["invalid"]
            yield [name, valid["accepted"], sum(valid.values()), invalid["accepted"], sum(invalid.values())]


def _sigv4(folder: Path, watch: Watch) -> Report:
    cases = {case.parent.name: _texts(case.parent) for case in _found(folder, "**/context.json")}
    return run_sigv4(cases, masks=BITS, watch=watch)


def _texts(folder: Path) -> dict[str, bytes]:
    return {file.name: _content(file) for file in sorted(folder.iterdir()) if file.is_file()}


def _rfc9421(folder: Path, watch: Watch) -> Report:
    (text, *more) = _found(folder, "*.md")
    if more:
        raise ValueError(f"{len(more) + 1} Markdown files; the examples are one")
    watch(text.name)
    return run_examples(_content(text).decode())


def _wycheproof(folder: Path, watch: Watch) -> Report:
    groups: dict[str, Mapping[str, Any]] = {}
    spoiled = {"accepted": 0, "refused": 0}
    for file in _found(folder, "*.json"):
        content = _content(file)
        judge = _JUDGES.get(json.loads(content).get("schema", ""))
        if judge is None or not file.stem.startswith(_ALGORITHMS):
            continue
        watch(file.name)
        report = dict(judge(file.name, content))
        counts = report.pop("mutations")
        spoiled = {outcome: spoiled[outcome] + counts[outcome] for outcome in spoiled}
        groups |= report
    if not groups:
        raise ValueError("no vectors for HMAC-SHA-256, Ed25519 or JSON Web Signatures are there")
    return {**groups, "mutations": spoiled}


_ALGORITHMS: Final = ("hmac_sha256", "ed25519", "json_web")
"""How the names of files begin whose algorithms are used here."""
_JUDGES: Final[Mapping[str, Callable[[str, bytes], Report]]] = MappingProxyType(
    {
        "mac_test_schema_v1.json": lambda _, text: run_hmac_sha256(json.loads(text), unsafe_truncated=True),
        "eddsa_verify_schema_v1.json": lambda _, text: run_ed25519(json.loads(text)),
        "json_web_signature_schema_v1.json": lambda name, text: tokens.run({name: text}),
        "json_web_key_schema_v1.json": lambda name, text: tokens.run({name: text}),
    }
)
"""By the schema of a file."""
_RUNNERS: Final[Mapping[Suite, Callable[[Path, Watch], Report]]] = MappingProxyType(
    {Suite.SIGV4: _sigv4, Suite.RFC9421: _rfc9421, Suite.WYCHEPROOF: _wycheproof}
)


def _found(folder: Path, pattern: str) -> list[Path]:
    """The files of a folder that match. Raises :class:`Refusal` where there are none."""
    if not folder.is_dir():
        raise Refusal("file.not_found", path=str(folder))
    found = sorted(folder.glob(pattern))
    if not found:
        raise Refusal("file.not_found", path=str(folder / pattern))
    return found


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Refusal("file.unreadable", path=str(file), problem=error.strerror) from error


def _progress(name: str) -> None:
    """What is judged now; on a terminal each in the place of the one before."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{shown(name)}")
        sys.stderr.flush()
