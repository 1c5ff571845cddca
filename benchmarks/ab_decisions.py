"""Do A/B tests do what they promise? False winners at every look, and differences found in time.

    python benchmarks/ab_decisions.py [--quick] [--only WORD]

Simulated tests (`ab_fleet.py`), read look by look through Headgate's own code. Prints a table and
one JSON line per figure; ends with 1 if a figure is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from rich.console import Console
from rich.table import Table

from ab_fleet import ALL, THREE, TWO, Fleet, Said, first_verdicts, plan_of, recorded
from headgate.judge.ab.criteria import Arm, Criterion
from headgate.vocabulary import AbVerdict

ALPHA, FOUND = 0.05, 0.9
LOOK, LOOKS, BETTER_LOOKS = 500, 120, 40
SAME_RUNS, BETTER_RUNS = 500, 200
KNOWN = recorded(seed=1)
Told = tuple[bool, float]  # whether the run did what is counted, and how soon it did


@dataclass(frozen=True)
class Figure:
    """One row: `one` makes a run of a seed; the share that does it is to be at most or at least."""

    name: str
    one: Callable[[Sequence[int]], Told]
    runs: int
    at_most: float | None = None
    at_least: float | None = None
    conditions: dict[str, object] = field(default_factory=dict)

    def is_met(self, share: float, runs: int) -> bool:
        """With few runs two standard errors of slack."""
        limit = self.at_most if self.at_most is not None else self.at_least or 0.0
        slack = 0.0 if runs >= self.runs else 2 * (limit * (1 - limit) / runs) ** 0.5
        return share <= limit + slack if self.at_most is not None else share >= limit - slack


def same(seed: Sequence[int], *, sticky: bool) -> Told:
    """Whether a test of three like arms by seven criteria ever declares a winner."""
    plan = plan_of(THREE, ALL, KNOWN, ALPHA)
    looks = range(LOOK, LOOK * LOOKS + 1, LOOK)
    found = first_verdicts(plan, Fleet(sticky=sticky), seed, looks)
    wins = [said.requests for said in found.values() if said.verdict is AbVerdict.WINNER]
    return bool(wins), min(wins, default=np.inf)


def times(criterion: Criterion) -> float:
    """What twice the smallest difference that matters makes of a value."""
    ratio = 1 + 2 * criterion.matters
    return 1 / ratio if criterion.better == "lower" else ratio


def better(
    seed: Sequence[int], *, arms: Sequence[Arm], criteria: Sequence[Criterion], place: int
) -> Told:
    """Whether arm `b` is found better within the requests that the plan foretold, and when."""
    criterion, plan = criteria[place], plan_of(arms, criteria, KNOWN, ALPHA)
    needed = foretold(arms, criteria, place)
    moved = "latency" if criterion.metric.startswith("latency") else criterion.metric
    looks = [round(needed * part / BETTER_LOOKS) for part in range(1, BETTER_LOOKS + 1)]
    found = first_verdicts(plan, Fleet(better={moved: times(criterion)}), seed, looks)
    said = found.get((criterion.metric, "b", "a"), Said(0, AbVerdict.NOT_ENOUGH, ""))
    won = said.verdict is AbVerdict.WINNER and said.winner == "b"
    return won, said.requests / needed if won else np.inf


def foretold(arms: Sequence[Arm], criteria: Sequence[Criterion], place: int) -> int:
    """N* of arm `b` beside `a`, in requests of the model."""
    plan = plan_of(arms, criteria, KNOWN, ALPHA)
    rows = [c for c in plan.comparisons if c.criterion == criteria[place]]
    needed = next(c.needed for c in rows if (c.one, c.other) == ("b", "a"))
    if needed is None:
        raise RuntimeError("nothing was foretold")
    return needed


def figures() -> Iterator[Figure]:
    """Everything that is promised."""
    looks = {"looks": LOOKS, "requests": LOOK * LOOKS, "arms": 3, "criteria": len(ALL)}
    for sticky in (False, True):
        users = "sticky users, sigma 1" if sticky else "independent requests"
        one = partial(same, sticky=sticky)
        yield Figure(f"no difference, {users}", one, SAME_RUNS, at_most=ALPHA, conditions=looks)
    for arms, all_together in ((TWO, False), (THREE, True)):
        for place, criterion in enumerate(ALL):
            criteria, at = (ALL, place) if all_together else ((criterion,), 0)
            name = f"{criterion.metric} x {times(criterion):.2f}, "
            name += "3 arms, 7 criteria" if all_together else "2 arms alone"
            needed = foretold(arms, criteria, at)
            one = partial(better, arms=arms, criteria=criteria, place=at)
            about = {"looks": BETTER_LOOKS, "foretold": needed}
            yield Figure(name, one, BETTER_RUNS, at_least=FOUND, conditions=about)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the runs")
    parser.add_argument("--only", default="", help="figures whose name holds this word")
    asked = parser.parse_args()
    console, lines, ever = Console(width=110), [], []
    table = Table("A/B tests", "share", "to reach", "median", "", title="A/B tests")
    with console.status("") as status, ProcessPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        for number, figure in enumerate(figures()):
            if asked.only not in figure.name:
                continue
            status.update(figure.name)
            began, runs = time.perf_counter(), max(figure.runs // (10 if asked.quick else 1), 20)
            seeds = [(2_000 + number, run) for run in range(runs)]
            told = list(pool.map(figure.one, seeds, chunksize=5))
            share = sum(did for did, _ in told) / runs
            if figure.at_most is not None:
                ever.append([did for did, _ in told])
            line = lined(figure, share, told, time.perf_counter() - began)
            table.add_row(*said(figure, line))
            lines.append(line)
    if len(ever) == 2:
        lines.append(together([*ever[0], *ever[1]], quick=asked.quick))
        table.add_row(*said_together(lines[-1]))
    console.print(table)
    for line in lines:
        print(json.dumps(line))
    return 0 if lines and all(line["ok"] for line in lines) else 1


def lined(figure: Figure, share: float, told: list[Told], seconds: float) -> dict[str, object]:
    """One JSON line."""
    median = float(np.quantile([at for _, at in told], 0.5, method="higher"))
    sooner = {"median_of_foretold": round(median, 3)} if figure.at_least and median <= 1 else {}
    return {
        "figure": f"A/B: {figure.name}",
        "ok": figure.is_met(share, len(told)),
        "value": round(share, 5),
        "unit": "share",
        "at_most": figure.at_most,
        "at_least": figure.at_least,
        "ratios": sooner,
        "conditions": figure.conditions | {"runs": len(told), "seconds": round(seconds, 1)},
    }


def said(figure: Figure, line: dict[str, object]) -> tuple[str, str, str, str, str]:
    """One row of the table; the median is that of the requests needed, in parts of the forecast."""
    bound = (
        f"<= {figure.at_most:.0%}" if figure.at_most is not None else f">= {figure.at_least:.0%}"
    )
    ratios = line["ratios"]
    median = f"{ratios['median_of_foretold']:.2f}" if isinstance(ratios, dict) and ratios else ""
    return figure.name, f"{line['value']:.1%}", bound, median, "" if line["ok"] else "MISSED"


def together(ever: list[bool], *, quick: bool) -> dict[str, object]:
    """All tests without a difference, half of them with sticky users: what is promised of them."""
    share = sum(ever) / len(ever)
    slack = 2 * (ALPHA * (1 - ALPHA) / len(ever)) ** 0.5 if quick else 0.0
    return {
        "figure": "A/B: no difference, all tests together",
        "ok": share <= ALPHA + slack,
        "value": round(share, 5),
        "unit": "share",
        "at_most": ALPHA,
        "ratios": {},
        "conditions": {"runs": len(ever)},
    }


def said_together(line: dict[str, object]) -> tuple[str, str, str, str, str]:
    """Its row of the table."""
    mark = "" if line["ok"] else "MISSED"
    return "no difference, all tests together", f"{line['value']:.1%}", f"<= {ALPHA:.0%}", "", mark


if __name__ == "__main__":
    sys.exit(main())
