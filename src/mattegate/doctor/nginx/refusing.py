"""The phases that refuse: addresses, passwords, questions to another service, and how ``satisfy`` joins them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from hmac import compare_digest
from typing import TYPE_CHECKING

from mattegate.doctor.nginx.addresses import forwarded_address, parts, trusted, within
from mattegate.doctor.nginx.credentials import basic
from mattegate.doctor.nginx.files import Kind, native
from mattegate.doctor.nginx.request import Step
from mattegate.doctor.nginx.values import Undecided
from mattegate.doctor.nginx.variables import Variables
from mattegate.doctor.nginx.word import NO_SAY, Say, Word
from mattegate.doctor.redact import clean

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.scope import Scope
    from mattegate.doctor.nginx.state import State

Ask = Callable[["State"], Word]


def realip(scope: Scope, state: State) -> None:
    """Put the client's address in the place of the proxy's, once a request (ngx_http_realip_module)."""
    lines = scope.inherited("set_real_ip_from")
    if state.realip_done or not lines or not state.main:
        return
    networks = [line.args[0] for line in lines if line.args]
    header = scope.value("real_ip_header", "X-Real-IP").lower()
    if header == "proxy_protocol":
        if state.scope.inherited("allow", "deny"):
            raise Undecided("the address in the PROXY protocol header")
        state.unknown.append("the address in the PROXY protocol header")
        return
    if not trusted(state.client, networks):
        return
    values = state.header_list(header)
    chain = [part for value in (values if header == "x-forwarded-for" else values[:1]) for part in parts(value)]
    if not chain:
        return
    recursive = scope.switched_on("real_ip_recursive")
    address = forwarded_address(state.client, chain, networks, recursive=recursive)
    state.realip_done = True
    if address != state.client:
        state.step("realip", f"{header} makes the client {address}, was {state.client}", lines[-1])
        state.client = address


def access(state: State) -> Word:
    """``allow`` and ``deny``: the first that fits decides; where none fits, there is no say."""
    for line in state.scope.inherited("allow", "deny"):
        if line.args and within(state.client, line.args[0]):
            if line.name == "allow":
                return Word(Say.PASSES, "access", directive=line)
            return Word(Say.REFUSES, "access", 403, line)
    return NO_SAY


def auth_basic(state: State) -> Word:
    """A password: 401 without one or with a wrong one, 403 where there is no file to look in, 500 for a closed one."""
    lines = state.scope.inherited("auth_basic")
    files = state.scope.inherited("auth_basic_user_file")
    if not lines or not files or Variables(state).expand(lines[-1].args[0]).lower() == "off":
        return NO_SAY
    if not state.head_read and state.request.header("Authorization") is not None:
        raise Undecided("which headers nginx had read when it refused the request")
    credentials = basic(state.header("authorization"))
    if credentials is None:
        return _challenged(lines[-1], state)
    path = Variables(state).expand(files[-1].args[0])
    kind = state.around.files.look(path)
    if kind is Kind.MISSING:
        return Word(Say.REFUSES, "auth_basic_file", 403, files[-1])
    if kind not in {Kind.FILE, Kind.OTHER, Kind.UNKNOWN}:
        state.steps.append(Step("file", f"{clean(native(path))}: {kind}", files[-1], path))
        return Word(Say.REFUSES, "file_permission", 500, files[-1])
    known = state.around.files.text(path)
    if known is None:
        raise Undecided(f"whether {path} has this user with this password")
    good = _password_fits(known, *credentials)
    return Word(Say.PASSES, "auth_basic", directive=lines[-1]) if good else _challenged(lines[-1], state)


def _challenged(line: Directive, state: State) -> Word:
    state.challenges.append(f'Basic realm="{Variables(state).expand(line.args[0])}"')
    return Word(Say.REFUSES, "auth_basic", 401, line)


def _password_fits(known: str, user: str, password: str) -> bool:
    for line in known.splitlines():
        name, _, stored = line.partition(":")
        if name == user:
            return _same(stored.partition(":")[0], password)
    return False


def _same(stored: str, password: str) -> bool:
    raw = password.encode("latin-1")
    if stored.startswith("{PLAIN}"):
        return compare_digest(stored[7:].encode(), raw)
    if stored.startswith("{SHA}"):
        return compare_digest(base64.b64decode(stored[5:]), hashlib.sha1(raw, usedforsecurity=False).digest())
    if stored.startswith("{SSHA}"):
        data = base64.b64decode(stored[6:])
        return compare_digest(data[:20], hashlib.sha1(raw + data[20:], usedforsecurity=False).digest())
    raise Undecided("a password kept in a form that only the machine's own library reads")


def judged(state: State, asked: Sequence[Ask]) -> Word:
    """The word of the access phase as a whole (ngx_http_core_access_phase): ``all`` must pass, or ``any``.

    What one module refused stays refused behind an ``error_page`` that comes in for another's answer.
    """
    kept, state.refused = state.refused or NO_SAY, None
    any_is_enough = state.scope.value("satisfy", "all") == "any"
    for ask in asked:
        word = ask(state)
        if word.say is Say.PASSES:
            state.step("access", f"{word.mechanism} lets it pass", word.directive)
            if any_is_enough:
                state.challenges.clear()
                return word
        elif word.say is Say.REFUSES:
            if not any_is_enough or word.status not in {401, 403}:
                state.refused = kept if kept.say is Say.REFUSES else None
                return word
            if kept.status != 401:
                kept = word
    return kept
