"""Which version to go back to: the newest compatible one that served before the bad one."""

from __future__ import annotations

from collections.abc import Mapping

from headgate.registry.catalogue import Catalogue
from headgate.registry.compatibility import Answer, check
from headgate.registry.fitting import Fit
from headgate.registry.lifecycle import VersionRecord
from headgate.registry.semver import Precedence, place_of
from headgate.vocabulary import Status

SERVED = frozenset({Status.PRODUCTION, Status.DEPRECATED})


def earlier_compatible(
    catalogue: Catalogue,
    versions: Mapping[str, VersionRecord],
    bad: str,
    *,
    model: str = "",
    api_version: str = "",
) -> Answer | None:
    """The newest earlier version that is compatible now, with the rule; None if there is none.

    Only a version that served as production may take all traffic at once: never one that is
    archived or removed, and never one that was rolled back from.
    """
    for version in _newest_first(versions, bad):
        answer = check(catalogue, version, model=model, api_version=api_version)
        if answer.verdict is Fit.COMPATIBLE:
            return answer
    return None


def _newest_first(versions: Mapping[str, VersionRecord], bad: str) -> list[str]:
    """By version where all names are versions; else by when each came where it is."""
    served = {
        name: row
        for name, row in versions.items()
        if name != bad and row.status in SERVED and not row.rolled_back
    }
    limit = place_of(bad)
    keys = {name: place_of(name) for name in served}
    if limit is None or None in keys.values():
        return sorted(served, key=lambda name: (served[name].since_ms, name), reverse=True)
    ordered: dict[str, Precedence] = {name: key for name, key in keys.items() if key is not None}
    before = [name for name, key in ordered.items() if key < limit]
    return sorted(before, key=lambda name: (ordered[name], name), reverse=True)
