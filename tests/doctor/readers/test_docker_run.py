"""``docker run`` command lines as settings, and what they explain of a connection that failed."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.doctor.answer import Certainty
from mattegate.doctor.causes import causes
from mattegate.doctor.clue import Clue
from mattegate.doctor.described import described
from mattegate.doctor.observation import Observation
from mattegate.doctor.readers import Unreadable, by_name, recognise
from mattegate.doctor.readers.published import Port, shown_ports

_MANY_LINES = """docker run -d --name gate \\
  -p 127.0.0.1:8000:80 -p 9000:9000/udp \\
  -e API_KEY=hunter2hunter2 --restart unless-stopped \\
  registry.example/gate:1 uvicorn app:app --port 80
"""


def _read(reader: str, text: str) -> list[Observation]:
    return list(by_name(reader).read(io.BytesIO(text.encode()), reader))


def _failed(port: int, said: str, address: str = "192.0.2.1") -> Observation:
    return Observation(
        "client-error",
        _read("docker-run", "docker run x")[0].place,
        method="GET",
        scheme="http",
        host=f"{address}:{port}",
        path="/",
        message=said,
    )


def test_a_command_over_many_lines_is_one_setting() -> None:
    """Ports, name, image and program are told; of variables only the names, and no value anywhere."""
    (seen,) = _read("docker-run", _MANY_LINES)
    assert seen.fields["ports"] == "127.0.0.1:8000->80/tcp, *:9000->9000/udp"
    assert (seen.fields["service"], seen.fields["image"]) == ("gate", "registry.example/gate:1")
    assert seen.fields["command"] == "uvicorn app:app --port 80"
    assert seen.fields["environment"] == "API_KEY"
    assert "hunter2" not in str(seen)


@pytest.mark.parametrize(
    ("command", "ports"),
    [
        ("$ docker run -p8000:80 x", "*:8000->80/tcp"),
        ("sudo docker run -dp 8000:80 x", "*:8000->80/tcp"),
        ("podman run --rm --publish=[::1]:8000:80 x", "::1:8000->80/tcp"),
        ("root@box:~# docker container run -it -p 8000-8002:80-82 x | tee log", "*:8000-8002->80-82/tcp"),
        ("docker run x", ""),
    ],
)
def test_the_ways_to_publish(command: str, ports: str) -> None:
    """Glued, joined with others, with an address of IPv6, as a range; a pipe ends the command."""
    (seen,) = _read("docker-run", f"{command}\n")
    assert seen.fields.get("ports", "") == ports
    reader = recognise(command, "")
    assert reader is not None
    assert reader.name == "docker-run"


def test_what_is_no_command_is_not_read() -> None:
    """A comment of a configuration that mentions one is none."""
    assert recognise("# docker run -p 80:80 x\n", "") is None
    with pytest.raises(Unreadable):
        _read("docker-run", "docker ps\n")


@given(st.text(max_size=200))
def test_any_words_behind_a_command_are_taken(words: str) -> None:
    """No command line makes the reader fail otherwise than by its own error."""
    assert len(_read("docker-run", f"docker run x {words}")) >= 1


@given(
    st.integers(1, 65_535),
    st.integers(1, 65_535),
    st.sampled_from(["", "127.0.0.1", "192.0.2.7", "::1"]),
    st.sampled_from(["tcp", "udp"]),
)
def test_ports_are_read_as_they_are_told(target: int, published: int, address: str, protocol: str) -> None:
    """The spelling in which a setting tells a port is read back as that port."""
    port = Port(str(target), str(published), address, protocol)
    told = str(port).replace("::1:", "[::1]:")
    assert shown_ports(told) == (port,)
    assert port.covers(str(published))


@pytest.mark.parametrize(
    ("command", "port", "said", "cause"),
    [
        ("-p 127.0.0.1:9000:9000 -p 8000:8000 x", 9000, "Connection refused", "container.loopback_only"),
        ("-p 127.0.0.1:9000:9000 -p 8000:8000 x", 8000, "Connection refused", ""),
        ("-p 8000-8010:8000-8010 x", 8011, "Connection refused", "container.port_not_published"),
        ("x", 8000, "Connection refused", "container.port_not_published"),
        (
            "-p 8000:8000 x uvicorn app:app",
            8000,
            "Recv failure: Connection reset by peer",
            "container.program_on_loopback",
        ),
        ("-p 8000:8000 x flask --app a run", 8000, "Empty reply from server", "container.program_on_loopback"),
        ("-p 8000:8000 x gunicorn -b 127.0.0.1:8000 a:b", 8000, "Connection refused", "container.program_on_loopback"),
        (
            "-p 8000:80 x uvicorn a:b --host 0.0.0.0 --port 8000",
            8000,
            "Empty reply from server",
            "container.target_port_wrong",
        ),
        ("-p 8000:8000 x uvicorn a:b --host 0.0.0.0", 8000, "Empty reply from server", ""),
        ("-p 8000:8000 -e HOST=0.0.0.0 x uvicorn a:b", 8000, "Empty reply from server", ""),
        ("-p 8000:80 x", 8000, "Empty reply from server", ""),
    ],
)
def test_each_port_is_judged_by_itself(command: str, port: int, said: str, cause: str) -> None:
    """Where a port is published, and where the program listens, explains it; what nobody told explains nothing."""
    clues = list(described([*_read("docker-run", f"docker run {command}"), _failed(port, said)]))
    assert [clue.cause for clue in clues] == ([cause] if cause else [])
    assert all("<" not in _said(clue) and clue.certainty is not Certainty.PROVEN for clue in clues)


def _said(clue: Clue) -> str:
    cause = causes()[clue.cause]
    return "\n".join(cause.said(sentence, clue.facts) for sentence in ("title", "remedy", "check"))
