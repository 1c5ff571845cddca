"""On a real Kafka, by `headgate` commands alone: a registry's life, every refusal, a killed worker.

Only what an attacker does is done otherwise: records that no command would send.
"""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import Producer

from headgate.keyfiles import load_key
from headgate.local.kafka import RealKafka
from headgate.vocabulary import Mode, Topic
from headgate.wire.codec import encode
from headgate.wire.rollout_requests import SetMode
from headgate.wire.signatures import REQUEST
from support.console import Console, Done
from support.installation import Installation, wait_until
from support.ledger import policy_content

FINE, REFUSED, USAGE, WAITS = 0, 1, 2, 5
MINUTE_MS = 60_000
WORKER = {"session_timeout_s": "6", "checkpoint_interval_s": "3", "http_port": "0",
          "log_level": "warning"}  # fmt: skip

# v1.2.0 wants an embedding that is not live; of v1.3.0 nobody knows whether its template fits.
REGISTRY: dict[str, Any] = {
    "models": [
        {"name": "shop", "version": "v1.0.0", "base_model": "gpt-4o", "status": "staging",
         "prompt_template": "t1", "compatibility": {"required_embeddings": ["e1", "e3"]}},
        {"name": "shop", "version": "v1.1.0", "base_model": "gpt-4o", "adapter": "a1",
         "prompt_template": "t1", "parent_version": "v1.0.0", "status": "production",
         "compatibility": {"required_embeddings": ["e1"]}},
        {"name": "shop", "version": "v1.2.0", "base_model": "gpt-4o", "adapter": "a2",
         "prompt_template": "t1", "parent_version": "v1.1.0",
         "compatibility": {"required_embeddings": ["e2"]}},
        {"name": "shop", "version": "v2.0.0", "base_model": "claude-3", "prompt_template": "t2",
         "parent_version": "v1.1.0"},
    ],
    "prompt_templates": {
        "t1": {"compatible_models": ["gpt-4o*"]},
        "t2": {"compatible_models": ["gpt-4o*"]},
    },
    "embeddings": {"shop": "e1"},
    "cleanup_policy": {"staging": {"max_age_days": 60}},
}  # fmt: skip
TEN_MISTAKES = """\
models:
  - {name: shop, version: 2.3, base_model: gpt-4o}
  - {name: shop, version: latest, base_model: gpt-4o}
  - {name: shop, version: v2.3.1-, base_model: gpt-4o}
  - {name: shop, version: v1.0.0, base_model: gpt-4o, tempo: 3}
  - {name: shop, version: v1.0.0, base_model: gpt-4o}
  - {name: chat, version: v1.0.0, base_model: gpt-4o, parent_version: v1.1.0}
  - {name: chat, version: v1.1.0, base_model: gpt-4o, parent_version: v1.0.0}
  - {name: chat, version: v2.0.0, base_model: gpt-4o, prompt_template: p9}
  - {name: chat, version: v3.0.0, base_model: gpt-4o, created: 2025-02-30}
  - {name: chat, version: v4.0.0, base_model: gpt-4o, compatibility: {required_embeddings: [e2]}}
compatibility:
  - {model: gpt-4o, embedding: e2, compatible: false}
cleanup_policy: {production: {max_versions: 3}}
"""


class Life:
    """One installation with its people and files."""

    def __init__(self, here: Installation, folder: Path) -> None:
        self.here, self.console = here, Console(here.settings, folder)
        self.public: dict[str, dict[str, str]] = {}

    def make_keys(self, **people: str) -> str:
        """A key file for each `file=role` (bob2 is bob's too); the fingerprint of the first."""
        rows = [
            f"keys new {file.rstrip('2')} --role {role} --out {self.console.folder / file}"
            for file, role in people.items()
        ]
        told = [done.is_fine().stdout for done in self.console.run_all(*rows)]
        for file, text in zip(people, told, strict=True):
            (self.public[file],) = yaml.safe_load(text)["keys"]
        return told[0].splitlines()[0].rsplit(" ", 1)[1]

    def apply_keys(self, *files: str, **rule: object) -> Done:
        content = {"keys": [self.public[file] for file in files], **rule}
        return self.console.ask("ann", "keys", "apply", self.file("keys.yaml", content))

    def file(self, name: str, content: object) -> str:
        path = self.console.folder / name
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return str(path)

    def refuses(self, *rows: tuple[str, str, str]) -> None:
        """Each of (who, words, why) is refused with that reason."""
        answers = self.console.ask_all((who, words) for who, words, _ in rows)
        for answer, (_, _, why) in zip(answers, rows, strict=True):
            answer.ends(REFUSED, "Refused: ", why)


def _registers(life: Life) -> None:
    ask, file = life.console.ask, life.file("registry.yaml", REGISTRY)
    dry, viewer = life.console.ask_all(
        [("", f"registry apply {file} --dry-run"), ("vic", f"registry apply {file}")]
    )
    dry.ends(FINE, "Would ask: set_cleanup shop")
    viewer.ends(REFUSED, "vic is viewer")
    ask("ann", "registry", "apply", file).ends(FINE, "Registered v1.1.0 of shop as staging")
    other = {"models": [{**REGISTRY["models"][0], "prompt_template": "", "notes": "new"}]}
    files = file, life.file("bad.yaml", TEN_MISTAKES), life.file("other.yaml", other)
    again, mistaken, changed = life.console.ask_all(("ann", f"registry apply {f}") for f in files)
    assert all("already" in line for line in again.is_fine().stdout.splitlines()), again
    mistaken.ends(USAGE, "10 mistakes")
    changed.ends(REFUSED, "registered with other content", "notes not set -> new")


def _reads(life: Life) -> None:
    candidate = life.file("next.yaml", {"base_model": "claude-3", "parent_version": "v1.1.0"})
    told = life.console.run_all(
        "registry list shop --json",
        "registry latest shop",
        "registry lineage shop v1.2.0",
        "registry diff shop@v1.0.0 shop@v1.1.0",
        "compat check shop v1.2.0",
        f"version suggest shop --file {candidate}",
        "registry production shop",
    )
    listed, latest, line, diff, fits, suggested, production = told
    versions = {row["version"]: row["status"] for row in json.loads(listed.is_fine().stdout)}
    assert versions == {
        "v1.0.0": "staging",
        "v1.1.0": "staging",
        "v1.2.0": "development",
        "v2.0.0": "development",
    }
    assert latest.is_fine().stdout == "v2.0.0\n"
    line.ends(FINE, "v1.1.0", "adapter a1 -> a2")
    diff.ends(FINE, "adapter")
    fits.ends(REFUSED, "v1.2.0 requires embedding e2, not e1", "Nearest that fit:", "v1.1.0")
    suggested.ends(FINE, "v2.0.1", "another family: gpt -> claude")
    production.ends(REFUSED, "shop has no version in production")


def _is_refused(life: Life, policy: str) -> None:
    """By the keys, by the role, by the lifecycle and by compatibility."""
    life.refuses(
        ("", f"adopt shop v1.0.0 --policy {policy}", "The request is not signed"),
        ("eve", f"adopt shop v1.0.0 --policy {policy}", "which is not among the keys set"),
        ("bob", f"adopt shop v1.0.0 --policy {policy} --operator ann", "its key is bob's"),
        ("vic", f"adopt shop v1.0.0 --policy {policy}", "adopt needs operator"),
    )
    life.console.ask("bob", "adopt", "shop", "v1.0.0", "--policy", policy).is_fine()
    start = "rollout start shop --weight 500 --stable"
    life.refuses(
        ("bob", f"policy apply shop {policy}", "apply_policy needs approver"),
        ("bob", f"adopt shop v1.1.0 --policy {policy}", "in production already"),
        ("bob", f"{start} v1.0.0 --candidate v1.2.0", "v1.2.0 requires embedding e2, not e1"),
        ("bob", f"{start} v1.0.0 --candidate v2.0.0", "is not known to be compatible"),
        ("bob", "rollout promote shop", "no running rollout"),
        ("bob", "rollout rollback shop", "nothing to roll back to"),
        ("bob", "lifecycle redeploy shop v1.2.0", "only what is archived is deployed again"),
        ("bob", "lifecycle retain shop v1.1.0 --lift --reason old", "retain needs approver"),
    )


def _promotes(life: Life, killed: Any) -> None:
    """With a second person's approval, while one of two workers is killed."""
    ask, file = life.console.ask, life.console.folder / "registry.yaml"
    start = ("--stable", "v1.0.0", "--candidate", "v1.1.0", "--weight", "500")
    ask("bob", "rollout", "start", "shop", *start).is_fine()
    killed.send_signal(signal.SIGKILL)
    moved = life.file("moved.yaml", {**REGISTRY, "embeddings": {"shop": "e3"}})
    life.refuses(
        ("ann", f"registry apply {moved}", "A version that takes traffic would fit no more: v1.1.0")
    )
    taken = ask("ann", "registry", "apply", moved, "--despite-traffic")
    taken.ends(FINE, "Careful, it takes traffic: v1.1.0")
    life.refuses(
        ("bob", "rollout promote shop", "v1.1.0 requires embedding e1, not e3"),
        ("bob", "rollout set-weight shop 900", "v1.1.0 requires embedding e1, not e3"),
    )
    ask("ann", "registry", "apply", str(file)).is_fine()
    ask("bob", "rollout", "promote", "shop").ends(WAITS, "waits for somebody else's approval")
    (waiting,) = json.loads(life.console.run("requests", "shop", "--json").is_fine().stdout)
    approve = f"approve shop {waiting['request_id']}"
    life.refuses(("bob", approve, "approve needs approver"))
    ask("ann", *approve.split()).ends(FINE, "ann approved the promote of bob", "v1.1.0")
    life.refuses(("cyd", approve, "waits no more"))
    assert life.console.run("registry", "production", "shop").stdout == "v1.1.0\n"


def _attackers_get_nowhere(life: Life) -> None:
    """Replayed, expired, forged and malformed requests are answered, and change nothing."""
    now_ms = time.time_ns() // 1_000_000
    fields = {"model": "shop", "operator": "bob", "mode": Mode.OBSERVE, "issued_at_ms": now_ms}
    late = SetMode(request_id="late", **fields, expires_at_ms=now_ms - MINUTE_MS)
    fresh = SetMode(request_id="twice", **{**fields, "mode": Mode.ENFORCE},
                    expires_at_ms=now_ms + MINUTE_MS)  # fmt: skip
    bent = SetMode(request_id="bent", **fields, expires_at_ms=now_ms + MINUTE_MS)
    bob = load_key(life.console.folder / "bob", REQUEST).signer
    signed = [(encode(row), bob.headers(encode(row))) for row in (late, fresh, fresh)]
    forged = (encode(bent).replace(b"twice", b"bent"), signed[1][1])
    malformed = (b'{"type":"set_mode","model":"shop","request_id":"odd","mode":"off"}', [])
    producer = Producer(life.here.settings.librdkafka())
    for value, headers in (*signed, forged, malformed):
        name = life.here.settings.topic(Topic.REQUESTS)
        producer.produce(name, value, "shop", headers=headers)
    assert producer.flush(30) == 0

    def answers() -> dict[str, list[str]] | None:
        words = ("tail", "audit", "--model", "shop", "--from-beginning", "--exit", "--json")
        rows = [json.loads(row) for row in life.console.run(*words).is_fine().stdout.splitlines()]
        mine: dict[str, list[str]] = {}
        for row in (row.get("value", row) for row in rows):
            mine.setdefault(row.get("request_id", ""), []).append(
                f"{row['event']}: {row['sentence']}"
            )
        return mine if "odd" in mine else None

    told = wait_until(answers, "the answer to the last one")
    assert "expired" in told["late"][0]
    assert told["twice"][0].startswith("accepted")
    assert "this is a replay of it" in told["twice"][1]
    assert "is not of this request: forged" in told["bent"][0]
    assert "The request is malformed: $" in told["odd"][0]
    assert [len(told[name]) for name in ("late", "twice", "bent", "odd")] == [1, 2, 1, 1]
    assert "OBSERVE" not in life.console.run("status", "shop").is_fine().stdout


def _rotates(life: Life) -> None:
    life.make_keys(bob2="operator")
    life.apply_keys("ann", "cyd", "bob", "bob2", "vic").is_fine()
    for done in life.console.ask_all([("bob", "mode shop observe"), ("bob2", "mode shop enforce")]):
        done.is_fine()
    life.apply_keys("ann", "cyd", "bob2", "vic").is_fine()
    life.refuses(("bob", "mode shop observe", "which is not among the keys set"))
    assert "cyd" in life.console.run("keys", "list").is_fine().stdout


def _takes_two(life: Life) -> None:
    """Keys that come wait for another approver, in every ledger partition; keys that go do not."""
    rule = {"approvals": {"actions": ["apply_keys"], "within": "10m"}}
    life.apply_keys("ann", "cyd", "bob2", "vic", **rule).is_fine()
    life.apply_keys("ann", "cyd", "bob2", "vic", "eve", **rule).ends(WAITS, "somebody else's")
    life.refuses(("eve", "mode shop observe", "which is not among the keys set"))
    (waiting,) = json.loads(life.console.run("requests", "*", "--json").is_fine().stdout)
    approve = ("approve", "*", waiting["request_id"])
    life.console.ask("ann", *approve).ends(REFUSED, "can't approve it too")
    life.console.ask("cyd", *approve).ends(FINE, "cyd approved the apply_keys of ann: 5 keys")
    life.console.ask("eve", "mode", "shop", "enforce").is_fine()
    life.apply_keys("ann", "cyd", "bob2", **rule).ends(FINE, "0 came, 2 went")
    assert "A second person" in life.console.run("keys", "list").is_fine().stdout


@pytest.mark.kafka
@pytest.mark.verify
@pytest.mark.timeout(600)
def test_a_registry_is_applied_promoted_refused_rekeyed_and_verified_by_commands_alone(
    kafka: RealKafka, topic_prefix: str, tmp_path: Path
) -> None:
    with Installation(kafka.bootstrap_servers, topic_prefix) as here:
        life = Life(here, tmp_path)
        people = {"cyd": "approver", "bob": "operator", "vic": "viewer", "eve": "operator"}
        first = life.make_keys(ann="approver", **people)
        workers = [life.console.start("worker", first_key=first, **WORKER) for _ in range(2)]
        here.workers += workers
        wait_until(lambda: here.joined(2), "two workers")
        life.apply_keys("ann", "cyd", "bob", "vic").is_fine()
        policy = {**policy_content(), "approvals": {"actions": ["promote"], "within": "10m"}}
        _registers(life)
        _reads(life)
        _is_refused(life, life.file("policy.yaml", policy))
        _promotes(life, workers[0])
        _attackers_get_nowhere(life)
        _rotates(life)
        _takes_two(life)
        planned, verified = life.console.run_all("lifecycle plan shop", "audit verify --json")
        planned.ends(FINE, "v1.0.0", "deprecate")
        chain = json.loads(verified.is_fine().stdout)["chains"]["shop"]
        assert chain["sequence"] > 40
        here.stop_worker(workers[1])
        life.console.run("replay").ends(FINE, "CONFIRMED")
