"""A second person's yes to requests for all models: changes of the keys and, if chosen, enforcing.

Every ledger partition decides for itself, and all alike: what they compare is what people signed
(when it was asked for and approved, of which content, under which keys), never their own clocks.
Nothing that takes power away waits: keys that only go, and observe mode, count at once.
"""

from __future__ import annotations

import shlex

from msgspec import to_builtins
from msgspec.structs import replace

from headgate.judge.durations import say_duration
from headgate.registry.operators import digest_of_keys, may_person, needed_role
from headgate.release.everywhere import answer_for_all, place, refuse, who_asks
from headgate.release.refusals import RefusedError
from headgate.release.state import PartitionState, Waiting
from headgate.release.turn import Turn
from headgate.vocabulary import ANY_MODEL, Mode
from headgate.wire.key_requests import ApplyKeys, Approve, KeyApprovals
from headgate.wire.requests import AnyRequest, digest_of_request
from headgate.wire.rollout_requests import SetMode

MAX_WAITING = 8
GRACE_MS = 600_000  # how much later an approval that was signed in time may arrive
LOOK = "headgate requests '*'"


def answer_or_wait(turn: Turn, state: PartitionState, request: AnyRequest) -> PartitionState:
    """Carry out a request for `*`, let it wait for a second person, or take that one's word."""
    rule = state.approvals
    try:
        if isinstance(request, Approve):
            return _approve(turn, state, request)
        if rule is None or not _needs_two(state, rule, request):
            return answer_for_all(turn, state, request)
        return _wait(turn, state, request, rule)
    except RefusedError as refusal:
        refuse(turn, state, request, refusal)
        return state


def _needs_two(state: PartitionState, rule: KeyApprovals, request: AnyRequest) -> bool:
    if isinstance(request, ApplyKeys):
        return not _only_takes_away(state, request)
    chosen = "set_mode" in rule.actions
    return isinstance(request, SetMode) and chosen and request.mode is Mode.ENFORCE


def _only_takes_away(state: PartitionState, request: ApplyKeys) -> bool:
    """A stolen key must go at once: fewer of the same keys under the same rule."""
    had = list(state.keys.values())
    return request.approvals == state.approvals and all(key in had for key in request.keys)


def _wait(
    turn: Turn, state: PartitionState, request: AnyRequest, rule: KeyApprovals
) -> PartitionState:
    made = len(turn.effects)
    answer_for_all(turn, state, request)
    if turn.answer_of(request.request_id).event == "refused":
        return state
    del turn.effects[made:]
    if len(state.waiting) >= MAX_WAITING:
        raise RefusedError(f"{MAX_WAITING} requests wait already.", LOOK)
    asked_ms = min(request.issued_at_ms, request.expires_at_ms or turn.now_ms)
    waiting = Waiting(
        request=request,
        digest=digest_of_request(request),
        until_ms=asked_ms + rule.within_ms,
        key_id=turn.key_id,
        about=digest_of_keys(state.keys),
    )
    kind = type(request).__struct_config__.tag
    told = {"digest": waiting.digest, "until_ms": waiting.until_ms}
    turn.audit(
        ANY_MODEL,
        "waiting",
        f"The {kind} for all models that {request.operator} asks for waits for somebody else's "
        f"approval, for {say_duration(rule.within_ms)} from when it was asked for.",
        remedy=shlex.join(("headgate", "approve", ANY_MODEL, request.request_id)),
        details={**place(state), **told, "request": to_builtins(request)},
        **who_asks(request),
    )
    return replace(state, waiting={**state.waiting, request.request_id: waiting})


def _approve(turn: Turn, state: PartitionState, request: Approve) -> PartitionState:
    waiting = state.waiting.get(request.approves)
    if waiting is None or request.issued_at_ms > waiting.until_ms:
        raise RefusedError(f"No request {request.approves} waits for approval.", LOOK)
    asked = waiting.request
    if request.digest != waiting.digest:
        said = f"The approval is of another content than request {request.approves} has."
        raise RefusedError(said, LOOK)
    if request.operator == asked.operator:
        raise RefusedError(f"{asked.operator} asked for it and can't approve it too.", LOOK)
    if not may_person(state.keys, asked.operator, asked):
        said = f"{asked.operator} has no {needed_role(asked)} key any more."
        raise RefusedError(said, "Ask for it yourself, and let somebody else approve.")
    if isinstance(asked, ApplyKeys) and waiting.about != digest_of_keys(state.keys):
        said = f"The keys are not those any more that {asked.operator} knew of."
        raise RefusedError(said, "Ask anew, from the keys that count now.")
    return _carry_out(turn, state, waiting, request)


def _carry_out(
    turn: Turn, state: PartitionState, waiting: Waiting, request: Approve
) -> PartitionState:
    """The waiting request is answered under its own id and key, then the approval under its."""
    left = {name: row for name, row in state.waiting.items() if name != request.approves}
    approver_key, turn.key_id = turn.key_id, waiting.key_id
    state = answer_for_all(turn, replace(state, waiting=left), waiting.request)
    turn.key_id = approver_key
    outcome = turn.answer_of(request.approves)
    kind = type(waiting.request).__struct_config__.tag
    turn.audit(
        ANY_MODEL,
        outcome.event,
        f"{request.operator} approved the {kind} of {waiting.request.operator}: {outcome.sentence}",
        remedy=outcome.remedy,
        before=outcome.before,
        after=outcome.after,
        details={**place(state), "approves": request.approves, "digest": waiting.digest},
        **who_asks(request),
    )
    return state


def expire(turn: Turn, state: PartitionState) -> PartitionState:
    """Refuse what nobody approved in time, once no approval can be on its way any more."""
    late = [row for row in state.waiting.values() if turn.now_ms > row.until_ms + GRACE_MS]
    for row in late:
        sentence = f"Nobody approved the request of {row.request.operator} in time."
        told = {"remedy": "Send it again.", "details": place(state), **who_asks(row.request)}
        turn.audit(ANY_MODEL, "refused", sentence, **told)
    if not late:
        return state
    kept = {name: row for name, row in state.waiting.items() if row not in late}
    return replace(state, waiting=kept)
