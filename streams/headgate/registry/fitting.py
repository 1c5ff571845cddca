"""Does a model fit a prompt template and an embedding, and by which rule? Unknown is an answer.

Two questions are asked, and the worse answer counts. Do the three parts fit one another? An
explicit entry decides; else what the template lists and which embeddings the version requires. Are
callers ready? The least API version and the breaking changes that the version declares decide.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from fnmatch import fnmatchcase

from msgspec import Struct

from headgate.registry.catalogue import Catalogue
from headgate.registry.semver import place_of
from headgate.wire.registry import CompatibilityRule, PromptTemplate, VersionSpec


class Fit(StrEnum):
    """Whether things work together, as far as is known."""

    COMPATIBLE = "compatible"
    UNKNOWN = "unknown"
    INCOMPATIBLE = "incompatible"


class Subject(Struct, frozen=True, kw_only=True):
    """What is asked about: a version or a bare model by its `names`, with a template and an
    embedding ('' where there is none or it is not known). `api_version` is what callers speak.
    """

    name: str
    names: tuple[str, ...]
    template: str = ""
    embedding: str = ""
    api_version: str = ""
    spec: VersionSpec | None = None


class Finding(Struct, frozen=True):
    """A verdict and, in a sentence, the rule that it rests on."""

    fit: Fit
    rule: str


_WORST_FIRST = (Fit.INCOMPATIBLE, Fit.UNKNOWN, Fit.COMPATIBLE)


def find(catalogue: Catalogue, subject: Subject) -> Finding:
    """The verdict on `subject`: the worst of what is found; all of it where all of it fits."""
    explicit = _explicit(catalogue.rules, subject)
    parts = [explicit] if explicit else _derived(catalogue, subject)
    return _worst([*parts, *_callers(subject)])


def _worst(found: Iterable[Finding]) -> Finding:
    rows = list(found)
    worst = min(rows, key=lambda finding: _WORST_FIRST.index(finding.fit))
    if worst.fit is not Fit.COMPATIBLE:
        return worst
    return Finding(Fit.COMPATIBLE, "; ".join(row.rule for row in rows))


def _explicit(rules: tuple[CompatibilityRule, ...], subject: Subject) -> Finding | None:
    """The entry that says most of `subject`; of two that say as much, the one that says no."""
    matching = [rule for rule in rules if _applies(rule, subject)]
    if not matching:
        return None
    rule = max(matching, key=lambda row: (*_precision(row), not row.compatible))
    words = [
        f"{part} {value}"
        for part, value in (
            ("model", rule.model),
            ("prompt template", rule.prompt_template),
            ("embedding", rule.embedding),
        )
        if value
    ]
    fit = Fit.COMPATIBLE if rule.compatible else Fit.INCOMPATIBLE
    entry = f"the entry for {', '.join(words) or 'everything'}"
    return Finding(fit, f"{entry} says {fit}{_why(rule.reason)}")


def _applies(rule: CompatibilityRule, subject: Subject) -> bool:
    return (
        (not rule.model or _matches(rule.model, subject.names))
        and (not rule.prompt_template or _matches(rule.prompt_template, (subject.template,)))
        and (not rule.embedding or _matches(rule.embedding, (subject.embedding,)))
    )


def _precision(rule: CompatibilityRule) -> tuple[int, int]:
    given = [part for part in (rule.model, rule.prompt_template, rule.embedding) if part]
    return len(given), sum(not _is_pattern(part) for part in given)


def _derived(catalogue: Catalogue, subject: Subject) -> list[Finding]:
    """What the template and the version's own needs say; never empty."""
    found = [*_by_template(catalogue, subject), *_by_embedding(subject)]
    if found:
        return found
    if subject.spec is None:
        return [Finding(Fit.UNKNOWN, f"nothing is registered of {subject.name}")]
    return [
        Finding(
            Fit.COMPATIBLE,
            f"{subject.name} names no prompt template and requires no particular embedding",
        )
    ]


def _by_template(catalogue: Catalogue, subject: Subject) -> list[Finding]:
    if not subject.template:
        return []
    name, template = subject.template, catalogue.templates.get(subject.template)
    if template is None:
        return [Finding(Fit.UNKNOWN, f"prompt template {name} is not registered")]
    listed = _listed(template, subject)
    if listed is None:
        return [Finding(Fit.UNKNOWN, f"prompt template {name} does not list {_called(subject)}")]
    pattern, fits = listed
    if fits:
        rule = f"prompt template {name} lists {pattern} as compatible"
        return [Finding(Fit.COMPATIBLE, rule)]
    reason = _why(template.incompatible_models[pattern])
    return [Finding(Fit.INCOMPATIBLE, f"prompt template {name} rules out {pattern}{reason}")]


def _listed(template: PromptTemplate, subject: Subject) -> tuple[str, bool] | None:
    """The entry of the template that is about the model: a name beats a pattern, a no a yes."""
    entries = [(pattern, False) for pattern in template.incompatible_models]
    entries += [(pattern, True) for pattern in template.compatible_models]
    matching = [entry for entry in entries if _matches(entry[0], subject.names)]
    return min(matching, key=lambda entry: (_is_pattern(entry[0]), entry[1]), default=None)


def _by_embedding(subject: Subject) -> list[Finding]:
    needed = subject.spec.compatibility.required_embeddings if subject.spec else ()
    if not needed:
        return []
    wanted = " or ".join(needed)
    if not subject.embedding:
        rule = f"{subject.name} requires embedding {wanted}, and which one is live is not known"
        return [Finding(Fit.UNKNOWN, rule)]
    if any(_matches(pattern, (subject.embedding,)) for pattern in needed):
        rule = f"embedding {subject.embedding} is one that {subject.name} requires"
        return [Finding(Fit.COMPATIBLE, rule)]
    rule = f"{subject.name} requires embedding {wanted}, not {subject.embedding}"
    return [Finding(Fit.INCOMPATIBLE, rule)]


def _callers(subject: Subject) -> list[Finding]:
    """Whether callers are ready; nothing where the version asks nothing of them."""
    needs = subject.spec.compatibility if subject.spec else None
    if needs is None or not (needs.min_api_version or needs.breaking_changes):
        return []
    least, name = needs.min_api_version, subject.name
    if not least:
        first = needs.breaking_changes[0].rstrip(".")
        rule = f"{name} breaks callers ({first}) and names no min_api_version that is safe"
        return [Finding(Fit.UNKNOWN, rule)]
    if not subject.api_version:
        rule = f"{name} needs API {least}, and the policy names no api_version that callers speak"
        return [Finding(Fit.UNKNOWN, rule)]
    wanted, spoken = place_of(least), place_of(subject.api_version)
    if wanted is None or spoken is None:
        rule = f"{name} needs API {least}, which cannot be compared with {subject.api_version}"
        return [Finding(Fit.UNKNOWN, rule)]
    if spoken < wanted:
        rule = f"{name} needs API {least}, and callers speak {subject.api_version}"
        return [Finding(Fit.INCOMPATIBLE, rule)]
    return [Finding(Fit.COMPATIBLE, f"callers speak API {subject.api_version}; it needs {least}")]


def _called(subject: Subject) -> str:
    base = subject.spec.base_model if subject.spec else ""
    return f"{subject.name} ({base})" if base else subject.name


def _why(reason: str) -> str:
    return f": {reason.strip().rstrip('.')}" if reason.strip() else ""


def _matches(pattern: str, names: Iterable[str]) -> bool:
    return any(name and (name == pattern or fnmatchcase(name, pattern)) for name in names)


def _is_pattern(text: str) -> bool:
    return any(mark in text for mark in "*?[")
