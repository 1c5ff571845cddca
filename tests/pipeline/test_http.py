"""The worker's port: one that is taken ends the worker before it joins anything."""

from __future__ import annotations

import socket

import pytest

from headgate.config import Settings
from headgate.pipeline import worker
from headgate.pipeline.http import port_problem


def test_a_port_that_is_taken_is_told_with_the_setting_that_changes_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        problem = port_problem("127.0.0.1", port)
    assert f"cannot listen on 127.0.0.1:{port}" in problem
    assert "HEADGATE_HTTP_PORT" in problem
    assert port_problem("127.0.0.1", port) == ""


def test_a_host_that_is_not_this_ones_is_a_problem_and_any_free_port_is_none() -> None:
    assert "cannot listen on no-such-host.invalid:80" in port_problem("no-such-host.invalid", 80)
    assert port_problem("127.0.0.1", 0) == ""


def test_a_worker_whose_port_is_taken_ends_as_one_with_a_wrong_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(worker, "configure_logs", lambda *_: None)
    monkeypatch.setattr(worker, "_make_agents", lambda _: pytest.fail("it joins its groups"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert worker.run_worker(Settings(embedded=True, http_port=port)) == worker.EXIT_CONFIG
    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err
