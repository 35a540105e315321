"""The parts of serving that are arithmetic or wording, told without a server."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from mattegate.config.settings import Settings, UploadSettings
from mattegate.serving.access import write_line
from mattegate.serving.docs import LAYERS, Frame, render_docs, render_reasons
from mattegate.serving.naming import content_disposition
from mattegate.serving.openapi import ELSEWHERE, build_openapi
from mattegate.serving.openapi_problems import UNSENT
from mattegate.serving.pace import Pace
from mattegate.serving.reference import OPTIONS
from mattegate.serving.request_id import format_request_id, new_request_id
from mattegate.vocabulary.options import PARSERS, CutoutOptions, parse_options
from mattegate.vocabulary.reasons import REASONS

if TYPE_CHECKING:
    from collections.abc import Iterator

FRAME, HERE = Frame(""), "http://127.0.0.1:8000"
LIMITS = UploadSettings(stall_s=10, min_bytes_per_s=1_000, total_s=100)


def test_ids_sort_by_time() -> None:
    """A later millisecond gives a greater id, whatever the random bits are."""
    assert format_request_id(0, bytes(16)) == "req_" + "0" * 26
    assert format_request_id(1_000, b"\xff" * 16) < format_request_id(1_001, bytes(16))
    assert new_request_id() != new_request_id()


def test_silence_is_cut_after_the_stall_time() -> None:
    """A body that never begins has exactly the stall time."""
    pace = Pace(LIMITS, started=5)
    assert pace.deadline == 15
    assert pace.refusal(15).reason.code == "request.stalled"


def test_a_fast_start_buys_no_right_to_stall() -> None:
    """A megabyte at once fills the patience but never beyond the stall time."""
    pace = Pace(LIMITS, started=0)
    pace.received(1_000_000, 1)
    assert pace.deadline == 11
    assert pace.refusal(11).reason.code == "request.stalled"


def test_a_slow_first_second_is_not_punished() -> None:
    """Half the rate is borne for twice the stall time, and then it is told as too slow, with the measured rate."""
    pace = Pace(LIMITS, started=0)
    now = 0.0
    while now < pace.deadline:
        now += 1
        pace.received(500, now)
    assert now == 20
    refusal = pace.refusal(now)
    assert refusal.reason.code == "request.too_slow"
    assert refusal.facts["rate_kb"] == pytest.approx(0.5)


def test_a_steady_rate_above_the_limit_lasts_until_the_total_time() -> None:
    """Only the time of the whole body ends a body that is fast enough."""
    pace = Pace(LIMITS, started=0)
    now = 0.0
    while now < pace.deadline:
        now += 1
        pace.received(1_100, now)
    assert now == 100
    assert pace.refusal(now).reason.code == "request.body_timeout"


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        (None, b'inline; filename="image-cutout.png"'),
        ("", b'inline; filename="image-cutout.png"'),
        ("..", b'inline; filename="image-cutout.png"'),
        ("photo.jpg", b'inline; filename="photo-cutout.png"'),
        ("C:\\pics\\a.b.jpg", b'inline; filename="a.b-cutout.png"'),
        ("../../etc/passwd", b'inline; filename="passwd-cutout.png"'),
        ('a"; x="\r\nSet-Cookie: y.png', b'inline; filename="a_; x=___Set-Cookie_ y-cutout.png"'),
        ("größe.png", b"inline; filename=\"gr__e-cutout.png\"; filename*=UTF-8''gr%C3%B6%C3%9Fe-cutout.png"),
        ("gpj.\u202eexe", b'inline; filename="gpj-cutout.png"'),
        ("x" * 300 + ".png", b'inline; filename="' + b"x" * 100 + b'-cutout.png"'),
    ],
)
def test_suggested_names_are_safe(filename: str | None, expected: bytes) -> None:
    """Whatever the upload was called, the answer's name fits a header and a file system."""
    assert content_disposition(filename, "cutout", "png") == expected


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_what_the_reference_says_is_what_the_parser_reads(option: Any) -> None:
    """Each documented default is the real one, and each documented example and choice is accepted."""
    assert parse_options({option.name: option.default}) == CutoutOptions()
    for text in (*option.examples, *option.schema.get("enum", ())):
        parse_options({option.name: text})
    assert option.description


def test_the_openapi_document_is_complete() -> None:
    """Every option stands in the query and in both structured bodies, and every reason of a cut-out in a response."""
    document = build_openapi(Settings(), ("u2netp",))
    operation = document["paths"]["/v1/remove-bg"]["post"]
    named = [(parameter["in"], parameter["name"]) for parameter in operation["parameters"]]
    assert named == [*(("query", name) for name in PARSERS), ("header", "Idempotency-Key")]
    content = operation["requestBody"]["content"]
    for kind in ("multipart/form-data", "application/json"):
        assert set(PARSERS) < set(content[kind]["schema"]["properties"])
    assert {"image/jpeg", "image/png", "image/webp", "application/octet-stream"} < set(content)
    told = {code for response in operation["responses"].values() for code in _examples(response)}
    public = {reason.code for reason in REASONS.values() if reason.public == reason.code}
    assert told == {code for code in public - UNSENT if REASONS[code].layer not in ELSEWHERE}
    assert set(document["paths"]) == {
        "/v1/remove-bg",
        "/remove-bg",
        "/remove",
        "/remove-background",
        "/v1/whoami",
        "/v1/decisions/{request_id}",
        "/v1/usage",
        "/v1/keys",
        "/v1/keys/{key_id}",
        "/v1/keys/{key_id}/rotate",
        "/health",
        "/ready",
    }


def test_every_protected_operation_tells_how_it_is_protected() -> None:
    """Each names the schemes it takes and its 401, 403 and 429; what needs nothing says so."""
    document = build_openapi(Settings(), ())
    schemes = set(document["components"]["securitySchemes"])
    for path, item in document["paths"].items():
        for operation in item.values():
            if path in {"/health", "/ready"}:
                assert operation["security"] == []
                continue
            assert {name for one in operation["security"] for name in one} == schemes
            refusals = {status: operation["responses"][status]["headers"] for status in ("401", "403", "429")}
            assert "WWW-Authenticate" in refusals["401"]
            assert {"Retry-After", "RateLimit", "RateLimit-Policy"} <= set(refusals["429"])


def _examples(response: dict[str, Any]) -> Iterator[str]:
    problem = response["content"].get("application/problem+json", {})
    for code, example in problem.get("examples", {}).items():
        assert set(example["value"]) == set(
            build_openapi(Settings(), ())["components"]["schemas"]["Problem"]["required"]
        )
        yield code


def test_every_reference_in_the_openapi_document_resolves() -> None:
    """No $ref leads nowhere, and the document is plain JSON."""
    document = build_openapi(Settings(), ())
    text = json.dumps(document)
    for part in text.split('"$ref": "#/components/schemas/')[1:]:
        assert part.partition('"')[0] in document["components"]["schemas"]


def test_the_docs_tell_everything_without_a_script() -> None:
    """Every option and every reason is on the pages, which hold no script and name no other host."""
    docs, reasons = render_docs(build_openapi(Settings(), ()), FRAME, HERE), render_reasons(FRAME)
    for name in PARSERS:
        assert f"<code>{name}</code>" in docs
    for reason in REASONS.values():
        assert f'id="{reason.anchor}"' in reasons
    assert set(LAYERS) == {reason.layer for reason in REASONS.values()}
    for page in (docs, reasons):
        assert "<script" not in page
        assert re.search(r"(?:src|href)=.?(?:https?:)?//", page) is None


def test_the_docs_send_a_key_where_one_is_asked_for() -> None:
    """The lines to paste work: with the key, unless callers without one are served."""
    anonymous = Settings(keys=replace(Settings().keys, unsafe_anonymous="free"))
    assert render_docs(build_openapi(Settings(), ()), FRAME, HERE).count("Bearer $KEY") == 3
    assert "Bearer" not in render_docs(build_openapi(anonymous, ()), FRAME, HERE)


def test_pages_link_to_what_there_is() -> None:
    """Neither a page to try the service on nor its name is a link where there is none."""
    only = render_reasons(Frame("/p", frozenset({"reasons"})))
    assert re.findall(r"<nav.*?</nav>", only) == ['<nav aria-label=Main><a href="/p/docs/reasons">Reasons</a></nav>']
    assert "<span class=brand>mattegate</span>" in only
    assert '<a class=brand href="/p/">' in render_reasons(Frame("/p"))


def test_no_control_character_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """A path of newlines, escapes and deletes stays on its line in printable ASCII."""
    with caplog.at_level(logging.INFO, logger="mattegate.access"):
        write_line({"path": "/\n\x1b[31m\x7f\u2028ä"})
    message = caplog.records[-1].getMessage()
    assert message.isascii()
    assert message.isprintable()
    assert json.loads(message)["path"] == "/\n\x1b[31m\x7f\u2028ä"
