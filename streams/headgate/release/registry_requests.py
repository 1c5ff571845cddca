"""Requests about the registry: declare a version, a prompt template, what fits with what."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.registry import semver
from headgate.registry.bumps import judge
from headgate.registry.catalogue import Catalogue
from headgate.registry.differences import differences, say
from headgate.registry.soundness import embedding_flaws, rule_flaws, spec_flaws
from headgate.registry.tombstones import content_digest
from headgate.release.refusals import RefusedError
from headgate.release.spelling import check_name
from headgate.release.state import ModelState
from headgate.release.turn import Turn
from headgate.release.versions import set_status
from headgate.vocabulary import Status
from headgate.wire.registry import VersionSpec
from headgate.wire.registry_requests import RegisterTemplate, RegisterVersion, SetCompatibility

MAX_SPECS = 200
MAX_TEMPLATES = 200


def register_version(
    turn: Turn, state: ModelState, request: RegisterVersion
) -> tuple[ModelState, str]:
    """Declare a version; the same content again changes nothing, other content is refused."""
    spec, catalogue = request.spec, state.catalogue
    stone = catalogue.tombstones.get(spec.version)
    if stone is not None and stone.content_digest == content_digest(spec):
        return (
            state,
            f"{spec.version} of {state.model} was registered with this content, and removed.",
        )
    known = catalogue.specs.get(spec.version)
    if known is not None:
        return state, _as_before(state, known, spec)
    _check(state, spec)
    warning = _check_bump(catalogue, spec)
    catalogue = replace(catalogue, specs={**catalogue.specs, spec.version: spec})
    state = replace(state, catalogue=catalogue)
    if spec.version not in state.versions:
        first, by = _first_status(spec), request.operator
        state = set_status(turn, state, spec.version, first, by=by, why="registered")
    status = state.versions[spec.version].status
    asked = _beyond(spec, status)
    return state, f"Registered {spec.version} of {state.model} as {status}{asked}.{warning}"


def _as_before(state: ModelState, known: VersionSpec, spec: VersionSpec) -> str:
    rows = differences(known, spec)
    if rows:
        raise RefusedError(
            f"{spec.version} of {state.model} is registered with other content: "
            f"{'; '.join(map(say, rows))}.",
            "A version never changes: register the new content under the next version.",
        )
    status = state.versions[spec.version].status
    return (
        f"{spec.version} of {state.model} is registered already, with the same content ({status})."
    )


def _first_status(spec: VersionSpec) -> Status:
    """Where a version begins: no file brings one further than staging."""
    return Status.DEVELOPMENT if spec.status is Status.DEVELOPMENT else Status.STAGING


def _beyond(spec: VersionSpec, status: Status) -> str:
    """What is said where a file asks for more than it gets."""
    if spec.status in {Status.DEVELOPMENT, Status.STAGING, status}:
        return ""
    return f" (no file brings a version to {spec.status})"


def _check(state: ModelState, spec: VersionSpec) -> None:
    catalogue = state.catalogue
    flaws = [*spec_flaws(spec), *embedding_flaws(spec, catalogue.rules)]
    if flaws:
        sentence = "; ".join(str(flaw) for flaw in flaws)
        raise RefusedError(f"{spec.version} is not sound: {sentence}.", flaws[0].remedy)
    removed = [
        name
        for name, row in state.versions.items()
        if row.status is Status.REMOVED and semver.same(name, spec.version)
    ]
    if removed:
        raise RefusedError(
            f"{removed[0]} of {state.model} was removed; a version's number is used once.",
            "Register the content under the next version.",
        )
    check_name(spec.version, state.versions)
    check_name(spec.parent_version, state.versions)
    if spec.parent_version not in {"", *state.versions}:
        raise RefusedError(
            f"{spec.parent_version}, the parent of {spec.version}, is not registered.",
            f"Register {spec.parent_version} first.",
        )
    if spec.prompt_template not in {"", *catalogue.templates}:
        raise RefusedError(
            f"The prompt template {spec.prompt_template} of {spec.version} is not registered.",
            "Register the template first: prompt_templates in the registry file.",
        )
    if len(catalogue.specs) >= MAX_SPECS:
        raise RefusedError(
            f"{state.model} has {MAX_SPECS} registered versions, which is the most.",
            "Remove old versions first.",
        )


def _check_bump(catalogue: Catalogue, spec: VersionSpec) -> str:
    """A warning for a bump that is large; raises `RefusedError` for one that is too small."""
    parent = catalogue.specs.get(spec.parent_version)
    if parent is None:
        return ""
    verdict = judge(parent, spec, patterns=catalogue.families, taken=catalogue.specs)
    if not verdict.legal:
        raise RefusedError(
            f"{spec.version} is too small a step from {parent.version}: {verdict.why}. "
            f"The smallest legal version is {verdict.smallest}.",
            f"Register it as {verdict.smallest} or higher.",
        )
    if not verdict.is_large:
        return ""
    return (
        f" Warning: a {verdict.given.name} step from {parent.version} is larger than what changed "
        f"({verdict.why}); {verdict.smallest} would do."
    )


def register_template(
    _: Turn, state: ModelState, request: RegisterTemplate
) -> tuple[ModelState, str]:
    """Declare a prompt template; the models that it fits may become others."""
    catalogue, name = state.catalogue, request.name
    known = catalogue.templates.get(name)
    if known == request.template:
        return state, f"Template {name} of {state.model} is registered already."
    if known is None and len(catalogue.templates) >= MAX_TEMPLATES:
        raise RefusedError(
            f"{state.model} has {MAX_TEMPLATES} prompt templates, which is the most.",
            "Use one of them.",
        )
    templates = {**catalogue.templates, name: request.template}
    state = replace(state, catalogue=replace(catalogue, templates=templates))
    return state, f"{'Changed' if known else 'Registered'} template {name} of {state.model}."


def set_compatibility(
    _: Turn, state: ModelState, request: SetCompatibility
) -> tuple[ModelState, str]:
    """Explicit rules, live embedding and model families, each as a whole."""
    flaws = rule_flaws(request.rules)
    if flaws:
        place, flaw = flaws[0]
        raise RefusedError(f"Rule {place} {flaw.rule}.", flaw.remedy)
    catalogue = replace(
        state.catalogue,
        rules=request.rules,
        embedding=request.embedding,
        families=request.families,
    )
    if catalogue == state.catalogue:
        return state, f"Compatibility of {state.model} is as asked already."
    embedding = request.embedding or "none named"
    said = f"{len(request.rules)} rules, live embedding {embedding}."
    return replace(state, catalogue=catalogue), f"Compatibility of {state.model}: {said}"
