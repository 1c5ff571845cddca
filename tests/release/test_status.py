"""The status of a model: what people read is what the state holds."""

from __future__ import annotations

import pytest
from msgspec import to_builtins

from headgate.release.status import model_status
from headgate.vocabulary import Verdict
from headgate.wire.codec import encode
from headgate.wire.messages import STATUS
from headgate.wire.registry import VersionSpec
from headgate.wire.registry_requests import RegisterVersion
from headgate.wire.rollout_requests import Promote, StartRollout
from headgate.wire.status import ModelStatus
from support.ledger import LedgerBench, Traffic, policy_content


def _status(
    seconds: float = 20, *, policy: str = "default", before: float = 0, **arms: Traffic
) -> tuple[LedgerBench, ModelStatus]:
    bench = LedgerBench()
    bench.adopt(policy_content(policy))
    if before:
        bench.serve(before, v1=Traffic(cost_usd=0.001))
    bench.start(weight=2500)
    bench.serve(seconds, **(arms or {"v1": Traffic(rating=4.2), "v2": Traffic()}))
    return bench, model_status(bench.state, bench.model)


def test_it_says_what_runs_and_who_obeys() -> None:
    bench, status = _status()
    assert (status.production, status.revision) == ("v1", bench.commands[-1].revision)
    assert [(row.version, row.weight) for row in status.weights] == [("v2", 2500), ("v1", 7500)]
    assert status.rollout is not None
    assert (status.rollout.stable, status.rollout.candidate) == ("v1", "v2")
    assert [(router.router_id, router.live) for router in status.routers] == [("r1", True)]
    assert not status.recovering


def test_every_version_has_every_window_and_a_total() -> None:
    _, status = _status()
    roles = {version.version: (version.role, version.lifecycle) for version in status.versions}
    assert roles == {"v1": ("stable", "production"), "v2": ("candidate", "candidate")}
    for version in status.versions:
        assert [row.window_s for row in version.windows] == [60, 300, 3600, 0]
        assert {row.requests for row in version.windows} == {2000}


def test_what_pinned_callers_of_a_deprecated_version_meet_is_shown_before_idle_versions() -> None:
    bench = LedgerBench()
    bench.adopt(version="v90")
    for version in ("v91", "v92"):
        bench.request(StartRollout, stable=bench.model.production, candidate=version, weight=5000)
        bench.request(Promote)
    for number in range(30):
        spec = VersionSpec(version=f"v1.0.{number}", base_model="m")
        assert bench.request(RegisterVersion, spec=spec).event == "accepted"
    bench.serve(3, v92=Traffic(), v90=Traffic(error_rate=0.5, revision=0))
    status = model_status(bench.state, bench.model)
    assert [row.version for row in status.versions[:3]] == ["v91", "v92", "v90"]
    pinned = status.versions[2]
    assert (pinned.lifecycle, pinned.weight) == ("deprecated", 0)
    assert pinned.windows[0].requests == 300
    assert pinned.windows[0].error_rate == pytest.approx(0.5, abs=0.1)


def test_a_rate_is_taken_over_the_time_that_was_heard_and_not_over_the_whole_window() -> None:
    _, status = _status()
    for version in status.versions:
        assert version.windows[0].requests_per_s == pytest.approx(100, rel=0.5)
        assert version.windows[1].requests_per_s == pytest.approx(100, rel=0.5)


def test_every_trigger_has_its_verdict_and_a_sentence() -> None:
    bad = Traffic(error_rate=0.2)
    _, status = _status(30, v1=Traffic(), v2=bad)
    assert status.triggers == ()  # rolled back: nothing is judged any more
    _, status = _status(8, policy="threshold", v1=Traffic(), v2=bad)
    by_name = {row.trigger: row for row in status.triggers}
    assert by_name["error_rate"].verdict is Verdict.SUSPECT
    assert by_name["error_rate"].since_ms is not None
    assert all(row.because.sentence for row in status.triggers)


def test_open_incidents_are_shown_as_their_alerts() -> None:
    _, status = _status(30, before=20, v1=Traffic(cost_usd=0.001), v2=Traffic(cost_usd=0.01))
    assert [alert.trigger for alert in status.alerts] == ["cost"]


def test_it_survives_the_wire() -> None:
    _, status = _status()
    assert to_builtins(STATUS.decode(encode(status))) == to_builtins(status)
