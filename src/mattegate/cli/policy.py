"""``mattegate policy``: check policies, put them to the test, explain them, bring them along from AWS.

Works on the files of ``policies.folder``, beside a server that runs: it takes changed files over within two seconds,
or says in its log why not.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from mattegate.cli.context import invocation_of
from mattegate.cli.grouping import command_of, new_group
from mattegate.cli.key_options import Json
from mattegate.cli.policy_explaining import explain
from mattegate.cli.policy_folder import Folder, policies_in, usable
from mattegate.cli.policy_testing import put_to_the_test
from mattegate.cli.rendering import shown, write_error, write_json
from mattegate.cli.tables import print_table
from mattegate.config.policies import SUFFIX
from mattegate.gate.policies.aws.document import Imported, NotImported, imported
from mattegate.gate.policies.compiled import Policies
from mattegate.gate.policies.library import formatted
from mattegate.gate.policies.schema import SCHEMA
from mattegate.vocabulary.refusal import Refusal

policy_app = new_group("policy", "Resource policies in Cedar: check, test, explain, import.")

_REFUSED: Final = 3
_MOST_READ: Final = 1_000_000


@command_of(policy_app, "check", "mattegate policy check", "mattegate policy check --folder drafts/ --json")
def check(ctx: typer.Context, folder: Folder = None, as_json: Json = False) -> None:
    """Read and validate every policy, and list them; what is wrong is told all at once, with its line."""
    texts = policies_in(invocation_of(ctx).settings(), folder)
    policies = Policies(texts)
    rows = [
        {"id": name, "effect": effect, "on_trial": name in policies.on_trial, "of_the_body": name in policies.waiting}
        for name, effect in policies.effects.items()
    ]
    if as_json:
        return write_json(rows)
    headings = ("policy", "effect", "on trial", "speaks of the body")
    return print_table(headings, [list(row.values()) for row in rows], none="no policies: policies.folder is not set")


command_of(
    policy_app,
    "test",
    "mattegate policy test policies/cases.toml",
    "mattegate policy test cases/*.yaml --folder drafts/ --json",
)(put_to_the_test)
command_of(
    policy_app,
    "explain",
    "mattegate policy explain req_01M811EN4M7SXMWKN0G36DD4P8",
    "mattegate policy explain --as 0aB3dE5fG7hJ --model birefnet-general --address 203.0.113.9",
    "mattegate policy explain --tier free --action manage --no-tls --json",
)(explain)


@command_of(
    policy_app,
    "import",
    "mattegate policy import resource-policy.json",
    "mattegate policy import resource-policy.json --write",
    "aws apigateway get-rest-api --rest-api-id abc123 --query policy | mattegate policy import -",
)
def import_policy(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="An AWS-style resource policy in JSON.")],
    write: Annotated[bool, typer.Option("--write", help="Into policies.folder, as NAME.cedar.")] = False,
) -> None:
    """Say an AWS-style resource policy in Cedar. What cannot be mapped is refused by its statement, never left out."""
    found = _imported(file)
    with usable():
        Policies(found.policies)
        text = formatted("\n\n".join(policy.text for policy in found.policies))
    for note in found.notes:
        write_error(f"note: {note}")
    if write:
        _write(invocation_of(ctx).settings().policies_dir, Path(file).stem, text)
    else:
        sys.stdout.write(text)


@command_of(policy_app, "schema", "mattegate policy schema")
def schema() -> None:
    """Everything that a policy may speak of, as a Cedar schema."""
    sys.stdout.write(SCHEMA.lstrip())


def _imported(file: str) -> Imported:
    try:
        return imported(_read(file))
    except NotImported as error:
        for fault in error.faults:
            write_error(f"{file}: {fault}")
        count = len(error.faults)
        write_error(f"{file}: {count} fault{'s' * (count != 1)}; nothing was imported")
        raise typer.Exit(_REFUSED) from None


def _read(file: str) -> str:
    try:
        if file == "-":
            content = sys.stdin.buffer.read(_MOST_READ + 1)
        else:
            with Path(file).open("rb") as stream:
                content = stream.read(_MOST_READ + 1)
        if len(content) > _MOST_READ:
            raise typer.BadParameter(f"{shown(file)} is larger than {_MOST_READ} bytes", param_hint="FILE")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise typer.BadParameter(f"{shown(file)}: {error.strerror}", param_hint="FILE") from None
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{shown(file)} is not UTF-8", param_hint="FILE") from None


def _write(folder: Path | None, stem: str, text: str) -> None:
    if folder is None:
        raise typer.BadParameter("policies.folder is not set, so there is nowhere to write to", param_hint="--write")
    target = folder / f"{'imported' if stem == '-' else stem}{SUFFIX}"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise Refusal("file.exists", path=str(target)) from None
    write_error(f"written to {target}")
