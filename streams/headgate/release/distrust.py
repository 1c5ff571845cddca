"""Distrust: routers that were given public keys refuse commands, count them and report them.

What a router refused before its first ack is history, such as commands from before they were
signed: that is told in its status. What it refuses from then on is news.
"""

from __future__ import annotations

from headgate.judge.durations import say_duration
from headgate.release import incidents
from headgate.release.state import ModelState, RouterState
from headgate.release.turn import Turn
from headgate.vocabulary import AlertKind, Severity
from headgate.wire.acks import Ack

CALM_MS = 300_000
_SUBJECT = "signatures"


def newly_refused(before: RouterState | None, ack: Ack) -> int:
    """How many commands the router refused since its last ack; 0 where it just started."""
    if not ack.refused or before is None or before.started_at_ms != ack.started_at_ms:
        return 0
    return max(ack.refused - before.refused, 0)


def follow(turn: Turn, state: ModelState, ack: Ack, count: int) -> ModelState:
    """Alert on refused commands, once until five minutes brought none."""
    if incidents.find(state, AlertKind.COMMANDS_REFUSED, _SUBJECT) is not None:
        return state
    commands = "command that was" if count == 1 else "commands that were"
    return incidents.open_incident(
        turn,
        state,
        kind=AlertKind.COMMANDS_REFUSED,
        trigger=_SUBJECT,
        severity=Severity.WARNING,
        sentence=f"Router {ack.router_id} refused {count} {commands} not signed with a key that it "
        "was given: somebody else writes to control, or govern signs with another key.",
        versions=(),
        numbers={"router_id": ack.router_id, "refused": count, "since_start": ack.refused},
    )


def settle(turn: Turn, state: ModelState) -> ModelState:
    """Resolve the alert once no router has refused anything for five minutes."""
    known = incidents.find(state, AlertKind.COMMANDS_REFUSED, _SUBJECT)
    if known is None:
        return state
    refused_ms = (router.refused_ms for router in state.routers.values())
    newest_ms = max(refused_ms, default=0)
    newest_ms = max(newest_ms, known.opened_ms)  # whoever refused may have left since
    if turn.now_ms - newest_ms < CALM_MS:
        return state
    said = f"Over: no router refused a command in {say_duration(CALM_MS)}."
    return incidents.resolve(turn, state, known, said)
