"""`headgate registry diff`: what two versions declare differently."""

from __future__ import annotations

from typing import Annotated

import typer
from msgspec import to_builtins

from headgate.cli.options import AsJson, examples, on_broker, print_json
from headgate.cli.registry_reading import read_registry, spec_of, version_of
from headgate.cli.registry_tables import print_table
from headgate.config import Settings
from headgate.registry.differences import differences

EXAMPLES = examples(
    "headgate registry diff support@v1.0.0 support@v1.1.0",
    "headgate registry diff support v1.0.0 v1.1.0",
)
_USAGE = "name two versions: MODEL@A MODEL@B, or MODEL A B"

Sides = Annotated[
    list[str],
    typer.Argument(metavar="A B", help="Each as MODEL@VERSION; or once MODEL, then A and B."),
]


@on_broker
def diff(words: Sides, *, settings: Settings, as_json: AsJson = False) -> None:
    """What two versions declare differently, of one model or of two."""
    sides = _sides(words)
    known = read_registry(settings)
    one, other = (
        spec_of(version_of(known.get(model, {}), model, version)) for model, version in sides
    )
    rows = differences(one, other)
    left, right = (
        name if sides[0][0] == sides[1][0] else "@".join(side)
        for name, side in zip((one.version, other.version), sides, strict=True)
    )
    if as_json:
        print_json(to_builtins(rows))
    elif rows:
        print_table(("field", left, right), [(row.field, row.before, row.after) for row in rows])
    else:
        typer.echo(f"{left} and {right} declare the same.")


def _sides(words: list[str]) -> tuple[tuple[str, str], tuple[str, str]]:
    """The model and the version of each side; the second may leave the model out."""
    if len(words) == 3:
        model, a, b = words
        return (model, a), (model, b)
    if len(words) != 2 or "@" not in words[0]:
        raise typer.BadParameter(_USAGE)
    model, _, a = words[0].rpartition("@")
    other, _, b = words[1].rpartition("@")
    if not (model and a and b):
        raise typer.BadParameter(_USAGE)
    return (model, a), (other or model, b)
