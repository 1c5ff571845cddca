"""docs/guide.md as a program: its `console` blocks are run in order, against a Headgate of its own.

`python -m support.guide` (with tests/ on the path) writes the outputs anew. In the guide, comments
before a block steer the run and show in no browser:

- `<!-- serve: v1.0.0 good, v1.1.0 failing -->`: from here on a fleet serves these versions so;
- `<!-- until: words -->`: the block's first command is run again until it says these words;
- `<!-- hide: words -->`: its lines with these words are left out, `...` stands for them;
- `<!-- file: name -->`: the block is that file.

Words, columns and commands must come out as they stand. `RULES` is all that may differ between
runs, and nothing may in what is simulated.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from headgate.local.kafka import RealKafka
from support.serving import BAD, BELOVED, GOOD, Serving

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide.md"
MODEL = "support"
BEHAVIOURS = {
    "good": GOOD,
    "loved": BELOVED,
    "failing": BAD,
    "disliked": replace(GOOD, rating_mean=2.9),
}
ENVIRONMENT = {"COLUMNS": "150", "HEADGATE_OPERATOR": "ann"}
UNTIL_S, AGAIN_S = 240.0, 0.3
_EXIT_CODES = {0, 1, 5}
_SEEDED = ("headgate simulate ", "headgate policy ")
_LOOKING = ("status", "tail", "explain", "ab report", "rollout history", "audit", "requests")

_ID = r"\b[dra]-(?:[0-9a-f]{16}|\d+-[\w.-]*\w)\b|\b[0-9a-f]{12,64}\b"
_NUMBER = r"(?:over )?(?<![\w.])[+-]?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?"
RULES: tuple[tuple[str, str], ...] = (
    (r"(v[\d.]+ \d+(?:\.\d+)? %)(?![\w.])", r"\1"),  # a version's share must be the same
    (_ID, "ID"),  # decisions, alerts, rollouts, requests, hashes
    (r"\d{4}-\d\d-\d\d", "DATE"),
    (r"\d\d:\d\d(?::\d\d)?", "TIME"),
    (rf"{_NUMBER} (?:ms|s|min|h|d|w)\b(?: \d+ (?:ms|s|min|h|d|w)\b)*", "DURATION"),
    (_NUMBER, "NUMBER"),
    (r"[.:|=]{31}", "BAR"),  # an interval of an A/B report, drawn
    (r"[─━]+", "─"),  # rules are as long as columns are wide
    (r" +", " "),
)
_ANY_RULE = re.compile("|".join(f"(?P<r{n}>{rule})" for n, (rule, _) in enumerate(RULES)))
_STEERING = re.compile(r"<!-- (serve|until|hide|file): (.*?) -->")


def normal(line: str) -> str:
    """A line without what may differ between two runs."""
    return _ANY_RULE.sub(_stand_in, line).rstrip()


def compared(step: Step, lines: Sequence[str]) -> list[str]:
    """What must come out again of a step: every byte where nothing but a seed decides."""
    return list(lines) if step.command.startswith(_SEEDED) else [normal(line) for line in lines]


def _stand_in(found: re.Match[str]) -> str:
    number = int(str(found.lastgroup)[1:]) if found.lastgroup else 0
    return RULES[number][1] if number else found[0]


@dataclass
class Step:
    """A command of the guide with the output that stands there, or a file, and what steers it."""

    line: int
    command: str = ""
    output: list[str] = field(default_factory=list)
    file: str = ""
    serve: str = ""
    until: tuple[str, ...] = ()
    hide: tuple[str, ...] = ()


def steps_of(text: str) -> Iterator[Step]:
    """Everything in the guide that is done, in order."""
    steering: dict[str, list[str]] = {}
    kind, step = "", None
    for number, line in enumerate(text.splitlines(), 1):
        if not kind and (found := _STEERING.fullmatch(line)):
            steering.setdefault(found[1], []).append(found[2])
        elif not kind and line.startswith("```"):
            kind = line.removeprefix("```") or "text"
            if kind != "console" and "file" in steering:
                step = Step(number, file=steering.pop("file")[0])
        elif line == "```":
            if step is not None:
                yield step
            kind, step, steering = "", None, {}
        elif kind == "console" and line.startswith("$ "):
            if step is not None:
                yield step
            step = Step(
                number,
                line.removeprefix("$ "),
                serve=steering.pop("serve", [""])[0],
                until=tuple(steering.pop("until", ())),
                hide=tuple(steering.get("hide", ())),
            )
        elif kind and step is not None:
            step.output.append(line)


class Walk:
    """Runs the guide's steps; ids that stand there are replaced by those that came instead."""

    def __init__(self, serving: Serving, folder: Path) -> None:
        self._serving, self._folder = serving, folder
        self._ids: dict[str, str] = {}
        self._told: list[str] = []

    def run(self, step: Step, *, recorded: bool) -> list[str]:
        """What a step prints. If `recorded`, again until that is what stands in the guide."""
        if step.serve:
            rows = (row.split() for row in step.serve.split(","))
            arms = {version: BEHAVIOURS[how] for version, how in rows}
            self._serving.model(MODEL).is_served(**arms)
        if step.file:
            (self._folder / step.file).write_text("\n".join(step.output) + "\n")
            return step.output
        wanted = compared(step, step.output)
        deadline = time.monotonic() + UNTIL_S
        while True:
            found = self._once(step)
            said = all(words in _text(found) for words in step.until)
            done = said and (not recorded or compared(step, found) == wanted)
            if done or time.monotonic() > deadline or not (step.until or _only_looks(step)):
                break
            time.sleep(AGAIN_S)
        assert said, (
            f"line {step.line}: `{step.command}` never said {step.until!r}:\n{_text(found)}"
        )
        self._learn(step.output, found)
        return found

    def command(self, step: Step) -> str:
        """A step's command with the ids of this run; for an id that the guide did not show, the
        newest of its kind.
        """

        def of_now(found: re.Match[str]) -> str:
            newest = [told for told in self._told if told[:2] == found[0][:2]]
            return self._ids.get(found[0], newest[-1] if newest else found[0])

        return re.sub(_ID, of_now, step.command)

    def _once(self, step: Step) -> list[str]:
        command, _, wanted = self.command(step).partition(" | grep ")
        words = shlex.split(command)
        assert words[0] == "headgate", step.command
        done = self._serving.console.run(*words[1:])
        assert done.code in _EXIT_CODES, done
        printed = (done.stdout + done.stderr).rstrip().splitlines()
        kept = [line for line in printed if not wanted or shlex.split(wanted)[0] in line]
        return _shown(kept, step.hide)

    def _learn(self, before: Sequence[str], now: Sequence[str]) -> None:
        self._told += _ids_in(now)
        if [normal(line) for line in before] == [normal(line) for line in now]:
            for one, other in zip(_ids_in(before), _ids_in(now), strict=False):
                self._ids.setdefault(one, other)


def _only_looks(step: Step) -> bool:
    return step.command.removeprefix("headgate ").startswith(_LOOKING)


def _shown(lines: Sequence[str], hide: Sequence[str]) -> list[str]:
    shown: list[str] = []
    for line in lines:
        hidden = any(words in line for words in hide)
        if not (hidden and shown[-1:] == ["..."]):
            shown.append("..." if hidden else line.rstrip())
    return shown


def _ids_in(lines: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(re.findall(_ID, "\n".join(lines))))


def _text(lines: Sequence[str]) -> str:
    return "\n".join(lines)


def rewritten(text: str, walk: Walk) -> str:
    """The guide with the outputs of a run of now."""
    lines: list[str | None] = list(text.splitlines())
    for step in list(steps_of(text)):
        found = walk.run(step, recorded=False)
        if not step.command:
            continue
        prompted = [f"$ {walk.command(step)}", *found]
        sys.stdout.write(_text([*prompted, ""]))
        sys.stdout.flush()
        lines[step.line : step.line + len(step.output)] = [None] * len(step.output)
        lines[step.line - 1] = _text(prompted)
    return _text([line for line in lines if line is not None]) + "\n"


def main() -> None:
    """Write the guide anew, on a Kafka of its own."""
    with tempfile.TemporaryDirectory() as name, RealKafka.start() as kafka:
        folder = Path(name)
        with Serving(kafka.bootstrap_servers, "guide.", folder, **ENVIRONMENT) as serving:
            text = rewritten(GUIDE.read_text(), Walk(serving, folder))
    GUIDE.write_text(text)
    subprocess.run(["git", "diff", "--stat", str(GUIDE)], check=False)


if __name__ == "__main__":
    main()
