"""``python -m mattegate`` is the command line."""

from __future__ import annotations

import sys

from mattegate.cli import main

sys.exit(main())
