"""What people ask for on a random walk: sound requests, early ones, and nonsense."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from headgate.vocabulary import Mode, RolloutKind
from headgate.wire.key_requests import Approve
from headgate.wire.rollout_requests import (
    Advance,
    ApplyPolicy,
    AskedArm,
    Defer,
    EndHold,
    Pause,
    Promote,
    ReportCheck,
    Resume,
    Rollback,
    SetMode,
    SetWeight,
    Skip,
    StartRollout,
    StopTest,
)
from support.course_calendar import FROZEN, OFFICE, OPEN
from support.courses import ERRORS, RATING, quick_policy

if TYPE_CHECKING:
    from support.course_walk import Walk

WHO = ("ann", "ben", "cyd")
Fields = dict[str, Any]


def policy_for(walk: Walk, calendar: Fields) -> Fields:
    """A policy with quick holds, now and then with other steps, checks and ways."""
    choose = walk.chance.choice
    low, high = choose(((1_000, 5_000), (500, 2_500), (2_000, 6_000)))
    steps = [
        {"weight": low, "hold": "20s", "max_hold": "2m"},
        {"weight": high, "hold": "30s", "review": choose((True, False))},
    ]
    canary = {"steps": steps, "early": choose((True, False)), "pause_when_unknown": "1m"}
    checks = choose((["answers", "schema"], ["answers"], ["answers", "tone"]))
    cutover = choose(("auto", "manual"))
    content = quick_policy(canary=canary, calendar=calendar)
    content["blue_green"] = {**content["blue_green"], "checks": checks, "cutover": cutover}
    for row in content["triggers"]:
        if row["name"] == "latency_p95":
            row["limit"] = {"above": 3_000}
        if row.get("act_within", "0s") != "0s":
            row["act_within"] = choose(("20s", "0s", "2m"))
    return content


def start(walk: Walk) -> None:
    """A rollout of the walk's kind, often of a new version, sometimes of one that was bad."""
    model, choose = walk.stage.model, walk.chance.choice
    names = [f"v{len(walk.fates) + 2}", f"w{len(walk.fates) + 2}"]
    if walk.chance.random() < 0.25:
        names[0] = choose(sorted(model.versions))
    for name in names:
        walk.fate_of(name)
    decision = model.rolled_back_by.get(names[0], "")
    fields: Fields = {
        "stable": model.production,
        "candidate": names[0],
        "kind": walk.kind,
        "overrides": choose((decision, decision, "")),
    }
    if walk.kind is RolloutKind.MANUAL:
        fields["weight"] = choose((0, 500, 5_000))
    elif walk.kind is RolloutKind.AB:
        shares = choose(((3_000, 3_000, 4_000), (2_000, 1_000, 7_000), (3_334, 3_333, 3_333)))
        arms = zip((*names, model.production), shares, strict=True)
        fields["arms"] = tuple(AskedArm(version=name, weight=weight) for name, weight in arms)
        fields["criteria"] = (RATING, ERRORS)
    walk.stage.request(StartRollout, operator=choose(WHO), **fields)


def _start_nonsense(walk: Walk) -> Fields:
    stable = walk.stage.model.production
    halves = (AskedArm(version="x1", weight=5_000), AskedArm(version=stable, weight=4_000))
    return walk.chance.choice(
        (
            {"stable": stable, "candidate": stable, "weight": 500},
            {"stable": "v0", "candidate": "x1", "weight": 500},
            {"stable": stable, "candidate": "x1", "weight": 500},
            {"stable": stable, "candidate": "x1", "kind": RolloutKind.AB, "arms": halves},
            {"stable": stable, "candidate": "x1", "kind": RolloutKind.CANARY, "weight": 500},
        )
    )


def _reported(walk: Walk) -> Fields:
    model, choose = walk.stage.model, walk.chance.choice
    green = model.rollout.candidate if model.rollout else "v9"
    blue = model.standby.version if model.standby else model.production
    check = choose(("answers", "schema", "tone", "ready", "ready", "nonsense"))
    version = choose((blue, blue, green)) if check == "ready" else green
    return {"version": version, "check": check, "passed": walk.chance.random() < 0.85}


def report_all(walk: Walk) -> None:
    """Somebody who checks everything: green, and whether blue is ready."""
    model = walk.stage.model
    if model.rollout is not None and model.policy is not None:
        rows = [
            (name, model.rollout.candidate) for name in model.policy.content["blue_green"]["checks"]
        ]
        for check, version in (*rows, ("ready", model.rollout.stable)):
            walk.stage.request(ReportCheck, version=version, check=check, passed=True)


def _approved(walk: Walk) -> Fields:
    waiting = [*walk.stage.model.waiting.values()]
    if not waiting:
        return {"approves": "q0", "digest": "0" * 64}
    row = walk.chance.choice(waiting)
    return {"approves": row.request.request_id, "digest": row.digest}


def _split(walk: Walk) -> Fields:
    """Some people say which split they saw, and some of them saw an older one."""
    command = walk.stage.model.command
    seen = command.revision if command else 0
    return walk.chance.choice(({}, {"if_revision": seen}, {"if_revision": seen - 1}))


def _policy(walk: Walk) -> Fields:
    calendar = walk.chance.choice((OPEN, OPEN, OPEN, FROZEN, OFFICE))
    return {"policy": walk.chance.choice((policy_for(walk, calendar), {"name": "broken"}))}


def _deferred(walk: Walk) -> Fields:
    ids = sorted(walk.stage.model.incidents) or ["a-none"]
    return {"alert_id": walk.chance.choice(ids), "minutes": 1, "reason": "looking"}


def _winner(walk: Walk) -> Fields:
    names = ("", "", *walk.stage.model.watched, "v0")
    return {"winner": walk.chance.choice(names), **_split(walk)}


def _rolled_back(walk: Walk) -> Fields:
    """Some name nothing, an arm, production, or what is gone; some override a decision."""
    model = walk.stage.model
    version = walk.chance.choice(("", *model.watched, model.production, "v0"))
    return {"version": version, "overrides": _overriding(walk)}


def _overriding(walk: Walk) -> str:
    return walk.chance.choice(("", *walk.stage.model.rolled_back_by.values()))


Ask = tuple[type, Callable[["Walk"], Fields], int]
_ASKED: tuple[Ask, ...] = (
    (StartRollout, _start_nonsense, 2),
    (
        SetWeight,
        lambda walk: {"weight": walk.chance.choice((0, 300, 4_000, 9_000, 10_000, 12_000))},
        4,
    ),
    (Pause, lambda walk: {"reason": walk.chance.choice(("", "lunch"))}, 4),
    (Resume, lambda _: {}, 4),
    (Advance, _split, 8),
    (Skip, lambda walk: {"reason": walk.chance.choice(("", "known")), **_split(walk)}, 2),
    (Promote, _split, 3),
    (Rollback, _rolled_back, 3),
    (StopTest, _winner, 3),
    (ReportCheck, _reported, 12),
    (Approve, _approved, 5),
    (ApplyPolicy, _policy, 4),
    (SetMode, lambda walk: {"mode": walk.chance.choice(tuple(Mode))}, 3),
    (Defer, _deferred, 2),
    (EndHold, lambda _: {}, 2),
)


def ask(walk: Walk) -> None:
    """One request of somebody's; who reports a check reports most of them."""
    kind, fields, _ = walk.chance.choices(_ASKED, [row[2] for row in _ASKED])[0]
    for _ in range(3 if kind is ReportCheck else 1):
        walk.stage.request(kind, operator=walk.chance.choice(WHO), **fields(walk))
