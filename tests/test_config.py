"""Configuration: who wins over whom, and every mistake told at once with what mends it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from headgate.config import ENV_PREFIX, ConfigError, Settings, load_settings
from headgate.contract import contract_file
from headgate.problems import HIDDEN, did_you_mean, read_yaml, show_value
from headgate.vocabulary import Topic

SHIPPED = contract_file("config", "headgate.yaml")
KEY = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(ENV_PREFIX):
            monkeypatch.delenv(name)


def _file(folder: Path, text: str) -> Path:
    path = folder / "headgate.yaml"
    path.write_text(text)
    return path


def _problems(*args: Any) -> dict[str, Any]:
    with pytest.raises(ConfigError) as caught:
        load_settings(*args)
    return {problem.path: problem for problem in caught.value.problems}


def test_without_anything_given_the_defaults_hold() -> None:
    settings = load_settings(None, {}, {})
    assert settings.bootstrap_servers == "localhost:9092"
    assert settings.agents == ("ingest", "admit", "govern")
    assert settings.topic(Topic.OUTCOMES) == "headgate.outcomes"


def test_flags_win_over_the_environment_which_wins_over_the_file(tmp_path: Path) -> None:
    file = _file(tmp_path, "http_port: 1\nfetch_wait_ms: 31\ntopic_prefix: file.\n")
    environ = {"HEADGATE_HTTP_PORT": "2", "HEADGATE_FETCH_WAIT_MS": "32"}
    settings = load_settings(file, {"http_port": 3}, environ)
    assert (settings.http_port, settings.fetch_wait_ms, settings.topic_prefix) == (3, 32, "file.")


def test_a_flag_that_is_not_given_leaves_the_rest_in_force() -> None:
    environ = {"HEADGATE_HTTP_PORT": "2"}
    assert load_settings(None, {"http_port": None}, environ).http_port == 2


def test_the_environment_names_the_file(tmp_path: Path) -> None:
    file = _file(tmp_path, "agents: [ingest]\n")
    assert load_settings(None, {}, {"HEADGATE_CONFIG": str(file)}).agents == ("ingest",)


def test_agents_are_given_with_commas_between_in_flags_and_environment() -> None:
    assert load_settings(None, {"agents": "ingest, admit"}, {}).agents == ("ingest", "admit")
    environ = {"HEADGATE_AGENTS": "govern"}
    assert load_settings(None, {}, environ).agents == ("govern",)


def test_public_keys_are_a_list_in_a_file_and_have_commas_between_elsewhere(tmp_path: Path) -> None:
    file = _file(tmp_path, f"control_public_keys: [{KEY}]\n")
    assert load_settings(file, {}, {}).control_public_keys == (KEY,)
    environ = {"HEADGATE_CONTROL_PUBLIC_KEYS": f"{KEY}, {KEY}"}
    assert load_settings(None, {}, environ).control_public_keys == (KEY, KEY)
    row = _problems(None, {}, {"HEADGATE_CONTROL_PUBLIC_KEYS": "secret"})
    assert "32 bytes in base64" in row["HEADGATE_CONTROL_PUBLIC_KEYS"].rule


def test_all_mistakes_of_file_environment_and_flags_are_told_at_once(tmp_path: Path) -> None:
    file = _file(tmp_path, "http_port: 99999\nbootstrap_server: x\ntick_interval_s: -1\n")
    found = _problems(file, {"topic_prefix": "a b"}, {"HEADGATE_FETCH_WAIT_MS": "soon"})
    assert set(found) == {
        "http_port",
        "bootstrap_server",
        "tick_interval_s",
        "--topic-prefix",
        "HEADGATE_FETCH_WAIT_MS",
    }
    row = found["http_port"]
    assert (row.source, row.value) == (str(file), "99999")
    assert "65535" in row.rule
    assert "8086" in row.remedy
    assert found["--topic-prefix"].source == "command line"
    assert found["HEADGATE_FETCH_WAIT_MS"].source == "environment"


def test_an_unknown_name_is_a_mistake_with_the_name_that_was_meant(tmp_path: Path) -> None:
    found = _problems(_file(tmp_path, "htpp_port: 1\n"), {}, {"HEADGATE_BOOTSTRAP_SERVER": "x:1"})
    assert "Did you mean http_port?" in found["htpp_port"].remedy
    assert "HEADGATE_BOOTSTRAP_SERVERS?" in found["HEADGATE_BOOTSTRAP_SERVER"].remedy


def test_an_unknown_name_like_no_other_is_shown_with_its_value(tmp_path: Path) -> None:
    row = _problems(_file(tmp_path, "nonsense: 3\n"), {}, {})["nonsense"]
    assert row.value == "3"
    assert "Known: agents" in row.remedy


def test_variables_that_kubernetes_makes_of_a_service_are_no_mistakes() -> None:
    environ = {"HEADGATE_SERVICE_HOST": "10.0.0.1", "HEADGATE_PORT_9092_TCP": "tcp://10.0.0.1:1"}
    assert load_settings(None, {}, environ).http_port == 8086


@pytest.mark.parametrize(
    "key", ["sasl_password", "sasl_pasword", "saslpassword", "kafka_pwd", "sasl_token"]
)
def test_a_secret_is_never_shown_not_even_under_a_wrong_name(tmp_path: Path, key: str) -> None:
    file = _file(tmp_path, f"{key}: [hunter2]\nhttp_port: x\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(file, {}, {})
    assert "hunter2" not in str(caught.value)
    assert HIDDEN in str(caught.value)


def test_a_secret_reaches_kafka_and_no_printed_settings() -> None:
    environ = {
        "HEADGATE_SECURITY_PROTOCOL": "SASL_SSL",
        "HEADGATE_SASL_MECHANISM": "PLAIN",
        "HEADGATE_SASL_USERNAME": "me",
        "HEADGATE_SASL_PASSWORD": "hunter2",
    }
    settings = load_settings(None, {}, environ)
    assert settings.librdkafka()["sasl.password"] == "hunter2"
    assert "hunter2" not in repr(settings)


def test_sasl_without_its_credentials_says_what_is_missing() -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(None, {}, {"HEADGATE_SECURITY_PROTOCOL": "SASL_SSL"})
    missing = {row.rule for row in caught.value.problems}
    assert missing == {
        "needs sasl_mechanism too",
        "needs sasl_username too",
        "needs sasl_password too",
    }


def test_a_certificate_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    found = _problems(_file(tmp_path, f"ssl_ca_file: {tmp_path}/none.pem\n"), {}, {})
    assert found["ssl_ca_file"].rule == "no such file"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("http_port: 1\nhttp_port: 2\n", "given twice, in lines 1 and 2"),
        ("http_port: [1\n", "is no YAML"),
        ("- http_port\n", "must be a mapping"),
    ],
)
def test_a_file_that_is_no_mapping_says_so_and_hides_no_other_mistake(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(_file(tmp_path, text), {"log_level": "loud"}, {})
    assert said in str(caught.value)
    assert "--log-level" in str(caught.value)


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    found = _problems(tmp_path / "none.yaml", {}, {})
    assert "cannot be read" in found["$"].rule


def test_the_shipped_file_changes_nothing() -> None:
    shipped = load_settings(SHIPPED, {"worker_id": "w"}, {})
    assert shipped == load_settings(None, {"worker_id": "w"}, {})


def test_the_shipped_file_names_every_setting_once_with_its_default() -> None:
    lines = re.findall(r"^# ([a-z_]+:.*)$", SHIPPED.read_text(), re.MULTILINE)
    shown = [yaml.safe_load(line) for line in lines]
    names = [name for row in shown for name in row]
    assert sorted(names) == sorted(Settings.model_fields)
    for row in shown:
        for name, value in row.items():
            field = Settings.model_fields[name]
            default = field.default
            if field.default_factory is None and default is not None:
                assert (tuple(value) if isinstance(value, list) else value) == default, name


def test_the_shipped_file_loads_with_every_line_uncommented(tmp_path: Path) -> None:
    text = re.sub(r"^# (?=[a-z_]+:)", "", SHIPPED.read_text(), flags=re.MULTILINE)
    text = re.sub(r"^(\w+_file|sasl_password):.*$", "", text, flags=re.MULTILINE)
    assert load_settings(_file(tmp_path, text), {}, {}).worker_id == "host-12345"


@given(st.text(max_size=400))
def test_a_shown_value_is_short(value: str) -> None:
    assert len(show_value("http_host", value)) <= 90


@given(st.sampled_from(sorted(Settings.model_fields)), st.integers(0, 100))
def test_a_name_with_two_letters_swapped_is_recognised(name: str, seed: int) -> None:
    at = seed % (len(name) - 1)
    wrong = name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    assert did_you_mean(wrong, Settings.model_fields) == f"Did you mean {name}?"


def test_dates_in_yaml_stay_the_text_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "any.yaml"
    path.write_text("version: 2026-03-01\n")
    assert read_yaml(path) == {"version": "2026-03-01"}
