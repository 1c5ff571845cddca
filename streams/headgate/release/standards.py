"""Standards: which limits a version under judgement is held to now.

Beside a live arm they are the policy's own. Without one, what is recorded of that version takes its
place: after a cutover within a rollout, and always in production and of deprecated versions.
"""

from __future__ import annotations

from headgate.judge.policy import Policy, policy_in_force
from headgate.judge.recorded import Recorded, alone, for_pinned, in_production
from headgate.release.measuring import MEASURED_AS
from headgate.release.state import ModelState, Watched
from headgate.release.watched import weight_beside


def standard_of(state: ModelState, watched: Watched) -> Policy | None:
    """The policy as it applies to a version now; the same object while nothing changes."""
    if state.policy is None:
        return None
    policy = policy_in_force(state.policy.digest, state.policy.content)
    if state.rollout is None:
        return in_production(policy, watched.beside, watched.recorded)
    if weight_beside(state, watched):
        return policy
    return alone(policy, watched.beside, watched.recorded)


def standard_of_pinned(state: ModelState, watched: Watched) -> Policy | None:
    """The policy as it applies to a deprecated version, whatever else runs."""
    if state.policy is None:
        return None
    policy = policy_in_force(state.policy.digest, state.policy.content)
    return for_pinned(policy, watched.version, watched.recorded)


def standard_of_candidate(state: ModelState) -> Policy | None:
    """The policy as it applies to the running rollout's candidate now; None without a rollout."""
    known = state.watched.get(state.rollout.candidate) if state.rollout is not None else None
    return standard_of(state, known) if known is not None else None


def recorded_of(state: ModelState, version: str, *, declared: bool = True) -> Recorded:
    """What Headgate measured of a version; what it did not measure, as its owners declare it."""
    spec = state.catalogue.specs.get(version)
    sources = [
        spec.performance if spec and declared else None,
        state.catalogue.measured.get(version),
    ]
    found = {
        metric: float(value)
        for performance in sources
        if performance is not None
        for field, metric in MEASURED_AS.items()
        if (value := getattr(performance, field)) is not None
    }
    if "success_rate" in found:
        found["task_failure_rate"] = 1 - found["success_rate"]
    return tuple(sorted(found.items()))
