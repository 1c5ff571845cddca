"""The chain of audit records: each carries the hash of the one before, so gaps and edits show.

A chain is a model's own, or, for what concerns no model that anybody named, a ledger partition's.
The hash is SHA-256 over a record's value as it lies on the topic, in hex.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from msgspec import Struct

from headgate.wire.audit import AuditRecord, ChainHead
from headgate.wire.codec import BadValueError
from headgate.wire.messages import AUDIT

ChainName = tuple[str, str]  # a model and "", or "" and a ledger partition's chain


def hash_of(value: bytes) -> str:
    """What the next record of the chain calls this one."""
    return hashlib.sha256(value).hexdigest()


class Finding(Struct, frozen=True, kw_only=True):
    """Something that an untouched chain does not show."""

    model: str
    chain: str
    sequence: int
    sentence: str


class ChainReport(Struct, frozen=True, kw_only=True):
    """What was read: `records` in chains, `repeats` of the same bytes, `unchained` older ones."""

    records: int
    repeats: int
    unchained: int
    chains: dict[ChainName, ChainHead]
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether neither a gap nor an edit shows."""
        return not self.findings


class _Link(Struct, frozen=True):
    hash: str
    previous: str


class _Reader:
    """Sorts records into chains; the order in which partitions are read does not matter."""

    def __init__(self) -> None:
        self.links: dict[ChainName, dict[int, _Link]] = {}
        self.findings: list[Finding] = []
        self.repeats = 0
        self.unchained = 0

    def read(self, value: bytes) -> None:
        try:
            record = AUDIT.decode(value)
        except BadValueError as error:
            self._find("", "", 0, f"A record is no audit record: {error}.")
            return
        name = ("" if record.chain else record.model, record.chain)
        if record.sequence == 0:
            self._read_unchained(name, record)
            return
        links = self.links.setdefault(name, {})
        link = _Link(hash_of(value), record.previous)
        known = links.setdefault(record.sequence, link)
        if known is link:
            return
        if known.hash == link.hash:
            self.repeats += 1
            return
        said = f"Two different records claim place {record.sequence}: one of them was written "
        self._find(*name, record.sequence, f"{said}by somebody else or edited.")

    def _read_unchained(self, name: ChainName, record: AuditRecord) -> None:
        if name in self.links:
            said = f"{record.audit_id} ({record.event}) has no place in the chain."
            self._find(*name, 0, said)
        self.unchained += 1

    def _find(self, model: str, chain: str, sequence: int, sentence: str) -> None:
        self.findings.append(
            Finding(model=model, chain=chain, sequence=sequence, sentence=sentence)
        )

    def walk(self, name: ChainName, head: ChainHead | None) -> ChainHead:
        """Follow one chain from its first record to its last; `head` is what govern says it is."""
        links = self.links[name]
        before, last_hash = 0, ""
        for sequence in sorted(links):
            link = links[sequence]
            if sequence != before + 1:
                self._find(*name, before + 1, _missing(before + 1, sequence - 1))
            elif link.previous != last_hash:
                said = f"Record {sequence} does not follow from record {before}: "
                self._find(*name, sequence, f"{said}one of the two was edited.")
            before, last_hash = sequence, link.hash
        if head is not None and head.sequence > before:
            self._find(*name, before + 1, _missing(before + 1, head.sequence))
        elif head is not None and head.sequence and links[head.sequence].hash != head.hash:
            said = f"Record {head.sequence} is not the one that the status tells of."
            self._find(*name, head.sequence, said)
        return ChainHead(sequence=before, hash=last_hash)


def _missing(first: int, last: int) -> str:
    if first == last:
        return f"Record {first} is missing."
    return f"Records {first} to {last} are missing."


def verify_chains(
    values: Iterable[bytes], heads: Mapping[str, ChainHead] | None = None
) -> ChainReport:
    """Read audit records and follow every chain.

    `heads` holds, per model, the end of its chain as told elsewhere before the records were read
    (its status): without it a cut at the end cannot show.
    """
    reader = _Reader()
    for value in values:
        reader.read(value)
    heads = heads or {}
    for model, head in heads.items():
        if head.sequence:
            reader.links.setdefault((model, ""), {})
    ends = {}
    for name in sorted(reader.links):
        ends[name] = reader.walk(name, heads.get(name[0]) if not name[1] else None)
    return ChainReport(
        records=sum(len(links) for links in reader.links.values()),
        repeats=reader.repeats,
        unchained=reader.unchained,
        chains=ends,
        findings=tuple(reader.findings),
    )
