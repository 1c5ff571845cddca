"""The kinds of proof a trigger can ask for: a proof is one function, a row here makes it known."""

from __future__ import annotations

from collections.abc import Callable

from headgate.judge.looks import Look
from headgate.judge.policy import Policy, Trigger
from headgate.judge.threshold import assess_threshold
from headgate.judge.verdicts import Assessment, Memory

Proof = Callable[[Trigger, Look, Memory], tuple[Assessment, Memory]]

PROOFS: dict[str, Proof] = {
    "threshold": assess_threshold,
}


def assess(
    policy: Policy, look: Look, memories: dict[str, Memory]
) -> tuple[dict[str, Assessment], dict[str, Memory]]:
    """The verdict of every trigger of the policy, and what to remember for the next look."""
    assessments: dict[str, Assessment] = {}
    kept: dict[str, Memory] = {}
    for trigger in policy.triggers:
        memory = memories.get(trigger.name, Memory())
        assessments[trigger.name], kept[trigger.name] = PROOFS[trigger.proof](trigger, look, memory)
    return assessments, kept
