"""Lineage: which version came of which, where the chain breaks, and where it bites its tail."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Lineage(Struct, frozen=True):
    """The chain from a version up to its oldest known ancestor.

    `missing` is a parent that nobody registered; `cycle` the versions that are their own ancestors.
    """

    chain: tuple[str, ...]
    missing: str = ""
    cycle: tuple[str, ...] = ()


def lineage(parents: Mapping[str, str], version: str) -> Lineage:
    """The ancestors of `version`; `parents` has each known version's parent, "" where none."""
    chain = [version]
    while parent := parents.get(chain[-1], ""):
        if parent in chain:
            return Lineage(tuple(chain), cycle=tuple(chain[chain.index(parent) :]))
        if parent not in parents:
            return Lineage(tuple(chain), missing=parent)
        chain.append(parent)
    return Lineage(tuple(chain))


def cycles(parents: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Every cycle once, from its smallest version on."""
    found = set()
    for version in parents:
        cycle = lineage(parents, version).cycle
        if cycle:
            at = cycle.index(min(cycle))
            found.add(cycle[at:] + cycle[:at])
    return sorted(found)


def missing_parents(parents: Mapping[str, str]) -> dict[str, str]:
    """Versions whose parent nobody registered, and that parent."""
    return {
        version: parent for version, parent in parents.items() if parent and parent not in parents
    }


def parents_first(parents: Mapping[str, str]) -> list[str]:
    """Every version after its parent, else in the order given; cycles are not to be in there."""
    ordered: dict[str, None] = {}
    for version in parents:
        for ancestor in reversed(lineage(parents, version).chain):
            ordered.setdefault(ancestor)
    return list(ordered)
