"""Checkpoints as govern keeps them: written whole, and what another worker reads back."""

from __future__ import annotations

from headgate.release.checkpoints import StateName, freeze, freeze_marker, thaw_newest
from headgate.release.state import PartitionState

Table = dict[bytes, bytes]


def frozen(state: PartitionState) -> tuple[list[StateName], Table]:
    """The states that make up a checkpoint, by name, and their parts; the marker is not among
    them.
    """
    names, parts = [], Table()
    for model in ("", *state.models):
        name, own = freeze(state, model)
        names.append(name)
        parts |= own
    return names, parts


def checkpoint(state: PartitionState) -> Table:
    """A whole checkpoint."""
    names, parts = frozen(state)
    key, marker = freeze_marker(state, names)
    return {**parts, key: marker}


def taken_over(state: PartitionState) -> PartitionState:
    """The state as another worker takes it over from a checkpoint; it freezes into the same."""
    loaded = thaw_newest(checkpoint(state), state.ledger_partition)
    assert loaded is not None
    assert frozen(loaded.state) == frozen(state)
    assert loaded.names == {name.model: name for name in frozen(state)[0]}
    return loaded.state
