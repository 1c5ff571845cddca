"""Cold: a rollback to what may not run goes, pages, and the page lasts until it serves."""

from __future__ import annotations

import pytest

from headgate.vocabulary import Action, AlertKind
from headgate.wire.rollout_requests import Advance, Pause, ReportCheck, Resume, Rollback
from support.courses import BAD, GOOD, adopted, start_blue_green, weights
from support.ledger import LedgerBench, Traffic

DEAD = Traffic(requests=60, error_rate=1.0)
PAGES = {AlertKind.COLD_ROLLBACK, AlertKind.STANDBY_NOT_READY}


def _cut_over(bench: LedgerBench, green: str, blue: str) -> None:
    start_blue_green(bench, green, stable=blue)
    for check in ("answers", "schema"):
        bench.request(ReportCheck, version=green, check=check, passed=True)
    bench.serve(2, **{blue: GOOD})
    assert bench.request(Advance, cutover=True).event == "accepted"


def _replaced(bench: LedgerBench, green: str, blue: str) -> None:
    """`green` is in production by blue-green, and `blue` was scaled down."""
    _cut_over(bench, green, blue)
    bench.serve(150, **{green: GOOD})
    assert (bench.model.production, bench.model.standby) == (green, None)


def _ready(bench: LedgerBench, version: str, *, passed: bool) -> str:
    answer = bench.request(
        ReportCheck, version=version, check="ready", passed=passed, detail="" if passed else "503"
    )
    return f"{answer.event}: {answer.sentence}"


def _pages(bench: LedgerBench) -> list[tuple[AlertKind, str]]:
    rows = bench.model.incidents.values()
    return [(row.kind, row.versions[0]) for row in rows if row.kind in PAGES]


@pytest.fixture
def unready() -> LedgerBench:
    """Green was rolled back in its watch, to a blue that had just reported not to be ready."""
    bench = adopted()
    _cut_over(bench, "v2", "v1")
    bench.serve(8, v2=GOOD)
    _ready(bench, "v1", passed=False)
    bench.serve(10, v2=BAD)
    assert bench.commands[-1].action is Action.ROLLBACK
    assert weights(bench)[-1] == {"v1": 10_000}
    return bench


def test_switching_back_to_a_blue_that_is_not_ready_pages_until_it_serves(
    unready: LedgerBench,
) -> None:
    both = [(AlertKind.STANDBY_NOT_READY, "v1"), (AlertKind.COLD_ROLLBACK, "v1")]
    assert _pages(unready) == both
    (page,) = [row for row in unready.alerts if row.kind is AlertKind.COLD_ROLLBACK]
    assert "which may not be ready (ready failed for v1 (503)): start it now" in page.sentence
    unready.serve(20, v1=DEAD)  # what is routed to it fails
    assert _pages(unready) == both
    unready.serve(3, v1=GOOD)
    assert _pages(unready) == []
    told = [row.sentence for row in unready.alerts if row.kind is AlertKind.COLD_ROLLBACK]
    assert told[-1] == "Over: v1 serves."


def test_a_report_that_it_is_ready_ends_the_page_about_what_was_gone_back_to(
    unready: LedgerBench,
) -> None:
    assert _ready(unready, "v1", passed=False).startswith("accepted")
    unready.tick()
    assert len(_pages(unready)) == 2
    assert _ready(unready, "v1", passed=True) == "accepted: ready of support v1 passed."
    unready.tick()
    assert _pages(unready) == []


def test_a_rollback_by_hand_to_a_blue_that_is_not_ready_pages_too() -> None:
    bench = adopted()
    _cut_over(bench, "v2", "v1")
    bench.serve(2, v2=GOOD)
    _ready(bench, "v1", passed=False)
    assert bench.request(Rollback).event == "accepted"
    assert (AlertKind.COLD_ROLLBACK, "v1") in _pages(bench)


def test_a_rollback_to_a_blue_that_is_ready_pages_nobody() -> None:
    bench = adopted()
    _cut_over(bench, "v2", "v1")
    bench.serve(2, v2=GOOD)
    _ready(bench, "v1", passed=True)
    assert bench.request(Rollback).event == "accepted"
    bench.tick()
    assert _pages(bench) == []


def test_each_version_that_was_scaled_down_is_paged_about_however_many_came_after_it() -> None:
    bench = adopted()
    _replaced(bench, "v2", "v1")
    _replaced(bench, "v3", "v2")
    bench.request(Rollback, version=bench.model.production)
    assert _pages(bench) == [(AlertKind.COLD_ROLLBACK, "v2")]
    bench.serve(5, v2=GOOD)
    assert _pages(bench) == []
    bench.request(Rollback, version=bench.model.production)
    assert weights(bench)[-1] == {"v1": 10_000}
    assert _pages(bench) == [(AlertKind.COLD_ROLLBACK, "v1")]
    bench.serve(5, v1=GOOD)
    assert _pages(bench) == []
    assert not [name for name, row in bench.model.versions.items() if row.scaled_down]
    assert bench.replayed() == bench.records


def test_a_report_of_what_was_scaled_down_leaves_it_so() -> None:
    bench = adopted()
    _replaced(bench, "v2", "v1")
    assert "its scale-down was ordered" in _ready(bench, "v1", passed=True)
    bench.request(Rollback, version=bench.model.production)
    assert _pages(bench) == [(AlertKind.COLD_ROLLBACK, "v1")]


def test_the_page_is_over_where_the_cold_version_is_asked_for_nothing_any_more() -> None:
    bench = adopted()
    _replaced(bench, "v2", "v1")
    _replaced(bench, "v3", "v2")
    bench.request(Rollback, version=bench.model.production)
    bench.request(Rollback, version=bench.model.production)
    bench.tick()
    assert _pages(bench) == [(AlertKind.COLD_ROLLBACK, "v1")]


def test_blue_is_kept_from_the_cutover_on_however_long_the_watch_was_paused() -> None:
    bench = adopted()
    _cut_over(bench, "v2", "v1")
    cut_over_ms = bench.now_ms
    bench.serve(5, v2=GOOD)
    bench.request(Pause)
    bench.serve(40, v2=GOOD)
    bench.request(Resume)
    bench.serve(30, v2=GOOD)
    standby = bench.model.standby
    assert standby is not None
    assert standby.until_ms - cut_over_ms == 120_000


def test_after_a_rollback_the_page_names_the_blue_that_stands_by_then() -> None:
    bench = adopted(blue_green={"keep_blue": "1h"})
    _cut_over(bench, "v2", "v1")
    bench.serve(100, v2=GOOD)
    assert bench.model.production == "v2"
    assert bench.model.standby is not None
    _cut_over(bench, "v3", "v2")
    _ready(bench, "v2", passed=False)
    bench.serve(2, v3=GOOD)
    assert _pages(bench) == [(AlertKind.STANDBY_NOT_READY, "v2")]
    bench.request(Rollback)
    _ready(bench, "v1", passed=False)
    bench.tick()
    assert (AlertKind.STANDBY_NOT_READY, "v2") in _pages(bench)  # it does not serve yet
    bench.serve(12, v2=GOOD)
    assert _pages(bench) == [(AlertKind.STANDBY_NOT_READY, "v1")]
