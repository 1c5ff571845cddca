"""Adding what cells count: tables by name, whose names are in order in every sum of two or more.

Most sums are of two. What is read of most cells is summed at once, the rest when somebody asks.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache

from headgate.measure import summed
from headgate.measure.measures import MAX_SAFETY_IDS
from headgate.measure.sketch import Sketch
from headgate.measure.summed import Table


def add(tables: Sequence[Table[int]]) -> dict[str, int]:
    """The sum of tables."""
    filled = [table for table in tables if table]
    if len(filled) <= 1:
        return summed.whole(filled[0]) if filled else {}
    whole = [summed.looked_into(table) for table in filled]
    alike = {tuple(table) for table in whole}
    if len(alike) == 1:  # as most are
        columns = zip(*[table.values() for table in whole], strict=True)
        return dict(sorted(zip(alike.pop(), map(sum, columns), strict=True)))
    names = sorted({name for table in whole for name in table})
    return {name: sum([table.get(name, 0) for table in whole]) for name in names}


def plus(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    """The sum of two tables."""
    if not one or not other:
        return one or other
    names = _in_order((*one, *other))
    return {name: one.get(name, 0) + other.get(name, 0) for name in names}


@lru_cache(maxsize=1024)
def _in_order(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({*names}))


def add_sketches(
    tables: Sequence[Table[Sketch]], distributions: Collection[str] | None = None
) -> dict[str, Sketch]:
    """The distributions' sums, or those of some measures alone."""
    if distributions is not None and not distributions:
        return {}
    found: dict[str, list[Sketch]] = {}
    for table in tables:
        for name, sketch in table.items():
            found.setdefault(name, []).append(sketch)
    return {
        name: Sketch.merge(found[name])
        for name in _in_order(tuple(found))
        if distributions is None or name in distributions
    }


def some_ids(lists: list[tuple[str, ...]]) -> tuple[str, ...]:
    """A few of the request ids that are named."""
    if not any(lists):
        return ()
    return tuple(sorted({name for names in lists for name in names})[:MAX_SAFETY_IDS])
