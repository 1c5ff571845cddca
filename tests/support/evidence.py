"""Evidence by hand: cells as ingest would count them, and a phase that is fed look by look."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from msgspec.structs import replace

from headgate.judge.policy import Policy, parse_policy
from headgate.judge.sequential.arms import Observed
from headgate.judge.sequential.columns import TriggerEvidence, known_of
from headgate.judge.sequential.combining import Combined, combine
from headgate.judge.sequential.observing import observe
from headgate.judge.sequential.state import Evidence, Split
from headgate.judge.sequential.verdicts import assess_sequential
from headgate.judge.verdicts import Assessment
from headgate.measure.cells import Cell
from headgate.measure.hdr import bucket_index
from headgate.measure.sketch import Sketch
from headgate.measure.windows import Row
from support.ledger import START_MS, policy_content

CANDIDATE, STABLE = "v2", "v1"


def sketch(values: Any) -> Sketch:
    """The distribution of integers."""
    return Sketch(*np.unique(bucket_index(np.asarray(values, np.int64)), return_counts=True))


def cell(requests: int, errors: int = 0, **values: Any) -> Cell:
    """Requests with their errors; `values` by measure (latency_us, rating_tenths, ...)."""
    return Cell(
        outcomes=max(requests, *(len(v) for v in values.values())) if values else requests,
        requests=requests,
        errors={"timeout": errors} if errors else {},
        sums={name: int(np.sum(v)) for name, v in values.items()},
        counts={name: len(v) for name, v in values.items()},
        sketches={name: sketch(v) for name, v in values.items()},
    )


def labels(label: str, labelled: int, flagged: int) -> Cell:
    """Labels that came later than their requests."""
    return Cell(outcomes=labelled, labelled={label: labelled}, flagged={label: flagged})


def ratings(stars: list[int]) -> Cell:
    """Ratings that came later than their requests."""
    return cell(0, rating_tenths=[10 * star for star in stars])


@dataclass
class Phase:
    """A phase of a rollout under revision 1, observed every half second."""

    policy: Policy = field(default_factory=lambda: parse_policy(policy_content()))
    weight: int = 5_000
    now_ms: int = START_MS
    evidence: Evidence = field(init=False)

    def __post_init__(self) -> None:
        self.evidence = Evidence(
            started_ms=self.now_ms,
            planned=self.policy.proof.planned_requests,
            observed_ms=self.now_ms,
        )
        self.split(1, self.weight)

    def split(self, revision: int, weight: int) -> None:
        """Another split takes over."""
        split = Split(revision, self.now_ms, candidate=weight, stable=10_000 - weight)
        self.tell(splits=(*self.evidence.splits, split), settled_ms=None)

    def tell(self, **known: Any) -> None:
        """Set what the evidence knows."""
        self.evidence = replace(self.evidence, **known)

    def look(
        self, fresh: dict[Row, Cell] | None = None, *, seconds: float = 0.5, stable: str = STABLE
    ) -> Evidence:
        """Let time pass and observe what came."""
        self.now_ms += int(seconds * 1000)
        faults = self.policy.caller_faults.rules()
        seen = Observed(self.now_ms, fresh or {}, CANDIDATE, stable, faults)
        self.evidence = observe(self.policy, self.evidence, seen)
        return self.evidence

    def both(self, mine: Cell, other: Cell, revision: int = 1, **given: Any) -> Evidence:
        """Observe both arms under one revision."""
        return self.look({(CANDIDATE, revision): mine, (STABLE, revision): other}, **given)

    def known(self, trigger: str) -> TriggerEvidence:
        """What is known of one trigger."""
        return known_of(self.policy, self.evidence)[trigger]

    @property
    def combined(self) -> Combined:
        return combine(self.policy, self.evidence)

    @property
    def verdicts(self) -> dict[str, Assessment]:
        return assess_sequential(self.policy, self.evidence)
