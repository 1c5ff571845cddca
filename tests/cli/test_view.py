"""What a tired person reads: what runs, is it good so far, what happens next, what can I do."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from rich.console import Console

from headgate.cli import phrases
from headgate.cli.live import LiveScreen, PlainScreen
from headgate.cli.view import model_view, plain_lines, split_bar
from headgate.vocabulary import AlertState, Mode, Verdict
from headgate.wire.control import Weight
from headgate.wire.status import ModelStatus, RolloutStatus, VersionStatus, WatchStatus, WindowRow
from support.statuses import (
    ALERT_ID,
    AT_MS,
    MODEL,
    alert,
    breached,
    canary,
    router,
    trigger,
    window,
)


def drawn(status: ModelStatus, width: int = 200) -> str:
    console = Console(width=width, height=80, force_terminal=False)
    with console.capture() as capture:
        console.print(model_view(status))
    return capture.get()


def plain(status: ModelStatus, now_ms: int | None = None) -> str:
    return "\n".join(plain_lines(status, now_ms))


def both(status: ModelStatus) -> list[str]:
    return [drawn(status), plain(status)]


def test_the_split_and_the_kind_of_rollout_are_named() -> None:
    for text in both(canary()):
        assert "v2 25 %, v1 75 %; canary of v2" in text


def test_the_bar_gives_each_arm_its_share_and_lets_none_vanish() -> None:
    even = canary(weights=(Weight(version="b", weight=5_000), Weight(version="a", weight=5_000)))
    first, second = split_bar(even).spans
    assert first.end - first.start == second.end - second.start
    tiny = canary(weights=(Weight(version="b", weight=1), Weight(version="a", weight=9_999)))
    first, _ = split_bar(tiny).spans
    assert first.end - first.start == 1


def test_a_healthy_canary_says_yes_and_that_the_next_step_is_yours() -> None:
    for text in both(canary()):
        assert "yes: all 2 triggers are within their limits" in text
        assert "you raise the weight or promote" in text
        assert f"headgate rollout promote {MODEL}" in text
        assert f"headgate rollout set-weight {MODEL} 5000" in text


def test_from_half_of_the_traffic_on_the_next_step_is_promotion() -> None:
    rollout = RolloutStatus(
        rollout_id="r", kind="canary", stable="v1", candidate="v2", weight=5_000, started_ms=AT_MS
    )
    commands = phrases.can_do(canary(rollout=rollout))
    assert commands[0] == f"headgate rollout promote {MODEL}"


def test_a_breach_says_no_why_and_what_happens_when() -> None:
    for text in both(breached()):
        assert "no: Mean rating 3.10 is under the limit 3.50." in text
        assert "rollback to v1 in 12 min unless rating falls back" in text


def test_a_breach_offers_the_alerts_own_commands_and_no_more_traffic() -> None:
    for text in both(breached()):
        assert f"headgate rollout rollback {MODEL} --reason 'alert {ALERT_ID}'" in text
        assert f"headgate defer {MODEL} {ALERT_ID} --minutes 30" in text
        assert "set-weight" not in text
        assert "promote" not in text


def test_deadlines_count_down_from_the_given_moment() -> None:
    assert "in 12 min" in plain(breached())
    assert "in 2 min" in plain(breached(), AT_MS + 600_000)
    assert "rollback to v1 now" in plain(breached(), AT_MS + 721_000)


def test_in_observe_mode_it_would_roll_back_and_says_so() -> None:
    text = plain(breached(mode=Mode.OBSERVE))
    assert "OBSERVE: judges, does not act" in text
    assert "it would roll back in 12 min (rating)" in text
    assert f"headgate mode {MODEL} enforce" in text


def test_stale_telemetry_is_never_called_good() -> None:
    for text in both(canary(fresh=False)):
        assert "not known: telemetry is stale or lagging" in text
        assert "yes" not in text


def test_unknown_verdicts_are_never_called_good() -> None:
    some = canary(triggers=(trigger("error_rate", Verdict.OK), trigger("cost", Verdict.UNKNOWN)))
    assert "as far as is known (cost: too little to tell)" in plain(some)
    nothing = canary(triggers=(trigger("cost", Verdict.UNKNOWN, "3 of 50 requests."),))
    assert "not known yet: 3 of 50 requests." in plain(nothing)


def test_a_suspect_trigger_is_doubtful_and_no_time_for_more_traffic() -> None:
    text = plain(canary(triggers=(trigger("rating", Verdict.SUSPECT, "It sinks."),)))
    assert "doubtful: It sinks." in text
    assert "if it lasts, rating becomes a breach" in text
    assert "promote" not in text
    assert f"headgate rollout rollback {MODEL}" in text


def test_a_suspect_warning_stops_nobody() -> None:
    row = trigger("cost", Verdict.SUSPECT, "It costs more.", severity="warning")
    assert f"headgate rollout promote {MODEL}" in phrases.can_do(canary(triggers=(row,)))


def test_in_observe_mode_nothing_happens_by_itself() -> None:
    assert "nothing by itself: in observe mode" in plain(canary(mode=Mode.OBSERVE))


def test_a_version_that_serves_nothing_any_more_takes_no_rows() -> None:
    gone = VersionStatus(
        version="v0",
        role="",
        lifecycle="staging",
        windows=(WindowRow(window_s=60), window(0, requests=77)),
    )
    lines = [line for line in plain_lines(canary(versions=(gone,))) if "v0" in line]
    assert len(lines) == 1
    assert "requests 77" in lines[0]


def test_a_held_rollout_says_that_nothing_happens() -> None:
    rollout = RolloutStatus(
        rollout_id="r",
        kind="canary",
        stable="v1",
        candidate="v2",
        weight=2_500,
        started_ms=AT_MS,
        holding=True,
    )
    assert "the rollout holds until both versions are well again" in plain(canary(rollout=rollout))


def test_a_router_that_refused_commands_says_how_many() -> None:
    wary = replace(router("wary"), refused=2)
    for text in both(canary(routers=(wary, router("calm")))):
        assert "refused 2 commands as not signed" in text
    assert "refused" not in plain(canary(routers=(router("calm"),)))


def test_routers_that_lag_behind_a_command_are_named() -> None:
    status = canary(recovering=True, routers=(router("fast"), router("slow", revision=6)))
    for text in both(status):
        assert "waiting for routers to obey revision 7: slow" in text
        assert "slow at revision 6 (behind)" in text or "router slow: revision 6" in text


def test_without_a_router_nobody_is_waited_for() -> None:
    status = canary(recovering=True, routers=(router(live=False),))
    assert "routers take revision 7 up as they start; none is heard yet" in plain(status)


def test_the_newest_minute_and_the_whole_are_shown_per_version() -> None:
    for text in both(canary()):
        assert "v1 (stable)" in text
        assert "v2 (candidate)" in text
        assert "1,999" in text
        assert "54,321" in text
        assert "5 min" not in text


def test_each_trigger_has_its_verdict_and_sentence_breaches_first() -> None:
    for text in both(breached()):
        lines = text.splitlines()
        at = [
            next(i for i, line in enumerate(lines) if f"{verdict} " in line and name in line)
            for verdict, name in (("breach", "rating"), ("unknown", "cost"), ("ok", "error_rate"))
        ]
        assert at == sorted(at)
        assert "About cost." in text


def test_a_number_that_is_not_known_is_a_dash_and_never_a_nought() -> None:
    assert phrases.number(None) == "-"
    assert phrases.percent(None) == "-"
    assert phrases.percent(0.0) == "0.0 %"


@pytest.mark.parametrize(
    ("rate", "said"), [(0.0061, "0.6 %"), (0.0991, "9.9 %"), (0.0997, "10 %"), (1.0, "100 %")]
)
def test_percentages_have_two_digits_at_least(rate: float, said: str) -> None:
    assert phrases.percent(rate) == said


def test_a_status_that_has_grown_old_warns_first() -> None:
    lines = plain_lines(canary(), AT_MS + 120_000)
    assert "2 min old" in lines[1]
    assert "careful" in lines[1]


def test_an_unadopted_model_says_how_to_begin() -> None:
    bare = canary(weights=(), rollout=None, production="", versions=(), triggers=(), routers=())
    for text in both(bare):
        assert "no version is adopted" in text
        assert f"headgate adopt {MODEL} VERSION" in text


def test_what_an_operator_wrote_is_text_and_no_markup() -> None:
    status = breached(alerts=(alert(sentence="[red]odd[/red] [link=x]", state=AlertState.FIRING),))
    assert "[red]odd[/red] [link=x]" in drawn(status)


def test_eighty_columns_are_enough() -> None:
    text = drawn(breached(), width=80)
    assert all(len(line) <= 80 for line in text.splitlines())
    assert all(number in text for number in ("1,434", "0.5 %", "4.25", "0.6 %"))


def test_plain_screens_print_every_event_and_thin_the_statuses(
    capsys: pytest.CaptureFixture[str],
) -> None:
    screen = PlainScreen(every_s=3600)
    screen.show(canary())
    screen.show(canary())
    screen.event("something happened")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1] == "something happened"


def test_a_late_status_of_a_former_owner_is_not_shown() -> None:
    screen = LiveScreen("t", Console(width=150, height=80, force_terminal=False))
    screen.show(canary(revision=8))
    screen.show(canary(revision=7))
    console = Console(width=150, height=80, force_terminal=False)
    with console.capture() as capture:
        console.print(screen.view(AT_MS))
    assert "revision 8" in capture.get()
    assert "revision 7" not in capture.get().replace("at revision 7", "")


def test_windows_can_be_chosen() -> None:
    console = Console(width=150, height=80, force_terminal=False)
    with console.capture() as capture:
        console.print(model_view(canary(), windows=(300,)))
    assert "5 min" in capture.get()
    assert "54,321" not in capture.get()


def test_without_a_rollout_it_says_what_production_is_held_against() -> None:
    watch = WatchStatus(version="v2", against="v1", since_ms=AT_MS - 60_000)
    alone = {"rollout": None, "previous": "v1", "production": "v2"}
    weights = (Weight(version="v2", weight=10_000),)
    status = canary(**alone, watch=watch, weights=weights)
    lines = "\n".join(plain_lines(status))
    assert "no rollout; v2 is watched against the recorded performance of v1" in lines
    assert "yes: all 2 triggers are within their limits" in lines
    assert "nothing until a rollout starts, while all is well" in lines
    due = breached(**alone, watch=watch, weights=weights)
    assert "rollback to v1 in 12 min unless rating falls back" in "\n".join(plain_lines(due))
    nothing = canary(**alone, watch=replace(watch, against=""), weights=weights)
    assert "against the policy's own limits" in "\n".join(plain_lines(nothing))
