"""Versions: MAJOR.MINOR.PATCH with pre-releases, ordered as semver 2.0 says, not as text.

What is registered is such a version. Names that nobody registered, templates and API versions need
not be, but take the place that they would have among them: `v2` that of `v2.0.0`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from msgspec import Struct

_NUMBER = r"(?:0|[1-9]\d*)"
_LABEL = rf"(?:{_NUMBER}|\d*[A-Za-z-][0-9A-Za-z-]*)"
_SHAPE = re.compile(
    rf"(?P<v>v?)(?P<major>{_NUMBER})\.(?P<minor>{_NUMBER})\.(?P<patch>{_NUMBER})"
    rf"(?:-(?P<pre>{_LABEL}(?:\.{_LABEL})*))?"
    r"(?:\+(?P<build>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?",
    re.ASCII,
)
RULE = "must be MAJOR.MINOR.PATCH, with or without a leading v, with a pre-release or without"
REMEDY = "Write it like v2.3.1 or v2.3.1-rc.1."

_LIKE = re.compile(
    r"v?(?P<numbers>\d{1,9}(?:\.\d{1,9})*)(?:-(?P<pre>[0-9A-Za-z.-]+))?(?:\+.*)?", re.ASCII
)

Core: TypeAlias = tuple[int, int, int]
Label: TypeAlias = tuple[int, int, str]  # numbers before words, each in their own order
Precedence: TypeAlias = tuple[tuple[int, ...], int, tuple[Label, ...]]


class VersionError(ValueError):
    """A text that is no version."""


class Semver(Struct, frozen=True):
    """A version in parts; `v` is its leading v, if it has one."""

    core: Core
    pre: tuple[str, ...] = ()
    build: str = ""
    v: str = ""

    def __str__(self) -> str:
        pre = f"-{'.'.join(self.pre)}" if self.pre else ""
        build = f"+{self.build}" if self.build else ""
        return f"{self.v}{'.'.join(map(str, self.core))}{pre}{build}"

    @property
    def precedence(self) -> Precedence:
        """What to compare: a release comes after its pre-releases; build metadata is nothing."""
        return _precedence(self.core, self.pre)


def _precedence(numbers: tuple[int, ...], pre: Sequence[str]) -> Precedence:
    return numbers, 0 if pre else 1, tuple(_label(part) for part in pre)


def _label(part: str) -> Label:
    return (0, int(part), "") if part.isdigit() else (1, 0, part)


def parse(text: str) -> Semver:
    """The version in `text`. Raises `VersionError`."""
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise VersionError(f"{text} is no version: it {RULE}")
    return Semver(
        core=(int(found["major"]), int(found["minor"]), int(found["patch"])),
        pre=tuple(found["pre"].split(".")) if found["pre"] else (),
        build=found["build"] or "",
        v=found["v"],
    )


def try_parse(text: str) -> Semver | None:
    """The version in `text`, or None where it is no version."""
    try:
        return parse(text)
    except VersionError:
        return None


def same(one: str, other: str) -> bool:
    """Whether two texts name one version: a leading v makes none of it another."""
    return one.removeprefix("v") == other.removeprefix("v")


def place_of(name: str) -> Precedence | None:
    """The place of a name among versions, such as `v2`, `2.10` or `v2.1.0-rc.1`; None for others.

    Numbers that are left out count as zero.
    """
    found = _LIKE.fullmatch(name)
    if found is None:
        return None
    numbers = [int(number) for number in found["numbers"].split(".")]
    numbers += [0] * (3 - len(numbers))
    while len(numbers) > 3 and numbers[-1] == 0:
        numbers.pop()
    return _precedence(tuple(numbers), found["pre"].split(".") if found["pre"] else ())


def sort_key(name: str) -> tuple[bool, tuple[Precedence, ...], str]:
    """A key to sort any names by: what is no version first, as text, then versions."""
    place = place_of(name)
    return place is not None, (place,) if place else (), name


def in_order(versions: Iterable[str]) -> list[str]:
    """Versions from the lowest to the highest; what is no version comes first, as text."""
    return sorted(versions, key=sort_key)


def latest(versions: Iterable[str]) -> str | None:
    """The highest version by precedence; what is no version does not count."""
    ordered = in_order(text for text in versions if try_parse(text))
    return ordered[-1] if ordered else None
