"""Every mistake in plain data against a message type: the decoder alone tells the first only."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

from headgate.problems import did_you_mean
from headgate.wire.codec import describe
from headgate.wire.registry import Date

Steps = tuple[str | int, ...]
MISSING = "is missing"


@dataclass(frozen=True, slots=True)
class Mistake:
    """Where it is, the value that is there, the rule that it breaks, and what to do."""

    path: Steps
    value: object
    rule: str
    remedy: str


def mistakes(value: object, kind: Any, path: Steps = ()) -> Iterator[Mistake]:
    """Everything in `value` that does not fit `kind`; nothing where it fits."""
    shape = _shape(kind)
    if isinstance(value, dict) and isinstance(shape, type) and issubclass(shape, Struct):
        yield from _in_struct(value, shape, path)
    elif isinstance(value, list) and get_origin(shape) is tuple:
        yield from _in_list(value, kind, get_args(shape)[0], path)
    else:
        yield from _in_leaf(value, kind, path)


def _shape(kind: Any) -> Any:
    """The type without its limits, and without None where it may be left out."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in {Union, types.UnionType}:
        inner = [_shape(one) for one in get_args(kind) if one is not type(None)]
        return inner[0] if len(inner) == 1 else kind
    return kind


def _in_struct(value: dict[str, Any], kind: type[Struct], path: Steps) -> Iterator[Mistake]:
    known = {row.name: row for row in fields(kind)}
    for name, inner in value.items():
        row = known.get(name)
        if row is None:
            remedy = did_you_mean(str(name), known)
            yield Mistake((*path, name), inner, "no such field", remedy)
        else:
            yield from mistakes(inner, row.type, (*path, name))
    for name, row in known.items():
        required = row.default is NODEFAULT and row.default_factory is NODEFAULT
        if required and name not in value:
            yield Mistake((*path, name), None, MISSING, f"Add `{name}:`.")


def _in_list(value: list[Any], kind: Any, item: Any, path: Steps) -> Iterator[Mistake]:
    found = [row for i, inner in enumerate(value) for row in mistakes(inner, item, (*path, i))]
    yield from found or _in_leaf(value, kind, path)


def _in_leaf(value: object, kind: Any, path: Steps) -> Iterator[Mistake]:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        yield Mistake(path, value, *_words(describe(error).reason, kind))


def _words(reason: str, kind: Any) -> tuple[str, str]:
    """The rule and the remedy for a value that does not fit."""
    shape = _shape(kind)
    if isinstance(shape, type) and issubclass(shape, Enum):
        return "is no such value", f"Known: {', '.join(str(one.value) for one in shape)}."
    if get_origin(shape) is Literal:
        return f"must be {' or '.join(map(str, get_args(shape)))}", "Leave it out."
    if kind == Date | None:
        return "is no date", "Write it like 2025-01-31 or 2025-01-31T09:30Z."
    rule = reason.replace("Expected", "must be")
    if rule.startswith("must be `str") and "got" in rule:
        return rule, "Put it in quotes."
    return rule, "config/registry.yaml shows a sound file."
