"""Lineage: chains, cycles and parents that nobody registered."""

from __future__ import annotations

from headgate.registry.lineage import cycles, lineage, missing_parents, parents_first


def test_a_chain_leads_to_the_oldest_ancestor() -> None:
    parents = {"c": "b", "a": "", "b": "a"}
    assert lineage(parents, "c").chain == ("c", "b", "a")
    assert parents_first(parents) == ["a", "b", "c"]
    assert cycles(parents) == []
    assert missing_parents(parents) == {}


def test_a_missing_parent_is_named() -> None:
    assert lineage({"c": "b"}, "c").missing == "b"
    assert missing_parents({"c": "b", "a": ""}) == {"c": "b"}


def test_a_cycle_is_told_once_and_ends_the_chain() -> None:
    parents = {"a": "b", "b": "c", "c": "a", "d": "a", "e": "e"}
    assert cycles(parents) == [("a", "b", "c"), ("e",)]
    assert lineage(parents, "d").chain == ("d", "a", "b", "c")
    assert lineage(parents, "d").cycle == ("a", "b", "c")
