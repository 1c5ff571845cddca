"""Without a live stable arm: the limits of a policy against what is recorded of a version.

A limit beside stable becomes an absolute one on the recorded value, fixed before any look: a p95
latency of 1.5 times stable's becomes the null hypothesis that at most 5 % of requests take longer
than 1.5 times the recorded p95. What has a limit of its own keeps it, and that test decides alone.
"""

from __future__ import annotations

from functools import lru_cache

from headgate.judge.permits import ProductionWatch
from headgate.judge.policy import Limit, Policy, Trigger
from headgate.judge.sequential.plan import plan_of

Recorded = tuple[tuple[str, float], ...]  # metric and value in the metric's unit, sorted
SAFETY = "safety_violations"


class HeldTrigger(Trigger):
    """A trigger without stable: `of` is the version whose recorded performance is taken instead,
    `usual` the limit as the policy states it, and `subject` who is judged, as sentences say it.
    """

    of: str = ""
    usual: Limit | None = None
    subject: str = "the candidate"

    @property
    def against(self) -> str:
        """What the limit comes from, for a sentence; '' where the policy names the number."""
        if self.usual is None:
            return ""
        if self.usual.above_stable_times is not None:
            return f"{self.usual.above_stable_times:g} times the recorded performance of {self.of}"
        return f"{self.usual.below_stable_by:g} below the recorded performance of {self.of}"


def subject_of(trigger: Trigger) -> str:
    """Who is judged, as a sentence says it."""
    return trigger.subject if isinstance(trigger, HeldTrigger) else "the candidate"


def origin_of(trigger: Trigger) -> str:
    """Where a limit comes from that is no number of the policy: ` (2 times the recorded ...)`."""
    found = trigger.against if isinstance(trigger, HeldTrigger) else ""
    return f" ({found})" if found else ""


def unrecorded(trigger: Trigger) -> str:
    """Why a limit beside stable has nothing to stand on."""
    noun = "no stable arm is live to compare with"
    if isinstance(trigger, HeldTrigger):
        whose = f"of {trigger.of}" if trigger.of else "of an earlier version"
        return f"{noun}, and nothing is recorded {whose}"
    return noun


@lru_cache(maxsize=4096)
def alone(policy: Policy, of: str, recorded: Recorded) -> Policy:
    """The policy for a candidate whose stable arm serves nothing; one object per answer."""
    known = dict(recorded)
    triggers = tuple(_held(trigger, of, known, "the candidate") for trigger in policy.triggers)
    return policy.model_copy(update={"triggers": triggers})


def in_production(policy: Policy, of: str, recorded: Recorded) -> Policy:
    """The policy for the version in production, against what is recorded of `of`."""
    return _for_ever(policy, of, recorded, "the production version")


def for_pinned(policy: Policy, version: str, recorded: Recorded) -> Policy:
    """The policy for a deprecated version, against what is recorded of itself."""
    return _for_ever(policy, version, recorded, "the deprecated version")


@lru_cache(maxsize=4096)
def _for_ever(policy: Policy, of: str, recorded: Recorded, subject: str) -> Policy:
    """The policy for a watch without an end: choices cannot be compared with anybody's, and safety
    violations of several requests count, not of one.
    """
    known = dict(recorded)
    triggers = tuple(
        _held(_lasting(trigger, policy.production), of, known, subject)
        for trigger in policy.triggers
        if trigger.proof != "choices"
    )
    return policy.model_copy(update={"triggers": triggers})


def _lasting(trigger: Trigger, rule: ProductionWatch) -> Trigger:
    """Of safety, the trigger that takes several violations; of all else, the same."""
    if trigger.metric != SAFETY or not trigger.can_roll_back:
        return trigger
    limit = Limit(above=rule.violations - 1)
    return trigger.model_copy(update={"limit": limit, "window": rule.within})


def _held(trigger: Trigger, of: str, known: dict[str, float], subject: str) -> Trigger:
    """The trigger against the recorded value; where there is none, or none that a test could hold
    it to (a recorded rate of 0, a multiple beyond all numbers), its limit still waits for a stable
    arm.
    """
    try:
        limit = _limit(trigger, known.get(trigger.metric))
        if limit is not None:
            held = _made(trigger, limit=limit, usual=trigger.limit, of=of, subject=subject)
            if held.proof == "sequential":
                plan_of(held)
            return held
    except ValueError:
        pass
    return _made(trigger, limit=trigger.limit, usual=None, of=of, subject=subject)


def _limit(trigger: Trigger, value: float | None) -> Limit | None:
    given = trigger.limit
    if value is None or value <= 0 or not given.beside_stable:
        return None
    if given.above_stable_times is not None:
        return Limit(above=given.above_stable_times * value)
    return Limit(below=value - (given.below_stable_by or 0.0))


def _made(
    trigger: Trigger, *, limit: Limit, usual: Limit | None, of: str, subject: str
) -> HeldTrigger:
    """Without validation, which takes durations as people write them."""
    kept = {row.alias or name: getattr(trigger, name) for name, row in _FIELDS.items()}
    return HeldTrigger.model_construct(
        **{**kept, "limit": limit, "usual": usual, "of": of, "subject": subject}
    )


_FIELDS = Trigger.model_fields
