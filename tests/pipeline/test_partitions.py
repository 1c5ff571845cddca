"""The ledger partition of a model is the one that any Kafka producer would choose."""

from __future__ import annotations

import pytest
from aiokafka.partitioner import DefaultPartitioner

from headgate.pipeline.partitions import ledger_partition


@pytest.mark.parametrize(
    ("model", "hashed"),
    [
        # Vectors of the Java client's own test of murmur2.
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    ],
)
def test_the_hash_is_the_java_clients(model: str, hashed: int) -> None:
    assert ledger_partition(model, 1009) == (hashed & 0x7FFFFFFF) % 1009


@pytest.mark.parametrize("model", ["customer-support-agent", "ünïcödé", "x"])
def test_a_keyed_producer_chooses_the_same_partition(model: str) -> None:
    partitions = list(range(12))
    chosen = DefaultPartitioner()(model.encode(), partitions, partitions)
    assert ledger_partition(model, 12) == chosen
