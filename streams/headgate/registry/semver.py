"""Versions: MAJOR.MINOR.PATCH with pre-releases, ordered as semver 2.0 says, not as text."""

from __future__ import annotations

import re
from collections.abc import Iterable
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

Core: TypeAlias = tuple[int, int, int]
Label: TypeAlias = tuple[int, int, str]  # numbers before words, each in their own order
Precedence: TypeAlias = tuple[Core, int, tuple[Label, ...]]


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
        return self.core, 0 if self.pre else 1, tuple(_label(part) for part in self.pre)


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


def in_order(versions: Iterable[str]) -> list[str]:
    """Versions from the lowest to the highest; what is no version comes first, as text."""

    def key(text: str) -> tuple[int, tuple[Precedence, ...], str]:
        found = try_parse(text)
        return (1, (found.precedence,), text) if found else (0, (), text)

    return sorted(versions, key=key)


def latest(versions: Iterable[str]) -> str | None:
    """The highest version by precedence; what is no version does not count."""
    ordered = in_order(text for text in versions if try_parse(text))
    return ordered[-1] if ordered else None
