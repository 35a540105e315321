"""What the tests of the probe share: certificates, made once."""

from __future__ import annotations

import pytest

from tests.doctor.probe.houses import Papers, papers


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    """An authority and what it signed."""
    return papers(tmp_path_factory.mktemp("papers"))
