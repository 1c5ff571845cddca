"""A policy in words: what each trigger does, how sure its proof is, what it needs to catch."""

from __future__ import annotations

from headgate.cli.course_rules import course_lines
from headgate.cli.phrases import share
from headgate.judge.durations import say_duration
from headgate.judge.policy import Policy, Trigger
from headgate.judge.sequential.combining import evidence_needed, weights_of
from headgate.judge.sequential.forecast import Forecast, Needed
from headgate.judge.sequential.plan import plan_of
from headgate.judge.sequential.samples import Family
from headgate.measure.metrics import METRICS

_GOOD = {
    "required": "; promotion needs it proven good",
    "when_reported": "; promotion needs it proven good where stable reports it",
    "no": "",
}


def policy_lines(policy: Policy) -> list[str]:
    """The whole policy, one readable line a trigger, then what the proofs promise."""
    about = f": {policy.description}" if policy.description else ""
    lines = [f"Policy {policy.name}{about}", ""]
    lines += [f"  {trigger_line(policy, trigger)}" for trigger in policy.triggers]
    return [
        *lines,
        "",
        *course_lines(policy),
        "",
        _production(policy),
        _compatibility(policy),
        "",
        *proof_lines(policy),
    ]


def _production(policy: Policy) -> str:
    rule = policy.production
    if not rule.watch:
        return "While no rollout runs, the version in production is not watched."
    times = "One safety violation acts"
    if rule.violations > 1:
        within = say_duration(rule.within)
        times = f"{rule.violations} safety violations of different requests within {within} act"
    return (
        "While no rollout runs, the version in production is held against the recorded performance "
        f"of the previous one, and a breach goes back to that. {times}; choices are not compared."
    )


_UNREGISTERED = (
    "only where nobody registered the version, and such a one starts only while the version in "
    "production is not registered either"
)


def _compatibility(policy: Policy) -> str:
    allowed = {None: _UNREGISTERED, True: "always", False: "never"}
    spoken = policy.compatibility.api_version
    api = f"; callers speak API {spoken}" if spoken else ""
    unknown = allowed[policy.compatibility.allow_unknown]
    return f"A version of unknown compatibility may serve: {unknown}{api}."


def trigger_line(policy: Policy, trigger: Trigger) -> str:
    """What it watches, its limit, how it is proven, and what happens then."""
    quiet = f"; says nothing beside {', '.join(trigger.quiet_when)}" if trigger.quiet_when else ""
    return (
        f"{trigger.name}: {limit_words(trigger)}; {_proof(policy, trigger)}; {_act(trigger)}"
        f"{_GOOD[trigger.proven_good]}{quiet}."
    )


def limit_words(trigger: Trigger) -> str:
    """`error rate above 5.00% and, beside a live stable, above 1.25 times stable's`."""
    row, limit = METRICS[trigger.metric], trigger.limit
    if limit.above is not None:
        words = f"{row.noun} above {row.say(limit.above)}"
    elif limit.below is not None:
        words = f"{row.noun} below {row.say(limit.below)}"
    elif limit.above_stable_times is not None:
        words = f"{row.noun} above {limit.above_stable_times:g} times stable's"
    else:
        words = f"{row.noun} more than {limit.below_stable_by:g} below stable's"
    beside = trigger.beside_stable
    if beside is None:
        return words
    if beside.above_times is not None:
        return f"{words} and, beside a live stable, above {beside.above_times:g} times stable's"
    return f"{words} and, beside a live stable, more than {beside.below_margin:g} below stable's"


def _proof(policy: Policy, trigger: Trigger) -> str:
    if trigger.proof == "choices":
        return f"counted once routers report {trigger.min_samples} choices and stable is heard"
    if trigger.proof == "threshold":
        row, lasting = METRICS[trigger.metric], "at once"
        if trigger.lasting:
            lasting = f"for {say_duration(trigger.lasting)}"
        least = f"{trigger.min_samples:,} {row.unit_samples}"
        window = say_duration(trigger.window)
        return f"by threshold {lasting}, over {window} with {least} or more"
    evidence = f"proven by evidence of {evidence_needed(policy)[trigger.name]:,.0f} to 1"
    weight = weights_of(policy).get(trigger.name)
    return evidence if weight is None else f"{evidence} ({weight:.0%} of the rollback proof)"


def _act(trigger: Trigger) -> str:
    if not trigger.can_roll_back:
        return f"alerts as {trigger.severity}, rolls nothing back"
    when = f"within {say_duration(trigger.act_within)}" if trigger.act_within else "at once"
    return f"rolls back {when}, routers obey within {say_duration(trigger.recovered_within)}"


def proof_lines(policy: Policy) -> list[str]:
    """The proof settings, as what they promise."""
    proof, faults = policy.proof, policy.caller_faults
    lines = []
    if weights_of(policy):
        lines.append(
            f"A healthy version is rolled back in at most {proof.false_rollback:.2%} of phases by "
            "all sequential triggers together, however often and however long one looks."
        )
    if evidence_needed(policy):
        lines += [
            f"A version on a limit is proven good on it in at most {proof.false_promotion:.2%} of "
            f"phases; a warning is false in at most {proof.false_warning:.2%}, each by itself.",
            f"A phase is planned for {proof.planned_requests:,} candidate requests; beyond them "
            "the evidence stays sound and finds a little later what turns bad late.",
        ]
    if proof.safety_checks and any(t.metric == "safety_violations" for t in policy.triggers):
        lines.append(
            f"Promotion needs {proof.safety_checks:,} checked answers without a violation "
            "where safety is checked at all."
        )
    if faults.match:
        but = f" but {', '.join(faults.except_for)}" if faults.except_for else ""
        own = ", ".join(faults.match)
        lines.append(f"Error types {own}{but} are the caller's own fault and no errors.")
    return lines


def at_words(trigger: Trigger, case: Needed) -> str:
    """The value that is supposed: `10.00%`, `3 x stable's`."""
    row, plan = METRICS[trigger.metric], plan_of(trigger)
    if plan.limit is None and plan.sampled.family in {Family.QUANTILE, Family.MEAN}:
        return f"{case.candidate:.3g} x stable's"
    return row.say(case.candidate)


def needed_words(case: Needed, horizon: int) -> str:
    """Median and 95th percentile: `450 / 900`."""
    if case.median is None:
        return f"not within {horizon:,}"
    tail = f"{case.p95:,}" if case.p95 is not None else f"over {horizon:,}"
    return f"{case.median:,} / {tail}"


def supposed_lines(policy: Policy, found: tuple[Forecast, ...], weight: int) -> list[str]:
    """What the forecast supposes, and what needs none."""
    if not found:
        return _no_proof(policy)
    lines = [
        f"Counts of the candidate's requests (labels for what comes with labels) at {share(weight)}"
        " of the traffic: median / 95th percentile.",
        "Supposed: a healthy stable arm (a rate at half its limit), log-normal latencies and "
        "costs, and outcomes that do not come in bursts; bursts take more.",
    ]
    blind = [row.trigger for row in found if not row.cases]
    if blind:
        lines.append(f"Without a live stable arm these prove nothing: {', '.join(blind)}.")
    return lines + _no_proof(policy)


def _no_proof(policy: Policy) -> list[str]:
    plain = [trigger.name for trigger in policy.triggers if trigger.proof == "threshold"]
    return [f"By threshold, without a proof: {', '.join(plain)}."] if plain else []
