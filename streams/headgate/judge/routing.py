"""Routing: what routers chose beside what was heard of it.

Routers report their choices, fleets the outcomes. A candidate that swallows its requests has no bad
outcomes to show; arms of which unequal parts are heard cannot be compared.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import lru_cache
from math import sqrt
from operator import attrgetter
from typing import NamedTuple

from msgspec import Struct

from headgate.judge.looks import Look
from headgate.judge.policy import Policy, Trigger
from headgate.judge.verdicts import Assessment
from headgate.vocabulary import Reason, Verdict

EVERY_MS = 5_000
POINTS = 64
GRACE_MS = 10_000  # beyond stable's p99 latency
TOLD_WITHIN_MS = 20_000  # choices that are told later than that are no news; four acks were lost
ENOUGH_TO_COMPARE = 500
TOLERATED = 0.05
_DEVIATIONS = 4  # of chance beyond that: arms are compared every 5 s, for weeks


class Point(Struct, frozen=True, array_like=True):
    """Counts since the rollout began: choices by routers and outcomes as requests, of both arms."""

    at_ms: int
    candidate_choices: int = 0
    stable_choices: int = 0
    candidate_outcomes: int = 0
    stable_outcomes: int = 0


History = tuple[Point, ...]  # neither times nor counts of choices ever fall
_at_ms, _chosen = attrgetter("at_ms"), attrgetter("candidate_choices")


def with_point(history: History, point: Point) -> History:
    """The history with one more point, at most one every 5 s, for about five minutes."""
    if history and point.at_ms - history[-1].at_ms < EVERY_MS:
        return history
    return (*history[-POINTS + 1 :], point)


class Answered(Struct, frozen=True):
    """Of the candidate's last `choices` that had time to finish, how many have outcomes."""

    choices: int
    outcomes: int
    stable_outcomes: int


def answered(history: History, now: Point, latency_ms: int, enough: int) -> Answered | None:
    """The candidate's last `enough` choices or more that are older than `latency_ms` and a grace;
    None while there are too few. Outcomes of earlier choices that came late count too, and those
    that came before routers told of the choices: they tell of them some time after.
    """
    last = bisect_right(history, now.at_ms - latency_ms - GRACE_MS, key=_at_ms) - 1
    if last < 0:
        return None
    needed = history[last].candidate_choices - enough
    place = bisect_right(history, needed, hi=last + 1, key=_chosen) - 1
    if place < 0:
        return None
    since = history[place]
    before = bisect_right(history, since.at_ms - TOLD_WITHIN_MS, hi=place, key=_at_ms) - 1
    heard = history[max(before, 0)]
    return Answered(
        history[last].candidate_choices - since.candidate_choices,
        now.candidate_outcomes - heard.candidate_outcomes,
        now.stable_outcomes - heard.stable_outcomes,
    )


@lru_cache(maxsize=512)
def enough_of(policy: Policy) -> int:
    """How many choices a verdict looks back over: as many as its triggers need."""
    rows = (trigger.min_samples for trigger in policy.triggers if trigger.proof == "choices")
    return max(rows, default=1)


class Heard(NamedTuple):
    """Outcomes per choice of the candidate and of stable, and by how much chance may part them."""

    candidate: float
    stable: float
    chance: float


def completeness(history: History, now: Point, latency_ms: int, since_ms: int) -> Heard | None:
    """Outcomes per choice of both arms, over some minutes that have had time to finish; None while
    there are too few.

    `since_ms` is when the split in force had settled. While an arm's share changes, what is heard
    of it is more, or less, than what was chosen for it a while ago.
    """
    delay_ms = latency_ms + GRACE_MS
    ripe = bisect_right(history, now.at_ms - delay_ms, key=_at_ms)
    first = bisect_left(history, since_ms, key=_at_ms)
    if ripe - first < 2:
        return None
    since, until = history[first], history[ripe - 1]
    heard_from = _nearest(history, since.at_ms + delay_ms)
    mine = until.candidate_choices - since.candidate_choices
    other = until.stable_choices - since.stable_choices
    if min(mine, other) < ENOUGH_TO_COMPARE:
        return None
    apart = min(delay_ms / (until.at_ms - since.at_ms), 1.0)
    return Heard(
        min((now.candidate_outcomes - heard_from.candidate_outcomes) / mine, 1.0),
        min((now.stable_outcomes - heard_from.stable_outcomes) / other, 1.0),
        _DEVIATIONS * sqrt(2 * apart * (1 / mine + 1 / other)),
    )


def _nearest(history: History, at_ms: int) -> Point:
    later = bisect_left(history, at_ms, hi=len(history) - 1, key=_at_ms)
    earlier = max(later - 1, 0)
    nearer = at_ms - history[earlier].at_ms <= history[later].at_ms - at_ms
    return history[earlier if nearer else later]


def is_uneven(heard: Heard) -> bool:
    """Whether the arms' completeness differs by more than 5 points and what chance may do: other
    requests are heard at the end of those minutes than were chosen at their beginning.
    """
    return abs(heard.candidate - heard.stable) > TOLERATED + heard.chance


def assess_answers(trigger: Trigger, look: Look) -> Assessment:
    """Does the candidate answer at all? Silence beside a stable that is heard is a breach."""
    seen, least = look.answered, trigger.limit.below or 0.0
    if seen is None or seen.choices < trigger.min_samples or not seen.stable_outcomes:
        return Assessment(
            trigger=trigger.name,
            verdict=Verdict.UNKNOWN,
            reason=Reason.TOO_FEW_SAMPLES,
            sentence=f"A verdict needs {trigger.min_samples} choices that routers report and have "
            "had time to finish, and outcomes of stable.",
        )
    share = seen.outcomes / seen.choices
    silent = share < least
    if look.brief and not silent:
        return Assessment(
            trigger=trigger.name,
            verdict=Verdict.OK,
            reason=Reason.WITHIN_LIMIT,
            sentence="",
            cleared=True,
        )
    words = f"{seen.outcomes:,} outcomes for {seen.choices:,} choices of the candidate"
    return Assessment(
        trigger=trigger.name,
        verdict=Verdict.BREACH if silent else Verdict.OK,
        reason=Reason.SILENT if silent else Reason.WITHIN_LIMIT,
        sentence=f"Only {words}, while stable is heard: it swallows requests."
        if silent
        else f"{words[0].upper()}{words[1:]}.",
        evidence={
            "metric": trigger.metric,
            "candidate": round(share, 5),
            "candidate_samples": seen.choices,
            "candidate_hits": seen.outcomes,
            "stable_hits": seen.stable_outcomes,
            "limit": least,
        },
        cleared=not silent,
    )
