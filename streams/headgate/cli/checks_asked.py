"""Which outcomes of checks a blue-green rollout asks for, and why the others are not reported."""

from __future__ import annotations

import time
from collections.abc import Sequence

from headgate.cli.reading import latest_statuses
from headgate.config import Settings
from headgate.wire.status import CheckStatus, ModelStatus

NEXT_STATUS_S = 4.0
LOOK_AGAIN_S = 0.2


def not_asked(
    settings: Settings, model: str, version: str, checks: Sequence[str]
) -> dict[str, str]:
    """Why each check of `version` is not to be reported, by its name, from the model's status.

    Empty where the status asks for none of them: then whoever decides is to say what is wrong. A
    status that may be from before the rollout's start is waited past for a little.
    """
    first = status = latest_statuses(settings).get(model)
    end = time.monotonic() + NEXT_STATUS_S
    while status is not None and first is not None:
        left = _left(_asked(status), version, checks)
        if len(left) < len(set(checks)):
            return left
        if status.at_ms > first.at_ms or time.monotonic() > end:
            break
        time.sleep(LOOK_AGAIN_S)
        status = latest_statuses(settings).get(model)
    return {}


def _asked(status: ModelStatus) -> tuple[CheckStatus, ...]:
    return status.rollout.checks if status.rollout is not None else ()


def _left(asked: Sequence[CheckStatus], version: str, checks: Sequence[str]) -> dict[str, str]:
    of = {row.check: row.version for row in asked}
    names = ", ".join(of)
    return {
        check: f"it is asked of {of[check]}, not of {version}"
        if check in of
        else f"the policy names no such check, only {names}"
        for check in checks
        if of.get(check) != version
    }
