"""Fifty-two weeks of one model's life, and random lives: the timeline and what never happens."""

from __future__ import annotations

import time

import msgspec
import pytest
from msgspec.structs import replace

from headgate.release.checkpoints import _to_wire, freeze
from headgate.release.state import ModelState
from headgate.wire.registry import (
    Artifact,
    Parameters,
    Performance,
    PromptTemplate,
    TrainedOn,
    VersionEntry,
    VersionSpec,
)
from headgate.wire.registry_requests import RegisterTemplate, RegisterVersion
from headgate.wire.rollout_requests import Promote, StartRollout
from support.ledger import LedgerBench, Traffic

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
LAST_DAY = 52 * 7 + 3

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


def test_every_version_of_the_year_goes_by_the_rule_behind_the_table() -> None:
    found, promoted = _days(_a_year()), {"v1": 0, **_promotion_days()}
    for number in range(1, 41):
        days = _by_the_rule(number, promoted)
        mine = {name: day for name, day in found[f"v{number}"].items() if name != "candidate"}
        assert mine == {name: day for name, day in days.items() if day <= LAST_DAY}, number


def _by_the_rule(number: int, promoted: dict[str, int]) -> dict[str, int]:
    """Weeks 1, 4 and 10 after it was replaced; two serve at most; `previous` waits for a week after
    the next promotion; 90 days lie between archive and order.
    """
    days = {"production": promoted[f"v{number}"]}
    replaced, passed_on = (promoted.get(f"v{number + more}") for more in (1, 2))
    if replaced is not None:
        days["deprecated"] = replaced + 7 if passed_on is None else min(replaced + 7, passed_on)
    if replaced is not None and passed_on is not None:
        days["archived"] = max(replaced + 28, passed_on + 7)
        days["removed"] = max(replaced + 70, days["archived"] + 42)
        days["ordered"] = max(days["removed"], days["archived"] + 90)
    return days


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


def test_fifty_registered_measured_versions_with_their_tables_are_kept_in_less_than_64_kb() -> None:
    bench = LedgerBench()
    bench.adopt()
    template = PromptTemplate(compatible_models=("provider-*",), changes_from_previous=("json",))
    bench.request(RegisterTemplate, name="support-v12", template=template)
    busy = Traffic(rating=4.3, hallucination_rate=0.01, tokens=600, cost_usd=0.002)
    for number in range(2, 51):
        production, version = bench.model.production, f"v{number}.0.0"
        spec = replace(_spec(version), parent_version=production if number > 2 else "")
        assert bench.request(RegisterVersion, spec=spec).event == "accepted"
        start = {"stable": production, "candidate": version, "weight": 5000}
        assert bench.request(StartRollout, **start).event == "accepted"
        bench.serve(1, **{production: busy, version: busy})
        assert bench.request(Promote).event == "accepted"
        bench.tick(DAY_MS / 1000)
    assert sum(row.measured is not None for row in bench.messages(VersionEntry)) > 49
    assert len(bench.model.versions) == 50
    assert len(bench.model.tables.totals) == 50
    _, parts = freeze(bench.state, bench.model.model)
    assert sum(map(len, parts.values())) < 64_000


def _size(model: ModelState) -> int:
    """Bytes in a checkpoint before compression, without the traffic tables."""
    bare = replace(model, tables=ModelState(model="m", born_ms=0).tables)
    return len(msgspec.msgpack.Encoder(enc_hook=_to_wire).encode(bare))


@pytest.mark.verify
def test_what_a_year_of_one_model_costs() -> None:
    began = time.process_time()
    bench = _a_year()
    took_s = time.process_time() - began
    print(f"a year in hourly ticks: {took_s:.1f} s, {_size(bench.model)} bytes of state")
    assert took_s < 30
