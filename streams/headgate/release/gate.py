"""The gate before every request: is it signed by somebody who may ask for it, in time, and new?

While no keys are set the gate is open: nobody has to sign. The first keys are let in only with the
signature of the one key whose fingerprint admit's configuration names (it travels in the ledger
entry), and from then on every request needs the signature of a key in the state.
"""

from __future__ import annotations

from msgspec.structs import replace

from headgate.judge.durations import say_duration
from headgate.registry.operators import KeysError, may, needed_role, sound_keys
from headgate.release.refusals import RefusedError
from headgate.release.state import PartitionState
from headgate.release.turn import Turn
from headgate.wire.codec import encode
from headgate.wire.key_requests import ApplyKeys, OperatorKey
from headgate.wire.ledger import AdmittedRequest
from headgate.wire.requests import AnyRequest
from headgate.wire.signatures import KEY_ID_HEADER, REQUEST, SIGNATURE_HEADER, is_signed_by

MAX_LIFETIME_MS = 3_600_000
MAX_REMEMBERED = 2_000
_SIGN = "Name your key file in operator_key_file (HEADGATE_OPERATOR_KEY_FILE): docs/security.md."


def let_in(turn: Turn, state: PartitionState, entry: AdmittedRequest) -> PartitionState:
    """The state that remembers the request's id. Raises `RefusedError`."""
    request = entry.request
    if state.keys:
        turn.key_id = _signed_by(state.keys, entry)
    elif isinstance(request, ApplyKeys):
        turn.key_id = _first_signed_by(entry, request)
    _check_times(turn, request, signed=bool(state.keys))
    return _remember(turn, state, request)


def _signed_by(keys: dict[str, OperatorKey], entry: AdmittedRequest) -> str:
    request = entry.request
    key_id = entry.headers.get(KEY_ID_HEADER, "")
    if SIGNATURE_HEADER not in entry.headers:
        raise RefusedError("The request is not signed, and keys are set.", _SIGN)
    key = keys.get(key_id)
    if key is None:
        said = f"The request is signed with key {key_id[:32]!r}, which is not among the keys set."
        raise RefusedError(said, "headgate keys list")
    _check_signature(entry, key.public_key, key_id)
    if key.operator != request.operator:
        said = f"The request says that {request.operator} asks; its key is {key.operator}'s."
        raise RefusedError(said, f"Ask as {key.operator}, or leave --operator out.")
    if not may(key.role, request):
        kind = type(request).__struct_config__.tag
        said = f"{key.operator} is {key.role}; {kind} needs {needed_role(request)}."
        raise RefusedError(said, f"Ask somebody who has an {needed_role(request)}'s key.")
    return key_id


def _first_signed_by(entry: AdmittedRequest, request: ApplyKeys) -> str:
    if not entry.first_key:
        raise RefusedError(
            "No first key is configured, so nobody may set the first keys.",
            "Name the first key's fingerprint in the workers' first_key: docs/security.md.",
        )
    own = {name: key for name, key in _keys(request).items() if name == entry.first_key}
    if entry.headers.get(KEY_ID_HEADER) != entry.first_key or not own:
        raise RefusedError(
            f"The first keys must be signed with key {entry.first_key}, and hold it.",
            "headgate keys apply FILE, with that key's file in operator_key_file",
        )
    return _signed_by(own, entry)


def _check_signature(entry: AdmittedRequest, public_key: str, key_id: str) -> None:
    signature = entry.headers[SIGNATURE_HEADER]
    if not is_signed_by(public_key, REQUEST, encode(entry.request), signature):
        said = f"The signature by key {key_id} is not of this request: forged, or changed since."
        raise RefusedError(said, "Send it again; if that was you, look for who alters requests.")


def _keys(request: ApplyKeys) -> dict[str, OperatorKey]:
    try:
        return sound_keys(request.keys)
    except KeysError as error:
        raise RefusedError(f"The keys do not hold together: {error}.", "Mend the file.") from error


def _check_times(turn: Turn, request: AnyRequest, *, signed: bool) -> None:
    expires_ms = request.expires_at_ms
    if expires_ms is not None and turn.now_ms > expires_ms:
        late = say_duration(turn.now_ms - expires_ms)
        raise RefusedError(f"The request expired {late} before it arrived.", "Send it again.")
    if signed and (expires_ms is None or expires_ms - turn.now_ms > MAX_LIFETIME_MS):
        said = f"A signed request must expire within {say_duration(MAX_LIFETIME_MS)}."
        raise RefusedError(said, "Set expires_at_ms; is the sender's clock right?")


def _remember(turn: Turn, state: PartitionState, request: AnyRequest) -> PartitionState:
    """Ids are kept until their request has expired, or for an hour, so that none is carried out
    twice that somebody signed.
    """
    if request.request_id in state.requests:
        said = f"Request {request.request_id} was answered before: this is a replay of it."
        raise RefusedError(said, "Send a new request with an id of its own.")
    kept = state.requests
    if len(kept) >= MAX_REMEMBERED:
        kept = _lasting(turn, kept)
    if len(kept) >= MAX_REMEMBERED and state.keys:
        raise RefusedError(f"There were {len(kept)} requests within the hour.", "Wait a while.")
    if len(kept) >= MAX_REMEMBERED:
        oldest = min(kept, key=lambda name: kept[name])
        kept = {name: until for name, until in kept.items() if name != oldest}
    until_ms = turn.now_ms + MAX_LIFETIME_MS
    if request.expires_at_ms is not None:
        until_ms = min(request.expires_at_ms, until_ms)
    return replace(state, requests={**kept, request.request_id: until_ms})


def _lasting(turn: Turn, known: dict[str, int]) -> dict[str, int]:
    """The ids that are still to be remembered: none for longer than a signed request lasts."""
    last_ms = turn.now_ms + MAX_LIFETIME_MS
    return {name: until for name, until in known.items() if turn.now_ms <= until <= last_ms}


def forget_expired(turn: Turn, state: PartitionState) -> PartitionState:
    """Let go of the ids of requests that have expired."""
    kept = _lasting(turn, state.requests)
    return state if len(kept) == len(state.requests) else replace(state, requests=kept)
