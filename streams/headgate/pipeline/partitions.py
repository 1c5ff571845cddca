"""Which ledger partition is a model's: the rule of Kafka's default partitioner."""

from __future__ import annotations

from functools import lru_cache

from aiokafka.partitioner import murmur2


@lru_cache(maxsize=4096)
def ledger_partition(model: str, partitions: int) -> int:
    """`(murmur2(key) & 0x7fffffff) % partitions` of the model's UTF-8 bytes."""
    return int((murmur2(model.encode()) & 0x7FFFFFFF) % partitions)
