"""A cleanup policy as a registry file and a request write it: what may stay in each status."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from headgate.wire.registry import Many

Days = Annotated[int, Meta(ge=0, le=3640)]


class AgeLimit(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How long a version may stay in a status."""

    max_age_days: Days | None = None


class AgeAndCountLimit(AgeLimit, frozen=True, kw_only=True, omit_defaults=True):
    """How long, and how many versions of a model at a time."""

    max_versions: Many | None = None


class ProductionLimit(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Two versions are in production, the current and the previous one: no other number holds."""

    max_versions: Literal[2] = 2


class CleanupPolicy(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What may stay in each status where no promotion set dates; left out is left as it was."""

    development: AgeAndCountLimit = AgeAndCountLimit()
    staging: AgeAndCountLimit = AgeAndCountLimit()
    deprecated: AgeLimit = AgeLimit()
    archived: AgeLimit = AgeLimit()
    production: ProductionLimit = ProductionLimit()
