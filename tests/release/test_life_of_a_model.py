"""Fifty-two weeks of one model's life, and random lives: the timeline and what never happens."""

from __future__ import annotations

import random
import time
from itertools import pairwise

import msgspec
import pytest
from msgspec.structs import replace

from headgate.registry.lifecycle import ADOPTABLE, FOLLOWS, VersionRecord
from headgate.release.checkpoints import _to_wire
from headgate.release.splits import weight_of
from headgate.release.state import ModelState
from headgate.vocabulary import Status, Topic
from headgate.wire.chains import verify_chains
from headgate.wire.registry import (
    Artifact,
    Parameters,
    Performance,
    TrainedOn,
    VersionEntry,
    VersionSpec,
)
from headgate.wire.requests import (
    Postpone,
    Promote,
    Redeploy,
    Retain,
    Rollback,
    StartRollout,
)
from support.ledger import LedgerBench

HOUR_MS, DAY_MS = 3_600_000, 86_400_000

# Day of the year on which a version came to a status. A version is promoted every 9 days up to v30,
# then every 6 days, with a pause of 54 days after v20, so that v19 waits as the previous version.
TABLE = {
    "v1": {"production": 0, "deprecated": 16, "archived": 37, "removed": 79, "ordered": 127},
    "v2": {"production": 9, "deprecated": 25, "archived": 46, "removed": 88, "ordered": 136},
    "v10": {"production": 81, "deprecated": 97, "archived": 118, "removed": 160, "ordered": 208},
    "v18": {"production": 153, "deprecated": 169, "archived": 190, "removed": 232, "ordered": 280},
    "v19": {"production": 162, "deprecated": 178, "archived": 232, "removed": 274, "ordered": 322},
    "v20": {"production": 171, "deprecated": 232, "archived": 253, "removed": 295, "ordered": 343},
    "v21": {"production": 225, "deprecated": 241, "archived": 262, "removed": 304, "ordered": 352},
    "v30": {"production": 306, "deprecated": 318, "archived": 340},
    "v38": {"production": 354, "deprecated": 366},
}


def _promotion_days() -> dict[str, int]:
    days = {f"v{number}": (number - 1) * 9 for number in range(2, 21)}
    days.update({f"v{number}": 225 + (number - 21) * 9 for number in range(21, 31)})
    days.update({f"v{number}": 306 + (number - 30) * 6 for number in range(31, 41)})
    return days


def _spec(version: str) -> VersionSpec:
    """A version as teams declare it, with all that a registry file has."""
    return VersionSpec(
        version=version,
        base_model="provider-large-2025-06-01",
        adapter="support-lora-7",
        prompt_template="support-v12",
        system_prompt_hash="sha256:0f1e2d3c4b5a",
        parameters=Parameters(temperature=0.2, max_tokens=800, top_p=0.9),
        created="2025-06-01",
        created_by="ann",
        parent_version="v1",
        performance=Performance(accuracy=0.93, latency_p50_ms=700, latency_p95_ms=1900),
        trained_on=TrainedOn(
            dataset="tickets-2025-05", dataset_hash="sha256:aa", num_examples=9000
        ),
        artifacts=(Artifact(uri=f"s3://models/support/{version}", digest="sha256:0a1b2c3d"),),
        stakeholders=("search-team", "billing"),
        notes="Shorter answers, fewer refusals.",
    )


def _a_year() -> LedgerBench:
    bench = LedgerBench()
    bench.adopt()
    due = {day * 24: version for version, day in _promotion_days().items()}
    for hour in range(1, 52 * 7 * 24 + 1 + 72):
        bench.tick(HOUR_MS / 1000)
        if hour in due:
            production = bench.model.production
            bench.request(StartRollout, stable=production, candidate=due[hour], weight=500)
            assert bench.request(Promote).event == "accepted"
    return bench


def _days(bench: LedgerBench) -> dict[str, dict[str, int]]:
    """When each version came to each status, in days, as the registry told it."""
    began_ms = bench.messages(VersionEntry)[0].since_ms
    seen: dict[str, dict[str, int]] = {}
    for entry in bench.messages(VersionEntry):
        mine = seen.setdefault(entry.version, {})
        mine.setdefault(str(entry.status), round((entry.since_ms - began_ms) / DAY_MS))
    for row in bench.audit:
        if row.event == "delete_artifact":
            day = round((row.at_ms - began_ms) / DAY_MS)
            seen[row.details["version"]]["ordered"] = day
    return seen


def test_fifty_two_weeks_with_forty_versions_give_the_timeline_of_the_table() -> None:
    bench = _a_year()
    found = _days(bench)
    assert len(found) == 40
    for version, days in TABLE.items():
        mine = {name: day for name, day in found[version].items() if name != "candidate"}
        assert mine == days, version


def test_a_model_with_fifty_versions_keeps_less_than_64_kb() -> None:
    bench = LedgerBench()
    bench.adopt()
    for number in range(2, 51):
        production = bench.model.production
        candidate = f"v{number}.0.0"
        bench.request(StartRollout, stable=production, candidate=candidate, weight=500)
        bench.request(Promote, reason="proven good in the canary of two weeks")
        bench.tick(DAY_MS / 1000)
    model = bench.model
    specs = {name: _spec(name) for name in model.versions}
    model = replace(model, catalogue=replace(model.catalogue, specs=specs))
    assert len(model.versions) == 50
    assert _size(model) < 64_000


def _size(model: ModelState) -> int:
    """Bytes in a checkpoint before compression, without the traffic tables."""
    bare = replace(model, tables=ModelState(model="m", born_ms=0).tables)
    return len(msgspec.msgpack.Encoder(enc_hook=_to_wire).encode(bare))


def _ask(bench: LedgerBench, chance: random.Random, number: int) -> None:
    known = sorted(bench.model.versions)
    version = chance.choice(known)
    kind = chance.choice(
        (StartRollout, StartRollout, Promote, Rollback, Postpone, Retain, Redeploy)
    )
    fields: dict[type, dict[str, object]] = {
        StartRollout: {
            "stable": bench.model.production,
            "candidate": chance.choice((f"n{number}", version)),
            "weight": 500,
        },
        Postpone: {"version": version, "days": chance.randint(1, 40), "reason": "busy"},
        Retain: {"version": version, "lift": chance.random() < 0.7, "reason": "audit"},
        Redeploy: {"version": version},
    }
    bench.request(kind, **fields.get(kind, {}))


def _check(before: ModelState, state: ModelState, promotions: int) -> None:
    statuses = [row.status for row in state.versions.values()]
    assert statuses.count(Status.PRODUCTION) <= 2
    if promotions >= 2:
        assert state.previous
        assert state.versions[state.previous].status in {Status.PRODUCTION, Status.DEPRECATED}
    for version, record in state.versions.items():
        if record.status in {Status.ARCHIVED, Status.REMOVED}:
            assert weight_of(state, version) == 0
        _check_path(before, version, record)


def _check_path(before: ModelState, version: str, record: VersionRecord) -> None:
    """Every change since the step before is one that the lifecycle has."""
    known = before.versions.get(version)
    fresh = record.changes - (known.changes if known else 0)
    path = [row.status for row in record.history[len(record.history) - fresh :]]
    for earlier, later in pairwise([known.status, *path] if known else path):
        adopted = later is Status.PRODUCTION and earlier in ADOPTABLE and not before.production
        assert later in FOLLOWS[earlier] or adopted


@pytest.mark.parametrize("seed", range(4))
def test_a_random_life_never_breaks_what_must_hold(seed: int) -> None:
    chance = random.Random(seed)
    bench = LedgerBench(seed=seed)
    bench.adopt()
    archived_ms: dict[str, int] = {}
    promotions, said = 0, len(bench.published)
    for number in range(2_500):
        before = bench.model
        if chance.random() < 0.35:
            _ask(bench, chance, number)
        else:
            bench.tick(chance.choice((30, 3_600, 86_400, 4 * 86_400)))
        fresh = [row.message for row in bench.published[said:]]
        said = len(bench.published)
        promotions += sum(getattr(row, "action", "") == "promote" for row in fresh)
        _check(before, bench.model, promotions)
        for row in fresh:
            if isinstance(row, VersionEntry) and row.status is Status.ARCHIVED:
                archived_ms[row.version] = row.since_ms
            if getattr(row, "event", "") == "delete_artifact":
                version = row.details["version"]
                assert row.at_ms - archived_ms[version] >= 90 * DAY_MS
    assert promotions > 30
    assert len(archived_ms) > 20
    assert not [row for row in bench.alerts if row.kind == "entry_not_applied"]
    told = [record.value for record in bench.records if record.topic is Topic.AUDIT]
    report = verify_chains(told, {bench.model.model: bench.model.audit})
    assert report.ok, report.findings[:3]


@pytest.mark.verify
def test_what_a_year_of_one_model_costs() -> None:
    began = time.perf_counter()
    bench = _a_year()
    took_s = time.perf_counter() - began
    print(f"a year in hourly ticks: {took_s:.1f} s, {_size(bench.model)} bytes of state")
