"""The file of usage and limits when it cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from mattegate.ledger.protocols import Unavailable
from mattegate.ledger.usage_database import UsageDatabase


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    """Garbage where the database should be is named, not overwritten."""
    file = tmp_path / "usage.db"
    file.write_bytes(b"certainly not a database" * 100)
    with pytest.raises(Unavailable, match="file is not a database"):
        UsageDatabase(file)
    assert file.read_bytes().startswith(b"certainly")
