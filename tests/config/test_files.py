"""Whole files: faults with their places, both syntaxes alike, the published guide's own lines, and no secret told."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.config.faults import ConfigurationError, Fault
from mattegate.config.load import SETTINGS, examine, load_settings
from mattegate.config.rulebook import build_rulebook
from mattegate.config.schema import OTHER_VARIABLES, TABLES, default_of, example_of, is_list, literal, variable_of

_GOLDEN = Path(__file__).parent / "golden"
_GUIDE_KEY = "RMBG-PROD-abc123XYZ"


def _faults(**sources: Any) -> tuple[Fault, ...]:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(**sources)
    return caught.value.faults


def _written(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text, "utf-8")
    return file


# --- golden faults ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["faults.toml", "faults.yaml"])
def test_everything_that_is_wrong_is_told_at_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fault has its file, line, column, setting, problem and remedy, in the order of the file."""
    monkeypatch.chdir(_GOLDEN)
    told = "".join(f"{fault.told}\n" for fault in _faults(file=Path(name)))
    assert told == (_GOLDEN / f"{name}.txt").read_text("utf-8")
    assert _GUIDE_KEY not in told


def test_a_fault_is_one_line_with_its_parts(tmp_path: Path) -> None:
    """Programs read the parts, people read the line."""
    file = _written(tmp_path, "m.toml", "[server]\nport = 'many'\n")
    (fault,) = _faults(file=file)
    assert (fault.setting, fault.origin, fault.line, fault.column) == ("server.port", str(file), 2, 8)
    assert fault.fix == "for example: port = 8000 under [server]"
    assert str(fault) == f"{file}: server.port: it must be a whole number"
    assert fault.told == f"{file}:2:8: server.port: it must be a whole number ({fault.fix})"


def test_the_remedy_is_spelled_as_its_source_spells(tmp_path: Path) -> None:
    """TOML, YAML, the environment and flags each get a line of their own kind."""
    yaml = _written(tmp_path, "m.yaml", "server:\n  port: many\n")
    assert _faults(file=yaml)[0].fix == "for example: port: 8000 under server:"
    assert _faults(environ={"MATTEGATE_SERVER_PORT": "x"})[0].fix == "for example: MATTEGATE_SERVER_PORT=8000"
    assert _faults(flags={"server.port": "x"})[0].fix == "for example: --port 8000"
    assert _faults(flags={"admin.port": "x"})[0].fix == "for example: --admin-port 8001"


def test_one_bad_element_of_a_list_is_pointed_at(tmp_path: Path) -> None:
    """In a file by its line; elsewhere by its number."""
    file = _written(tmp_path, "m.toml", '[network]\ndeny = [\n  "203.0.113.7",\n  "10.0.0.1/8",\n]\n')
    (fault,) = _faults(file=file)
    assert (fault.line, fault.column) == (4, 3)
    assert fault.fix == "write 10.0.0.0/8 for the network, or 10.0.0.1 for this address alone"
    (fault,) = _faults(environ={"MATTEGATE_NETWORK_DENY": "203.0.113.7,10.0.0.1/8"})
    assert fault.problem.startswith("number 2 of 2: ")


def test_the_same_mistakes_in_file_environment_and_flags_are_all_told(tmp_path: Path) -> None:
    """A later source does not hide what is wrong in an earlier one."""
    file = _written(tmp_path, "m.toml", "[server]\nport = 'x'\n")
    faults = _faults(file=file, environ={"MATTEGATE_SERVER_PORT": "y"}, flags={"server.port": 9000})
    assert [fault.origin for fault in faults] == [str(file), "MATTEGATE_SERVER_PORT"]


# --- the published guide ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rmbg.yaml", "rmbg.yml", "config"])
@pytest.mark.parametrize("indent", ["  ", "", "    "])
def test_the_published_guides_yaml_of_keys_works_unmodified(tmp_path: Path, name: str, indent: str) -> None:
    """`api_keys:` with its list is read whatever the file is called, and the gate knows how such keys begin."""
    file = _written(tmp_path, name, f'api_keys:\n{indent}- "{_GUIDE_KEY}"\n')
    loaded = load_settings(file=file)
    assert loaded.api_keys == (_GUIDE_KEY,)
    credential = build_rulebook(loaded).credential
    assert (credential.foreign_keys, credential.foreign_prefixes) == (False, ("RMBG-PROD-",))


def test_the_published_guides_cors_flags_work_unmodified() -> None:
    """--cors-allowed-origins "*" --cors-allowed-headers "Authorization,Content-Type"."""
    flags = {"cors.allowed_origins": "*", "cors.allowed_headers": "Authorization,Content-Type"}
    cors = build_rulebook(load_settings(flags=flags)).cors
    assert (cors.origins, cors.headers, cors.credentials) == (("*",), ("authorization", "content-type"), False)


def test_the_published_guides_star_with_cookies_is_refused_at_start() -> None:
    """Browsers refuse it too, only silently."""
    (fault,) = _faults(flags={"cors.allowed_origins": "*", "cors.credentials": True})
    assert (fault.setting, fault.origin) == ("cors.credentials", "--cors-credentials")
    assert fault.problem == "browsers refuse * together with cors.credentials"


def test_the_published_guides_wrong_indentation_is_told_with_its_line(tmp_path: Path) -> None:
    """A key list that slipped to the left, or onto the line of its name, is not silently empty."""
    (fault,) = _faults(file=_written(tmp_path, "a.yaml", f'api_keys: - "{_GUIDE_KEY}"\n'))
    assert (fault.line, fault.fix) == (1, 'begin the list on the next line, indented: - "first"')
    (fault,) = _faults(file=_written(tmp_path, "b.yaml", "api_keys:\n"))
    assert (fault.setting, fault.problem) == ("api_keys", "it has no value")
    (fault,) = _faults(file=_written(tmp_path, "c.yaml", "api_keys:\n  - first-key-000\n    - second-key-00\n"))
    assert (fault.setting, fault.line) == ("api_keys", 2)
    assert "spaces" in fault.problem


# --- keys are never told ------------------------------------------------------------------------------------------

_SECRET = st.from_regex(r"[A-Z]{4}-(PROD|live)[-_][a-z0-9]{6}[0-9][A-Z]{4}[a-z0-9]{4}", fullmatch=True)
_PLACES = (
    "api_keys: {s}\n",
    "api_keys:\n  {s}: alice\n",
    "api_keys:\n  - {s}\n  - {s}\n",
    "api_keys:\n  - {s} {s}\n",
    "api_keys:\n  - [{s}]\n",
    "api_keys:\n  - {{a: {s}}}\n",
    "api_keys:\n  - *{s}\n",
    "api_keys:\n  - &{s} a\n  - &{s} b\n",
    "api_keys:\n  - !{s} a\n",
    "api_keys:\n  - '{s}\n",
    "api_keys:\n\t- {s}\n",
    "api_keys:\n-{s}\n",
    "api_key:\n  - {s}\n",
    "api_key:\n  {s}: {s}\n",
    "keys: {s}\n",
    "keys:\n  {s}: x\n",
    "keys:\n  - {s}\n",
    "{s}: 1\n",
    "{s}:\n  - {s}\n",
    "{s}: 1\n{s}: 2\n",
    "- {s}\n",
    "{s}\n",
    "tiers:\n  {s}: 1\n",
    "tiers:\n  {s}:\n    {s}: {s}\n",
    "tiers:\n  free:\n    rate: {s}\n    {s}: 1\n    shadow: [{s}]\n",
    "tokens:\n  issuers: {s}\n",
    "tokens:\n  issuers:\n    {s}:\n      {s}: 1\n      issuer: {s}\n      scopes: {{ {s}: {s} {s} }}\n",
    "limits:\n  redis_url: {s}\n",
    "limits:\n  redis_url: redis://:{s}@cache:x/0\n",
    "limits:\n  redis_url: http://:{s}@cache\n",
    "notices:\n  webhook_url: ftp://hooks/{s}\n",
    "models:\n  base_url: https://u:{s}@ho st/\n",
    "server:\n  port: {s}\n",
    "upload:\n  types: [{s}]\n",
    'api_keys = "{s}"\n',
    'api_keys = ["{s}", "{s}"]\n',
    "api_keys = [{s}]\n",
    'api_keys = ["{s}\n',
    '[api_keys]\n"{s}" = "x"\n',
    '[keys]\n"{s}" = 1\n"{s}" = 2\n',
    '[{s}]\nx = 1\n["{s}"]\n',
    '["{s}".y]\n["{s}".y]\n',
    'a = {{ "{s}" = 1, "{s}" = 2 }}\n',
)


@settings(max_examples=150, deadline=None)
@given(secret=_SECRET, place=st.sampled_from(_PLACES), name=st.sampled_from(["m.yaml", "m.toml", "m"]))
def test_no_fault_ever_tells_a_key(
    tmp_path_factory: pytest.TempPathFactory, secret: str, place: str, name: str
) -> None:
    """Wherever a key or a password lands by mistake, it stays out of the faults and out of what shows settings."""
    file = _written(tmp_path_factory.getbasetemp(), name, place.format(s=secret))
    examined = examine(file=file)
    said = [fault.told + str(fault) + repr(fault) for fault in examined.faults]
    assert secret not in "".join(said)
    assert secret not in repr(examined.settings)
    assert secret not in repr(examined.origins)


def test_no_fault_of_the_environment_tells_a_key() -> None:
    """A key in a variable is a key too."""
    faults = _faults(environ={"MATTEGATE_API_KEYS": "RMBG-PROD-aaa111,short7,'RMBG-PROD-bbb222'"})
    assert [fault.problem for fault in faults] == [
        "number 2 of 3: 6 characters can be guessed",
        "number 3 of 3: quotes are part of it",
    ]


# --- reading ------------------------------------------------------------------------------------------------------


def test_both_syntaxes_say_the_same(tmp_path: Path) -> None:
    """A section, a number, a truth value, a list and a tier are alike in TOML and YAML."""
    toml = _written(
        tmp_path,
        "m.toml",
        '[server]\nport = 9000\ndocs = false\n[network]\ndeny = ["203.0.113.7"]\n[tiers.free]\nquota = "7/hour"\n',
    )
    yaml = _written(
        tmp_path,
        "m.yaml",
        "server: {port: 9000, docs: no}\nnetwork:\n  deny:\n  - 203.0.113.7\ntiers:\n  free: {quota: 7/hour}\n",
    )
    assert load_settings(file=toml) == load_settings(file=yaml)
    assert load_settings(file=toml).server.docs is False


@pytest.mark.parametrize("text", ["", "\n# nothing\n", "\ufeff", "server:\n  # port: 1\n", "{}\n"])
def test_a_file_without_settings_changes_nothing(tmp_path: Path, text: str) -> None:
    """Empty files, comments, a byte order mark and empty sections are no faults."""
    assert load_settings(file=_written(tmp_path, "m.conf", text)) == load_settings()


def test_line_ends_of_windows_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    """Whatever editor wrote the file, lines are counted right."""
    file = tmp_path / "m.toml"
    file.write_bytes(b"\xef\xbb\xbf[server]\r\nport = 9000\r\nprot = 1\r\n")
    (fault,) = _faults(file=file)
    assert (fault.line, fault.column) == (3, 1)


def test_a_file_that_is_neither_is_told_as_what_it_nearly_is(tmp_path: Path) -> None:
    """Without an ending the syntax that came farther says what is wrong."""
    (fault,) = _faults(file=_written(tmp_path, "conf", "[server]\nport = 9000\nhost = nowhere\n"))
    assert ("TOML" in fault.problem, fault.line) == (True, 3)
    (fault,) = _faults(file=_written(tmp_path, "conf", "server:\n  port: 9000\n host: x\n"))
    assert ("YAML" in fault.problem, fault.line) == (True, 3)


def test_a_folder_and_a_film_are_no_configuration(tmp_path: Path) -> None:
    """What cannot be read is a fault, not a crash."""
    assert _faults(file=tmp_path)[0].problem == "Is a directory"
    file = tmp_path / "film.toml"
    file.write_bytes(b"#" * 4_000_001)
    assert "more than 4000000 bytes" in _faults(file=file)[0].problem


def test_a_setting_outside_its_section_is_pointed_to_it(tmp_path: Path) -> None:
    """The usual slip of a missing heading, or of an indentation that is gone."""
    (fault,) = _faults(file=_written(tmp_path, "m.yaml", "server:\nport: 9000\n"))
    assert (fault.problem, fault.line) == ("no such setting; did you mean server.port?", 2)


def test_variables_of_other_parts_are_no_faults() -> None:
    """The pepper and the admin's token are read elsewhere."""
    assert {"MATTEGATE_TEST_CACHE", "MATTEGATE_PEPPER", "MATTEGATE_PEPPER_FILE", "MATTEGATE_ADMIN_TOKEN"} <= (
        OTHER_VARIABLES
    )
    assert load_settings(environ=dict.fromkeys(OTHER_VARIABLES, "x")) == load_settings()


@pytest.mark.parametrize(
    ("name", "meant"),
    [("MATTEGATE_PORT", "MATTEGATE_SERVER_PORT"), ("MATTEGATE_ALLOWED_ORIGINS", "MATTEGATE_CORS_ALLOWED_ORIGINS")],
)
def test_a_variable_that_is_none_is_told_with_the_one_that_was_meant(name: str, meant: str) -> None:
    """A variable without its section finds its home."""
    assert _faults(environ={name: "1"})[0].problem == f"no such setting; did you mean {meant}?"


def test_tables_do_not_fit_a_variable() -> None:
    """What is spelled as tables has its place in the file."""
    assert _faults(environ={"MATTEGATE_TIERS": "free"})[0].problem == "tiers are set in the file"
    assert _faults(environ={"MATTEGATE_TOKENS_ISSUERS": "x"})[0].problem == "issuers are set in the file"


def test_a_tilde_is_the_users_home_and_an_empty_path_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files, variables and flags mean the same by ~, which no shell expands inside quotes."""
    monkeypatch.setenv("HOME", "/home/somebody")
    loaded = load_settings(environ={"MATTEGATE_HOME": "~/gate", "MATTEGATE_LOG_FILE": ""})
    assert (loaded.home, loaded.log.file) == (Path("/home/somebody/gate"), None)


def test_where_each_value_comes_from_is_known(tmp_path: Path) -> None:
    """The last source that set it, with the line."""
    file = _written(tmp_path, "m.toml", "[server]\nhost = '::1'\nport = 1\n[tiers.gold]\nunlimited = true\n")
    origins = examine(file=file, environ={"MATTEGATE_SERVER_PORT": "2"}, flags={"engine.queue": 3}).origins
    assert origins == {
        "server.host": f"{file}:2",
        "server.port": "MATTEGATE_SERVER_PORT",
        "engine.queue": "--engine-queue",
        "tiers.gold": f"{file}:4",
    }


# --- round trips --------------------------------------------------------------------------------------------------

_READABLE = {
    "server.tls_certificate": __file__,
    "server.tls_key": __file__,
    "certificates.trust_store": __file__,
    "certificates.revocation_lists": (__file__,),
}
_SINGLE = {
    **dict.fromkeys(("limits.redis_url", "notices.smtp_host", "authorizer.url"), ""),
    "notices.mail_to": (),
    "tiers": default_of("tiers"),
}


def _right_value(setting: str, dice: random.Random) -> object:
    """The default or an example; numbers a little more, but no port that another has."""
    if setting in _SINGLE:
        return _SINGLE[setting]
    value = _READABLE.get(setting, dice.choice([default_of(setting), example_of(setting)]))
    bounded = {"keys.unknown_status", "cors.max_age_s", "flood.ipv4_prefix", "tokens.browser_minutes"}
    if type(value) is int and setting not in bounded:
        return value + 3 * dice.randrange(2)
    return str(value) if setting == "home" else value


@settings(max_examples=60, deadline=None)
@given(names=st.sets(st.sampled_from([name for name in SETTINGS if name not in TABLES])), seed=st.integers(0, 2**32))
def test_random_configurations_come_back_from_every_source(
    tmp_path_factory: pytest.TempPathFactory, names: set[str], seed: int
) -> None:
    """The same values through a TOML file, a YAML file, the environment and flags make the same settings."""
    dice = random.Random(seed)
    pair = {"server.tls_certificate", "server.tls_key"}
    names = names | pair if names & pair else names
    names = names - {"certificates.header"}  # which needs a declared proxy
    values = {name: _right_value(name, dice) for name in sorted(names)}
    folder = tmp_path_factory.getbasetemp()
    loaded = [
        load_settings(file=_written(folder, "random.toml", _toml(values))),
        load_settings(file=_written(folder, "random.yaml", _yaml(values))),
        load_settings(environ={variable_of(name): _plain(value) for name, value in values.items()}),
        load_settings(flags=values),
    ]
    assert loaded.count(loaded[0]) == 4


def _toml(values: dict[str, object]) -> str:
    top = [f"{name} = {literal(value)}" for name, value in values.items() if "." not in name]
    below = [f"{name} = {literal(value)}" for name, value in values.items() if "." in name]
    return "\n".join([*top, *below]) + "\n"


def _yaml(values: dict[str, object]) -> str:
    lines = [f"{name}: {literal(value)}" for name, value in values.items() if "." not in name]
    for section in sorted({name.partition(".")[0] for name in values if "." in name}):
        lines.append(f"{section}:")
        lines += [
            f"  {name.partition('.')[2]}: {literal(value)}"
            for name, value in values.items()
            if name.startswith(f"{section}.")
        ]
    return "\n".join(lines) + "\n"


def _plain(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def test_lists_are_known() -> None:
    """What is written with commas in one line is a list in a file."""
    assert is_list("api_keys")
    assert not is_list("server.host")
