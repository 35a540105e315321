"""What the OpenAPI documents of both planes promise, tried against a real server by generated requests.

Whoever asks, nothing breaks; and nothing that needs a credential is done without one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

_ROOT: Final = Path(__file__).parents[2]
_FEW: Final = settings(
    max_examples=8,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
_CONFORMANCE: Final = [status_code_conformance, content_type_conformance, response_schema_conformance]
"""What is answered is what the document says, except where the head itself was no HTTP."""
_STOPPING: Final = frozenset({"/admin/v1/admins/{admin}/revoke"})
"""What would end the run: an admin may revoke itself."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A server with both planes, and credentials for it."""
    home = tmp_path_factory.mktemp("planes")
    command = [sys.executable, "-m", "tests.serving.run_planes", str(home)]
    with (
        (home.parent / "planes.log").open("w") as log,
        subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            process.wait(20)


def _operations(document: dict[str, Any]) -> Iterator[Any]:
    for result in schemathesis.openapi.from_dict(document).get_all_operations():
        assert isinstance(result, Ok), result
        yield result.ok()


def _protected(document: dict[str, Any], operation: Any) -> bool:
    told = document["paths"][operation.path][operation.method.lower()]
    return bool(told.get("security", document.get("security")))


def _try(operation: Any, base: str, headers: dict[str, str], known: dict[str, str]) -> set[int]:
    """The statuses of a few generated requests; every second one is about things that are there."""
    seen: set[int] = set()
    turns = cycle((True, False))

    @_FEW
    @given(case=operation.as_strategy())
    def tried(case: Any) -> None:
        case.headers = {
            name: value
            for name, value in (case.headers or {}).items()
            if name.lower() not in {"authorization", "x-api-key", "cookie"}
        } | headers
        if next(turns):
            case.path_parameters = {
                name: known.get(name, given) for name, given in (case.path_parameters or {}).items()
            }
        answer = case.call(base_url=base, timeout=10)
        assert answer.status_code < 500, (operation.label, answer.status_code, answer.text[:300])
        problem = answer.status_code >= 400 and operation.method.upper() != "HEAD"
        if problem and answer.headers.get("Content-Type") != "text/plain":
            assert answer.json()["reason"], (operation.label, answer.text)
        if answer.status_code not in {400, 431}:
            case.validate_response(answer, checks=_CONFORMANCE)
        seen.add(answer.status_code)

    tried()
    return seen


@pytest.mark.parametrize("who", ["nobody", "free", "vip"])
def test_the_data_plane_keeps_its_word(running: dict[str, str], who: str) -> None:
    """For nobody, for a key with small limits and for one with none."""
    base = running["api"]
    document = httpx2.get(f"{base}/openapi.json").json()
    headers = {} if who == "nobody" else {"Authorization": f"Bearer {running[who]}"}
    seen_at_all: set[int] = set()
    for operation in _operations(document):
        seen_at_all |= (seen := _try(operation, base, headers, running))
        if who == "nobody" and _protected(document, operation):
            assert seen <= {400, 401, 403, 404, 405, 429, 431}, (operation.label, seen)
    assert 200 in seen_at_all


@pytest.mark.parametrize("who", ["nobody", "vip", "token"])
def test_the_admin_plane_keeps_its_word(running: dict[str, str], who: str) -> None:
    """For nobody, for a key of the data plane and for an admin."""
    base = running["admin"]
    admin = {"Authorization": f"Bearer {running['token']}"}
    document = httpx2.get(f"{base}/admin/v1/openapi.json", headers=admin).json()
    headers = {} if who == "nobody" else {"Authorization": f"Bearer {running[who]}"}
    seen_at_all: set[int] = set()
    for operation in _operations(document):
        if operation.path in _STOPPING and who == "token":
            continue
        seen_at_all |= (seen := _try(operation, base, headers, running))
        if who != "token" and operation.path != "/health":
            assert seen <= {400, 401, 431}, (operation.label, seen)
    assert who != "token" or seen_at_all >= {200, 201, 404, 422}


def test_the_admin_is_still_let_in_afterwards(running: dict[str, str]) -> None:
    """All that was tried left the house standing: the log is whole, and the token good."""
    headers = {"Authorization": f"Bearer {running['token']}"}
    verdict = httpx2.get(f"{running['admin']}/admin/v1/audit/verify", headers=headers, timeout=20)
    assert verdict.json()["sound"] is True
