"""Versions: read strictly, ordered by precedence and not by text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.registry.semver import (
    VersionError,
    in_order,
    latest,
    parse,
    place_of,
    same,
    try_parse,
)

numbers = st.integers(0, 30)
labels = st.one_of(numbers.map(str), st.sampled_from(["alpha", "beta", "rc", "x-1", "-"]))
versions = st.builds(
    lambda v, core, pre: f"{v}{'.'.join(map(str, core))}" + (f"-{'.'.join(pre)}" if pre else ""),
    st.sampled_from(["", "v"]),
    st.tuples(numbers, numbers, numbers),
    st.lists(labels, max_size=3),
)


@pytest.mark.parametrize(
    "text",
    ["2.3", "latest", "v2.3.1-", "v2.3.1-rc..1", "V1.0.0", "1.0.0 ", "01.0.0", "1.0.0-01", "",
     "1.0.0\n", "v1.0.0+", "1.0.0.0", "٣.0.0", "vv1.0.0"],
)  # fmt: skip
def test_what_is_no_version_is_refused_by_name(text: str) -> None:
    with pytest.raises(VersionError, match="is no version"):
        parse(text)
    assert try_parse(text) is None


def test_the_order_of_the_semver_document_holds() -> None:
    said = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
            "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.1.0", "2.0.0"]  # fmt: skip
    assert in_order(reversed(said)) == said


def test_latest_is_no_text_order_and_a_release_comes_after_its_pre_releases() -> None:
    assert latest(["v2.9.0", "v2.10.0", "v2.2.0"]) == "v2.10.0"
    assert latest(["v2.0.0", "v2.0.0-rc.2"]) == "v2.0.0"
    assert latest(["v2.0.0-rc.10", "2.0.0-rc.9", "v1", "latest"]) == "v2.0.0-rc.10"
    assert latest(["blue"]) is None


def test_a_leading_v_makes_no_other_version() -> None:
    assert same("v1.2.3", "1.2.3")
    assert not same("v1.2.3", "1.2.4")
    assert parse("v1.2.3").precedence == parse("1.2.3+build.5").precedence


@given(versions)
def test_a_version_is_written_as_it_was_read(text: str) -> None:
    assert str(parse(text)) == text


@given(versions, versions, versions)
def test_precedence_is_a_total_order(a: str, b: str, c: str) -> None:
    one, two, three = (parse(text).precedence for text in (a, b, c))
    assert (one < two) + (one == two) + (one > two) == 1
    if one <= two <= three:
        assert one <= three


@given(versions, st.lists(labels, min_size=1, max_size=3))
def test_a_pre_release_comes_before_its_release_and_a_longer_one_after_a_shorter(
    text: str, more: list[str]
) -> None:
    version = parse(text)
    release = parse(".".join(map(str, version.core)))
    longer = parse(f"{release}-{'.'.join((*version.pre, *more))}")
    assert longer.precedence < release.precedence
    if version.pre:
        assert version.precedence < longer.precedence


@given(st.lists(versions, min_size=1), st.randoms())
def test_latest_does_not_depend_on_the_order_given(texts: list[str], random: object) -> None:
    shuffled = list(texts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert latest(texts) == latest(shuffled)


@given(versions)
def test_a_version_has_the_place_that_its_precedence_gives(text: str) -> None:
    assert place_of(text) == parse(text).precedence


def test_names_that_are_no_versions_take_the_place_that_they_would_have() -> None:
    names = ["latest", "2024-06", "v1", "1.0.1-rc.2", "v1.0.1-rc.10", "v1.0.1", "2.9", "v2.10.0"]
    ordered = in_order(reversed(names))
    assert ordered == ["latest", "v1", *names[3:], "2024-06"]
    assert place_of("v2") == place_of("2.0.0") == place_of("v2.0.0.0")
    assert place_of("latest") is None
