"""Splits: complete desired states of a model's traffic, each under its own revision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import orjson
from msgspec.structs import replace

from headgate.release.refusals import RefusedError
from headgate.release.state import ModelState, Recovery
from headgate.release.turn import Turn
from headgate.release.versions import retired_of
from headgate.vocabulary import BASIS_POINTS, Action, Topic, short_digest
from headgate.wire.control import Because, Command, Weight

REPUBLISH_EVERY_MS = 2_000


@dataclass(frozen=True, slots=True)
class Change:
    """Why and by whom a split is given; `recovered_within_ms` is how fast routers must obey."""

    action: Action
    from_version: str = ""
    to_version: str = ""
    rollout_id: str = ""
    salt: str = ""
    operator: str = ""
    reasons: tuple[Because, ...] = ()
    recovered_within_ms: int | None = None


def whole(version: str) -> tuple[Weight, ...]:
    """All traffic to one version."""
    return (Weight(version=version, weight=BASIS_POINTS),)


def shared(candidate: str, stable: str, weight: int) -> tuple[Weight, ...]:
    """`weight` basis points to the candidate, the rest to stable."""
    return (
        Weight(version=candidate, weight=weight),
        Weight(version=stable, weight=BASIS_POINTS - weight),
    )


def check_share(weight: int) -> None:
    """Raises `RefusedError` for more than all of the traffic."""
    if weight > BASIS_POINTS:
        raise RefusedError(
            f"{weight / 100:g} % is more than all of the traffic.",
            f"Give from 0% to 100%, or 0 to {BASIS_POINTS} basis points.",
        )


def weight_of(state: ModelState, version: str) -> int:
    """The basis points that the split in force gives to `version`."""
    weights = state.command.weights if state.command else ()
    return sum(row.weight for row in weights if row.version == version)


def next_revision(state: ModelState) -> int:
    """One above the last; the first is the second at which the model's state began."""
    return state.command.revision + 1 if state.command else max(state.born_ms // 1000, 1)


def give_split(
    turn: Turn, state: ModelState, weights: Sequence[Weight], change: Change
) -> ModelState:
    """Command `weights` under the next revision and wait for the routers."""
    revision = next_revision(state)
    same_weights = state.command is not None and state.command.weights == tuple(weights)
    recover_by_ms = None
    if change.recovered_within_ms is not None:
        recover_by_ms = turn.now_ms + change.recovered_within_ms
    salt = change.salt or (state.command.salt if state.command else turn.place)
    command = Command(
        model=state.model,
        revision=revision,
        action=change.action,
        weights=tuple(weights),
        salt=salt,
        decision_id=decision_id(turn, state.model, revision, weights),
        issued_at_ms=turn.now_ms,
        recover_by_ms=recover_by_ms,
        rollout_id=change.rollout_id,
        from_version=change.from_version,
        to_version=change.to_version,
        operator=change.operator,
        reasons=change.reasons,
        retired=retired_of(state),
    )
    turn.publish(Topic.CONTROL, state.model, command, command.decision_id)
    return replace(
        state,
        command=command,
        split_since_revision=state.split_since_revision if same_weights else revision,
        republished_ms=turn.now_ms,
        recovery=Recovery(
            decision_id=command.decision_id,
            revision=revision,
            issued_ms=turn.now_ms,
            recover_by_ms=recover_by_ms,
        ),
    )


def decision_id(turn: Turn, model: str, revision: int, weights: Sequence[Weight]) -> str:
    """Names a decision by its place in the ledger and by what it says.

    Two releases that fold the same entry into different splits thereby differ in the id too.
    """
    said = orjson.dumps([model, revision, msgspec.to_builtins(list(weights))])
    return f"d-{turn.place}-{short_digest(said, 8)}"


def republish(turn: Turn, state: ModelState, sentence: str) -> ModelState:
    """Publish the command in force again, with the same id and bytes, at most once in 2 s."""
    if state.command is None or turn.now_ms - state.republished_ms < REPUBLISH_EVERY_MS:
        return state
    turn.publish(Topic.CONTROL, state.model, state.command, state.command.decision_id)
    turn.audit(
        state.model,
        "republished",
        sentence,
        decision_id=state.command.decision_id,
        revision=state.command.revision,
    )
    return replace(state, republished_ms=turn.now_ms)
