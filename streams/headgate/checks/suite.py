"""A suite of checks as a file declares it: each a request, and what the answer must be like."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from headgate.judge.courses import CheckName
from headgate.judge.durations import DurationMs
from headgate.judge.permits import Strict

MAX_CHECKS = 64
MAX_RETRIES = 20


def _sound_pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from error
    return text


def _sound_schema(schema: dict[str, Any]) -> dict[str, Any]:
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        where = ".".join(map(str, error.absolute_path)) or "$"
        raise ValueError(f"is no JSON Schema, at {where}: {error.message}") from error
    return schema


def _positive(duration_ms: int) -> int:
    if not duration_ms:
        raise ValueError("must be above 0")
    return duration_ms


Pattern = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_sound_pattern)]
Schema = Annotated[dict[str, Any], AfterValidator(_sound_schema)]
StatusCode = Annotated[int, Field(ge=100, le=599)]
Statuses = Annotated[
    tuple[StatusCode, ...],
    BeforeValidator(lambda value: [value] if isinstance(value, int) else value),
]
Positive = Annotated[DurationMs, AfterValidator(_positive)]
Headers = dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")], str]


class Expect(Strict):
    """What an answer must be like; without a `status` any of 200 to 299 will do.

    Patterns are regular expressions, looked for anywhere in the answer's text.
    """

    status: Statuses = ()
    latency_max: Positive | None = None
    json_schema: Schema | None = None
    must_match: tuple[Pattern, ...] = ()
    must_not_match: tuple[Pattern, ...] = ()


class Check(Strict):
    """One request and what its answer must be like; what it leaves out the suite says."""

    name: CheckName
    url: str = ""
    method: Literal["GET", "POST", "PUT", "HEAD"] | None = None
    headers: Headers = Field(default_factory=dict)
    body_json: Any = Field(default=None, alias="json")
    body: str | None = None
    timeout: Positive | None = None
    retries: Annotated[int, Field(ge=0, le=MAX_RETRIES)] | None = None
    expect: Expect = Expect()

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if self.body is not None and self.body_json is not None:
            raise ValueError("give json or body, not both")
        if self.method in {"GET", "HEAD"} and (self.body is not None or self.body_json is not None):
            raise ValueError(f"{self.method} sends no body")
        return self


class Suite(Strict):
    """Checks of one version. `retries` are further attempts, `retry_after` apart."""

    model: Annotated[str, Field(max_length=128)] = ""
    version: Annotated[str, Field(max_length=128)] = ""
    url: str = ""
    headers: Headers = Field(default_factory=dict)
    timeout: Positive = 10_000
    retries: Annotated[int, Field(ge=0, le=MAX_RETRIES)] = 0
    retry_after: DurationMs = 1_000
    checks: Annotated[tuple[Check, ...], Field(min_length=1, max_length=MAX_CHECKS)]

    @model_validator(mode="after")
    def _sound(self) -> Self:
        names = [check.name for check in self.checks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"names of checks must differ; twice: {', '.join(twice)}")
        lost = [check.name for check in self.checks if not check.url and not self.url]
        if lost:
            raise ValueError(f"without a url: {', '.join(lost)}; give one to each, or to all")
        return self
