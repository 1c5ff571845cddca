"""What a tired person reads: what runs, is it good so far, what happens next, what can I do."""

from __future__ import annotations

import pytest
from msgspec import structs
from msgspec.structs import replace
from rich.console import Console

from headgate.cli import answers, phrases
from headgate.cli.detail import Detail
from headgate.cli.live import LiveScreen, PlainScreen
from headgate.cli.view import model_view, plain_lines, split_bar
from headgate.vocabulary import AlertKind, AlertState, Mode, RolloutKind, Severity, Verdict
from headgate.wire.control import Weight
from headgate.wire.status import (
    CheckStatus,
    ModelStatus,
    StandbyStatus,
    TriggerStatus,
    VersionStatus,
    WatchStatus,
    WindowRow,
)
from support.statuses import (
    ALERT_ID,
    AT_MS,
    DAY_MS,
    LACKS,
    MODEL,
    alert,
    blue_green,
    breached,
    canary,
    rollout,
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


def proven(name: str, *, e_value: float = 0.5, e_good: float = 0.5) -> TriggerStatus:
    """A trigger with evidence of 400 and 20 needed."""
    evidence = {"e_value": e_value, "e_needed": 400.0, "e_good": e_good, "e_good_needed": 20.0}
    row = trigger(name, Verdict.OK)
    return structs.replace(row, because=structs.replace(row.because, evidence=evidence))


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


def test_a_healthy_canary_says_yes_what_comes_next_and_when() -> None:
    for text in both(canary()):
        assert "yes: all 2 triggers are within their limits" in text
        assert "50 % of the traffic, once it is proven good." in text
        assert "Earliest: in 4 d (2026-01-05 00:00 UTC)." in text
        assert f"headgate rollout promote {MODEL}" in text


def test_where_a_canary_stands_is_told_step_by_step_with_its_hold() -> None:
    assert "canary of v2: step 2 of 3, 25 %" in plain(canary())
    steps = "5 % done, 25 % now (3 d of 1 w), 50 % to come, promotion to come"
    assert steps in plain(canary())
    text = drawn(canary())
    assert "✔ 5 %  ▶ 25 % ━━━━━━━━────────────" in text
    assert "○ 50 %  ○ promotion" in text


def test_how_sure_says_what_is_lacking_and_how_many_more_it_takes() -> None:
    for text in both(canary()):
        assert f"not proven good yet: {LACKS}" in text


def test_how_sure_names_the_trigger_that_is_nearest_to_a_proof_of_bad() -> None:
    rows = (proven("error_rate", e_value=0.2), proven("rating", e_value=12.0))
    for text in both(canary(triggers=rows)):
        assert "nearest to a proof of bad: rating, evidence 12 of 400 to 1" in text


def test_once_nothing_is_lacking_everything_is_proven_good() -> None:
    status = canary(rollout=rollout(lacking=()), triggers=(proven("error_rate", e_good=25.0),))
    assert "everything that promotion needs is proven good" in plain(status)
    test = replace(status, rollout=rollout(lacking=(), kind=RolloutKind.AB))
    assert "promotion needs" not in plain(test)  # a test asks who wins


def test_evidence_is_drawn_towards_bad_and_towards_good() -> None:
    rows = (
        proven("error_rate", e_value=20.0, e_good=0.5),
        proven("rating", e_value=0.001, e_good=20.0),
        trigger("safety", Verdict.OK),
    )
    lines = [line for line in drawn(canary(triggers=rows)).splitlines() if "░" in line]
    assert [line.split()[1:-1] for line in lines] == [
        ["error_rate", "██████░░░░░░", *["20", "of", "400"], "░░░░░░░░░░░░", *["0.5", "of", "20"]],
        ["rating", "░░░░░░░░░░░░", *["0.001", "of", "400"], "████████████", *["20", "of", "20"]],
    ]
    assert "evidence rating: 0.001 of 400 to a proof of bad, 20 of 20 to a proof of good" in plain(
        canary(triggers=rows)
    )


def test_a_paused_rollout_says_who_paused_it_and_that_nothing_advances() -> None:
    paused = rollout(paused="paused by ann: a demo", next="Nothing until somebody resumes it.")
    for text in both(canary(rollout=paused)):
        assert "paused by ann: a demo. Nothing until somebody resumes it." in text


def test_a_blue_green_rollout_shows_each_check_and_what_it_says() -> None:
    for text in both(canary(rollout=blue_green())):
        assert "smoke passed 3 min ago" in text
        assert "schema failed 1 s ago: no answer" in text
        assert "ready of v1 not reported" in text
        assert "blue-green of v2" in text
    assert "checks now, watch to come, promotion to come" in plain(canary(rollout=blue_green()))


def test_what_stands_by_after_a_cutover_is_told_with_its_readiness_and_its_end() -> None:
    ready = CheckStatus(check="ready", version="v1", passed=True, at_ms=AT_MS - 60_000)
    standby = StandbyStatus(version="v1", until_ms=AT_MS + DAY_MS, ready=ready)
    for text in both(canary(rollout=None, standby=standby)):
        assert "v1 stands by, to be scaled down in 1 d (2026-01-02 00:00 UTC)" in text
        assert "ready of v1 passed 1 min ago" in text


def test_a_hold_that_is_over_says_so() -> None:
    assert "25 % now (hold of 1 w over)" in plain(canary(), AT_MS + 5 * DAY_MS)


def test_a_breach_says_no_why_and_what_happens_when() -> None:
    for text in both(breached()):
        assert "no: Mean rating 3.10 is under the limit 3.50." in text
        assert "rollback to v1 in 12 min unless rating falls back" in text


def test_a_breach_offers_the_alerts_own_commands_and_no_more_traffic() -> None:
    for text in both(breached()):
        assert f"headgate rollout rollback {MODEL} --version v2 --reason 'alert {ALERT_ID}'" in text
        assert f"headgate defer {MODEL} {ALERT_ID} --minutes 30" in text
        assert "set-weight" not in text
        assert "promote" not in text


def test_what_waits_for_a_person_while_a_breach_is_open_offers_nothing_twice_and_no_skip() -> None:
    back = f"headgate rollout rollback {MODEL} --version v2"
    ways_on = (f"headgate rollout skip {MODEL} --reason '...'", f"{back} --reason 'alert a-9'")
    waiting = alert(
        alert_id="a-9",
        kind=AlertKind.ROLLOUT_WAITING,
        severity=Severity.WARNING,
        deadline_ms=None,
        commands=ways_on,
    )
    status = breached()
    offered = answers.can_do(structs.replace(status, alerts=(*status.alerts, waiting)))
    assert [row for row in offered if row.startswith(back)] == [
        f"{back} --reason 'alert {ALERT_ID}'"
    ]
    assert not [row for row in offered if " skip " in row]
    assert set(ways_on) <= set(answers.can_do(canary(alerts=(waiting,))))


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


def test_while_a_trigger_is_in_doubt_no_alert_offers_more_traffic_either() -> None:
    row = trigger("rating", Verdict.SUSPECT, "It sinks.")
    commands = (
        f"headgate rollout skip {MODEL} --reason '...'",
        f"headgate ab stop {MODEL} --winner v2",
        f"headgate ab report {MODEL}",
    )
    waiting = alert(
        kind=AlertKind.ROLLOUT_WAITING,
        severity=Severity.WARNING,
        commands=commands,
        deadline_ms=None,
    )
    told = answers.can_do(canary(triggers=(row,), alerts=(waiting,)))
    assert not [command for command in told if "skip" in command or "winner" in command]
    assert told[:2] == [f"headgate ab stop {MODEL}", f"headgate ab report {MODEL}"]


def test_a_suspect_warning_stops_nobody() -> None:
    row = trigger("cost", Verdict.SUSPECT, "It costs more.", severity="warning")
    assert f"headgate rollout promote {MODEL}" in answers.can_do(canary(triggers=(row,)))


@pytest.mark.parametrize(
    ("others", "said"),
    [
        (
            {"error_rate": Verdict.OK, "rating": Verdict.OK},
            "yes: nothing critical is beyond its limit; not proven, but beyond a warning's limit: "
            "cost",
        ),
        (
            {"error_rate": Verdict.OK, "rating": Verdict.UNKNOWN},
            "yes, as far as is known (rating: too little to tell); not proven, but beyond a "
            "warning's limit: cost",
        ),
        ({"rating": Verdict.UNKNOWN}, "not known yet: 3 of 50."),
        ({"error_rate": Verdict.OK, "rating": Verdict.SUSPECT}, "doubtful: 3 of 50."),
        ({}, "doubtful: It costs more."),
    ],
)
def test_a_warning_beyond_its_limit_is_named_and_leaves_good_so_far_calm(
    others: dict[str, Verdict], said: str
) -> None:
    rows = [trigger(name, verdict, "3 of 50.") for name, verdict in others.items()]
    warning = trigger("cost", Verdict.SUSPECT, "It costs more.", severity="warning")
    status = canary(triggers=(*rows, warning))
    assert answers.good_so_far(status) == said
    assert "  suspect cost: It costs more." in plain_lines(status)


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
    held = rollout(holding=True)
    assert "the rollout holds until both versions are well again" in plain(canary(rollout=held))


def test_a_router_that_refused_commands_says_how_many() -> None:
    wary = structs.replace(router("wary"), refused=2)
    for text in both(canary(routers=(wary, router("calm")))):
        assert "refused 2 commands as not signed" in text
    assert "refused" not in plain(canary(routers=(router("calm"),)))


def test_routers_that_lag_behind_a_command_are_named() -> None:
    status = canary(recovering=True, routers=(router("fast"), router("slow", revision=6)))
    for text in both(status):
        assert "waiting for routers to obey revision 7: slow. 50 % of the traffic" in text
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
    adopt = (f"headgate adopt {MODEL} VERSION",)
    bare = canary(weights=(), rollout=None, versions=(), triggers=(), routers=(), can=adopt)
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
        console.print(model_view(canary(), detail=Detail(windows=(300,))))
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
    itself = canary(**alone, watch=replace(watch, against="v2"), weights=weights)
    assert "v2 is watched against its own recorded performance" in "\n".join(plain_lines(itself))


def pinned(version: str, *rows: TriggerStatus) -> VersionStatus:
    """A deprecated version that is watched for the callers who pinned it."""
    watch = WatchStatus(version=version, against=version, since_ms=AT_MS - 60_000, requests=900)
    return VersionStatus(
        version=version, role="", lifecycle="deprecated", watch=watch, triggers=rows
    )


def test_what_pinned_callers_meet_is_told_per_version_and_who_is_not_judged_by_name() -> None:
    broken = trigger("error_rate", Verdict.BREACH, "Errors 31 %.")
    versions = (pinned("v0", trigger("error_rate", Verdict.OK)), pinned("v0.1", broken))
    status = canary(versions=versions, unjudged=("v0.2", "v0.3"))
    for text in both(status):
        assert "v0 is deprecated; good so far for who pinned it: yes: its only trigger" in text
        assert "v0.1 is deprecated; good so far for who pinned it: no: Errors 31 %." in text
        assert "not judged, though pinned callers ask for it: v0.2, v0.3 (2 are, the most" in text
    assert not any("pinned" in text for text in both(canary()))


def shown(status: ModelStatus, width: int, height: int, *, events: int = 9) -> list[str]:
    """The live screen's lines on a terminal of that size."""
    console = Console(width=width, height=height, force_terminal=False)
    screen = LiveScreen("headgate watch", console)
    screen.show(status)
    for number in range(events):
        screen.event(f"12:00:0{number} event {number} of a long story that goes on and on and on")
    with console.capture() as capture:
        console.print(screen.view(AT_MS), end="")
    return capture.get().splitlines()


@pytest.mark.parametrize(("width", "height"), [(60, 20), (80, 24), (120, 40), (200, 60)])
def test_every_terminal_has_room_for_the_split_both_arms_evidence_and_the_timeline(
    width: int, height: int
) -> None:
    names = ("error_rate", "latency_p95", "latency_p99", "rating", "cost", "hallucination")
    rows = tuple(proven(name, e_value=3.0, e_good=2.0) for name in names)
    for status in (canary(triggers=rows), breached(triggers=(*rows, *breached().triggers))):
        lines = shown(status, width, height)
        text = "\n".join(lines)
        assert len(lines) <= height
        assert all(len(line) <= width for line in lines)
        for wanted in ("▶ 25 %", "v2 25 %", "v1 (stable)", "v2 (candidate)", "1,999", "░", "next"):
            assert wanted in text, wanted
        assert "event 8" in lines[-1]
        assert "headgate rollout" in text


def test_the_more_rows_a_terminal_has_the_more_is_told() -> None:
    low, high = shown(canary(), 120, 24), shown(canary(), 120, 70)
    assert "headgate rollout promote" not in "\n".join(low)
    assert "(+" in "\n".join(low)
    assert "headgate rollout promote" in "\n".join(high)
    assert "5 min" in "\n".join(high)


def test_what_there_was_no_room_for_does_not_come_and_go() -> None:
    console = Console(width=120, height=24, force_terminal=False)
    screen = LiveScreen("t", console)

    def lines(status: ModelStatus, now_ms: int) -> int:
        screen.show(status)
        with console.capture() as capture:
            console.print(screen.view(now_ms))
        return sum("headgate rollout" in line for line in capture.get().splitlines())

    crowded = canary(triggers=tuple(proven(f"metric_{n}") for n in range(9)))
    first = lines(crowded, AT_MS)
    assert lines(canary(triggers=()), AT_MS + 1_000) == first
    assert lines(canary(triggers=()), AT_MS + 20_000) > first


def test_numbers_are_red_only_where_they_prove_something() -> None:
    console = Console(width=120, height=40, force_terminal=True, color_system="standard")
    rows = (proven("calm", e_value=0.5), proven("bad", e_value=500.0))
    with console.capture() as capture:
        console.print(model_view(canary(triggers=rows)))
    lines = [line for line in capture.get().splitlines() if " of 400" in line]
    calm, bad = (next(line for line in lines if f" {name} " in line) for name in ("calm", "bad"))
    assert "\x1b[31m" not in calm
    assert "\x1b[1;31m 500 of 400" in bad


def test_a_low_terminal_leaves_out_what_is_well() -> None:
    console = Console(width=150, height=40, force_terminal=False)
    screen = LiveScreen("t", console)
    screen.show(breached())
    with console.capture() as capture:
        console.print(screen.view(AT_MS))
    assert "Mean rating 3.10" in capture.get()
    assert "About error_rate." not in capture.get()


def test_a_rollout_that_waits_for_a_person_offers_the_ways_on() -> None:
    waiting = alert(kind=AlertKind.ROLLOUT_WAITING, severity=Severity.WARNING, deadline_ms=None)
    waits = rollout(waits="not proven good within 2 w: " + LACKS, next="Nothing until a person.")
    text = plain(canary(alerts=(structs.replace(waiting, commands=()),), rollout=waits))
    assert f"headgate rollout skip {MODEL} --reason '...'" in text
    assert "waits for a person: not proven good within 2 w" in text
    assert "25 % now (waits for a person)" in text
