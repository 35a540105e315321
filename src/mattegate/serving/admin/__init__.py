"""The admin plane: everything an operator changes or looks up over HTTP, on a port and under credentials of its own.

Rules of this room: every act goes through the desk, so that it is in the audit log; nothing answers before the guard
let it pass; no answer grants anything to a web page.
"""

from __future__ import annotations

from mattegate.serving.admin.parts import AdminParts
from mattegate.serving.admin.plane import create_admin_plane

__all__ = ["AdminParts", "create_admin_plane"]
