"""A control command compiled for choosing: buckets of a key, arms in their order.

The rule is flagd's high-precision fractional one: `(murmur3_32(salt:model:key) * 10000) >> 32`
gives the bucket, and arms take buckets in the order of the command. Raising the first arm's
weight only moves keys into it. `schemas/vectors/router_hash.json` pins the numbers.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from itertools import accumulate

import mmh3
from msgspec import Struct

from headgate.vocabulary import BASIS_POINTS
from headgate.wire.control import Command

FALLBACK_REVISION = 0
FALLBACK_SALT = "fallback"
MAX_NAME = 128

FallbackSplit = str | Sequence[tuple[str, int]]


class InvalidSplitError(ValueError):
    """Weights that are no split: they must be in 0-10,000 and sum to 10,000."""


class Choice(Struct, frozen=True, gc=False):
    """Which version serves a request, and what proves it.

    Put all three into the request's outcome. `revision` 0 means that no command stood behind the
    choice (the router's fallback, or a pin): Headgate compares it with no other arm. `bucket`
    (0-9999) is the key's place in the split.
    """

    version: str
    revision: int
    bucket: int


class SplitTable:
    """One model's split at one revision; never changes."""

    __slots__ = (
        "_prefix",
        "bounds",
        "decision_id",
        "model",
        "retired",
        "revision",
        "versions",
        "weights",
    )

    def __init__(
        self,
        model: str,
        revision: int,
        salt: str,
        weights: Sequence[tuple[str, int]],
        *,
        decision_id: str = "",
        retired: Collection[str] = (),
    ) -> None:
        """`weights`: version and basis points, candidates first. Raises `InvalidSplitError`."""
        check_weights(model, weights)
        self.model = model
        self.revision = revision
        self.decision_id = decision_id
        self.weights = tuple(weights)
        self.retired = frozenset(retired)
        self.versions = tuple(version for version, _ in weights)
        self.bounds = tuple(accumulate(weight for _, weight in weights))
        self._prefix = f"{salt}:{model}:".encode("utf-8", "surrogatepass")

    def bucket(self, key: str) -> int:
        """The bucket (0-9999) of a routing key: the same in every process and language."""
        try:
            named = self._prefix + key.encode()
        except UnicodeEncodeError:  # a lone surrogate; mmh3 would crash on it as a str
            named = self._prefix + key.encode("utf-8", "surrogatepass")
        return (mmh3.hash(named, 0, False) * BASIS_POINTS) >> 32

    def arm(self, bucket: int) -> int:
        """The index in `versions` of the arm that serves a bucket."""
        return bisect_right(self.bounds, bucket)

    def choose(self, key: str) -> Choice:
        """The version that serves a key."""
        bucket = self.bucket(key)
        return Choice(self.versions[self.arm(bucket)], self.revision, bucket)


def check_weights(model: str, weights: Sequence[tuple[str, int]]) -> None:
    """Raises `InvalidSplitError` unless the weights are a whole split."""
    for version, weight in weights:
        if not version:
            raise InvalidSplitError(f"model {model}: a version without a name has weight {weight}")
        if not 0 <= weight <= BASIS_POINTS:
            raise InvalidSplitError(
                f"model {model}: version {version} has weight {weight}; "
                f"it must be 0 to {BASIS_POINTS} basis points"
            )
    total = sum(weight for _, weight in weights)
    if total != BASIS_POINTS:
        raise InvalidSplitError(
            f"model {model}: the weights sum to {total} basis points; "
            f"they must sum to {BASIS_POINTS}"
        )


def compile_command(command: Command) -> SplitTable:
    """The table of a control command. Raises `InvalidSplitError`."""
    return SplitTable(
        command.model,
        command.revision,
        command.salt,
        [(arm.version, arm.weight) for arm in command.weights],
        decision_id=command.decision_id,
        retired=command.retired,
    )


def compile_fallback(model: str, split: FallbackSplit) -> SplitTable:
    """The table of a fallback: one version, or versions with basis points.

    Raises `InvalidSplitError`, also for names that would make its acknowledgements unreadable.
    """
    weights = [(split, BASIS_POINTS)] if isinstance(split, str) else list(split)
    for name in (model, *(version for version, _ in weights)):
        if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
            raise InvalidSplitError(
                f"fallback of model {model!r}: {name!r} is no name; "
                f"it must have 1-{MAX_NAME} printable characters"
            )
    return SplitTable(model, FALLBACK_REVISION, FALLBACK_SALT, weights)
