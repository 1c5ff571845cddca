"""Configuration mistakes as rows that say where, what, why and what to do; YAML read strictly."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

HIDDEN = "(hidden)"
MAX_SHOWN = 80
_SECRET = re.compile(r"pass|pwd|secret|token(?!s)|credential|api_?key", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: `source` is a file, an environment variable or a flag; `path` the key in it."""

    source: str
    path: str
    value: str
    rule: str
    remedy: str

    def __str__(self) -> str:
        value = f" = {self.value}" if self.value else ""
        return f"{self.source}: {self.path}{value}: {self.rule}. {self.remedy}"


class InputError(ValueError):
    """What a user gave cannot be used; the message says what is wrong and what to do."""


class ConfigError(InputError):
    """Everything that is wrong with the configuration, not only the first of it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = "1 mistake" if len(self.problems) == 1 else f"{len(self.problems)} mistakes"
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        super().__init__(f"{count} in the configuration:{lines}")


def show_value(path: str, value: object) -> str:
    """A value as a message may show it: cut, and hidden where the key smells of a secret."""
    if value is None:
        return "null"
    if value == HIDDEN or _SECRET.search(path):
        return HIDDEN
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`Did you mean X?` where a known name is close, else the whole list."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    return f"Did you mean {close[0]}?" if close else f"Known: {', '.join(names)}."


def value_at(document: object, path: Iterable[object]) -> object:
    """What lies at `path` in plain data; None where there is nothing."""
    for step in path:
        if isinstance(document, dict):
            document = document.get(step)
        elif isinstance(document, list) and isinstance(step, int) and step < len(document):
            document = document[step]
        else:
            return None
    return document


class StrictLoader(yaml.SafeLoader):
    """Plain data only: a key given twice is an error, and dates stay the text that was written."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        first_lines: dict[Any, int] = {}
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if key in first_lines:
                raise _TwiceError(str(key), first_lines[key], line)
            first_lines[key] = line
        return super().construct_mapping(node, deep)


StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rows if tag != "tag:yaml.org,2002:timestamp"]
    for first, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _TwiceError(Exception):
    def __init__(self, key: str, first_line: int, line: int) -> None:
        super().__init__(key)
        self.key, self.first_line, self.line = key, first_line, line


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file ({} if it is empty). Raises `ConfigError`."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), StrictLoader)  # noqa: S506 - safe subclass
    except OSError as error:
        raise _error(path, "$", f"cannot be read ({error.strerror})", "Check the path.") from error
    except UnicodeDecodeError as error:
        raise _error(path, "$", "is not UTF-8", "Save it as UTF-8.") from error
    except _TwiceError as twice:
        rule = f"given twice, in lines {twice.first_line} and {twice.line}"
        raise _error(path, twice.key, rule, "Keep one of them.") from twice
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "$"
        rule = f"is no YAML: {error.problem}"
        raise _error(path, where, rule, "Check indentation, quotes and colons there.") from error
    except yaml.YAMLError as error:
        raise _error(path, "$", f"is no YAML: {error}", "Remove what no text holds.") from error
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise _error(
            path, "$", "must be a mapping of names to values", "Write lines `name: value`."
        )
    return content


def _error(path: Path, key: str, rule: str, remedy: str) -> ConfigError:
    return ConfigError([Problem(str(path), key, "", rule, remedy)])
