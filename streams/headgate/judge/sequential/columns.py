"""Columns: what the state keeps of every test and trigger, as arrays by number and by row.

A test's number is four times its trigger's row plus its kind (see `bank`). A look of all triggers
is a few sums over columns; whoever explains reads a row of them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from headgate.judge.sequential.bank import KINDS, Bank, Kind, Places, bank_of
from headgate.judge.sequential.bets import BETS, Flags, Floats
from headgate.judge.sequential.process import NOTHING
from headgate.judge.sequential.state import Columns, Counted, Evidence, OpenLook, Path
from headgate.measure.compiled import compiled

if TYPE_CHECKING:
    from headgate.judge.policy import Policy

COUNTS = len(Counted.__struct_fields__)
NEVER = -1  # spent
NOT_YET_MS = 2**62  # counted since: a sum has begun with the first of its parts


def columns_of(bank: Bank, evidence: Evidence) -> Columns:
    """The columns as they are kept; of another policy's shape there are none."""
    kept = evidence.columns
    if kept is None or len(kept.log_e) != len(bank) * KINDS:
        return _unbegun(len(bank))
    return kept


@lru_cache(maxsize=64)
def _unbegun(triggers: int) -> Columns:
    tests = triggers * KINDS
    return Columns(
        np.full((tests, BETS), NOTHING),
        np.full(tests, NOTHING),
        np.full(tests, NEVER, np.int64),
        np.array([[uncounted()] * triggers] * 2, np.int64).reshape(2, triggers, COUNTS),
    )


@lru_cache(maxsize=64)
def breach_log_e(bank: Bank, columns: Columns, beside: bool) -> Floats:
    """ln E of a breach by trigger: beside a live stable arm the lesser of both tests, else the one
    there is; nothing where there is none.
    """
    lesser = np.empty(len(bank))
    _set_lesser(lesser, columns.log_e, *(bank.beside if beside else bank.alone))
    return lesser


@compiled("(f8[::1], f8[::1], i8[::1], i8[::1], b1[::1])")
def _set_lesser(
    lesser: Floats, log_e: Floats, first: Places, second: Places, untested: Flags
) -> None:
    for row in range(len(lesser)):
        if untested[row]:
            lesser[row] = NOTHING
        else:
            lesser[row] = min(log_e[first[row]], log_e[second[row]])


def uncounted() -> list[int]:
    """The counts of one trigger of which nothing has come."""
    return [NOT_YET_MS] + [0] * (COUNTS - 1)


def _counted(counts: list[int]) -> Counted:
    since_ms, *rest = counts
    return Counted(since_ms if since_ms != NOT_YET_MS else 0, *rest)


class TriggerEvidence(Struct, frozen=True):
    """One trigger in this phase: its row of the columns, and what lies beside them.

    `spent` is by kind of test, `building` counts since the evidence last began to build, `total`
    since the phase began. `reference` is what a look would be measured by now.
    """

    spent: tuple[int, ...]
    building: Counted
    total: Counted
    reference: float
    looks: dict[int, OpenLook]
    path: Path
    holding_since_ms: int | None


@lru_cache(maxsize=64)
def known_of(policy: Policy, evidence: Evidence) -> dict[str, TriggerEvidence]:
    """What is known of each sequential trigger."""
    bank = bank_of(policy)
    columns, source_of = columns_of(bank, evidence), bank.source_of
    spent, counts = columns.spent.tolist(), columns.counts.tolist()
    paths = evidence.paths or ((),) * len(bank)
    return {
        name: TriggerEvidence(
            spent=tuple(spent[row * KINDS : row * KINDS + KINDS]),
            building=_counted(counts[0][row]),
            total=_counted(counts[1][row]),
            reference=evidence.references.get(name, 0.0),
            looks=_looks_of(evidence, source_of[row].key),
            path=paths[row],
            holding_since_ms=evidence.holding.get(name),
        )
        for name, row in bank.row_of.items()
    }


def _looks_of(evidence: Evidence, key: str) -> dict[int, OpenLook]:
    return {revision: looks[key] for revision, looks in evidence.looks.items() if key in looks}


def without_stable(evidence: Evidence) -> Evidence:
    """The evidence once stable serves nothing more: limits beside it become limits of their own.

    Open looks are void. Where a comparison has begun, its test goes on from the budget that was
    left, so that both together spend no more than one.
    """
    if evidence.columns is None:
        return replace(evidence, looks={})
    columns = evidence.columns.copy()
    absolute, relative = (columns.spent[kind::KINDS] for kind in (Kind.ABSOLUTE, Kind.RELATIVE))
    absolute[:] = np.where(absolute < 0, relative, absolute)
    return replace(evidence, looks={}, columns=columns)
