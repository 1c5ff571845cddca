"""On a real Kafka, by the command line: keys, refusals, a rotation, a kill, and the history."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
import yaml
from click.testing import Result

from headgate.cli.failures import ExitCode
from headgate.keyfiles import load_key, new_key
from headgate.local.kafka import RealKafka
from headgate.sdk import Router
from headgate.wire.signatures import CONTROL, REQUEST
from support.commands import call
from support.installation import Installation, wait_until

MODEL = "guarded"
LONG = ("--timeout", "60")


class Console:
    """Runs commands against an installation, signed with a person's key file or with none."""

    def __init__(self, installation: Installation, folder: Path) -> None:
        settings = installation.settings
        self._folder = folder
        self._env = {
            "HEADGATE_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
            "HEADGATE_TOPIC_PREFIX": settings.topic_prefix,
            "HEADGATE_GROUP_PREFIX": settings.group_prefix,
        }

    def run(self, who: str, *words: str) -> Result:
        key = {"HEADGATE_OPERATOR_KEY_FILE": str(self._folder / who)} if who else {}
        return call(*words, env={**self._env, **key})

    def keys(self, *rows: tuple[str, str]) -> str:
        """A list of keys: (file, role) each."""
        listed = []
        for file, role in rows:
            key = load_key(self._folder / file, REQUEST)
            public_key = key.signer.public_key
            listed.append({"operator": key.operator, "role": role, "public_key": public_key})
        path = self._folder / "keys.yaml"
        path.write_text(yaml.safe_dump({"keys": listed}))
        return str(path)


@pytest.mark.kafka
def test_keys_refusals_rotation_and_a_killed_worker_leave_a_history_that_verifies(
    kafka: RealKafka, topic_prefix: str, tmp_path: Path
) -> None:
    ann = new_key(tmp_path / "ann", "ann", REQUEST).signer.key_id
    for file, owner in (("bob", "bob"), ("bob2", "bob"), ("vic", "vic"), ("eve", "bob")):
        new_key(tmp_path / file, owner, REQUEST)
    control = new_key(tmp_path / "control", "govern", CONTROL).signer.public_key
    with Installation(kafka.bootstrap_servers, topic_prefix) as here:
        secrets = {"first_key": ann, "control_key_file": str(tmp_path / "control")}
        workers = [here.start_worker(**secrets) for _ in range(2)]
        console = Console(here, tmp_path)
        opened = console.run("", "mode", "another", "observe", *LONG)
        assert opened.exit_code == ExitCode.FINE, opened.output
        wait_until(lambda: here.joined(2), "two workers")
        first = console.keys(("ann", "approver"), ("bob", "operator"), ("vic", "viewer"))
        ask = console.run
        assert ask("eve", "keys", "apply", first, *LONG).exit_code == ExitCode.NEGATIVE
        done = ask("ann", "keys", "apply", first, *LONG)
        assert done.exit_code == ExitCode.FINE, done.output
        adopt = ("adopt", MODEL, "v1", *LONG)
        for who, words in (("", "not signed"), ("vic", "vic is viewer"), ("eve", "not among")):
            refused = ask(who, *adopt)
            assert refused.exit_code == ExitCode.NEGATIVE, refused.output
            assert words in refused.stdout
        where = {"topic_prefix": topic_prefix, "public_keys": [control]}
        with Router(kafka.bootstrap_servers, models=[MODEL], **where) as router:
            assert ask("bob", *adopt).exit_code == ExitCode.FINE
            wait_until(lambda: MODEL in router.splits(), "a signed split")
            assert router.refused == 0
        workers[0].send_signal(signal.SIGKILL)
        both = console.keys(("ann", "approver"), ("bob", "operator"), ("bob2", "operator"))
        assert ask("ann", "keys", "apply", both, *LONG).exit_code == ExitCode.FINE
        for who in ("bob", "bob2"):
            assert ask(who, "mode", MODEL, "observe", *LONG).exit_code == ExitCode.FINE
        after = console.keys(("ann", "approver"), ("bob2", "operator"))
        assert ask("ann", "keys", "apply", after, *LONG).exit_code == ExitCode.FINE
        assert ask("bob", "mode", MODEL, "enforce", *LONG).exit_code == ExitCode.NEGATIVE
        assert ask("", "keys", "list").exit_code == ExitCode.FINE
        verified = ask("", "audit", "verify", "--json")
        assert verified.exit_code == ExitCode.FINE, verified.output
        assert json.loads(verified.stdout)["chains"][MODEL]["sequence"] >= 5
        here.stop_worker(workers[1])
        replayed = ask("", "replay")
        assert replayed.exit_code == ExitCode.FINE, replayed.output
