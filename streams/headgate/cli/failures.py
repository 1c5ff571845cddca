"""What a command says when it cannot go on, and the exit code that goes with it."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import typer
from confluent_kafka import KafkaError, KafkaException
from typer.core import TyperGroup

from headgate.measure.compiled import MissingExtraError
from headgate.pipeline.topics import BrokerUnreachableError
from headgate.problems import InputError
from headgate.replay.reading import TopicReadError


class ExitCode(IntEnum):
    """What a script can rely on."""

    FINE = 0
    NEGATIVE = 1
    USAGE = 2
    UNREACHABLE = 3
    TIMED_OUT = 4
    WAITS = 5
    INTERRUPTED = 130


EXIT_CODES = """Exit codes:
  0  done
  1  refused, or the answer is no
  2  wrong usage or configuration, or a worker without its topics or its port
  3  no broker answers, or a topic is missing
  4  nothing came back in time
  5  waits for a second person's approval
 70  a worker could not finish a batch: the next one reads it again
130  stopped by Ctrl-C"""


class OutcomeTimeoutError(TimeoutError):
    """Something was asked of a worker and nothing came back in time."""


class TopicMissingError(BrokerUnreachableError):
    """The broker answers, but a topic is not there."""


PASSING = (BrokerUnreachableError, KafkaException, OutcomeTimeoutError)
"""What may be over the next time: a broker or a worker that is away."""

_CODES: tuple[tuple[type[Exception], ExitCode], ...] = (
    (InputError, ExitCode.USAGE),
    (MissingExtraError, ExitCode.USAGE),
    (BrokerUnreachableError, ExitCode.UNREACHABLE),
    (TopicReadError, ExitCode.UNREACHABLE),
    (KafkaException, ExitCode.UNREACHABLE),
    (OutcomeTimeoutError, ExitCode.TIMED_OUT),
)


class GuardedGroup(TyperGroup):
    """Turns known failures into one message on stderr and an exit code; others keep their trace."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except tuple(kind for kind, _ in _CODES) as error:
            typer.echo(f"headgate: {in_words(error)}", err=True)
            code = next(code for kind, code in _CODES if isinstance(error, kind))
            raise typer.Exit(code) from error


def in_words(error: Exception) -> str:
    """What a known failure says to people."""
    if isinstance(error, KafkaException):
        if error.args[0].code() == KafkaError.INVALID_REPLICATION_FACTOR:
            few = "give --replication-factor, at most the number of brokers"
            return f"Kafka refused: {error.args[0].str()} On a small cluster {few}"
        return f"Kafka refused: {error.args[0].str()}; check --bootstrap-servers and the settings"
    return str(error)
