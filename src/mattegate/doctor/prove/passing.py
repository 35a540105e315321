"""Where a configuration passes requests on: to stand-ins, one for each upstream, others where it checks callers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mattegate.doctor.nginx.directive import spelled
from mattegate.doctor.prove.allowed import SERVER_OPTIONS, UPSTREAM_ALLOWED
from mattegate.doctor.prove.ground import Unrenderable
from mattegate.doctor.prove.guarding import guard
from mattegate.doctor.prove.page import EMPTY, place
from mattegate.doctor.prove.upstreams import Stub, destination

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.prove.ground import Ground
    from mattegate.doctor.prove.page import Page


class Passing:
    """The stand-ins of one configuration."""

    def __init__(self, page: Page, every: Sequence[Directive], ground: Ground) -> None:
        self._page, self._ground = page, ground
        self._stubs: dict[tuple[str, str, bool], Stub] = {}
        self._upstreams: list[tuple[Stub, Directive | None]] = []
        self._blocks = {each.args[0]: each for each in every if each.name == "upstream" and each.args}
        self._constants = _constants(every)
        self._auth_uris = {each.args[0] for each in every if each.name == "auth_request" and each.args}

    @property
    def stubs(self) -> tuple[Stub, ...]:
        """All of them."""
        return tuple(self._stubs.values())

    def upstreams(self) -> None:
        """Write the ``upstream`` blocks that lead to the stand-ins, at the end of the ``http`` block."""
        for stub, block in self._upstreams:
            self._upstream(stub, block)
        self._upstreams.clear()

    def proxy_pass(self, directive: Directive, around: Sequence[Directive]) -> None:
        """``proxy_pass``, in the blocks around it."""
        written = directive.args[0] if len(directive.args) == 1 else ""
        to = destination(written, self._constants)
        if to is None and not written.startswith("$"):
            self._page.plain(directive)  # nginx refuses it, and says why
            return
        if to is None:
            self._page.doubt(f"{place(directive)}: where {written} leads, and with which path")
            self._page.write(f"proxy_pass http://{self._stub('http', written, directive, around).name};", directive)
            return
        stub = self._stub(to.scheme, to.place, directive, around, shown=to.shown)
        variable = EMPTY if to.variables else ""
        self._page.write(f"proxy_pass {spelled(f'{to.scheme}://{stub.name}{variable}{to.rest}')};", directive)

    def other_pass(self, directive: Directive, around: Sequence[Directive]) -> None:
        """``fastcgi_pass`` and its like, which a stand-in is asked by HTTP for."""
        written = directive.args[0] if directive.args else ""
        self._page.doubt(f"{place(directive)}: what {directive.name} hands on (the stand-in is asked by HTTP)")
        self._page.write(f"proxy_pass http://{self._stub('http', written, directive, around).name};", directive)

    def _stub(
        self, scheme: str, to: str, directive: Directive, around: Sequence[Directive], *, shown: str = ""
    ) -> Stub:
        auth = self._is_for_auth(around)
        key = (scheme, to, auth)
        if key not in self._stubs:
            number = len(self._stubs) + 1
            if number > 100:
                raise Unrenderable("the configuration has more than 100 different upstreams")
            path = f"{self._ground.folder}/u{number}.sock"
            answer = self._ground.auth if auth else self._ground.upstream
            stub = Stub(f"mattegate-stand-in-{number}", path, scheme == "https", auth, answer)
            self._stubs[key] = stub
            self._upstreams.append((stub, self._blocks.get(to)))
            default = ":443" if scheme == "https" else ":80"
            self._page.names += [(f"unix:{path}", to), (stub.name, (shown or to).removesuffix(default))]
            what = "auth_request service" if auth else "upstream"
            self._page.say(f"{what} {scheme}://{to} ({place(directive)}): a stand-in that answers {answer.status}")
        return self._stubs[key]

    def _is_for_auth(self, around: Sequence[Directive]) -> bool:
        locations = [each for each in around if each.name == "location" and each.args]
        return bool(locations) and any(_leads_to(uri, locations[-1].args) for uri in self._auth_uris)

    def _upstream(self, stub: Stub, block: Directive | None) -> None:
        self._page.write(f"upstream {stub.name} {{", block)
        if block is None:
            self._page.write(f"server {spelled('unix:' + stub.socket)};", None)
        for child in () if block is None else block.children:
            if child.name == "server":
                options = [option for option in child.args[1:] if option.startswith(SERVER_OPTIONS)]
                self._page.write(
                    " ".join(["server", spelled("unix:" + stub.socket), *map(spelled, options)]) + ";", child
                )
            elif child.name in UPSTREAM_ALLOWED:
                guard(child, self._ground)
                self._page.plain(child)
            else:
                self._page.leave_out(child)
        self._page.write("}", block)


def _constants(every: Sequence[Directive]) -> dict[str, frozenset[str]]:
    """The values that each variable is ever given, where all are known."""
    found: dict[str, set[str]] = {}
    for each in every:
        if each.name == "set" and len(each.args) == 2:
            found.setdefault(each.args[0].removeprefix("$"), set()).add(each.args[1])
        elif each.name == "map" and len(each.args) == 2:
            rows = [row.args[0] for row in each.children if len(row.args) == 1 and row.name != "include"]
            found.setdefault(each.args[1].removeprefix("$"), set()).update(rows)
    return {name: frozenset(values) for name, values in found.items()}


def _leads_to(uri: str, location: tuple[str, ...]) -> bool:
    """Whether a location is where an internal request for ``uri`` goes, as far as its name tells."""
    if len(location) == 1:
        return location[0] != "/" and uri.startswith(location[0])
    if location[0] == "=":
        return uri == location[1]
    return location[0] == "^~" and uri.startswith(location[1])
