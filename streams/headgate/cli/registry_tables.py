"""The registry as tables that people read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import to_builtins
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from headgate.wire.registry import VersionEntry

PLAIN_WIDTH = 140


def print_table(columns: Iterable[str], rows: Iterable[Iterable[object]], title: str = "") -> None:
    """A table; what was declared is text and never markup."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), title=title or None, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    console.print(table)


def _cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value)) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{name}={inner}" for name, inner in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)


def when(at_ms: int) -> str:
    """A moment to the minute, in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


LIST_COLUMNS = ("model", "version", "status", "serves as", "since", "base model", "template")


def list_row(entry: VersionEntry) -> tuple[object, ...]:
    """One version in a list."""
    spec = entry.spec
    status = f"{entry.status} (rolled back)" if entry.rolled_back else str(entry.status)
    base, template = (spec.base_model, spec.prompt_template) if spec else ("not declared", "")
    aliases = entry.aliases
    return entry.model, entry.version, status, aliases, when(entry.since_ms), base, template


def show_rows(entry: VersionEntry) -> list[tuple[object, ...]]:
    """Everything that is known of one version, declared beside measured."""
    rows: list[tuple[object, ...]] = [
        ("status", entry.status),
        ("serves as", entry.aliases),
        ("since", when(entry.since_ms)),
        ("rolled back", "yes" if entry.rolled_back else "no"),
    ]
    declared = to_builtins(entry.spec) if entry.spec else {}
    performance = declared.pop("performance", {})
    for name, value in declared.items():
        if name not in {"version", "status"}:
            rows += _flat(name, value)
    measured = to_builtins(entry.measured) if entry.measured else {}
    for name in dict.fromkeys((*performance, *measured)):
        both = f"declared {_cell(performance.get(name))}, measured {_cell(measured.get(name))}"
        rows.append((f"performance.{name}", both))
    return [*rows, *_life_rows(entry)]


def _life_rows(entry: VersionEntry) -> list[tuple[object, ...]]:
    """What became of it: kept for compliance, ordered of its artifacts, removed, step by step."""
    rows: list[tuple[object, ...]] = [
        (name, value)
        for name, value in (("retained", entry.retained), ("ordered", entry.ordered))
        if value
    ]
    if entry.tombstone is not None:
        rows.append(("content digest", entry.tombstone.content_digest))
    for step in entry.history:
        by = f" by {step.by}" if step.by else ""
        rows.append((f"{step.status} on", f"{when(step.at_ms)}{by}: {step.why}"))
    return rows


def _flat(name: str, value: Any) -> list[tuple[object, ...]]:
    if isinstance(value, Mapping):
        return [(f"{name}.{inner}", held) for inner, held in value.items()]
    return [(name, value)]
