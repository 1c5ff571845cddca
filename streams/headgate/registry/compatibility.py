"""The answer to `does it fit?`: a verdict, the rule it rests on, and what would fit instead."""

from __future__ import annotations

import re
from collections.abc import Collection

from msgspec import Struct
from msgspec.structs import replace

from headgate.registry.catalogue import Catalogue
from headgate.registry.fitting import Fit, Subject, find
from headgate.registry.semver import sort_key

MAX_ALTERNATIVES = 5
MAX_DIGITS = 18
_NUMBER = re.compile(r"[0-9]+")


class Alternative(Struct, frozen=True, kw_only=True):
    """Something compatible near what was asked: the same version or model, or the same template.

    `changes` counts what callers may notice: the template's changes from the one before it, and
    the version's breaking changes.
    """

    name: str
    template: str
    embedding: str
    changes: int = 0

    def __str__(self) -> str:
        return f"{self.name} with {self.template}" if self.template else self.name


class Answer(Struct, frozen=True, kw_only=True):
    """Whether `name` fits `template` and `embedding`, by which rule, and what fits instead."""

    name: str
    template: str
    embedding: str
    verdict: Fit
    rule: str
    alternatives: tuple[Alternative, ...] = ()

    @property
    def sentence(self) -> str:
        """The verdict and its rule as people read it."""
        beside = " and ".join(
            words
            for words in (
                f"prompt template {self.template}" if self.template else "",
                f"embedding {self.embedding}" if self.embedding else "",
            )
            if words
        )
        about = f"{self.name} with {beside}" if beside else self.name
        known = "not known to be compatible" if self.verdict is Fit.UNKNOWN else self.verdict
        return f"{about} is {known}: {self.rule}."


def subject_of(
    catalogue: Catalogue,
    name: str,
    *,
    model: str = "",
    template: str = "",
    embedding: str = "",
    api_version: str = "",
) -> Subject:
    """What is asked of a version or, where `name` is none, of a bare model such as `llama-2-7b`.

    `model` is the logical model's name. Without a `template` it is the version's own, without an
    `embedding` the live one. Entries may call a version by its own name, its base model, its
    adapter, its logical model, or as `model:version`, `model/version`, `model@version` or
    `model-version`.
    """
    spec = catalogue.specs.get(name)
    names = [name]
    if spec is not None:
        names += [spec.base_model, spec.adapter]
    if model:
        names += [f"{model}{mark}{name}" for mark in ":/@-"] + [model]
    return Subject(
        name=name,
        names=tuple(dict.fromkeys(text for text in names if text)),
        template=template or (spec.prompt_template if spec else ""),
        embedding=embedding or catalogue.embedding,
        api_version=api_version,
        spec=spec,
    )


def check(
    catalogue: Catalogue,
    name: str,
    *,
    model: str = "",
    template: str = "",
    embedding: str = "",
    api_version: str = "",
    unusable: Collection[str] = (),
) -> Answer:
    """Whether a version or bare model fits; where it is not known to, up to five that do.

    `unusable` names versions that are no alternative, such as archived ones. See `subject_of`.
    """
    subject = subject_of(
        catalogue,
        name,
        model=model,
        template=template,
        embedding=embedding,
        api_version=api_version,
    )
    found = find(catalogue, subject)
    near: tuple[Alternative, ...] = ()
    if found.fit is not Fit.COMPATIBLE:
        near = _alternatives(catalogue, subject, model, frozenset(unusable))
    return Answer(
        name=name,
        template=subject.template,
        embedding=subject.embedding,
        verdict=found.fit,
        rule=found.rule,
        alternatives=near,
    )


def _alternatives(
    catalogue: Catalogue, subject: Subject, model: str, unusable: frozenset[str]
) -> tuple[Alternative, ...]:
    """The nearest first: the newest template, then the fewest changes, then the newest version."""
    tried = [replace(subject, template=name) for name in catalogue.templates]
    tried += [
        subject_of(
            catalogue,
            other,
            model=model,
            template=subject.template,
            embedding=subject.embedding,
            api_version=subject.api_version,
        )
        for other in _others(catalogue, subject)
        if other not in unusable
    ]
    compatible = {
        (row.name, row.template): row
        for row in tried
        if (row.name, row.template) != (subject.name, subject.template)
        and find(catalogue, row).fit is Fit.COMPATIBLE
    }
    nearest = sorted(compatible.values(), key=lambda row: sort_key(row.name), reverse=True)
    nearest.sort(key=lambda row: _changes(catalogue, row))
    nearest.sort(key=lambda row: _newness(catalogue, row.template), reverse=True)
    return tuple(
        Alternative(
            name=row.name,
            template=row.template,
            embedding=row.embedding,
            changes=_changes(catalogue, row),
        )
        for row in nearest[:MAX_ALTERNATIVES]
    )


def _others(catalogue: Catalogue, subject: Subject) -> list[str]:
    """What could take the place of `subject`: versions of a version, bare models of a model."""
    if subject.name in catalogue.specs:
        return list(catalogue.specs)
    template = catalogue.templates.get(subject.template)
    listed = template.compatible_models if template else ()
    bases = [spec.base_model for spec in catalogue.specs.values()]
    explicit = [rule.model for rule in catalogue.rules if rule.compatible and rule.model]
    named = [name for name in (*listed, *explicit) if not any(mark in name for mark in "*?[")]
    return list(dict.fromkeys([*named, *bases]))


def _newness(catalogue: Catalogue, name: str) -> tuple[str, object, object]:
    """By the day of creation where it is known, else by the version or the numbers in the name."""
    template = catalogue.templates.get(name)
    created = (template.created or "") if template else ""
    numbers = tuple(int(number[:MAX_DIGITS]) for number in _NUMBER.findall(name))
    return created[:10], sort_key(name)[:2], numbers


def _changes(catalogue: Catalogue, row: Subject) -> int:
    template = catalogue.templates.get(row.template)
    breaking = row.spec.compatibility.breaking_changes if row.spec else ()
    return len(breaking) + (len(template.changes_from_previous) if template else 0)
