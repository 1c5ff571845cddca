"""The gates of compatibility: who may get traffic, and which version is gone back to."""

from __future__ import annotations

import shlex
from typing import NoReturn

from msgspec import Struct

from headgate.judge.permits import CompatibilitySettings
from headgate.judge.verdicts import Assessment
from headgate.registry.compatibility import Answer, check
from headgate.registry.fitting import Fit
from headgate.registry.targets import earlier_compatible
from headgate.release import incidents
from headgate.release.refusals import RefusedError
from headgate.release.rollouts import policy_of
from headgate.release.state import ModelState
from headgate.release.taking_back import despite_rollback, take_back
from headgate.release.turn import Turn
from headgate.release.versions import GONE
from headgate.vocabulary import AlertKind, Severity, Status
from headgate.wire.request import FitRequest

_YOUNG = frozenset({Status.DEVELOPMENT, Status.STAGING, Status.CANDIDATE})  # these can start


class Target(Struct, frozen=True, kw_only=True):
    """Where a rollback goes, and `because`: a sentence that says why there.

    `instead` tells that it is not the version that a rollback would usually go to.
    """

    version: str
    because: str
    instead: bool = False

    @property
    def words(self) -> str:
        """What a sentence adds where people did not expect this version."""
        return f" {self.because}" if self.instead else ""


class NoTargetError(RefusedError):
    """Nothing is fit to go back to: the split stays, and on-call is paged."""

    def __init__(self, bad: str, usual: str, why: str, remedy: str) -> None:
        usually = f"{usual} cannot" if usual else "Nothing can"
        super().__init__(
            f"{usually} take all traffic back from {bad}: {why} No earlier version is "
            "known to be compatible: Headgate leaves the split alone.",
            remedy,
        )
        self.versions = (bad, usual) if usual else (bad,)


def check_candidate(state: ModelState, candidate: str) -> None:
    """Raises `RefusedError` for a candidate that does not fit, with the rule and alternatives.

    It is asked whenever a candidate is to get more traffic: what fitted once may not fit any more.
    """
    settings = _settings(state)
    answer = _answer(state, candidate, settings)
    if not _may_serve(state, answer, settings):
        _refuse(answer)


def check_adopted(state: ModelState, version: str) -> None:
    """Raises `RefusedError` for a version that is known not to fit.

    It answers requests already, so what is merely not known is no reason to leave it out.
    """
    answer = _answer(state, version, _settings(state))
    if answer.verdict is Fit.INCOMPATIBLE:
        _refuse(answer)


def check_traffic(before: ModelState, state: ModelState, request: FitRequest) -> str:
    """What is to be said of the versions in traffic that fit until now and fit no more.

    Raises `RefusedError` with the same, unless that is what was asked for.
    """
    unfit = _unfit_in_traffic(state)
    fresh = [sentence for name, sentence in unfit.items() if name not in _unfit_in_traffic(before)]
    if fresh and not request.despite_traffic:
        raise RefusedError(
            f"A version that takes traffic would fit no more: {' '.join(fresh)}",
            "First bring a version into production that fits before and after; or, where it is "
            "so already, ask again with --despite-traffic: what fits no more gets no more traffic",
        )
    return "".join(f" Careful, it takes traffic: {sentence}" for sentence in fresh)


def _unfit_in_traffic(state: ModelState) -> dict[str, str]:
    """A sentence for each version that takes traffic and is known not to fit."""
    settings = _settings(state)
    weights = state.command.weights if state.command else ()
    answers = [_answer(state, arm.version, settings) for arm in weights if arm.weight]
    return {row.name: row.sentence for row in answers if row.verdict is Fit.INCOMPATIBLE}


def _refuse(answer: Answer) -> NoReturn:
    near = ", ".join(str(row) for row in answer.alternatives)
    remedy = (
        f"Nearest that fit: {near}."
        if near
        else "Nothing registered fits that could start in its place."
    )
    if answer.verdict is Fit.UNKNOWN:
        remedy += (
            f" Or register what {answer.name} fits, or allow it in the policy: "
            "compatibility.allow_unknown: true."
        )
    raise RefusedError(answer.sentence, remedy)


def check_stable(state: ModelState, stable: str) -> None:
    """Raises `RefusedError` where a rollout's stable version may not be given more of the traffic:
    what rules it out as a target of a rollback.
    """
    settings = _settings(state)
    why = _against(state, _answer(state, stable, settings), settings, by_hand=True)
    if why:
        raise RefusedError(
            f"{stable} can take no more traffic: {why}",
            f"{take_back(state)} finds an earlier version that fits, or make an embedding live "
            "that it fits",
        )


def choose_target(state: ModelState, bad: str, usual: str, *, by_hand: bool = False) -> Target:
    """The `usual` target if it fits, else the newest compatible earlier version.

    The stable version of a running rollout answers requests already: only what is known to be
    incompatible rules it out. By hand, one may go back to a version that was rolled back from.
    Raises `NoTargetError`.
    """
    settings = _settings(state)
    if not usual:
        raise NoTargetError(bad, usual, "no previous version is known.", _start(state, bad))
    answer = _answer(state, usual, settings)
    why = _against(state, answer, settings, by_hand=by_hand)
    if not why:
        role = "stable version of the rollout" if _is_stable(state, usual) else "previous version"
        return Target(version=usual, because=f"It is the {role}. {_fits(answer)}")
    found = earlier_compatible(
        state.catalogue, state.versions, bad, model=state.model, api_version=settings.api_version
    )
    if found is None:
        raise NoTargetError(bad, usual, why, _way_out(state, bad, usual))
    return Target(
        version=found.name,
        because=f"Not {usual}: {why} {found.name} is the newest earlier version that fits: "
        f"{found.rule}.",
        instead=True,
    )


def _way_out(state: ModelState, bad: str, usual: str) -> str:
    """What a person can do, by what speaks against the usual target."""
    record = state.versions.get(usual)
    if record is not None and record.status in GONE:
        return _start(state, bad)
    if record is not None and record.rolled_back:
        return f"{despite_rollback(state, bad)} goes back to it all the same"
    return (
        f"Register {usual} or an earlier version as compatible, or make an embedding live "
        f"that it fits; then {take_back(state, bad)}"
    )


def _start(state: ModelState, stable: str) -> str:
    model, name = shlex.quote(state.model), shlex.quote(stable)
    return f"headgate rollout start {model} --stable {name} --candidate VERSION --weight 500"


def page(
    turn: Turn,
    state: ModelState,
    trigger: str,
    error: NoTargetError,
    *,
    seen: Assessment | None = None,
    version: str = "",
) -> ModelState:
    """Tell on-call, once for each trigger, that there is no version to go back to."""
    kind = AlertKind.NO_ROLLBACK_TARGET
    if incidents.find(state, kind, trigger, version) is not None:
        return state
    return incidents.open_incident(
        turn,
        state,
        kind=kind,
        trigger=trigger,
        severity=Severity.CRITICAL,
        sentence=f"{seen.sentence if seen else ''} {error.sentence} {error.remedy}.".strip(),
        versions=error.versions,
        numbers=seen.evidence if seen else {},
        version=version,
    )


def _against(
    state: ModelState, answer: Answer, settings: CompatibilitySettings, *, by_hand: bool
) -> str:
    """Why the usual target cannot take all traffic, as a sentence; '' where it can."""
    record = state.versions.get(answer.name)
    if record is not None and record.status in GONE:
        return f"it is {record.status}."
    if record is not None and record.rolled_back and not by_hand:
        return "it was rolled back from before."
    serves = _is_stable(state, answer.name) and answer.verdict is Fit.UNKNOWN
    if serves or _may_serve(state, answer, settings):
        return ""
    return answer.sentence


def _answer(state: ModelState, version: str, settings: CompatibilitySettings) -> Answer:
    rows = state.versions.items()
    unusable = {name for name, row in rows if row.status not in _YOUNG or row.rolled_back}
    return check(
        state.catalogue,
        version,
        model=state.model,
        api_version=settings.api_version,
        unusable=unusable,
    )


def _may_serve(state: ModelState, answer: Answer, settings: CompatibilitySettings) -> bool:
    if answer.verdict is not Fit.UNKNOWN:
        return answer.verdict is Fit.COMPATIBLE
    return settings.allows_unknown(registered=answer.name in state.catalogue.specs)


def _fits(answer: Answer) -> str:
    if answer.verdict is Fit.COMPATIBLE:
        return f"It fits: {answer.rule}."
    return f"Nothing known speaks against it: {answer.rule}."


def _is_stable(state: ModelState, version: str) -> bool:
    return state.rollout is not None and state.rollout.stable == version


def _settings(state: ModelState) -> CompatibilitySettings:
    policy = policy_of(state)
    return policy.compatibility if policy else CompatibilitySettings()
