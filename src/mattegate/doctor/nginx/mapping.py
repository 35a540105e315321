"""Variables that a configuration defines by looking others up: ``map``, ``geo``, ``split_clients``, referers, links."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.addresses import Address, forwarded_address, parse_address, parse_network, parts
from mattegate.doctor.nginx.regex import Untranslated, search
from mattegate.doctor.nginx.uri import as_bytes_text
from mattegate.doctor.nginx.values import Undecided

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.scope import Scope
    from mattegate.doctor.nginx.state import State

Expand = Callable[[str], str]
"""What puts the values of variables into a text."""

_GROUP: Final = re.compile(r"\(\?P?<(\w+)>")
_NOBODY: Final = IPv4Address("255.255.255.255")
"""What a text that is no address is looked up as (``INADDR_NONE``)."""
_SPECIAL: Final = frozenset(
    {"default", "hostnames", "include", "volatile", "ranges", "delete", "proxy", "proxy_recursive"}
)


def evaluate(name: str, state: State, expand: Expand) -> str | None:
    """The value of ``$name`` where a block defines it; ``None`` where none does. Raises :class:`Undecided`."""
    block = definition_in(state.http, name)
    if block is None:
        return _never_set(name, state)
    if block.name == "map":
        return _map(block, expand(block.args[0]), state, expand)
    if block.name == "geo":
        return _geo(block, state, expand)
    raise Undecided(f"${name} comes from {block.name}")


def definition_in(http: Scope, name: str) -> Directive | None:
    """The block that defines ``$name``."""
    return _definitions(http).get(f"${name}")


@lru_cache(maxsize=8)
def _definitions(http: Scope) -> Mapping[str, Directive]:
    """By the variable; the first where there are several."""
    blocks = [block for block in http.own("map", "geo", "split_clients") if block.args]
    return {block.args[-1]: block for block in reversed(blocks)}


def _never_set(name: str, state: State) -> str | None:
    """A variable that some ``set`` or pattern would give a value, but none has yet, is empty."""
    return "" if f"${name}" in _set_somewhere(state.http) else None


@lru_cache(maxsize=8)
def _set_somewhere(http: Scope) -> frozenset[str]:
    lines = list(http.directive.walk())
    groups = (name for line in lines for word in (line.name, *line.args) for name in _GROUP.findall(word))
    return frozenset(line.args[0] for line in lines if line.name in _SETTERS and line.args) | {
        f"${name}" for name in groups
    }


_SETTERS: Final = frozenset({"set", "auth_request_set"})


def _map(block: Directive, value: str, state: State, expand: Expand) -> str:
    entries = [(child.name, child.args[0]) for child in block.children if child.args]
    entries = [(key, result) for key, result in entries if key != "include"]
    if any(child.name == "include" for child in block.children):
        raise Undecided(f"the file included in map {block.args[-1]}")
    masks = _masks(block)
    value = value.removesuffix(".") if masks is not None else value
    found = _exact([(key, result) for key, result in entries if (_plain(key), result) not in (masks or ())], value)
    if found is None and masks is not None:
        found = _hostname(masks, value)
    if found is None and value:  # no pattern is tried on nothing (ngx_http_map_find)
        found = _regular(entries, value, state)
    if found is None:
        found = next((result for key, result in entries if key == "default"), "")
    return expand(found)


def _masks(block: Directive) -> list[tuple[str, str]] | None:
    """The entries behind ``hostnames``, whose keys may be masks; ``None`` where it does not stand there."""
    at = next((at for at, child in enumerate(block.children) if child.name == "hostnames"), None)
    if at is None:
        return None
    behind = block.children[at + 1 :]
    return [(_plain(child.name), child.args[0]) for child in behind if child.args and _is_mask(_plain(child.name))]


def _is_mask(key: str) -> bool:
    return key.startswith(("*.", ".")) or key.endswith(".*")


def _exact(entries: Sequence[tuple[str, str]], value: str) -> str | None:
    wanted = value.lower()
    for key, result in entries:
        if key not in _SPECIAL and not key.startswith("~") and as_bytes_text(_plain(key)).lower() == wanted:
            return result
    return None


def _plain(key: str) -> str:
    """A leading backslash takes the special meaning off ``\\default`` and its like."""
    return key.removeprefix("\\")


def _hostname(entries: Sequence[tuple[str, str]], value: str) -> str | None:
    host = value.lower()
    front = [(len(k), r) for k, r in entries if _in_front(k.lower(), host)]
    behind = [(len(k), r) for k, r in entries if k.endswith(".*") and host.startswith(k[:-1].lower())]
    best = front or behind
    return max(best)[1] if best else None


def _in_front(key: str, host: str) -> bool:
    if key.startswith("*."):
        return host.endswith(key[1:]) and host != key[1:]
    return key.startswith(".") and (host.endswith(key) or host == key[1:])


def _regular(entries: Sequence[tuple[str, str]], value: str, state: State) -> str | None:
    for key, result in entries:
        if not key.startswith("~"):
            continue
        ignore_case = key.startswith("~*")
        try:
            found = search(as_bytes_text(key[2 if ignore_case else 1 :]), value, ignore_case=ignore_case)
        except Untranslated as error:
            raise Undecided(str(error)) from error
        if found is not None:
            if found.groups():
                state.captures = (found[0], *(group or "" for group in found.groups()))
                state.variables.update({name: text or "" for name, text in found.groupdict().items()})
            return result
    return None


def _geo(block: Directive, state: State, expand: Expand) -> str:
    names = {child.name for child in block.children}
    if names & {"include", "delete"}:
        raise Undecided(f"geo {block.args[-1]} with files, or with entries taken out again")
    address = _exactly(_geo_source(block, state, expand)) or _NOBODY
    default = next((child.args[0] for child in block.children if child.name == "default" and child.args), "")
    found = _by_range(block, address) if "ranges" in names else _by_network(block, address)
    return as_bytes_text(default if found is None else found)


def _geo_source(block: Directive, state: State, expand: Expand) -> str:
    """The address that is looked up: past the proxies of its own that a ``geo`` believes."""
    source = expand(block.args[0]) if len(block.args) > 1 else state.client
    proxies = [child.args[0] for child in block.named("proxy") if child.args]
    if not proxies or (_exactly(source) is None and source != "unix:"):
        return source
    values = [part for value in state.header_list("x-forwarded-for") for part in parts(value)]
    recursive = any(True for _ in block.named("proxy_recursive"))
    return forwarded_address(source, values, proxies, recursive=recursive)


def _by_network(block: Directive, address: Address) -> str | None:
    """The narrowest network decides; of two lines for the same one, the later."""
    best, length = None, -1
    for child in block.children:
        network = parse_network(child.name) if child.args else None
        if network is None or network.version != address.version or address not in network:
            continue
        if network.prefixlen >= length:
            best, length = child.args[0], network.prefixlen
    return best


def _by_range(block: Directive, address: Address) -> str | None:
    """Ranges of IPv4 addresses: a later one lies within an earlier, or nginx refuses it, so the last decides."""
    address = address if isinstance(address, IPv4Address) else _NOBODY
    found = None
    for child in block.children:
        first, last = (parse_address(end) for end in child.name.partition("-")[::2])
        if child.args and isinstance(first, IPv4Address) and isinstance(last, IPv4Address) and first <= address <= last:
            found = child.args[0]
    return found


def _exactly(text: str) -> Address | None:
    """An address without a port or brackets."""
    return None if "[" in text or (":" in text and "." in text and text.count(":") == 1) else parse_address(text)


def invalid_referer(state: State) -> str:
    """``$invalid_referer``: "1" unless ``valid_referers`` names the caller's referer."""
    lines = state.scope.inherited("valid_referers")
    if not lines:
        return ""
    rules = [arg for line in lines for arg in line.args]
    referer = state.header("referer")
    if referer is None:
        return "" if "none" in rules else "1"
    lower = referer.lower()
    if not lower.startswith(("http://", "https://")):
        return "" if "blocked" in rules else "1"
    return "" if _referred(lower.partition("://")[2], rules, state) else "1"


def _referred(rest: str, rules: Sequence[str], state: State) -> bool:
    host, slash, path = rest.partition("/")
    host = host.partition(":")[0]
    uri = slash + path
    names = [(rule, "") for rule in rules if rule not in {"none", "blocked", "server_names"}]
    if "server_names" in rules:
        names += [(name, "") for name in state.server.names]
    try:
        return any(_referer_fits(rule, host, uri, rest) for rule, _ in names)
    except Untranslated as error:
        raise Undecided(str(error)) from error


def _referer_fits(rule: str, host: str, uri: str, rest: str) -> bool:
    if rule.startswith("~"):
        return search(as_bytes_text(rule[1:]), rest, ignore_case=True) is not None
    name, slash, path = rule.lower().partition("/")
    if slash and not uri.startswith("/" + path):
        return False
    if name.startswith("*."):
        return host.endswith(name[1:])
    if name.startswith("."):
        return host.endswith(name) or host == name[1:]
    if name.endswith(".*"):
        return host.startswith(name[:-1])
    return bool(name) and host == name


def secure_link(state: State, expand: Expand) -> str:
    """``$secure_link``: empty for a wrong link, "0" for one that is over, "1" for a good one."""
    lines, formula = state.scope.inherited("secure_link"), state.scope.inherited("secure_link_md5")
    if not lines or not formula:
        if state.scope.inherited("secure_link_secret"):
            raise Undecided("secure_link_secret")
        return ""
    given, comma, expires = expand(lines[-1].args[0]).partition(",")
    if comma and (not expires.isdecimal() or int(expires) == 0):
        return ""
    wanted = hashlib.md5(expand(formula[-1].args[0]).encode("latin-1"), usedforsecurity=False).digest()
    if given.rstrip("=") != base64.urlsafe_b64encode(wanted).decode().rstrip("="):
        return ""
    return "0" if expires and int(expires) < state.around.now else "1"


def secure_link_expires(state: State, expand: Expand) -> str:
    """``$secure_link_expires``."""
    lines = state.scope.inherited("secure_link")
    return expand(lines[-1].args[0]).partition(",")[2] if lines else ""
