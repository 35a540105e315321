"""The worker's view of this machine's files, and what it adds to a review: who is stopped where, and what mends it."""

from __future__ import annotations

import shlex
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mattegate.doctor.answer import Certainty
from mattegate.doctor.causes import causes
from mattegate.doctor.clue import Clue
from mattegate.doctor.files.account import Written
from mattegate.doctor.files.acl import Account
from mattegate.doctor.nginx.directive import Directive
from mattegate.doctor.nginx.files import Kind, ThisMachine, worker_of
from mattegate.doctor.nginx.model import predict
from mattegate.doctor.nginx.request import Outcome, Request
from mattegate.doctor.nginx.review.run import Reviewed, review_tree
from mattegate.doctor.nginx.state import Surroundings
from mattegate.doctor.nginx.tree import Tree, read_file, read_text
from tests.doctor.files.kernel import this_process
from tests.doctor.nginx.answering import review
from tests.doctor.nginx.rig import Rig, standing_rig

STRANGER = Account(54_321, frozenset({54_321}), "stranger")
MACHINE = Written(
    "root:x:0:0::/root:/bin/sh\nnginx:x:101:102::/:/bin/false\nweb:x:7:8::/:/bin/false\nnobody:x:99:98::/:/bin/false\n",
    "root:x:0:\nnginx:x:102:\nmodels:x:55:nginx\nnogroup:x:98:\n",
)


def user(*args: str) -> list[Directive]:
    """A configuration that says no more than this."""
    return [Directive("user", args, "nginx.conf", 1)] if args else []


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may enter, which those of pytest are not."""
    made = Path(tempfile.mkdtemp(prefix="worker-files-"))
    made.chmod(0o755)
    yield made
    for path in made.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(made)


def test_the_user_line_says_who_the_worker_is() -> None:
    """A user with its group, or the group that is called like it, and the groups that list it."""
    nginx = worker_of(user("nginx"), accounts=MACHINE)
    assert nginx.account == Account(101, frozenset({102, 55}), "nginx")
    assert nginx.assumed == ""
    other = worker_of(user("nginx", "nogroup"), accounts=MACHINE).account
    assert other == Account(101, frozenset({98, 55}), "nginx")


def test_a_user_that_is_not_here_is_not_guessed() -> None:
    """nginx would not start with a user or group that is unknown, so the machine is another one."""
    for args in (("deploy",), ("web",), ("nginx", "nowhere")):
        worker = worker_of(user(*args), accounts=MACHINE)
        assert worker.account is None
        assert "there is no" in worker.assumed


def test_without_a_user_line_the_usual_one_is_taken_and_told() -> None:
    """The first of nginx's usual users that exists, with the group it has here."""
    worker = worker_of([], accounts=MACHINE)
    assert worker.account == Account(101, frozenset({102, 55}), "nginx")
    assert "taken to be nginx" in worker.assumed
    alone = worker_of([], accounts=Written("nobody:x:99:98::/:/bin/false\n", "nogroup:x:98:\n"))
    assert alone.account == Account(99, frozenset({98}), "nobody")
    assert worker_of([], accounts=Written("", "")).account is None


def test_whoever_is_not_root_stays_who_it_is() -> None:
    """Without root's rights nginx cannot change its account, and the user line is ignored."""
    for directives in ([], user("nginx"), user("deploy")):
        assert worker_of(directives, starter=STRANGER, accounts=MACHINE).account == STRANGER


def test_what_stat_finds_and_open_refuses_is_told_apart(folder: Path) -> None:
    """A closed file is there, a file in a closed folder is denied, and so is what is missing there."""
    (folder / "shut").mkdir()
    (folder / "shut" / "x").touch()
    for name, mode in (("open.txt", 0o644), ("closed.txt", 0o640), ("text", 0o644)):
        (folder / name).write_text(name)
        (folder / name).chmod(mode)
    (folder / "list").mkdir()
    (folder / "list").chmod(0o711)
    (folder / "shut").chmod(0o750)
    files = ThisMachine(worker=STRANGER)
    expected = {
        "open.txt": Kind.FILE, "closed.txt": Kind.CLOSED_FILE, "shut": Kind.CLOSED_FOLDER, "shut/x": Kind.DENIED,
        "shut/nothing": Kind.DENIED, "shut/a/b": Kind.DENIED, "list": Kind.CLOSED_FOLDER, "list/x": Kind.MISSING,
        "a/b/c": Kind.MISSING, "text/": Kind.NO_FOLDER, "text/x": Kind.NO_FOLDER, "": Kind.FOLDER,
        "x" * 256: Kind.TOO_LONG, "/".join(["long"] * 1000): Kind.TOO_LONG,
    }  # fmt: skip
    assert {name: files.look(f"{folder}/{name}") for name in expected} == expected


def test_another_machines_paths_are_not_missing() -> None:
    """Of a path of which only the usual folders exist here, nobody knows anything."""
    for files in (ThisMachine(), ThisMachine(worker=STRANGER)):
        assert files.look("/var/www/no-such-site-here/static/x.png") is Kind.UNKNOWN
        assert files.look("/no-such-volume/x") is Kind.UNKNOWN
        assert files.look("/home/no-such-user/site/x") is Kind.UNKNOWN
        assert files.look("html/index.html") is Kind.UNKNOWN


def test_a_missing_file_below_a_site_that_is_here_is_missing(folder: Path) -> None:
    """Where the site is on this machine, everything that it lacks is known to be missing, however deep."""
    for files in (ThisMachine(), ThisMachine(worker=STRANGER)):
        assert files.look(f"{folder}/static/img/x.png") is Kind.MISSING


def test_names_are_bytes(folder: Path) -> None:
    """The model holds one byte a character, and finds a name in Chinese all the same."""
    (folder / "去背景.html").write_text("x")
    path = f"{folder}/去背景.html".encode().decode("latin-1")
    for files in (ThisMachine((folder,)), ThisMachine((folder,), STRANGER)):
        assert files.look(path) is Kind.FILE
        assert files.text(path) == "x"
        assert files.executable(path) is False


def test_texts_are_read_below_the_roots_only(folder: Path) -> None:
    """A link out of the roots leads to nothing that is read."""
    (folder / "in").mkdir()
    (folder / "out.txt").write_text("secret")
    (folder / "in" / "link").symlink_to(folder / "out.txt")
    assert ThisMachine((folder / "in",), STRANGER).text(f"{folder}/in/link") is None


def conf(folder: Path, inside: str, head: str = "") -> Tree:
    """A configuration on this machine."""
    path = folder / "nginx.conf"
    path.write_text(f"{head}\nevents {{}}\nhttp {{ {inside} }}\n")
    return read_file(path)


def reviewed(tree: Tree, worker: Account | None, target: str) -> Reviewed:
    """The review of one request."""
    return review_tree(tree, [Request(target=target, host="localhost")], Surroundings(ThisMachine((), worker)))


def of_cause(found: Reviewed, cause: str) -> list[Clue]:
    """The clues to a cause."""
    return [clue for clue in found.clues if clue.cause == cause]


def test_the_folder_that_stops_the_worker_is_named(folder: Path) -> None:
    """Of an alias in a closed home, the finding names the file, and the clue the home and what opens it."""
    (folder / "home").mkdir()
    (folder / "home" / "logo.png").touch()
    (folder / "home").chmod(0o700)
    tree = conf(folder, f"server {{ location /img/ {{ alias {folder}/home/; }} }}")
    found = reviewed(tree, STRANGER, "/img/logo.png")
    [denied] = of_cause(found, "file.unreadable")
    assert denied.facts["file"] == f"{folder}/home/logo.png"
    [clue] = of_cause(found, "permission.path_component")
    assert (clue.certainty, clue.status, clue.request) == (Certainty.PROVEN, 403, "GET /img/logo.png")
    assert clue.facts["component"] == f"{folder}/home"
    assert clue.facts["command"].startswith(f"chmod o+x {folder}/home")


def test_an_error_page_does_not_hide_the_file(folder: Path) -> None:
    """Where a page stands in for the 403, the file that was refused is walked, not the page."""
    (folder / "closed.txt").touch()
    (folder / "closed.txt").chmod(0o600)
    (folder / "sorry.html").touch()
    tree = conf(folder, f"server {{ root {folder}; error_page 403 /sorry.html; }}")
    [clue] = of_cause(reviewed(tree, STRANGER, "/closed.txt"), "permission.file")
    assert clue.facts["path"] == f"{folder}/closed.txt"
    assert clue.status == 403


def test_the_pages_that_a_folder_lacks_are_told(folder: Path) -> None:
    """A folder without an index page is one finding, with each page that nginx looked for."""
    (folder / "docs").mkdir()
    tree = conf(folder, f"server {{ root {folder}; index index.html home.html; }}")
    request = Request(target="/docs/", host="localhost")
    answer = review(tree, request, Surroundings(ThisMachine((), STRANGER)))
    [finding] = [one for one in answer.findings if one.cause == "index.forbidden"]
    assert len(answer.findings) == 1
    said = "\n".join(finding.evidence)
    assert f"{folder}/docs/index.html: missing" in said
    assert f"{folder}/docs/home.html: missing" in said
    assert "/docs/" in finding.title


def test_a_guess_is_not_a_proof(folder: Path) -> None:
    """Where no user line was read, the walk is likely at most, and the guess is told."""
    (folder / "closed.txt").touch()
    (folder / "closed.txt").chmod(0o000)
    tree = conf(folder, f"server {{ root {folder}; }}")
    guessed = worker_of(tree.directives)
    if guessed.account is None:
        pytest.skip("this machine has none of nginx's usual users")
    found = reviewed(tree, guessed.account, "/closed.txt")
    [clue] = of_cause(found, "permission.file")
    assert clue.certainty is Certainty.LIKELY
    assert guessed.assumed in found.not_checked
    named = reviewed(conf(folder, f"server {{ root {folder}; }}", "user nobody nogroup;"), STRANGER, "/closed.txt")
    assert guessed.assumed not in named.not_checked


def test_paths_of_pasted_text_are_not_walked(folder: Path) -> None:
    """A pasted configuration means another machine, even where a path of it exists here."""
    (folder / "closed.txt").touch()
    (folder / "closed.txt").chmod(0o600)
    tree = read_text(f"server {{ root {folder}; location /api/ {{ proxy_pass http://unix:{folder}/a.sock; }} }}")
    for target in ("/closed.txt", "/api/x"):
        found = reviewed(tree, STRANGER, target)
        assert not [clue for clue in found.clues if clue.cause.startswith("permission.")]


def listening(path: Path, mode: int) -> socket.socket:
    """A socket that somebody listens on."""
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(path))
    made.listen()
    path.chmod(mode)
    return made


def test_a_closed_socket_is_named_wherever_it_is_written(folder: Path) -> None:
    """Of ``proxy_pass``, ``fastcgi_pass`` and an upstream block; an open one, and one that is down, raise nothing."""
    passes = {
        f"proxy_pass http://unix:{folder}/shut.sock:/x/": (Certainty.PROVEN, "proxy_pass"),
        f"fastcgi_pass unix:{folder}/shut.sock": (Certainty.PROVEN, "fastcgi_pass"),
        "proxy_pass http://one/": (Certainty.PROVEN, "server unix:"),
        "proxy_pass http://two": (Certainty.LIKELY, "server unix:"),
        "proxy_pass http://down": None,
        "proxy_pass http://unix:relative.sock": None,
        "fastcgi_pass unix:relative.sock": None,
        f"proxy_pass http://unix:{folder}/open.sock": None,
        f"proxy_pass http://unix:{folder}/open.sock:/x": None,
    }
    blocks = {"one": "", "two": "server 127.0.0.1:9;", "down": ""}
    upstreams = "".join(
        f"upstream {name} {{ server unix:{folder}/shut.sock{' down' * (name == 'down')}; {more} }}"
        for name, more in blocks.items()
    )
    with listening(folder / "shut.sock", 0o755), listening(folder / "open.sock", 0o666):
        for line, expected in passes.items():
            tree = conf(folder, f"{upstreams} server {{ location /api/ {{ {line}; }} }}")
            found = of_cause(reviewed(tree, STRANGER, "/api/x"), "permission.socket")
            assert [(clue.certainty, clue.status) for clue in found] == ([(expected[0], 502)] if expected else []), line
            assert expected is None or any(expected[1] in said for said in found[0].evidence)


def test_a_missing_socket_is_told_where_its_folder_is(folder: Path) -> None:
    """In a folder of its own a socket is expected; in ``/run``, and on other machines, nobody knows."""
    for path, expected in ((f"{folder}/app.sock", 1), ("/run/no-such-app.sock", 0), ("/srv/no-such-app/a.sock", 0)):
        tree = conf(folder, f"server {{ location / {{ proxy_pass http://unix:{path}; }} }}")
        found = of_cause(reviewed(tree, STRANGER, "/x"), "permission.socket_missing")
        assert [clue.certainty for clue in found] == [Certainty.LIKELY] * expected


def test_every_clue_fills_its_causes_sentences(folder: Path) -> None:
    """No fact is wanting in what is told of a file, a folder, a page and a socket."""
    (folder / "docs").mkdir()
    (folder / "shut").mkdir()
    (folder / "shut").chmod(0o700)
    inside = f"server {{ root {folder}; location /api/ {{ proxy_pass http://unix:{folder}/shut/a.sock; }} }}"
    for target in ("/docs/", "/shut/x", "/shut/", "/api/x"):
        found = reviewed(conf(folder, inside), STRANGER, target)
        assert found.clues
        for clue in found.clues:
            cause = causes()[clue.cause]
            assert "<" not in cause.said("title", clue.facts) + cause.said("remedy", clue.facts)


@pytest.fixture
def rig() -> Iterator[Rig]:
    """A real nginx."""
    with standing_rig() as standing:
        yield standing


def worker_at(rig: Rig, text: str) -> tuple[Tree, Surroundings]:
    """The configuration as a file of this machine, and its worker."""
    path = rig.site.folder / "nginx.conf"
    path.write_text(text)
    tree = read_file(path)
    us = this_process()
    return tree, Surroundings(ThisMachine((), worker_of(tree.directives, starter=us).account))


def test_what_is_advised_makes_nginx_serve_the_file(rig: Rig) -> None:
    """The first command of each review, one after the other, turns the 403 of a real nginx into the file."""
    home = rig.site.folder / "home"
    (home / "site").mkdir(parents=True)
    (home / "site" / "logo.png").write_text("logo")
    for path in (home / "site" / "logo.png", home / "site", home):
        path.chmod(0o050)  # neither for its owner nor for strangers, whichever of them the worker is
    text = rig.filled("{{head}}\nhttp { {{http_head}} server { listen 127.0.0.1:{{port}}; root {{folder}}/home; } }\n")
    rig.start(text)
    tree, around = worker_at(rig, text)
    request = Request(target="/site/logo.png", host="localhost", client="127.0.0.1", port=rig.ports[0])
    for _ in range(3):
        assert rig.send(request).status == predict(tree, request, around).status == 403
        found = review_tree(tree, [request], around).clues
        clue = next(clue for clue in found if clue.cause.startswith("permission."))
        command = next(one for one in clue.facts["command"].split(" or: ") if one.startswith("chmod"))
        subprocess.run(shlex.split(command), check=True)
    assert predict(tree, request, around).status == 200
    assert rig.send(request).body == b"logo"
    for path in (home, home / "site"):
        path.chmod(0o755)  # so that it can be taken away


def test_a_socket_that_is_closed_to_the_worker_is_a_502(rig: Rig) -> None:
    """What the clue says of a socket is what nginx writes into its log; opened, it is reached."""
    path = rig.site.folder / "app.sock"
    text = rig.filled(
        "{{head}}\nhttp { {{http_head}} server { listen 127.0.0.1:{{port}}; location / {"
        " proxy_read_timeout 50ms; proxy_pass http://unix:{{folder}}/app.sock; } } }\n"
    )
    request = Request(target="/x", host="localhost", client="127.0.0.1", port=rig.ports[0])
    with listening(path, 0o000):
        rig.start(text)
        tree, around = worker_at(rig, text)
        assert rig.send(request).status == 502
        assert "(13: Permission denied) while connecting" in (rig.site.folder / "error.log").read_text()
        assert predict(tree, request, around).outcome is Outcome.FORWARDS
        [clue] = of_cause(review_tree(tree, [request], around), "permission.socket")
        assert (clue.certainty, clue.status) == (Certainty.PROVEN, 502)
        path.chmod(0o222)
        assert rig.send(request).status == 504
        assert not of_cause(review_tree(tree, [request], around), "permission.socket")
