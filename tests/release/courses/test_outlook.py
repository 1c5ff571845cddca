"""What a status offers to do is what would be admitted now."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.cli.course_view import stages
from headgate.release.status import model_status
from headgate.vocabulary import AlertKind, AlertState, Verdict
from headgate.wire.codec import encode
from headgate.wire.messages import AUDIT
from headgate.wire.rollout_requests import (
    Advance,
    ApplyPolicy,
    Pause,
    Promote,
    ReportCheck,
    Resume,
    Rollback,
    SetWeight,
    Skip,
    StopTest,
)
from support.course_calendar import FROZEN
from support.courses import (
    BAD,
    GOOD,
    adopted,
    quick_policy,
    start_ab,
    start_blue_green,
    start_canary,
)
from support.ledger import LedgerBench, Traffic

SLOW = {"steps": [{"weight": 1000, "hold": "1w"}, {"weight": 5000, "hold": "1w"}]}


def _can(bench: LedgerBench) -> str:
    return "\n".join(model_status(bench.state, bench.model).can)


def test_advance_is_offered_once_everything_is_proven_and_skip_before() -> None:
    bench = adopted(canary=SLOW)
    start_canary(bench)
    assert "advance" not in _can(bench)
    assert "skip support --reason" in _can(bench)
    assert bench.request(Advance).event == "refused"
    bench.serve(200, v1=GOOD, v2=GOOD)
    assert "headgate rollout advance support" in _can(bench)
    assert bench.request(Advance).event == "accepted"


def test_a_weight_by_hand_is_told_beside_the_steps_and_kept_by_the_next_one() -> None:
    bench = adopted(canary=SLOW)
    start_canary(bench)
    bench.serve(10, v1=GOOD, v2=GOOD)
    bench.request(SetWeight, weight=8_000)
    told = model_status(bench.state, bench.model).rollout
    assert told is not None
    assert told.place == "step 1 of 2 (10 %), at 80 % by hand"
    assert told.next.startswith("The next step (50 %), still at 80 %")
    assert stages(told, bench.now_ms)[0].name == "10 % (80 % by hand)"
    assert stages(replace(told, steps=()), bench.now_ms) == []  # such as an earlier build tells
    bench.request(SetWeight, weight=2_000)
    told = model_status(bench.state, bench.model).rollout
    assert told is not None
    assert told.next.startswith("50 % of the traffic")


def test_what_waits_for_a_second_person_is_offered_to_be_approved_while_it_can_be() -> None:
    bench = adopted(canary=SLOW)
    start_canary(bench)
    bench.serve(10, v1=GOOD, v2=GOOD)
    asked = bench.request(Promote, if_revision=bench.commands[-1].revision)
    assert asked.event == "waiting"
    approve = f"headgate approve support {asked.request_id}"
    assert approve in _can(bench)
    bench.request(Pause)
    assert approve not in _can(bench)
    bench.request(Resume)
    assert approve in _can(bench)
    bench.request(SetWeight, weight=2_000)
    assert approve not in _can(bench)


def test_in_doubt_the_approval_of_a_rollback_is_offered_and_of_more_traffic_is_not() -> None:
    bench = adopted(canary=SLOW, approvals={"actions": ["rollback"]})
    start_canary(bench)
    bench.serve(10, v1=GOOD, v2=GOOD)
    revision = bench.commands[-1].revision
    more, back = bench.request(Promote, if_revision=revision), bench.request(Rollback)
    approve = "headgate approve support "
    assert approve + more.request_id in _can(bench)
    bench.serve(3, v1=GOOD, v2=BAD)
    told = model_status(bench.state, bench.model)
    assert Verdict.SUSPECT in {row.verdict for row in told.triggers if row.severity == "critical"}
    assert approve + more.request_id not in _can(bench)
    assert approve + back.request_id in _can(bench)


def test_while_the_calendar_is_closed_no_step_is_offered() -> None:
    bench = adopted(canary=SLOW)
    start_canary(bench)
    bench.request(ApplyPolicy, policy=quick_policy(canary=SLOW, calendar=FROZEN))
    assert not [word for word in ("skip", "promote", "set-weight") if word in _can(bench)]
    assert bench.request(Skip, reason="x").event == "refused"
    assert "rollback" in _can(bench)


def test_the_step_that_a_freeze_puts_off_is_told_with_the_freeze() -> None:
    freeze = {"since": "2023-11-01T00:00", "until": "2023-12-01T00:00", "reason": "fair"}
    bench = adopted(canary=SLOW)
    start_canary(bench)
    bench.request(ApplyPolicy, policy=quick_policy(canary=SLOW, calendar={"freezes": [freeze]}))
    for seconds in (0, 200):  # not proven good, and then proven
        bench.serve(seconds, v1=GOOD, v2=GOOD)
        told = model_status(bench.state, bench.model).rollout
        assert told is not None
        assert told.next.endswith("Then a freeze lasts until 2023-12-01 00:00 UTC (fair).")
        assert told.next_at_ms == 1_701_388_800_000


def test_what_waits_for_a_person_says_once_it_is_proven_after_all() -> None:
    bench = adopted()
    start_canary(bench)
    bench.serve(125, v1=GOOD, v2=Traffic(requests=3, error_rate=0.02))
    told = model_status(bench.state, bench.model).rollout
    assert told is not None
    assert told.next == "Nothing until a person decides; a proven breach is rolled back."
    bench.serve(120, v1=GOOD, v2=GOOD)
    told = model_status(bench.state, bench.model).rollout
    assert told is not None
    assert "a person decides, though everything required is proven good by now;" in told.next
    assert told.weight == 1_000


def test_a_second_rollout_is_told_how_to_end_the_one_that_runs() -> None:
    bench = adopted()
    start_blue_green(bench)
    refused = start_canary(bench, "v3")
    assert refused.remedy.startswith("headgate rollout cutover support, or ")
    for name in ("answers", "schema"):
        bench.request(ReportCheck, version="v2", check=name, passed=True)
    bench.serve(1, v1=GOOD)
    bench.request(Advance)
    assert start_canary(bench, "v3").remedy.startswith("headgate rollout promote support, or ")


def test_while_the_calendar_is_closed_only_green_is_offered_to_be_started() -> None:
    bench = adopted(calendar=FROZEN)
    assert "headgate rollout start support --blue-green" in _can(bench)
    assert "--canary" not in _can(bench)


def test_a_test_that_may_not_be_won_now_can_still_be_stopped() -> None:
    bench = adopted()
    start_ab(bench, ("v2", 5_000), ("v1", 5_000))
    assert "headgate ab stop support --winner VERSION" in _can(bench)
    bench.request(ApplyPolicy, policy=quick_policy(calendar=FROZEN))
    assert _can(bench).endswith("headgate ab stop support")
    assert bench.request(StopTest, winner="v2").event == "refused"
    assert bench.request(StopTest).event == "accepted"


def test_the_cutover_is_offered_once_every_check_has_passed_and_until_then_the_checks() -> None:
    bench = adopted()
    start_blue_green(bench)
    checks = "headgate check run FILE --model support --version v2 "
    assert f"{checks}--only answers --only schema --report" in _can(bench)
    bench.request(ReportCheck, version="v2", check="answers", passed=True)
    assert f"{checks}--only schema --report" in _can(bench)
    assert not [word for word in ("cutover", "advance", "promote") if word in _can(bench)]
    bench.request(ReportCheck, version="v2", check="schema", passed=True)
    assert _can(bench).endswith("headgate rollout cutover support")
    bench.request(ReportCheck, version="v1", check="ready", passed=False)
    assert _can(bench).endswith(
        "headgate check run FILE --model support --version v1 --only ready --report"
    )
    bench.request(ReportCheck, version="v1", check="ready", passed=True)
    assert bench.request(Advance).event == "accepted"


def test_the_cutover_that_a_freeze_forbids_is_told_with_when_it_opens() -> None:
    freeze = {"since": "2023-11-01T00:00", "until": "2023-12-01T00:00", "reason": "fair"}
    bench = adopted(calendar={"freezes": [freeze]})
    start_blue_green(bench)
    for name in ("answers", "schema"):
        bench.request(ReportCheck, version="v2", check=name, passed=True)
    bench.serve(1, v1=GOOD)
    assert bench.request(Advance, cutover=True).event == "refused"
    rollout = model_status(bench.state, bench.model).rollout
    assert rollout is not None
    assert "on somebody's request" in rollout.next
    assert "Not yet: a freeze lasts until 2023-12-01 00:00 UTC (fair); it opens" in rollout.next
    assert rollout.next_at_ms == 1_701_388_800_000
    assert "cutover" not in _can(bench)


def test_what_is_paused_is_to_be_resumed_and_offers_no_more_traffic() -> None:
    bench = adopted()
    start_canary(bench)
    bench.request(Pause)
    assert "headgate rollout resume support" in _can(bench)
    assert "set-weight" not in _can(bench)


def test_after_a_rollback_a_new_rollout_is_offered() -> None:
    bench = adopted()
    start_canary(bench)
    bench.serve(120, v1=GOOD, v2=BAD)
    assert _can(bench).startswith("headgate rollout start support --canary --candidate VERSION")


def test_no_rollback_is_offered_to_a_version_that_was_rolled_back_from() -> None:
    bench = adopted(canary={"early_promotion": "allowed"})
    bench.start(5_000)
    bench.request(Promote)
    assert bench.model.production == "v2"
    assert "rollback" in _can(bench)
    bench.request(Rollback, version="v2")
    assert bench.model.production == "v1"
    assert "rollback" not in _can(bench)
    assert bench.request(Rollback, version="v1").event == "refused"


def test_every_audit_record_of_a_blue_green_rollout_can_be_read_back() -> None:
    bench = adopted()
    start_blue_green(bench)
    for name in ("answers", "schema"):
        bench.request(ReportCheck, version="v2", check=name, passed=True)
    bench.serve(1, v1=GOOD)
    bench.request(Advance)
    bench.serve(5, v2=GOOD)
    bench.request(Skip, reason="seen enough")
    bench.serve(130, v2=GOOD)
    assert "scale_down" in {row.event for row in bench.audit}
    assert [AUDIT.decode(encode(row)) for row in bench.audit] == bench.audit


def test_an_alert_for_a_rollout_that_waits_has_the_ways_on_to_paste() -> None:
    bench = adopted()
    start_canary(bench)
    bench.serve(125, v1=GOOD, v2=Traffic(requests=3, error_rate=0.02))
    (waiting,) = [row for row in bench.alerts if row.kind is AlertKind.ROLLOUT_WAITING]
    assert "headgate rollout resume support" in waiting.commands
    assert "headgate rollout skip support --reason '...'" in waiting.commands


def test_an_alert_that_was_acted_upon_leads_to_the_decision() -> None:
    bench = adopted()
    start_canary(bench)
    bench.serve(120, v1=GOOD, v2=BAD)
    acted = next(row for row in bench.alerts if row.state is AlertState.ESCALATED)
    decision = bench.commands[-1].decision_id
    assert acted.commands[1:] == (
        f"headgate explain {decision}",
        "headgate rollout history support",
    )
