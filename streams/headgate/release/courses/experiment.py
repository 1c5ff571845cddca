"""An A/B test as a rollout: fixed shares, read as often as one likes, stopped by a person."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.judge.ab.criteria import Criterion, PlanError
from headgate.judge.listing import listed
from headgate.judge.policy import Policy
from headgate.release import incidents
from headgate.release.courses import comparing
from headgate.release.courses.course import Comparing, Experiment
from headgate.release.courses.going_on import end_waiting
from headgate.release.refusals import RefusedError
from headgate.release.reversing import drop
from headgate.release.state import Incident, ModelState, Rollout
from headgate.release.turn import Turn
from headgate.vocabulary import BASIS_POINTS, AbVerdict, AlertKind, Severity
from headgate.wire.control import Because, Weight
from headgate.wire.rollout_requests import StartRollout

_SUBJECT = "test"
_MISLEADS = {
    AlertKind.MISROUTED: "requests were served by another version than their router chose",
    AlertKind.UNEVEN_COMPLETENESS: "unequal parts of the arms were heard",
    AlertKind.SHARE_OFF: "the arms do not get the shares that they should",
}


def arms_of(request: StartRollout) -> tuple[Weight, ...]:
    """The split of a new test. Raises `RefusedError` where its arms are none with stable last."""
    arms, names = request.arms, [row.version for row in request.arms]
    total, problem = sum(row.weight for row in arms), ""
    if len(arms) < 2:
        problem = "it needs two or more"
    elif len(set(names)) < len(names):
        problem = "two of them are the same version"
    elif names[-1] != request.stable:
        problem = f"stable, {request.stable}, must be the last of them"
    elif names[0] != request.candidate:
        problem = f"the candidate, {request.candidate}, must be the first of them"
    elif total != BASIS_POINTS:
        problem = f"their weights sum to {total}, not to {BASIS_POINTS}"
    elif idle := [row.version for row in arms if not row.weight]:
        problem = f"nothing is left for {', '.join(idle)}"
    if problem:
        said = ", ".join(f"{row.version} {row.weight}" for row in arms) or "none"
        raise RefusedError(
            f"The arms do not hold together ({said}): {problem}.",
            "Name every version once, stable last, with weights that sum to 10000.",
        )
    return tuple(Weight(version=row.version, weight=row.weight) for row in arms)


def begin(
    state: ModelState, policy: Policy, request: StartRollout, first_revision: int, now_ms: int
) -> Experiment:
    """The course of a new test. Raises `RefusedError`."""
    criteria = [
        Criterion(metric=row.metric, better=row.better, matters=row.matters)
        for row in request.criteria
    ]
    try:
        begun = comparing.begin(
            state,
            policy,
            arms_of(request),
            first_revision=first_revision,
            now_ms=now_ms,
            criteria=criteria,
        )
    except PlanError as error:
        raise RefusedError(
            f"The test does not hold together: {error}.",
            "Mend its arms and criteria, such as --arm v2=25% --criterion rating_mean:higher:2%.",
        ) from error
    return Experiment(comparing=begun)


def take_out(
    turn: Turn,
    state: ModelState,
    rollout: Rollout,
    policy: Policy,
    bad: str,
    *,
    reasons: tuple[Because, ...] = (),
    recovered_within_ms: int,
    operator: str = "",
) -> ModelState:
    """One of several arms goes, whoever took it out: its share goes to stable, and nobody waits
    for a verdict of what was compared before.
    """
    state = drop(
        turn,
        state,
        rollout,
        bad,
        reasons=reasons,
        recovered_within_ms=recovered_within_ms,
        operator=operator,
    )
    state = _without_arm(state, policy, turn.now_ms)
    return end_waiting(turn, state, f"{bad} was taken out; the others are compared anew.")


def _without_arm(state: ModelState, policy: Policy, now_ms: int) -> ModelState:
    """After an arm was dropped: the others are compared anew under the split in force, at half the
    alpha, so that all that is declared over the rollout stays within twice what was promised.
    """
    rollout, command = state.rollout, state.command
    if rollout is None or command is None or not isinstance(rollout.course, Experiment):
        return state
    known = rollout.course.comparing
    plan = known.test.plan
    begun = comparing.begin(
        state,
        policy,
        command.weights,
        first_revision=command.revision,
        now_ms=now_ms,
        criteria=plan.criteria,
        alpha=plan.alpha / 2,
    )
    return comparing.with_comparing(state, replace(begun, void=known.void))


def follow(turn: Turn, state: ModelState, policy: Policy) -> ModelState:
    """Read the test when that is due, void it where it misleads, and tell of its verdict."""
    known = comparing.of_rollout(state)
    if state.incidents:
        state = _no_longer_void(turn, state, known)
    if known is None:
        return state
    now, misleading = known, _misleading(state)
    if misleading is not None and not known.void:
        now = replace(known, void=f"{_MISLEADS[misleading.kind]} (alert {misleading.alert_id})")
    if now is known and not comparing.is_due(known, turn.now_ms):
        return state
    now = comparing.read(now, policy.caller_faults.rules(), turn.now_ms)
    state = comparing.with_comparing(state, now)
    if now.void and not known.void:
        return _void(turn, state, now)
    return state if now.void else _tell(turn, state, known, now)


def _misleading(state: ModelState) -> Incident | None:
    open_now = [kept for kept in state.incidents.values() if kept.kind in _MISLEADS]
    return open_now[0] if open_now else None


def _no_longer_void(turn: Turn, state: ModelState, now: Comparing | None) -> ModelState:
    """What was void is over once it began anew, unless that is misled by the same."""
    told = incidents.find(state, AlertKind.TEST_VOID, _SUBJECT)
    if told is None or (now is not None and (now.void or _misleading(state) is not None)):
        return state
    return incidents.resolve(turn, state, told, "Over: another comparison began.")


def _void(turn: Turn, state: ModelState, now: Comparing) -> ModelState:
    if incidents.find(state, AlertKind.TEST_VOID, _SUBJECT) is not None:
        return state
    return incidents.open_incident(
        turn,
        state,
        kind=AlertKind.TEST_VOID,
        trigger=_SUBJECT,
        severity=Severity.WARNING,
        sentence=f"The comparison of {_arms(now)} proves nothing: {now.void}. Mend the routing; "
        f"{_begun_anew(state)}.",
        versions=tuple(arm.version for arm in now.test.plan.arms),
        numbers={},
    )


def _begun_anew(state: ModelState) -> str:
    """How a comparison that proves nothing is made again."""
    if state.rollout is not None and isinstance(state.rollout.course, Experiment):
        return f"headgate ab stop {state.model} ends it, and another may start"
    return f"once it waits headgate rollout resume {state.model} begins its review anew"


def _tell(turn: Turn, state: ModelState, before: Comparing, now: Comparing) -> ModelState:
    """Once, when the whole is decided: to audit, and to whoever is to stop it."""
    report, rollout = now.report, state.rollout
    is_new = before.test.decided is None and now.test.decided is not None
    if report is None or rollout is None or not is_new:
        return state
    turn.audit(
        state.model,
        "test_decided",
        f"The comparison of {_arms(now)}: {report.sentence}",
        details={
            "rollout_id": rollout.rollout_id,
            "verdict": str(report.verdict),
            "leaders": list(report.leaders),
            "requests": report.requests,
            "forecast": report.needed,
            "comparisons": [row.sentence for row in report.pairs],
        },
    )
    if not isinstance(rollout.course, Experiment):
        return state
    won = report.verdict is AbVerdict.WINNER
    winner = f" --winner {report.leaders[0]}" if won else ""
    return incidents.open_incident(
        turn,
        state,
        kind=AlertKind.ROLLOUT_WAITING,
        trigger=_SUBJECT,
        severity=Severity.INFO,
        sentence=f"The A/B test is decided: {report.sentence} headgate ab stop {state.model}"
        f"{winner} ends it.",
        versions=tuple(arm.version for arm in now.test.plan.arms),
        numbers={"requests": report.requests},
    )


def _arms(now: Comparing) -> str:
    names = [arm.version for arm in now.test.plan.arms]
    return listed(names)
