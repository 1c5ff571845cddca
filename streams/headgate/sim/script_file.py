"""Scenario files read: every mistake at once, each with its line, its rule and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from headgate.checking import Mistake, mistakes
from headgate.contract import contract_file
from headgate.judge.durations import parse_duration_ms, say_duration
from headgate.problems import ConfigError, Problem, did_you_mean, value_at
from headgate.sim.arms import Behaviour
from headgate.sim.script import (
    BEHAVIOUR,
    MODEL,
    REQUESTS,
    Change,
    Daily,
    Fault,
    RouterSettings,
    Script,
    Users,
    filled_in,
    times_of,
)
from headgate.vocabulary import ANY_MODEL
from headgate.yaml_lines import read_document

Steps = tuple[str | int, ...]
_SHOWN = "config/scenarios/turns_bad_late.yaml shows a sound one."
_PARTS: dict[object, type[BaseModel]] = {
    "daily": Daily,
    "users": Users,
    "routers": RouterSettings,
    "changes": Change,
    "faults": Fault,
}
_BEHAVIOUR_NAMES = {field.name for field in fields(Behaviour)}
_VERSIONS_OF = ("stable", "candidate", "version", "winner")
_TIMED = ("requests", "changes", "faults")


def shipped_scenarios() -> dict[str, Path]:
    """The scenarios that come with Headgate, by name."""
    return {path.stem: path for path in sorted(contract_file("config", "scenarios").glob("*.yaml"))}


def find_script(name_or_file: str) -> Script:
    """A shipped scenario by its name, or a file. Raises `ConfigError` with every mistake."""
    shipped = shipped_scenarios()
    if name_or_file in shipped:
        return load_script(shipped[name_or_file])
    path = Path(name_or_file)
    if not path.exists() and not path.suffix:
        rule = "is neither a file nor a scenario that comes with Headgate"
        remedy = did_you_mean(name_or_file, shipped)
        raise ConfigError([Problem("--scenario", name_or_file, "", rule, remedy)])
    return load_script(path)


def load_script(path: Path) -> Script:
    """A scenario file. Raises `ConfigError` with every mistake in it."""
    document = read_document(path)
    content = {"name": path.stem, **document.content}
    for row in (*_of_shape(content), *_of_sense(content)):
        document.blame(row.path, row.value, row.rule, row.remedy)
    document.finish()
    return Script.model_validate(content)


def _of_shape(content: dict[str, Any]) -> Iterator[Mistake]:
    """What the form of a scenario does not allow."""
    try:
        Script.model_validate(content)
    except ValidationError as error:
        for row in error.errors():
            yield from _mistake(content, tuple(row["loc"]), row["msg"])


def _mistake(content: dict[str, Any], path: Steps, rule: str) -> Iterator[Mistake]:
    if rule.startswith(("Extra inputs", "Unexpected")):
        yield Mistake(path, None, "no such key", did_you_mean(str(path[-1]), _known_keys(path)))
    elif rule.startswith(("Field required", "Missing required")):
        yield Mistake(path, None, "is missing", f"Add `{path[-1]}:`; {_SHOWN}")
    else:
        plain = rule.removeprefix("Value error, ").replace("Input should be", "must be")
        yield Mistake(path, value_at(content, path), plain, _SHOWN)


def _known_keys(path: Steps) -> set[str]:
    """The keys that may stand where the last step does."""
    if path[0] == "arms":
        return _BEHAVIOUR_NAMES
    part = _PARTS.get(path[0], Script) if len(path) > 1 else Script
    return set(part.model_fields)


def _of_sense(content: dict[str, Any]) -> Iterator[Mistake]:
    """What the parts of a scenario, each as far as it is sound, do not allow together."""
    versions = {str(content.get("stable", "v1")), str(content.get("candidate", "v2"))}
    if len(versions) == 1:
        yield Mistake(("candidate",), None, "is stable itself", "Name another version.")
    versions |= {str(name) for name in _mapping(content.get("arms"))}
    yield from _too_late(content)
    for number, change in enumerate(_rows(content.get("changes"))):
        yield from _in_change(content, change, ("changes", number), versions)
    for number, fault in enumerate(_rows(content.get("faults"))):
        yield from _in_fault(content, fault, ("faults", number))
    for number, request in enumerate(_rows(content.get("requests"))):
        yield from _in_request(request, number, versions)


def _too_late(content: dict[str, Any]) -> Iterator[Mistake]:
    """What would begin after the end, and so never."""
    lasts_ms = _duration_ms(content.get("lasts"))
    for kind in _TIMED:
        for number, row in enumerate(_rows(content.get(kind))):
            at_ms = _duration_ms(row.get("at", 0))
            if lasts_ms and at_ms is not None and at_ms > lasts_ms:
                rule = f"comes when the scenario is over, after {say_duration(lasts_ms)}"
                remedy = "Make it earlier, or let the scenario last longer (`lasts`)."
                yield Mistake((kind, number, "at"), row.get("at"), rule, remedy)


def _duration_ms(text: object) -> int | None:
    """None for what is none, which the form of a scenario tells."""
    try:
        return parse_duration_ms(text)
    except ValueError:
        return None


def _in_change(
    content: dict[str, Any], change: dict[str, Any], path: Steps, versions: set[str]
) -> Iterator[Mistake]:
    yield from _unknown(change.get("arms"), (*path, "arms"), versions, "version")
    new = _mapping(change.get("set"))
    for name in new.keys() - _BEHAVIOUR_NAMES:
        yield Mistake(
            (*path, "set", name), None, "no such key", did_you_mean(name, _BEHAVIOUR_NAMES)
        )
    try:
        BEHAVIOUR.validate_python({name: new[name] for name in new if name in _BEHAVIOUR_NAMES})
    except ValidationError as error:
        for row in error.errors():
            yield from _mistake(content, (*path, "set", *row["loc"]), row["msg"])


def _in_fault(content: dict[str, Any], fault: dict[str, Any], path: Steps) -> Iterator[Mistake]:
    count = _mapping(content.get("routers")).get("count", RouterSettings().count)
    if isinstance(count, int):
        known = {f"router-{number}" for number in range(1, min(count, 50) + 1)}
        yield from _unknown(fault.get("routers"), (*path, "routers"), known, "router")


def _in_request(request: dict[str, Any], number: int, versions: set[str]) -> Iterator[Mistake]:
    path = ("requests", number)
    kind = REQUESTS.get(str(request.get("type")))
    if kind is None:
        remedy = did_you_mean(str(request.get("type")), REQUESTS)
        yield Mistake((*path, "type"), request.get("type"), "is no request", remedy)
        return
    try:
        times_of(request, 1)
        said = filled_in(request, "1", 0)
    except ValidationError as error:
        for row in error.errors():
            yield from _mistake({}, (*path, *row["loc"]), row["msg"])
        return
    del said["type"]
    for found in mistakes(said, kind):
        remedy = found.remedy.replace("config/registry.yaml shows a sound file.", _SHOWN)
        yield Mistake((*path, *found.path), found.value, found.rule, remedy)
    if request.get("model", MODEL) not in {MODEL, ANY_MODEL}:
        rule = f"a scenario has one model, {MODEL}"
        yield Mistake((*path, "model"), request["model"], rule, "Leave `model` out.")
    for name in _VERSIONS_OF:
        if request.get(name):
            yield from _unknown([request[name]], (*path, name), versions, "version")
    for place, arm in enumerate(_rows(request.get("arms"))):
        where = (*path, "arms", place, "version")
        yield from _unknown([arm.get("version")], where, versions, "version")


def _unknown(names: object, path: Steps, known: set[str], what: str) -> Iterator[Mistake]:
    for name in names if isinstance(names, list) else []:
        if str(name) not in known:
            rule = f"no {what} of this scenario is called {name}"
            more = " Or add it to `arms` of the scenario." if what == "version" else ""
            yield Mistake(path, None, rule, did_you_mean(str(name), known) + more)


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _rows(value: object) -> list[dict[str, Any]]:
    return (
        [row if isinstance(row, dict) else {} for row in value] if isinstance(value, list) else []
    )
