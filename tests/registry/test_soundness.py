"""What is declared holds together by itself, or is refused by field and rule."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.registry.soundness import embedding_flaws, is_date, rule_flaws, spec_flaws
from headgate.wire.registry import CompatibilityRule, TrainedOn, VersionNeeds, VersionSpec


def spec(**fields: Any) -> VersionSpec:
    return VersionSpec(**{"version": "v1.0.0", "base_model": "gpt-4o", **fields})


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"version": "2.3"}, "version"),
        ({"version": "latest"}, "version"),
        ({"version": "v2.3.1-"}, "version"),
        ({"parent_version": "old"}, "parent_version"),
        ({"parent_version": "1.0.0"}, "parent_version"),
        ({"created": "2025-02-29"}, "created"),
        ({"trained_on": TrainedOn(dataset="d", training_date="2025-13-01")},
         "trained_on.training_date"),
    ],
)  # fmt: skip
def test_a_flaw_is_told_by_its_field(fields: dict[str, Any], path: str) -> None:
    assert [flaw.path for flaw in spec_flaws(spec(**fields))] == [path]


def test_a_sound_spec_has_no_flaw() -> None:
    assert spec_flaws(spec(created="2024-02-29T23:59:59+02:00", parent_version="v0.9.0")) == []


@pytest.mark.parametrize(
    ("text", "sound"),
    [("2024-02-29", True), ("2023-02-29", False), ("2024-00-10", False), ("0000-01-01", False),
     ("2024-01-01T24:00Z", False), ("2024-01-01T23:60Z", False), ("2024-01-01T23:59-05:00", True)],
)  # fmt: skip
def test_a_date_is_in_the_calendar_and_on_the_clock(text: str, sound: bool) -> None:
    assert is_date(text) is sound


def test_a_rule_that_contradicts_an_earlier_one_names_it() -> None:
    fits = CompatibilityRule(compatible=True, model="gpt-4o", embedding="e3")
    not_so = CompatibilityRule(compatible=False, model="gpt-4o", embedding="e3")
    ((place, flaw),) = rule_flaws([fits, fits, not_so])
    assert place == 2
    assert flaw.rule == "contradicts rule 0, which says the opposite of gpt-4o with e3"
    assert rule_flaws([CompatibilityRule(compatible=True)])[0][1].path == "model"


def test_an_embedding_that_is_required_and_ruled_out_is_a_contradiction() -> None:
    needy = spec(compatibility=VersionNeeds(required_embeddings=("e2",)))
    out = CompatibilityRule(compatible=False, model="gpt-4o", embedding="e2", reason="too long")
    (flaw,) = embedding_flaws(needy, [out])
    assert (flaw.value, "(too long)" in flaw.rule) == ("e2", True)
    other = CompatibilityRule(compatible=False, model="claude-3", embedding="e2")
    assert embedding_flaws(needy, [other]) == []
