"""The split in force, as `control` tells it."""

from __future__ import annotations

from headgate.cli.reading import read_to_end
from headgate.config import Settings
from headgate.vocabulary import Topic
from headgate.wire.codec import BadValueError
from headgate.wire.control import Command
from headgate.wire.messages import COMMAND


def split_in_force(settings: Settings, model: str) -> Command | None:
    """The newest command for a model; None where there was none yet.

    `control` is newer than a status, which comes every 2 s, and keeps little more than one record
    per model.
    """
    newest: Command | None = None
    for record in read_to_end(settings, Topic.CONTROL):
        try:
            command = COMMAND.decode(record.value)
        except BadValueError:
            continue
        if command.model == model and (newest is None or command.revision > newest.revision):
            newest = command
    return newest
