"""What a router knows: the newest split per model, and how often it chose each version.

No Kafka and no clock here: `Router` and the in-memory router for tests both stand on it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping

from headgate.sdk.split import (
    FALLBACK_REVISION,
    FALLBACK_SALT,
    MAX_NAME,
    Choice,
    FallbackSplit,
    SplitTable,
    compile_command,
    compile_fallback,
)
from headgate.sdk.tally import Tally
from headgate.vocabulary import BASIS_POINTS
from headgate.wire.acks import Ack, Choices
from headgate.wire.control import Command

MAX_CHOICES = 64  # as many as an ack carries
MAX_SPLIT_TALLIES = 48
MAX_PINNED = 16


class UnknownModelError(LookupError):
    """No split and no fallback is known for a model."""

    def __init__(self, model: str) -> None:
        super().__init__(
            f"no split is known for model {model!r}: no command for it has been read from the "
            "control topic. Give the router a fallback for it, or adopt its first version."
        )
        self.model = model


class _Live:
    """A table in use, with the tally of each arm beside it."""

    __slots__ = ("table", "ticks")

    def __init__(self, table: SplitTable, tallies: dict[tuple[str, int], Tally]) -> None:
        self.table = table
        keys = [(version, table.revision) for version in table.versions]
        self.ticks = tuple(tallies.setdefault(key, Tally()).tick for key in keys)


class SplitBoard:
    """`choose` may be called from any thread; `apply` and `acks` from one at a time."""

    def __init__(
        self,
        router_id: str,
        *,
        models: Collection[str] | None = None,
        fallback: Mapping[str, FallbackSplit] | None = None,
        started_at_ms: int = 0,
    ) -> None:
        """`models` None means every model. Raises `InvalidSplitError` for a bad fallback."""
        self.router_id = router_id
        self._models = None if models is None else frozenset(models)
        self._started_at_ms = started_at_ms
        self.refused = 0
        self._live: dict[str, _Live] = {}
        self._tallies: dict[str, dict[tuple[str, int], Tally]] = {}
        self._pinned: dict[str, dict[str, Tally]] = {}
        for model, split in (fallback or {}).items():
            self._install(compile_fallback(model, split))

    def choose(self, model: str, key: str, pin: str | None = None) -> Choice:
        """The version for a key, or the pinned one if it is not retired.

        Raises `UnknownModelError`.
        """
        live = self._live.get(model)
        if live is None or (pin and pin not in live.table.retired):
            return self._unusual(model, key, pin, live)
        table = live.table
        bucket = table.bucket(key)
        arm = bisect_right(table.bounds, bucket)
        live.ticks[arm]()
        return Choice(table.versions[arm], table.revision, bucket)

    def apply(self, command: Command) -> bool:
        """Obey a command; False where it isn't news. Raises `InvalidSplitError`."""
        if self._models is not None and command.model not in self._models:
            return False
        live = self._live.get(command.model)
        if live is not None and command.revision <= live.table.revision:
            return False
        self._install(compile_command(command))
        return True

    def tables(self) -> dict[str, SplitTable]:
        """The split in use of every known model."""
        return {model: live.table for model, live in list(self._live.items())}

    def table(self, model: str) -> SplitTable | None:
        """The split in use of a model."""
        live = self._live.get(model)
        return live.table if live is not None else None

    def acks(
        self, now_ms: int, *, models: Collection[str] | None = None, goodbye: bool = False
    ) -> list[Ack]:
        """One ack per known model (or of `models`) with the choices since the start."""
        told = [
            self._ack(model, table, now_ms, goodbye=goodbye)
            for model, table in self.tables().items()
            if models is None or model in models
        ]
        if self.refused and models is None:
            unserved = sorted((self._models or frozenset()) - self._live.keys())
            told += [self._ack(model, None, now_ms, goodbye=goodbye) for model in unserved]
        return told

    def _ack(self, model: str, table: SplitTable | None, now_ms: int, *, goodbye: bool) -> Ack:
        """`table` None: nothing but refused commands came, and Headgate is to send another."""
        return Ack(
            router_id=self.router_id,
            model=model,
            revision=table.revision if table else FALLBACK_REVISION,
            decision_id=table.decision_id if table else "",
            state="goodbye" if goodbye else "live",
            started_at_ms=self._started_at_ms,
            timestamp_ms=now_ms,
            choices=self._choices(model, table.revision) if table else (),
            refused=self.refused,
        )

    def _install(self, table: SplitTable) -> None:
        tallies = self._tallies.setdefault(table.model, {})
        live = _Live(table, tallies)
        old = sorted((key for key in tallies if key[1] != table.revision), key=lambda key: key[1])
        for key in old[: max(0, len(tallies) - MAX_SPLIT_TALLIES)]:
            del tallies[key]
        self._live[table.model] = live

    def _unusual(self, model: str, key: str, pin: str | None, live: _Live | None) -> Choice:
        if not pin:
            raise UnknownModelError(model)
        if live is None:
            table = SplitTable(model, FALLBACK_REVISION, FALLBACK_SALT, [(pin, BASIS_POINTS)])
        else:
            table = live.table
            self._count_pin(model, pin)
        return Choice(pin, FALLBACK_REVISION, table.bucket(key))

    def _count_pin(self, model: str, pin: str) -> None:
        """Pins come from callers, so their names and number are bounded before they are kept."""
        pinned = self._pinned.setdefault(model, {})
        if pin in pinned:
            pinned[pin].tick()
        elif len(pinned) < MAX_PINNED and len(pin) <= MAX_NAME and pin.isprintable():
            pinned.setdefault(pin, Tally()).tick()

    def _choices(self, model: str, current: int) -> tuple[Choices, ...]:
        """Newest revision first; pinned choices count under revision 0, like the fallback's."""
        counts = {key: tally.read() for key, tally in list(self._tallies[model].items())}
        for pin, tally in list(self._pinned.get(model, {}).items()):
            key = (pin, FALLBACK_REVISION)
            counts[key] = counts.get(key, 0) + tally.read()
        told = [key for key, count in counts.items() if count or key[1] == current]
        newest = sorted(told, key=lambda key: (-key[1], key[0]))[:MAX_CHOICES]
        return tuple(
            Choices(version=version, revision=revision, count=counts[version, revision])
            for version, revision in newest
        )
