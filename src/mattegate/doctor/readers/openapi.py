"""Reads an API description (OpenAPI 3, Swagger 2; JSON or YAML): one ``setting`` for each operation.

``method`` and ``path`` are members; fields: ``kind`` (``route``), ``prefixes`` (the paths of the servers: a stage, a
``basePath``), ``security`` and ``integration`` (API Gateway's). :func:`openapi_answer` says whether a call hits one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, BinaryIO, Final

from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.readers.documents import MEBIBYTE, at, list_at, read_text, text_at
from mattegate.doctor.readers.http_message import target_of
from mattegate.doctor.readers.protocol import Unreadable
from mattegate.doctor.readers.yaml_subset import Node, read_yaml
from mattegate.doctor.redact import clean, safe

_MOST: Final = 16 * MEBIBYTE
_METHODS: Final = (
    "get",
    "put",
    "post",
    "delete",
    "options",
    "head",
    "patch",
    "trace",
    "x-amazon-apigateway-any-method",
)
_MOST_OPERATIONS: Final = 20_000
_MOST_CHARS: Final = 400


class OpenApiReader:
    """An API description."""

    name = "openapi"
    _JSON: Final = re.compile(r"\"(?:openapi|swagger)\"\s*:\s*\"[23]\.")
    _YAML: Final = re.compile(r"^[\"']?(?:openapi|swagger)[\"']?\s*:\s*[\"']?[23]\.", re.MULTILINE)

    def recognises(self, head: str, name: str) -> bool:
        """By the member that names the version."""
        del name
        return (self._JSON if head.lstrip().startswith("{") else self._YAML).search(head) is not None

    def read(self, stream: BinaryIO, source: str) -> Iterator[Observation]:
        """Each operation. Raises :class:`Unreadable`."""
        document = _document(clean(read_text(stream, most=_MOST)))
        paths = at(document, "paths")
        if not isinstance(paths, dict):
            raise Unreadable("it has no paths")
        for number, operation in enumerate(_operations(document, paths, source)):
            if number >= _MOST_OPERATIONS:
                raise Unreadable(f"it has more than {_MOST_OPERATIONS} operations")
            yield operation


def _document(text: str) -> Any:
    if not text.lstrip().startswith("{"):
        return _plain(read_yaml(text), {})
    try:
        return json.loads(text)
    except RecursionError:
        raise Unreadable("the JSON is nested too deeply to be an API description") from None
    except ValueError as error:
        raise Unreadable(f"it is not JSON: {error}") from None


def _plain(node: Node, made: dict[int, Any]) -> Any:
    """What JSON would have made of it; what aliases repeat is made once and shared."""
    if id(node) not in made:
        if isinstance(node.value, dict):
            made[id(node)] = {key: _plain(member, made) for key, member in node.value.items()}
        else:
            listed = isinstance(node.value, list)
            made[id(node)] = [_plain(item, made) for item in node.items] if listed else node.value
    return made[id(node)]


def _operations(document: Any, paths: dict[str, Any], source: str) -> Iterator[Observation]:
    prefixes = _prefixes(document)
    for path, members in paths.items():
        for method in _METHODS:
            if not isinstance(operation := at(members, method), dict):
                continue
            named = "ANY" if method.startswith("x-") else method.upper()
            fields = {"kind": "route", "prefixes": " ".join(prefixes), **_fields(document, operation)}
            yield Observation(
                format="setting",
                place=Place(source),
                method=named,
                path=safe(str(path)),
                fields={name: value for name, value in fields.items() if value},
            )


def _prefixes(document: Any) -> tuple[str, ...]:
    """The paths under which the servers offer it, variables filled with their defaults; ``/`` is none."""
    found = [_server_path(server) for server in list_at(document, "servers")] or [text_at(document, "basePath")]
    return tuple(dict.fromkeys(prefix for path in found if (prefix := path.rstrip("/"))))


def _server_path(server: Any) -> str:
    url = text_at(server, "url")
    variables = at(server, "variables")
    for name, variable in list(variables.items())[:50] if isinstance(variables, dict) else ():
        url = url.replace(f"{{{name}}}", text_at(variable, "default").strip("/"))
    return target_of(url).path.partition("?")[0]


def _fields(document: Any, operation: dict[str, Any]) -> dict[str, str]:
    required = operation.get("security", at(document, "security"))
    listed = required if isinstance(required, list) else []
    schemes = [" and ".join(map(str, one)) or "none" for one in listed if isinstance(one, dict)]
    integration = operation.get("x-amazon-apigateway-integration")
    return {
        "security": safe(" or ".join(schemes))[:_MOST_CHARS] if listed else "",
        "integration": safe(text_at(integration, "type"))[:_MOST_CHARS],
    }


# --- does a call hit one? ----------------------------------------------------------------------------------------


class Hit(StrEnum):
    """How a call and a description agree."""

    FOUND = "found"
    METHOD_MISSING = "method missing"
    PREFIX_MISSING = "prefix missing"
    """The path is described, and the servers offer it under a prefix that the call lacks."""
    PREFIX_DOUBLED = "prefix doubled"
    PREFIX_UNKNOWN = "prefix unknown"
    """The path is described, but the call has something before it that no server has."""
    SLASH = "slash"
    """It would hit with, or without, a slash at the end."""
    CASE = "case"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Route:
    """One operation that is offered."""

    method: str
    path: str
    """As described, with ``{parameters}``."""
    prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenApiAnswer:
    """Whether a call hits an operation, and what would."""

    hit: Hit
    path: str = ""
    """The described path it comes closest to; empty where nothing is near."""
    methods: tuple[str, ...] = ()
    """What is offered there."""
    called: str = ""
    """The path that would have hit."""


def routes_of(observations: Iterable[Observation]) -> tuple[Route, ...]:
    """The operations that a reading of this module found."""
    found = (one for one in observations if one.format == "setting" and one.fields.get("kind") == "route")
    return tuple(Route(one.method, one.path, tuple(one.fields.get("prefixes", "").split())) for one in found)


def openapi_answer(paths: Iterable[Route], called_method: str, called_path: str) -> OpenApiAnswer:
    """How a call fits what is described. ``called_path`` is what was sent, its query ignored."""
    routes = tuple(paths)
    called = called_path.partition("?")[0] or "/"
    prefixes = tuple(dict.fromkeys(prefix for route in routes for prefix in route.prefixes))
    for hit, tried in _variants(called, prefixes):
        near = [route for route in routes if _matches(route, tried, folded=hit is Hit.CASE)]
        if near:
            return _answer(hit, near, called_method.upper(), tried)
    return OpenApiAnswer(Hit.UNKNOWN)


def _variants(called: str, prefixes: tuple[str, ...]) -> Iterator[tuple[Hit, str]]:
    """The call as it was, then each way in which it may have gone wrong, the likeliest first."""
    yield Hit.FOUND, called
    for prefix in prefixes:
        if called.startswith(f"{prefix}{prefix}/"):
            yield Hit.PREFIX_DOUBLED, called[len(prefix) :]
        yield Hit.PREFIX_MISSING, f"{prefix}{called}"
    yield Hit.SLASH, called.rstrip("/") if called.endswith("/") else f"{called}/"
    yield Hit.CASE, called
    segments = [place for place, char in enumerate(called) if char == "/"][1:4]
    for place in segments:
        yield from ((Hit.PREFIX_UNKNOWN, f"{prefix}{called[place:]}") for prefix in prefixes or ("",))


def _answer(hit: Hit, near: list[Route], method: str, tried: str) -> OpenApiAnswer:
    methods = tuple(dict.fromkeys(route.method for route in near))
    wanted = {method, "ANY", *(("GET",) if method == "HEAD" else ())}
    missing = hit is Hit.FOUND and not wanted & set(methods)
    return OpenApiAnswer(Hit.METHOD_MISSING if missing else hit, near[0].path, methods, tried)


def _matches(route: Route, path: str, *, folded: bool) -> bool:
    flags = re.IGNORECASE if folded else 0
    return any(re.fullmatch(_regex(f"{prefix}{route.path}"), path, flags) for prefix in route.prefixes or ("",))


def _regex(template: str) -> str:
    """``/v1/{id}/{proxy+}``: a parameter is one segment, a greedy one the rest."""
    parts = re.split(r"(\{[^{}]{1,100}\})", template)
    return "".join(
        (".+" if part.endswith("+}") else "[^/]+") if part.startswith("{") else re.escape(part) for part in parts
    )
