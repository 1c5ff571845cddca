"""Keys of the registry topic: each entry has its own, whatever the names are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headgate.wire.registry import entry_key

NAMES = st.text(st.sampled_from("ab/%2F"), min_size=1, max_size=6)
PATHS = st.lists(NAMES, min_size=2, max_size=4)


def test_plain_names_make_the_key_that_people_read() -> None:
    assert entry_key("support", "v1.0.0") == "support/v1.0.0"
    assert entry_key("support", "", "template", "short") == "support//template/short"


@given(PATHS, PATHS)
def test_two_entries_share_a_key_only_if_they_share_every_name(
    one: list[str], other: list[str]
) -> None:
    assert (entry_key(*one) == entry_key(*other)) is (one == other)
