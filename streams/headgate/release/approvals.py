"""A second person's yes: requests that wait for it, and the approvals that carry them out.

What waits lies in the model's state with the digest of its canonical bytes; an approval names both,
so it is of one exact request. A request that could not be carried out anyway is refused at once.
"""

from __future__ import annotations

import shlex
from typing import Any

from msgspec import to_builtins
from msgspec.structs import replace

from headgate.judge.durations import say_duration
from headgate.judge.permits import Approvals
from headgate.registry.operators import Keys, may_person, needed_role
from headgate.release.early import completes, is_early
from headgate.release.everywhere import who_asks
from headgate.release.freshness import Blindness
from headgate.release.refusals import RefusedError
from headgate.release.requests import answer
from headgate.release.rollouts import policy_of
from headgate.release.state import ModelState, Waiting
from headgate.release.turn import Turn
from headgate.wire.key_requests import Approve
from headgate.wire.requests import AnyRequest, digest_of_request
from headgate.wire.rollout_requests import (
    ApplyPolicy,
    EndHold,
    Pause,
    Promote,
    Resume,
    Rollback,
    SplitRequest,
    StopTest,
)

MAX_WAITING = 8
EARLY_PROMOTION = Approvals(actions=("promote",))
ASK_ANEW = "Ask anew for what runs now."
OF_WHAT_RUNS = (SplitRequest, Pause, Resume, Rollback, EndHold)  # none of them names a rollout


def answer_or_wait(
    turn: Turn, keys: Keys, state: ModelState, request: AnyRequest, blind: Blindness
) -> ModelState:
    """Carry a request out, let it wait for a second person, or take that person's word."""
    try:
        if isinstance(request, Approve):
            return _approve(turn, keys, state, request)
        rule = _rule_for(state, request, turn.now_ms, blind)
        return answer(turn, state, request) if rule is None else _wait(turn, state, request, rule)
    except RefusedError as refusal:
        turn.audit(
            request.model, "refused", str(refusal), remedy=refusal.remedy, **who_asks(request)
        )
        return state


def _rule_for(
    state: ModelState, request: AnyRequest, now_ms: int, blind: Blindness
) -> Approvals | None:
    """The rule that makes a request wait; where there are any, changing the policy waits too. A
    promotion before everything is proven waits always, unless the policy allows it.
    """
    policy = policy_of(state)
    if policy is None:
        return None
    kind, rule = type(request).__struct_config__.tag, policy.approvals
    if rule is not None and (kind in rule.actions or isinstance(request, ApplyPolicy)):
        return rule
    winner = request.winner if isinstance(request, StopTest) else ""
    promotes = isinstance(request, Promote) or winner not in {"", state.production}
    promotes = promotes or completes(state, request)
    if promotes and is_early(state, policy, winner, now_ms, blind):
        return rule or EARLY_PROMOTION
    return None


def _wait(turn: Turn, state: ModelState, request: AnyRequest, rule: Approvals) -> ModelState:
    made = len(turn.effects)
    tried = answer(turn, state, request)
    if tried is state or turn.answer_of(request.request_id).event == "refused":
        return tried
    del turn.effects[made:]
    if len(state.waiting) >= MAX_WAITING:
        look = f"headgate requests {state.model}"
        raise RefusedError(f"{MAX_WAITING} requests wait already.", look)
    waiting = Waiting(
        request=_of_this_split(state, request),
        digest=digest_of_request(request),
        until_ms=turn.now_ms + rule.within,
        key_id=turn.key_id,
        about=_running(state),
    )
    kind = type(request).__struct_config__.tag
    turn.audit(
        state.model,
        "waiting",
        f"The {kind} that {request.operator} asks for waits for somebody else's approval, for "
        f"{say_duration(rule.within)}.",
        remedy=shlex.join(("headgate", "approve", state.model, request.request_id)),
        details={"digest": waiting.digest, "until_ms": waiting.until_ms, "request": _told(request)},
        **who_asks(request),
    )
    return replace(state, waiting={**state.waiting, request.request_id: waiting})


def _of_this_split(state: ModelState, request: AnyRequest) -> AnyRequest:
    """A request that names no split is about the one in force: that is what gets approved."""
    names_none = isinstance(request, SplitRequest) and request.if_revision is None
    if not names_none or state.command is None:
        return request
    return replace(request, if_revision=state.command.revision)


def _running(state: ModelState) -> str:
    return state.rollout.rollout_id if state.rollout is not None else state.production


def _told(request: AnyRequest) -> dict[str, Any]:
    told: dict[str, Any] = to_builtins(request)
    return told


def _approve(turn: Turn, keys: Keys, state: ModelState, request: Approve) -> ModelState:
    waiting = state.waiting.get(request.approves)
    look = f"headgate requests {state.model}"
    if waiting is None or turn.now_ms > waiting.until_ms:
        raise RefusedError(f"No request {request.approves} waits for approval.", look)
    asked = waiting.request
    if request.digest != waiting.digest:
        said = f"The approval is of another content than request {request.approves} has."
        raise RefusedError(said, look)
    if request.operator == asked.operator:
        raise RefusedError(f"{asked.operator} asked for it and can't approve it too.", look)
    if _is_over(state, waiting):
        raise RefusedError(_over(waiting), ASK_ANEW)
    if keys and not may_person(keys, asked.operator, asked):
        said = f"{asked.operator} has no {needed_role(asked)} key any more."
        raise RefusedError(said, "Ask for it yourself, and let somebody else approve.")
    return _carry_out(turn, state, waiting, request)


def _carry_out(turn: Turn, state: ModelState, waiting: Waiting, request: Approve) -> ModelState:
    """The waiting request is answered under its own id and key, then the approval under its."""
    left = {name: row for name, row in state.waiting.items() if name != request.approves}
    approver_key, turn.key_id = turn.key_id, waiting.key_id
    state = answer(turn, replace(state, waiting=left), waiting.request)
    turn.key_id = approver_key
    outcome = turn.answer_of(request.approves)
    kind = type(waiting.request).__struct_config__.tag
    turn.audit(
        state.model,
        outcome.event,
        f"{request.operator} approved the {kind} of {waiting.request.operator}: {outcome.sentence}",
        remedy=outcome.remedy,
        decision_id=outcome.decision_id,
        revision=outcome.revision,
        before=outcome.before,
        after=outcome.after,
        details={"approves": request.approves, "digest": waiting.digest},
        **who_asks(request),
    )
    return state


def _is_over(state: ModelState, waiting: Waiting) -> bool:
    """Whether what a request is about runs no more."""
    return isinstance(waiting.request, OF_WHAT_RUNS) and waiting.about != _running(state)


def _over(waiting: Waiting) -> str:
    asked = waiting.request.operator
    return f"What runs now is not what {asked} asked for: that was {waiting.about}."


def expire(turn: Turn, state: ModelState) -> ModelState:
    """Refuse what nobody approved in time, and what nobody can approve any more."""
    kept = {}
    for name, row in state.waiting.items():
        if turn.now_ms > row.until_ms:
            sentence = f"Nobody approved the request of {row.request.operator} in time."
            remedy = "Send it again."
        elif _is_over(state, row):
            sentence, remedy = _over(row), ASK_ANEW
        else:
            kept[name] = row
            continue
        turn.audit(state.model, "refused", sentence, remedy=remedy, **who_asks(row.request))
    return state if len(kept) == len(state.waiting) else replace(state, waiting=kept)
