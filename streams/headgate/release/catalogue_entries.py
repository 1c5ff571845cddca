"""What the registry tells of a model beside its versions: templates, and what fits with what."""

from __future__ import annotations

from headgate.release.rollouts import policy_of
from headgate.release.state import ModelState
from headgate.release.turn import Turn
from headgate.vocabulary import Topic
from headgate.wire.registry import CompatibilityEntry, TemplateEntry, entry_key


def publish_catalogue(turn: Turn, before: ModelState, after: ModelState) -> None:
    """An entry for each template that is new or other, and one for the rules if they are."""
    model, known = after.model, before.catalogue.templates
    for name, template in after.catalogue.templates.items():
        if known.get(name) != template:
            told = TemplateEntry(model=model, name=name, template=template)
            turn.publish(Topic.REGISTRY, entry_key(model, "", "template", name), told)
    rules = _rules(after)
    if rules != _rules(before):
        turn.publish(Topic.REGISTRY, entry_key(model, "", "compatibility"), rules)


def _rules(state: ModelState) -> CompatibilityEntry:
    catalogue, policy = state.catalogue, policy_of(state)
    return CompatibilityEntry(
        model=state.model,
        rules=catalogue.rules,
        embedding=catalogue.embedding,
        families=catalogue.families,
        api_version=policy.compatibility.api_version if policy else "",
    )
