"""Exchanges between two origins: what a page asks and what a server answers, as data for a judge and for a browser.

In every text ``{origin}`` is the page's origin, ``{api}`` the one it asks and ``{third}`` yet another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

from mattegate.doctor.cors.fetch import Credentials, Initiator, PageRequest
from mattegate.doctor.cors.judge import Answer
from mattegate.doctor.observation import Headers

BODIES: Final = {
    "": "",
    "text": "text/plain;charset=UTF-8",
    "form": "multipart/form-data; boundary=x",
    "params": "application/x-www-form-urlencoded;charset=UTF-8",
    "image": "image/png",
    "untyped": "",
}
"""What a body brings as its type, by the name that the page's script gives it."""

_EMPTY: Final = Answer(204)
_OK: Final = Answer(200)


@dataclass(frozen=True)
class Case:
    """One exchange; ``later`` answers what the first answer redirects to."""

    method: str = "GET"
    headers: Headers = ()
    body: str = ""
    credentials: Credentials = Credentials.SAME_ORIGIN
    initiator: Initiator = Initiator.FETCH
    upload_listener: bool = False
    preflight: Answer = _EMPTY
    actual: Answer = _OK
    later: tuple[tuple[Answer, Answer], ...] = ()

    def request(self, url: str, origin: str) -> PageRequest:
        """What the page asks."""
        return PageRequest(
            url,
            origin,
            method=self.method,
            headers=self.headers,
            credentials=self.credentials,
            upload_listener=self.upload_listener,
            body_type=BODIES[self.body],
            initiator=self.initiator,
        )

    def answers(self, hop: int) -> tuple[Answer, Answer]:
        """The answers to a preflight and to the request itself, after so many redirects."""
        return (self.preflight, self.actual) if hop == 0 else self.later[hop - 1]


ORIGIN: Final = ("Access-Control-Allow-Origin", "{origin}")
STAR: Final = ("Access-Control-Allow-Origin", "*")
CREDENTIALS: Final = ("Access-Control-Allow-Credentials", "true")
_SEEN: Final = Answer(200, (ORIGIN, CREDENTIALS))
_ANY_X: Final = Answer(200, (ORIGIN, CREDENTIALS, ("Access-Control-Allow-Headers", "x-a")))
_X: Final = (("X-A", "1"),)


def every_case() -> list[Case]:
    """All of them, in an order that stays."""
    return [
        *_checks(),
        *_preflight_statuses(),
        *_methods(),
        *_allowed_headers(),
        *_safelist(),
        *_bodies(),
        *_forced(),
        *_errors(),
        *_exposed(),
        *_redirects(),
    ]


def _given(name: str, value: str | None) -> Headers:
    return () if value is None else ((name, value),)


def _checks() -> Iterator[Case]:
    origins: tuple[tuple[str, ...], ...] = (
        (),
        ("{origin}",),
        ("*",),
        ("https://other.example",),
        ("{origin}", "{origin}"),
        ("{origin}", "*"),
        ("{origin}, https://other.example",),
        ("null",),
        ("",),
        ("{origin}/",),
        ("other.example",),
        ("  {origin}  ",),
    )
    grants = (None, "true", "True")
    for values, grant, credentials, initiator in product(
        origins, grants, (Credentials.OMIT, Credentials.INCLUDE), Initiator
    ):
        if (initiator is Initiator.XHR and credentials is Credentials.OMIT) or (
            grant == "True" and (initiator is Initiator.XHR or values != ("{origin}",))
        ):
            continue
        headers = tuple(("Access-Control-Allow-Origin", value) for value in values)
        headers += _given("Access-Control-Allow-Credentials", grant)
        case = Case(credentials=credentials, initiator=initiator)
        yield replace(case, actual=Answer(200, headers))
        allowed = (*headers, ("Access-Control-Allow-Headers", "x-a"))
        yield replace(case, headers=_X, preflight=Answer(204, allowed), actual=_SEEN)
    yield Case(actual=Answer(200, (("access-control-allow-origin", "{origin}"),)))


def _preflight_statuses() -> Iterator[Case]:
    allowed = _ANY_X.headers
    for status, headers in product((200, 204, 299, 400, 401, 403, 404, 405, 413, 500, 502, 503), (allowed, ())):
        yield Case(headers=_X, preflight=Answer(status, headers), actual=_SEEN)
    for status, headers in product((301, 302, 307, 308), (allowed, ())):
        moved = (("Location", "{api}/elsewhere"), *headers)
        yield Case(headers=_X, preflight=Answer(status, moved), actual=_SEEN)
    yield Case(headers=_X, preflight=Answer(200, allowed), actual=Answer(200))


def _methods() -> Iterator[Case]:
    lists = (None, "PUT", "PUT, PATCH", "put,patch", "*", "", ", PUT ,", "PUT; PATCH", "PUT PATCH", '"PUT"')
    for method, listed in product(("PUT", "put", "PATCH", "patch"), lists):
        for credentials in (Credentials.SAME_ORIGIN, Credentials.INCLUDE):
            if credentials is Credentials.INCLUDE and listed != "*":
                continue
            headers = (ORIGIN, CREDENTIALS, *_given("Access-Control-Allow-Methods", listed))
            yield Case(method=method, credentials=credentials, preflight=Answer(204, headers), actual=_SEEN)
    twice = (("Access-Control-Allow-Methods", "PUT"), ("Access-Control-Allow-Methods", "DELETE"))
    for method in ("DELETE", "OPTIONS", "X-OWN", "head", "post"):
        yield Case(method=method, preflight=Answer(204, (ORIGIN, *twice)), actual=_SEEN)


def _allowed_headers() -> Iterator[Case]:
    lists = (None, "x-a", "X-A, X-B", "*", "", "x-b", "x-a, authorization", "x a", "x-a; x-b", "Authorization", "x-a,,")
    asked: tuple[Headers, ...] = (
        (("X-A", "1"),),
        (("Authorization", "Bearer t"),),
        (("X-B", "2"), ("X-A", "1")),
        (("X-API-Key", "k"), ("Content-Type", "application/json")),
    )
    for headers, listed, credentials in product(asked, lists, (Credentials.SAME_ORIGIN, Credentials.INCLUDE)):
        if credentials is Credentials.INCLUDE and listed not in ("*", "x-a, authorization"):
            continue
        allowed = (ORIGIN, CREDENTIALS, *_given("Access-Control-Allow-Headers", listed))
        yield Case(headers=headers, credentials=credentials, preflight=Answer(200, allowed), actual=_SEEN)
    both = (("Access-Control-Allow-Methods", "GET;"), ("Access-Control-Allow-Headers", "x a"))
    yield Case(headers=_X, preflight=Answer(200, (ORIGIN, *both)), actual=_SEEN)
    yield Case(method="PUT", headers=_X, preflight=Answer(200, (ORIGIN,)), actual=_SEEN)


def _safelist() -> Iterator[Case]:
    values = {
        "Accept": ("image/png", "a" * 128, "a" * 129, "a{b}", "é", "a\tb", "text/*;q=0.8, */*"),
        "Accept-Language": ("de, en;q=0.5", "de_DE", "*", "é"),
        "Content-Language": ("de", "de/en"),
        "Content-Type": (
            "text/plain",
            "TEXT/Plain;charset=utf-8",
            "text/plain;;",
            'text/plain;a="b"',
            "text/plain, text/html",
            "text/plain x",
            "text /plain",
            "text/",
            "application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=" + "x" * 99,
            "application/octet-stream",
        ),
        "Range": ("bytes=0-", "bytes=0-9", "bytes=-5", "bytes=9-0", "bytes=0-1,3-4", "bytes = 0-1", "items=0-1"),
        "X-Requested-With": ("XMLHttpRequest",),
        "DPR": ("1.0",),
        "Save-Data": ("on",),
        "User-Agent": ("mine",),
        "Cookie": ("a=b",),
        "DNT": ("1",),
        "Sec-Mine": ("1",),
        "Proxy-Mine": ("1",),
        "Referer": ("x",),
        "X-HTTP-Method-Override": ("PUT", "TRACE", "put, track"),
        "Purpose": ("x",),
        "Cache-Control": ("no-cache",),
        "Idempotency-Key": ("1",),
    }
    allowed = Answer(200, (ORIGIN, ("Access-Control-Allow-Headers", "*")))
    for name, several in values.items():
        for value in several:
            yield Case(method="POST", body="untyped", headers=((name, value),), preflight=allowed, actual=_SEEN)
    long = tuple((name, "a" * 128) for name in ("Accept", "Accept-Language", "Content-Language"))
    yield Case(method="POST", headers=long, preflight=allowed, actual=_SEEN)


def _bodies() -> Iterator[Case]:
    for body, answer in product(BODIES, (Answer(204, (ORIGIN,)), Answer(403))):
        yield Case(method="POST", body=body, preflight=answer, actual=_SEEN)
    named = Answer(204, (ORIGIN, ("Access-Control-Allow-Headers", "content-type, x-api-key")))
    for body in ("form", "image"):
        yield Case(method="POST", body=body, headers=(("X-API-Key", "k"),), preflight=named, actual=_SEEN)


def _forced() -> Iterator[Case]:
    for method, methods in product(("POST", "PUT"), (None, "PUT")):
        headers = (ORIGIN, *_given("Access-Control-Allow-Methods", methods))
        for preflight in (Answer(204, headers), Answer(403)):
            yield Case(
                method=method,
                body="form",
                initiator=Initiator.XHR,
                upload_listener=True,
                preflight=preflight,
                actual=_SEEN,
            )


def _errors() -> Iterator[Case]:
    for status, headers in product((401, 403, 404, 413, 429, 500, 502, 503), ((ORIGIN,), ())):
        yield Case(method="POST", body="form", actual=Answer(status, headers))
        yield Case(headers=_X, preflight=_ANY_X, actual=Answer(status, headers))


def _exposed() -> Iterator[Case]:
    own = (("X-Request-Id", "1"), ("Retry-After", "1"), ("Content-Type", "text/plain"), ("Set-Cookie", "a=b"))
    for exposed, credentials in product(
        (None, "X-Request-Id", "x-request-id, retry-after", "*", "x y", "set-cookie"),
        (Credentials.OMIT, Credentials.INCLUDE),
    ):
        told = (("Access-Control-Expose-Headers", exposed),) if exposed else ()
        yield Case(credentials=credentials, actual=Answer(200, (ORIGIN, CREDENTIALS, *own, *told)))


def _redirects() -> Iterator[Case]:
    home, away = ("Location", "{next}"), ("Location", "{third}{next}")
    end = (Answer(204, (ORIGIN, ("Access-Control-Allow-Headers", "*"))), Answer(200, (ORIGIN,)))
    null = (("Access-Control-Allow-Origin", "null"), ("Access-Control-Allow-Headers", "*"))
    for status in (301, 302, 303, 307, 308):
        yield Case(method="POST", body="form", actual=Answer(status, (ORIGIN, home)), later=(end,))
    yield Case(actual=Answer(302, (home,)), later=(end,))
    yield Case(actual=Answer(302, (ORIGIN,)))
    yield Case(actual=Answer(302, (ORIGIN, home)), later=((Answer(204), Answer(200)),))
    yield Case(actual=Answer(302, (ORIGIN, ("Location", "http://u:p@127.0.0.1:1/"))))
    yield Case(actual=Answer(302, (ORIGIN, away)), later=(end,))
    yield Case(actual=Answer(302, (ORIGIN, away)), later=((Answer(204, null), Answer(200, null)),))
    yield Case(actual=Answer(302, (STAR, away)), later=((Answer(204), Answer(200, (STAR,))),))
    keyed = Case(headers=(("Authorization", "Bearer t"), *_X), preflight=end[0])
    yield replace(keyed, actual=Answer(307, (ORIGIN, home)), later=(end,))
    yield replace(keyed, actual=Answer(307, (ORIGIN, away)), later=((Answer(204, null), Answer(200, null)),))
    yield replace(keyed, actual=Answer(307, (ORIGIN, away)), later=((Answer(403, null), Answer(200, null)),))
