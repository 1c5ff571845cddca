"""What two specs differ in, field by field, and in words for a person."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, to_builtins

from headgate.wire.registry import VersionSpec

NOT_CONTENT = frozenset({"version", "status"})
ASKED_WITH = ("prompt_template", "system_prompt_hash", "parameters")
UNSET = "not set"


class Difference(Struct, frozen=True):
    """One field that differs; None where a side does not have it."""

    field: str
    before: Any
    after: Any


def differences(before: VersionSpec, after: VersionSpec) -> tuple[Difference, ...]:
    """The fields in which two specs differ, nested ones by their path, in the order of the type.

    The version's name and status are not content: a status says where it is, not what it is.
    """
    one, other = _flat(before), _flat(after)
    order = before.__struct_fields__
    paths = sorted({**one, **other}, key=lambda path: order.index(path.split(".", 1)[0]))
    return tuple(
        Difference(path, one.get(path), other.get(path))
        for path in paths
        if one.get(path) != other.get(path)
    )


def _flat(spec: VersionSpec) -> dict[str, Any]:
    rows: dict[str, Any] = {}

    def lay(path: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                lay(f"{path}.{name}", inner)
        elif value not in (None, "", ()):
            rows[path] = value

    for name in spec.__struct_fields__:
        if name not in NOT_CONTENT:
            lay(name, to_builtins(getattr(spec, name)))
    return rows


def same_content(one: VersionSpec, other: VersionSpec) -> bool:
    """Whether two specs declare the same."""
    return not differences(one, other)


def how_asked(before: VersionSpec, after: VersionSpec) -> tuple[Difference, ...]:
    """What differs in the prompt and the parameters."""
    rows = differences(before, after)
    return tuple(row for row in rows if row.field.split(".", 1)[0] in ASKED_WITH)


def say(row: Difference) -> str:
    """`parameters.max_tokens 512 -> 2048`."""
    return f"{row.field} {_shown(row.before)} -> {_shown(row.after)}"


def say_how_asked(before: VersionSpec, after: VersionSpec) -> str:
    """A sentence on how two versions are asked: what a change in tokens or cost may come from."""
    rows = how_asked(before, after)
    pair = f"{before.version} -> {after.version}"
    if not rows:
        return f"Prompt and parameters are registered alike ({pair})."
    return f"Registered differences in prompt and parameters ({pair}): {'; '.join(map(say, rows))}."


def _shown(value: Any) -> str:
    if value is None:
        return UNSET
    return f"{value:g}" if isinstance(value, float) else str(value)
