"""Random lives of a model, with requests good and bad: what must hold does, at every step."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from headgate.registry.compatibility import check
from headgate.registry.fitting import Fit
from headgate.registry.lifecycle import ADOPTABLE, FOLLOWS, VersionRecord
from headgate.release.splits import weight_of
from headgate.release.state import ModelState
from headgate.vocabulary import Action, Status, Topic
from headgate.wire.audit import AuditRecord
from headgate.wire.chains import verify_chains
from headgate.wire.control import Command
from headgate.wire.registry import Artifact, PromptTemplate, VersionEntry, VersionNeeds, VersionSpec
from headgate.wire.registry_requests import (
    Postpone,
    Redeploy,
    RegisterTemplate,
    RegisterVersion,
    Retain,
    SetCompatibility,
)
from headgate.wire.rollout_requests import Defer, Promote, Rollback, SetWeight, StartRollout
from support.ledger import LedgerBench, Traffic, same_but_audit
from support.people import ANN, BOB, EVE, VIC, Person, set_keys, signed_bench

DAY_MS = 86_400_000
STEPS = 2_500
NEWCOMERS = 0.4  # of the starts; unregistered ones are refused once a registered version serves
MISSPELT = 0.05  # of the candidates; never another version
DESPITE_TRAFFIC = 0.2  # of the changes of the live embedding
KINDS = (
    *[StartRollout] * 4,
    *[Promote] * 3,
    *[RegisterVersion] * 3,
    Rollback,
    SetWeight,
    RegisterTemplate,
    *[SetCompatibility] * 2,
    Postpone,
    Retain,
    Redeploy,
)
BUSY = Traffic(requests=60)
TURNS = (
    BUSY,
    Traffic(requests=60, error_rate=0.5),
    Traffic(requests=60, rating=2.0, hallucination_rate=0.3),
)
OLD_BOB = Person("bob", BOB.role, 2)
REFUSED = ("unsigned", "stranger", "viewer", "forged", "expired", "replayed")


def _spec(chance: random.Random, number: int, known: list[str]) -> VersionSpec:
    """Often sound, sometimes not: a bad number, a parent or a template that nobody knows."""
    version = chance.choice(
        (f"v{number}.0.0", f"v{number}.0.0", f"v{number}", chance.choice(known))
    )
    return VersionSpec(
        version=version,
        base_model=chance.choice(("gpt-4o", "gpt-4.1")),
        prompt_template=chance.choice(("", "t0", "t1", "t9")),
        parent_version=chance.choice(("", "", chance.choice(known), "v0.0.1")),
        compatibility=VersionNeeds(required_embeddings=chance.choice(((), ("e1",), ("e2",)))),
        artifacts=(Artifact(uri=f"s3://models/{version}"),),
    )


def _register_newcomer(bench: LedgerBench, chance: random.Random, who: Person, number: int) -> str:
    """A sound version that fits what is live, and often nothing else, before anybody starts it."""
    live = bench.model.catalogue.embedding
    needs = VersionNeeds(required_embeddings=(live,) if live and chance.random() < 0.5 else ())
    spec = VersionSpec(version=f"v{number}.0.1", base_model="gpt-4o", compatibility=needs)
    who.ask(bench, RegisterVersion, spec=spec)
    return spec.version


def _fields(bench: LedgerBench, chance: random.Random, kind: type, number: int) -> dict[str, Any]:
    state = bench.model
    known = sorted(state.versions)
    young = [name for name in known if state.versions[name].status in ADOPTABLE] or known
    version = chance.choice(known)
    template = PromptTemplate(compatible_models=chance.choice((("gpt-4o",), ("gpt-*",))))
    candidate = chance.choice((f"n{number}", version, *chance.choices(young, k=3)))
    if chance.random() < MISSPELT:
        candidate = candidate.removeprefix("v") if candidate[:1] == "v" else f"v{candidate}"
    fields: dict[type, dict[str, Any]] = {
        StartRollout: {
            "stable": state.production,
            "candidate": candidate,
            "weight": 500,
            "overrides": state.rolled_back_by.get(candidate, ""),
        },
        SetWeight: {"weight": chance.choice((0, 100, 5_000))},
        RegisterVersion: {"spec": _spec(chance, number, known)},
        RegisterTemplate: {"name": chance.choice(("t0", "t1")), "template": template},
        SetCompatibility: {
            "embedding": chance.choice(("e1", "e2")),
            "despite_traffic": chance.random() < DESPITE_TRAFFIC,
        },
        Postpone: {"version": version, "days": chance.randint(1, 40), "reason": "busy"},
        Retain: {"version": version, "lift": chance.random() < 0.7, "reason": "audit"},
        Redeploy: {"version": version},
        Rollback: {
            "version": state.rollout.candidate if state.rollout else state.production,
            "overrides": state.rolled_back_by.get(state.previous, "") if number % 2 else "",
        },
    }
    return fields.get(kind, {})


def _ask_well(bench: LedgerBench, chance: random.Random, number: int) -> bool:
    """Whether a change was accepted though it leaves a version in traffic without a fit."""
    kind, who = chance.choice(KINDS), chance.choice((ANN, BOB))
    fields = _fields(bench, chance, kind, number)
    if kind is StartRollout and chance.random() < NEWCOMERS:
        fields |= {"candidate": _register_newcomer(bench, chance, who, number), "overrides": ""}
    return _leaves_unfit(who.ask(bench, kind, **fields))


def _leaves_unfit(answer: AuditRecord) -> bool:
    return "Careful, it takes traffic" in answer.sentence


def _ask_badly(bench: LedgerBench, chance: random.Random, number: int) -> bool:
    """What nobody may ask for, though it would often be carried out otherwise. A replay begins
    with a good request: whether that left a version in traffic without a fit.
    """
    kind, how = chance.choice(KINDS), chance.choice(REFUSED)
    who = {"stranger": EVE, "viewer": VIC}.get(how, BOB)
    request = who.make(bench, kind, **_fields(bench, chance, kind, number))
    if how == "expired":
        request = replace(request, expires_at_ms=bench.now_ms - 1)
    headers = {} if how == "unsigned" else who.sign(request)
    if how == "forged":
        request = replace(request, reason="not what was signed")
    left_unfit = how == "replayed" and _leaves_unfit(bench.admit(request, headers))
    before = bench.model
    assert bench.admit(request, headers).event == "refused"
    assert same_but_audit(bench.model, before)
    return left_unfit


def _serve(bench: LedgerBench, chance: random.Random) -> None:
    """Half a minute of traffic; what is on trial, or serves, may turn out bad, and somebody who
    is paged for what has a deadline sometimes puts it off.
    """
    model = bench.model
    served = model.rollout.candidate if model.rollout else model.production
    bench.serve(15, **{model.production: BUSY, served: chance.choice(TURNS)})
    due = [row for row in bench.model.incidents.values() if row.deadline_ms and not row.acted]
    if due and chance.random() < 0.3:
        _defer(bench, chance)


def _defer(bench: LedgerBench, chance: random.Random) -> None:
    alert = chance.choice(sorted(bench.model.incidents.values(), key=lambda row: row.alert_id))
    minutes = chance.randint(1, 30)
    BOB.ask(bench, Defer, alert_id=alert.alert_id, minutes=minutes, reason="looking at it")


def _rotate(bench: LedgerBench, chance: random.Random) -> None:
    """Bob has one key, another, or both; a request by the one that went is a stranger's."""
    more = chance.choice(((), (OLD_BOB,)))
    assert set_keys(bench, ANN, BOB, VIC, *more).event == "accepted"
    answer = OLD_BOB.ask(bench, SetWeight, weight=7)
    assert more or answer.event == "refused"


def _check_versions(before: ModelState, state: ModelState, promotions: int) -> None:
    statuses = [row.status for row in state.versions.values()]
    assert statuses.count(Status.PRODUCTION) <= 2
    assert len({name.removeprefix("v") for name in state.versions}) == len(state.versions)
    if promotions >= 2 and state.previous:
        assert state.versions[state.previous].status in {Status.PRODUCTION, Status.DEPRECATED}
    elif before.previous and not state.previous:
        assert state.versions[before.previous].status is Status.CANDIDATE
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
        overridden = (earlier, later) == (Status.DEPRECATED, Status.STAGING)
        overridden = overridden and version in before.rolled_back_by
        assert later in FOLLOWS[earlier] or adopted or overridden


def _unfit(state: ModelState, version: str) -> str:
    """Why a version is known not to fit; empty where it is not."""
    answer = check(state.catalogue, version, model=state.model)
    return answer.sentence if answer.verdict is Fit.INCOMPATIBLE else ""


def _check_fit(state: ModelState, excepted: set[str]) -> None:
    """Only what was left in traffic on request, and had weight ever since, may not fit."""
    weights = state.command.weights if state.command else ()
    unfit = {arm.version for arm in weights if arm.weight and _unfit(state, arm.version)}
    assert unfit <= excepted, [_unfit(state, version) for version in unfit]
    excepted &= unfit


def _check_command(before: ModelState, state: ModelState, command: Command) -> None:
    """Nothing that is known not to fit gets more traffic than it had, on no request."""
    for arm in command.weights:
        if arm.weight > weight_of(before, arm.version):
            assert not _unfit(state, arm.version), command


def _check_order(row: AuditRecord, archived_ms: dict[str, int]) -> None:
    version = row.details["version"]
    assert row.at_ms - archived_ms[version] >= 90 * DAY_MS


def _step(bench: LedgerBench, chance: random.Random, number: int) -> bool:
    """Whether it left a version in traffic without a fit, on request."""
    what = chance.random()
    if what < 0.30:
        return _ask_well(bench, chance, number)
    if what < 0.38:
        return _ask_badly(bench, chance, number)
    if what < 0.39:
        _rotate(bench, chance)
    elif what < 0.42:
        _serve(bench, chance)
    elif what < 0.48 and bench.model.incidents:
        _defer(bench, chance)
    else:
        bench.tick(chance.choice((30, 3_600, 86_400, 4 * 86_400)))
    return False


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.verify) for seed in (2, 3))]
)
def test_a_random_life_never_breaks_what_must_hold(seed: int) -> None:
    chance = random.Random(seed)
    bench = signed_bench()
    archived_ms: dict[str, int] = {}
    excepted: set[str] = set()
    promotions, rollbacks, said, refused = 0, 0, len(bench.published), 0
    left_unfit = kept_fit = deferred = by_itself = 0
    for number in range(STEPS):
        before = bench.model
        if _step(bench, chance, number):
            excepted |= {arm.version for arm in bench.model.command.weights}
            left_unfit += 1
        fresh = [row.message for row in bench.published[said:]]
        said = len(bench.published)
        promotions += sum(getattr(row, "action", "") == "promote" for row in fresh)
        rollbacks += sum(getattr(row, "action", "") == "rollback" for row in fresh)
        refused += sum(getattr(row, "event", "") == "refused" for row in fresh)
        deferred += sum(_is_deferral(row) for row in fresh)
        by_itself += sum(_is_own_rollback(row) for row in fresh)
        kept_fit += sum("would fit no more" in getattr(row, "sentence", "") for row in fresh)
        _check_versions(before, bench.model, promotions)
        _check_fit(bench.model, excepted)
        for row in fresh:
            if isinstance(row, Command):
                _check_command(before, bench.model, row)
            elif isinstance(row, VersionEntry) and row.status in {Status.ARCHIVED, Status.REMOVED}:
                archived_ms.setdefault(row.version, row.since_ms)
            elif isinstance(row, VersionEntry):
                archived_ms.pop(row.version, None)
            elif getattr(row, "event", "") == "delete_artifact":
                _check_order(row, archived_ms)
    _check_the_whole(bench)
    assert promotions > 25
    assert rollbacks > 15
    assert refused > 400
    assert deferred
    assert by_itself
    assert left_unfit
    assert kept_fit > 10
    assert len(archived_ms) > 20
    assert len(bench.model.catalogue.specs) + len(bench.model.catalogue.tombstones) > 20


def _is_deferral(row: object) -> bool:
    return isinstance(row, AuditRecord) and row.request_type == "defer" and row.event == "accepted"


def _is_own_rollback(row: object) -> bool:
    return isinstance(row, Command) and row.action is Action.ROLLBACK and not row.operator


def _check_the_whole(bench: LedgerBench) -> None:
    """Nothing failed within the fold, the history verifies, and a second fold says the same."""
    broken = {"entry_not_applied", "model_not_judged"}
    assert not [row for row in bench.alerts if row.kind in broken]
    told = [record.value for record in bench.records if record.topic is Topic.AUDIT]
    report = verify_chains(told, {bench.model.model: bench.model.audit})
    assert report.ok, report.findings[:3]
    assert bench.replayed() == bench.records
