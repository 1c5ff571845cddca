"""The command line as a test calls it."""

from __future__ import annotations

import os

import pytest
from click.testing import Result

from headgate.config import ENV_PREFIX, Settings
from headgate.local.embedded import EmbeddedBroker
from support.commands import Run, call


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(ENV_PREFIX):
            monkeypatch.delenv(name)


@pytest.fixture
def run() -> Run:
    """Run `headgate` with arguments; output is no terminal."""
    return call


@pytest.fixture
def settings(embedded: EmbeddedBroker, topic_prefix: str) -> Settings:
    """An installation of the test's own on the embedded broker."""
    return Settings(
        bootstrap_servers=embedded.bootstrap_servers, topic_prefix=topic_prefix, embedded=True
    )


@pytest.fixture
def ask(run: Run, settings: Settings) -> Run:
    """Run a command against that installation."""

    def invoke(*arguments: str) -> Result:
        broker = ("--bootstrap-servers", settings.bootstrap_servers)
        return run(*arguments, *broker, "--topic-prefix", settings.topic_prefix)

    return invoke
