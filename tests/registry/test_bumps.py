"""Bumps: a version number grows by at least as much as what changed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.registry.bumps import Level, judge, smallest
from headgate.registry.semver import parse
from headgate.wire.registry import Parameters, VersionSpec


def spec(version: str, **fields: Any) -> VersionSpec:
    return VersionSpec(version=version, **{"base_model": "gpt-4o", **fields})


PARENT = spec("v1.2.3", prompt_template="p1", parameters=Parameters(max_tokens=512))
SAME: dict[str, Any] = {"prompt_template": "p1", "parameters": Parameters(max_tokens=512)}


@pytest.mark.parametrize(
    ("fields", "needed", "next_version"),
    [
        ({}, Level.NONE, "v1.2.4"),
        ({"prompt_template": "p2"}, Level.PATCH, "v1.2.4"),
        ({"system_prompt_hash": "abc"}, Level.PATCH, "v1.2.4"),
        ({"parameters": Parameters(max_tokens=2048)}, Level.PATCH, "v1.2.4"),
        ({"adapter": "lora-7"}, Level.MINOR, "v1.3.0"),
        ({"base_model": "gpt-4.1"}, Level.MINOR, "v1.3.0"),
        ({"base_model": "claude-3-opus", "prompt_template": "p2"}, Level.MAJOR, "v2.0.0"),
    ],
)
def test_what_changed_says_the_smallest_bump(
    fields: dict[str, Any], needed: Level, next_version: str
) -> None:
    verdict = judge(PARENT, spec("v1.2.4", **{**SAME, **fields}))
    assert (verdict.needed, verdict.smallest) == (needed, next_version)
    assert verdict.legal == (needed <= Level.PATCH)
    assert judge(PARENT, spec(next_version, **{**SAME, **fields})).legal


def test_a_larger_bump_is_legal_and_large() -> None:
    verdict = judge(PARENT, spec("v2.0.0", **{**SAME, "prompt_template": "p2"}))
    assert verdict.legal
    assert verdict.is_large
    assert verdict.why == "prompt_template p1 -> p2"
    assert not judge(PARENT, spec("v1.2.4", **SAME)).is_large


@pytest.mark.parametrize("version", ["v1.2.3", "1.2.3", "v1.2.2", "v0.9.0", "v1.2.3-rc.1"])
def test_a_version_not_above_its_parent_is_not_legal(version: str) -> None:
    assert not judge(PARENT, spec(version, **SAME)).legal


def test_a_pre_release_counts_as_the_release_that_it_leads_to() -> None:
    other = {**SAME, "base_model": "claude-3-opus"}
    assert judge(PARENT, spec("v2.0.0-rc.1", **other)).legal
    candidate = spec("v2.0.0-rc.1", **other)
    assert judge(candidate, spec("v2.0.0", **{**other, "prompt_template": "p2"})).legal
    assert judge(candidate, spec("v2.0.0-rc.2", **SAME)).legal
    patch = spec("v1.2.4-rc.1", **SAME)
    assert not judge(patch, spec("v1.2.4", **{**SAME, "adapter": "x"})).legal


def test_the_smallest_version_is_none_that_exists() -> None:
    assert smallest(parse("v1.2.3"), Level.PATCH, ["1.2.4", "v1.2.5"]) == "v1.2.6"
    assert smallest(parse("1.2.3"), Level.MINOR, ["v1.3.0"]) == "1.3.1"
    assert smallest(parse("2.0.0-rc.1"), Level.MINOR, ["2.0.0-rc.2"]) == "2.0.0-rc.3"
    assert smallest(parse("2.0.0-rc"), Level.NONE) == "2.0.0-rc.1"


@given(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
    st.sampled_from(["", "-rc.1", "-alpha"]),
    st.sampled_from([{}, {"prompt_template": "p2"}, {"adapter": "a"}, {"base_model": "qwen3"}]),
)
def test_the_smallest_legal_version_is_legal(
    core: tuple[int, int, int], pre: str, fields: dict[str, Any]
) -> None:
    parent = spec("v" + ".".join(map(str, core)) + pre)
    child = spec(judge(parent, spec("v99.0.0", **fields)).smallest, **fields)
    verdict = judge(parent, child)
    assert verdict.legal
    assert not verdict.is_large or pre
