"""Reading topics: what a broker says only for a moment is asked again."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from headgate.replay.reading import bounds_of


class _Consumer:
    """Answers with errors first, then with a partition's bounds."""

    def __init__(self, *errors: int) -> None:
        self.errors = list(errors)

    def get_watermark_offsets(self, *_: Any, **__: Any) -> tuple[int, int]:
        if self.errors:
            raise KafkaException(KafkaError(self.errors.pop(0)))
        return 3, 7


@pytest.mark.parametrize(
    "passing",
    [
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    ],
)
def test_a_partition_whose_leader_is_not_there_yet_is_asked_again(passing: int) -> None:
    consumer: Any = _Consumer(passing, passing)
    assert bounds_of(consumer, "audit", 0) == (3, 7)


def test_a_refusal_that_lasts_is_raised_at_once() -> None:
    consumer: Any = _Consumer(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(KafkaException):
        bounds_of(consumer, "audit", 0)
    assert not consumer.errors
