"""Every kind of request, and the digest that names one exactly."""

from __future__ import annotations

import hashlib

from headgate.wire.codec import encode
from headgate.wire.key_requests import ApplyKeys, Approve
from headgate.wire.registry_requests import (
    Postpone,
    Redeploy,
    RegisterTemplate,
    RegisterVersion,
    Retain,
    SetCleanup,
    SetCompatibility,
    SetLifecycle,
)
from headgate.wire.request import Request
from headgate.wire.rollout_requests import (
    Adopt,
    Advance,
    ApplyPolicy,
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

AnyRequest = (
    Adopt
    | ApplyPolicy
    | StartRollout
    | SetWeight
    | Pause
    | Resume
    | Advance
    | Skip
    | ReportCheck
    | StopTest
    | Rollback
    | Promote
    | Defer
    | EndHold
    | SetMode
    | RegisterVersion
    | RegisterTemplate
    | SetCompatibility
    | SetLifecycle
    | Postpone
    | Retain
    | Redeploy
    | ApplyKeys
    | Approve
    | SetCleanup
)


def digest_of_request(request: Request) -> str:
    """What an approval names beside the id: SHA-256 (hex) of the canonical bytes."""
    return hashlib.sha256(encode(request)).hexdigest()
