"""``mattegate policy test``: cases from files, asked of the policies; 0 where all went as they say."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from mattegate.cli.context import invocation_of
from mattegate.cli.key_options import Json
from mattegate.cli.policy_folder import Folder, policies_in
from mattegate.cli.rendering import shown, write_error, write_json
from mattegate.config.document import Document, Place, Unreadable
from mattegate.config.faults import Fault
from mattegate.config.sources import fault_at, read_document
from mattegate.gate.policies.cases import BadCaseError, PolicyCase, Tested, read_case, run_case
from mattegate.gate.policies.compiled import Judgement, Policies

_FAILED: Final = 1
_USAGE: Final = 2
_CASES: Final = "cases"
_SHAPE: Final = "a file holds [[cases]] in TOML, or cases: and a list in YAML"


@dataclass(frozen=True, slots=True)
class _Placed:
    """A case and where it stands."""

    case: PolicyCase
    file: Path
    line: int


def put_to_the_test(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="TOML or YAML with cases.")],
    folder: Folder = None,
    as_json: Json = False,
) -> None:
    """Ask the policies every case of the files: whether it is permitted, and by which policy.

    A case has a name, what it expects (permit, forbid, no permit, or refuse for either), perhaps by which policy, and
    whatever of the request matters. Exit code 0 where every case went as it says, 1 where one did not.
    """
    policies = Policies(policies_in(invocation_of(ctx).settings(), folder))
    faults: list[Fault] = []
    cases = [placed for file in files for placed in _cases(file, faults)]
    if faults:
        for fault in faults:
            write_error(fault.told)
        raise typer.Exit(_USAGE)
    tested = [(placed, run_case(placed.case, policies)) for placed in cases]
    if as_json:
        write_json([_record(placed, one) for placed, one in tested])
    else:
        _tell(tested)
    if not all(one.passed for _, one in tested):
        raise typer.Exit(_FAILED)


def _cases(file: Path, faults: list[Fault]) -> Iterator[_Placed]:
    try:
        read = read_document(file)
    except OSError as error:
        faults.append(Fault("(file)", str(file), error.strerror or str(error)))
        return
    except Unreadable as error:
        faults.append(fault_at(error.place, "(file)", str(file), error.problem, error.fix))
        return
    listed = read.values.get(_CASES)
    if not isinstance(listed, list) or not listed or set(read.values) != {_CASES}:
        faults.append(Fault("(file)", str(file), "it holds no list of cases, or something else", fix=_SHAPE))
        return
    for index, members in enumerate(listed):
        try:
            case = read_case(members if isinstance(members, dict) else {})
        except BadCaseError as bad:
            name = f"case {index + 1}" + (f", {bad.member}" if bad.member else "")
            faults.append(fault_at(_place(read, index, bad.member), name, str(file), bad.problem, bad.fix))
        else:
            place = _place(read, index)
            yield _Placed(case, file, place.line if place else 0)


def _place(read: Document, index: int, member: str = "") -> Place | None:
    for path in ((_CASES, index, member), (_CASES, index), (_CASES,)):
        if found := read.places.get(path) or read.keys.get(path):
            return found
    return None


def _tell(tested: list[tuple[_Placed, Tested]]) -> None:
    for placed, one in tested:
        mark = "+" if one.passed else "x"
        sys.stdout.write(shown(f"{mark} {placed.case.name}: {said(one.judgement)}") + "\n")
        if not one.passed:
            by = f" by {', '.join(placed.case.by)}" if placed.case.by else ""
            sys.stdout.write(shown(f"    {placed.file}:{placed.line} expects {placed.case.expect}{by}") + "\n")
    failed = sum(not one.passed for _, one in tested)
    sys.stdout.write(f"{len(tested)} cases, {failed} of them not as expected\n")


def said(judgement: Judgement) -> str:
    """What policies answered, and which of them."""
    by = f" by {', '.join(judgement.policies)}" if judgement.policies else ""
    return f"{judgement.answer}{by}" + (f" ({judgement.problem})" if judgement.problem else "")


def _record(placed: _Placed, one: Tested) -> dict[str, Any]:
    return {
        "name": placed.case.name,
        "file": str(placed.file),
        "line": placed.line,
        "passed": one.passed,
        "expected": placed.case.expect,
        "expected_by": list(placed.case.by),
        "answer": one.judgement.answer.value,
        "policies": list(one.judgement.policies),
    }
