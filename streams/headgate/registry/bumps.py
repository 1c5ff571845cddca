"""Version numbers that match what changed: the smallest legal bump against the parent.

A changed prompt or parameter needs a PATCH, a changed base model of the same family or adapter a
MINOR, another family a MAJOR. A smaller bump is refused, a larger one is worth a warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum

from msgspec import Struct

from headgate.registry.differences import how_asked, say
from headgate.registry.families import family_of
from headgate.registry.semver import Semver, parse, same
from headgate.wire.registry import VersionSpec


class Level(IntEnum):
    """How much a version number grows."""

    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3


class Change(Struct, frozen=True):
    """One thing that changed against the parent, and the bump that it needs."""

    level: Level
    sentence: str


class Verdict(Struct, frozen=True):
    """Whether a version may follow its parent: `smallest` is the smallest version that may."""

    legal: bool
    needed: Level
    given: Level
    smallest: str
    because: tuple[Change, ...]

    @property
    def is_large(self) -> bool:
        """Whether the bump is larger than what changed asks for."""
        return self.legal and self.given > max(self.needed, Level.PATCH)

    @property
    def why(self) -> str:
        """What changed, in words."""
        return "; ".join(row.sentence for row in self.because) or "nothing that is declared changed"


def changes(
    parent: VersionSpec, child: VersionSpec, patterns: Mapping[str, str] | None = None
) -> tuple[Change, ...]:
    """What changed and the bump that each change needs, the largest first."""
    found = [Change(Level.PATCH, say(row)) for row in how_asked(parent, child)]
    if parent.adapter != child.adapter:
        words = f"adapter {parent.adapter or 'none'} -> {child.adapter or 'none'}"
        found.append(Change(Level.MINOR, words))
    if parent.base_model != child.base_model:
        found.append(_base_model(parent.base_model, child.base_model, patterns))
    return tuple(sorted(found, key=lambda row: -row.level))


def _base_model(before: str, after: str, patterns: Mapping[str, str] | None) -> Change:
    old, new = family_of(before, patterns), family_of(after, patterns)
    words = f"base_model {before} -> {after}"
    if old == new:
        return Change(Level.MINOR, f"{words}, both of the family {new}")
    return Change(Level.MAJOR, f"{words}, another family: {old} -> {new}")


def judge(
    parent: VersionSpec,
    child: VersionSpec,
    *,
    patterns: Mapping[str, str] | None = None,
    taken: Iterable[str] = (),
) -> Verdict:
    """Whether the child's version may follow the parent's. Raises `VersionError`.

    `taken` are versions that exist; the smallest legal version is none of them.
    """
    because = changes(parent, child, patterns)
    needed = max((row.level for row in because), default=Level.NONE)
    before, after = parse(parent.version), parse(child.version)
    given = _given(before, after)
    return Verdict(
        legal=after.precedence > before.precedence and given >= needed,
        needed=needed,
        given=given,
        smallest=smallest(before, needed, taken),
        because=because,
    )


def _given(before: Semver, after: Semver) -> Level:
    """How much the number grew; within one core, as much as that core's pre-releases may hold."""
    for level, one, other in zip(
        (Level.MAJOR, Level.MINOR, Level.PATCH), before.core, after.core, strict=True
    ):
        if one != other:
            return level if other > one else Level.NONE
    return _opened_by(before) if before.pre else Level.NONE


def _opened_by(version: Semver) -> Level:
    """The bump that a pre-release stands for already: v2.0.0-rc.1 is on its way to a MAJOR."""
    _, minor, patch = version.core
    if patch:
        return Level.PATCH
    return Level.MINOR if minor else Level.MAJOR


def smallest(before: Semver, needed: Level, taken: Iterable[str] = ()) -> str:
    """The smallest version that may follow `before` with such a change and is not taken.

    After a pre-release that is on its way there already, the next pre-release.
    """
    known = tuple(taken)
    if before.pre and _opened_by(before) >= needed:
        version = _next_pre(before)
        while _is_taken(version, known):
            version = _next_pre(version)
        return str(version)
    version = _bumped(before, max(needed, Level.PATCH))
    while _is_taken(version, known):
        version = _bumped(version, Level.PATCH)
    return str(version)


def _is_taken(version: Semver, taken: tuple[str, ...]) -> bool:
    return any(same(str(version), other) for other in taken)


def _bumped(version: Semver, level: Level) -> Semver:
    major, minor, patch = version.core
    core = {
        Level.MAJOR: (major + 1, 0, 0),
        Level.MINOR: (major, minor + 1, 0),
        Level.PATCH: (major, minor, patch + 1),
    }[level]
    return Semver(core, v=version.v)


def _next_pre(version: Semver) -> Semver:
    *head, last = version.pre
    grown = [*head, str(int(last) + 1)] if last.isdigit() else [*version.pre, "1"]
    return Semver(version.core, pre=tuple(grown), v=version.v)
