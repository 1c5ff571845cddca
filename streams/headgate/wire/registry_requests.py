"""Requests about what is registered of a model, and what becomes of its versions."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from headgate.wire.cleanup import CleanupPolicy
from headgate.wire.fields import Name, Text
from headgate.wire.registry import CompatibilityRule, LifecycleSettings, PromptTemplate, VersionSpec
from headgate.wire.request import FitRequest, Request

MAX_POSTPONE_DAYS = 365


class RegisterVersion(
    FitRequest, frozen=True, kw_only=True, tag="register_version", omit_defaults=True
):
    """Declare a version. Its status may be development or staging; more than that is earned."""

    spec: VersionSpec


class RegisterTemplate(
    FitRequest, frozen=True, kw_only=True, tag="register_template", omit_defaults=True
):
    """Declare a prompt template, or which models it fits by now."""

    name: Name
    template: PromptTemplate


class SetCompatibility(
    FitRequest, frozen=True, kw_only=True, tag="set_compatibility", omit_defaults=True
):
    """The whole list of explicit rules, the live embedding, and patterns of model families."""

    rules: Annotated[tuple[CompatibilityRule, ...], Meta(max_length=256)] = ()
    embedding: Text = ""
    families: Annotated[dict[Name, Name], Meta(max_length=64)] = field(default_factory=dict)


class SetLifecycle(Request, frozen=True, kw_only=True, tag="set_lifecycle", omit_defaults=True):
    """When versions go on by themselves; what `settings` leave out has its default."""

    settings: LifecycleSettings


class Postpone(Request, frozen=True, kw_only=True, tag="postpone", omit_defaults=True):
    """Put a version's next step off by days, with a reason."""

    version: Name
    days: Annotated[int, Meta(ge=1, le=MAX_POSTPONE_DAYS)]


class Retain(Request, frozen=True, kw_only=True, tag="retain", omit_defaults=True):
    """Keep a version and its artifacts for compliance, with a reason; `lift` ends that."""

    version: Name
    lift: bool = False


class Redeploy(Request, frozen=True, kw_only=True, tag="redeploy", omit_defaults=True):
    """An archived version was deployed again: it is in staging."""

    version: Name


class SetCleanup(Request, frozen=True, kw_only=True, tag="set_cleanup", omit_defaults=True):
    """How long and how many versions may stay in a status; what is left out stays as it was."""

    cleanup: CleanupPolicy
