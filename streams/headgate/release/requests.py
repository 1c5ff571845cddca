"""Operator requests: each is admitted with a sentence, or refused with one and a remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from headgate.judge.policy import Policy, PolicyError, digest_of, parse_policy
from headgate.registry.lifecycle import TransitionError
from headgate.release import (
    course_requests,
    incident_requests,
    incidents,
    lifecycle_requests,
    registry_requests,
    rollback_requests,
    rollout_requests,
    rollouts,
)
from headgate.release.catalogue_entries import publish_catalogue
from headgate.release.changed import changed
from headgate.release.compatible import NoTargetError, check_adopted, check_traffic, page
from headgate.release.everywhere import who_asks
from headgate.release.evidence import new_phase
from headgate.release.refusals import RefusedError
from headgate.release.spelling import check_spelling
from headgate.release.state import Incident, ModelState, PolicyRecord
from headgate.release.turn import Turn
from headgate.release.versions import publish_versions
from headgate.vocabulary import ANY_MODEL, AlertKind
from headgate.wire.registry_requests import (
    Postpone,
    Redeploy,
    RegisterTemplate,
    RegisterVersion,
    Retain,
    SetCleanup,
    SetCompatibility,
    SetLifecycle,
)
from headgate.wire.request import FitRequest
from headgate.wire.requests import AnyRequest
from headgate.wire.rollout_requests import (
    Adopt,
    Advance,
    ApplyPolicy,
    Defer,
    EndHold,
    Pause,
    Promote,
    ReportCheck,
    Resume,
    Rollback,
    SetMode,
    SetWeight,
    Skip,
    StartRollout,
    StopTest,
)


def answer(turn: Turn, state: ModelState, request: AnyRequest) -> ModelState:
    """Apply a request to its model and audit the outcome; a refusal changes nothing.

    Only the alert that there is nothing to roll back to is opened by a refusal.
    """
    before = state
    made = len(turn.effects)
    turn.reason = request.reason
    try:
        handler = _HANDLERS.get(type(request))
        if handler is None:
            raise RefusedError("This is for all models at once.", f"Name the model {ANY_MODEL}.")
        check_spelling(request, state.versions)
        state, sentence = handler(turn, state, request)
        if isinstance(request, FitRequest):
            sentence += check_traffic(before, state, request)
    except (RefusedError, TransitionError) as refusal:
        del turn.effects[made:]
        remedy = getattr(refusal, "remedy", f"headgate status {request.model}")
        turn.audit(request.model, "refused", str(refusal), remedy=remedy, **who_asks(request))
        if isinstance(refusal, NoTargetError):
            return page(turn, before, "rollback", refusal)
        return before
    publish_versions(turn, before, state)
    publish_catalogue(turn, before, state)
    commanded = state.command is not before.command and state.command is not None
    turn.audit(
        request.model,
        "accepted",
        sentence,
        decision_id=state.command.decision_id if commanded and state.command else "",
        revision=state.command.revision if commanded and state.command else None,
        **changed(before, state),
        **who_asks(request),
    )
    return state


def _adopt(turn: Turn, state: ModelState, request: Adopt) -> tuple[ModelState, str]:
    if state.production == request.version:
        raise RefusedError(f"{state.production} is in production already.", "Nothing to do.")
    if state.production:
        raise RefusedError(
            f"{state.model} has {state.production} in production already; adopt is for the first.",
            f"headgate rollout start {state.model} --stable {state.production} "
            f"--candidate {request.version} --weight 500",
        )
    if request.policy is not None:
        state = replace(state, policy=_first_policy(state, request.policy))
    if state.policy is None:
        raise RefusedError(
            f"{state.model} has no policy to be judged by.",
            f"headgate adopt {state.model} {request.version} --policy FILE",
        )
    check_adopted(state, request.version)
    state = rollouts.adopt(turn, state, request.version, request.operator)
    return state, (
        f"Adopted {request.version} as the production version of {state.model}, "
        f"judged by policy {state.policy.name if state.policy else ''}."
    )


def _first_policy(state: ModelState, content: dict[str, Any]) -> PolicyRecord:
    """The policy that a model is adopted with: to change one that is set is another request, and
    another role's.
    """
    record, known = _policy(content), state.policy
    if known is not None and known.digest != record.digest:
        raise RefusedError(
            f"{state.model} has another policy already: {known.name} ({known.digest}).",
            "Adopt with the file of that one (--policy FILE), or first change it: headgate policy "
            f"apply {state.model} FILE",
        )
    return record


def _policy(content: dict[str, Any]) -> PolicyRecord:
    try:
        policy = parse_policy(content)
    except PolicyError as error:
        raise RefusedError(
            f"The policy does not hold together: {error}.",
            "Mend the file and apply it again; the old policy stays in force.",
        ) from error
    return PolicyRecord(name=policy.name, digest=digest_of(content), content=content)


def _apply_policy(turn: Turn, state: ModelState, request: ApplyPolicy) -> tuple[ModelState, str]:
    record = _policy(request.policy)
    if state.policy is not None and state.policy.digest == record.digest:
        return state, f"Policy {record.name} ({record.digest}) is in force already."
    same = _same_triggers(state, parse_policy(record.content))
    gone = [kept for kept in state.incidents.values() if _is_gone(kept, same)]
    said = f"Policy {record.name} has no such trigger, or another one by that name."
    state = incidents.resolve_all(turn, state, gone, said)
    state = new_phase(replace(state, policy=record), turn.now_ms)
    return state, (f"Policy {record.name} ({record.digest}) is in force for {state.model}.")


def _same_triggers(state: ModelState, policy: Policy) -> set[str]:
    before = rollouts.policy_of(state)
    rows = {row.name: row.model_dump() for row in before.triggers} if before else {}
    return {row.name for row in policy.triggers if rows.get(row.name) == row.model_dump()}


def _is_gone(incident: Incident, same: set[str]) -> bool:
    """An incident has its trigger's deadline and action: under another one it opens anew."""
    kinds = {*incidents.BREACHES, AlertKind.OUTAGE_HOLD, AlertKind.NO_ROLLBACK_TARGET}
    of_a_trigger = incident.kind in kinds and incident.version  # else a person's rollback paged
    return bool(of_a_trigger) and not incident.acted and incident.trigger not in same


_HANDLERS: dict[type, Callable[[Turn, ModelState, Any], tuple[ModelState, str]]] = {
    Adopt: _adopt,
    ApplyPolicy: _apply_policy,
    StartRollout: rollout_requests.start_rollout,
    SetWeight: rollout_requests.set_weight,
    Pause: course_requests.pause_rollout,
    Resume: course_requests.resume_rollout,
    Advance: course_requests.advance,
    Skip: course_requests.skip,
    ReportCheck: course_requests.report_check,
    Promote: rollout_requests.promote,
    Rollback: rollback_requests.rollback,
    StopTest: rollout_requests.stop_test,
    Defer: incident_requests.defer,
    EndHold: incident_requests.end_hold,
    SetMode: incident_requests.set_mode,
    RegisterVersion: registry_requests.register_version,
    RegisterTemplate: registry_requests.register_template,
    SetCompatibility: registry_requests.set_compatibility,
    SetLifecycle: lifecycle_requests.set_lifecycle,
    SetCleanup: lifecycle_requests.set_cleanup,
    Postpone: lifecycle_requests.postpone,
    Retain: lifecycle_requests.retain,
    Redeploy: lifecycle_requests.redeploy,
}
