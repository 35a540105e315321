"""Every cause that the probe can name is in the catalogue, and every one of its own file can be named."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from mattegate.doctor import causes as package
from mattegate.doctor import probe
from mattegate.doctor.causes import causes

_SOURCES = sorted(Path(probe.__path__[0]).glob("*.py"))
_DATA = Path(package.__path__[0]) / "probe.toml"
_BUILT = {"tcp": r"tcp\.(?!py)", "hop": r"hop\.(?:authorization|header)_"}
"""Codes that are put together from a kind."""


def test_the_catalogue_and_the_probe_know_the_same_causes() -> None:
    """No code without a page, no page without a use."""
    text = "\n".join(source.read_text() for source in _SOURCES)
    own = set(tomllib.loads(_DATA.read_text()))
    named = set(
        re.findall(r'"((?:dns|tcp|tls|port|clock|proxy_env|hop|differential|transport|client_cert)\.[a-z_]+)"', text)
    )
    assert named <= set(causes())
    unnamed = own - named
    assert all(re.match("|".join(_BUILT.values()), code) for code in unnamed), unnamed


def test_every_sentence_of_the_file_is_whole() -> None:
    """A title and a remedy in two languages, without full stops in titles."""
    for code in tomllib.loads(_DATA.read_text()):
        cause = causes()[code]
        assert not cause.title.endswith(".")
        assert all((cause.meaning, cause.remedy, cause.cite, cause.title_zh, cause.remedy_zh)), code
