"""Reads a Postman collection (v2.0, v2.1) and a Postman environment.

A request becomes an ``exchange`` without a status, a saved response one with it; an environment becomes one ``setting``
that tells which variables it has and which are empty. Postman enforces no CORS: what works there may fail in a browser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final, NamedTuple

from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.readers.documents import MEBIBYTE, at, list_at, read_json, text_at
from mattegate.doctor.readers.http_message import body_text, target_of
from mattegate.doctor.readers.protocol import Unreadable
from mattegate.doctor.redact import safe, safe_header, safe_headers

_MOST: Final = 32 * MEBIBYTE
_MOST_HEADERS: Final = 500
_MOST_VARIABLES: Final = 500
_SCHEMA: Final = re.compile(r"schema\.(?:getpostman|postman)\.com/(?:json/)?collection")


class _Item(NamedTuple):
    """A folder or a request, with what it inherits."""

    value: dict[str, Any]
    name: str
    auth: Any


class PostmanReader:
    """What Postman exports."""

    name = "postman"
    _LOOKS: Final = re.compile(r"\"(?:_postman_id|_postman_variable_scope|_postman_exported_at)\"|" + _SCHEMA.pattern)

    def recognises(self, head: str, name: str) -> bool:
        """JSON with one of Postman's own members."""
        named = name.lower().endswith((".postman_collection.json", ".postman_environment.json"))
        return head.lstrip().startswith("{") and (named or self._LOOKS.search(head) is not None)

    def read(self, stream: BinaryIO, source: str) -> Iterator[Observation]:
        """Each request and each saved response, in their order. Raises :class:`Unreadable`."""
        document = read_json(stream, most=_MOST)
        if isinstance(at(document, "values"), list):
            yield _environment(document, Place(source))
        elif isinstance(at(document, "item"), list):
            for item in _items(document):
                yield from _requests(item, Place(source))
        else:
            raise Unreadable("it is JSON, but neither a Postman collection nor an environment")


def _items(document: dict[str, Any]) -> Iterator[_Item]:
    """Every request, depth first; without recursion, because folders nest as deeply as their author liked."""
    waiting = [_Item(document, "", None)]
    while waiting:
        value, name, inherited = waiting.pop()
        auth = value.get("auth") or inherited
        if at(value, "request") is not None:
            yield _Item(value, name, auth)
        children = [child for child in list_at(value, "item") if isinstance(child, dict)]
        named = [(child, safe(f"{name}/{text_at(child, 'name')}".strip("/"))[:400]) for child in children]
        waiting += [_Item(child, path, auth) for child, path in reversed(named)]


def _requests(item: _Item, place: Place) -> Iterator[Observation]:
    yield _observation(item, at(item.value, "request"), {}, place)
    for saved in list_at(item.value, "response"):
        if isinstance(saved, dict):
            yield _observation(item, saved.get("originalRequest") or at(item.value, "request"), saved, place)


def _observation(item: _Item, request: Any, saved: dict[str, Any], place: Place) -> Observation:
    target = target_of(_url(at(request, "url") if isinstance(request, dict) else request))
    auth = at(request, "auth") or item.auth
    code = saved.get("code")
    headers = [*_headers(request), *_auth_headers(auth)]
    body = text_at(request, "body", "mode")
    fields = {"name": item.name, "auth": safe(text_at(auth, "type")), "body": safe(body)}
    return Observation(
        format="exchange",
        place=place,
        method=(safe(text_at(request, "method")).upper() or "GET")[:20],
        scheme=target.scheme,
        host=target.host,
        path=target.path,
        request_headers=safe_headers(headers),
        status=code if isinstance(code, int) and 100 <= code <= 999 else None,
        reason_phrase=safe(text_at(saved, "status"))[:400],
        response_headers=safe_headers(_headers(saved)),
        body=body_text(text_at(saved, "body")),
        fields={key: value for key, value in fields.items() if value},
    )


def _url(url: Any) -> str:
    return text_at(url, "raw") if isinstance(url, dict) else str(url or "")


def _headers(message: Any) -> list[tuple[str, str]]:
    """Those that are switched on; old exports write them as one text."""
    listed = at(message, "header")
    if isinstance(listed, str):
        pairs = (line.partition(":") for line in listed.splitlines()[:_MOST_HEADERS])
        return [(name, value.strip()) for name, colon, value in pairs if colon]
    enabled = (one for one in list_at(message, "header")[:_MOST_HEADERS] if at(one, "disabled") is not True)
    return [(text_at(one, "key"), text_at(one, "value")) for one in enabled if text_at(one, "key")]


def _auth_headers(auth: Any) -> list[tuple[str, str]]:
    """What Postman adds by itself from the Authorization tab."""
    kind = text_at(auth, "type")
    listed = at(auth, kind)
    pairs = {text_at(one, "key"): text_at(one, "value") for one in listed} if isinstance(listed, list) else listed
    if kind in ("bearer", "oauth2"):
        return [("Authorization", f"Bearer {text_at(pairs, 'token') or text_at(pairs, 'accessToken')}")]
    if kind == "apikey" and text_at(pairs, "in") != "query":
        return [(text_at(pairs, "key") or "X-API-Key", safe_header("x-api-key", text_at(pairs, "value")))]
    return (
        [("Authorization", {"basic": "Basic", "awsv4": "AWS4-HMAC-SHA256", "digest": "Digest"}[kind])]
        if kind
        in (
            "basic",
            "awsv4",
            "digest",
        )
        else []
    )


def _environment(document: dict[str, Any], place: Place) -> Observation:
    """Names are told, values never: any of them may be a secret, whatever it is called."""
    variables = [one for one in list_at(document, "values")[:_MOST_VARIABLES] if at(one, "enabled") is not False]
    names = [safe(text_at(one, "key")) for one in variables]
    empty = [name for name, one in zip(names, variables, strict=True) if not text_at(one, "value").strip()]
    fields = {
        "kind": "environment",
        "name": safe(text_at(document, "name"))[:400],
        "variables": " ".join(names),
        "empty": " ".join(empty),
    }
    return Observation(format="setting", place=place, fields={key: value for key, value in fields.items() if value})
