"""Screens: where the live view is shown. A terminal is redrawn; elsewhere lines are printed."""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from collections import deque
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.segment import Segment, SegmentLines
from rich.text import Text

from headgate.cli.detail import LEVELS, Clipped, Detail
from headgate.cli.events import status_line
from headgate.cli.reading import newer
from headgate.cli.view import model_view
from headgate.wire.status import ModelStatus

EVENTS_KEPT = 100
EVENT_FRAME = 1  # the rule above them
CALM_MS = 10_000
PLAIN_EVERY_S = 5.0


class Screen(ABC):
    """Shows statuses, events and a headline."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    @abstractmethod
    def show(self, status: ModelStatus) -> None:
        """A model's newest status."""

    @abstractmethod
    def event(self, line: str) -> None:
        """Something that happened."""

    @abstractmethod
    def headline(self, line: str) -> None:
        """What is going on now."""

    @abstractmethod
    def refresh(self) -> None:
        """Redraw what depends on the time."""


class PlainScreen(Screen):
    """Plain lines: every event, and each model's status every few seconds."""

    def __init__(self, every_s: float = PLAIN_EVERY_S) -> None:
        self._every_s = every_s
        self._shown_at: dict[str, float] = {}

    def show(self, status: ModelStatus) -> None:
        now = time.monotonic()
        if now - self._shown_at.get(status.model, -self._every_s) >= self._every_s:
            self._shown_at[status.model] = now
            self._print(status_line(status))

    def event(self, line: str) -> None:
        self._print(line)

    def headline(self, line: str) -> None:
        self._print(line)

    def refresh(self) -> None:
        """Lines stay as they were printed."""

    def _print(self, line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


class LiveScreen(Screen):
    """The whole terminal, redrawn a few times a second."""

    def __init__(self, title: str, console: Console | None = None) -> None:
        self._title = title
        self._headline = ""
        self._statuses: dict[str, ModelStatus] = {}
        self._events: deque[str] = deque(maxlen=EVENTS_KEPT)
        self._level, self._chosen_ms = 0, 0
        self._console = console or Console()
        self._live = Live(
            console=self._console, screen=True, auto_refresh=False, vertical_overflow="ellipsis"
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, status: ModelStatus) -> None:
        if newer(status, self._statuses.get(status.model)):
            self._statuses[status.model] = status

    def event(self, line: str) -> None:
        self._events.append(line)

    def headline(self, line: str) -> None:
        self._headline = line
        self.refresh()

    def refresh(self) -> None:
        self._live.update(self.view(time.time_ns() // 1_000_000), refresh=True)

    def view(self, now_ms: int) -> RenderableType:
        """Everything on the screen, in as much detail as it has room for.

        Once there was no room for more, it stays so for a while: nothing is to jump back and forth.
        """
        calm = now_ms - self._chosen_ms < CALM_MS
        first = self._level if calm else 0
        for level in range(first, len(LEVELS)):
            drawn = self._drawn(now_ms, LEVELS[level])
            if level == len(LEVELS) - 1 or len(drawn) + EVENT_FRAME + LEVELS[level].events <= (
                self._console.height
            ):
                break
        if level != self._level or not calm:
            self._level, self._chosen_ms = level, now_ms
        room = self._console.height - len(drawn) - EVENT_FRAME
        return Group(
            SegmentLines(drawn, new_lines=True), *self._timeline(max(room, LEVELS[level].events))
        )

    def _drawn(self, now_ms: int, detail: Detail) -> list[list[Segment]]:
        """The headline and the models, line by line."""
        head = Text(self._title, style="bold").append(f"  {self._headline}", style="not bold cyan")
        head.no_wrap, head.overflow = True, "ellipsis"
        models = [model_view(row, now_ms, detail) for row in self._statuses.values()]
        waiting = Text("waiting for the first status ...", style="dim")
        return self._console.render_lines(Group(head, *(models or [waiting])), pad=False)

    def _timeline(self, room: int) -> list[RenderableType]:
        """The newest events, each in one line unless there is room for all of them."""
        rows = list(self._events)[-room:] or ["nothing has happened yet"]
        return [Rule("events", align="left", style="dim"), *(Clipped(Text(row), 1) for row in rows)]
