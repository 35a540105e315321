"""Whether an account may connect to a Unix socket: it needs ``w`` on the socket and ``x`` on every folder above.

nginx answers 502 where its worker may not, and logs ``connect() to unix:… failed (13: Permission denied)``.
"""

from __future__ import annotations

import errno
import stat
from dataclasses import dataclass

from mattegate.doctor.files.acl import Account, Right
from mattegate.doctor.files.look import Look
from mattegate.doctor.files.walk import End, Walk, walk

_ERRNO = {
    End.ALLOWED: 0,
    End.DENIED: errno.EACCES,
    End.MISSING: errno.ENOENT,
    End.NOT_A_FOLDER: errno.ENOTDIR,
    End.LOOP: errno.ELOOP,
}


@dataclass(frozen=True, slots=True)
class Connecting:
    """What connecting to a path would meet."""

    walk: Walk
    errno: int | None
    """What ``connect()`` sets, 0 where nothing of the path stands in the way; ``None`` where that is not known.

    Whether somebody listens is another matter: where nobody does, an allowed connection ends in ECONNREFUSED too.
    """

    @property
    def allowed(self) -> bool:
        """Whether the path lets the account through to a socket."""
        return self.errno == 0


def connecting(path: str, account: Account, look: Look, *, protected_symlinks: bool = True) -> Connecting:
    """May ``account`` connect to the socket at ``path``? Source: linux/net/unix/af_unix.c (unix_find_bsd)."""
    walked = walk(path, account, Right.WRITE, look, protected_symlinks=protected_symlinks)
    if walked.end is End.ALLOWED and not stat.S_ISSOCK(walked.steps[-1].status.mode):
        return Connecting(walked, errno.ECONNREFUSED)
    return Connecting(walked, _ERRNO.get(walked.end))
