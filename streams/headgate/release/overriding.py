"""Overriding: what was rolled back from serves again only where somebody names that decision."""

from __future__ import annotations

from collections.abc import Sequence

from headgate.judge.listing import listed
from headgate.release.refusals import RefusedError
from headgate.release.state import ModelState


def check_overrides(
    state: ModelState, versions: Sequence[str], overrides: str, again: str, *, role: str = ""
) -> None:
    """Raises `RefusedError` where `overrides` leaves out a decision by which one of the versions
    was rolled back, or names another.

    `again` is what is to be asked, with them all, and `role` what is said of a version.
    """
    known = {name: state.rolled_back_by.get(name, "") for name in versions}
    named = {part.strip() for part in overrides.split(",")} - {""}
    strange = sorted(named - set(known.values()))
    all_of_them = ",".join(dict.fromkeys(filter(None, known.values())))
    if strange:
        one = len(versions) == 1
        none_was = f"{versions[0]} was not" if one else f"None of {listed(versions)} was"
        raise RefusedError(
            f"{none_was} rolled back by {', '.join(strange)}.",
            f"Say --overrides {all_of_them}." if all_of_them else "Leave --overrides out.",
        )
    for version, decision in known.items():
        if decision and decision not in named:
            raise RefusedError(
                f"{version}{role} was rolled back by decision {decision}.",
                f"headgate explain {decision}; to try it again all the same, {again} "
                f"--overrides {all_of_them}",
            )


def overridden(state: ModelState, versions: Sequence[str], operator: str) -> str:
    """A sentence for each rollback that the operator sets aside."""
    rows = ((name, state.rolled_back_by.get(name)) for name in versions)
    return "".join(
        f" {operator} overrides decision {decision}, which rolled {name} back."
        for name, decision in rows
        if decision
    )
