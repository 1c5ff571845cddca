from __future__ import annotations

import sys
import threading

from headgate.sdk.tally import Tally


def test_reading_a_tally_does_not_change_it():
    tally = Tally()
    for _ in range(5):
        tally.tick()
    assert [tally.read(), tally.read()] == [5, 5]
    tally.tick()
    assert tally.read() == 6


def test_no_tick_is_lost_between_threads_while_others_read():
    tally = Tally()
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def work() -> None:
        for number in range(20_000):
            tally.tick()
            if number % 1_000 == 0:
                tally.read()

    threads = [threading.Thread(target=work) for _ in range(4)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert tally.read() == 80_000
