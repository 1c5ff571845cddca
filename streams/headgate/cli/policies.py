"""Policy files: read, checked in full before they are sent, and told what is wrong at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from headgate.config import load_policy_document
from headgate.contract import contract_file
from headgate.judge.policy import (
    BesideStable,
    CallerFaultRules,
    Limit,
    Policy,
    PolicyError,
    Trigger,
    parse_policy,
)
from headgate.problems import ConfigError, Problem, did_you_mean, show_value, value_at

_PARTS: tuple[type[BaseModel], ...] = (Policy, Trigger, Limit, BesideStable, CallerFaultRules)


def load_policy(path: Path) -> dict[str, Any]:
    """A policy's content. Raises `ConfigError` with every mistake in the file."""
    content = load_policy_document(path)
    try:
        parse_policy(content)
    except PolicyError as error:
        raise ConfigError(
            _problem(path, content, where, rule) for where, rule in error.problems
        ) from error
    return content


def shipped_policy(name: str) -> Path:
    """A policy that ships with Headgate, such as `default`."""
    return contract_file("config", "policies", f"{name}.yaml")


def _problem(path: Path, content: dict[str, Any], where: str, rule: str) -> Problem:
    steps: list[object] = [int(step) if step.isdigit() else step for step in where.split(".")]
    value = None if where == "$" else value_at(content, steps)
    shown = "" if value is None or isinstance(value, dict) else show_value(where, value)
    return Problem(str(path), where, shown, _plain(rule), _remedy(str(steps[-1]), rule))


def _plain(rule: str) -> str:
    if rule.startswith("Extra inputs"):
        return "no such key"
    return rule.removeprefix("Value error, ").replace("Input should be", "must be")


def _remedy(name: str, rule: str) -> str:
    if rule.startswith("Extra inputs"):
        return did_you_mean(name, _known_keys())
    if rule.startswith("Field required"):
        return f"Add `{name}:`; config/policies/default.yaml shows one."
    return "config/policies/default.yaml shows a sound one."


def _known_keys() -> set[str]:
    return {field.alias or name for part in _PARTS for name, field in part.model_fields.items()}
