"""Spelling: a version has one name, for `1.0.0` beside `v1.0.0` would be another to everybody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from headgate.registry import semver
from headgate.release.refusals import RefusedError
from headgate.wire.requests import AnyRequest

_FIELDS = ("version", "stable", "candidate", "winner")


def check_spelling(request: AnyRequest, known: Iterable[str]) -> None:
    """Raises `RefusedError` where a request names a known version in another way."""
    names = tuple(known)
    for version in _named(request):
        check_name(version, names)


def check_name(version: str, known: Iterable[str]) -> None:
    """Raises `RefusedError` for another way to write a known version."""
    names = tuple(known)
    twins = [name for name in names if semver.same(name, version)]
    if twins and version not in names:
        raise RefusedError(
            f"{version} and {twins[0]} are the same version.", f"Name it {twins[0]}."
        )


def _named(request: AnyRequest) -> Iterator[str]:
    for field in _FIELDS:
        if name := getattr(request, field, ""):
            yield name
    for arm in getattr(request, "arms", ()):
        yield arm.version
