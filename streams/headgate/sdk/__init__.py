"""What serving fleets and routers import: publish outcomes, choose versions.

    from headgate.sdk import Publisher, Router, label_token

    with Router("kafka:9092", fallback={"support-agent": "v1"}) as router, \\
         Publisher("kafka:9092") as publisher:
        choice = router.choose("support-agent", user_id)
        reply = serve(choice.version, prompt)
        publisher.record(request_id, "support-agent", choice, latency_ms=reply.latency_ms)
        token = label_token(request_id, "support-agent", choice)  # goes out with the reply
        ...
        publisher.label(token, rating=2)  # minutes later, in any process

Kafka is never in the way: without it outcomes wait, then are dropped and counted, and the router
keeps its last known split. `headgate.sdk.testing` has in-memory twins for tests.
"""

from headgate.sdk.board import UnknownModelError
from headgate.sdk.kafka import ForkedError
from headgate.sdk.protocols import OutcomePublisher, VersionRouter
from headgate.sdk.publisher import Publisher
from headgate.sdk.router import Router
from headgate.sdk.split import Choice, InvalidSplitError
from headgate.sdk.tokens import LabelTokenError, label_token, read_label_token
from headgate.sdk.writer import PublisherStats
from headgate.wire.outcomes import Outcome

__all__ = [
    "Choice",
    "ForkedError",
    "InvalidSplitError",
    "LabelTokenError",
    "Outcome",
    "OutcomePublisher",
    "Publisher",
    "PublisherStats",
    "Router",
    "UnknownModelError",
    "VersionRouter",
    "label_token",
    "read_label_token",
]
