"""Freshness: a stale or lagging view makes verdicts unknown and says so."""

from __future__ import annotations

from headgate.release.status import model_status
from headgate.vocabulary import Action, AlertKind, AlertState, Reason, Verdict
from support.ledger import LedgerBench, Traffic


def _bench() -> LedgerBench:
    bench = LedgerBench()
    bench.adopt()
    bench.start()
    bench.serve(20, v1=Traffic(), v2=Traffic())
    return bench


def _verdicts(bench: LedgerBench) -> set[tuple[Verdict, str]]:
    status = model_status(bench.state, bench.model)
    return {(row.verdict, row.because.reason) for row in status.triggers}


def test_without_progress_for_15_s_every_verdict_is_unknown_and_an_alert_fires() -> None:
    bench = _bench()
    for _ in range(40):
        bench.tick()
    assert _verdicts(bench) == {(Verdict.UNKNOWN, Reason.TELEMETRY_STALE)}
    (alert,) = bench.alerts
    assert alert.kind is AlertKind.TELEMETRY_STALE
    bench.serve(5, v1=Traffic(), v2=Traffic())
    assert bench.alerts[-1].state is AlertState.RESOLVED
    assert bench.alerts[-1].alert_id == alert.alert_id


def test_a_lag_of_15_s_makes_verdicts_unknown_and_an_alert_fires() -> None:
    bench = _bench()
    for _ in range(10):
        bench.tick(2)
        bench.progress(lag=1_000_000)
    bench.tick()
    assert _verdicts(bench) == {(Verdict.UNKNOWN, Reason.INGEST_LAGGING)}
    assert bench.alerts[-1].kind is AlertKind.INGEST_LAGGING


def test_a_backlog_that_is_worked_off_steadily_is_no_lag() -> None:
    bench = _bench()
    for _ in range(60):
        bench.serve(2, v1=Traffic(), v2=Traffic())
        bench.progress(lag=10)
    assert bench.alerts == []


def test_a_quiet_model_with_fresh_progress_has_too_few_samples_and_is_not_stale() -> None:
    bench = _bench()
    for _ in range(60):
        bench.tick(2)
        bench.progress()
    reasons = {reason for _, reason in _verdicts(bench)}
    assert Reason.TOO_FEW_SAMPLES in reasons
    assert Reason.TELEMETRY_STALE not in reasons
    assert bench.alerts == []


def test_a_stale_view_rolls_nothing_back() -> None:
    bench = _bench()
    for _ in range(40):
        bench.tick()
    for _ in range(60):
        bench._serve_half_a_second("v2", Traffic(error_rate=1.0))
        bench.tick()
    assert bench.commands[-1].action is Action.SET_WEIGHTS


def test_nobody_is_woken_while_ingest_may_be_starting_still() -> None:
    bench = LedgerBench()
    bench.adopt()
    for _ in range(7):
        bench.tick(2)
    assert bench.alerts == []
    for _ in range(3):
        bench.tick(2)
    assert [alert.kind for alert in bench.alerts] == [AlertKind.TELEMETRY_STALE]
