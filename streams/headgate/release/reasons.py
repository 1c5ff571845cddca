"""Reasons: an assessment as commands and audit records carry it."""

from __future__ import annotations

from headgate.judge.verdicts import Assessment
from headgate.wire.control import Because


def because(assessment: Assessment) -> Because:
    """An assessment as one reason for a decision."""
    return Because(
        trigger=assessment.trigger,
        verdict=str(assessment.verdict),
        reason=str(assessment.reason),
        sentence=assessment.sentence,
        evidence=assessment.evidence,
    )
