"""Check files: read, and told every mistake with its line before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, ValidationError

from headgate.checks.calls import Call, CallError, calls_of
from headgate.checks.suite import Check, Expect, Suite
from headgate.judge.policy import own_mistakes
from headgate.problems import did_you_mean, value_at
from headgate.yaml_lines import Document, Path_, read_document

EXAMPLE = "config/checks.yaml shows a sound file."
_PARTS: dict[object, type[BaseModel]] = {"checks": Check, "expect": Expect}


def load_checks(file: Path, environ: Mapping[str, str]) -> tuple[Suite, tuple[Call, ...]]:
    """The suite in a file and its requests. Raises `ConfigError` with every mistake."""
    document = read_document(file)
    suite = _suite(document)
    document.finish()
    if suite is None:
        raise AssertionError("a suite without a mistake is a suite")
    try:
        return suite, calls_of(suite, environ)
    except CallError as error:
        for path, rule, remedy in error.problems:
            document.blame(path, None, rule, remedy)
        document.finish()
        raise


def _suite(document: Document) -> Suite | None:
    try:
        value = orjson.dumps(document.content, option=orjson.OPT_NON_STR_KEYS)
    except TypeError as error:
        document.blame((), None, f"holds what JSON cannot: {error}", "Write it as text.")
        return None
    try:
        return Suite.model_validate_json(value)
    except ValidationError as error:
        for row in own_mistakes(error):
            path = _path(row["loc"])
            document.blame(path, _value(document, path), _plain(row["msg"]), _remedy(path, row))
    return None


def _path(loc: tuple[Any, ...]) -> Path_:
    return tuple(step for step in loc if step != "[key]")


def _value(document: Document, path: Path_) -> object:
    """What is there, but of headers nothing: a secret may stand where it should not."""
    return None if "headers" in path else value_at(document.content, path)


def _plain(rule: str) -> str:
    if rule.startswith("Extra inputs"):
        return "no such key"
    if rule.startswith("Field required"):
        return "is missing"
    return rule.removeprefix("Value error, ").replace("Input should", "must")


def _remedy(path: Path_, row: Any) -> str:
    if row["type"] == "extra_forbidden":
        around = [step for step in path[:-1] if isinstance(step, str)]
        part = _PARTS.get(around[-1], Suite) if around else Suite
        known = {field.alias or name for name, field in part.model_fields.items()}
        return did_you_mean(str(path[-1]), known)
    if row["type"] == "missing":
        return f"Add `{path[-1]}:`; {EXAMPLE}"
    return EXAMPLE
