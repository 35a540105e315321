"""Which policies a command is about: those of the settings, or those of a folder that is not in use yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from mattegate.config.faults import ConfigurationError
from mattegate.config.settings import PolicySettings, Settings
from mattegate.gate.policies.library import PolicyError
from mattegate.gate.policies.loading import load_policies, placed
from mattegate.vocabulary.rulebook import PolicyText

Folder = Annotated[
    Path | None,
    typer.Option("--folder", help="The policies of this folder, not of policies.folder.", show_default=False),
]


def policies_in(settings: Settings, folder: Path | None) -> tuple[PolicyText, ...]:
    """Sound ones only. Raises :class:`~mattegate.config.faults.ConfigurationError` with everything that is wrong."""
    if folder is not None:
        settings = replace(settings, policies=PolicySettings(folder.absolute()))
    return load_policies(settings)


@contextmanager
def usable() -> Iterator[None]:
    """Policies from elsewhere than files: what is wrong with them is told as it is of files."""
    try:
        yield
    except PolicyError as error:
        raise ConfigurationError(placed(error.faults)) from None
