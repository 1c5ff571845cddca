"""Choosing where to go back to."""

from __future__ import annotations

from hypothesis import given, seed, settings
from hypothesis import strategies as st

from headgate.registry.catalogue import Catalogue
from headgate.registry.compatibility import check
from headgate.registry.fitting import Fit
from headgate.registry.lifecycle import VersionRecord
from headgate.registry.semver import place_of
from headgate.registry.targets import SERVED, earlier_compatible
from headgate.vocabulary import Status
from headgate.wire.registry import CompatibilityRule, VersionNeeds, VersionSpec

NAMES = [f"v{major}.{minor}.0" for major in (1, 2) for minor in (2, 9, 10)] + ["v2.10.0-rc.1"]


def spec(version: str, *embeddings: str) -> VersionSpec:
    needs = VersionNeeds(required_embeddings=embeddings)
    return VersionSpec(version=version, base_model="llama", compatibility=needs)


def record(
    version: str, status: Status = Status.DEPRECATED, rolled_back: bool = False, at: int = 1
):
    return VersionRecord(version=version, status=status, since_ms=at, rolled_back=rolled_back)


def chosen(catalogue: Catalogue, *records: VersionRecord, bad: str = "v3.0.0") -> str:
    answer = earlier_compatible(catalogue, {row.version: row for row in records}, bad)
    return answer.name if answer else ""


def test_the_newest_earlier_version_that_fits_is_chosen_by_number_not_by_text() -> None:
    specs = [spec("v2.10.0", "e2"), spec("v2.9.0", "e1"), spec("v2.2.0", "e1"), spec("v4.0.0")]
    found = Catalogue(specs={row.version: row for row in specs}, embedding="e1")
    assert chosen(found, *(record(row.version) for row in specs)) == "v2.9.0"


def test_names_that_are_no_versions_are_taken_by_when_they_served_last() -> None:
    specs = [spec("spring"), spec("autumn"), spec("v9")]
    found = Catalogue(specs={row.version: row for row in specs})
    records = [record("spring", at=9), record("autumn", at=7), record("v9", at=3)]
    assert chosen(found, *records) == "spring"


def test_a_version_that_is_not_known_to_fit_is_never_chosen() -> None:
    assert chosen(Catalogue(), record("v1.0.0")) == ""


@seed(5)
@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    embedding=st.sampled_from(["", "e1", "e2"]),
    needs=st.dictionaries(
        st.sampled_from(NAMES), st.lists(st.sampled_from(["e1", "e2"]), max_size=1)
    ),
    records=st.dictionaries(
        st.sampled_from(NAMES), st.tuples(st.sampled_from(list(Status)), st.booleans())
    ),
    rules=st.lists(
        st.tuples(st.sampled_from([*NAMES, "llama"]), st.sampled_from(["", "e1"]), st.booleans()),
        max_size=4,
    ),
    bad=st.sampled_from(NAMES),
)
def test_a_chosen_target_is_compatible_served_before_and_was_never_rolled_back_from(
    embedding: str,
    needs: dict[str, list[str]],
    records: dict[str, tuple[Status, bool]],
    rules: list[tuple[str, str, bool]],
    bad: str,
) -> None:
    catalogue = Catalogue(
        specs={name: spec(name, *wanted) for name, wanted in needs.items()},
        rules=tuple(
            CompatibilityRule(model=model, embedding=at, compatible=fits)
            for model, at, fits in rules
        ),
        embedding=embedding,
    )
    versions = {name: record(name, *row) for name, row in records.items()}
    answer = earlier_compatible(catalogue, versions, bad)
    eligible = {
        name
        for name, row in versions.items()
        if (place_of(name) or ()) < (place_of(bad) or ())
        and row.status in SERVED
        and not row.rolled_back
        and check(catalogue, name).verdict is Fit.COMPATIBLE
    }
    best = max(eligible, key=lambda name: place_of(name) or ((), ()), default="")
    assert (answer.name if answer else "") == best
