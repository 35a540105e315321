"""Stories of connections: open, refused, dropped; and why none of that can be an HTTP status."""

from __future__ import annotations

import socket

from mattegate.doctor.answer import Certainty
from mattegate.doctor.probe.dns import Address
from mattegate.doctor.probe.target import parse_target
from mattegate.doctor.probe.tcp import NO_STATUS, Opening, compared_port, tcp_clues, try_port
from tests.doctor.probe.houses import HOME, app, blackhole, free_port

TARGET = parse_target("http://127.0.0.1:80/")
V6 = Address("2001:db8::1", socket.AF_INET6)
V4 = Address("192.0.2.1", socket.AF_INET)


def test_a_listening_port_is_open() -> None:
    """A real server's port."""
    with app() as running:
        opening = try_port(HOME, running.port, 2)
    assert opening.open
    assert not list(tcp_clues(TARGET, (opening,)))


def test_a_port_on_which_nobody_listens_refuses() -> None:
    """The clue says why no status can have come from there."""
    opening = try_port(HOME, free_port(), 2)
    (clue,) = tcp_clues(TARGET, (opening,))
    assert (clue.cause, clue.certainty) == ("tcp.refused", Certainty.PROVEN)
    assert NO_STATUS in clue.evidence


def test_a_port_that_drops_packets_times_out() -> None:
    """What a security group does to a packet looks like a full queue."""
    with blackhole() as port:
        opening = try_port(HOME, port, 0.5)
    assert [clue.cause for clue in tcp_clues(TARGET, (opening,))] == ["tcp.timed_out"]


def test_one_dead_address_of_two_explains_what_comes_and_goes() -> None:
    """Some clients take the one, some the other."""
    dead, alive = Opening(V6, 443, "refused", "Connection refused"), Opening(V4, 443)
    assert [clue.cause for clue in tcp_clues(TARGET, (dead, alive))] == ["tcp.address_differs"]


def test_a_machine_without_ipv6_says_nothing_about_the_server() -> None:
    """No route of one's own is no fault of theirs, and localhost is two addresses of which one is enough."""
    away = Opening(V6, 443, "unreachable", "No route to host")
    assert not list(tcp_clues(TARGET, (away, Opening(V4, 443))))
    here = Opening(Address("::1", socket.AF_INET6), 80, "refused", "Connection refused")
    assert not list(tcp_clues(TARGET, (here, Opening(HOME, 80))))


def test_the_other_well_known_port_is_compared() -> None:
    """80 with 443 and the reverse; a port of one's own has nothing to be compared with."""
    ports = [compared_port(parse_target(text)) for text in ("http://a.example/", "https://a.example/", "http://a:81/")]
    assert ports == [443, 80, None]
    closed, opened = Opening(V4, 80, "refused", "Connection refused"), Opening(V4, 443)
    (clue,) = tcp_clues(TARGET, (closed,), (opened,))
    assert "192.0.2.1 port 443: open" in clue.evidence
