"""Pace: how long proofs take at a model's rate and a candidate's weight, and which weight it takes.

A week is the longest that anybody waits: what is not caught within it is not caught.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any

from msgspec import to_builtins
from rich import box
from rich.table import Table

from headgate.cli.phrases import share
from headgate.judge.durations import say_duration
from headgate.judge.policy import Policy, Trigger
from headgate.judge.sequential.forecast import HORIZON, Forecast, Trial, forecast_trigger
from headgate.vocabulary import BASIS_POINTS

HOUR_S, DAY_S, WEEK_S = 3_600, 86_400, 604_800
# The weights that are tried: above a half the stable arm is what a comparison lacks.
WEIGHTS = (1, 2, 5, 10, 20, 50, 100, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000)
SEARCH_RUNS = 200


@dataclass(frozen=True, slots=True)
class Pace:
    """A model's `rate` in requests/s, the candidate's `weight` in basis points, and the share of
    requests that get a label.
    """

    rate: float
    weight: int
    labels_share: float

    def per_s(self, *, of_labels: bool) -> float:
        """The candidate's samples in a second."""
        arriving = self.rate * self.weight / BASIS_POINTS
        return arriving * self.labels_share if of_labels else arriving


@dataclass(frozen=True, slots=True)
class TriggerPace:
    """One trigger at a pace: seconds until it acts by degree of badness (median, 95th percentile;
    None: not within the forecast), and the smallest weights that catch the least degree in 19 of 20
    cases within an hour and a day.
    """

    trigger: str
    rolls_back: bool
    forecast: Forecast
    seconds: tuple[tuple[float | None, float | None], ...]
    weights: dict[str, int | None] = field(default_factory=dict)

    @property
    def blind(self) -> bool:
        """Whether it catches nothing, however bad, within a week."""
        return all(median is None or median > WEEK_S for median, _ in self.seconds)

    def words(self) -> list[str]:
        """A cell for each degree."""
        return [f"{_said(median)} / {_said(p95)}" for median, p95 in self.seconds]

    def to_json(self) -> dict[str, Any]:
        """The row for machines."""
        return {
            "trigger": self.trigger,
            "rolls_back": self.rolls_back,
            "blind": self.blind,
            "seconds": [{"median": median, "p95": p95} for median, p95 in self.seconds],
            "smallest_weight": self.weights,
            "forecast": to_builtins(self.forecast),
        }


def paced(policy: Policy, pace: Pace) -> tuple[TriggerPace, ...]:
    """Every sequential trigger at a pace."""
    return tuple(
        _trigger(policy, trigger, pace)
        for trigger in policy.triggers
        if trigger.proof == "sequential"
    )


def _trigger(policy: Policy, trigger: Trigger, pace: Pace) -> TriggerPace:
    found = forecast_trigger(policy, trigger, Trial(pace.weight))
    per_s = pace.per_s(of_labels=found.of_labels)
    return TriggerPace(
        trigger=trigger.name,
        rolls_back=trigger.can_roll_back,
        forecast=found,
        seconds=tuple((_time(c.median, per_s), _time(c.p95, per_s)) for c in found.cases),
        weights=smallest_weights(policy, trigger, pace),
    )


def _time(samples: int | None, per_s: float) -> float | None:
    return None if samples is None else round(samples / per_s, 3)


def smallest_weights(policy: Policy, trigger: Trigger, pace: Pace) -> dict[str, int | None]:
    """The smallest weights that catch the least degree in time; None where none up to 50 % does."""
    known: dict[int, float] = {}

    def seconds(weight: int) -> float:
        if weight not in known:
            trial = Trial(weight, runs=SEARCH_RUNS, degrees=1)
            found = forecast_trigger(policy, trigger, trial)
            per_s = Pace(pace.rate, weight, pace.labels_share).per_s(of_labels=found.of_labels)
            (case,) = found.cases
            known[weight] = float("inf") if case.p95 is None else case.p95 / per_s
        return known[weight]

    def smallest(within_s: int) -> int | None:
        place = bisect_left(WEIGHTS, True, key=lambda weight: seconds(weight) <= within_s)
        return WEIGHTS[place] if place < len(WEIGHTS) else None

    return {"hour": smallest(HOUR_S), "day": smallest(DAY_S)}


def pace_lines(pace: Pace, rows: tuple[TriggerPace, ...]) -> list[str]:
    """What comes in, and what cannot catch anything."""
    mine, labels = (pace.per_s(of_labels=of) for of in (False, True))
    lines = [
        f"At {pace.rate:g} requests/s and {share(pace.weight)} the candidate gets "
        f"{_often(mine, 'request')} and {_often(labels, 'label')} "
        f"(every label on {pace.labels_share:.2%} of requests)."
    ]
    blind = [row for row in rows if row.blind]
    for row in blind:
        what = "a stable arm is missing" if not row.seconds else "however bad the candidate is"
        lines.append(f"CANNOT DETECT ANYTHING WITHIN A WEEK: {row.trigger} ({what}).")
    if not blind:
        lines.append("Every sequential trigger catches something within a week.")
    return [*lines, "Median / 95th percentile of the time from the first bad outcome on."]


def weights_table(rows: tuple[TriggerPace, ...]) -> Table:
    """The smallest weights by trigger."""
    title = "Smallest weight that catches 2 x, in 19 of 20 cases"
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), title=title, title_justify="left")
    table.add_column("trigger")
    for within in ("hour", "day"):
        table.add_column(f"within {'an' if within == 'hour' else 'a'} {within}", justify="right")
    for row in rows:
        table.add_row(row.trigger, *(_weight(row.weights[name]) for name in ("hour", "day")))
    return table


def _weight(weight: int | None) -> str:
    return "none up to 50 %" if weight is None else f"{weight} ({share(weight)})"


def _said(seconds: float | None) -> str:
    if seconds is None:
        return f"over {HORIZON:,} samples"
    for size, unit in ((WEEK_S, "weeks"), (DAY_S, "days"), (HOUR_S, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:,.2g} {unit}" if seconds < 99 * size else f"over 99 {unit}"
    return f"{max(seconds, 1):.0f} s"


def _often(per_s: float, what: str) -> str:
    if per_s >= 1:
        return f"{per_s:,.3g} {what}s/s"
    return f"a {what} every {say_duration(1000 / per_s)}"
