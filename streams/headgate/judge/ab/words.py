"""Readings in words: one sentence a tired person understands."""

from __future__ import annotations

from headgate.judge.ab.overall import Overall
from headgate.judge.ab.readings import Reading
from headgate.judge.listing import listed
from headgate.measure.metrics import METRICS
from headgate.vocabulary import AbReason, AbVerdict


def sentence(reading: Reading) -> str:
    """What was seen of two arms by one metric, between which bounds, and what that means."""
    row = METRICS[reading.metric]
    seen = (
        f"{row.noun} {row.say(reading.value)} of {reading.one} beside "
        f"{row.say(reading.other_value)} of {reading.other}"
    )
    bounds = f" ({between(reading)})" if reading.low is not None else ""
    return f"{seen[0].upper()}{seen[1:]}{bounds}: {_meaning(reading)}."


def between(reading: Reading) -> str:
    """The interval of the relative difference, as it holds however often one looks."""
    low = "?" if reading.low is None else f"{reading.low:+.1%}"
    high = "no bound" if reading.high is None else f"{reading.high:+.1%}"
    return f"{low} to {high}"


def sentence_of(whole: Overall) -> str:
    """What the test as a whole says."""
    leaders = listed(whole.leaders)
    if whole.verdict is AbVerdict.WINNER:
        return f"{leaders} wins."
    if whole.verdict is AbVerdict.TRADE_OFF:
        nouns = ", ".join(METRICS[metric].noun for metric in whole.against)
        return f"{leaders} is best by what decides, but proven worse in {nouns}: yours to weigh."
    if whole.verdict is AbVerdict.NO_DIFFERENCE:
        if len(whole.leaders) < 2:  # as chance has it once in a very great while
            return "No winner: what the pairs say contradicts itself."
        return f"No difference that matters between {leaders}."
    return f"{_open(whole.reason, whole.more).capitalize()}."


def _meaning(reading: Reading) -> str:
    if reading.verdict is AbVerdict.WINNER:
        return f"{reading.winner} is better"
    if reading.verdict is AbVerdict.NO_DIFFERENCE:
        return "no difference that matters"
    return _open(reading.reason, reading.more)


def _open(reason: AbReason, more: int | None) -> str:
    """Why there is no verdict yet, and what it takes."""
    if reason is AbReason.NO_BUCKETS:
        return "outcomes carry no bucket, so that nothing is known of sticky users"
    if reason is AbReason.NOTHING_TO_COMPARE:
        return "a mean of zero has no relative difference"
    if reason is AbReason.BEYOND_RESOLUTION:
        return "not enough data, and no number of requests will tell so small a difference"
    about = "" if more is None else f", about {more:,} more requests"
    return f"not enough data yet{about}"
