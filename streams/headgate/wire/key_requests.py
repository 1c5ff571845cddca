"""Requests about who may ask for what: operators' keys, and a second person's approval."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from headgate.vocabulary import Role
from headgate.wire.fields import Name
from headgate.wire.request import Request


class OperatorKey(Struct, frozen=True, kw_only=True):
    """A person's public key (32 bytes in base64), whose it is, and what it may ask for."""

    operator: Name
    role: Role
    public_key: Annotated[str, Meta(min_length=44, max_length=44)]


class KeyApprovals(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What asked for all models waits for a second person until `within_ms` after it was asked for.

    A change of the keys always does (unless keys only go), or it would undo the rule.
    """

    actions: Annotated[
        tuple[Literal["apply_keys", "set_mode"], ...], Meta(min_length=1, max_length=2)
    ]
    within_ms: Annotated[int, Meta(ge=1_000, le=86_400_000)] = 1_800_000


class ApplyKeys(Request, frozen=True, kw_only=True, tag="apply_keys", omit_defaults=True):
    """From now on these keys count and no others, and this rule about a second person or none;
    `model` is `*`.
    """

    keys: Annotated[tuple[OperatorKey, ...], Meta(min_length=1, max_length=64)]
    approvals: KeyApprovals | None = None


class Approve(Request, frozen=True, kw_only=True, tag="approve", omit_defaults=True):
    """A second person's yes to one exact request: its id, and the SHA-256 of what it says."""

    approves: Name
    digest: Annotated[str, Meta(min_length=64, max_length=64)]
