"""Calls: the requests that a suite makes, with what comes from the environment filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

import orjson

from headgate.checks.suite import Check, Expect, Suite

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
HIDDEN = "(hidden)"


@dataclass(frozen=True, slots=True)
class Call:
    """One request, ready to be sent. Nothing of `headers` and `secrets` may be shown to anybody."""

    check: str
    method: str
    url: str
    headers: dict[str, str] = field(repr=False)
    body: bytes | None
    timeout_ms: int
    attempts: int
    retry_after_ms: int
    expect: Expect
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def redacted(self, text: str) -> str:
        """`text` without what headers have from the environment."""
        for secret in self.secrets:
            text = text.replace(secret, HIDDEN)
        return text


class CallError(ValueError):
    """Calls that cannot be made; `problems` has (path, rule, remedy) for each reason."""

    def __init__(self, problems: list[tuple[tuple[str | int, ...], str, str]]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{'.'.join(map(str, p))}: {rule}" for p, rule, _ in problems))


class _Filled:
    """Fills `${NAME}` in from the environment; what comes into a header so is a secret."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.secrets: set[str] = set()
        self.problems: list[tuple[tuple[str | int, ...], str, str]] = []

    def fill(self, text: str, path: tuple[str | int, ...]) -> str:
        for name in _VARIABLE.findall(text):
            if not self._environ.get(name):
                self._blame(path, f"environment variable {name} is not set", f"export {name}=...")
        return _VARIABLE.sub(lambda found: self._environ.get(found[1], ""), text)

    def header(self, text: str, path: tuple[str | int, ...]) -> str:
        value = self.fill(text, path)
        names = _VARIABLE.findall(text)
        self.secrets |= {self._environ[name] for name in names if self._environ.get(name)}
        if not value.isascii() or any(ord(letter) < 32 for letter in value):
            rule = "a header's value must be ASCII without line breaks"
            self._blame(path, rule, "Mend it, or the variable that it comes from.")
        return value

    def url(self, text: str, path: tuple[str | int, ...]) -> str:
        url = self.fill(text, path)
        try:
            parts = urlsplit(url)
            sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:  # of a port that is none
            sound = False
        if not sound:
            self._blame(path, "is no http or https URL", "Write one like http://green:8080/chat.")
        elif parts.username is not None:
            rule = "a URL must not hold a user or a password"
            self._blame(path, rule, 'Send them by a header: Authorization: "Bearer ${TOKEN}".')
        return url

    def _blame(self, path: tuple[str | int, ...], rule: str, remedy: str) -> None:
        self.problems.append((path, rule, remedy))


def calls_of(suite: Suite, environ: Mapping[str, str]) -> tuple[Call, ...]:
    """The suite's requests. Raises `CallError` with everything that keeps them from being made."""
    filled = _Filled(environ)
    common = {
        name: filled.header(value, ("headers", name)) for name, value in suite.headers.items()
    }
    made = [_call(suite, place, filled, common) for place in range(len(suite.checks))]
    if filled.problems:
        raise CallError(list(dict.fromkeys(filled.problems)))
    # The longest first: one secret may be a part of another.
    secrets = tuple(sorted(filled.secrets, key=len, reverse=True))
    return tuple(replace(call, secrets=secrets) for call in made)


def _call(suite: Suite, place: int, filled: _Filled, common: dict[str, str]) -> Call:
    check, at = suite.checks[place], ("checks", place)
    own = {
        name: filled.header(value, (*at, "headers", name)) for name, value in check.headers.items()
    }
    headers, body = {**common, **own}, _body(check)
    if check.body_json is not None and not any(n.lower() == "content-type" for n in headers):
        headers["Content-Type"] = "application/json"
    url = filled.url(check.url, (*at, "url")) if check.url else filled.url(suite.url, ("url",))
    retries = suite.retries if check.retries is None else check.retries
    return Call(
        check=check.name,
        method=check.method or ("POST" if body is not None else "GET"),
        url=url,
        headers=headers,
        body=body,
        timeout_ms=check.timeout or suite.timeout,
        attempts=retries + 1,
        retry_after_ms=suite.retry_after,
        expect=check.expect,
    )


def _body(check: Check) -> bytes | None:
    if check.body_json is not None:
        return orjson.dumps(check.body_json)
    return None if check.body is None else check.body.encode()
