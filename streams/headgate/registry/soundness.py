"""Whether what is declared holds together by itself: versions, dates, rules against each other."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable, Sequence

from msgspec import Struct

from headgate.registry import semver
from headgate.wire.registry import CompatibilityRule, VersionSpec

_CLOCK = re.compile(r"(?P<h>\d{2}):(?P<m>\d{2})(?::(?P<s>\d{2}))?")


class Flaw(Struct, frozen=True):
    """One thing that is wrong: `path` within what was declared, the value, the rule, a remedy."""

    path: str
    value: str
    rule: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path} {self.value} {self.rule}"


def spec_flaws(spec: VersionSpec) -> list[Flaw]:
    """What is wrong with one spec, whatever else is registered."""
    flaws = [
        *_version_flaws("version", spec.version),
        *_version_flaws("parent_version", spec.parent_version),
        *_date_flaws("created", spec.created),
    ]
    if spec.trained_on is not None:
        flaws += _date_flaws("trained_on.training_date", spec.trained_on.training_date)
    if spec.parent_version and semver.same(spec.parent_version, spec.version):
        rule = "is the version itself, which would be a cycle"
        flaws.append(Flaw("parent_version", spec.parent_version, rule, "Name what it came of."))
    return flaws


def _version_flaws(path: str, text: str) -> list[Flaw]:
    if path == "parent_version" and not text:
        return []
    sound = semver.try_parse(text) is not None
    return [] if sound else [Flaw(path, text, semver.RULE, semver.REMEDY)]


def _date_flaws(path: str, text: str | None) -> list[Flaw]:
    if not text or is_date(text):
        return []
    rule, remedy = "is no day or time that exists", "Write it like 2025-01-31 or 2025-01-31T09:30Z."
    return [Flaw(path, text, rule, remedy)]


def is_date(text: str) -> bool:
    """Whether a text in the shape of a date is in the calendar and on the clock."""
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    if not (year and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]):
        return False
    clock = _CLOCK.match(text, 11)
    return clock is None or (int(clock["h"]) < 24 and int(clock["m"]) < 60 and _sixty(clock["s"]))


def _sixty(seconds: str | None) -> bool:
    return seconds is None or int(seconds) < 60


def rule_flaws(rules: Sequence[CompatibilityRule]) -> list[tuple[int, Flaw]]:
    """Rules that say the opposite of an earlier one, or that name nothing; by place in the list."""
    said: dict[tuple[str, str, str], tuple[int, bool]] = {}
    flaws = []
    for place, rule in enumerate(rules):
        key = (rule.model, rule.prompt_template, rule.embedding)
        if not any(key):
            what = "names neither a model, nor a prompt template, nor an embedding"
            flaws.append((place, Flaw("model", "", what, "Name at least one of the three.")))
            continue
        first, compatible = said.setdefault(key, (place, rule.compatible))
        if compatible != rule.compatible:
            words = " with ".join(part for part in key if part)
            what = f"contradicts rule {first}, which says the opposite of {words}"
            shown = str(rule.compatible).lower()
            flaws.append((place, Flaw("compatible", shown, what, "Keep one of the two.")))
    return flaws


def embedding_flaws(spec: VersionSpec, rules: Iterable[CompatibilityRule]) -> list[Flaw]:
    """Embeddings that a spec requires and that a rule says its model or template never fits."""
    flaws = []
    for rule in rules:
        applies = (
            not rule.compatible
            and rule.embedding in spec.compatibility.required_embeddings
            and rule.model in {"", spec.base_model}
            and rule.prompt_template in {"", spec.prompt_template}
        )
        if applies:
            what = "is required, but a rule of `compatibility` says that it does not fit"
            why = f" ({rule.reason})" if rule.reason else ""
            flaws.append(
                Flaw(
                    "compatibility.required_embeddings",
                    rule.embedding,
                    what + why,
                    "Mend the version or the rule.",
                )
            )
    return flaws
