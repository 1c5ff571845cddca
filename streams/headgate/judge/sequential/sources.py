"""Sources: triggers that count the same outcomes, gathered once for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headgate.judge.sequential.plan import Plan
from headgate.judge.sequential.samples import Family, Sampled, Take

Limited = tuple[int, str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Triggers of one metric that tolerate the same beside stable, so that one look is for all.

    `key` names its open looks in the state. `rows` and `names` are its triggers' places and names,
    `limited` those (with their limits) that are tested against a limit of their own, `unlimited`
    the rows of those that are not. `relative` is what is tolerated beside stable, None without such
    a test; `look_samples` of each arm close a look. Tests count hits among samples (`counts_hits`)
    or values; a hit of a quantile is a value beyond the reference.
    """

    key: str
    sampled: Sampled
    take: int
    relative: float | None
    look_samples: int
    rows: tuple[int, ...]
    names: tuple[str, ...]
    limited: tuple[Limited, ...]
    unlimited: tuple[int, ...]
    counts_hits: bool
    is_rate: bool
    is_quantile: bool
    of_labels: bool


def takes_of(plans: Sequence[Plan]) -> tuple[Take, ...]:
    """What triggers with such plans count, each once."""
    return tuple(dict.fromkeys(plan.sampled.take for plan in plans))


def sources_of(names: Sequence[str], metrics: Sequence[str], plans: Sequence[Plan]) -> list[Source]:
    """The sources of triggers in the order of their first one."""
    rows: dict[str, list[int]] = {}
    for row, (metric, plan) in enumerate(zip(metrics, plans, strict=True)):
        rows.setdefault(f"{metric} {plan.relative}", []).append(row)
    return [_source(key, found, names, plans) for key, found in rows.items()]


def _source(key: str, rows: list[int], names: Sequence[str], plans: Sequence[Plan]) -> Source:
    plan = plans[rows[0]]
    limits = [(row, names[row], plans[row].limit) for row in rows]
    return Source(
        key=key,
        sampled=plan.sampled,
        take=takes_of(plans).index(plan.sampled.take),
        relative=plan.relative,
        look_samples=plan.look_samples,
        rows=tuple(rows),
        names=tuple(names[row] for row in rows),
        limited=tuple((row, name, limit) for row, name, limit in limits if limit is not None),
        unlimited=tuple(row for row, _, limit in limits if limit is None),
        counts_hits=plan.counts_hits,
        is_rate=plan.sampled.family is Family.RATE,
        is_quantile=plan.sampled.family is Family.QUANTILE,
        of_labels=plan.sampled.of_labels,
    )
