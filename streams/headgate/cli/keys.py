"""Keys: make one, say which count from now on, and look which do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from headgate.cli.asking import Fields, asks
from headgate.cli.failures import ExitCode
from headgate.cli.options import AsJson, examples, on_broker, print_json
from headgate.cli.reading import read_to_end
from headgate.config import Settings
from headgate.judge.durations import say_duration
from headgate.keyfiles import KeyFile, load_keys, new_key
from headgate.vocabulary import ANY_MODEL, Role, Topic
from headgate.wire.codec import BadValueError
from headgate.wire.key_requests import ApplyKeys, KeyApprovals
from headgate.wire.messages import AUDIT
from headgate.wire.request import Request
from headgate.wire.signatures import CONTROL, REQUEST

WORKERS = "govern"

keys_app = typer.Typer(no_args_is_help=True, help="Who may ask for what: keys and roles.")

Out = Annotated[Path, typer.Option("--out", metavar="FILE", help="Never overwritten.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    example = examples(
        "headgate keys new ann --role approver --out ann.key",
        "headgate keys new --control --out control.key",
    )
    keys_app.command(epilog=example)(new)
    keys_app.command("list", epilog=examples("headgate keys list --json"))(list_keys)
    app.add_typer(keys_app, name="keys")


def new(
    out: Out,
    operator: Annotated[str, typer.Argument(metavar="[NAME]", help="Whose key it is.")] = "",
    role: Annotated[Role | None, typer.Option(help="For the lines to paste: operator.")] = None,
    control: Annotated[
        bool, typer.Option("--control", help="Nobody's: workers sign commands to routers with it.")
    ] = False,
) -> None:
    """Make a secret key in a file, and print the lines that tell others of it."""
    if control and role is not None:
        raise typer.BadParameter("a key that signs commands has no role: leave --role out")
    if control:
        for line in _control_lines(out, new_key(out, operator or WORKERS, CONTROL)):
            typer.echo(line)
        return
    if not operator:
        raise typer.BadParameter("name whose key it is; --control makes the workers'")
    key = new_key(out, operator, REQUEST)
    typer.echo(f"# {out} holds the secret key: keep it. Fingerprint {key.signer.key_id}")
    typer.echo("keys:")
    typer.echo(f"  - operator: {operator}")
    typer.echo(f"    role: {role or Role.OPERATOR}")
    typer.echo(f"    public_key: {key.signer.public_key}")


def _control_lines(file: Path, key: KeyFile) -> list[str]:
    """Settings: it is no operator's key, and belongs into no list of them."""
    return [
        f"# {file} holds the secret key that signs commands. Fingerprint {key.signer.key_id}",
        "# Every worker that runs govern:",
        f"control_key_file: {file}",
        "# Who reads commands: people's settings, and Router(public_keys=[...]):",
        f"control_public_keys: [{key.signer.public_key}]",
    ]


@keys_app.command(epilog=examples("headgate keys apply keys.yaml --reason 'bob has a new key'"))
@asks()
def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML: every key that counts.")],
    *,
    fields: Fields,
) -> Request:
    """From now on the keys in FILE count, and no others; every request must be signed."""
    keys, approvals = load_keys(file)
    return ApplyKeys(**fields(ANY_MODEL), keys=keys, approvals=approvals)


@on_broker
def list_keys(*, settings: Settings, as_json: AsJson = False) -> None:
    """Which keys count, as the audit topic tells. Exit code 1 where ledger partitions differ."""
    found = _in_force(settings)
    told = list(found.values())
    agree = all(row == told[0] for row in told)
    if as_json:
        keys = {partition: row["keys"] for partition, row in found.items()}
        rules = {partition: row["approvals"] for partition, row in found.items()}
        print_json({"agree": agree, "ledger_partitions": keys, "approvals": rules})
    elif not found:
        typer.echo("No keys are set: nobody has to sign. headgate keys apply FILE sets them.")
    else:
        for name, key in told[0]["keys"].items():
            typer.echo(f"{name}  {key['role']:9}  {key['operator']}")
        if told[0]["approvals"]:
            rule = msgspec.convert(told[0]["approvals"], KeyApprovals)
            actions = ", ".join(sorted({"apply_keys", *rule.actions}))
            within = say_duration(rule.within_ms)
            typer.echo(f"A second person approves within {within}, for all models: {actions}")
    if not agree:
        typer.echo("Ledger partitions have different keys: apply them again.", err=True)
        raise typer.Exit(ExitCode.NEGATIVE)


def _in_force(settings: Settings) -> dict[int, dict[str, Any]]:
    """By ledger partition, what the newest `apply_keys` that took effect there set."""
    found: dict[int, tuple[int, dict[str, Any]]] = {}
    for row in read_to_end(settings, Topic.AUDIT):
        try:
            record = AUDIT.decode(row.value)
        except BadValueError:
            continue
        if record.request_type == "apply_keys" and record.event == "accepted":
            partition = int(record.details["ledger_partition"])
            if record.sequence >= found.get(partition, (0, {}))[0]:
                rule = record.details.get("approvals")
                told = {"keys": record.details["keys"], "approvals": rule}
                found[partition] = (record.sequence, told)
    return {partition: told for partition, (_, told) in sorted(found.items())}
