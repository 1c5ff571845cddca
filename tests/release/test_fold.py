"""The fold: replays agree, repeats are harmless, and nothing makes it fail."""

from __future__ import annotations

from headgate.release.clocks import Position
from headgate.release.fold import MAX_VERSIONS, Unreadable, step
from headgate.release.state import PartitionState
from headgate.release.turn import Effect, Publish, StatusDue
from headgate.vocabulary import AlertKind, AlertState, Mode
from headgate.wire.acks import Ack
from headgate.wire.ledger import AdmittedAck, AdmittedRequest, Snapshot, Tick
from headgate.wire.rollout_requests import Adopt, SetMode, SetWeight
from support.ledger import MODEL, START_MS, LedgerBench, Traffic, sentences


def _rolled_back() -> LedgerBench:
    bench = LedgerBench()
    bench.adopt()
    bench.start()
    bench.serve(30, v1=Traffic(), v2=Traffic())
    bench.serve(30, v1=Traffic(), v2=Traffic(error_rate=0.3))
    return bench


def test_a_replayed_ledger_gives_the_same_bytes() -> None:
    bench = _rolled_back()
    assert [c.action for c in bench.commands] == ["adopt", "set_weights", "rollback"]
    assert bench.replayed() == bench.records


def test_an_entry_folded_twice_changes_nothing() -> None:
    bench = _rolled_back()
    for entry, at in bench.entries[-50:]:
        again, effects = step(bench.state, entry, at)
        assert again is bench.state
        assert effects == []


def test_a_request_admitted_twice_is_answered_once() -> None:
    bench = LedgerBench()
    bench.adopt()
    twice = next(e for e, _ in bench.entries if isinstance(e, AdmittedRequest))
    records = len(bench.records)
    bench.feed(twice)
    assert len(bench.records) == records


def test_an_entry_that_is_no_entry_changes_nothing_and_alerts() -> None:
    bench = LedgerBench()
    bench.adopt()
    before = bench.model
    bench.feed(Unreadable(path="$.type", reason="Invalid value 'x'"))
    assert bench.model is before
    assert bench.alerts[-1].kind is AlertKind.ENTRY_NOT_APPLIED
    assert "$.type" in bench.alerts[-1].sentence


def test_a_snapshot_whose_counts_go_backwards_changes_nothing_and_alerts() -> None:
    bench = LedgerBench()
    bench.adopt()

    def snapshot(last_offset: int, outcomes: int) -> Snapshot:
        return Snapshot(
            model=MODEL,
            version="v1",
            revision=0,
            source_partition=0,
            pane_start_ms=START_MS,
            first_offset=0,
            last_offset=last_offset,
            outcomes=outcomes,
        )

    bench.feed(snapshot(9, 10))
    bench.feed(snapshot(19, 5))
    assert bench.model.tables.totals["v1"].outcomes == 10
    assert "went backwards" in bench.alerts[-1].sentence


def test_an_unreadable_sketch_changes_nothing_and_alerts() -> None:
    bench = LedgerBench()
    bench.adopt()
    bench.feed(
        Snapshot(
            model=MODEL,
            version="v1",
            revision=0,
            source_partition=0,
            pane_start_ms=START_MS,
            first_offset=0,
            last_offset=1,
            outcomes=2,
            sketches={"latency_us": "nonsense"},
        )
    )
    assert bench.model.tables.totals == {}
    assert bench.alerts[-1].kind is AlertKind.ENTRY_NOT_APPLIED


def test_outcomes_of_a_model_that_nobody_adopted_are_counted_and_decide_nothing() -> None:
    bench = LedgerBench()
    bench.feed(Tick(worker="w", clock_ms=START_MS))
    bench.feed(
        Snapshot(
            model=MODEL,
            version="stray",
            revision=0,
            source_partition=0,
            pane_start_ms=START_MS,
            first_offset=0,
            last_offset=1,
            outcomes=2,
            flagged={"safety_violation": 2},
            labelled={"safety_violation": 2},
        )
    )
    bench.tick()
    assert bench.model.tables.totals["stray"].outcomes == 2
    assert bench.commands == []
    assert [alert for alert in bench.alerts if alert.model == MODEL] == []


def test_a_model_that_nobody_named_is_forgotten_an_hour_after_its_last_outcome() -> None:
    bench = LedgerBench()
    bench.feed(Tick(worker="w", clock_ms=START_MS))
    bench.feed(
        Snapshot(
            model="noise",
            version="v",
            revision=0,
            source_partition=0,
            pane_start_ms=START_MS,
            first_offset=0,
            last_offset=1,
            outcomes=2,
        )
    )
    assert "noise" in bench.state.models
    for _ in range(65):
        bench.tick(60)
    assert "noise" not in bench.state.models


def test_an_ack_for_an_unknown_model_is_remembered_and_changes_no_model() -> None:
    bench = LedgerBench()
    ack = Ack(router_id="r", model="nobody", revision=1)
    bench.feed(AdmittedAck(source_partition=0, source_offset=0, ack=ack))
    assert bench.state.models == {}
    assert bench.state.seen == {"acks-0": 0}


def test_time_does_not_jump_on_the_word_of_one_machine() -> None:
    bench = LedgerBench()
    bench.tick()
    before_ms = bench.state.time_ms
    at = Position(offset=bench.state.next_offset, timestamp_ms=before_ms + 3_600_000)
    state, _ = step(bench.state, Unreadable(path="$", reason="x"), at)
    assert state.time_ms == before_ms + 5_000


def _stray(version: str, last_offset: int) -> Snapshot:
    return Snapshot(
        model=MODEL,
        version=version,
        revision=0,
        source_partition=0,
        pane_start_ms=START_MS,
        first_offset=0,
        last_offset=last_offset,
        outcomes=1,
    )


def test_clocks_that_disagree_alert_once_and_resolve_after_a_quiet_minute() -> None:
    bench = LedgerBench()
    bench.tick()
    for _ in range(10):
        bench.feed(Tick(worker="wrong", clock_ms=bench.now_ms - 60_000))
        bench.tick()
    assert [alert.kind for alert in bench.alerts] == [AlertKind.CLOCKS_DISAGREE]
    for _ in range(130):
        bench.tick()
    assert [alert.state for alert in bench.alerts] == [AlertState.FIRING, AlertState.RESOLVED]


def test_names_that_nobody_gave_cannot_fill_the_tables_without_end() -> None:
    bench = LedgerBench()
    bench.adopt()
    for number in range(MAX_VERSIONS + 5):
        bench.feed(_stray(f"x{number}", number))
    assert len(bench.model.tables.totals) == MAX_VERSIONS
    assert [alert.kind for alert in bench.alerts] == [AlertKind.TABLES_FULL]
    bench.feed(_stray("v1", MAX_VERSIONS + 5))  # production is counted all the same
    assert bench.model.tables.totals["v1"].outcomes == 1


def test_time_never_goes_back() -> None:
    bench = LedgerBench()
    bench.tick()
    at = Position(offset=bench.state.next_offset, timestamp_ms=bench.now_ms - 60_000)
    state, _ = step(bench.state, Tick(worker="late", clock_ms=bench.now_ms - 60_000), at)
    assert state.time_ms == bench.state.time_ms


def test_a_tick_changes_no_model_while_nothing_happens() -> None:
    bench = LedgerBench()
    bench.adopt()
    bench.start()
    bench.ack()
    bench.progress()
    bench.tick()
    before = bench.model
    bench.tick()
    assert bench.model is before


def test_every_ledger_partition_beats_its_heart_every_10_s() -> None:
    bench = LedgerBench()
    bench.adopt()
    bench.serve(60, v1=Traffic())
    assert 5 <= len(bench.heartbeats) <= 7
    assert bench.heartbeats[-1].sources[0].lag == 0
    assert bench.heartbeats[-1].newest_pane_age_ms is not None


def test_entries_between_ticks_hold_back_no_heartbeat_and_no_status() -> None:
    bench = LedgerBench()
    bench.adopt()
    bench.start()
    bench.tick(0.25)
    begin = len(bench.entries)
    for _ in range(120):
        bench.now_ms += 490
        bench.progress()  # every whole second is reached by one of these, never by a tick
        bench.tick(0.01)
    assert 5 <= len(bench.heartbeats) <= 7
    state, statuses = PartitionState(ledger_partition=0), 0
    for entry, at in bench.entries:
        state, effects = step(state, entry, at)
        due = [effect for effect in effects if isinstance(effect, StatusDue)]
        statuses += len(due) if at.offset >= begin else 0
    assert 28 <= statuses <= 32


def _effects(bench: LedgerBench) -> list[list[Effect]]:
    """What each entry leads to."""
    state, found = PartitionState(ledger_partition=0), []
    for entry, at in bench.entries:
        state, effects = step(state, entry, at)
        found.append(effects)
    return found


def test_a_status_follows_at_once_what_was_asked_for_and_what_is_obeyed() -> None:
    bench = LedgerBench()
    bench.adopt()
    bench.start()
    begin = len(bench.entries)
    bench.request(SetWeight, weight=2_000)
    bench.ack()
    bench.ack()
    told = [StatusDue(model=MODEL) in effects for effects in _effects(bench)[begin:]]
    assert told == [True, True, False]


def test_a_status_follows_at_once_a_split_that_headgate_changes_and_moves_no_id() -> None:
    bench = _rolled_back()
    rollback = bench.commands[-1]
    (effects,) = [
        effects
        for effects in _effects(bench)
        if any(isinstance(row, Publish) and row.message == rollback for row in effects)
    ]
    due = StatusDue(model=MODEL)
    assert all(row == due for row in effects[effects.index(due) :])


def test_all_models_go_into_observe_at_once_and_new_ones_are_born_in_it() -> None:
    bench = LedgerBench()
    bench.adopt()
    bench.request(SetMode, model="*", mode=Mode.OBSERVE)
    assert bench.model.mode is Mode.OBSERVE
    (one,) = [row for row in bench.audit if row.request_type == "set_mode"]
    assert one.sentence.startswith("The one model of ledger partition 0 is in observe mode")
    bench.request(Adopt, model="other", version="v1", policy=bench.model.policy.content)  # type: ignore[union-attr]
    assert bench.state.models["other"].mode is Mode.OBSERVE
    both = bench.request(SetMode, model="*", mode=Mode.ENFORCE)
    assert both.sentence.startswith("All 2 models of ledger partition 0 are in enforce mode")


def test_a_mode_that_was_set_for_a_model_before_it_is_adopted_stays() -> None:
    bench = LedgerBench()
    bench.tick()
    assert bench.request(SetMode, mode=Mode.OBSERVE).event == "accepted"
    bench.tick(120)
    bench.adopt()
    assert bench.model.mode is Mode.OBSERVE
    bench.request(SetMode, model="other", mode=Mode.OBSERVE)
    bench.request(SetMode, model="other", mode=Mode.ENFORCE)
    bench.tick(120)
    assert "other" not in bench.state.models


def test_only_a_mode_can_be_set_for_all_models() -> None:
    bench = LedgerBench()
    bench.adopt()
    answer = bench.request(SetWeight, model="*", weight=100)
    assert answer.event == "refused"
    assert answer.remedy


def test_weights_always_sum_to_all_buckets_and_revisions_rise() -> None:
    bench = _rolled_back()
    bench.start(weight=100, candidate="v3")
    bench.request(SetWeight, weight=10_000)
    bench.request(SetWeight, weight=0)
    revisions = [command.revision for command in bench.commands]
    assert revisions == sorted(set(revisions))
    assert all(sum(row.weight for row in c.weights) == 10_000 for c in bench.commands)


def test_the_first_revision_is_the_second_in_which_the_state_began() -> None:
    bench = LedgerBench()
    bench.adopt()
    assert bench.commands[0].revision == bench.model.born_ms // 1000


def test_the_audit_tells_the_whole_story() -> None:
    story = sentences(_rolled_back().audit)
    assert "Adopted v1" in story
    assert "Started: v2 takes 50 %" in story
    assert "Rolled support back from v2 to v1" in story
    assert "Recovered" in story
