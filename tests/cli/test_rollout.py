"""Rollouts from the shell: what is asked for, and what is refused before it is sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from msgspec.structs import replace

from headgate.cli import asking, requests
from headgate.cli.failures import ExitCode
from headgate.config import Settings
from headgate.pipeline.topics import BrokerUnreachableError
from headgate.vocabulary import Action, RolloutKind, Topic
from headgate.wire.audit import AuditRecord
from headgate.wire.codec import encode
from headgate.wire.control import Command, Weight
from headgate.wire.request import Request
from headgate.wire.requests import AnyRequest
from headgate.wire.rollout_requests import (
    Advance,
    EndHold,
    Pause,
    Promote,
    Resume,
    Rollback,
    SetWeight,
    Skip,
    StartRollout,
    Step,
)
from support.commands import Run
from support.courses import GOOD, adopted, start_canary
from support.responder import Responder, answer, publish
from support.statuses import AT_MS, MODEL, canary

WEEK_MS = 604_800_000


def accept(request: AnyRequest) -> Iterable[AuditRecord]:
    return [answer(request, sentence="It is done.")]


def command(revision: int, model: str = MODEL, version: str = "v1") -> Command:
    return Command(
        model=model,
        revision=revision,
        action=Action.SET_WEIGHTS,
        weights=(Weight(version=version, weight=10_000),),
        salt="s",
        decision_id=f"d-{revision}",
        issued_at_ms=AT_MS,
    )


def asked(ask: Run, settings: Settings, *words: str) -> Any:
    """The one request that a command sends, accepted."""
    with Responder(settings, accept) as worker:
        result = ask(*words)
    assert result.exit_code == ExitCode.FINE, result.output
    (request,) = worker.requests
    return request


def test_a_canary_starts_beside_the_version_in_production(ask: Run, settings: Settings) -> None:
    publish(settings, Topic.STATUS, (MODEL, encode(canary(production="v1"))))
    request = asked(ask, settings, "rollout", "start", MODEL, "--canary", "--candidate", "v2")
    assert isinstance(request, StartRollout)
    assert (request.stable, request.candidate) == ("v1", "v2")
    assert (request.kind, request.weight, request.steps) == (RolloutKind.CANARY, 0, ())


def test_right_after_an_adoption_or_a_promotion_no_status_is_waited_for(
    ask: Run, settings: Settings
) -> None:
    publish(settings, Topic.CONTROL, (MODEL, encode(command(7))))
    request = asked(ask, settings, "rollout", "start", MODEL, "--canary", "--candidate", "v2")
    assert request.stable == "v1"


def test_a_canarys_own_steps_replace_the_policys(ask: Run, settings: Settings) -> None:
    words = ("--canary", "--candidate", "v2", "--stable", "v1", "--steps", "1%:1d,50%:1w:review")
    request = asked(ask, settings, "rollout", "start", MODEL, *words)
    assert request.steps == (
        Step(weight=100, hold_ms=86_400_000, max_hold_ms=172_800_000),
        Step(weight=5_000, hold_ms=WEEK_MS, max_hold_ms=2 * WEEK_MS, review=True),
    )


def test_a_blue_green_rollout_may_name_the_decision_that_it_overrides(
    ask: Run, settings: Settings
) -> None:
    words = ("--blue-green", "--candidate", "v2", "--stable", "v1", "--overrides", "d-9")
    request = asked(ask, settings, "rollout", "start", MODEL, *words)
    assert (request.kind, request.overrides) == (RolloutKind.BLUE_GREEN, "d-9")


@pytest.mark.parametrize("way", [("rollout", "start", "--ab"), ("ab", "start")])
def test_a_test_of_arms_is_started_alike_by_both_of_its_names(
    ask: Run, settings: Settings, way: tuple[str, ...]
) -> None:
    group, verb, *flag = way
    words = ("--stable", "v1", "--arm", "v2=25%", "--arm", "v3=2500", "--overrides", "d-9")
    criteria = ("--criterion", "rating_mean:higher:2%", "--criterion", "error_rate:lower:25%")
    request = asked(ask, settings, group, verb, MODEL, *flag, *words, *criteria)
    assert isinstance(request, StartRollout)
    assert (request.kind, request.candidate, request.overrides) == (RolloutKind.AB, "v2", "d-9")
    assert [(row.version, row.weight) for row in request.arms] == [
        ("v2", 2_500),
        ("v3", 2_500),
        ("v1", 5_000),
    ]
    assert [(row.metric, row.better, row.matters) for row in request.criteria] == [
        ("rating_mean", "higher", 0.02),
        ("error_rate", "lower", 0.25),
    ]


@pytest.mark.parametrize("way", [("rollout", "start", "--ab"), ("ab", "start")])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--arm"),
        (("--arm", "v2"), "'v2': has no weight"),
        (("--arm", "v2=50%", "--criterion", "rating_mean:2%"), "has not three parts"),
    ],
)
def test_arms_that_cannot_be_read_are_told_by_both_names_of_a_test(
    ask: Run, way: tuple[str, ...], words: tuple[str, ...], said: str
) -> None:
    group, verb, *flag = way
    result = ask(group, verb, MODEL, *flag, "--stable", "v1", *words)
    assert result.exit_code == ExitCode.USAGE
    assert said in " ".join(result.stderr.split())


def test_a_rollout_without_its_candidate_asks_for_it(ask: Run) -> None:
    result = ask("rollout", "start", MODEL, "--canary", "--stable", "v1")
    assert result.exit_code == ExitCode.USAGE
    assert "--candidate VERSION" in result.stderr


def test_a_weight_alone_starts_a_rollout_by_hand(ask: Run, settings: Settings) -> None:
    words = ("--stable", "v1", "--candidate", "v2", "--weight", "500")
    request = asked(ask, settings, "rollout", "start", MODEL, *words)
    assert (request.kind, request.weight) == (RolloutKind.MANUAL, 500)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "exactly one of --canary, --blue-green, --ab and --weight"),
        (("--arm", "v3=5%"), "arms are an A/B test's: add --ab"),
        (("--ab",), "--candidate is not for --ab"),
        (("--canary", "--criterion", "rating_mean:higher:2%"), "--criterion is for --ab"),
        (("--canary", "--blue-green"), "exactly one of"),
        (("--canary", "--weight", "500"), "exactly one of"),
        (("--weight", "500", "--steps", "5%:1w"), "--steps is for --canary"),
    ],
)
def test_parts_that_do_not_go_together_are_told_before_anything_is_sent(
    ask: Run, settings: Settings, words: tuple[str, ...], said: str
) -> None:
    result = ask("rollout", "start", MODEL, "--stable", "v1", "--candidate", "v2", *words)
    assert result.exit_code == ExitCode.USAGE
    assert said in " ".join(result.stderr.split())


def test_without_a_known_production_version_stable_is_left_to_who_decides(
    ask: Run, settings: Settings
) -> None:
    publish(settings, Topic.STATUS, ("other", encode(canary(model="other"))))
    publish(settings, Topic.CONTROL, ("other", encode(command(7, "other"))))
    request = asked(ask, settings, "rollout", "start", MODEL, "--canary", "--candidate", "v2")
    assert (request.stable, request.candidate) == ("", "v2")


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("pause",), Pause),
        (("resume",), Resume),
        (("advance",), Advance),
        (("cutover",), Advance),
        (("skip", "--reason", "known"), Skip),
        (("set-weight", "2500"), SetWeight),
        (("promote",), Promote),
        (("rollback",), Rollback),
        (("end-hold",), EndHold),
    ],
)
def test_every_command_asks_for_what_it_is_called(
    ask: Run, settings: Settings, words: tuple[str, ...], kind: type[Request]
) -> None:
    name, *more = words
    assert isinstance(asked(ask, settings, "rollout", name, MODEL, *more), kind)


@pytest.mark.parametrize(("name", "is_cutover"), [("cutover", True), ("advance", False)])
def test_a_cutover_is_told_apart_from_the_next_step(
    ask: Run, settings: Settings, name: str, is_cutover: bool
) -> None:
    assert asked(ask, settings, "rollout", name, MODEL).cutover is is_cutover


@pytest.mark.parametrize("weight", ["5%", "5 %", "500"])
@pytest.mark.parametrize(
    "words",
    [
        ("set-weight", MODEL),
        ("start", MODEL, "--stable", "v1", "--candidate", "v2", "--weight"),
    ],
)
def test_a_weight_is_a_percentage_or_basis_points(
    ask: Run, settings: Settings, words: tuple[str, ...], weight: str
) -> None:
    request = asked(ask, settings, "rollout", *words, weight)
    assert isinstance(request, SetWeight | StartRollout)
    assert request.weight == 500


def test_skipping_a_proof_needs_a_reason(ask: Run) -> None:
    result = ask("rollout", "skip", MODEL)
    assert result.exit_code == ExitCode.USAGE
    assert "--reason" in result.stderr


@pytest.mark.parametrize(
    "words", [("advance",), ("skip", "--reason", "x"), ("set-weight", "100"), ("promote",)]
)
def test_what_changes_the_split_names_the_one_that_was_in_force(
    ask: Run, settings: Settings, words: tuple[str, ...]
) -> None:
    rows = [(7, MODEL), (9, MODEL), (8, MODEL), (12, "other")]
    publish(settings, Topic.CONTROL, *((m, encode(command(r, m))) for r, m in rows))
    name, *more = words
    assert asked(ask, settings, "rollout", name, MODEL, *more).if_revision == 9


def test_a_rollback_goes_where_control_or_status_cannot_be_read(
    ask: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> None:
        raise BrokerUnreachableError("kafka:9092 went silent while headgate.status was being read")

    monkeypatch.setattr(asking, "split_in_force", silent)
    monkeypatch.setattr(asking, "RECOVERY_S", 0.0)
    request = asked(ask, settings, "rollout", "rollback", MODEL, "--reason", "prices")
    assert isinstance(request, Rollback)
    assert request.version == ""


def test_a_rollback_that_was_taken_says_so_where_nobody_can_tell_of_the_routers(
    ask: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> None:
        raise BrokerUnreachableError("kafka:9092 went silent")

    def decided(request: AnyRequest) -> Iterable[AuditRecord]:
        return [answer(request, sentence="Rolled back.", decision_id="d-9", revision=9)]

    monkeypatch.setattr(requests, "await_obedience", silent)
    with Responder(settings, decided):
        result = ask("rollout", "rollback", MODEL, "--version", "v2")
    assert result.exit_code == ExitCode.FINE, result.output
    assert result.stdout.splitlines() == [
        "Rolled back.",
        "Whether the routers obey is not known: kafka:9092 went silent",
    ]


def test_a_rollback_names_what_is_on_trial_and_no_revision(ask: Run, settings: Settings) -> None:
    split = (Weight(version="v2", weight=500), Weight(version="v1", weight=9_500))
    publish(settings, Topic.CONTROL, (MODEL, encode(replace(command(7), weights=split))))
    publish(settings, Topic.STATUS, (MODEL, encode(canary(decision_id="d-7"))))
    request = asked(ask, settings, "rollout", "rollback", MODEL)
    assert not hasattr(request, "if_revision")
    assert request.version == "v2"


def test_a_rollback_that_names_nothing_is_never_of_production(ask: Run, settings: Settings) -> None:
    publish(settings, Topic.CONTROL, (MODEL, encode(command(7))))
    publish(settings, Topic.STATUS, (MODEL, encode(canary(decision_id="d-7"))))
    assert asked(ask, settings, "rollout", "rollback", MODEL).version == ""


def test_a_rollback_of_a_test_that_names_no_arm_is_of_all_of_them(
    ask: Run, settings: Settings
) -> None:
    names = {"v2": 2_500, "v3": 2_500, "v1": 5_000}
    arms = tuple(Weight(version=name, weight=weight) for name, weight in names.items())
    publish(settings, Topic.CONTROL, (MODEL, encode(replace(command(7), weights=arms))))
    publish(settings, Topic.STATUS, (MODEL, encode(canary(decision_id="d-7"))))
    assert asked(ask, settings, "rollout", "rollback", MODEL).version == ""


def test_a_rollback_of_what_only_control_knows_names_nothing(ask: Run, settings: Settings) -> None:
    publish(settings, Topic.CONTROL, (MODEL, encode(command(7, version="evil"))))
    assert asked(ask, settings, "rollout", "rollback", MODEL).version == ""


def test_a_rollback_may_name_what_it_is_of(ask: Run, settings: Settings) -> None:
    words = ("rollout", "rollback", MODEL, "--version", "v2")
    assert asked(ask, settings, *words).version == "v2"


def test_a_rollback_may_override_the_one_before_it(ask: Run, settings: Settings) -> None:
    words = ("rollout", "rollback", MODEL, "--version", "v2", "--overrides", "d-1")
    request = asked(ask, settings, *words)
    assert (request.version, request.overrides) == ("v2", "d-1")


def test_who_rolls_back_seconds_after_another_does_not_take_production_back_too(
    ask: Run, settings: Settings
) -> None:
    bench = adopted(canary={"early_promotion": "allowed"})
    bench.start(500)
    bench.request(Promote)
    start_canary(bench, "v3", stable="v2")
    name = bench.model.model

    def tell() -> None:
        command = bench.commands[-1]
        known = {"revision": command.revision, "decision_id": command.decision_id}
        publish(settings, Topic.CONTROL, (name, encode(command)))
        publish(settings, Topic.STATUS, (name, encode(canary(model=name, **known))))

    with Responder(settings, lambda request: [bench.admit(request)]):
        tell()
        first = ask("rollout", "rollback", name, "--operator", "ann")
        bench.serve(3, v2=GOOD)
        tell()
        second = ask("rollout", "rollback", name, "--operator", "bob")
    assert (first.exit_code, second.exit_code) == (ExitCode.FINE, ExitCode.NEGATIVE)
    assert "v2 serves everything, and a rollback would go on to v1" in second.stdout
    assert "ann rolled v3 back 3 s ago" in second.stdout
    assert (
        f"Instead: headgate rollout rollback {name} --version v2, if v2 is to go" in second.stdout
    )
    assert bench.model.production == "v2"


def test_of_two_who_roll_back_at_once_the_second_takes_nothing_else_back(
    ask: Run, settings: Settings
) -> None:
    bench = adopted(canary={"early_promotion": "allowed"})
    bench.start(500)
    bench.request(Promote)
    start_canary(bench, "v3", stable="v2")
    name, command = bench.model.model, bench.commands[-1]
    known = {"revision": command.revision, "decision_id": command.decision_id}
    publish(settings, Topic.CONTROL, (name, encode(command)))
    publish(settings, Topic.STATUS, (name, encode(canary(model=name, **known))))
    with Responder(settings, lambda request: [bench.admit(request)]):
        first = ask("rollout", "rollback", name)
        second = ask("rollout", "rollback", name, "--operator", "bob")
    assert (first.exit_code, second.exit_code) == (ExitCode.FINE, ExitCode.NEGATIVE)
    assert "v3 was rolled back already, by decision d-" in second.stdout
    assert f"headgate rollout rollback {name} --version v2" in second.stdout
    assert bench.model.production == "v2"
    assert bench.request(Rollback, version="v2").event == "accepted"
    assert bench.model.production == "v1"


def test_of_two_commands_made_ready_at_the_same_split_the_fold_refuses_the_second(
    ask: Run, settings: Settings
) -> None:
    bench = adopted()
    start_canary(bench)
    seen = bench.commands[-1]
    publish(settings, Topic.CONTROL, (bench.model.model, encode(seen)))  # and nothing newer
    with Responder(settings, lambda request: [bench.admit(request)]) as worker:
        first = ask("rollout", "set-weight", bench.model.model, "2000")
        second = ask("rollout", "set-weight", bench.model.model, "3000", "--operator", "bob")
    assert [row.if_revision for row in worker.requests if isinstance(row, SetWeight)] == [
        seen.revision,
        seen.revision,
    ]
    assert (first.exit_code, second.exit_code) == (ExitCode.FINE, ExitCode.NEGATIVE)
    assert "changed the split meanwhile" in second.stdout
    assert f"Instead: headgate status {bench.model.model}, and decide again" in second.stdout
    assert [row.event for row in bench.audit[-2:]] == ["accepted", "refused"]
