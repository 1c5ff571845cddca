"""JSON Schemas of the messages, generated from their types: `schemas/` for other languages.

    python -m headgate.wire.schemas [--check] [FOLDER]

writes one file per topic into the checkout's `schemas/` (or FOLDER); with `--check` it compares
instead, names the files that differ and ends with 1.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import orjson

from headgate.vocabulary import Topic
from headgate.wire.messages import MESSAGE_NAMES, MESSAGE_TYPES

DIALECT = "https://json-schema.org/draft/2020-12/schema"
BASE = "https://headgate.dev/schemas/"
CHECKOUT = Path(__file__).resolve().parents[3] / "schemas"
COMMAND = "python -m headgate.wire.schemas"

_TOPIC_PREFIX = re.compile(r"^`[^`]+`: ")


def schema_file(topic: Topic) -> str:
    """The file name of a topic's schema, as `schemas/topics/*.yaml` name it."""
    return f"{MESSAGE_NAMES[topic]}.v1.schema.json"


def schema_of(topic: Topic) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a topic's values."""
    kind = MESSAGE_TYPES[topic]
    (body,), definitions = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    return {
        "$schema": DIALECT,
        "$id": f"{BASE}{schema_file(topic)}",
        "title": MESSAGE_NAMES[topic],
        "description": _about(kind),
        **_plain(body),
        "$defs": {name: _plain(found) for name, found in definitions.items()},
    }


def _about(kind: Any) -> str:
    """What the module of the message says it is; of a union, that of what its members have in
    common, or of the first.
    """
    first = next(iter(getattr(kind, "__args__", ())), kind)
    told = first if first.__base__ is msgspec.Struct else first.__base__
    text = inspect.cleandoc(sys.modules[told.__module__].__doc__ or "")
    text = _TOPIC_PREFIX.sub("", text)
    return text[:1].upper() + text[1:]


def _plain(node: Any) -> Any:
    """Without OpenAPI's `discriminator`, with docstrings as paragraphs."""
    if isinstance(node, list):
        return [_plain(part) for part in node]
    if not isinstance(node, dict):
        return node
    plain = {name: _plain(part) for name, part in node.items() if name != "discriminator"}
    if isinstance(plain.get("description"), str):
        plain["description"] = inspect.cleandoc(plain["description"])
    if "discriminator" in node and "anyOf" in plain:
        plain["oneOf"] = plain.pop("anyOf")
    return plain


def rendered() -> dict[str, bytes]:
    """File name and content of every schema."""
    return {
        schema_file(topic): orjson.dumps(
            schema_of(topic), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        )
        for topic in MESSAGE_TYPES
    }


def differences(folder: Path, files: Mapping[str, bytes]) -> list[str]:
    """One sentence for each file of `folder` that is not as it should be."""
    problems = []
    for name, content in files.items():
        path = folder / name
        if not path.exists():
            problems.append(f"{name} is missing")
        elif path.read_bytes() != content:
            problems.append(f"{name} differs from the types")
    strays = {path.name for path in folder.glob("*.schema.json")} - set(files)
    return [*problems, *(f"{name} belongs to no topic" for name in sorted(strays))]


def main(arguments: Sequence[str]) -> int:
    """Write or check; 0 when all is well, 1 when a checked file differs, 2 without a folder."""
    places = [argument for argument in arguments if argument != "--check"]
    folder = Path(places[0]) if places else CHECKOUT
    if not folder.is_dir():
        sys.stderr.write(f"{folder} is no folder; run: {COMMAND} [--check] [FOLDER]\n")
        return 2
    files = rendered()
    if "--check" not in arguments:
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return 0
    problems = differences(folder, files)
    for problem in problems:
        sys.stderr.write(f"{folder}: {problem}; run: {COMMAND}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
