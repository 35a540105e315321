"""What no experiment can show safely or truly: it is refused before anything is written of it."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from mattegate.doctor.prove.ground import Unrenderable
from mattegate.doctor.prove.page import place

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.prove.ground import Ground

_ADDRESS_VARIABLES: Final = re.compile(r"\$\{?(remote_addr|binary_remote_addr|realip_remote_addr)\b")
_COMPARES: Final = frozenset(
    {"if", "map", "split_clients", "set", "hash", "try_files", "secure_link", "secure_link_md5", "rewrite"}
)
_CLEAN: Final = re.compile(r"\$\{?(uri|document_uri|is_args|args|query_string)\b\}?")


def guard(directive: Directive, ground: Ground) -> None:
    """Stops where the client's address is compared as text and cannot be had, or a path could lead outside."""
    if ground.double is not None and directive.name in _COMPARES:
        looked_at = directive.args[:1] if directive.name in {"map", "split_clients"} else directive.args
        if any(_ADDRESS_VARIABLES.search(arg) for arg in looked_at):
            raise Unrenderable(
                f"{place(directive)} compares the client's address as text, and this system does not permit a "
                "network of our own in which the experiment could have that address"
            )
    if not ground.confined and _could_climb(directive):
        raise Unrenderable(
            f"{place(directive)} builds a path from the request, and this system offers no way to keep nginx in "
            "its private folder"
        )


def _could_climb(directive: Directive) -> bool:
    """Whether a file's path is made of more than its own words and the (clean) path of the request."""
    paths = {
        "alias": directive.args,
        "try_files": directive.args,
        "index": directive.args,
        "rewrite": directive.args[1:2],
        "error_page": directive.args[-1:],
    }
    cleaned = (_CLEAN.sub("", arg) for arg in paths.get(directive.name, ()))
    return any("$" in arg or ".." in PurePosixPath(arg).parts for arg in cleaned)
