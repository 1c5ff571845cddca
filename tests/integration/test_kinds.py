"""On a real Kafka, by `headgate` commands alone, two workers and three routers: each kind of
rollout from start to finish and from start to rollback, how fast the routers obey, and what is
told of callers who pinned what was replaced.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from headgate.local.kafka import RealKafka
from support.pinning import pinned_callers
from support.serving import BAD, BELOVED, GOOD, ROUTERS, Json, Model, Serving

WITHIN_MS = 30_000
PATIENT = "2m"  # for the proof, however slow the machine
LONG = f"20%:3s:max={PATIENT},50%:26w"
QUICK: dict[str, Any] = {
    "name": "quick",
    "recovered_within": f"{WITHIN_MS}ms",
    "proof": {"planned_requests": 10_000},
    "triggers": [
        {"name": "error_rate", "metric": "error_rate", "limit": {"above": 0.2},
         "severity": "critical", "action": "rollback", "proven_good": "required",
         "recovered_within": f"{WITHIN_MS}ms"},
    ],
    "canary": {
        "steps": [
            {"weight": 2_000, "hold": "3s", "max_hold": PATIENT},
            {"weight": 5_000, "hold": "3s", "max_hold": PATIENT},
        ]
    },
    "blue_green": {"checks": ["answers"], "watch": "10s", "keep_blue": "15s"},
}  # fmt: skip


@pytest.fixture(scope="module")
def serving(kafka: RealKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    prefix = f"t{uuid.uuid4().hex[:8]}."
    with Serving(kafka.bootstrap_servers, prefix, tmp_path_factory.mktemp("kinds")) as running:
        yield running


def adopted(serving: Serving, name: str) -> Model:
    """A model with v1 in production, heard of and obeyed by every router."""
    model = serving.model(name)
    model.is_served(v1=GOOD)
    model.asks("adopt", "v1", "--policy", serving.policy(QUICK))
    model.until(lambda status: _served(status, "v1"), "v1 is heard of")
    return model


def _served(status: Json, version: str) -> bool:
    heard = {row["version"] for row in status.get("versions", []) if row.get("windows")}
    return version in heard and _obeying(status) >= set(ROUTERS)


def _obeying(status: Json) -> set[str]:
    """Which live routers are at the newest revision."""
    rows = status.get("routers", [])
    return {r["router_id"] for r in rows if r["live"] and r["revision"] == status["revision"]}


def _shares(status: Json) -> dict[str, int]:
    return {row["version"]: row["weight"] for row in status["weights"]}


def ends_with(model: Model, version: str, what: str) -> Json:
    """Until no rollout runs, `version` has everything and every router obeys that."""
    return model.until(
        lambda status: (
            "rollout" not in status
            and status["production"] == version
            and _shares(status) == {version: 10_000}
            and _obeying(status) >= set(ROUTERS)
        ),
        what,
    )


def is_in_order(serving: Serving, model: Model, *told: tuple[str, str, str]) -> None:
    """Every split was obeyed in time, by all routers; the chain holds; the history tells it."""
    obeyed = model.obeyed()
    print(*(f"{model.name}: {row}" for row in obeyed), sep="\n")
    for row in (row for row in obeyed if row.action == "rollback"):
        assert row.within_ms == WITHIN_MS
        assert row.took_ms <= row.within_ms, row
        assert row.routers >= len(ROUTERS), row
    assert not [row for row in model.tail("audit") if row["event"] == "recovery_missed"]
    assert obeyed[-1].action == "rollback"
    assert model.reads("audit", "verify")["ok"]
    history = model.reads("rollout", "history")
    assert [(row["kind"], row["candidate"], row["outcome"]) for row in history] == list(told)


@pytest.mark.kafka
@pytest.mark.verify
@pytest.mark.timeout(600)
def test_a_canary_goes_up_to_everything_and_a_bad_one_back(serving: Serving) -> None:
    model = adopted(serving, "canary")
    model.is_served(v1=GOOD, v2=GOOD)
    model.asks("rollout", "start", "--canary", "--candidate", "v2")
    ends_with(model, "v2", "promoted")
    assert model.splits() == [
        {"v1": 10_000},
        {"v2": 2_000, "v1": 8_000},
        {"v2": 5_000, "v1": 5_000},
        {"v2": 10_000},
    ]

    model.is_served(v2=GOOD, v3=GOOD)
    model.asks("rollout", "start", "--canary", "--candidate", "v3", "--steps", LONG)
    model.until(lambda status: _shares(status).get("v3") == 5_000, "v3 is at its second step")
    model.is_served(v2=GOOD, v3=BAD)
    ends_with(model, "v2", "rolled back")
    assert model.splits()[4:] == [
        {"v3": 2_000, "v2": 8_000},
        {"v3": 5_000, "v2": 5_000},
        {"v2": 10_000},
    ]
    is_in_order(serving, model, ("canary", "v2", "promoted"), ("canary", "v3", "rolled back"))
    assert "was rolled back by decision" in model.is_refused(
        "rollout", "start", "--canary", "--candidate", "v3"
    )["sentences"][0]  # fmt: skip


def _cut_over(model: Model, green: str) -> None:
    """Start green, be refused, report its check, cut over."""
    model.asks("rollout", "start", "--blue-green", "--candidate", green)
    refused = model.is_refused("rollout", "cutover")
    assert f"{green} has not passed its checks: answers was not reported" in refused["sentences"][0]
    model.asks("check", "report", green, "answers", "--passed")
    done = model.asks("rollout", "cutover")
    assert done["routers_obey"], done


@pytest.mark.kafka
@pytest.mark.verify
@pytest.mark.timeout(600)
def test_green_takes_over_after_its_checks_and_a_bad_green_is_switched_back(
    serving: Serving,
) -> None:
    model = adopted(serving, "blue-green")
    model.is_served(v1=GOOD, v2=GOOD, v3=BAD)
    _cut_over(model, "v2")
    ends_with(model, "v2", "promoted after its watch")

    def ordered() -> list[Json]:
        return [row for row in model.tail("audit") if row["event"] == "scale_down"]

    model.until(lambda _: ordered(), "blue is scaled down")
    assert [row["details"]["version"] for row in ordered()] == ["v1"]

    _cut_over(model, "v3")
    ends_with(model, "v2", "switched back")
    assert model.splits() == [
        {"v1": 10_000},
        {"v2": 0, "v1": 10_000},
        {"v2": 10_000, "v1": 0},
        {"v2": 10_000},
        {"v3": 0, "v2": 10_000},
        {"v3": 10_000, "v2": 0},
        {"v2": 10_000},
    ]
    is_in_order(
        serving, model, ("blue_green", "v2", "promoted"), ("blue_green", "v3", "rolled back")
    )


def _verdict(status: Json) -> str:
    rollout: Json = status.get("rollout", {})
    return str(rollout.get("report", {}).get("verdict", ""))


@pytest.mark.kafka
@pytest.mark.verify
@pytest.mark.timeout(600)
def test_a_test_of_three_arms_finds_its_winner_and_drops_a_bad_arm(serving: Serving) -> None:
    model = adopted(serving, "arms")
    model.is_served(v1=GOOD, v2=BELOVED, v3=GOOD)
    better = ("--criterion", "rating_mean:higher:3%")
    model.asks("ab", "start", "--arm", "v2=40%", "--arm", "v3=20%", *better)
    model.until(lambda status: _verdict(status) == "winner", "a winner")
    report = model.reads("ab", "report")
    assert report["leaders"] == ["v2"]
    assert [row["version"] for row in report["arms"]] == ["v2", "v3", "v1"]
    assert [row["event"] for row in model.tail("audit")].count("test_decided") == 1
    model.asks("ab", "stop", "--winner", "v2")
    ends_with(model, "v2", "the winner is promoted")

    model.is_served(v2=GOOD, v4=BAD, v5=GOOD)
    model.asks("ab", "start", "--arm", "v4=30%", "--arm", "v5=30%", *better)
    model.until(lambda status: _shares(status) == {"v5": 3_000, "v2": 7_000}, "v4 is taken out")
    model.asks("rollout", "rollback")
    ends_with(model, "v2", "rolled back")
    assert model.splits() == [
        {"v1": 10_000},
        {"v2": 4_000, "v3": 2_000, "v1": 4_000},
        {"v2": 10_000},
        {"v4": 3_000, "v5": 3_000, "v2": 4_000},
        {"v5": 3_000, "v2": 7_000},
        {"v2": 10_000},
    ]
    is_in_order(serving, model, ("ab", "v2", "promoted"), ("ab", "v4", "rolled back"))


def _is_proven(status: Json, candidate: str) -> bool:
    rollout = status.get("rollout") or {}
    return rollout.get("candidate") == candidate and not rollout.get("lacking")


def _promoted(model: Model, stable: str, candidate: str) -> None:
    """Started by hand and promoted once it is proven good, one after the other."""
    start = ("--stable", stable, "--candidate", candidate, "--weight", "5000")
    model.asks("rollout", "start", *start)
    model.until(lambda status: _is_proven(status, candidate), f"{candidate} is proven good")
    model.asks("rollout", "promote")


def _watch_over(status: Json, version: str) -> bool:
    rows = [row for row in status["versions"] if row["version"] == version]
    return bool(rows and rows[0].get("watch", {}).get("requests"))


@pytest.mark.kafka
@pytest.mark.verify
@pytest.mark.timeout(600)
def test_callers_who_pinned_what_is_deprecated_are_watched_and_told_of(serving: Serving) -> None:
    model = adopted(serving, "pins")
    model.is_served(v1=GOOD, v2=GOOD, v3=GOOD)
    _promoted(model, "v1", "v2")
    _promoted(model, "v2", "v3")
    given = model.splits()
    with pinned_callers(serving.here.settings, "pins", "v1", GOOD) as callers:
        model.until(lambda status: _watch_over(status, "v1"), "its watch over v1", 300)
        assert "v1 is deprecated; good so far for who pinned it: " in model.as_it_stands()
        callers.behaviour = BAD
        model.until(
            lambda status: any(row["kind"] == "pinned_breach" for row in status.get("alerts", ())),
            "what pinned callers meet is told",
        )
    assert "good so far for who pinned it: no: " in model.as_it_stands()
    (told,) = [row for row in model.tail("alerts") if row["kind"] == "pinned_breach"]
    assert told["state"] == "firing"
    assert "only callers who pinned it meet this" in told["sentence"]
    assert "Move them to v3" in told["sentence"]
    assert model.splits() == given
    assert model.reads("audit", "verify")["ok"]
