"""What was named and not read, and might say who gets in: no word on a default is sure beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mattegate.doctor.nginx.tree import Tree

_HARMLESS: Final = ("mime.types", "fastcgi_params", "uwsgi_params", "scgi_params", ".conf.default")
"""Files that say nothing about who gets in."""


def unread(tree: Tree) -> tuple[str, ...]:
    """A sentence on each file that was not read and may matter."""
    return tuple(problem.says for problem in tree.unread if not problem.says.partition(":")[0].endswith(_HARMLESS))
