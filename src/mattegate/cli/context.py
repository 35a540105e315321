"""What every command is given: the options before the command's name, and the parts it may call.

The parts come in as :class:`Services`, so that a test runs real commands over an engine of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import typer

from mattegate.config.load import load_settings

if TYPE_CHECKING:
    from mattegate.config.settings import Settings
    from mattegate.cutout.engine.protocol import Engine


class Serve(Protocol):
    """Serve until told to stop."""

    def __call__(self, settings: Settings, *, on_ready: Callable[[str], None], reread: Callable[[], Settings]) -> None:
        """``on_ready`` is called once with the API's base URL, when ``/ready`` would answer 200.

        ``reread`` reads the same configuration again.
        """


@dataclass(frozen=True, slots=True)
class Services:
    """The parts that commands call."""

    build_engine: Callable[[Settings], Engine]
    serve: Serve


def real_services() -> Services:
    """The product's own parts, imported when a command first calls one."""

    def build_engine(settings: Settings) -> Engine:
        from mattegate import assembly  # noqa: PLC0415 - heavy, and not every command makes cut-outs

        return assembly.build_engine(settings)

    def serve(settings: Settings, *, on_ready: Callable[[str], None], reread: Callable[[], Settings]) -> None:
        from mattegate import assembly  # noqa: PLC0415

        assembly.serve(settings, on_ready=on_ready, reread=reread)

    return Services(build_engine, serve)


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of the command line."""

    line: tuple[str, ...]
    """The words as given, without the program's name."""
    services: Services
    home: Path | None = None
    config: Path | None = None

    def settings(self, flags: Mapping[str, object] | None = None, config: Path | None = None) -> Settings:
        """Defaults, file, environment, then ``flags`` (dotted settings; ``None`` means not given).

        Raises :class:`~mattegate.config.load.ConfigurationError` with every fault.
        """
        given = {"home": self.home, **(flags or {})}
        return load_settings(file=config or self.config, environ=os.environ, flags=given)


def invocation_of(ctx: typer.Context) -> Invocation:
    """The invocation a command belongs to."""
    invocation = ctx.obj
    assert isinstance(invocation, Invocation)
    return invocation
