"""Candidates: which versions may be started at all, before anybody asks whether they fit."""

from __future__ import annotations

import shlex

from headgate.judge.policy import Policy
from headgate.release.refusals import RefusedError
from headgate.release.state import ModelState
from headgate.release.taking_back import take_back
from headgate.vocabulary import Status

MAX_NAMED = 5


def check_startable(state: ModelState, policy: Policy, version: str) -> None:
    """Raises `RefusedError` for a version that is not deployed or was replaced, or that nobody
    registered while the one in production is: a slip of the pen gets no traffic.

    Of one that was rolled back from production, who starts it names the decision.
    """
    record, model, name = state.versions.get(version), state.model, shlex.quote(version)
    status = record.status if record is not None else None
    if status is Status.ARCHIVED:
        raise RefusedError(
            f"{version} is archived: it is not deployed any more.",
            f"Deploy it, then headgate lifecycle redeploy {shlex.quote(model)} {name}, and start "
            "it again.",
        )
    if status is Status.REMOVED:
        raise RefusedError(
            f"{version} was removed, and its number is spent.",
            "Register what you want to serve as a new version: headgate registry apply FILE",
        )
    if status is Status.DEPRECATED and version not in state.rolled_back_by:
        raise RefusedError(
            f"{version} is deprecated: it was replaced and takes no new traffic.",
            f"{take_back(state)} goes back to it."
            if version == state.previous
            else "Register what it served as a new version: headgate registry apply FILE",
        )
    if status is Status.PRODUCTION and version != state.production:
        raise RefusedError(
            f"{version} is the previous version of {model}, kept to go back to: it can't be on "
            "trial as well.",
            f"{take_back(state)} goes back to it.",
        )
    specs = state.catalogue.specs
    held = state.production in specs and policy.compatibility.allow_unknown is None
    if not held or version in specs:
        return
    newest = ", ".join(list(specs)[-MAX_NAMED:])
    more = len(specs) - MAX_NAMED
    newest += f" and {more} before them" if more > 0 else ""
    raise RefusedError(
        f"{version} is unknown: of {model} are registered {newest}.",
        "Mend the name, or headgate registry apply FILE with it; a policy with "
        "compatibility.allow_unknown: true lets unregistered versions start.",
    )
