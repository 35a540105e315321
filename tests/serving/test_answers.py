"""Stories of refusals and of coming and going: what callers, supervisors and the log get to see."""

from __future__ import annotations

import re
import signal
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from mattegate.vocabulary.reasons import REASONS

if TYPE_CHECKING:
    from tests.serving.served import Serve, Served


def test_a_refusal_is_a_problem_document_that_explains_itself(plain: Served) -> None:
    """Every member of RFC 9457 and ours is there, and the type leads to a section that exists."""
    answer = plain.post("/v1/remove-bg", content=b"<?php", headers={"Content-Type": "image/png"})
    problem = answer.json()
    reason = REASONS["upload.type"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(problem) == {
        "type", "title", "status", "detail", "instance", "reason", "layer", "request_id", "remedy",
    }  # fmt: skip
    assert (problem["status"], problem["title"], problem["layer"]) == (415, reason.title, "upload")
    assert problem["instance"] == "/v1/remove-bg"
    page, _, anchor = problem["type"].partition("#")
    assert f'id="{anchor}"' in plain.get(page).text
    assert answer.headers["x-request-id"] == problem["request_id"]
    assert answer.headers["x-mattegate-error-type"] == reason.error_type
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_id_is_ours_and_the_callers_is_kept_in_the_log(plain: Served) -> None:
    """An inbound id never becomes the answer's, and cannot forge a line of the log."""
    answer = plain.get("/health", headers={"X-Request-Id": 'mine"}\t{"'})
    assert re.fullmatch(r"req_[0-9A-HJKMNP-TV-Z]{26}", answer.headers["x-request-id"])
    line = plain.line(request_id=answer.headers["x-request-id"])
    assert line["client_request_id"] == 'mine"}\t{"'
    assert (line["method"], line["path"], line["status"], line["address"]) == ("GET", "/health", 200, "127.0.0.1")


def test_unknown_paths_and_methods_are_explained(plain: Served) -> None:
    """404 and 405 come from our catalogue; 405 names what is allowed, and OPTIONS asks just that."""
    assert plain.get("/no/such").json()["reason"] == "route.unknown"
    assert plain.get("/assets/../app.py").json()["reason"] == "route.unknown"
    wrong = plain.get("/v1/remove-bg")
    assert (wrong.status_code, wrong.json()["reason"], wrong.headers["allow"]) == (405, "route.method", "OPTIONS, POST")
    asked = httpx2.options(plain.url + "/v1/remove-bg")
    assert (asked.status_code, asked.headers["allow"]) == (204, "OPTIONS, POST")
    assert httpx2.options(plain.url + "/no/such").status_code == 404


def test_head_answers_like_get_without_the_body(plain: Served) -> None:
    """HEAD gives the headers of GET and no bytes, for refusals too."""
    answer = httpx2.head(plain.url + "/docs")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == plain.get("/docs").headers["content-length"]
    assert httpx2.head(plain.url + "/no/such").status_code == 404


def test_our_own_fault_tells_the_caller_nothing_but_the_id(serve: Serve, png: bytes) -> None:
    """The traceback stands in the log under the request's id; the answer holds no word of it."""
    server = serve(crash="secret /etc/path")
    answer = server.post("/remove", files={"image": png})
    assert (answer.status_code, answer.json()["reason"]) == (500, "internal.error")
    assert "secret" not in answer.text
    log = server.log.read_text()
    assert "RuntimeError: secret /etc/path" in log
    assert answer.json()["request_id"] in log


def test_the_engines_refusals_reach_the_caller(serve: Serve, png: bytes) -> None:
    """A refusal from behind the engine's line is worded like any other; the log gets the operator's sentence."""
    server = serve(refusal=["model.missing", {"model": "u2net", "path": "/srv/models/u2net.onnx"}])
    answer = server.post("/remove", files={"image": png})
    assert (answer.status_code, answer.json()["reason"]) == (503, "model.missing")
    assert "/srv/models" not in answer.text
    assert "/srv/models/u2net.onnx" in server.line(reason=answer.json()["reason"])["problem"]


def test_ready_names_what_is_wrong(serve: Serve) -> None:
    """A server that cannot make cut-outs says why, with the component and the user, and is up all the same."""
    server = serve(problem="/srv/models cannot be searched by user matte")
    answer = server.get("/ready")
    assert (answer.status_code, answer.json()["reason"]) == (503, "capacity.not_ready")
    assert "/srv/models cannot be searched by user matte" in answer.json()["detail"]
    assert server.get("/health").status_code == 200


def test_a_server_that_is_only_starting_has_no_fault_to_mend(serve: Serve) -> None:
    """It passes by itself, within seconds, so nobody is told to mend anything."""
    answer = serve(problem="The server is still loading its model.", starting=True).get("/ready")
    assert (answer.status_code, answer.json()["reason"]) == (503, "capacity.starting")
    assert int(answer.headers["retry-after"]) <= 5


def test_work_for_a_caller_who_left_is_stopped(serve: Serve, png: bytes) -> None:
    """Closing the connection frees the worker at once, and the log says 499."""
    server = serve(pause_s=30, workers=1)
    peer = server.connect()
    peer.sendall(b"POST /remove HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(png) + png)
    _wait_for(lambda: server.get("/ready").json()["busy"] == 1)
    peer.close()
    _wait_for(lambda: server.get("/ready").json()["busy"] == 0)
    line = server.line(path="/remove")
    assert (line["status"], line["reason"]) == (499, "request.client_gone")


def test_a_waiting_caller_who_left_gives_up_the_place(serve: Serve, png: bytes) -> None:
    """A caller who closes while queued is not served later."""
    server = serve(pause_s=30, workers=1)
    request = b"POST /remove HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(png) + png
    with closing(server.connect()) as first:
        first.sendall(request)
        with closing(server.connect()) as second:
            second.sendall(request)
            _wait_for(lambda: server.get("/ready").json()["waiting"] == 1)
        _wait_for(lambda: server.get("/ready").json()["waiting"] == 0)


def test_sigterm_finishes_what_is_in_hand_and_takes_nothing_new(serve: Serve, png: bytes) -> None:
    """Readiness turns at once, the request in hand is answered, and the process ends with success."""
    server = serve(pause_s=1.5)
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(server.post("/remove", files={"image": png})))
    thread.start()
    _wait_for(lambda: server.get("/ready").json()["busy"] == 1)
    server.process.send_signal(signal.SIGTERM)
    _wait_for(lambda: server.get("/ready").status_code == 503)
    assert server.get("/ready").json()["reason"] == "capacity.draining"
    assert server.post("/remove", files={"image": png}).json()["reason"] == "capacity.draining"
    thread.join()
    assert (answers[0].status_code, answers[0].content) == (200, png)
    assert server.process.wait(10) == 0


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_probes_answer_with_and_without_the_prefix(serve: Serve, png: bytes, path: str) -> None:
    """A prefix moves the API; a supervisor may ask the process itself."""
    server = serve({"server": {"prefix": "/matte"}})
    bare = httpx2.URL(server.url).copy_with(path=path)
    assert httpx2.get(bare).status_code == 200
    assert server.get(path).status_code == 200
    assert server.post("/remove", files={"image": png}).status_code == 200
    assert httpx2.post(bare.copy_with(path="/remove"), content=png).json()["type"].startswith("/matte/docs/reasons#")


def _wait_for(happens: Any) -> None:
    for _ in range(200):
        if happens():
            return
        time.sleep(0.025)
    raise AssertionError("it never happened")


@pytest.mark.parametrize("key", ["", "k" * 256, "schlüssel", "tab\there"])
def test_an_idempotency_key_is_short_and_visible(plain: Served, png: bytes, key: str) -> None:
    """What could not be told apart later is refused before anything is taken."""
    headers = {"Idempotency-Key": key.encode("latin-1")}
    answer = plain.post("/v1/remove-bg", content=png, headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (400, "idempotency.malformed")


def test_the_path_can_be_hidden_behind_a_word_of_ones_own(serve: Serve, png: bytes) -> None:
    """Under ``server.prefix`` everything stands, and nothing of it where the guides would look."""
    server = serve({"server": {"prefix": "/k7Qw2n"}})
    assert server.post("/v1/remove-bg", content=png).status_code == 200
    for path in ("/v1/remove-bg", "/remove-background", "/docs", "/openapi.json", "/"):
        bare = httpx2.URL(server.url).copy_with(path=path)
        assert httpx2.post(bare, content=png).json()["reason"] == "route.unknown"
