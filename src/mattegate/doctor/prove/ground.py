"""What an experiment can rely on, and what comes of a configuration on that ground."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mattegate.doctor.prove.upstreams import Answer, Stub

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.prove.listeners import Listener
    from mattegate.doctor.prove.networks import Double
    from mattegate.doctor.prove.standins import Placeholder


class Unrenderable(Exception):  # noqa: N818 - the state of what was given
    """No configuration can be made of it that would prove anything; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What an experiment can rely on."""

    folder: str
    """The private folder, absolute."""
    port_for: Callable[[int], int]
    """A port to listen on in the place of one that is written."""
    own_network: bool
    """Whether any address can be had."""
    confined: bool
    """Whether the kernel keeps nginx in its folder."""
    ipv6: bool
    double: Double | None = None
    """Who plays the client's address, where it cannot be had."""
    without: frozenset[str] = frozenset()
    """Protocols that this nginx was built without."""
    files_here: bool = False
    """Whether paths of the configuration are paths of this machine."""
    password_files: Collection[str] = ()
    """Password files whose content may be used."""
    upstream: Answer = field(default_factory=Answer)
    auth: Answer = field(default_factory=Answer)
    most_directives: int = 50_000
    most_bytes: int = 4_194_304


@dataclass(frozen=True, slots=True)
class Rendered:
    """A configuration to run, with everything it needs."""

    text: str
    places: tuple[Directive | None, ...]
    """Of each line, what it was made from."""
    listeners: tuple[Listener, ...]
    stubs: tuple[Stub, ...]
    placeholders: tuple[Placeholder, ...]
    certificates: bool
    names: tuple[tuple[str, str], ...]
    """What was put into the configuration, and what it stands for."""
    substitutions: tuple[str, ...]
    not_checked: tuple[str, ...]
