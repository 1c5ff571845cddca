"""YAML with the line of every value, for messages that lead a person to the place."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from headgate.problems import ConfigError, Problem, StrictLoader, read_yaml, show_value

Path_ = tuple[str | int, ...]


@dataclass(slots=True)
class Document:
    """A file's content, the line of each path in it, and the mistakes found so far."""

    file: Path
    content: dict[str, Any] = field(default_factory=dict)
    lines: dict[Path_, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, path: Path_) -> int:
        """The line of a path, or of the nearest one around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def blame(self, path: Path_, value: object, rule: str, remedy: str) -> None:
        """Note a mistake with its line."""
        where = ".".join(map(str, path)) or "$"
        shown = "" if value is None or isinstance(value, dict | list) else show_value(where, value)
        source = f"{self.file}:{self.line(path)}"
        self.problems.append(Problem(source, where, shown, rule, remedy))

    def finish(self) -> None:
        """Raises `ConfigError` with every mistake in order of lines, if there is any."""
        if self.problems:
            found = dict.fromkeys(self.problems)
            raise ConfigError(sorted(found, key=lambda row: int(row.source.rsplit(":", 1)[1])))


def read_document(file: Path) -> Document:
    """A YAML mapping with its lines; keys given twice are noted, the first of them counts.

    Raises `ConfigError` for what cannot be read as YAML at all.
    """
    document = Document(file)
    try:
        loader = StrictLoader(file.read_text(encoding="utf-8"))
        root = loader.get_single_node()
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        document.content = read_yaml(file)  # says what is wrong
        return document
    if not isinstance(root, yaml.MappingNode):
        document.content = read_yaml(file)
        return document
    _walk(document, root, (), set())
    try:
        document.content = loader.construct_document(root)
    except (yaml.YAMLError, TypeError):
        document.content = read_yaml(file)
    return document


def _walk(document: Document, node: yaml.Node, path: Path_, around: set[int]) -> None:
    document.lines.setdefault(path, node.start_mark.line + 1)
    if id(node) in around:  # an anchor within itself
        return
    around = {*around, id(node)}
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(document, item, (*path, index), around)
    elif isinstance(node, yaml.MappingNode):
        _walk_mapping(document, node, path, around)


def _walk_mapping(
    document: Document, node: yaml.MappingNode, path: Path_, around: set[int]
) -> None:
    first: dict[str, int] = {}
    kept = []
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in first:
            rule = f"given twice, in lines {first[name]} and {line}"
            document.blame((*path, name), None, rule, "Keep one of them.")
            continue
        first[name] = line
        document.lines[*path, name] = line
        kept.append((key, value))
        _walk(document, value, (*path, name), around)
    node.value = kept
