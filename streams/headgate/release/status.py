"""The status of a model: a view of the state for people and pages."""

from __future__ import annotations

from collections.abc import Mapping

from headgate.judge.policy import Trigger
from headgate.judge.verdicts import Memory
from headgate.measure.cells import Cell
from headgate.measure.metrics import CallerFaults, error_count, read_all
from headgate.measure.reading import covered_ms, read_window
from headgate.measure.windows import total_of
from headgate.registry.timeline import plan
from headgate.release.freshness import blindness
from headgate.release.incidents import alert_of, find
from headgate.release.judging import Judged
from headgate.release.lifecycles import life_of
from headgate.release.looking import judge
from headgate.release.offers import idle_commands
from headgate.release.outlook import rollout_status
from headgate.release.pinned import judge as judge_pinned
from headgate.release.pinned import unjudged
from headgate.release.readiness import standby_status
from headgate.release.reasons import because
from headgate.release.recovery import live_routers
from headgate.release.rollouts import policy_of
from headgate.release.splits import weight_of
from headgate.release.state import ModelState, PartitionState, Watched
from headgate.release.versions import aliases
from headgate.vocabulary import AlertKind, AlertState, Status
from headgate.wire.acks import Choices
from headgate.wire.status import (
    ModelStatus,
    RolloutStatus,
    RouterStatus,
    TriggerStatus,
    VersionStatus,
    WatchStatus,
    WindowRow,
)

WINDOWS_S = (60, 300, 3600)
_SHOWN = (
    "error_rate",
    "latency_p50_ms",
    "latency_p95_ms",
    "latency_p99_ms",
    "ttft_p95_ms",
    "rating_mean",
    "hallucination_rate",
    "success_rate",
    "tokens_mean",
    "cost_mean_usd",
    "telemetry_delay_ms",
)
MAX_VERSIONS_SHOWN = 20
MAX_STEPS_SHOWN = 100


def model_status(state: PartitionState, model: ModelState) -> ModelStatus:
    """Everything a person asks about one model, at the partition's ledger time."""
    command, policy = model.command, model.policy
    judged = judge(model, state.time_ms, blindness(state))
    rollout = _rollout(model, judged, state.time_ms)
    return ModelStatus(
        model=model.model,
        at_ms=state.time_ms,
        revision=command.revision if command else 0,
        mode=model.mode,
        fresh=not blindness(state).sentence,
        policy=policy.name if policy else "",
        policy_digest=policy.digest if policy else "",
        production=model.production,
        previous=model.previous,
        decision_id=command.decision_id if command else "",
        weights=command.weights if command else (),
        rollout=rollout,
        standby=standby_status(model, policy_of(model)),
        can=rollout.can if rollout else idle_commands(model, policy_of(model), state.time_ms),
        watch=_watch(model.watched.get(model.production)) if model.rollout is None else None,
        versions=_versions(state, model),
        unjudged=unjudged(model, state.time_ms),
        last_report=model.last_report,
        triggers=_triggers(model, judged),
        alerts=tuple(
            alert_of(
                model,
                incident,
                AlertState.ESCALATED if incident.acted else AlertState.FIRING,
                incident.opened_ms,
            )
            for incident in model.incidents.values()
        ),
        routers=_routers(model, state.time_ms),
        recovering=model.recovery is not None,
        lifecycle=plan(life_of(model), state.time_ms)[:MAX_STEPS_SHOWN],
        lifecycle_settings=model.lifecycle,
        audit=model.audit,
    )


def window_row(
    cell: Cell, window_s: int, faults: CallerFaults, covered_s: float = 0.0
) -> WindowRow:
    """One version's counts over one window; `window_s` 0 stands for all that was ever counted.

    `covered_s` is how much of the window it has been heard in: what a rate is taken over.
    """
    read = read_all(cell, _SHOWN, faults)
    return WindowRow(
        window_s=window_s,
        outcomes=cell.outcomes,
        requests=cell.requests,
        requests_per_s=cell.requests / covered_s if covered_s else None,
        errors=error_count(cell, faults),
        ratings=cell.counts.get("rating_tenths", 0),
        hallucination_labels=cell.labelled.get("hallucination", 0),
        safety_violations=cell.flagged.get("safety_violation", 0),
        **{name: read[name].value for name in _SHOWN},
    )


def _versions(state: PartitionState, model: ModelState) -> tuple[VersionStatus, ...]:
    policy = policy_of(model)
    faults = policy.caller_faults.rules() if policy else CallerFaults()
    roles, pinned = _roles(model), judge_pinned(model, state.time_ms, blindness(state))
    names = sorted(
        {*model.versions, *model.tables.totals},
        key=lambda name: (name not in roles, name not in pinned, _distance(model, name), name),
    )
    return tuple(
        VersionStatus(
            version=name,
            role=", ".join(roles.get(name, ("",))),
            lifecycle=str(model.versions[name].status) if name in model.versions else "unknown",
            weight=weight_of(model, name),
            windows=_windows(state, model, name, faults),
            watch=_watch(model.pinned.get(name)),
            triggers=_triggers(model, {name: pinned[name]}) if name in pinned else (),
        )
        for name in names[:MAX_VERSIONS_SHOWN]
    )


def _roles(model: ModelState) -> dict[str, tuple[str, ...]]:
    """The part that each version plays: every arm of a test is a candidate."""
    on_trial = model.watched if model.rollout is not None else ()
    return {**dict.fromkeys(on_trial, ("candidate",)), **aliases(model)}


def _distance(model: ModelState, version: str) -> int:
    """How far from traffic a version is: pinned callers of a deprecated one may still be served."""
    row = model.versions.get(version)
    if row is None or row.status is Status.DEPRECATED:
        return 0
    return 2 if row.status in {Status.ARCHIVED, Status.REMOVED} else 1


def _windows(
    state: PartitionState, model: ModelState, version: str, faults: CallerFaults
) -> tuple[WindowRow, ...]:
    now_ms, rows = state.time_ms, []
    for window_s in WINDOWS_S:
        window_ms = window_s * 1000
        cell = read_window(model.tables, version, now_ms=now_ms, window_ms=window_ms)
        covered = covered_ms(model.tables, version, now_ms=now_ms, window_ms=window_ms)
        rows.append(window_row(cell, window_s, faults, covered / 1000))
    return (*rows, window_row(total_of(model.tables, version), 0, faults))


def _rollout(model: ModelState, judged: Mapping[str, Judged], now_ms: int) -> RolloutStatus | None:
    seen = judged.get(model.rollout.candidate) if model.rollout is not None else None
    return rollout_status(model, policy_of(model), seen, now_ms)


def _triggers(model: ModelState, judged: Mapping[str, Judged]) -> tuple[TriggerStatus, ...]:
    return tuple(
        _trigger(model, version, trigger, seen)
        for version, seen in judged.items()
        for trigger in seen.policy.triggers
    )


def _trigger(model: ModelState, version: str, trigger: Trigger, seen: Judged) -> TriggerStatus:
    incident = find(model, AlertKind.BREACH, trigger.name, version)
    assessment, memory = seen.assessments[trigger.name], seen.memories.get(trigger.name, Memory())
    return TriggerStatus(
        trigger=trigger.name,
        version=version,
        severity=str(trigger.severity),
        verdict=assessment.verdict,
        because=because(assessment),
        since_ms=memory.crossed_since_ms,
        deadline_ms=incident.deadline_ms if incident else None,
        deferred=incident.deferred if incident else False,
    )


def _watch(watched: Watched | None) -> WatchStatus | None:
    if watched is None or watched.evidence is None:
        return None
    return WatchStatus(
        version=watched.version,
        against=watched.beside if watched.recorded else "",
        since_ms=watched.since_ms,
        requests=watched.evidence.requests,
        month_requests=watched.evidence.planned,
    )


def _routers(model: ModelState, now_ms: int) -> tuple[RouterStatus, ...]:
    live = live_routers(model, now_ms)
    return tuple(
        RouterStatus(
            router_id=name,
            revision=router.revision,
            heard_ms=router.heard_ms,
            live=name in live,
            choices=tuple(
                Choices(version=version, revision=revision, count=count)
                for (revision, version), count in router.chosen.items()
            ),
            refused=router.refused,
        )
        for name, router in sorted(model.routers.items())
    )
