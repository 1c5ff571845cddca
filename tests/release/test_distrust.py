"""Routers that refuse commands: new refusals are an alert, old ones are told in the status."""

from __future__ import annotations

from headgate.release.status import model_status
from headgate.vocabulary import AlertKind, AlertState, Severity
from support.ledger import LedgerBench


def _told(bench: LedgerBench) -> list[AlertState]:
    return [row.state for row in bench.alerts if row.kind is AlertKind.COMMANDS_REFUSED]


def _bench() -> LedgerBench:
    bench = LedgerBench()
    bench.adopt()
    return bench


def test_a_new_refusal_is_a_warning_once_and_is_over_after_five_quiet_minutes() -> None:
    bench = _bench()
    for refused in (0, 1, 3):
        bench.ack(started_at_ms=7, refused=refused)
        bench.tick()
    assert _told(bench) == [AlertState.FIRING]
    (alert,) = (row for row in bench.alerts if row.kind is AlertKind.COMMANDS_REFUSED)
    assert alert.severity is Severity.WARNING
    assert alert.sentence.startswith("Router r1 refused 1 command that was not signed with a key")
    for _ in range(4):
        bench.tick(60)
        bench.ack(started_at_ms=7, refused=3)
    assert _told(bench) == [AlertState.FIRING]
    bench.tick(120)
    assert _told(bench) == [AlertState.FIRING, AlertState.RESOLVED]
    assert bench.replayed() == bench.records


def test_a_router_that_left_after_it_refused_is_no_five_quiet_minutes() -> None:
    bench = _bench()
    for refused in (0, 1):
        bench.ack(started_at_ms=7, refused=refused)
    bench.ack(state="goodbye", started_at_ms=7, refused=1)
    bench.tick(120)
    assert _told(bench) == [AlertState.FIRING]
    bench.tick(240)
    assert _told(bench) == [AlertState.FIRING, AlertState.RESOLVED]


def test_what_a_router_refused_before_its_first_ack_is_shown_and_is_no_alert() -> None:
    bench = _bench()
    bench.ack(started_at_ms=7, refused=4)
    bench.ack(started_at_ms=9, refused=5)
    assert _told(bench) == []
    (router,) = model_status(bench.state, bench.model).routers
    assert router.refused == 5
