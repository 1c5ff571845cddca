"""Who may ask for what: roles, the request that each one opens, and sound sets of keys."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from headgate.vocabulary import Role
from headgate.wire.codec import encode
from headgate.wire.key_requests import ApplyKeys, Approve, OperatorKey
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
from headgate.wire.signatures import KeyTextError, fingerprint

KEYS_PER_OPERATOR = 2
RANK = {Role.VIEWER: 0, Role.OPERATOR: 1, Role.APPROVER: 2}

# The least role for each request; what has no row is for approvers.
NEEDS: dict[type[Request], Role] = {
    Adopt: Role.OPERATOR,
    StartRollout: Role.OPERATOR,
    SetWeight: Role.OPERATOR,
    Pause: Role.OPERATOR,
    Resume: Role.OPERATOR,
    Advance: Role.OPERATOR,
    Skip: Role.OPERATOR,
    ReportCheck: Role.OPERATOR,
    StopTest: Role.OPERATOR,
    Rollback: Role.OPERATOR,
    Promote: Role.OPERATOR,
    Defer: Role.OPERATOR,
    EndHold: Role.OPERATOR,
    SetMode: Role.OPERATOR,
    RegisterVersion: Role.OPERATOR,
    RegisterTemplate: Role.OPERATOR,
    SetCompatibility: Role.OPERATOR,
    Postpone: Role.OPERATOR,
    Retain: Role.OPERATOR,
    Redeploy: Role.OPERATOR,
    SetLifecycle: Role.APPROVER,
    SetCleanup: Role.APPROVER,
    ApplyPolicy: Role.APPROVER,
    ApplyKeys: Role.APPROVER,
    Approve: Role.APPROVER,
}

Keys = dict[str, OperatorKey]


class KeysError(ValueError):
    """Keys that are no sound set."""


def needed_role(request: Request) -> Role:
    """The least role whose key may ask for it; to end a retention is more than to ask for one."""
    if isinstance(request, Retain) and request.lift:
        return Role.APPROVER
    return NEEDS.get(type(request), Role.APPROVER)


def may(role: Role, request: Request) -> bool:
    """Whether a key of `role` may ask for it."""
    return RANK[role] >= RANK[needed_role(request)]


def may_person(keys: Keys, operator: str, request: Request) -> bool:
    """Whether any key of a person may ask for it."""
    return any(may(key.role, request) for key in keys.values() if key.operator == operator)


def approvers(keys: Iterable[OperatorKey]) -> set[str]:
    """The people who may approve."""
    return {key.operator for key in keys if key.role is Role.APPROVER}


def digest_of_keys(keys: Keys) -> str:
    """Names a set of keys with whose each is, and its role."""
    return hashlib.sha256(encode(dict(sorted(keys.items())))).hexdigest()


def sound_keys(rows: Iterable[OperatorKey]) -> Keys:
    """The keys by fingerprint. Raises `KeysError`.

    A person has one role, and two keys at most: the second is for changing over. Without an
    approver nobody could ever change the keys again.
    """
    keys: Keys = {}
    people: dict[str, list[OperatorKey]] = {}
    for row in rows:
        try:
            name = fingerprint(row.public_key)
        except KeyTextError as error:
            raise KeysError(f"{row.operator}'s public key is none: {error}") from error
        if name in keys:
            raise KeysError(f"key {name} is listed twice")
        keys[name] = row
        people.setdefault(row.operator, []).append(row)
    for operator, own in people.items():
        if len(own) > KEYS_PER_OPERATOR:
            raise KeysError(f"{operator} has {len(own)} keys; {KEYS_PER_OPERATOR} at most")
        if len({key.role for key in own}) > 1:
            raise KeysError(f"{operator}'s keys have different roles")
    if not approvers(keys.values()):
        raise KeysError("no key is an approver's: nobody could change the keys again")
    return keys
