"""A canary's steps in one word of the shell: read exactly, and every mistake told."""

from __future__ import annotations

import pytest

from headgate.cli.steps import StepsError, parse_steps, step_words
from headgate.wire.rollout_requests import Step

WEEK_MS = 604_800_000


def test_percentages_and_basis_points_mean_the_same() -> None:
    assert parse_steps("5%:1w,50 %:1w:review") == parse_steps("500:1w, 5000:1w:review")
    assert parse_steps("5%:1w,50%:1w:review") == (
        Step(weight=500, hold_ms=WEEK_MS, max_hold_ms=2 * WEEK_MS),
        Step(weight=5_000, hold_ms=WEEK_MS, max_hold_ms=2 * WEEK_MS, review=True),
    )
    assert parse_steps("0.5%:30s")[0].weight == 50


def test_a_step_may_say_how_long_it_waits_for_proof() -> None:
    (step,) = parse_steps("10%:1h:max=1d")
    assert step.max_hold_ms == 86_400_000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("5%", "step 1 '5%': has no hold"),
        ("5%:1w,,50%:1w", "step 2 '': is empty"),
        ("five:1w", "'five' is no weight; write 5% or, in basis points, 500"),
        ("0.001%:1w", "finer than a basis point"),
        (f"{10**16}:1w", "a weight lies between 0% and 100%"),
        ("5%:1", "'1' is no duration"),
        ("5%:99999999999w", "a hold lasts at most 26w"),
        ("5%:1w:max=99999999999w", "a hold lasts at most 26w"),
        ("5%:1w:rewiev", "'rewiev' is neither `review` nor `max=DURATION`"),
        (",".join(f"{n}:1s" for n in range(1, 40)), "39 steps are more than 32"),
    ],
)
def test_what_is_no_step_is_told_with_its_place_and_rule(text: str, said: str) -> None:
    with pytest.raises(StepsError) as caught:
        parse_steps(text)
    assert said in str(caught.value)
    assert "Write each step as WEIGHT:HOLD" in str(caught.value)


def test_what_can_be_read_and_cannot_be_is_read() -> None:
    first, second = parse_steps("0%:27w,120%:0")
    assert (first.weight, first.hold_ms) == (0, 27 * WEEK_MS)
    assert (second.weight, second.hold_ms) == (12_000, 0)


def test_every_bad_step_is_told_at_once() -> None:
    with pytest.raises(StepsError) as caught:
        parse_steps("5%,10%:soon,50%:1w")
    assert [row.split(" ")[1] for row in caught.value.problems] == ["1", "2"]


def test_a_step_in_words_says_share_hold_and_review() -> None:
    first, second = parse_steps("5%:1w,50%:1d:review")
    assert step_words(first) == "5 % for 1 w"
    assert step_words(second) == "50 % for 1 d, with a review of both arms at its end"
