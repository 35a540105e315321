"""The secrets of an installation: made once, kept from others, and refused with a clear word when something is off."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.config.load import ConfigurationError
from mattegate.config.secret_purposes import Purpose
from mattegate.config.secrets import Secrets, create_secrets, load_secrets, rotate_secret
from mattegate.vocabulary.secrets import Pepper

FIRST, SECOND = sha256(b"first").hexdigest(), sha256(b"second").hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of fresh secrets."""
    create_secrets(tmp_path / "secrets")
    return tmp_path / "secrets"


def faults(folder: Path, environ: dict[str, str] | None = None) -> list[str]:
    """What stops the start."""
    with pytest.raises(ConfigurationError) as caught:
        load_secrets(folder, environ or {})
    return [str(fault) for fault in caught.value.faults]


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    """A file with that content and mode."""
    path.write_text(text)
    path.chmod(mode)
    return path


def test_what_is_made_can_be_read(tmp_path: Path) -> None:
    """The first start makes a pepper and a seal, different ones, that only the owner can read."""
    folder = tmp_path / "home" / "secrets"
    made = create_secrets(folder)
    assert sorted(path.name for path in made) == ["kek-1", "pepper-1", "seal", "token-1"] == names(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in made} == {0o600}
    loaded = load_secrets(folder)
    assert loaded == load_secrets(folder)
    assert loaded.peppers.current.version == 1
    assert len(loaded.seal_key) == len(loaded.peppers.current.secret) == 32
    assert loaded.seal_key != loaded.peppers.current.secret


def test_what_is_there_is_left_alone(folder: Path) -> None:
    """Making secrets again makes none, and what is missing alone is added."""
    before = load_secrets(folder)
    assert create_secrets(folder) == ()
    (folder / "seal").unlink()
    assert create_secrets(folder) == (folder / "seal",)
    after = load_secrets(folder)
    assert after.peppers == before.peppers
    assert after.seal_key != before.seal_key


@pytest.mark.parametrize("umask", [0, 0o077, 0o377])
def test_the_umask_does_not_decide_who_can_read(tmp_path: Path, umask: int) -> None:
    """Files get their mode whatever the shell's habits are."""
    (tmp_path / "secrets").mkdir(0o700)
    before = os.umask(umask)
    try:
        create_secrets(tmp_path / "secrets")
    finally:
        os.umask(before)
    assert load_secrets(tmp_path / "secrets").peppers.current.version == 1
    assert (tmp_path / "secrets" / "seal").stat().st_mode & 0o777 == 0o600


def test_secrets_are_not_printed(folder: Path) -> None:
    """No byte of them shows in a log line or a traceback that prints the value."""
    assert repr(load_secrets(folder)) == (
        "Secrets(peppers={0}, keks={0}, token_seeds={0})".format("VersionedSecrets(all=(VersionedSecret(version=1),))")
    )


def test_a_new_pepper_joins_the_old_ones(folder: Path) -> None:
    """After a rotation new keys are kept under the new one, and old keys still prove themselves."""
    old = load_secrets(folder).peppers.current
    assert [rotate_secret(folder, Purpose.PEPPER), rotate_secret(folder, Purpose.PEPPER)] == [2, 3]
    peppers = load_secrets(folder).peppers
    assert [pepper.version for pepper in peppers.all] == [1, 2, 3]
    assert (peppers.current.version, peppers.of(1)) == (3, old)
    assert len({pepper.secret for pepper in peppers.all}) == 3


def test_versions_are_numbers_not_words(folder: Path) -> None:
    """The tenth pepper comes after the ninth."""
    for _ in range(9):
        rotate_secret(folder, Purpose.PEPPER)
    assert load_secrets(folder).peppers.current.version == 10


def test_other_files_are_no_peppers(folder: Path) -> None:
    """Editors and backups leave names that look alike."""
    for name in ("pepper-2~", "pepper-02", "pepper-", ".pepper-2.new", "pepper-2.bak", "README"):
        written(folder / name, "x")
    assert load_secrets(folder).peppers.current.version == 1
    assert rotate_secret(folder, Purpose.PEPPER) == 2


@pytest.mark.parametrize(("name", "said"), [("pepper-1", "no API key can be checked"), ("seal", "it is missing")])
def test_a_missing_secret_stops_the_start(folder: Path, name: str, said: str) -> None:
    """It is never made in passing: with another pepper every key that was given out would be unknown."""
    (folder / name).unlink()
    (fault,) = faults(folder)
    assert said in fault
    assert "backup" in fault
    assert str(folder / name) in fault
    assert not (folder / name).exists()


def test_a_missing_folder_stops_the_start(tmp_path: Path) -> None:
    """One sentence, not one for each file in it."""
    (fault,) = faults(tmp_path / "secrets")
    assert "missing" in fault


def test_everything_that_is_wrong_is_told_at_once(folder: Path) -> None:
    """An operator mends it in one go."""
    rotate_secret(folder, Purpose.PEPPER)
    written(folder / "pepper-1", "short")
    (folder / "pepper-2").chmod(0o644)
    (folder / "seal").unlink()
    told = faults(folder, {"MATTEGATE_PEPPER": "short"})
    assert len(told) == 4


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602, 0o777, 0o610])
@pytest.mark.parametrize("name", ["pepper-1", "seal"])
def test_a_file_that_others_can_get_at_is_refused(folder: Path, name: str, mode: int) -> None:
    """Readable, writable or executable, for the group or for everybody."""
    (folder / name).chmod(mode)
    (fault,) = faults(folder)
    assert f"mode {mode:04o}" in fault
    assert "chmod 600" in fault


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o777, 0o710])
def test_a_folder_that_others_can_get_at_is_refused(folder: Path, mode: int) -> None:
    """Who can write there can swap the files. Nothing is written into such a folder either."""
    folder.chmod(mode)
    (fault,) = faults(folder)
    assert "chmod 700" in fault
    for change in (create_secrets, lambda given: rotate_secret(given, Purpose.PEPPER)):
        with pytest.raises(ConfigurationError, match="chmod 700"):
            change(folder)
    assert names(folder) == ["kek-1", "pepper-1", "seal", "token-1"]


def test_files_of_another_user_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that somebody else put there is known to somebody else."""
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    (fault,) = faults(folder)
    assert f"belongs to user {owner}, but the server runs as {owner + 1}" in fault


def test_a_link_in_place_of_a_file_is_refused(folder: Path) -> None:
    """Even one that leads to a sound secret: who set it can lead it elsewhere."""
    (folder / "seal").rename(folder / "elsewhere")
    (folder / "seal").symlink_to("elsewhere")
    (fault,) = faults(folder)
    assert "a link is not trusted" in fault


def test_a_link_that_leads_nowhere_is_not_written_through(folder: Path, tmp_path: Path) -> None:
    """A link planted under the name of a secret to come gets no secret."""
    (folder / "pepper-2").symlink_to(tmp_path / "planted")
    (folder / ".pepper-3.new").symlink_to(tmp_path / "planted")
    assert rotate_secret(folder, Purpose.PEPPER) == 3
    assert not (tmp_path / "planted").exists()
    assert not (folder / "pepper-3").is_symlink()


def test_a_link_in_place_of_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    """The home may be a link, the folder of the secrets may not."""
    link = tmp_path / "link"
    link.symlink_to(folder)
    (fault,) = faults(link)
    assert "a link is not trusted" in fault
    with pytest.raises(ConfigurationError, match="a link is not trusted"):
        create_secrets(link)
    home = tmp_path / "linked-home"
    home.symlink_to(tmp_path)
    assert load_secrets(home / "secrets") == load_secrets(folder)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_refused_without_waiting(folder: Path, make: Callable[[Path], None]) -> None:
    """A folder, or a pipe that would keep the start waiting for ever."""
    (folder / "seal").unlink()
    make(folder / "seal")
    (fault,) = faults(folder)
    assert "no ordinary file" in fault


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    """Both to read and to write."""
    written(tmp_path / "secrets", "x")
    assert "folder" in faults(tmp_path / "secrets")[0]
    with pytest.raises(ConfigurationError, match="nothing was changed"):
        create_secrets(tmp_path / "secrets")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\n",
        FIRST[:-1],
        FIRST + "0",
        FIRST + FIRST,
        FIRST.replace("a", "g"),
        f"{FIRST[:32]} {FIRST[32:]}",
        "\x00",
        "é",
    ],
)
def test_a_secret_of_another_length_is_refused_and_not_repeated(folder: Path, content: str) -> None:
    """A truncated file would be a weak pepper; the fault counts its characters and shows none."""
    written(folder / "pepper-1", content)
    (fault,) = faults(folder)
    assert "64 hex digits" in fault
    assert not re.search(r"[0-9a-f]{16}", fault.replace(str(folder), ""))


@pytest.mark.parametrize("content", ["00" * 32, "deadbeef" * 8, "0123456789abcdef" * 4])
def test_a_placeholder_is_no_secret(folder: Path, content: str) -> None:
    """What was typed in to try things out is known to everybody."""
    written(folder / "pepper-1", content)
    assert "not random" in faults(folder)[0]
    assert "not random" in faults(folder, {"MATTEGATE_PEPPER": content})[0]


@given(st.binary(max_size=200))
def test_any_content_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Whatever bytes a disk gives back, the start ends in secrets or in faults."""
    folder = tmp_path_factory.mktemp("any") / "secrets"
    create_secrets(folder)
    (folder / "seal").write_bytes(content)
    assert faults(folder)


def test_line_ends_and_capitals_do_not_matter(folder: Path) -> None:
    """A secret that an editor or openssl wrote is as good."""
    written(folder / "pepper-1", FIRST.upper() + "\r\n")
    assert load_secrets(folder).peppers.current.secret == bytes.fromhex(FIRST)


# --- environment --------------------------------------------------------------------------------------------


def with_seal_alone(tmp_path: Path) -> Path:
    """A home whose pepper comes from the environment."""
    create_secrets(tmp_path / "secrets", {"MATTEGATE_PEPPER": FIRST})
    assert names(tmp_path / "secrets") == ["kek-1", "seal", "token-1"]
    return tmp_path / "secrets"


@pytest.mark.parametrize(
    ("value", "versions"),
    [(FIRST, [1]), (f" {FIRST}\n", [1]), (f"1:{FIRST},2:{SECOND}", [1, 2]), (f"3:{SECOND} 1:{FIRST}\n", [1, 3])],
)
def test_peppers_may_come_from_the_environment(tmp_path: Path, value: str, versions: list[int]) -> None:
    """By value or by the name of a file, one or several."""
    folder = with_seal_alone(tmp_path)
    file = written(tmp_path / "mounted", value)
    loaded = [
        load_secrets(folder, {"MATTEGATE_PEPPER": value}),
        load_secrets(folder, {"MATTEGATE_PEPPER_FILE": str(file)}),
    ]
    for secrets in loaded:
        assert [pepper.version for pepper in secrets.peppers.all] == versions
        assert secrets.peppers.of(1) == Pepper(1, bytes.fromhex(FIRST))


@pytest.mark.parametrize(
    "value", ["", FIRST[:-2], f"0:{FIRST}", f"x:{FIRST}", f"1:{FIRST},1:{SECOND}", f"{FIRST},{SECOND}", f"1:{FIRST}:2"]
)
def test_a_variable_that_cannot_be_read_is_a_fault(folder: Path, value: str) -> None:
    """It is told by its name and never by its value."""
    (fault,) = faults(folder, {"MATTEGATE_PEPPER": value})
    assert fault.startswith("MATTEGATE_PEPPER: pepper: ")
    assert FIRST[:16] not in fault


def test_both_variables_are_one_too_many(folder: Path, tmp_path: Path) -> None:
    """It is not guessed which one is meant."""
    file = written(tmp_path / "mounted", FIRST)
    (fault,) = faults(folder, {"MATTEGATE_PEPPER": FIRST, "MATTEGATE_PEPPER_FILE": str(file)})
    assert "unset one of them" in fault


def test_environment_and_files_may_not_contradict_each_other(folder: Path) -> None:
    """Two different first peppers: keys rest on one of them, and taking the other would make them all unknown."""
    (fault,) = faults(folder, {"MATTEGATE_PEPPER": FIRST})
    assert "only one can be right" in fault
    same = (folder / "pepper-1").read_text()
    assert load_secrets(folder, {"MATTEGATE_PEPPER": same}) == load_secrets(folder)
    assert load_secrets(folder, {"MATTEGATE_PEPPER": f"2:{FIRST}"}).peppers.current.version == 2


def test_a_mounted_file_may_be_a_link(tmp_path: Path) -> None:
    """Orchestrators mount secrets as links to a folder that they swap at once."""
    folder = with_seal_alone(tmp_path)
    written(tmp_path / "data", FIRST, 0o400)
    (tmp_path / "mounted").symlink_to("data")
    assert load_secrets(folder, {"MATTEGATE_PEPPER_FILE": str(tmp_path / "mounted")}).peppers.current.version == 1


@pytest.mark.parametrize("mode", [0o440, 0o444, 0o602])
def test_a_mounted_file_of_ours_is_for_us_alone(tmp_path: Path, mode: int) -> None:
    """The same rule as in the folder."""
    folder = with_seal_alone(tmp_path)
    file = written(tmp_path / "mounted", FIRST, mode)
    (fault,) = faults(folder, {"MATTEGATE_PEPPER_FILE": str(file)})
    assert f"mode {mode:04o}" in fault


@pytest.mark.parametrize(("mode", "read"), [(0o440, True), (0o444, False), (0o460, False)])
def test_a_mounted_file_of_another_user_may_be_for_the_group(
    tmp_path: Path, mode: int, read: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How else could root give a secret to the user of the service; everybody else still may not read it."""
    folder, owner = with_seal_alone(tmp_path), os.geteuid()
    file = written(tmp_path / "mounted", FIRST, mode)
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    told = faults(folder, {"MATTEGATE_PEPPER_FILE": str(file)})
    assert any(fault.startswith("MATTEGATE_PEPPER_FILE") for fault in told) is not read


@pytest.mark.parametrize("name", ["", "/nowhere/at/all", "/dev/zero", "/"])
def test_a_mounted_file_that_is_none_is_a_fault(folder: Path, name: str) -> None:
    """Missing, a device, a folder: told, and never read for ever."""
    (fault,) = faults(folder, {"MATTEGATE_PEPPER_FILE": name})
    assert fault.startswith("MATTEGATE_PEPPER_FILE: pepper: ")


def test_a_pepper_of_the_environment_is_not_rotated_here(tmp_path: Path) -> None:
    """It is rotated where it comes from; the fault says how."""
    with pytest.raises(ConfigurationError, match="1:HEX,2:HEX"):
        rotate_secret(with_seal_alone(tmp_path), Purpose.PEPPER)


def test_the_variables_are_those_that_are_read() -> None:
    """One for the secret itself and one for a file of it."""
    assert sorted(name for purpose in Purpose for name in purpose.variables) == [
        "MATTEGATE_KEK",
        "MATTEGATE_KEK_FILE",
        "MATTEGATE_PEPPER",
        "MATTEGATE_PEPPER_FILE",
        "MATTEGATE_TOKEN_SEED",
        "MATTEGATE_TOKEN_SEED_FILE",
    ]


# --- several processes, sudden ends, full disks -------------------------------------------------------------

_SLOWLY = "import os, time; sync = os.fsync; os.fsync = lambda file: (time.sleep(0.1), sync(file)); "
"""Widens the gap between looking and writing, so that processes without a lock would surely collide in it."""
_PLAIN = (
    "import sys, pathlib; from mattegate.config.secrets import *; from mattegate.config.secret_purposes import *; "
    "folder = pathlib.Path(sys.argv[1]); "
)
_CREATE = _PLAIN + "create_secrets(folder); "
_ROTATE = _PLAIN + "print(rotate_secret(folder, Purpose.PEPPER))"


def started(script: str, folder: Path) -> subprocess.Popen[str]:
    """Another process on the same folder."""
    return subprocess.Popen([sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True)


def test_several_first_starts_make_one_set_of_secrets(tmp_path: Path) -> None:
    """Whoever comes second finds what the first has made."""
    script = _SLOWLY + _CREATE + "s = load_secrets(folder); print(s.peppers.current.secret, s.seal_key)"
    racing = [started(script, tmp_path / "secrets") for _ in range(4)]
    assert len({process.communicate()[0] for process in racing}) == 1
    assert [process.returncode for process in racing] == [0] * 4
    assert names(tmp_path / "secrets") == ["kek-1", "pepper-1", "seal", "token-1"]


def test_rotations_at_once_are_rotations_one_after_another(folder: Path) -> None:
    """No two of them get the same version, and none overwrites another."""
    racing = [started(_SLOWLY + _ROTATE, folder) for _ in range(4)]
    assert sorted(process.communicate()[0].strip() for process in racing) == ["2", "3", "4", "5"]


def test_a_process_that_dies_while_writing_leaves_nothing_half(folder: Path) -> None:
    """Killed before the rename: the next one clears the draft away, and no short pepper was ever there."""
    script = (
        "import os, signal; os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL); " + _ROTATE
    )  # dies at the first fsync
    dead = started(script, folder)
    dead.communicate()
    assert dead.returncode == -signal.SIGKILL
    assert names(folder) == [".pepper-2.new", "kek-1", "pepper-1", "seal", "token-1"]
    assert load_secrets(folder).peppers.current.version == 1
    assert rotate_secret(folder, Purpose.PEPPER) == 2
    assert names(folder) == ["kek-1", "pepper-1", "pepper-2", "seal", "token-1"]


def test_a_disk_that_takes_nothing_is_told(tmp_path: Path) -> None:
    """A full disk is a fault with its place, and leaves no empty secret behind."""
    script = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10)); import sys, pathlib\n"
        "from mattegate.config.secrets import *\nfrom mattegate.config.load import *\n"
        "try: create_secrets(pathlib.Path(sys.argv[1]))\nexcept ConfigurationError as error: print(error)"
    )
    process = started(script, tmp_path / "secrets")
    assert "nothing was changed" in process.communicate()[0]
    assert not {"pepper-1", "seal", "kek-1", "token-1"} & set(names(tmp_path / "secrets"))
    assert len(create_secrets(tmp_path / "secrets")) == 4
    assert isinstance(load_secrets(tmp_path / "secrets"), Secrets)
