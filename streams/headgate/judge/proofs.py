"""The kinds of proof a trigger can ask for: a proof is one function, a row here makes it known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from msgspec import Struct

from headgate.judge.looks import Look
from headgate.judge.policy import Policy, Trigger
from headgate.judge.routing import assess_answers
from headgate.judge.sequential.state import Evidence
from headgate.judge.sequential.verdicts import assess_sequential
from headgate.judge.threshold import assess_threshold, blind
from headgate.judge.verdicts import Assessment, Memory


class Remembered(Struct, frozen=True):
    """What the proofs of a rollout remember: since when thresholds are crossed, and evidence."""

    memories: Mapping[str, Memory]
    evidence: Evidence | None = None


Assessments = dict[str, Assessment]
Proof = Callable[[Policy, Look, Remembered], tuple[Assessments, dict[str, Memory]]]


@lru_cache(maxsize=512)
def _proven_by(policy: Policy, proof: str) -> tuple[Trigger, ...]:
    return tuple(trigger for trigger in policy.triggers if trigger.proof == proof)


def _by_threshold(
    policy: Policy, look: Look, known: Remembered
) -> tuple[Assessments, dict[str, Memory]]:
    found: Assessments = {}
    kept: dict[str, Memory] = {}
    for trigger in _proven_by(policy, "threshold"):
        memory = known.memories.get(trigger.name, Memory())
        found[trigger.name], kept[trigger.name] = assess_threshold(trigger, look, memory)
    return found, kept


def _by_evidence(
    policy: Policy, look: Look, known: Remembered
) -> tuple[Assessments, dict[str, Memory]]:
    if look.blind or known.evidence is None:
        rows = _proven_by(policy, "sequential")
        return {trigger.name: blind(trigger, look) for trigger in rows}, {}
    return assess_sequential(policy, known.evidence, brief=look.brief), {}


def _by_choices(policy: Policy, look: Look, _: Remembered) -> tuple[Assessments, dict[str, Memory]]:
    judge = blind if look.blind else assess_answers
    return {trigger.name: judge(trigger, look) for trigger in _proven_by(policy, "choices")}, {}


PROOFS: dict[str, Proof] = {
    "choices": _by_choices,
    "sequential": _by_evidence,
    "threshold": _by_threshold,
}


def assess(policy: Policy, look: Look, known: Remembered) -> tuple[Assessments, dict[str, Memory]]:
    """The verdict of every trigger of the policy, and what thresholds remember for the next."""
    assessments: Assessments = {}
    kept: dict[str, Memory] = {}
    for prove in PROOFS.values():
        found, memories = prove(policy, look, known)
        assessments |= found
        kept |= memories
    return assessments, kept
