"""`headgate registry history`: what was asked, decided and done about a model's versions."""

from __future__ import annotations

from contextlib import suppress

from msgspec import to_builtins

from headgate.cli.options import AsJson, ModelName, on_broker, print_json
from headgate.cli.reading import read_to_end
from headgate.cli.registry_reading import nothing
from headgate.cli.registry_tables import print_table, when
from headgate.config import Settings
from headgate.vocabulary import Topic
from headgate.wire.audit import AuditRecord
from headgate.wire.codec import BadValueError
from headgate.wire.messages import AUDIT

ASKED = frozenset({"accepted", "refused", "waiting", "decision"})
DONE = frozenset({"status_changed", "archive_artifact", "delete_artifact"})
EVENTS = ASKED | DONE


@on_broker
def history(model: ModelName, *, settings: Settings, as_json: AsJson = False) -> None:
    """Who asked what about MODEL and what became of it, oldest first, from the audit."""
    found: dict[str, AuditRecord] = {}
    for record in read_to_end(settings, Topic.AUDIT):
        with suppress(BadValueError):
            row = AUDIT.decode(record.value)
            if row.model == model and row.event in EVENTS:
                found.setdefault(row.audit_id, row)
    if as_json:
        print_json(to_builtins(list(found.values())))
    elif found:
        columns = ("when (UTC)", "event", "who", "what", "reason given")
        print_table(columns, [_row(row) for row in found.values()])
    if not found:
        raise nothing(f"The audit has nothing about {model}.")


def _row(row: AuditRecord) -> tuple[object, ...]:
    return when(row.at_ms), row.event, row.operator or "headgate", row.sentence, row.operator_reason
