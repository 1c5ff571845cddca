"""The compatibility matrix as rows for people: version, prompt template, embedding, verdict."""

from __future__ import annotations

from collections.abc import Iterable

from headgate.registry.catalogue import Catalogue
from headgate.registry.compatibility import Answer, check
from headgate.registry.semver import sort_key


def matrix(
    catalogue: Catalogue, model: str = "", api_version: str = "", embedding: str = ""
) -> tuple[Answer, ...]:
    """One answer for each version, template and embedding, the newest first, no alternatives.

    Embeddings are `embedding` if it is given, else all that the catalogue speaks of; '' where it
    speaks of none.
    """
    embeddings = (embedding,) if embedding else embeddings_of(catalogue)
    names = catalogue.specs or dict.fromkeys(_models_of(catalogue))
    rows = []
    for used in embeddings:
        for name in sorted(names, key=sort_key, reverse=True):
            for template in templates_of(catalogue):
                answer = check(
                    catalogue,
                    name,
                    model=model,
                    template=template,
                    embedding=used,
                    api_version=api_version,
                )
                rows.append(answer)
    return tuple(rows)


def templates_of(catalogue: Catalogue) -> tuple[str, ...]:
    """Every template that is registered or used, the newest name first; '' if there is none."""
    used = [spec.prompt_template for spec in catalogue.specs.values()]
    ruled = [rule.prompt_template for rule in catalogue.rules]
    names = set(_plain([*catalogue.templates, *used, *ruled]))
    return tuple(sorted(names, key=sort_key, reverse=True)) or ("",)


def embeddings_of(catalogue: Catalogue) -> tuple[str, ...]:
    """The live embedding first, then every other one that is named; '' if there is none."""
    required = [
        name for spec in catalogue.specs.values() for name in spec.compatibility.required_embeddings
    ]
    ruled = [rule.embedding for rule in catalogue.rules]
    named = sorted(set(_plain([*required, *ruled])) - {catalogue.embedding})
    return tuple(name for name in (catalogue.embedding, *named) if name) or ("",)


def _models_of(catalogue: Catalogue) -> list[str]:
    """Bare models that the templates and entries name, where no version is registered."""
    listed = [
        name
        for template in catalogue.templates.values()
        for name in (*template.compatible_models, *template.incompatible_models)
    ]
    return _plain([*listed, *(rule.model for rule in catalogue.rules)])


def _plain(names: Iterable[str]) -> list[str]:
    """Names that are given and are no patterns."""
    return [name for name in names if name and not any(mark in name for mark in "*?[")]
