"""The way shows what is known to have been passed, and nothing more."""

from __future__ import annotations

from dataclasses import replace

from mattegate.doctor.answer import Answer, Certainty, Finding, Layer, Verdict
from mattegate.doctor.render.way import Mark, stops
from tests.doctor.render.answers import CLEAN, DENY, FAULT, MEANT, NOTHING, SEEN, UNDECIDED, WAF


def marks(answer: Answer) -> dict[str, Mark]:
    """Each stop that is shown, in order."""
    return {stop.name: stop.mark for stop in stops(answer)}


def test_a_prediction_shows_nothing_of_the_network() -> None:
    """A configuration was read: nobody asked for a name or opened a connection."""
    shown = marks(FAULT)
    assert [shown[name] for name in ("dns", "tcp", "tls-mtls")] == [Mark.UNSEEN] * 3
    assert shown["nginx-location"] is Mark.PASSED
    assert shown["nginx-access"] is Mark.AT_FAULT


def test_a_status_that_was_seen_takes_a_connection() -> None:
    """A packet filter sends no HTTP."""
    shown = marks(Answer(Verdict.FAULT, findings=(DENY,)))
    assert [shown[name] for name in ("dns", "tcp", "tls-mtls")] == [Mark.PASSED] * 3


def test_without_an_answer_nothing_is_taken_for_passed() -> None:
    """The connection was refused: that DNS worked is known only where a check says so."""
    refused = Finding(Layer.TCP, "tcp.refused", Certainty.PROVEN, "refused")
    assert marks(Answer(Verdict.FAULT, findings=(refused,)))["dns"] is Mark.UNSEEN
    looked_up = Answer(Verdict.FAULT, findings=(refused,), checked=("DNS: cut.example.com is 192.0.2.80",))
    assert marks(looked_up)["dns"] is Mark.PASSED


def test_a_proxy_of_the_callers_shows_nothing_of_the_server_behind() -> None:
    """CONNECT was refused: whether the target has a name or an open port was never found out."""
    refused = Finding(Layer.FORWARD_PROXY, "proxy.refused", Certainty.PROVEN, "refused", status=403)
    assert marks(Answer(Verdict.FAULT, findings=(refused,)))["tcp"] is Mark.UNSEEN


def test_what_is_only_possible_is_a_question() -> None:
    """A cross is for what is proven or likely."""
    assert marks(SEEN)["waf"] is Mark.UNSURE
    assert marks(SEEN)["nginx-access"] is Mark.AT_FAULT


def test_nothing_arrives_behind_what_surely_refuses() -> None:
    """The line to the application is broken there; behind a mere question it is not."""
    reached = {stop.name: stop.reached for stop in stops(FAULT)}
    assert reached["nginx-access"]
    assert not reached["app"]
    assert {stop.name: stop.reached for stop in stops(Answer(Verdict.FAULT, findings=(WAF,)))}["app"]


def test_layers_stand_in_the_order_in_which_a_request_comes_to_them() -> None:
    """Whatever the order of the findings."""
    findings = tuple(replace(DENY, layer=layer, culprit=()) for layer in reversed(Layer))
    assert [name for name in marks(Answer(Verdict.FAULT, findings=findings)) if name != "client"] == list(Layer)


def test_only_layers_that_matter_are_shown() -> None:
    """Never all of them: a reader looks at a few."""
    for answer in (FAULT, SEEN, CLEAN, UNDECIDED, NOTHING):
        assert len(marks(answer)) <= 9


def test_a_service_without_nginx_is_not_given_one() -> None:
    """The gateway of a cloud refused: an nginx was neither seen nor is there any."""
    finding = Finding(Layer.AUTHORIZER, "aws.x", Certainty.PROVEN, "refused", status=403)
    assert "nginx" not in marks(Answer(Verdict.FAULT, findings=(finding,)))


def test_a_refusal_that_is_meant_is_shown_where_it_happens() -> None:
    """Clean, and the way ends all the same."""
    stop = next(stop for stop in stops(MEANT) if stop.mark is Mark.AT_FAULT)
    assert (stop.name, stop.status, stop.place) == ("nginx-access", 403, "site.conf:12")


def test_what_could_not_be_followed_is_a_question() -> None:
    """The walk ended in the dark inside nginx."""
    assert marks(UNDECIDED)["nginx"] is Mark.UNSURE
