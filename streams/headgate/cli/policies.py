"""Policy files: read, checked in full before they are sent, and told what is wrong at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from headgate.config import load_policy_document
from headgate.contract import contract_file
from headgate.judge.business_hours import BusinessHours
from headgate.judge.calendar import Calendar, Freeze
from headgate.judge.courses import (
    AbSettings,
    BlueGreenSettings,
    CanarySettings,
    CriterionSettings,
    StepSettings,
)
from headgate.judge.permits import Approvals, CompatibilitySettings, ProductionWatch
from headgate.judge.policy import (
    BesideStable,
    CallerFaultRules,
    Limit,
    Policy,
    PolicyError,
    ProofSettings,
    Trigger,
    parse_policy,
)
from headgate.problems import ConfigError, Problem, did_you_mean, show_value, value_at

_ENUM_MEMBER = re.compile(r"<\w+\.\w+: ('\w+')>")
_PARTS: dict[object, type[BaseModel]] = {
    "triggers": Trigger,
    "limit": Limit,
    "beside_stable": BesideStable,
    "caller_faults": CallerFaultRules,
    "compatibility": CompatibilitySettings,
    "production": ProductionWatch,
    "approvals": Approvals,
    "proof": ProofSettings,
    "canary": CanarySettings,
    "steps": StepSettings,
    "ab": AbSettings,
    "criteria": CriterionSettings,
    "blue_green": BlueGreenSettings,
    "calendar": Calendar,
    "business_hours": BusinessHours,
    "freezes": Freeze,
}


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
    return Problem(str(path), where, shown, _plain(rule), _remedy(steps, rule))


def _plain(rule: str) -> str:
    if rule.startswith("Extra inputs"):
        return "no such key"
    rule = _ENUM_MEMBER.sub(r"\1", rule)
    return rule.removeprefix("Value error, ").replace("Input should be", "must be")


def _remedy(steps: list[object], rule: str) -> str:
    if rule.startswith("Extra inputs"):
        return did_you_mean(str(steps[-1]), _known_keys(steps))
    if rule.startswith("Field required"):
        return f"Add `{steps[-1]}:`; config/policies/default.yaml shows one."
    return "config/policies/default.yaml shows a sound one."


def _known_keys(steps: list[object]) -> set[str]:
    """The keys that may stand where the last of `steps` does."""
    around = [step for step in steps[:-1] if isinstance(step, str)]
    part = _PARTS.get(around[-1], Policy) if around else Policy
    return {field.alias or name for name, field in part.model_fields.items()}
