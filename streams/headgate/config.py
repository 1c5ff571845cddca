"""Configuration: flags before environment before file before defaults, every error at once."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from headgate.problems import HIDDEN, ConfigError, Problem, did_you_mean, read_yaml, show_value
from headgate.vocabulary import Topic

ENV_PREFIX = "HEADGATE_"
CONFIG_VARIABLE = "HEADGATE_CONFIG"
OPERATOR_VARIABLE = "HEADGATE_OPERATOR"
_OTHER_VARIABLES = frozenset({CONFIG_VARIABLE, OPERATOR_VARIABLE, "HEADGATE_TRACES"})
# Kubernetes describes a Service of the name `headgate` to every container in such variables.
_SERVICE_LINK = re.compile(r"^HEADGATE_([A-Z0-9_]*_)?(SERVICE_(HOST|PORT)|PORT)(_|$)")

Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
_SERVER = r"(\[[0-9a-fA-F:.]+\]|[^\s:,/\[\]]+):\d{1,5}"
Servers = Annotated[str, Field(pattern=rf"^\s*{_SERVER}\s*(,\s*{_SERVER}\s*)*$")]
NamePart = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]*$", max_length=100)]
MemberName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$", max_length=128)]


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


Agents = Annotated[
    tuple[Literal["ingest", "admit", "govern"], ...],
    NoDecode,
    BeforeValidator(_split),
    Field(min_length=1),
]

PublicKeys = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")], ...],
    NoDecode,
    BeforeValidator(_split),
]


class Settings(BaseSettings):
    """Everything a Headgate process can be told. Names are the keys of the file as well."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    bootstrap_servers: Servers = "localhost:9092"
    topic_prefix: NamePart = "headgate."
    group_prefix: NamePart = "headgate-"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_ca_file: Path | None = None
    ssl_cert_file: Path | None = None
    ssl_key_file: Path | None = None
    operator_key_file: Path | None = None
    first_key: Annotated[str, Field(pattern=r"^([0-9a-f]{32})?$")] = ""
    control_key_file: Path | None = None
    control_public_keys: PublicKeys = ()
    agents: Agents = ("ingest", "admit", "govern")
    worker_id: MemberName = Field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}")
    instance_id: MemberName | None = None
    http_host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    http_port: Annotated[int, Field(ge=0, le=65535)] = 8086
    session_timeout_s: Annotated[float, Field(ge=6, le=300)] = 10.0
    fetch_wait_ms: Annotated[int, Field(ge=1, le=500)] = 20
    max_pairs_per_pane: Annotated[int, Field(ge=1, le=100_000)] = 512
    snapshot_interval_s: Seconds = 0.5
    progress_interval_s: Seconds = 2.0
    tick_interval_s: Seconds = 0.5
    checkpoint_interval_s: Seconds = 15.0
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"
    embedded: bool = False

    def topic(self, topic: Topic) -> str:
        """The topic's full name."""
        return f"{self.topic_prefix}{topic}"

    def librdkafka(self) -> dict[str, str | int]:
        """Connection settings for a confluent-kafka client."""
        secret = self.sasl_password.get_secret_value() if self.sasl_password else None
        settings = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol,
            "sasl.mechanism": self.sasl_mechanism,
            "sasl.username": self.sasl_username,
            "sasl.password": secret,
            "ssl.ca.location": self.ssl_ca_file,
            "ssl.certificate.location": self.ssl_cert_file,
            "ssl.key.location": self.ssl_key_file,
        }
        return {name: str(value) for name, value in settings.items() if value is not None}


@dataclass(frozen=True, slots=True)
class _Given:
    """A value with the file, environment variable or flag that it came from."""

    value: object
    source: str
    path: str
    example: str

    def problem(self, rule: str, remedy: str) -> Problem:
        return Problem(self.source, self.path, show_value(self.path, self.value), rule, remedy)


def load_settings(
    config_file: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Settings from flags (`overrides`; None means not given), environment, file and defaults.

    Raises `ConfigError` with every mistake of all three at once.
    """
    environ = os.environ if environ is None else environ
    problems: list[Problem] = []
    given: dict[str, _Given] = {}
    chosen = config_file or _config_from(environ)
    if chosen is not None:
        given |= _from_file(chosen, problems)
    given |= _from_environment(environ)
    given |= _from_flags(overrides or {})
    known = {name: row for name, row in given.items() if name in Settings.model_fields}
    problems += [_unknown(name, row) for name, row in given.items() if name not in known]
    problems += _cross_problems(known)
    try:
        settings = Settings(**{name: row.value for name, row in known.items()})  # type: ignore[arg-type]  # checked by pydantic
    except ValidationError as error:
        problems += [_invalid(row, known) for row in error.errors()]
    if problems:
        raise ConfigError(problems)
    return settings


def load_policy_document(path: Path) -> dict[str, Any]:
    """A policy file as plain data, not validated yet. Raises `ConfigError`."""
    return read_yaml(path)


def _config_from(environ: Mapping[str, str]) -> Path | None:
    return Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None


def _from_file(path: Path, problems: list[Problem]) -> dict[str, _Given]:
    try:
        content = read_yaml(path)
    except ConfigError as error:
        problems += error.problems
        return {}
    return {name: _Given(row, str(path), name, f"{name}: ") for name, row in content.items()}


def _from_environment(environ: Mapping[str, str]) -> dict[str, _Given]:
    rows = {}
    for variable, value in environ.items():
        if not variable.startswith(ENV_PREFIX) or variable in _OTHER_VARIABLES or not value:
            continue
        name = variable.removeprefix(ENV_PREFIX).lower()
        if name in Settings.model_fields or not _SERVICE_LINK.match(variable):
            rows[name] = _Given(value, "environment", variable, f"{variable}=")
    return rows


def _from_flags(overrides: Mapping[str, object]) -> dict[str, _Given]:
    rows = {}
    for name, value in overrides.items():
        if value is not None:
            flag = f"--{name.replace('_', '-')}"
            rows[name] = _Given(value, "command line", flag, f"{flag} ")
    return rows


def _unknown(name: str, row: _Given) -> Problem:
    known = {field: field for field in Settings.model_fields}
    if row.source == "environment":
        known = {f"{ENV_PREFIX}{field.upper()}": field for field in known}
    remedy = did_you_mean(row.path, known)
    if remedy.startswith("Did you mean") and "sasl_password" in remedy.lower():
        row = replace(row, value=HIDDEN)
    return row.problem("no such setting", remedy)


def _invalid(error: Any, known: Mapping[str, _Given]) -> Problem:
    name = str(error["loc"][0])
    row = known[name]
    default = Settings.model_fields[name].get_default()
    usual = _USUAL.get(name, default)
    shown = ",".join(usual) if isinstance(usual, tuple) else usual
    remedy = "Leave it out or mend it." if shown is None else f"For example: {row.example}{shown}"
    rule = _RULES.get(name) or str(error["msg"]).replace("Input should be", "must be")
    return row.problem(rule, remedy)


_USUAL = {
    "worker_id": "worker-1",
    "sasl_mechanism": "SCRAM-SHA-512",
    "control_public_keys": "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
}


_RULES = {
    "bootstrap_servers": "must be host:port, or several of them with commas between",
    "topic_prefix": "must be letters, digits, dots, dashes and underscores, at most 100",
    "group_prefix": "must be letters, digits, dots, dashes and underscores, at most 100",
    "worker_id": "must be 1 to 128 letters, digits, dots, dashes and underscores",
    "first_key": "must be the 32 hex digits that `headgate keys new` prints",
    "control_public_keys": "must be public keys (32 bytes in base64), several with commas between",
    "instance_id": "must be 1 to 128 letters, digits, dots, dashes and underscores",
}


_FILES = ("ssl_ca_file", "ssl_cert_file", "ssl_key_file", "operator_key_file", "control_key_file")


def _cross_problems(known: Mapping[str, _Given]) -> list[Problem]:
    """Settings that need each other, and files that must be there."""
    problems = []
    protocol = known.get("security_protocol")
    if protocol is not None and str(protocol.value).startswith("SASL_"):
        for name in ("sasl_mechanism", "sasl_username", "sasl_password"):
            if name not in known or known[name].value is None:
                rule = f"needs {name} too"
                remedy = f"Set {name} in the file or {ENV_PREFIX}{name.upper()}"
                problems.append(protocol.problem(rule, f"{remedy}."))
    for name, partner in (("ssl_cert_file", "ssl_key_file"), ("ssl_key_file", "ssl_cert_file")):
        if name in known and partner not in known:
            problems.append(known[name].problem(f"needs {partner} too", "Set both or neither."))
    for name in _FILES:
        row = known.get(name)
        if row is not None and isinstance(row.value, str | Path) and not Path(row.value).is_file():
            problems.append(row.problem("no such file", "Check the path and its permissions."))
    return problems
