"""People with keys of their own, for tests; the same ones in every run."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from headgate.vocabulary import ANY_MODEL, Role
from headgate.wire.audit import AuditRecord
from headgate.wire.codec import encode
from headgate.wire.key_requests import ApplyKeys, OperatorKey
from headgate.wire.requests import AnyRequest
from headgate.wire.signatures import REQUEST, Signer
from support.ledger import MODEL, LedgerBench

LIFETIME_MS = 600_000


@dataclass(frozen=True)
class Person:
    """A name, a role and a key that the name and `number` give."""

    name: str
    role: Role
    number: int = 1

    @property
    def secret_key(self) -> str:
        return base64.b64encode(f"{self.name}-{self.number}".encode().ljust(32, b".")).decode()

    @property
    def signer(self) -> Signer:
        return Signer(self.secret_key, REQUEST)

    @property
    def key_id(self) -> str:
        return self.signer.key_id

    @property
    def key(self) -> OperatorKey:
        return OperatorKey(operator=self.name, role=self.role, public_key=self.signer.public_key)

    def sign(self, request: AnyRequest) -> dict[str, str]:
        """The headers as admit passes them on."""
        return {name: value.decode() for name, value in self.signer.headers(encode(request))}

    def make(self, bench: LedgerBench, kind: type, **fields: Any) -> AnyRequest:
        """A request of this person's, not signed yet."""
        number = len(bench.entries)
        common = {"request_id": f"{self.name}-{number}", "model": MODEL, "operator": self.name}
        times = {"issued_at_ms": bench.now_ms, "expires_at_ms": bench.now_ms + LIFETIME_MS}
        request: AnyRequest = kind(**{**common, **times, **fields})
        return request

    def ask(self, bench: LedgerBench, kind: type, **fields: Any) -> AuditRecord:
        """Sign a request and feed it; the answer."""
        request = self.make(bench, kind, **fields)
        return bench.admit(request, self.sign(request))


ANN = Person("ann", Role.APPROVER)
BOB = Person("bob", Role.OPERATOR)
VIC = Person("vic", Role.VIEWER)
EVE = Person("eve", Role.APPROVER)  # in no state: nobody gave her key


def set_keys(bench: LedgerBench, *people: Person, by: Person = ANN, first_key: str = "") -> Any:
    """`by` asks that these people's keys count, and no others."""
    keys = tuple(person.key for person in people)
    request = by.make(bench, ApplyKeys, model=ANY_MODEL, keys=keys)
    return bench.admit(request, by.sign(request), first_key=first_key)


def signed_bench() -> LedgerBench:
    """v1 is in production; ann (approver), bob (operator) and vic (viewer) have keys."""
    bench = LedgerBench()
    bench.adopt()
    answer = set_keys(bench, ANN, BOB, VIC, first_key=ANN.key_id)
    assert answer.event == "accepted", answer.sentence
    return bench
