"""A router that is given public keys obeys signed commands, and counts and reports the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from headgate.sdk import Router
from headgate.sdk.verifying import command_check
from headgate.wire.control import Command
from headgate.wire.signatures import CONTROL, REQUEST, Signer, new_secret_key

Make = Callable[..., Command]
Wait = Callable[[Callable[[], bool]], None]


def test_only_commands_signed_with_a_known_key_are_obeyed(
    broker: Any, command: Make, wait_for: Wait
) -> None:
    secret = new_secret_key()
    old, new = Signer(secret, CONTROL), Signer(new_secret_key(), CONTROL)
    router = Router(
        broker.bootstrap_servers, models=["agent"], public_keys=[old.public_key, new.public_key]
    )
    broker.command(command(1, ("evil", 10_000)))
    with router:
        wait_for(lambda: router.refused == 1)
        assert not router.splits()
        told = broker.acks(lambda acks: any(ack.refused for ack in acks))
        assert (told[-1].revision, told[-1].model) == (0, "agent")
        broker.command(command(2, ("v1", 10_000)), old)
        wait_for(lambda: "agent" in router.splits())
        broker.command(command(3, ("evil", 10_000)), Signer(new_secret_key(), CONTROL))
        broker.command(command(4, ("evil", 10_000)), Signer(secret, REQUEST))
        broker.command(command(5, ("v2", 10_000)), new)
        wait_for(lambda: router.splits()["agent"].revision == 5)
        assert router.choose("agent", "user").version == "v2"
        assert router.refused == 3


def test_a_router_without_keys_obeys_signed_and_unsigned_commands(
    broker: Any, command: Make, wait_for: Wait
) -> None:
    broker.command(command(1, ("v1", 10_000)), Signer(new_secret_key(), CONTROL))
    with Router(broker.bootstrap_servers) as router:
        broker.command(command(2, ("v2", 10_000)))
        wait_for(lambda: router.splits()["agent"].revision == 2)
        assert router.refused == 0


@pytest.mark.parametrize("keys", [[], "AAAA", ["AAAA"]])
def test_keys_that_are_none_are_told_at_once(keys: Any) -> None:
    with pytest.raises(ValueError, match="key"):
        Router("localhost:1", public_keys=keys)


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("headgate.sdk.verifying.import_module", absent)
    with pytest.raises(ImportError, match=r"headgate\[signing\]"):
        command_check(["AAAA"])
