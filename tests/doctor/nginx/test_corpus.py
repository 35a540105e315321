"""The corpus: files as people write them, half with one fault planted, each borne out by real nginx.

``corpus.toml`` says of each what is wrong, on which line, and what nginx does with the request that shows it.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest

from mattegate.doctor.answer import Certainty
from mattegate.doctor.causes import causes
from mattegate.doctor.nginx.files import Kind
from mattegate.doctor.nginx.model import predict
from mattegate.doctor.nginx.request import Certificate, Outcome, Prediction, Request
from mattegate.doctor.nginx.review.run import review_tree
from mattegate.doctor.nginx.state import Surroundings
from mattegate.doctor.nginx.tree import read_file
from tests.doctor.nginx.rig import Arrival, NotStarted, Reply, Rig, standing_rig
from tests.doctor.nginx.staging import mapped_network, staged, staged_request

_FOLDER: Final = Path(__file__).parent / "corpus"
_DISK: Final = dict.fromkeys(
    ("/usr/share/nginx/html/index.html", "/usr/share/nginx/html/50x.html", "/etc/nginx/.htpasswd"), "644"
)


@dataclass(frozen=True, slots=True)
class Planted:
    """One file of the corpus and what is known about it."""

    name: str
    facts: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The file."""
        return (_FOLDER / self.name).read_text("utf-8")

    @property
    def others(self) -> dict[str, str]:
        """The files it includes."""
        return {name: (_FOLDER / name).read_text("utf-8") for name in self.facts.get("others", [])}

    @property
    def disk(self) -> dict[str, str]:
        """What lies on the machine it runs on, with modes."""
        return _DISK | dict(self.facts.get("disk", {}))

    @property
    def port(self) -> int:
        """The port of production that is asked."""
        return int(self.facts["request"].get("port", 80))

    @property
    def request(self) -> Request:
        """The request that shows it, as in production."""
        facts = dict(self.facts["request"])
        headers = tuple((name, _grown(value)) for name, value in facts.pop("headers", []))
        certificate = Certificate(facts.pop("certificate", "none"))
        return Request(**(facts | {"headers": headers, "certificate": certificate, "port": self.port}))

    @property
    def real(self) -> Mapping[str, Any]:
        """What nginx does with it."""
        return dict(self.facts["real"])


def _grown(value: str) -> str:
    """``{x*3000}`` written out."""
    return re.sub(r"\{x\*(\d+)\}", lambda found: "x" * int(found[1]), value)


CORPUS: Final = [
    Planted(entry["name"], entry) for entry in tomllib.loads((_FOLDER / "corpus.toml").read_text("utf-8"))["file"]
]


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """One folder, two stubs and some ports for the whole corpus."""
    with standing_rig() as standing:
        yield standing


def test_corpus_is_whole() -> None:
    """Every file is described, no description lacks its file, and half of them are correct."""
    described = {planted.name for planted in CORPUS} | {name for planted in CORPUS for name in planted.others}
    there = {str(path.relative_to(_FOLDER)) for path in _FOLDER.rglob("*.conf")}
    assert described == there
    assert len(CORPUS) >= 130
    assert sum(planted.facts["faulty"] for planted in CORPUS) * 2 == len(CORPUS)


@pytest.mark.parametrize("planted", CORPUS, ids=lambda planted: planted.name)
def test_nginx_does_what_the_corpus_says(rig: Rig, planted: Planted) -> None:
    """Real nginx gives the request that shows the fault, or its absence, exactly the fate that is written down."""
    _lay_out(rig, planted.disk)
    run = staged(rig, planted.text, planted.others)
    if planted.real.get("starts", True) is False:
        with pytest.raises(NotStarted):
            rig.start(run.text, others=run.others)
        return
    rig.start(run.text, others=run.others)
    request = staged_request(rig, planted.request, planted.port)
    with contextlib.ExitStack() as held:
        for _ in range(planted.facts.get("held", 0)):
            held.enter_context(_held(request))
        for _ in range(planted.facts.get("repeat", 1)):
            reply = rig.send(request)
    _compare(rig, planted.real, reply)


def _lay_out(rig: Rig, disk: Mapping[str, str]) -> None:
    for name, mode in sorted(disk.items(), reverse=True):
        path = rig.site.folder / "fs" / name.strip("/")
        folder = path if name.endswith("/") else path.parent
        folder.mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_text(name)
        path.chmod(int(mode, 8))


@contextlib.contextmanager
def _held(request: Request) -> Iterator[None]:
    """A connection that has announced a body and sends none of it: nginx counts it all the while."""
    with socket.create_connection(("127.0.0.1", request.port or 0), source_address=(request.client, 0)) as connection:
        head = f"POST {request.target} HTTP/1.1\r\nHost: {request.host}\r\nContent-Length: 5\r\n"
        forwarded = "".join(f"{name}: {value}\r\n" for name, value in request.headers)
        connection.sendall((head + forwarded + "Expect: 100-continue\r\n\r\n").encode())
        connection.recv(100)
        yield


def _compare(rig: Rig, real: Mapping[str, Any], reply: Reply) -> None:
    arrival = rig.upstream.arrivals[-1] if rig.upstream.arrivals else None
    assert (reply.status or 0, arrival.target if arrival else None) == (real["status"], real.get("upstream"))
    if "allow_origin" in real:
        assert reply.all("access-control-allow-origin") == real["allow_origin"]
    if arrival is not None:
        _compare_headers(rig, real, arrival)


def _compare_headers(rig: Rig, real: Mapping[str, Any], arrival: Arrival) -> None:
    seen = {name.lower(): value for name, value in arrival.headers}
    assert real.get("lost", "no-such-header").lower() not in seen
    assert real.get("kept", "host").lower() in seen
    name, value = real.get("sees", ("Host", seen["host"]))
    assert seen[name.lower()] == value.replace("127.0.0.1:8000", f"127.0.0.1:{rig.upstream.port}")


@dataclass(frozen=True, slots=True)
class _Disk:
    """The files of the machine that a configuration was written for; all but those it lists are missing."""

    disk: Mapping[str, str]

    def look(self, path: str, /) -> Kind:
        """What a worker finds there."""
        for name, mode in self.disk.items():
            if name.endswith("/") and path.startswith(name) and int(mode, 8) & 1 == 0:
                return Kind.DENIED
        if path in self.disk:
            return Kind.FILE if int(self.disk[path], 8) & 4 else Kind.DENIED
        return Kind.FOLDER if any(name.startswith(path.rstrip("/") + "/") for name in self.disk) else Kind.MISSING

    def text(self, path: str, /) -> str | None:
        """Only passwords are ever read."""
        return "user:{PLAIN}pass\n" if path.endswith("htpasswd") else None


_WALKED: Final = [
    planted for planted in CORPUS if planted.real.get("starts", True) and not planted.facts.keys() & {"repeat", "held"}
]


@pytest.mark.parametrize("planted", _WALKED, ids=lambda planted: planted.name)
def test_model_says_what_nginx_does(planted: Planted) -> None:
    """The model, given the file as it was written and nothing else, says what nginx does with the request."""
    around = Surroundings(files=_Disk(planted.disk))
    prediction = predict(read_file(_FOLDER / planted.name), planted.request, around)
    expected = planted.real
    if "upstream" in expected and expected["upstream"] is not None:
        assert prediction.outcome is Outcome.FORWARDS, prediction
        assert prediction.upstream is not None
        assert prediction.upstream.uri == expected["upstream"]
    else:
        outcome = Outcome.ANSWERS if expected["status"] else Outcome.DROPS
        assert (prediction.outcome, prediction.status or 0) == (outcome, expected["status"]), prediction
    if "allow_origin" in expected and not _asks_for_status(planted):
        assert _allow_origin(prediction) == expected["allow_origin"]


def _asks_for_status(planted: Planted) -> bool:
    return any(name.startswith("X-Stub-") for name, _ in planted.request.headers)


def _allow_origin(prediction: Prediction) -> list[str]:
    return [value for name, value in prediction.headers if name.lower() == "access-control-allow-origin"]


_NETWORK: Final = re.compile(r"\b(?:allow|deny|set_real_ip_from)\s+([\d.]+(?:/\d+)?);")


@pytest.mark.parametrize("planted", CORPUS, ids=lambda planted: planted.name)
def test_staging_keeps_clients_in_their_networks(planted: Planted) -> None:
    """Who was inside a network of the file in production is inside on loopback, and who was outside is outside."""
    if planted.request.client == "::1":
        return
    client = ipaddress.ip_address(planted.request.client)
    here = ipaddress.ip_address(mapped_network(planted.request.client))
    for network in _NETWORK.findall(planted.text):
        inside = client in ipaddress.ip_network(network, strict=False)
        assert (here in ipaddress.ip_network(mapped_network(network), strict=False)) == inside, network


def _asked_by_a_caller(request: Request) -> Request:
    """The request without what only a stub understands."""
    return replace(request, headers=tuple(pair for pair in request.headers if not pair[0].startswith("X-Stub-")))


def _raised(planted: Planted) -> list[tuple[str, set[tuple[str, int]]]]:
    """The layer and the lines of everything that the review raises, best first."""
    around = Surroundings(files=_Disk(planted.disk))
    reviewed = review_tree(read_file(_FOLDER / planted.name), [_asked_by_a_caller(planted.request)], around)
    ranks = list(Certainty)
    clues = sorted(reviewed.clues, key=lambda clue: ranks.index(clue.certainty))
    return [
        (causes()[clue.cause].layer.value, {(_within(culprit.file), culprit.line) for culprit in clue.culprit})
        for clue in clues
    ]


def _within(file: str) -> str:
    """A file's name as the corpus has it."""
    return file.removeprefix(f"{_FOLDER}/")


def _is_named(planted: Planted) -> bool:
    layers = {planted.facts["layer"], *planted.facts.get("also_layers", [])}
    lines = {(place["file"], place["line"]) for place in planted.facts["lines"]}
    lines |= {(place.get("section", ""), place.get("section_line", 0)) for place in planted.facts["lines"]}
    return any(layer in layers and lines & culprits for layer, culprits in _raised(planted))


def test_review_names_the_planted_faults() -> None:
    """Of the files with a fault, at least 97 in 100 have its layer and its line named."""
    faulty = [planted for planted in CORPUS if planted.facts["faulty"]]
    missed = [f"{planted.name}: {planted.facts['cause']}" for planted in faulty if not _is_named(planted)]
    assert len(missed) <= 0.03 * len(faulty), "\n".join(missed)


def test_review_raises_nothing_on_correct_files() -> None:
    """Of the files that are right, however suspicious they look, at least 98 in 100 raise nothing at all."""
    correct = [planted for planted in CORPUS if not planted.facts["faulty"]]
    alarmed = [f"{planted.name}: {raised}" for planted in correct if (raised := _raised(planted))]
    assert len(alarmed) <= 0.02 * len(correct), "\n".join(alarmed)


def _unasked(planted: Planted) -> list[str]:
    """The causes that are told of a file alone, of which neither a request nor the machine is known."""
    return [clue.cause for clue in review_tree(read_file(_FOLDER / planted.name)).clues]


def test_nothing_is_raised_on_correct_files_where_nobody_asks() -> None:
    """The usual requests find nothing in any file that is right, but what another caller than its own would meet."""
    correct = [planted for planted in CORPUS if not planted.facts["faulty"]]
    alarmed = [f"{planted.name}: {causes}" for planted in correct if (causes := _unasked(planted))]
    assert not alarmed, "\n".join(alarmed)


_TOLD_UNASKED: Final = 50
"""Of a hundred faults: the others are one for some callers only, whom nobody named."""


def test_faults_are_told_where_nobody_asks() -> None:
    """Most faults show by themselves, or in what a client of such an API sends, without any request named."""
    faulty = [planted for planted in CORPUS if planted.facts["faulty"]]
    silent = [f"{planted.name}: {planted.facts['cause']}" for planted in faulty if not _unasked(planted)]
    assert len(faulty) - len(silent) >= _TOLD_UNASKED * len(faulty) / 100, "\n".join(silent)
