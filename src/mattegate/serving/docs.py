"""The documentation pages, rendered from the OpenAPI document and the catalogue of reasons into plain HTML."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Final

from mattegate.serving import routes
from mattegate.vocabulary.reason import Reason
from mattegate.vocabulary.reasons import REASONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LAYERS: Final = {
    "request": "What was asked cannot be understood",
    "route": "There is no such path or method",
    "transport": "The connection",
    "host": "The name that was called",
    "network": "The address that calls",
    "flood": "Too much before anything was proved",
    "origin": "The page that calls",
    "credential": "The key",
    "policy": "What this key may do",
    "rate": "Too fast",
    "quota": "Used up",
    "idempotency": "Asked before",
    "upload": "The image cannot be accepted",
    "capacity": "Not now",
    "engine": "The image stopped the work",
    "model": "The model cannot be used",
    "option": "Not installed here",
    "file": "Files, on the command line",
    "record": "Records of decisions",
    "account": "Identities and keys",
    "admin": "The admin plane",
    "home": "The folder of the service",
    "backup": "Backups",
    "dependency": "Something behind the service is down",
    "internal": "Our own fault",
    "authorizer": "The operator's own word",
    "signature": "The signature",
    "token": "The token",
}
"""What the reasons of each layer are about."""

_ANSWER: Final = (
    "The bytes of the cut-out, with these headers; <code>response=json</code> answers JSON instead, "
    "with the bytes in base64."
)
_REFUSALS: Final = (
    "Every refusal is a problem document (RFC 9457) with a stable <code>reason</code>, what happened "
    "(<code>detail</code>), what you can do (<code>remedy</code>) and the <code>request_id</code>."
)
_LINKS: Final = (
    (routes.PAGE, "/", "Try it"),
    (routes.DOCS, "/docs", "API"),
    (routes.REASONS, routes.REASONS_PATH, "Reasons"),
    (routes.OPENAPI, "/openapi.json", "OpenAPI"),
)
"""What every page leads to."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a page stands: under which prefix, and beside which routes, by their names; it leads to no others."""

    prefix: str
    served: Collection[str] = frozenset(routes.NAMES)


def render_docs(document: Mapping[str, Any], frame: Frame, origin: str) -> str:
    """The API reference; its examples call the server at ``origin``, such as ``https://api.example.com``."""
    cutouts = [path for path, item in document["paths"].items() if "cut-outs" in item.get("post", {}).get("tags", ())]
    first, *aliases = cutouts
    operation = document["paths"][first]["post"]
    listed = ", ".join(f"<code>{escape(alias)}</code>" for alias in aliases)
    main = "".join(
        [
            f"<h1>API reference</h1><p class=lead>{escape(document['info']['description'])}</p>",
            f"<h2 id=cut-out><code>POST {escape(first)}</code></h2>",
            f"<p>{escape(operation['description'])} The same under {listed}.</p>",
            _examples(origin + first, keyed={} not in operation["security"]),
            "<h2 id=options>Options</h2>",
            _options(item for item in operation["parameters"] if item["in"] == "query"),
            f"<h2 id=answer>The answer</h2><p>{_ANSWER}</p>",
            _table(("Header", "Meaning"), _header_rows(operation["responses"]["200"]["headers"])),
            f"<h2 id=refusals>Refusals</h2><p>{_REFUSALS}</p>",
            _table(("Status", "Reasons"), _status_rows(operation["responses"], frame.prefix)),
            "<h2 id=account>Your account</h2>",
            _table(("Path", "Does"), _account_rows(document["paths"])),
            "<h2 id=supervision>Supervision</h2>",
            _table(("Path", "Answers"), _probe_rows(document["paths"])),
        ]
    )
    return _page("API reference", main, frame)


def render_reasons(frame: Frame) -> str:
    """Every reason that an answer may carry, under its anchor."""
    shown = [reason for code, reason in REASONS.items() if reason.public == code]
    layers = dict.fromkeys(reason.layer for reason in shown)
    sections = (
        f"<section><h2 id={layer}>{escape(LAYERS[layer])}</h2>"
        + "".join(_reason(reason) for reason in shown if reason.layer == layer)
        + "</section>"
        for layer in layers
    )
    lead = "<p class=lead>Why a request is refused, and what can be done about it. Codes never change.</p>"
    return _page("Reasons", f"<h1>Reasons</h1>{lead}" + "".join(sections), frame)


def _reason(reason: Reason) -> str:
    retry = f" · retry after {reason.retry_after_s} s" if reason.retry_after_s is not None else ""
    return (
        f'<article class=reason id="{reason.anchor}"><h3><a href="#{reason.anchor}">{escape(reason.title)}</a></h3>'
        f"<p class=facts><code>{reason.public}</code> · status {reason.status} · "
        f"<code>{reason.error_type}</code>{retry}</p>"
        f"<p>{_template(reason.sentence)}</p><p class=remedy>{_template(reason.remedy)}</p></article>"
    )


def _template(text: str) -> str:
    """A sentence with its facts as variables; ``{limit_mb:g}`` reads *limit mb*."""
    return re.sub(
        r"\{(\w+)[^}]*\}", lambda match: f"<var>{match[1].replace('_', ' ')}</var>", escape(text, quote=False)
    )


def _examples(url: str, *, keyed: bool) -> str:
    key = '-H "Authorization: Bearer $KEY" ' if keyed else ""
    asked = f"curl -sS {url} {key}-o cutout.png \\\n  "
    ways = (
        ("A form", "-F image=@photo.jpg -F crop=true"),
        ("The bare image", "-H 'Content-Type: image/jpeg' --data-binary @photo.jpg"),
        ("JSON", "-H 'Content-Type: application/json' -d '{\"image_base64\": \"…\"}'"),
    )
    return "".join(f"<h3>{title}</h3><pre><code>{escape(asked + way)}</code></pre>" for title, way in ways)


def _options(parameters: Iterable[Mapping[str, Any]]) -> str:
    rows = (
        (f"<code>{escape(item['name'])}</code>", escape(item["description"]) + _values(item["schema"]), _default(item))
        for item in parameters
    )
    return _table(("Option", "Meaning", "Default"), rows)


def _values(schema: Mapping[str, Any]) -> str:
    words = schema.get("enum") or schema.get("examples")
    if not words:
        return ""
    label = "One of" if "enum" in schema else "Such as"
    return f"<br><small>{label} {', '.join(f'<code>{escape(word)}</code>' for word in words)}</small>"


def _default(item: Mapping[str, Any]) -> str:
    default = item["schema"].get("default", "")
    return f"<code>{escape(str(default).lower())}</code>"


def _header_rows(headers: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    return ((f"<code>{name}</code>", escape(header["description"])) for name, header in headers.items())


def _status_rows(responses: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, ...]]:
    for status, response in responses.items():
        if problem := response["content"].get("application/problem+json"):
            links = (
                f'<a href="{prefix}/docs/reasons#{REASONS[code].anchor}"><code>{code}</code></a>'
                for code in problem["examples"]
            )
            yield status, ", ".join(links)


def _account_rows(paths: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    for path, item in paths.items():
        for method, operation in item.items():
            if "account" in operation["tags"]:
                yield f"<code>{method.upper()} {escape(path)}</code>", escape(operation["summary"])


def _probe_rows(paths: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    for path, item in paths.items():
        if "supervision" in item.get("get", {}).get("tags", ()):
            statuses = ", ".join(item["get"]["responses"])
            yield f"<code>GET {escape(path)}</code>", f"{escape(item['get']['summary'])} ({statuses})"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    top = "".join(f"<th scope=col>{cell}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class=scroll><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"


def _page(title: str, main: str, frame: Frame) -> str:
    prefix = frame.prefix
    links = (f'<a href="{prefix}{path}">{word}</a>' for route, path, word in _LINKS if route.name in frame.served)
    front = routes.PAGE.name in frame.served
    brand = f'<a class=brand href="{prefix}/">mattegate</a>' if front else "<span class=brand>mattegate</span>"
    return (
        f"<!doctype html><html lang=en><head><meta charset=utf-8><title>{escape(title)} · mattegate</title>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        '<meta name=color-scheme content="light dark">'
        f'<link rel=icon href="{prefix}/assets/icon.svg"><link rel=stylesheet href="{prefix}/assets/site.css"></head>'
        f"<body class=docs><header class=bar>{brand}<nav aria-label=Main>{''.join(links)}</nav></header>"
        f"<main>{main}</main></body></html>"
    )
