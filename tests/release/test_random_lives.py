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
from headgate.vocabulary import Status, Topic
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
from headgate.wire.rollout_requests import Promote, Rollback, SetWeight, StartRollout
from support.ledger import LedgerBench, same_but_audit
from support.people import ANN, BOB, EVE, VIC, Person, set_keys, signed_bench

DAY_MS = 86_400_000
STEPS = 2_500
NEWCOMERS = 0.4  # of the starts; unregistered ones are refused once a registered version serves
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
    }
    return fields.get(kind, {})


def _ask_well(bench: LedgerBench, chance: random.Random, number: int) -> bool:
    """Whether a change was accepted though it leaves a version in traffic without a fit."""
    kind, who = chance.choice(KINDS), chance.choice((ANN, BOB))
    fields = _fields(bench, chance, kind, number)
    if kind is StartRollout and chance.random() < NEWCOMERS:
        fields |= {"candidate": _register_newcomer(bench, chance, who, number), "overrides": ""}
    answer = who.ask(bench, kind, **fields)
    return bool(fields.get("despite_traffic")) and "Careful, it takes" in answer.sentence


def _ask_badly(bench: LedgerBench, chance: random.Random, number: int) -> None:
    """What nobody may ask for, though it would often be carried out otherwise."""
    kind, how = chance.choice(KINDS), chance.choice(REFUSED)
    who = {"stranger": EVE, "viewer": VIC}.get(how, BOB)
    request = who.make(bench, kind, **_fields(bench, chance, kind, number))
    if how == "expired":
        request = replace(request, expires_at_ms=bench.now_ms - 1)
    headers = {} if how == "unsigned" else who.sign(request)
    if how == "forged":
        request = replace(request, reason="not what was signed")
    if how == "replayed":
        bench.admit(request, headers)
    before = bench.model
    assert bench.admit(request, headers).event == "refused"
    assert same_but_audit(bench.model, before)


def _rotate(bench: LedgerBench, chance: random.Random) -> None:
    """Bob has one key, another, or both; a request by the one that went is a stranger's."""
    more = chance.choice(((), (OLD_BOB,)))
    assert set_keys(bench, ANN, BOB, VIC, *more).event == "accepted"
    answer = OLD_BOB.ask(bench, SetWeight, weight=7)
    assert more or answer.event == "refused"


def _check_versions(before: ModelState, state: ModelState, promotions: int) -> None:
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
        _ask_badly(bench, chance, number)
    elif what < 0.39:
        _rotate(bench, chance)
    else:
        bench.tick(chance.choice((30, 3_600, 86_400, 4 * 86_400)))
    return False


@pytest.mark.parametrize("seed", range(4))
def test_a_random_life_never_breaks_what_must_hold(seed: int) -> None:
    chance = random.Random(seed)
    bench = signed_bench()
    archived_ms: dict[str, int] = {}
    excepted: set[str] = set()
    promotions, rollbacks, said, refused = 0, 0, len(bench.published), 0
    left_unfit = kept_fit = 0
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
    assert promotions > 30
    assert rollbacks > 15
    assert refused > 400
    assert left_unfit
    assert kept_fit > 10
    assert len(archived_ms) > 20
    assert len(bench.model.catalogue.specs) + len(bench.model.catalogue.tombstones) > 20


def _check_the_whole(bench: LedgerBench) -> None:
    """Nothing failed within the fold, the history verifies, and a second fold says the same."""
    assert not [row for row in bench.alerts if row.kind == "entry_not_applied"]
    told = [record.value for record in bench.records if record.topic is Topic.AUDIT]
    report = verify_chains(told, {bench.model.model: bench.model.audit})
    assert report.ok, report.findings[:3]
    assert bench.replayed() == bench.records
