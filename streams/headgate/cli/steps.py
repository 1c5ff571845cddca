"""A canary's steps as a person writes them in a shell: `5%:1w,50%:1w:review`, or `500:1w`.

Whether steps that can be read make a canary is for the fold to say, on audit.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from headgate.cli.phrases import share
from headgate.judge.courses import MAX_HOLD_TIMES
from headgate.judge.durations import parse_duration_ms, say_duration
from headgate.vocabulary import BASIS_POINTS
from headgate.wire.fields import MAX_INT
from headgate.wire.rollout_requests import MAX_STEPS, Step

SHAPE = "WEIGHT:HOLD[:max=DURATION][:review], such as 5%:1w or 500:1w:review"
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_POINTS = re.compile(r"\d+")


class StepsError(ValueError):
    """Steps that cannot be read; `problems` names each step with its rule."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__(f"{'; '.join(problems)}. Write each step as {SHAPE}")


def parse_steps(text: str) -> tuple[Step, ...]:
    """The steps in `text`; raises `StepsError` with everything that is wrong with them."""
    steps, problems = [], []
    rows = text.split(",")
    for place, row in enumerate(rows, 1):
        try:
            step = _step(row.strip())
        except ValueError as error:
            problems.append(f"step {place} {row.strip()!r}: {error}")
        else:
            steps.append(step)
    if len(rows) > MAX_STEPS:
        problems.append(f"{len(rows)} steps are more than {MAX_STEPS}")
    if problems:
        raise StepsError(problems)
    return tuple(steps)


def _step(text: str) -> Step:
    parts = [part.strip() for part in text.split(":")]
    if not parts[0]:
        raise ValueError("is empty")
    if len(parts) == 1:
        raise ValueError("has no hold")
    hold_ms = parse_duration_ms(parts[1])
    fields: dict[str, Any] = {"max_hold_ms": MAX_HOLD_TIMES * hold_ms}
    for part in parts[2:]:
        fields |= _extra(part)
    if max(hold_ms, fields["max_hold_ms"]) > MAX_INT:
        raise ValueError("a hold lasts at most 26w")
    return Step(weight=parse_weight(parts[0]), hold_ms=hold_ms, **fields)


def parse_weight(text: str) -> int:
    """Basis points of `5%` or `500`. Raises `ValueError`; whether they can be the fold says."""
    percent = _PERCENT.fullmatch(text)
    if percent is None and not _POINTS.fullmatch(text):
        raise ValueError(f"{text!r} is no weight; write 5% or, in basis points, 500")
    points = Decimal(percent[1]) * 100 if percent else Decimal(text)
    if points != int(points):
        raise ValueError(f"{text} is finer than a basis point, 0.01%")
    if points > MAX_INT:
        raise ValueError(f"a weight lies between 0% and 100%, 0 and {BASIS_POINTS:,}")
    return int(points)


def _extra(text: str) -> dict[str, Any]:
    if text == "review":
        return {"review": True}
    name, _, value = text.partition("=")
    if name == "max" and value:
        return {"max_hold_ms": parse_duration_ms(value)}
    raise ValueError(f"{text!r} is neither `review` nor `max=DURATION`")


def step_words(step: Step) -> str:
    """`5 % for 1 w, with a review`."""
    review = ", with a review of both arms at its end" if step.review else ""
    return f"{share(step.weight)} for {say_duration(step.hold_ms)}{review}"
