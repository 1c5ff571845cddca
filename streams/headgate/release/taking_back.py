"""Taking back: the command for it. It names a version: sent once more, it takes nothing else."""

from __future__ import annotations

import shlex

from headgate.release.state import ModelState


def take_back(state: ModelState, version: str = "") -> str:
    """Takes back a version that is on trial; without a name the candidate, or production."""
    rollout, model = state.rollout, shlex.quote(state.model)
    usual = rollout.candidate if rollout is not None else state.production
    bad = version if version in state.watched else usual
    return f"headgate rollout rollback {model} --version {shlex.quote(bad)}"


def despite_rollback(state: ModelState, version: str = "") -> str:
    """The same, where what it goes back to was itself rolled back from: it names that decision."""
    usual = state.previous if state.rollout is None else ""
    decision = state.rolled_back_by.get(usual, "")
    return f"{take_back(state, version)}{f' --overrides {decision}' if decision else ''}"
