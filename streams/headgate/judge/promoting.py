"""Promoting: whether everything that the policy requires is proven good, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, log

from headgate.judge.policy import Policy, Trigger
from headgate.judge.sequential.columns import known_of
from headgate.judge.sequential.combining import combine, e_value, log_good, weights_of
from headgate.judge.sequential.state import Evidence
from headgate.judge.verdicts import Assessment
from headgate.measure.metrics import METRICS
from headgate.vocabulary import Verdict

SAFETY = "safety_violations"
MAX_MORE = 10**9  # beyond that nothing points towards a proof


@dataclass(frozen=True, slots=True)
class Lacking:
    """What stands between a rollout and its next step.

    `more` is about how many more samples (`unit`) it takes if things go on as they did; None where
    nothing points towards a proof, or it can't be said.
    """

    trigger: str
    words: str
    more: int | None = None
    unit: str = "requests"

    @property
    def sentence(self) -> str:
        """For people: what is lacking, and about how much more of what it takes."""
        about = f", about {self.more:,} more {self.unit}" if self.more is not None else ""
        return f"{self.trigger}: {self.words}{about}"


@dataclass(frozen=True, slots=True)
class Promotion:
    """Whether every required metric is proven good now, and what is lacking where not."""

    lacking: tuple[Lacking, ...]

    @property
    def proven(self) -> bool:
        """Whether nothing is lacking."""
        return not self.lacking

    @property
    def sentence(self) -> str:
        """Everything that is lacking, in words; empty where nothing is."""
        return "; ".join(row.sentence for row in self.lacking)


def promotion(
    policy: Policy,
    evidence: Evidence,
    *,
    safety_checked: int | None,
    assessments: Mapping[str, Assessment] | None = None,
) -> Promotion:
    """Promotion needs, now, min E_k(-) >= 1/alpha over the required metrics, no critical E_k >= 1
    and no violation among the last `safety_checked` answers, which must be enough; None where
    nobody checks safety. Thresholds, where required, must be kept according to `assessments`.

    The minimum over required metrics needs no correction: it is below each of them.
    """
    judged = assessments or {}
    lacking = [_not_good(policy, trigger, evidence, judged) for trigger in policy.triggers]
    lacking += _leaning(policy, evidence)
    lacking.append(_unchecked(policy, safety_checked))
    return Promotion(tuple(row for row in lacking if row is not None))


def _not_good(
    policy: Policy, trigger: Trigger, evidence: Evidence, judged: Mapping[str, Assessment]
) -> Lacking | None:
    if trigger.proof == "threshold" and trigger.proven_good != "no":
        return _not_kept(trigger, judged.get(trigger.name))
    if not is_required(policy, trigger, evidence):
        return None
    needed, unit = log(1 / policy.proof.false_promotion), METRICS[trigger.metric].unit_samples
    good = log_good(policy, trigger, evidence)
    if good is not None and good >= needed:
        return None
    samples = known_of(policy, evidence)[trigger.name].total.candidate
    if good is None or not samples:
        return Lacking(trigger.name, f"no {unit} to prove it by yet")
    why, more = _forecast(good, needed, samples, unit)
    return Lacking(trigger.name, f"evidence {_odds(good)} of {_odds(needed)}{why}", more, unit)


def _not_kept(trigger: Trigger, seen: Assessment | None) -> Lacking | None:
    """A threshold keeps no count of what stable reports: `when_reported`, one that is unknown is
    not reported.
    """
    kept = {Verdict.OK} if trigger.proven_good == "required" else {Verdict.OK, Verdict.UNKNOWN}
    if seen is not None and seen.verdict in kept:
        return None
    return Lacking(trigger.name, seen.sentence.rstrip(".") if seen else "not judged yet")


def _forecast(good: float, needed: float, samples: int, unit: str) -> tuple[str, int | None]:
    """How many more samples a proof takes, or why that can't be said."""
    if good <= 0:
        why = f"pointing to no proof so far: how many more {unit} it takes cannot be said yet"
        return f", {why}", None
    more = samples * (needed - good) / good  # evidence grows with samples while nothing changes
    if more > MAX_MORE:
        return ", at this rate it will not be proven good", None
    return "", ceil(more)


def _leaning(policy: Policy, evidence: Evidence) -> list[Lacking | None]:
    log_e = combine(policy, evidence).log_e
    return [
        Lacking(name, f"leans towards a breach, evidence {_odds(log_e[name])}")
        for name in weights_of(policy)
        if log_e[name] >= 0
    ]


def _odds(log_e: float) -> str:
    """Evidence to 1 as far as anybody wants to read it."""
    if log_e > log(1e6):
        return "over 1,000,000"
    return f"{e_value(log_e):.3g}" if log_e > log(1e-3) else "under 0.001"


def _unchecked(policy: Policy, checked: int | None) -> Lacking | None:
    needed = policy.proof.safety_checks
    names = [trigger.name for trigger in policy.triggers if trigger.metric == SAFETY]
    if not names or checked is None or checked >= needed:
        return None
    words = f"{checked:,} of {needed:,} checked answers"
    return Lacking(names[0], words, needed - checked, "checked answers")


def is_required(policy: Policy, trigger: Trigger, evidence: Evidence) -> bool:
    """Whether promotion needs the trigger's metric proven good."""
    if trigger.proof == "choices":
        return False
    if trigger.proven_good == "when_reported":
        known = known_of(policy, evidence).get(trigger.name)
        return known is not None and known.total.stable > 0
    return trigger.proven_good == "required"
