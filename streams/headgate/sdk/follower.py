"""The thread behind a router: follows the control topic into the board, and acknowledges."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from headgate.sdk.ackers import AckSender
from headgate.sdk.board import SplitBoard
from headgate.sdk.feed import ControlFeed
from headgate.sdk.split import InvalidSplitError
from headgate.wire.control import Command

POLL_S = 0.1
PAUSE_AFTER_FAILURE_S = 1.0

log = logging.getLogger("headgate.sdk")


def now_ms() -> int:
    """The wall clock in milliseconds."""
    return time.time_ns() // 1_000_000


class Follower:
    """Runs from construction to `stop`.

    `caught_up` is set once the current split has been read; no ack is sent before that, or before
    someone sets `announcing` (the router no longer waits for it and serves its fallbacks).
    """

    def __init__(
        self,
        board: SplitBoard,
        feed: ControlFeed,
        acker: AckSender,
        ack_interval_s: float,
        on_split: Callable[[Command], None] | None,
    ) -> None:
        self._board = board
        self._feed = feed
        self._acker = acker
        self._interval_s = ack_interval_s
        self._on_split = on_split
        self._next_ack = 0.0
        self._stop_by: float | None = None
        self.caught_up = threading.Event()
        self.announcing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="headgate-router", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        self._stop_by = time.monotonic() + timeout_s
        self._thread.join(timeout_s + PAUSE_AFTER_FAILURE_S)

    def _run(self) -> None:
        while self._stop_by is None:
            try:
                self._turn()
            except Exception:  # serving relies on this thread: it must outlive any one failure
                log.exception("the router failed to follow the control topic; trying again")
                time.sleep(PAUSE_AFTER_FAILURE_S)
        try:
            self._acker.send(self._board.acks(now_ms(), goodbye=True))
            self._acker.flush(self._stop_by - time.monotonic())
        finally:
            self._feed.close()

    def _turn(self) -> None:
        command = self._feed.poll(POLL_S)
        self._board.refused = self._feed.refused
        if command is not None and self._obey(command):
            if self.announcing.is_set():
                self._acker.send(self._board.acks(now_ms(), models={command.model}))
            self._tell(command)
        if self._feed.caught_up and not self.caught_up.is_set():
            self.announcing.set()
            self.caught_up.set()
        if self.announcing.is_set() and time.monotonic() >= self._next_ack:
            self._next_ack = time.monotonic() + self._interval_s
            self._acker.send(self._board.acks(now_ms()))
        self._acker.poll()

    def _obey(self, command: Command) -> bool:
        try:
            return self._board.apply(command)
        except InvalidSplitError as error:
            log.error("ignored revision %d: %s", command.revision, error)
            return False

    def _tell(self, command: Command) -> None:
        if self._on_split is None:
            return
        try:
            self._on_split(command)
        except Exception:  # a user's callback must not hold up the topic
            log.exception("on_split failed for revision %d", command.revision)
