"""Does the proof do what it promises? Requests until an alarm, and false alarms.

    python benchmarks/decisions.py [--quick] [--only WORD]

Single tests (`decision_cases.py`) and whole rollouts (`decision_scenarios.py`), fed look by look
through Headgate's own code, beside the rules that other tools use, in one run. Every row says how
many runs it rests on. Prints one JSON line per figure, then tables; ends with 1 if one is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.pool import Pool

import numpy as np
from rich.console import Console
from rich.table import Table

from confidence import upper_bound
from decision_cases import (
    LOOKS,
    TOLERANCE,
    Case,
    Result,
    detections,
    limits,
    promotions,
    simulate,
)
from decision_looks import LOOK, rate
from decision_scenarios import Scenario, scenarios

QUICK, QUICK_ROLLOUTS = 0.1, 0.01  # of the runs
TRUTHS = (0.03, 0.04, 0.045, 0.05)
Line = dict[str, object]


def naive(truth: float, runs: int) -> dict[str, float]:
    """How often common rules roll a version back within 100,000 requests at a limit of 5 %."""
    rng = np.random.Generator(np.random.PCG64(5))
    hits = rng.binomial(LOOK, truth, (runs, LOOKS))
    over = hits > 0.05 * LOOK
    requests, total = LOOK * np.arange(1, LOOKS + 1), np.cumsum(hits, 1)
    sliding = (total[:, 10:] - total[:, :-10]) / (10 * LOOK)
    shares = total / requests
    z = (shares - 0.05) / np.sqrt(0.05 * 0.95 / requests)
    healthy = Case("", rate(truth, 0.05), runs=runs, seed=5)
    return {
        "any window of 50": float(over.any(1).mean()),
        "3 windows in a row": float((over[:, 2:] & over[:, 1:-1] & over[:, :-2]).any(1).mean()),
        "sliding 500": float((sliding > 0.05).any(1).mean()),
        "cumulative >= 500": float((shares[:, 9:] > 0.05).any(1).mean()),
        "z-test at every look": float((z > 2.326).any(1).mean()),
        "Headgate": simulate(healthy, 1.0).share,
    }


def one_case(job: tuple[int, bool]) -> tuple[list[float], float]:
    """The requests until the alarm of each run of a case, and how long that took."""
    number, quick = job
    result = simulate(cases()[number], QUICK if quick else 1.0)
    return result.alarmed_at.tolist(), result.seconds


def one_rollout(job: tuple[int, int]) -> tuple[bool, float]:
    """Whether one rollout of a scenario alarmed, and how long that took."""
    number, seed = job
    began = time.process_time()
    alarmed = scenarios()[number].rollout(seed).run() is not None
    return alarmed, time.process_time() - began


def cases() -> list[Case]:
    """Every case, each with a seed of its own."""
    found = [*detections(), *promotions(), *limits()]
    for seed, case in enumerate(found):
        case.seed = 1_000 + seed
    return found


def said(result: Result) -> tuple[str, ...]:
    """One row of the table."""
    case, mark, runs = result.case, "" if result.ok else "MISSED", len(result.alarmed_at)
    if case.at_most is not None:
        below = f"{upper_bound(result.alarms, runs):.2%}"
        return case.name, f"{runs:,}", f"{result.share:.2%}", below, f"<= {case.at_most:.0%}", mark
    median, late = (f"{result.requests(share):,.0f}" for share in (0.5, 0.95))
    reach = " / ".join(f"{figure:,}" for figure in case.reach or ())
    return case.name, f"{runs:,}", f"{median} / {late}", "", f"{reach} x {TOLERANCE}", mark


def figure(result: Result) -> Line:
    """One JSON line."""
    case, runs = result.case, len(result.alarmed_at)
    line: Line = {"figure": case.name, "ok": result.ok}
    if case.reach is not None:
        found = {"median": result.requests(0.5), "p95": result.requests(0.95)}
        line |= {"value": found, "unit": "requests", "reach": list(case.reach)}
    else:
        below = round(upper_bound(result.alarms, runs), 5)
        line |= {"value": round(result.share, 5), "unit": "share", "at_most": case.at_most}
        line |= {"upper_bound_95": below}
    return line | {"conditions": {"runs": runs, "cpu_seconds": round(result.seconds, 1)}}


def single_tests(pool: Pool, only: str, *, quick: bool) -> Iterator[Result]:
    """The results of every case whose name holds `only`, as they come."""
    chosen = [
        (number, case)
        for number, case in enumerate(cases())
        if only in case.name and not (case.long and quick)
    ]
    found = pool.imap(one_case, [(number, quick) for number, _ in chosen])
    for (_, case), (alarmed_at, seconds) in zip(chosen, found, strict=True):
        yield Result(case, np.array(alarmed_at), seconds, LOOK if quick else 0)


def whole_rollouts(
    pool: Pool, only: str, *, quick: bool
) -> Iterator[tuple[Scenario, list[bool], float]]:
    """Every scenario whose name holds `only`: which of its runs alarmed, and how long they took."""
    scale = QUICK_ROLLOUTS if quick else 1.0
    waiting = [
        (scenario, pool.imap(one_rollout, [(number, seed) for seed in scenario.seeds(scale)], 4))
        for number, scenario in enumerate(scenarios())
        if only in scenario.name
    ]
    for scenario, runs in waiting:
        alarmed, seconds = zip(*runs, strict=True)
        yield scenario, list(alarmed), sum(seconds)


def rollout_line(scenario: Scenario, alarmed: Sequence[bool], seconds: float) -> Line:
    """One JSON line."""
    alarms, runs = sum(alarmed), len(alarmed)
    return {
        "figure": scenario.name,
        "ok": scenario.is_met(alarms, runs),
        "value": round(alarms / runs, 5),
        "unit": "share",
        "below": scenario.below,
        "upper_bound_95": round(upper_bound(alarms, runs), 5),
        "conditions": {"runs": runs, "cpu_seconds": round(seconds, 1)},
    }


def told(scenario: Scenario, alarmed: Sequence[bool]) -> tuple[str, ...]:
    """One row of the table."""
    alarms, runs = sum(alarmed), len(alarmed)
    below = f"{upper_bound(alarms, runs):.2%}" if scenario.below is not None else ""
    reach = f"<= {scenario.below:.1%}, sure" if scenario.below is not None else "all"
    mark = "" if scenario.is_met(alarms, runs) else "MISSED"
    return scenario.name, f"{runs:,}", f"{alarms:,}", below, reach, mark


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of the runs and a look of slack"
    )
    parser.add_argument("--only", default="", help="cases whose name holds this word")
    asked = parser.parse_args()
    console, lines = Console(width=120), list[Line]()
    sure = "at most (95 %)"
    tests = Table("case", "runs", "found", sure, "to reach", "", title="requests, false alarms")
    rollouts = Table("rollouts", "runs", "alarms", sure, "to reach", "", title="default policy")
    tables = [tests, rollouts]
    with get_context("fork").Pool() as pool:
        pending = whole_rollouts(pool, asked.only, quick=asked.quick)
        for result in single_tests(pool, asked.only, quick=asked.quick):
            tests.add_row(*said(result))
            lines.append(printed(figure(result)))
        for scenario, alarmed, seconds in pending:
            rollouts.add_row(*told(scenario, alarmed))
            lines.append(printed(rollout_line(scenario, alarmed, seconds)))
        if not asked.only:
            line, naive_rules = beside_naive(pool, 200 if asked.quick else 2_000)
            lines.append(printed(line))
            tables.append(naive_rules)
    for table in tables:
        if table.row_count:
            console.print(table)
    return 0 if all(line["ok"] for line in lines) else 1


def printed(line: Line) -> Line:
    """The line, once it is known: a full run takes a while."""
    print(json.dumps(line), flush=True)
    return line


def beside_naive(pool: Pool, runs: int) -> tuple[Line, Table]:
    """False rollbacks of healthy versions by rule."""
    rules = pool.starmap(naive, [(truth, runs) for truth in TRUTHS])
    found = dict(zip(TRUTHS, rules, strict=True))
    title = f"false rollbacks of {runs:,} runs, limit 5 %"
    table = Table("rule", *(f"{truth:.1%}" for truth in TRUTHS), title=title)
    for rule in found[TRUTHS[0]]:
        table.add_row(rule, *(f"{found[truth][rule]:.2%}" for truth in TRUTHS))
    return {
        "figure": "false rollbacks beside naive rules",
        "ok": found[0.05]["Headgate"] <= 0.01,
        "value": {str(truth): shares for truth, shares in found.items()},
        "unit": "share",
        "conditions": {"runs": runs},
    }, table


if __name__ == "__main__":
    sys.exit(main())
