"""Tombstones: what is kept of a removed version, so that its number is never used again."""

from __future__ import annotations

from typing import TypeVar

from msgspec.structs import replace

from headgate.registry.catalogue import Catalogue
from headgate.vocabulary import Status, short_digest
from headgate.wire.codec import encode
from headgate.wire.registry import Artifact, Tombstone, VersionSpec

T = TypeVar("T")


def bury(catalogue: Catalogue, version: str) -> Catalogue:
    """The catalogue with a tombstone in place of all that was declared and measured of a version.

    What its artifacts are and whom to tell stays until the order to delete them.
    """
    spec = catalogue.specs.get(version)
    measured = _without(catalogue.measured, version)
    if spec is None:
        return replace(catalogue, measured=measured)
    stone = Tombstone(
        content_digest=content_digest(spec),
        parent_version=spec.parent_version,
        artifacts=spec.artifacts,
        stakeholders=spec.stakeholders,
    )
    return replace(
        catalogue,
        specs=_without(catalogue.specs, version),
        measured=measured,
        tombstones={**catalogue.tombstones, version: stone},
    )


def emptied(catalogue: Catalogue, version: str) -> Catalogue:
    """The catalogue once the order to delete a version's artifacts went out."""
    stone = catalogue.tombstones.get(version)
    if stone is None:
        return catalogue
    bare = replace(stone, artifacts=(), stakeholders=())
    return replace(catalogue, tombstones={**catalogue.tombstones, version: bare})


def content_digest(spec: VersionSpec) -> str:
    """Names what a spec declares; where it is in its life is not content."""
    return short_digest(encode(replace(spec, status=Status.DEVELOPMENT)), 32)


def artifacts_of(catalogue: Catalogue, version: str) -> tuple[Artifact, ...]:
    """The artifacts of a version, removed or not."""
    known = catalogue.specs.get(version) or catalogue.tombstones.get(version)
    return known.artifacts if known else ()


def stakeholders_of(catalogue: Catalogue, version: str) -> tuple[str, ...]:
    """Whom to tell of a version, removed or not."""
    known = catalogue.specs.get(version) or catalogue.tombstones.get(version)
    return known.stakeholders if known else ()


def _without(rows: dict[str, T], version: str) -> dict[str, T]:
    return {name: row for name, row in rows.items() if name != version}
