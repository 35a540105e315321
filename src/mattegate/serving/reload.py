"""SIGHUP: open the log anew, read the configuration again. What cannot be had leaves everything as it was."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from mattegate.config.changes import changed
from mattegate.config.faults import ConfigurationError
from mattegate.ledger.protocols import Unavailable
from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from mattegate.config.settings import Settings

_LOG: Final = logging.getLogger("mattegate.serving")
_NOT_TAKEN: Final = "the configuration was not taken over, the old one stays in force: %s"


async def on_hangup(*acts: Callable[[], None]) -> None:
    """Do ``acts`` at every SIGHUP, until cancelled."""
    loop = asyncio.get_running_loop()
    for_ever = loop.create_future()
    loop.add_signal_handler(signal.SIGHUP, lambda: [act() for act in acts])
    try:
        await for_ever
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


class Rereading:
    """Reads the settings with ``read`` and puts them in force with ``apply``, as far as that needs no restart.

    ``note`` is told which settings changed by that.
    """

    def __init__(
        self,
        settings: Settings,
        read: Callable[[], Settings],
        apply: Callable[[Settings], None],
        note: Callable[[Sequence[str]], object] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._read = read
        self._apply = apply
        self._note = note

    def __call__(self) -> None:
        """Read once. Faults are told to the operator, and change nothing."""
        try:
            settings = self._read()
            self._apply(settings)
        except ConfigurationError as error:
            _LOG.error(_NOT_TAKEN, "; ".join(fault.told for fault in error.faults))
            return
        except (ValueError, Refusal, Unavailable) as error:
            _LOG.error(_NOT_TAKEN, error)
            return
        at_once, later = changed(self._settings, settings)
        self._settings = settings
        _LOG.info("configuration read again; in force: %s", ", ".join(at_once) or "nothing new")
        if later:
            _LOG.warning("these settings need a restart: %s", ", ".join(later))
        if at_once:
            self._note(at_once)
