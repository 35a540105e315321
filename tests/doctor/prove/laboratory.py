"""What the tests of experiments share: a configuration as text, a change by its line's text, and a real nginx."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

import pytest

from mattegate.doctor.nginx.directive import Directive
from mattegate.doctor.nginx.edits import Edit, walk
from mattegate.doctor.nginx.request import Request
from mattegate.doctor.nginx.tree import read_text
from mattegate.doctor.prove import sandbox
from mattegate.doctor.prove.proof import Proof, prove


def needs_nginx() -> None:
    """Skips where there is no nginx."""
    if shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin") is None:
        pytest.skip("there is no nginx program")


def tree(text: str) -> tuple[Directive, ...]:
    """The directives of a configuration or a piece of one."""
    return read_text(text).directives


def asking(**members: Any) -> Request:
    """A request with a host, because nginx refuses every other."""
    return Request(**{"host": "a.example", **members})


def line(directives: tuple[Directive, ...], text: str) -> Directive:
    """The first directive that is spelled so."""
    return next(each for each in walk(directives) if each.text.startswith(text))


def shown(text: str, request: Request, *edits: Edit, network: bool = True, **more: Any) -> Proof:
    """The proof for a configuration; without a network of its own where that is to be tried."""
    needs_nginx()
    permitted = sandbox.permitted() if network else replace(sandbox.permitted(), network=False)
    return prove(tree(text), request, edits, permitted=permitted, **more)
