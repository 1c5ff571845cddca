"""The catalogue of a model: what was registered of its versions, templates and compatibility."""

from __future__ import annotations

from msgspec import Struct

from headgate.wire.registry import (
    CompatibilityRule,
    Performance,
    PromptTemplate,
    Tombstone,
    VersionSpec,
)


class Catalogue(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Declared `specs` by version, what Headgate `measured` beside them, prompt `templates` by
    name, explicit compatibility `rules` in order, the `embedding` that is live, and `families`:
    own patterns over base models, beside the defaults. `tombstones` stand for removed versions.
    """

    specs: dict[str, VersionSpec] = {}
    measured: dict[str, Performance] = {}
    templates: dict[str, PromptTemplate] = {}
    rules: tuple[CompatibilityRule, ...] = ()
    embedding: str = ""
    families: dict[str, str] = {}
    tombstones: dict[str, Tombstone] = {}


EMPTY = Catalogue()
