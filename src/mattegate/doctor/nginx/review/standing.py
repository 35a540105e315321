"""What is wrong with a configuration whatever is asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from mattegate.doctor.answer import Certainty, Culprit
from mattegate.doctor.clue import Clue
from mattegate.doctor.nginx.addresses import parse_network
from mattegate.doctor.nginx.review.meant import for_callers
from mattegate.doctor.nginx.review.nesting import misnested
from mattegate.doctor.nginx.review.slashes import glued_aliases
from mattegate.doctor.nginx.review.slips import slips
from mattegate.doctor.nginx.review.starting import refused, refused_rules
from mattegate.doctor.nginx.review.unreached import unreached
from mattegate.doctor.nginx.review.words import ORIGIN, clue_of
from mattegate.doctor.nginx.values import has_variables

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.listening import Servers
    from mattegate.doctor.nginx.scope import Scope
    from mattegate.doctor.nginx.tree import Tree

_LIMITS: Final = {"limit_req": "limit_req_zone", "limit_conn": "limit_conn_zone"}


def standing(tree: Tree, http: Scope | None, servers: Servers) -> Iterator[Clue]:
    """Everything that needs no request to be seen."""
    for problem in tree.faults:
        facts = {"problem": problem.says, "place": f"{problem.file}:{problem.line}"}
        evidence = (f"{problem.says} ({problem.file}:{problem.line})",)
        place_of = (Culprit(problem.file, problem.line, problem.text),) if problem.line else ()
        yield Clue("config.refused", Certainty.PROVEN, ORIGIN, evidence, facts, culprit=place_of)
    if http is None:
        return
    if tree.faults:  # what nginx does not read is nobody's rule; where a brace is lost it stops before it reads that
        yield from misnested(http.directive)
        return
    yield from refused(tree, http, servers)
    yield from refused_rules(tree)
    yield from _zones(tree, http)
    yield from unreached(servers)
    yield from slips(servers)
    yield from _trusting(http)
    for scope in _every(server.scope for server in servers):
        yield from _trusting(scope)
        yield from _opened(scope)
        yield from _disguised(scope)
        yield from _any_opens(scope)
        yield from _answers_first(scope)
        yield from _allow_alone(scope)
        yield from glued_aliases(scope)


def _every(scopes: Iterator[Scope]) -> Iterator[Scope]:
    todo = list(scopes)
    while todo:
        scope = todo.pop(0)
        yield scope
        todo += scope.locations


def _zones(tree: Tree, http: Scope) -> Iterator[Clue]:
    """A limit that counts in a zone which nobody defined; of a piece of a configuration that is only likely."""
    if not tree.whole and any(server.line for server in http.own("server")):
        return  # a site's file: its zones stand in the http block, which was not given
    certainty = Certainty.PROVEN if tree.whole and not tree.unread else Certainty.LIKELY
    for line in http.directive.walk():
        kind = _LIMITS.get(line.name)
        if kind is None or not line.args:
            continue
        zone = _zone(line)
        defined = {_zone(other) for other in http.own(kind)}
        if zone and zone not in defined:
            yield clue_of("limit_req.zone_undefined", certainty, line, zone=zone)


def _zone(line: Directive) -> str:
    if line.name == "limit_conn":
        return line.args[0]
    value = next((arg.removeprefix("zone=") for arg in line.args if arg.startswith("zone=")), "")
    return value.partition(":")[0]


def _trusting(scope: Scope) -> Iterator[Clue]:
    for line in scope.own("set_real_ip_from"):
        network = parse_network(line.args[0]) if line.args else None
        if network is not None and network.prefixlen == 0 and _address_matters(scope):
            yield clue_of("realip.trusts_everyone", Certainty.PROVEN, line)


def _address_matters(scope: Scope) -> bool:
    """Whether anything goes by the address that can be forged here."""
    names = {"allow", "deny", "limit_req", "limit_conn", "geo"}
    top = [*scope.upwards()][-1]
    return any(line.name in names for line in top.directive.walk())


def _any_opens(scope: Scope) -> Iterator[Clue]:
    lines = scope.inherited("satisfy")
    if not lines or lines[-1].args != ("any",) or not (scope.own("satisfy") or scope.own("allow", "deny")):
        return
    rules = scope.inherited("allow", "deny")
    guarded = any(scope.value(name, "off") != "off" for name in ("auth_basic", "auth_request"))
    if guarded and rules and rules[0].name == "allow" and rules[0].args == ("all",):
        yield clue_of("satisfy.any_opens", Certainty.PROVEN, lines[-1], rules[0], opens="everybody")


def _opened(scope: Scope) -> Iterator[Clue]:
    """A block that only denies, within one that let nobody in but a few: the few became everybody."""
    own = scope.own("allow", "deny")
    outer = scope.parent.inherited("allow", "deny") if scope.parent is not None else []
    closed = outer and outer[-1].name == "deny" and outer[-1].args == ("all",) and any(r.name == "allow" for r in outer)
    if closed and own and all(rule.name == "deny" and rule.args != ("all",) for rule in own):
        yield clue_of("access.inheritance_lost", Certainty.PROVEN, own[0], outer[-1])


_REFUSALS: Final = frozenset({"400", "401", "403", "413", "415", "422", "429", "500", "502", "503"})


def _disguised(scope: Scope) -> Iterator[Clue]:
    """An ``error_page`` that shows the application's refusals as successes."""
    if not scope.switched_on("proxy_intercept_errors") or not scope.own("proxy_pass", "error_page"):
        return
    for line in scope.inherited("error_page"):
        *codes, page = line.args
        shown = next((code[1:] for code in codes if code.startswith("=")), "")
        hidden = _REFUSALS.intersection(codes)
        if not shown.startswith("2") or not hidden or _is_of_a_bucket(codes, page, scope):
            continue
        status = "/".join(sorted(hidden))
        yield clue_of("error_page.hides_status", Certainty.PROVEN, line, shown=shown, status=status)


def _is_of_a_bucket(codes: list[str], page: str, scope: Scope) -> bool:
    """Whether a page app in an object store gets its first page for each path: stores say 403 of what is not there."""
    refused = {code for code in codes if not code.startswith("=")}
    return refused == {"403", "404"} and page.endswith((".html", "/")) and not for_callers(scope.directive)


def _answers_first(scope: Scope) -> Iterator[Clue]:
    """A ``return`` beside rules of its own location, which are never asked: the rewrite phase comes first."""
    rules = scope.own("deny", "auth_basic", "auth_request") if scope.kind == "location" else []
    rules = [rule for rule in rules if rule.args[:1] != ("off",)]
    answers = [line for line in scope.own("return") if line.args[:1] and line.args[0].startswith("2")]
    if rules and answers:
        yield clue_of("if.bypasses_access", Certainty.PROVEN, answers[0], rules[0])


def _allow_alone(scope: Scope) -> Iterator[Clue]:
    """``allow`` for some networks, and nothing that keeps the others out."""
    rules = scope.own("allow", "deny")
    networks = [rule for rule in rules if rule.args and rule.args != ("all",) and not has_variables(rule.args[0])]
    if (
        scope.directive.line
        and networks
        and len(networks) == len(rules)
        and all(rule.name == "allow" for rule in rules)
    ):
        yield clue_of("access.allow_without_deny", Certainty.LIKELY, networks[0])
