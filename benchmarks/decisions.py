"""Does the proof do what it promises? Requests until an alarm, and false alarms.

    python benchmarks/decisions.py [--quick] [--only WORD]

Single tests (`decision_cases.py`) and whole rollouts (`decision_rollouts.py`), fed look by look
through Headgate's own code, beside the rules that other tools use, in one run. Prints a table and
one JSON line per figure; ends with 1 if a figure is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator

import numpy as np
from rich.console import Console
from rich.table import Table

from decision_cases import (
    LOOK,
    LOOKS,
    TOLERANCE,
    Case,
    Result,
    detections,
    limits,
    promotions,
    rate,
    simulate,
)
from decision_rollouts import scenarios

QUICK, QUICK_ROLLOUTS = 0.1, 0.01  # of the runs


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


def figure(result: Result) -> dict[str, object]:
    """One JSON line."""
    case = result.case
    line: dict[str, object] = {"figure": case.name, "ok": result.ok}
    if case.reach is not None:
        found = {"median": result.requests(0.5), "p95": result.requests(0.95)}
        line |= {"value": found, "unit": "requests", "reach": list(case.reach)}
    else:
        line |= {"value": round(result.share, 5), "unit": "share", "at_most": case.at_most}
    line["conditions"] = {"runs": len(result.alarmed_at), "seconds": round(result.seconds, 1)}
    return line


def said(result: Result) -> tuple[str, str, str, str]:
    """One row of the table."""
    case, mark = result.case, "" if result.ok else "MISSED"
    if case.reach is None:
        return case.name, f"{result.share:.2%}", f"<= {case.at_most:.1%}", mark
    median, late = (f"{result.requests(share):,.0f}" for share in (0.5, 0.95))
    reach = f"{case.reach[0]:,} / {case.reach[1]:,} x {TOLERANCE}"
    return case.name, f"{median} / {late}", reach, mark


def cases(only: str) -> Iterator[Case]:
    """Every case whose name holds `only`, each with a seed of its own."""
    for seed, case in enumerate([*detections(), *promotions(), *limits()]):
        if only in case.name:
            case.seed = 1_000 + seed
            yield case


def whole_rollouts(console: Console, only: str, scale: float) -> list[dict[str, object]]:
    """Scenarios in which nothing may happen, and one in which it must."""
    table = Table("rollouts", "alarms", "may", "", title="whole rollouts, default policy")
    lines = []
    with console.status("") as status:
        for scenario in scenarios():
            if only not in scenario.name:
                continue
            status.update(scenario.name)
            began = time.perf_counter()
            alarms = scenario.alarms(scale)
            share = sum(alarm is not None for alarm in alarms) / len(alarms)
            may = f"<= {scenario.at_most:.1%}" if scenario.at_most is not None else "all"
            ok = scenario.is_met(share)
            table.add_row(scenario.name, f"{share:.2%}", may, "" if ok else "MISSED")
            lines.append(
                {
                    "figure": scenario.name,
                    "ok": ok,
                    "value": round(share, 5),
                    "unit": "share",
                    "at_most": scenario.at_most,
                    "at_least": scenario.at_least,
                    "conditions": {
                        "runs": len(alarms),
                        "seconds": round(time.perf_counter() - began, 1),
                    },
                }
            )
    if lines:
        console.print(table)
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of the runs and a look of slack"
    )
    parser.add_argument("--only", default="", help="cases whose name holds this word")
    asked = parser.parse_args()
    scale, console = (QUICK if asked.quick else 1.0), Console(width=110)
    table = Table("case", "found", "to reach", "", title="requests until the alarm, false alarms")
    lines = []
    with console.status("") as status:
        for case in cases(asked.only):
            if case.long and asked.quick:
                continue
            status.update(case.name)
            result = simulate(case, scale, slack=LOOK if asked.quick else 0)
            table.add_row(*said(result))
            lines.append(figure(result))
    if lines:
        console.print(table)
    share_of_runs = QUICK_ROLLOUTS if asked.quick else 1.0
    lines += whole_rollouts(console, asked.only, share_of_runs)
    if not asked.only:
        lines.append(beside_naive(console, 200 if asked.quick else 2_000))
    for line in lines:
        print(json.dumps(line))
    return 0 if all(line["ok"] for line in lines) else 1


def beside_naive(console: Console, runs: int) -> dict[str, object]:
    """False rollbacks of healthy versions by rule."""
    truths = (0.03, 0.04, 0.045, 0.05)
    found = {truth: naive(truth, runs) for truth in truths}
    table = Table("rule", *(f"{truth:.1%}" for truth in truths), title="false rollbacks, limit 5 %")
    for rule in found[truths[0]]:
        table.add_row(rule, *(f"{found[truth][rule]:.2%}" for truth in truths))
    console.print(table)
    return {
        "figure": "false rollbacks beside naive rules",
        "ok": found[0.05]["Headgate"] <= 0.01,
        "value": {str(truth): rules for truth, rules in found.items()},
        "unit": "share",
        "conditions": {"runs": runs},
    }


if __name__ == "__main__":
    sys.exit(main())
