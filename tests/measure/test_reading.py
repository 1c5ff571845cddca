"""Reading windows: what is kept between reads is what a merge of every pane gives."""

from __future__ import annotations

import random

import numpy as np
import pytest

from headgate.measure.cells import Cell, down_to, merge
from headgate.measure.reading import read_window
from headgate.measure.sketch import Sketch
from headgate.measure.windows import Tables, add_snapshot

BASE_MS = 1_700_000_040_000
PANE_MS, MINUTE_MS, HOUR_MS = 10_000, 60_000, 3_600_000
ROWS = (("v1", 0), ("v1", 7), ("v1", 8), ("v2", 8))


def _cell(draw: random.Random, *, unsafe: bool) -> Cell:
    count, value = draw.randint(1, 5), draw.randint(1, 200)
    flagged = unsafe and draw.random() < 0.1
    return Cell(
        outcomes=count,
        requests=count,
        errors={"timeout": 1} if draw.random() < 0.3 else {},
        labelled={"safety_violation": count},
        flagged={"safety_violation": 1} if flagged else {},
        sums={"latency_us": count * value},
        counts={"latency_us": count},
        sketches={"latency_us": Sketch(np.array([value]), np.array([count]))},
        safety_request_ids=(f"r-{draw.randint(1, 99):02}",) if flagged else (),
    )


def _by_hand(tables: Tables, window_ms: int, now_ms: int, since: int) -> Cell:
    coarse = window_ms > 5 * MINUTE_MS
    ring, grain_ms = (tables.coarse, MINUTE_MS) if coarse else (tables.fine, PANE_MS)
    first_ms = (now_ms - window_ms) // grain_ms * grain_ms
    return merge(
        pile.cell
        for start_ms, pane in ring.items()
        for (version, revision), pile in pane.items()
        if start_ms >= first_ms and version == "v1" and (revision >= since or not revision)
    )


@pytest.mark.parametrize("unsafe", [False, True])
@pytest.mark.parametrize("since", [0, 8])
@pytest.mark.parametrize(("behind", "leaps"), [(0, 0.0), (30, 0.0), (0, 0.02), (30, 0.02)])
def test_every_read_of_a_window_that_slides_is_the_sum_of_its_panes(
    behind: int, leaps: float, since: int, unsafe: bool
) -> None:
    """Also while the ledger's time is `behind` that of the panes, and where a broker's clock
    `leaps` minutes ahead.
    """
    draw, tables = random.Random(since), Tables()
    for pane in range(500):
        if draw.random() < 0.1:
            continue  # nothing came
        late = draw.randint(1, 60) if draw.random() < 0.05 else 0  # from another source
        if draw.random() < leaps:
            late = -draw.choice((7, 31, 70))
        for row in draw.sample(ROWS, draw.randint(1, len(ROWS))):
            tables = add_snapshot(
                tables,
                row=row,
                source_partition=pane if late else -1,
                pane_start_ms=BASE_MS + (pane - late) * PANE_MS,
                first_offset=pane * 1000,
                last_offset=pane * 1000 + 9,
                cell=_cell(draw, unsafe=unsafe),
            )
        now_ms = BASE_MS + (pane + 1 - behind) * PANE_MS
        for window_ms in (MINUTE_MS, 5 * MINUTE_MS, HOUR_MS):
            asked = {"now_ms": now_ms, "window_ms": window_ms, "since_revision": since}
            expected = _by_hand(tables, window_ms, now_ms, since)
            assert read_window(tables, "v1", **asked) == expected
            for depth in ("counts", "sums"):
                read = read_window(tables, "v1", **asked, depth=depth)
                assert read == down_to(depth, expected)
