"""The state that the fold keeps per ledger partition: a function of the ledger's prefix alone.

Everything is immutable; a step returns a new state that shares what did not change.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from headgate.judge.recorded import Recorded
from headgate.judge.routing import History
from headgate.judge.sequential.shares import Shares
from headgate.judge.sequential.state import Evidence
from headgate.judge.verdicts import Memory
from headgate.measure.windows import Tables
from headgate.registry.catalogue import Catalogue
from headgate.registry.lifecycle import VersionRecord
from headgate.release.courses.course import Course, Paused, SafetyMark, Standby
from headgate.vocabulary import AlertKind, LifecycleStep, Mode, RolloutKind, Severity
from headgate.wire.alerts import Alert
from headgate.wire.audit import ChainHead
from headgate.wire.control import Command
from headgate.wire.key_requests import KeyApprovals, OperatorKey
from headgate.wire.registry import LifecycleSettings
from headgate.wire.reports import TestReport
from headgate.wire.requests import AnyRequest

LIVE_ROUTER_MS = 15_000
STALE_MS = 15_000


class PolicyRecord(Struct, frozen=True, kw_only=True):
    """A policy as it came through the ledger: whole content, and the digest that names it."""

    name: str
    digest: str
    content: dict[str, Any]


class Rollout(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A candidate on its way beside stable; `first_revision` is its first split.

    `course` is where it stands on a way that Headgate follows by itself; None where a person sets
    every share. `safe_since` is up to where answers count as unchecked for safety.
    """

    rollout_id: str
    stable: str
    candidate: str
    weight: int
    started_ms: int
    first_revision: int
    kind: RolloutKind = RolloutKind.MANUAL
    course: Course | None = None
    paused: Paused | None = None
    safe_since: SafetyMark = SafetyMark()


class Incident(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An open alert about a model. `deadline_ms` is when Headgate acts by itself, if it will.

    `acted` holds the decision that it led to; with `would_have`, the one that it would have led to
    outside observe mode. `version` is the judged version that it is about, "" where it is about the
    model.
    """

    alert_id: str
    kind: AlertKind
    trigger: str
    severity: Severity
    opened_ms: int
    sentence: str
    versions: tuple[str, ...] = ()
    numbers: dict[str, Any] = {}
    deadline_ms: int | None = None
    deferred: bool = False
    acted: str = ""
    would_have: bool = False
    version: str = ""


class Watched(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A version under judgement, and what its proofs remember.

    `beside` is the arm that it is compared with; while that serves nothing (and always in
    production) what is `recorded` of it is compared instead, by metric, as it was at the beginning,
    or when the step began that left it nothing.
    Windows reach back to `since_ms`, and to outcomes of `first_revision` on. `routing` keeps how
    the choices and outcomes of both arms grew, and `shares` tests the version's share where no
    outcome can tell.
    """

    version: str
    beside: str = ""
    recorded: Recorded = ()
    since_ms: int = 0
    first_revision: int = 0
    evidence: Evidence | None = None
    memories: dict[str, Memory] = {}
    routing: History = ()
    shares: Shares | None = None


class Recovery(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A command that not every live router has acknowledged yet."""

    decision_id: str
    revision: int
    issued_ms: int
    recover_by_ms: int | None = None
    missed: bool = False


class RouterState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one router said last, and at which ledger time.

    `chosen` counts its choices by revision and version, in order. `refused` counts the commands
    that it did not trust since it started; `refused_ms` is when that last grew.
    """

    revision: int
    heard_ms: int
    started_at_ms: int = 0
    chosen: dict[tuple[int, str], int] = {}
    refused: int = 0
    refused_ms: int = 0


class Notice(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A lifecycle step that was announced on alerts, and is to come at `at_ms`."""

    alert_id: str
    version: str
    step: LifecycleStep
    at_ms: int
    announced_ms: int
    reminded: bool = False
    would_have: bool = False


class Waiting(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request that waits for a second person until `until_ms`; `key_id` signed it.

    `about` is the rollout that ran when it came or, where none did, the version in production; of a
    request for all models the digest of the keys that counted.
    """

    request: AnyRequest
    digest: str
    until_ms: int
    key_id: str = ""
    about: str = ""


class ModelState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One model: split, rollout, tables, what is judged, incidents and routers.

    `watched` has the versions under judgement, in the order of the split, and `pinned` those
    deprecated that answer callers who pinned them. `choices` counts what routers chose, by version,
    since the rollout began, `answers` what was heard of them, as requests; `misrouted_ms` is when
    an outcome last told of a misroute, or could not. `changed_offset` is the ledger offset of the
    last entry that changed anything here; `split_since_revision` the first revision with the
    weights in force. `standby` is what a blue-green rollout replaced, and `rolled_back_by` the
    decision by which a version was last rolled back from. `last_report` is what the comparison that
    ended last said. `notices` are the lifecycle steps that were announced, by `step/version`;
    before `lifecycle_at_ms` none can be due.
    """

    model: str
    born_ms: int
    changed_offset: int = -1
    changed_ms: int = 0
    mode: Mode = Mode.ENFORCE
    policy: PolicyRecord | None = None
    production: str = ""
    previous: str = ""
    versions: dict[str, VersionRecord] = {}
    catalogue: Catalogue = Catalogue()
    command: Command | None = None
    split_since_revision: int = 0
    rollout: Rollout | None = None
    tables: Tables = Tables()
    watched: dict[str, Watched] = {}
    pinned: dict[str, Watched] = {}
    choices: dict[str, int] = {}
    answers: dict[str, int] = {}
    misrouted_ms: int = 0
    incidents: dict[str, Incident] = {}
    recovery: Recovery | None = None
    standby: Standby | None = None
    rolled_back_by: dict[str, str] = {}
    routers: dict[str, RouterState] = {}
    republished_ms: int = 0
    lifecycle: LifecycleSettings = LifecycleSettings()
    notices: dict[str, Notice] = {}
    lifecycle_at_ms: int = 0
    waiting: dict[str, Waiting] = {}
    last_report: TestReport | None = None
    audit: ChainHead = ChainHead()


class SourceProgress(Struct, frozen=True, kw_only=True):
    """How far ingest has read one partition of outcomes, by ledger time.

    `goal_offset` is an end that it has not reached yet, known since `goal_ms`.
    """

    next_offset: int
    end_offset: int
    pane_time_ms: int
    heard_ms: int
    goal_offset: int
    goal_ms: int


class PartitionState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All models of one ledger partition, its time, and how fresh its view is.

    `began_ms` is the ledger time of the first entry, `ticked_ms` of the newest tick; `seen` holds
    the highest source offset applied per `topic-partition` of requests and acks. `keys` are by
    fingerprint; `requests` holds ids of requests with when each expires. `approvals` says which
    requests for all models wait for a second person, and `waiting` are those that do.
    """

    ledger_partition: int
    next_offset: int = 0
    began_ms: int = 0
    time_ms: int = 0
    ticked_ms: int = 0
    writer_clock_ms: int = 0
    mode: Mode = Mode.ENFORCE
    seen: dict[str, int] = {}
    progress: dict[int, SourceProgress] = {}
    alerts: dict[AlertKind, Alert] = {}
    keys: dict[str, OperatorKey] = {}
    requests: dict[str, int] = {}
    approvals: KeyApprovals | None = None
    waiting: dict[str, Waiting] = {}
    audit: ChainHead = ChainHead()
    models: dict[str, ModelState] = {}
