"""How much of a model is drawn: everything, or as much as a terminal has room for."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

ALL = 1_000


@dataclass(frozen=True, slots=True)
class Detail:
    """What is drawn.

    `windows` are the windows in seconds that get a row per version, 0 for all that was ever
    counted. `brief` leaves the sentences of triggers out that are neither in doubt nor proven.
    `fact_lines` is how many lines a fact may take, `sure`, `commands`, `evidence` and `alerts` how
    many rows there are at most, `events` how many there are at least. `airy` has rules, routers
    that obey, and the time.
    """

    windows: tuple[int, ...] = (60, 0)
    brief: bool = False
    fact_lines: int = ALL
    sure: int = ALL
    commands: int = ALL
    evidence: int = ALL
    alerts: int = ALL
    events: int = 8
    airy: bool = True


FULL = Detail()
LEVELS = (
    Detail(windows=(60, 300, 0)),
    Detail(windows=(60,), brief=True),
    Detail(windows=(60,), brief=True, fact_lines=2, sure=2, commands=4, events=5),
    Detail((60,), True, 2, sure=1, commands=3, alerts=2, events=4, airy=False),
    Detail((60,), True, 2, sure=0, commands=2, evidence=6, alerts=1, events=3, airy=False),
    Detail((60,), True, 1, sure=0, commands=1, evidence=4, alerts=0, events=3, airy=False),
    Detail((60,), True, 1, sure=0, commands=1, evidence=2, alerts=0, events=2, airy=False),
)


class Clipped:
    """A text of at most so many lines; an ellipsis tells that there is more."""

    def __init__(self, text: Text, lines: int) -> None:
        self._text, self._lines = text, lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        lines = list(self._text.wrap(console, width, overflow="fold"))
        if len(lines) <= self._lines:
            yield from lines
            return
        *kept, last = lines[: self._lines]
        last.rstrip()
        last.truncate(width - 1)
        yield from (*kept, last.append("…"))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self._text)
