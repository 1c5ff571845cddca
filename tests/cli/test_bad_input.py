"""Bad input about rollouts, as a person types it: refused with the reason and the remedy, on audit
and in the exit code.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from headgate.cli.failures import ExitCode
from headgate.config import Settings
from headgate.vocabulary import Status, Topic
from headgate.wire.codec import encode
from headgate.wire.registry import VersionSpec
from headgate.wire.registry_requests import RegisterVersion
from headgate.wire.rollout_requests import Rollback
from support.commands import Run
from support.courses import GOOD, adopted, quick_policy, start_ab, start_blue_green, start_canary
from support.ledger import MODEL, LedgerBench
from support.responder import Responder, publish

Bench = Callable[[], LedgerBench]
CANARY = ("rollout", "start", MODEL, "--canary", "--stable", "v1", "--candidate")
TEST = ("rollout", "start", MODEL, "--ab", "--stable", "v1")


def _running() -> LedgerBench:
    bench = adopted()
    start_canary(bench)
    return bench


def _testing() -> LedgerBench:
    bench = adopted()
    start_ab(bench, ("v2", 5_000), ("v1", 5_000))
    return bench


def _green() -> LedgerBench:
    bench = adopted()
    start_blue_green(bench)
    return bench


def _finished() -> LedgerBench:
    bench = _running()
    bench.request(Rollback)
    return bench


def _registered() -> LedgerBench:
    bench = LedgerBench()
    bench.adopt(quick_policy(), "v1.0.0")
    for version in ("v1.0.0", "v1.2.0"):
        bench.request(RegisterVersion, spec=VersionSpec(version=version, base_model="m"))
    return bench


def _archived() -> LedgerBench:
    """v2 in staging for so long that it was archived by the cleanup."""
    bench = _finished()
    bench.serve(1, v1=GOOD)
    for _ in range(200):
        bench.tick(86_400)
        bench.ack()
        if bench.model.versions["v2"].status is Status.ARCHIVED:
            break
    assert bench.model.versions["v2"].status is Status.ARCHIVED
    return bench


BAD: dict[str, tuple[Bench, tuple[str, ...], str, str]] = {
    "a second rollout": (_running, (*CANARY, "v3"), "one at a time", "rollout promote support"),
    "a second rollout beside a test": (
        _testing,
        (*CANARY, "v3"),
        "one at a time",
        "ab stop support",
    ),
    "an unknown version": (
        _registered,
        ("rollout", "start", MODEL, "--canary", "--stable", "v1.0.0", "--candidate", "v1.20.0"),
        "v1.20.0 is unknown: of support are registered v1.0.0, v1.2.0",
        "headgate registry apply FILE",
    ),
    "an archived version": (
        _archived,
        (*CANARY, "v2", "--overrides", "d-0-0-x"),
        "v2 is archived",
        "headgate lifecycle redeploy support v2",
    ),
    "the version in production": (adopted, (*CANARY, "v1"), "in production already", "another"),
    "another stable version": (
        adopted,
        ("rollout", "start", MODEL, "--canary", "--stable", "v0", "--candidate", "v2"),
        "v0 is not in production; v1 is",
        "--stable v1",
    ),
    "arms with the same version": (
        adopted,
        (*TEST, "--arm", "v2=20%", "--arm", "v2=30%"),
        "two of them are the same version",
        "Name every version once",
    ),
    "a stable version as an arm": (
        adopted,
        (*TEST, "--arm", "v2=20%", "--arm", "v1=30%"),
        "two of them are the same version",
        "Name every version once",
    ),
    "weights that do not sum": (
        adopted,
        (*TEST, "--arm", "v2=60%", "--arm", "v3=60%"),
        "their weights sum to 12000",
        "weights that sum to 10000",
    ),
    "arms that leave stable nothing": (
        adopted,
        (*TEST, "--arm", "v2=100%"),
        "nothing is left for v1",
        "weights that sum to 10000",
    ),
    "steps that fall": (
        adopted,
        (*CANARY, "v2", "--steps", "50%:1w,5%:1w"),
        "steps must rise; 500 follows 5000",
        "--steps 5%:1w,50%:1w",
    ),
    "a hold of 0": (
        adopted,
        (*CANARY, "v2", "--steps", "5%:0s"),
        "a hold of 0 proves nothing",
        "--steps 5%:1w,50%:1w",
    ),
    "a longest hold below the hold": (
        adopted,
        (*CANARY, "v2", "--steps", "5%:1w:max=1d"),
        "max_hold is shorter than hold",
        "--steps 5%:1w,50%:1w",
    ),
    "a hold beyond half a year": (
        adopted,
        (*CANARY, "v2", "--steps", "5%:27w"),
        "a hold lasts at most 26w",
        "--steps 5%:1w,50%:1w",
    ),
    "a longest hold beyond a year": (
        adopted,
        (*CANARY, "v2", "--steps", "5%:1w:max=53w"),
        "max_hold is at most 52w",
        "--steps 5%:1w,50%:1w",
    ),
    "a step of nothing": (
        adopted,
        (*CANARY, "v2", "--steps", "0%:1w"),
        "a step of 0 % gives the candidate nothing",
        "--steps 5%:1w,50%:1w",
    ),
    "a step beyond everything": (
        adopted,
        (*CANARY, "v2", "--steps", "50%:1w,120%:1w"),
        "120 % is more than all of the traffic",
        "--steps 5%:1w,50%:1w",
    ),
    "a first share beyond everything": (
        adopted,
        ("rollout", "start", MODEL, "--candidate", "v2", "--stable", "v1", "--weight", "120%"),
        "120 % is more than all of the traffic",
        "from 0% to 100%",
    ),
    "a share beyond everything": (
        _running,
        ("rollout", "set-weight", MODEL, "10001"),
        "100.01 % is more than all of the traffic",
        "from 0% to 100%",
    ),
    "an arm beyond everything": (
        adopted,
        (*TEST, "--arm", "v2=120%"),
        "their weights sum to 12000",
        "weights that sum to 10000",
    ),
    "an arm of nothing": (
        adopted,
        (*TEST, "--arm", "v2=0%", "--arm", "v3=50%"),
        "nothing is left for v2",
        "weights that sum to 10000",
    ),
    "a difference of nothing": (
        adopted,
        (*TEST, "--arm", "v2=50%", "--criterion", "rating_mean:higher:0%"),
        "0.0 is not above 0 and at most 10",
        "--criterion rating_mean:higher:2%",
    ),
    "a difference beyond every difference": (
        adopted,
        (*TEST, "--arm", "v2=50%", "--criterion", "rating_mean:higher:2000%"),
        "20.0 is not above 0 and at most 10",
        "--criterion rating_mean:higher:2%",
    ),
    **{
        f"an unknown model in {words[0]} {words[1]}": (
            adopted,
            words,
            " yet.",
            "headgate adopt nobody VERSION",
        )
        for words in (
            ("rollout", "start", "nobody", "--canary", "--candidate", "v2"),
            ("ab", "start", "nobody", "--arm", "v2=50%"),
        )
    },
    "a check that nobody declared": (
        _green,
        ("check", "report", MODEL, "v2", "nonsense", "--passed"),
        "names no check nonsense",
        "It names: answers, schema, ready",
    ),
    "a share of a test": (
        _testing,
        ("rollout", "set-weight", MODEL, "100"),
        "shares of an A/B test are fixed",
        "headgate ab stop support",
    ),
    **{
        f"{words[1]} of a finished rollout": (
            _finished,
            words,
            " ended by d-",
            "headgate rollout history support",
        )
        for words in (
            ("rollout", "advance", MODEL),
            ("rollout", "cutover", MODEL),
            ("rollout", "skip", MODEL, "--reason", "x"),
            ("rollout", "set-weight", MODEL, "500"),
            ("rollout", "promote", MODEL),
            ("rollout", "pause", MODEL),
            ("rollout", "resume", MODEL),
            ("ab", "stop", MODEL),
        )
    },
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_is_refused_on_audit_and_in_the_exit_code(
    ask: Run, settings: Settings, what: str
) -> None:
    begin, words, reason, remedy = BAD[what]
    bench = begin()
    command = bench.commands[-1]
    publish(settings, Topic.CONTROL, (MODEL, encode(command)))
    with Responder(settings, lambda request: [bench.admit(request)]):
        result = ask(*words)
    assert result.exit_code == ExitCode.NEGATIVE, result.output
    told = " ".join(result.stdout.split())
    assert told.startswith("Refused: ")
    assert reason in told
    assert remedy in told.partition("Instead: ")[2]
    record = bench.audit[-1]
    assert (record.event, reason in record.sentence, remedy in record.remedy) == (
        "refused",
        True,
        True,
    )
    assert bench.commands[-1] is command


@pytest.mark.parametrize(
    ("words", "reason", "remedy"),
    [
        ((*CANARY, "v2", "--steps", "50%:1w,5%"), "has no hold", "Write each step as"),
        ((*TEST, "--arm", "v2=60%", "--arm", "v3"), "has no weight", "Write each arm as"),
        (("rollout", "set-weight", MODEL, "a lot"), "'a lot' is no weight", "write 5%"),
        (("rollout", "set-weight", MODEL, "9" * 30), "between 0% and 100%", "set-weight -h"),
        (
            (*TEST, "--arm", "v2=50%", "--criterion", "rating_mean:higher:nan%"),
            "'nan%' is no difference",
            "write 2%",
        ),
    ],
)
def test_what_cannot_be_read_is_told_before_it_is_sent(
    ask: Run, words: tuple[str, ...], reason: str, remedy: str
) -> None:
    result = ask(*words)
    assert result.exit_code == ExitCode.USAGE
    told = " ".join(result.stderr.split())
    assert reason in told
    assert remedy in told
