from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from headgate.sdk.board import SplitBoard, UnknownModelError
from headgate.sdk.split import InvalidSplitError
from headgate.wire.codec import encode
from headgate.wire.messages import ACK


def _counts(board: SplitBoard) -> dict[tuple[str, int], int]:
    (ack,) = board.acks(1_000)
    return {(row.version, row.revision): row.count for row in ack.choices}


def test_a_revision_that_is_not_above_its_own_is_ignored(command):
    board = SplitBoard("r1")
    assert board.apply(command(5, ("v2", 10_000)))
    assert not board.apply(command(5, ("v3", 10_000)))
    assert not board.apply(command(4, ("v3", 10_000)))
    assert board.choose("agent", "anyone").version == "v2"
    assert board.apply(command(6, ("v3", 10_000)))
    assert board.choose("agent", "anyone").version == "v3"


@given(order=st.permutations(range(1, 7)))
def test_whatever_the_order_the_highest_revision_wins(order):
    from headgate.vocabulary import Action
    from headgate.wire.control import Command, Weight

    board = SplitBoard("r1")
    for revision in order:
        board.apply(
            Command(
                model="agent",
                revision=revision,
                action=Action.SET_WEIGHTS,
                weights=(Weight(version=f"v{revision}", weight=10_000),),
                salt="s",
                decision_id=str(revision),
                issued_at_ms=0,
            )
        )
    assert board.choose("agent", "k").version == "v6"


def test_a_command_whose_weights_are_no_split_leaves_the_split_as_it_was(command):
    board = SplitBoard("r1")
    board.apply(command(5, ("v2", 10_000)))
    with pytest.raises(InvalidSplitError, match="sum to 9000"):
        board.apply(command(6, ("v3", 9_000)))
    assert board.choose("agent", "anyone").revision == 5


def test_a_model_without_split_and_fallback_is_a_clear_error():
    with pytest.raises(UnknownModelError, match="fallback"):
        SplitBoard("r1").choose("nobody", "key")


def test_a_command_takes_the_place_of_the_fallback(command):
    board = SplitBoard("r1", fallback={"agent": [("v2", 0), ("v1", 10_000)]})
    assert board.choose("agent", "k").revision == 0
    assert board.choose("agent", "k").version == "v1"
    board.apply(command(3, ("v3", 10_000)))
    assert board.choose("agent", "k").version == "v3"


def test_a_pin_is_served_but_claims_no_revision(command):
    board = SplitBoard("r1")
    board.apply(command(5, ("v2", 10_000)))
    pinned, plain = board.choose("agent", "k", pin="v1"), board.choose("agent", "k")
    assert (pinned.version, pinned.revision) == ("v1", 0)
    assert pinned.bucket == plain.bucket
    assert board.choose("agent", "k", pin="") == plain


def test_a_pin_to_a_retired_version_follows_the_split_and_counts_there(command):
    board = SplitBoard("r1")
    board.apply(replace(command(5, ("v3", 10_000)), retired=("v1",)))
    assert board.choose("agent", "k", pin="v1") == board.choose("agent", "k")
    assert board.choose("agent", "k", pin="v2").version == "v2"
    assert _counts(board) == {("v3", 5): 2, ("v2", 0): 1}


def test_a_pin_is_served_for_a_model_that_nobody_announced():
    choice = SplitBoard("r1").choose("nobody", "k", pin="v9")
    assert (choice.version, choice.revision) == ("v9", 0)
    assert 0 <= choice.bucket < 10_000


def test_only_the_named_models_are_followed(command):
    board = SplitBoard("r1", models=["agent"])
    assert not board.apply(command(5, ("v1", 10_000), model="other"))
    assert board.apply(command(5, ("v1", 10_000)))
    assert [ack.model for ack in board.acks(1)] == ["agent"]


def test_an_ack_counts_choices_per_version_and_revision_since_the_start(command):
    board = SplitBoard("r1", started_at_ms=77)
    board.apply(command(5, ("v2", 10_000), ("v1", 0), decision_id="d5"))
    for number in range(7):
        board.choose("agent", str(number))
    board.apply(command(6, ("v2", 0), ("v1", 10_000), decision_id="d6"))
    for number in range(3):
        board.choose("agent", str(number))
    board.choose("agent", "k", pin="v0")
    (ack,) = board.acks(1_000)
    assert (ack.revision, ack.decision_id, ack.state, ack.started_at_ms) == (6, "d6", "live", 77)
    assert {key: count for key, count in _counts(board).items() if count} == {
        ("v2", 5): 7,
        ("v1", 6): 3,
        ("v0", 0): 1,
    }


def test_a_goodbye_says_so(command):
    board = SplitBoard("r1")
    board.apply(command(5, ("v1", 10_000)))
    assert [ack.state for ack in board.acks(1, goodbye=True)] == ["goodbye"]


def test_after_many_revisions_and_pins_an_ack_still_fits_the_contract(command):
    board = SplitBoard("r1")
    for revision in range(1, 200):
        board.apply(command(revision, ("v2", 5_000), ("v1", 5_000)))
        board.choose("agent", "k")
        board.choose("agent", "k", pin=f"pin-{revision}")
    board.choose("agent", "k", pin="\ud800")
    board.choose("agent", "k", pin="x" * 500)
    (ack,) = board.acks(1)
    assert ACK.decode(encode(ack)) == ack
    assert {row.revision for row in ack.choices} >= {199, 198, 190, 0}
