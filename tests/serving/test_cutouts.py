"""Stories of requests that carry an image, in each of the three ways it can travel."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.serving.served import Serve, Served

PATHS = ("/v1/remove-bg", "/remove-bg", "/remove", "/remove-background")


def _kinds(png: bytes) -> dict[str, dict[str, Any]]:
    return {
        "form": {"files": {"image": ("cat.png", png)}},
        "raw": {"content": png, "headers": {"Content-Type": "image/png"}},
        "untyped": {"content": png, "headers": {"Content-Type": "application/octet-stream"}},
        "json": {"json": {"image_base64": b64encode(png).decode()}},
        "data URL": {"json": {"image_base64": "data:image/png;base64," + b64encode(png).decode()}},
    }


@pytest.mark.parametrize("kind", ["form", "raw", "untyped", "json", "data URL"])
def test_the_image_travels_in_any_kind_of_body(plain: Served, png: bytes, kind: str) -> None:
    """A form, the bare bytes and base64 in JSON all reach the engine as the same bytes."""
    answer = plain.post("/v1/remove-bg", **_kinds(png)[kind])
    assert (answer.status_code, answer.content) == (200, png)
    assert answer.headers["content-type"] == "image/png"


@pytest.mark.parametrize("path", PATHS)
def test_every_alias_makes_cutouts(plain: Served, png: bytes, path: str) -> None:
    """The aliases answer like the path they stand for."""
    assert plain.post(path, files={"image": png}).content == png


def test_an_answer_tells_its_stages_and_its_model(plain: Served, png: bytes) -> None:
    """The headers carry the walk's timings, the model, the size, and a file name after the upload's."""
    answer = plain.post("/remove?format=webp", files={"image": ("my cat.png", png)})
    stages = [part.partition(";")[0] for part in answer.headers["server-timing"].split(", ")]
    assert stages == ["receive", "queue", "decode", "infer", "total"]
    assert answer.headers["x-mattegate-model"] == "echo"
    assert (answer.headers["x-width"], answer.headers["x-height"]) == ("4", "3")
    assert answer.headers["content-disposition"] == 'inline; filename="my cat-cutout.webp"'
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in answer.headers


def test_notes_reach_the_caller(serve: Serve, png: bytes) -> None:
    """What the engine decided on the caller's behalf stands in a header, in printable ASCII."""
    server = serve(notes=["the first of 12 frames was used", "größer\r\nX-Evil: 1"])
    answer = server.post("/remove", files={"image": png})
    assert answer.headers["x-mattegate-notes"] == "the first of 12 frames was used; gr??er  X-Evil: 1"


def test_json_answers_hold_the_same_bytes_and_the_facts(plain: Served, png: bytes) -> None:
    """response=json gives the bytes in base64 beside what there is to tell about them."""
    answer = plain.post("/remove?response=json", files={"image": png}).json()
    assert b64decode(answer["image_base64"], validate=True) == png
    assert answer["foreground"] == {"left": 0, "top": 0, "right": 4, "bottom": 3}
    assert answer["timings"]["infer"] == 2.25
    assert answer["request_id"].startswith("req_")


@pytest.mark.parametrize("size", [1, 2, 3, 196_607, 196_608, 196_609, 400_000])
def test_streamed_base64_joins_without_a_seam(plain: Served, png: bytes, size: int) -> None:
    """Images that end anywhere around a piece's border decode to the same bytes."""
    image = png + bytes(size)
    answer = plain.post("/remove?response=json", content=image, headers={"Content-Type": "image/png"})
    assert b64decode(answer.json()["image_base64"], validate=True) == image


def test_options_come_from_query_form_and_json(plain: Served, png: bytes) -> None:
    """An option means the same wherever it is given; JSON may use its own types."""
    form = plain.post("/remove?model=u2net", files={"image": png}, data={"format": "webp"})
    encoded = {"image_base64": b64encode(png).decode(), "format": "webp", "quality": 70, "crop": True, "size": None}
    both = plain.post("/remove?model=u2net", json=encoded)
    for answer in (form, both):
        assert answer.headers["content-type"] == "image/webp"
        assert answer.headers["x-mattegate-model"] == "u2net"


@pytest.mark.parametrize(
    ("query", "data"),
    [("?format=png&format=png", {}), ("?format=png", {"format": "webp"}), ("?colour=red", {}), ("", {"colour": "red"})],
)
def test_doubled_and_unknown_options_are_refused(plain: Served, png: bytes, query: str, data: dict[str, str]) -> None:
    """Nothing is guessed: an option given twice, or one that does not exist, is named in the refusal."""
    answer = plain.post("/remove" + query, files={"image": png}, data=data)
    assert (answer.status_code, answer.json()["reason"]) == (400, "request.option")
    assert "format" in answer.json()["detail"] or "colour" in answer.json()["detail"]


def test_a_doubled_json_member_is_refused(plain: Served, png: bytes) -> None:
    """JSON that says one thing twice is not read as its last word."""
    body = f'{{"image_base64": "{b64encode(png).decode()}", "crop": true, "crop": false}}'
    answer = plain.post("/remove", content=body, headers={"Content-Type": "application/json"})
    assert answer.json()["reason"] == "request.option"


def test_a_background_image_travels_beside_the_image(plain: Served, png: bytes) -> None:
    """background=image and the file belong together; one without the other is refused."""
    files = {"image": png, "background_image": png}
    assert plain.post("/remove?background=image", files=files).status_code == 200
    assert plain.post("/remove?background=image", files={"image": png}).json()["reason"] == "request.option"
    assert plain.post("/remove", files=files).json()["reason"] == "request.option"
    document = dict.fromkeys(("image_base64", "background_image_base64"), b64encode(png).decode())
    assert plain.post("/remove", json=document | {"background": "image"}).status_code == 200


def _form(*parts: bytes, end: bytes = b"--b--\r\n") -> dict[str, Any]:
    body = b"".join(b"--b\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts) + end
    return {"content": body, "headers": {"Content-Type": "multipart/form-data; boundary=b"}}


_IMAGE = b'name="image"; filename="a.png"\r\n\r\nPNG'
_JSON = {"Content-Type": "application/json"}
_BAD_BODIES: dict[str, tuple[dict[str, Any], str]] = {
    "two images": (_form(_IMAGE, _IMAGE), "request.malformed"),
    "unknown file field": (_form(b'name="file"; filename="a.png"\r\n\r\nPNG'), "request.malformed"),
    "no closing boundary": (_form(_IMAGE, end=b""), "request.malformed"),
    "no boundary named": ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, "request.malformed"),
    "too many parts": (_form(*(b'name="x%d"\r\n\r\n1' % i for i in range(40))), "request.malformed"),
    "endless part header": (_form(b'name="image"; x="' + b"x" * 9_000 + b'"\r\n\r\nPNG'), "request.malformed"),
    "endless option": (_form(b'name="format"\r\n\r\n' + b"x" * 2_000), "request.option"),
    "option not UTF-8": (_form(b'name="format"\r\n\r\n\xff'), "request.option"),
    "empty file field": (_form(b'name="image"; filename=""\r\n\r\n'), "request.no_image"),
    "form without image": (_form(b'name="format"\r\n\r\npng'), "request.no_image"),
    "empty image": (_form(b'name="image"; filename="a.png"\r\n\r\n'), "upload.empty"),
    "executable": (_form(b'name="image"; filename="a.exe"\r\n\r\nMZ\x90'), "upload.type"),
    "image address": (_form(b'name="image_url"\r\n\r\nhttp://x/'), "upload.url_disabled"),
    "raw without body": ({"content": b"", "headers": {"Content-Type": "image/png"}}, "request.no_image"),
    "no JSON": ({"content": b"{", "headers": _JSON}, "request.malformed"),
    "JSON array": ({"json": []}, "request.malformed"),
    "JSON too deep": ({"content": b"[" * 50_000, "headers": _JSON}, "request.malformed"),
    "JSON NaN": ({"content": b'{"quality": NaN}', "headers": _JSON}, "request.malformed"),
    "JSON not UTF-8": ({"content": b'{"\xff": 1}', "headers": _JSON}, "request.malformed"),
    "JSON lone surrogate": ({"content": b'{"\\ud800": 1}', "headers": _JSON}, "request.option"),
    "JSON without image": ({"json": {}}, "request.no_image"),
    "JSON image address": ({"json": {"image_url": "http://x/"}}, "upload.url_disabled"),
    "JSON nested option": ({"json": {"format": ["png"]}}, "request.option"),
    "not base64": ({"json": {"image_base64": "@@@@"}}, "upload.base64"),
    "cut base64": ({"json": {"image_base64": "iVBOR"}}, "upload.base64"),
    "URL-safe base64": ({"json": {"image_base64": "_-_-"}}, "upload.base64"),
    "base64 of the wrong type": ({"json": {"image_base64": 7}}, "upload.base64"),
    "data URL without base64": ({"json": {"image_base64": "data:image/png,x"}}, "upload.base64"),
    "form-urlencoded": ({"data": {"image": "x"}}, "request.content_type"),
    "compressed": ({"content": b"x", "headers": {"Content-Encoding": "gzip"}}, "request.encoding"),
}  # fmt: skip


@pytest.mark.parametrize("story", _BAD_BODIES)
def test_a_bad_body_is_refused_with_its_own_reason(plain: Served, story: str) -> None:
    """Each way of getting the body wrong has a typed 4xx answer."""
    request, reason = _BAD_BODIES[story]
    answer = plain.post("/remove", **request)
    assert answer.json()["reason"] == reason
    assert 400 <= answer.status_code < 500


def test_the_refusal_of_a_hostile_json_member_is_still_json(plain: Served) -> None:
    """A lone surrogate in a name comes back as an escape, not as broken UTF-8."""
    answer = plain.post("/remove", content=b'{"\\ud800": 1}', headers={"Content-Type": "application/json"})
    assert "\ud800" in json.loads(answer.content)["detail"]
