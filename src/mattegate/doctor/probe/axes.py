"""Variations of a request, each along one axis only: what else is the same cannot be what made the difference.

On a public address the ``Host`` axis goes without the credential: which site answers there to another name is not
known, and a secret is for one site. Such a variant is compared with the request without a credential.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from mattegate.doctor.probe.credential import Credential
from mattegate.doctor.probe.exchange import Ask
from mattegate.doctor.probe.profiles import PROFILES, USER_AGENTS, browser
from mattegate.doctor.probe.target import Target


class Axis(StrEnum):
    """What is varied."""

    PROFILE = "profile"
    CREDENTIAL = "credential"
    SPELLING = "spelling"
    USER_AGENT = "user-agent"
    ORIGIN = "origin"
    HOST = "host"
    METHOD = "method"
    PATH = "path"
    FORWARDED = "forwarded"
    HTTP_VERSION = "http-version"
    SIZE = "size"


ALL_AXES: Final = frozenset(Axis)
FOREIGN: Final = "https://foreign.invalid"
OTHER_HOST: Final = "other-host.invalid"
SOMEBODY: Final = "203.0.113.9"
"""An address of documentation (RFC 5737): nobody's."""
SIZES: Final = {"1.5 MB": 1_500_000, "9 MB": 9_000_000, "11 MB": 11_000_000}


@dataclass(frozen=True, slots=True)
class Variant:
    """One request that differs from the base in one thing."""

    axis: Axis
    value: str
    ask: Ask
    anonymous: bool = False
    """Without the credential: to be compared with the anonymous request."""

    @property
    def via(self) -> str:
        """``axis host=other``."""
        return f"axis {self.axis}={self.value}"


@dataclass(frozen=True, slots=True)
class Scene:
    """The base request and what is known about it."""

    target: Target
    ask: Ask
    credential: Credential | None = None
    page: str = ""
    """The origin of the page that calls; empty where none was named."""
    address: str = ""
    public: bool = False
    """Whether the address is a public one."""

    @property
    def anonymous(self) -> Ask:
        """The request without its credential."""
        return self.ask.with_header(self.credential.header, None) if self.credential else self.ask


def variations(scene: Scene, axis: Axis) -> Iterator[Variant]:
    """The base request, varied along one axis."""
    return _MAKERS[axis](scene)


def _profiles(scene: Scene) -> Iterator[Variant]:
    for profile in PROFILES:
        yield Variant(Axis.PROFILE, profile.name, profile.ask(scene.ask))
    page = scene.page or scene.target.origin
    yield Variant(Axis.PROFILE, "browser", browser(scene.ask, scene.target, page))


def _credentials(scene: Scene) -> Iterator[Variant]:
    if not scene.credential:
        return
    bare = scene.anonymous
    yield Variant(Axis.CREDENTIAL, "none", bare)
    for other in scene.credential.others():
        name, value = other.line
        yield Variant(Axis.CREDENTIAL, other.label, bare.with_header(name, value))


def _spellings(scene: Scene) -> Iterator[Variant]:
    if not scene.credential:
        return
    name, value = scene.credential.line
    spelled = dict.fromkeys((name.lower(), name.replace("_", "-"), name.replace("-", "_")))
    for other in spelled:
        if other != name:
            headers = tuple((other, value) if key == name else (key, old) for key, old in scene.ask.headers)
            yield Variant(Axis.SPELLING, other, replace(scene.ask, headers=headers))


def _user_agents(scene: Scene) -> Iterator[Variant]:
    for name, value in USER_AGENTS.items():
        yield Variant(Axis.USER_AGENT, name, scene.ask.with_header("User-Agent", value))


def _origins(scene: Scene) -> Iterator[Variant]:
    origins = {"page": scene.page, "own": scene.target.origin, "foreign": FOREIGN}
    if scene.ask.header("origin") is not None:
        yield Variant(Axis.ORIGIN, "none", scene.ask.with_header("Origin", None))
    for name, origin in origins.items():
        if origin:
            yield Variant(Axis.ORIGIN, name, scene.ask.with_header("Origin", origin))


def _hosts(scene: Scene) -> Iterator[Variant]:
    base = scene.anonymous if scene.public else scene.ask
    literal = f"[{scene.address}]" if ":" in scene.address else scene.address
    for name, host in (("address", literal), ("other", OTHER_HOST)):
        if host and host != scene.target.host:
            yield Variant(Axis.HOST, name, base.with_header("Host", host), scene.public)


def _methods(scene: Scene) -> Iterator[Variant]:
    """Only methods that ask: another one that acts is never tried for the sake of comparison."""
    for method in ("GET", "HEAD", "OPTIONS"):
        if method != scene.ask.method:
            yield Variant(Axis.METHOD, method, replace(scene.ask, method=method, body=b"", padding=0))


def _paths(scene: Scene) -> Iterator[Variant]:
    path, mark, query = scene.ask.target.partition("?")
    for name, other in path_spellings(path).items():
        if other != path:
            yield Variant(Axis.PATH, name, replace(scene.ask, target=other + mark + query))


def path_spellings(path: str) -> dict[str, str]:
    """The other ways in which a path is commonly written, or rewritten on its way."""
    first, _, rest = path.removeprefix("/").partition("/")
    last = path.rstrip("/").rpartition("/")[2]
    head = path.rstrip("/").removesuffix(last)
    spelled = {"trailing slash": path.rstrip("/") or "/" if path.endswith("/") else f"{path}/"}
    if rest:
        spelled["without prefix"] = f"/{rest}"
    if first != "v1":
        spelled["with /v1"] = f"/v1{path}"
    if last:
        spelled["double slash"] = f"{head}/{last}"
        spelled["other case"] = head + last.swapcase()
        if last[0].isalpha():
            spelled["encoded"] = f"{head}%{ord(last[0]):02X}{last[1:]}"
    return spelled


def _forwarded(scene: Scene) -> Iterator[Variant]:
    for name, address in (("loopback", "127.0.0.1"), ("somebody", SOMEBODY)):
        yield Variant(Axis.FORWARDED, name, scene.ask.with_header("X-Forwarded-For", address))


def _versions(scene: Scene) -> Iterator[Variant]:
    yield Variant(Axis.HTTP_VERSION, "1.0", replace(scene.ask, http_version="1.0"))


def _sizes(scene: Scene) -> Iterator[Variant]:
    if scene.ask.method != "POST":
        return
    base = scene.ask
    if base.header("content-type") is None:
        base = base.with_header("Content-Type", "application/octet-stream")
    if base.size > 100_000:
        yield Variant(Axis.SIZE, "small", replace(base, body=base.body[:1_000], padding=0))
    for name, size in SIZES.items():
        if size > base.size:
            yield Variant(Axis.SIZE, name, replace(base, padding=size - len(base.body)))


_MAKERS: Final[dict[Axis, Callable[[Scene], Iterator[Variant]]]] = {
    Axis.PROFILE: _profiles,
    Axis.CREDENTIAL: _credentials,
    Axis.SPELLING: _spellings,
    Axis.USER_AGENT: _user_agents,
    Axis.ORIGIN: _origins,
    Axis.HOST: _hosts,
    Axis.METHOD: _methods,
    Axis.PATH: _paths,
    Axis.FORWARDED: _forwarded,
    Axis.HTTP_VERSION: _versions,
    Axis.SIZE: _sizes,
}
"""In the order in which they are asked: what explains most comes first, what weighs most comes last."""
