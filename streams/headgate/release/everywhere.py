"""Requests for all models at once: modes and keys."""

from __future__ import annotations

from typing import Any

from msgspec import to_builtins
from msgspec.structs import replace

from headgate.registry.operators import Keys, KeysError, approvers, sound_keys
from headgate.release.incidents import into_mode
from headgate.release.refusals import RefusedError
from headgate.release.state import PartitionState
from headgate.release.turn import Turn
from headgate.vocabulary import ANY_MODEL
from headgate.wire.key_requests import ApplyKeys, KeyApprovals
from headgate.wire.ledger import MalformedRequest
from headgate.wire.requests import AnyRequest, digest_of_request
from headgate.wire.rollout_requests import SetMode

PEOPLE = 2


def answer_for_all(turn: Turn, state: PartitionState, request: AnyRequest) -> PartitionState:
    """Apply a request for `*` in this ledger partition and audit the outcome."""
    try:
        if isinstance(request, SetMode):
            after, sentence, told = _set_mode(turn, state, request)
        elif isinstance(request, ApplyKeys):
            after, sentence, told = _apply_keys(state, request)
        else:
            said = "Only a mode and keys can be set for all models at once."
            raise RefusedError(said, "Name one model.")
    except RefusedError as refusal:
        refuse(turn, state, request, refusal)
        return state
    who = who_asks(request)
    details = {**place(state), **told.pop("details", {})}
    turn.audit(ANY_MODEL, "accepted", sentence, details=details, **told, **who)
    return after


def place(state: PartitionState) -> dict[str, Any]:
    """Whose answer it is: each ledger partition gives one."""
    return {"ledger_partition": state.ledger_partition, "models": len(state.models)}


def refuse(turn: Turn, state: PartitionState, request: AnyRequest, why: RefusedError) -> None:
    """Audit a refusal before anything was looked at, of whoever says to be the operator.

    `refused_digest` is of what was refused: anybody may send a request with another one's id.
    """
    details: dict[str, Any] = {"refused_digest": digest_of_request(request)}
    if request.model == ANY_MODEL:
        details |= place(state)
    who = who_asks(request)
    turn.audit(request.model, "refused", str(why), remedy=why.remedy, details=details, **who)


def refuse_malformed(turn: Turn, entry: MalformedRequest) -> None:
    """Audit the refusal of what is no request; nothing in it is believed, nor by whom it is."""
    turn.audit(
        entry.model,
        "refused",
        f"The request is malformed: {entry.path}: {entry.reason}.",
        remedy="schemas/request.v1.schema.json says how it must be; the value is on dead-letters.",
        request_id=entry.request_id,
        operator=entry.operator,
        details={"refused_digest": entry.sha256},
    )


def who_asks(request: AnyRequest) -> dict[str, Any]:
    """What an audit record says of a request."""
    return {
        "request_id": request.request_id,
        "request_type": type(request).__struct_config__.tag,
        "operator": request.operator,
        "operator_reason": request.reason,
    }


Done = tuple[PartitionState, str, dict[str, Any]]


def _in_mode(models: int, partition: int, mode: str) -> str:
    if not models:
        return f"Ledger partition {partition} has no model yet; every new one is in {mode} mode."
    known = f"All {models} models of" if models > 1 else "The one model of"
    verb = "are" if models > 1 else "is"
    return f"{known} ledger partition {partition} {verb} in {mode} mode, and so is every new one."


def _set_mode(turn: Turn, state: PartitionState, request: SetMode) -> Done:
    models = {
        name: replace(
            into_mode(turn, model, request.mode), changed_offset=turn.offset, changed_ms=turn.now_ms
        )
        for name, model in state.models.items()
    }
    sentence = _in_mode(len(models), state.ledger_partition, request.mode)
    others = {
        f"modes.{name}": str(model.mode)
        for name, model in state.models.items()
        if model.mode is not request.mode
    }
    before = {"mode": str(state.mode), **others}
    after = dict.fromkeys(before, str(request.mode))
    return (
        replace(state, models=models, mode=request.mode),
        sentence,
        {"before": before, "after": after},
    )


def _apply_keys(state: PartitionState, request: ApplyKeys) -> Done:
    try:
        keys = sound_keys(request.keys)
    except KeysError as error:
        raise RefusedError(f"The keys do not hold together: {error}.", "Mend the file.") from error
    rule = request.approvals
    if rule is not None and len(approvers(keys.values())) < PEOPLE:
        raise RefusedError(
            "A second person is asked for, and only one is an approver: nobody could approve.",
            "Give another person an approver's key, or leave approvals out.",
        )
    came, gone = sorted(keys.keys() - state.keys.keys()), sorted(state.keys.keys() - keys.keys())
    sentence = f"{len(keys)} keys are set in ledger partition {state.ledger_partition}: "
    sentence += f"{len(came)} came, {len(gone)} went. Every request must be signed."
    if rule is not None:
        sentence += f" A second person approves {', '.join(_actions(rule))} for all models."
    told = {"keys": _told(keys), "approvals": to_builtins(rule)}
    before = {"keys": _told(state.keys), "approvals": to_builtins(state.approvals)}
    return (
        replace(state, keys=keys, approvals=rule),
        sentence,
        {"details": {**told, "came": came, "gone": gone}, "before": before, "after": told},
    )


def _actions(rule: KeyApprovals) -> list[str]:
    return sorted({"apply_keys", *rule.actions})


def _told(keys: Keys) -> dict[str, Any]:
    return {
        name: {"operator": key.operator, "role": str(key.role), "public_key": key.public_key}
        for name, key in keys.items()
    }
